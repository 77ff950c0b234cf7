"""Lowest eigenvectors of the Hessians of all textures in lockstep.

The locally optimal block preconditioned conjugate gradient method, Knyazev, SIAM J. Sci. Comput. 23, 517 (2001): a
block of vectors X becomes the lowest Ritz vectors in the space of X, of the preconditioned residuals W, and of the
directions P in which X moved last. A block finds degenerate eigenvalues as often as they occur. The preconditioner is
that of relaxations (relaxation/preconditioner.py), which serves long and short waves alike. There is none for couplings
that differ from cell to cell, and in cells of hundreds of atoms its matrices cost more than they save.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.engine.path import cost
from magsearch.minima.hessian import Hessian
from magsearch.randomness import Consumer, stream
from magsearch.relaxation.preconditioner import softened

GUARDS = 4  # vectors in addition to those asked for: no lower eigenvalue is missed, and convergence is faster
SOFTNESS = 3e-3  # of the preconditioner
DEAR = 10  # atoms of a cell per bond of a site, above which the preconditioner takes longer than it saves
LARGE = 500  # atoms of a cell, above which its dense matrices take seconds
MEMORY = 2**28  # bytes of all blocks that are improved at a time
SETTLED = 0.1  # vectors with this part of the residual that is allowed are not improved further
REFRESHED = 20  # iterations from one multiplication of the whole block by H to the next, against rounding
DEPENDENT = 0.1  # times the root of a rounding: the smallest eigenvalue of scalar products of independent vectors
SAME = 1e-6  # of |v|^2: what is left of a guess v that is a direction left out
FAR = 1e3  # times the stiffest coupling: in place of eigenvalues in directions that are not there


def portions(evaluator: Evaluator, textures: int, count: int) -> list[slice]:
    """Return parts of a number of textures, of which the ``count`` lowest eigenvectors fit into ``MEMORY``."""
    vectors = 15 * (count + GUARDS)  # three blocks and their images, before and after they are combined, and guesses
    some = max(1, MEMORY // (vectors * 3 * evaluator.sites * evaluator.real.itemsize))
    return [slice(first, first + some) for first in range(0, textures, some)]


def lowest(
    evaluator: Evaluator,
    s: NDArray[np.float64],
    tesla: NDArray[np.float64],
    left_out: NDArray[np.float64],
    guesses: NDArray[np.float64],
    count: int,
    accuracy: tuple[float, float],
    steps: int,
    watch: Callable[[], None],
) -> NDArray[np.float64]:
    """Return vectors that span the ``count`` lowest eigenvectors of textures s, [replica, count, site, 3].

    tesla      [replica, 3]
    left_out   [vector, replica, site, 3] orthonormal eigenvectors, or zeros, that are no results
    guesses    [replica, vector, site, 3] vectors that the lowest ones may resemble; random ones are added
    accuracy   relative and absolute (meV) residual with which an eigenvalue is found
    steps      largest number of iterations

    A texture rests as soon as its eigenvalues are found; what it gets does not depend on the others.
    """
    found, moving = np.zeros((len(s), count, *s.shape[1:])), np.arange(len(s))
    before = np.full((len(s), count + GUARDS), np.inf)
    block = Block(evaluator, s, tesla, left_out, count + GUARDS)
    block.begin(guesses)
    for step in range(steps + 1):
        watch()
        allowed = accuracy[0] * np.abs(block.values) + accuracy[1]
        excess, change = block.residuals() / allowed, np.abs(block.values - before) / allowed
        found_all = (excess[:, :count] <= 1).all(axis=1) & (change <= 1).all(axis=1)  # guards do not fall any more
        ready, before = np.flatnonzero(found_all | (step == steps)), block.values
        if len(ready):
            host = evaluator.device.host(block.vectors[evaluator.device.array(ready, np.int64), :count])
            found[moving[ready]] = host.reshape(len(ready), count, *s.shape[1:])
            left = np.setdiff1d(np.arange(len(moving)), ready)
            if not len(left):
                break
            moving, excess, before = moving[left], excess[left], before[left]
            smaller = Block(evaluator, s[moving], tesla[moving], left_out[:, moving], block.size)
            block = smaller.resuming(block, left)
        block.improve(excess > SETTLED, refresh=step % REFRESHED == REFRESHED - 1)
    return found


class Block:
    """The lowest Ritz vectors of textures so far, and what improves them, on the device.

    vectors      [replica, size, 3 sites] orthonormal, or zero where the texture has fewer
    images       H times these
    directions   in which the vectors moved last
    moved        H times these
    values       [replica, size] meV, lowest first
    """

    def __init__(
        self,
        evaluator: Evaluator,
        s: NDArray[np.float64],
        tesla: NDArray[np.float64],
        left_out: NDArray[np.float64],
        size: int,
    ):
        self.evaluator, self.size, self.xp = evaluator, size, evaluator.device.xp
        self.hessian = Hessian(evaluator, np.repeat(s, size, axis=0), np.repeat(tesla, size, axis=0))
        self.spins = evaluator.batch(s)[:, None]  # [replica, 1, site, 3]
        self.occupied = evaluator.device.array(evaluator.hamiltonian.occupied[:, None], evaluator.real)
        some = left_out[(left_out != 0).any(axis=(1, 2, 3))]
        self.left_out = evaluator.device.array(
            some.swapaxes(0, 1).reshape(len(s), len(some), 3 * evaluator.sites), evaluator.real
        )
        expected = cost(evaluator.hamiltonian, evaluator.device)
        few = evaluator.hamiltonian.lattice.atoms <= min(LARGE, DEAR * expected.direct)
        self.soft = softened(evaluator, SOFTNESS) if few and np.isfinite(expected.fourier) else None
        self.vectors: Any = None
        self.values = np.zeros((len(s), size))

    def begin(self, guesses: NDArray[np.float64]) -> None:
        """Begin with the lowest Ritz vectors of guesses [replica, vector, site, 3], and with random guards.

        Where guesses are eigenvectors already, the guards lead to lower ones that are not among them.
        """
        device, real, shape = self.evaluator.device, self.evaluator.real, (self.size, *guesses.shape[2:])
        count = self.size - GUARDS
        for first in range(0, guesses.shape[1], self.size):
            some = np.zeros((len(guesses), *shape))
            some[:, : guesses.shape[1] - first] = guesses[:, first : first + self.size]
            given = self._tangential(device.array(some, real))
            left, length2 = self._clean(given), (given**2).sum(axis=(2, 3))[..., None]
            vectors = self._clean(left * ((left**2).sum(axis=2, keepdims=True) > SAME * length2))
            images = self._image(vectors)
            if self.vectors is None:
                self._combine([vectors], [images])
            else:
                self._combine([self.vectors, vectors], [self.images, images])
        random = np.zeros(shape)
        for k in range(GUARDS):
            random[count + k] = stream(0, Consumer.MODES, replica=k).normal(size=shape[1:])
        guards = self._tangential(device.array(np.broadcast_to(random, (len(guesses), *shape)), real))
        guards = self._clean(self._preconditioned(guards))
        vectors = self.xp.concatenate([self.vectors[:, :count], guards[:, count:]], axis=1)
        self.vectors = None
        self._combine([vectors], [self._image(vectors)])

    def resuming(self, other: Block, rows: NDArray[np.int64]) -> Block:
        """Return this block with the vectors of ``rows`` [replica] of another one."""
        places = self.evaluator.device.array(rows, np.int64)
        for name in ("vectors", "images", "directions", "moved"):
            setattr(self, name, getattr(other, name)[places])
        self.values = other.values[rows]
        return self

    def residuals(self) -> NDArray[np.float64]:
        """Return |H v - value v| of all vectors, [replica, size] meV."""
        return np.sqrt(self.evaluator.device.host((self._rest() ** 2).sum(axis=2)).astype(np.float64))

    def improve(self, active: NDArray[np.bool_], refresh: bool = False) -> None:
        """Replace the vectors by the lowest Ritz vectors in the space of these, of W and of P.

        active    [replica, size] whether a vector is improved
        refresh   whether vectors and directions are multiplied by H again; their images accumulate rounding errors
        """
        rest = self._rest()
        away = self._clean(self._preconditioned(rest.reshape(*rest.shape[:2], -1, 3)))
        some = self.evaluator.device.array(active[..., None], self.evaluator.real)
        away = some * self._clean(away - self.xp.matmul(self.xp.matmul(away, _turned(self.vectors)), self.vectors))
        if refresh:
            self.images, self.moved = self._image(self.vectors), self._image(self.directions)
        vectors, images = [self.vectors, away], [self.images, self._image(away)]
        overlap = self.xp.matmul(self.directions, _turned(self.vectors))
        directions = self.directions - self.xp.matmul(overlap, self.vectors)
        some = some * ((directions**2).sum(axis=2, keepdims=True) > np.finfo(self.evaluator.real).eps)
        directions, moved = some * directions, some * (self.moved - self.xp.matmul(overlap, self.images))
        self._combine([*vectors, directions], [*images, moved])

    def _combine(self, vectors: list[Any], images: list[Any]) -> None:
        """Take the lowest Ritz vectors in the space of vectors, the first of which are the present ones, if any.

        The directions are what the others contribute to them.
        """
        device, xp = self.evaluator.device, self.xp
        z, image = xp.concatenate(vectors, axis=1), xp.concatenate(images, axis=1)
        square, matrix = (device.host(xp.matmul(z, _turned(x))).astype(np.float64) for x in (z, image))
        far = FAR * max(self.evaluator.stiffness, 1e-300)
        self.values, c = lowest_ritz(
            square, matrix, self.size, DEPENDENT * np.sqrt(np.finfo(self.evaluator.real).eps), far
        )
        weights = c.swapaxes(1, 2)
        late = np.arange(weights.shape[2]) >= (weights.shape[2] if self.vectors is None else self.size)
        both = device.array(np.concatenate([weights, weights * late], axis=1), self.evaluator.real)
        z, image = xp.matmul(both, z), xp.matmul(both, image)
        self.vectors, self.directions = z[:, : self.size], z[:, self.size :]
        self.images, self.moved = image[:, : self.size], image[:, self.size :]

    def _rest(self) -> Any:
        values = self.evaluator.device.array(self.values[..., None], self.evaluator.real)
        return self.images - values * self.vectors

    def _tangential(self, vectors: Any) -> Any:
        """Return vectors [replica, size, site, 3] without their parts along the spins and at vacancies."""
        return (vectors - (vectors * self.spins).sum(axis=3, keepdims=True) * self.spins) * self.occupied

    def _clean(self, vectors: Any) -> Any:
        """Return vectors as rows [replica, size, 3 sites], without ``left_out``."""
        rows = vectors.reshape(*vectors.shape[:2], -1)
        return rows - self.xp.matmul(self.xp.matmul(rows, _turned(self.left_out)), self.left_out)

    def _image(self, rows: Any) -> Any:
        """Return H times rows [replica, size, 3 sites]."""
        vectors = self.evaluator.spins(rows.reshape(-1, self.evaluator.sites, 3))
        out = self.xp.empty_like(vectors)
        self.hessian.product(vectors, out)[0]()
        return self.evaluator.textures(out)[: self.hessian.count].reshape(rows.shape)

    def _preconditioned(self, vectors: Any) -> Any:
        """Return tangential vectors [replica, size, site, 3] made of tangential ones by the preconditioner."""
        if self.soft is None:
            return vectors
        every = self.evaluator.spins(vectors.reshape(-1, self.evaluator.sites, 3))
        out = self.xp.empty_like(every)
        self.evaluator.convolution(every, self.soft, out)()
        return self._tangential(self.evaluator.textures(out)[: self.hessian.count].reshape(vectors.shape))


def _turned(rows: Any) -> Any:
    return rows.swapaxes(1, 2)


def lowest_ritz(
    square: NDArray[np.float64], matrix: NDArray[np.float64], count: int, dependent: float, far: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest Ritz values [..., count] in spaces of vectors, and their coefficients [..., vector, count].

    square      [..., vector, vector] scalar products of the vectors
    matrix      [..., vector, vector] those with their images under a symmetric operator
    dependent   smallest eigenvalue of ``square``, of vectors of length 1, of a direction that is there
    far         in place of the values of directions that are not there; their coefficients are zero
    """
    length = np.sqrt(np.einsum("...ii->...i", square))
    scale = np.where(length > 0, 1 / np.where(length > 0, length, 1), 0)
    both = scale[..., :, None] * scale[..., None, :]
    size, u = np.linalg.eigh(square * both)
    there = size > dependent
    whitened = u * np.where(there, np.where(there, size, 1) ** -0.5, 0)[..., None, :]
    small = whitened.swapaxes(-1, -2) @ (0.5 * (matrix + matrix.swapaxes(-1, -2)) * both) @ whitened
    values, c = np.linalg.eigh(small + far * np.eye(square.shape[-1]) * ~there[..., None])
    coefficients = scale[..., None] * (whitened @ c[..., :count])
    return values[..., :count], np.where((values[..., :count] < 0.5 * far)[..., None, :], coefficients, 0)
