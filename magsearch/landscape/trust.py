"""One step of eigenvector following in a trust region, of many textures at once.

The energy is to rise along one mode v and to fall along all others. With the sign of v reversed in force and Hessian
this is the minimisation of an image function (Helgaker, Chem. Phys. Lett. 182, 503 (1991)): Newton's equations are
solved by conjugate gradients, which end on the surface of a trust region or where the curvature is negative (Steihaug,
SIAM J. Numer. Anal. 20, 626 (1983)). So soft directions, along which Newton's step would be long, are followed as far
as the region reaches. A step is judged by how well the change of the force was predicted; there is no function that a
saddle point minimises.

Arrays of spins are [block, site, 3, width], as the kernels have them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.landscape.effort import Effort
from magsearch.minima import modes
from magsearch.minima.hessian import Hessian
from magsearch.minima.lobpcg import FAR, lowest_ritz

CONJUGATE = 120  # largest number of products with the Hessian in a step
SEARCH = 40  # largest number of products for the mode
INDEPENDENT = 1e-10  # smallest eigenvalue of scalar products of vectors that are independent
TURN = 0.3  # radians, largest rotation of a spin in a step


@dataclass(frozen=True, eq=False)
class Step:
    """A trial step of every texture.

    spins      [replica, site, 3] where it leads
    mode       [replica, site, 3] of length 1, along which the energy rises
    force      [replica, site, 3] meV, before
    predicted  [replica, site, 3] meV, after, by the Hessian
    moved      [replica, site, 3] radians, the step itself
    bounded    [replica] whether the trust region or ``TURN`` has ended it
    """

    spins: NDArray[np.float64]
    mode: NDArray[np.float64]
    force: NDArray[np.float64]
    predicted: NDArray[np.float64]
    moved: NDArray[np.float64]
    bounded: NDArray[np.bool_]

    def error(self, force: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far the energies gained along the mode and along the rest differ from those predicted, relatively.

        The work of the force is taken by the trapezoidal rule. A force perpendicular to the step, as arises along a
        valley that is curved, does not count. [replica]

        force   [replica, site, 3] where the step has led, meV
        """
        up = _products(self.moved, self.mode)
        missed, change = force - self.predicted, self.predicted - self.force
        missed -= (missed * self.spins).sum(axis=2, keepdims=True) * self.spins

        def split(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            along = up * _products(vectors, self.mode)
            return along, _products(vectors, self.moved) - along

        wrong = sum(np.abs(part) for part in split(missed))
        whole = sum(np.abs(2 * f + c) for f, c in zip(split(self.force), split(change), strict=True))
        return np.asarray(wrong / np.where(whole > 0, whole, 1.0))


def step(
    evaluator: Evaluator,
    s: NDArray[np.float64],
    along: NDArray[np.float64],
    radius: NDArray[np.float64],
    accuracy: NDArray[np.float64],
    watch: Callable[[], None],
    effort: Effort,
) -> Step:
    """Return a step of textures [replica, site, 3].

    along      [replica, site, 3], modes of the previous step, or tangents of paths
    radius     [replica] radians of all spins, of the trust regions
    accuracy   [replica] residual to which Newton's equations are solved, of the force, and that of the mode, of its
               eigenvalue: with a mode that is less accurate, the force along soft modes is reversed in part
    """
    hessian, xp, device = Hessian(evaluator, s), evaluator.device.xp, evaluator.device
    zeeman = evaluator.zeeman(evaluator.hamiltonian.field, hessian.replicas)
    force = evaluator.fields(hessian.spins, zeeman)
    force -= _each(force, hessian.spins) * hessian.spins
    mode, value = softest(hessian, along, accuracy, effort)
    raised = 2 * xp.maximum(-value, 0.0)  # makes the mode positive
    upward = 2 * _dot(xp, force, mode) * mode
    r = force - upward
    x, p = xp.zeros_like(r), r.copy()
    product = xp.empty_like(p)
    multiply, _ = hessian.product(p, product)
    square = _dot(xp, r, r)
    least = square * _wide(hessian, accuracy) ** 2
    limit = _wide(hessian, radius) ** 2
    going, bounded = square > least, square < 0
    pp, px, xx = square.copy(), xp.zeros_like(square), xp.zeros_like(square)  # p . p, x . p, x . x
    for count in range(CONJUGATE):
        if count % 20 == 0:
            watch()
            p -= _each(p, hessian.spins) * hessian.spins
        multiply()
        effort.products += len(s)
        product += raised * _dot(xp, p, mode) * mode
        curvature = _dot(xp, p, product)
        positive = curvature > 1e-14 * evaluator.stiffness * pp
        alpha = square / xp.where(positive, curvature, 1.0)
        beyond = ~positive | (xx + 2 * alpha * px + alpha * alpha * pp >= limit)
        border = (xp.sqrt(px * px + pp * xp.maximum(limit - xx, 0.0)) - px) / xp.maximum(pp, 1e-300)
        alpha = xp.where(going, xp.where(beyond, border, alpha), 0.0)
        x += alpha * p
        r -= alpha * product
        bounded |= going & beyond
        rest = _dot(xp, r, r)
        going = going & ~beyond & (rest > least)
        beta = xp.where(going, rest / xp.where(going, square, 1.0), 0.0)
        p *= beta
        p += xp.where(going, 1.0, 0.0) * r
        xx, px = xx + alpha * (2 * px + alpha * pp), beta * (px + alpha * pp)
        pp, square = rest + beta * beta * pp, rest
        if not bool(device.host(going.any())):
            break
    change = r + upward + raised * _dot(xp, x, mode) * mode - force
    x -= _each(x, hessian.spins) * hessian.spins
    angle = xp.sqrt(_each(x, x))
    largest = angle.max(axis=1, keepdims=True)
    fit = xp.minimum(1.0, TURN / xp.maximum(largest, 1e-300))
    angle, x, change = angle * fit, x * fit, change * fit
    moved = xp.cos(angle) * hessian.spins + xp.sin(angle) / xp.maximum(angle, 1e-300) * x
    norm = xp.sqrt(_each(moved, moved))
    moved /= xp.where(norm > 0, norm, 1.0)

    def host(values: Any) -> NDArray[np.float64]:
        return np.asarray(device.host(evaluator.textures(values))[: len(s)])

    return Step(
        host(moved), host(mode), host(force), host(force + change),
        host(x), columns(hessian, bounded | (fit < 1)),
    )  # fmt: skip


def softest(
    hessian: Hessian, along: NDArray[np.float64], accuracy: NDArray[np.float64], effort: Effort
) -> tuple[Any, Any]:
    """Return the softest modes [block, site, 3, width] near ``along`` [replica, site, 3], and their eigenvalues in meV.

    Locally optimal conjugate gradients (Knyazev, SIAM J. Sci. Comput. 23, 517 (2001)): the Rayleigh quotient is
    minimised in the space of mode, residual and last change, until the residual is ``accuracy`` [replica] of the
    eigenvalue. The eigenvalues broadcast over spins. Small systems are diagonalised.
    """
    evaluator, xp, device = hessian.evaluator, hessian.evaluator.device.xp, hessian.evaluator.device
    if evaluator.hamiltonian.n_spins <= modes.DENSE:
        textures = device.host(evaluator.textures(hessian.spins))[: hessian.count]
        soft = modes.softest(evaluator, textures, 1)
        return hessian.tangents(soft.vectors[:, 0]), _wide(hessian, soft.values[:, 0])
    x = hessian.tangents(along)
    x /= xp.sqrt(_dot(xp, x, x))
    image, change = xp.empty_like(x), xp.zeros_like(x)
    hessian.product(x, image)[0]()
    changed, r, curved = xp.zeros_like(x), xp.empty_like(x), xp.empty_like(x)
    multiply, _ = hessian.product(r, curved)
    tiny, value, accuracy = modes.zero(evaluator), _dot(xp, x, image), _wide(hessian, accuracy)
    for _ in range(SEARCH):
        effort.products += hessian.count
        r[...] = image - value * x
        length = xp.sqrt(_dot(xp, r, r))
        if not bool(device.host((length > accuracy * xp.abs(value) + tiny).any())):
            break
        r /= xp.maximum(length, 1e-300)
        multiply()
        gram, matrix = np.empty((2, hessian.replicas, 3, 3))
        space = ((x, image), (r, curved), (change, changed))
        for i, (vector, _) in enumerate(space):
            for j, (other, product) in enumerate(space[i:], i):
                gram[:, i, j] = gram[:, j, i] = device.host(_dot(xp, vector, other)).ravel()
                matrix[:, i, j] = matrix[:, j, i] = device.host(_dot(xp, vector, product)).ravel()
        _, weights = lowest_ritz(gram, matrix, 1, INDEPENDENT, FAR * evaluator.stiffness)
        weights = weights[..., 0] * np.where(weights[:, :1, 0] < 0, -1.0, 1.0)  # the mode keeps its sign
        a, b, c = (device.array(w.reshape(-1, 1, 1, device.width), np.float64) for w in weights.T)
        change, changed = b * r + c * change, b * curved + c * changed
        x, image = a * x + change, a * image + changed
        norm = xp.sqrt(_dot(xp, x, x))
        x, image = x / norm, image / norm
        longest = xp.maximum(xp.sqrt(_dot(xp, change, change)), 1e-300)
        change, changed = change / longest, changed / longest
        value = _dot(xp, x, image)
    x -= _each(x, hessian.spins) * hessian.spins
    return x / xp.sqrt(_dot(xp, x, x)), value


def _dot(xp: Any, a: Any, b: Any) -> Any:
    """Return the scalar products of columns so that they broadcast over spins."""
    return xp.einsum("bscw,bscw->bw", a, b)[:, None, None, :]


def _each(a: Any, b: Any) -> Any:
    """Return the scalar products of single spins so that they broadcast over components."""
    return (a * b).sum(axis=2, keepdims=True)


def _products(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scalar product of every replica, [replica]."""
    return np.asarray((one * other).sum(axis=(1, 2)))


def _wide(hessian: Hessian, values: NDArray[Any]) -> Any:
    """Return numbers of replicas so that they broadcast over spins; padding has those of the first."""
    every = np.append(values, np.full(hessian.replicas - len(values), values[0]))
    return hessian.evaluator.device.array(every.reshape(-1, 1, 1, hessian.evaluator.device.width), np.float64)


def columns(hessian: Hessian, values: Any) -> NDArray[Any]:
    """Return numbers that broadcast over spins as those of replicas."""
    return np.asarray(hessian.evaluator.device.host(values)).reshape(-1)[: hessian.count]
