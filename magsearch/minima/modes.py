"""Softest modes of a texture: the lowest eigenvalues of its Hessian, and the displacements that belong to them.

A minimum has no negative eigenvalue, a saddle point at least one. Along a zero mode the energy is constant to second
order. If the Hamiltonian has continuous symmetries, global rotations of all spins are zero modes; they are found first
and kept apart. Other zero modes (translations of a smooth texture, accidental ones) are among the values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.minima.hessian import Hessian, dense, flat
from magsearch.minima.lobpcg import FAR, lowest, lowest_ritz, portions
from magsearch.model.lattice import Lattice
from magsearch.model.reciprocal import wave_numbers

DENSE = 200  # largest number of spins for which the whole matrix is diagonalised
STEPS = 500  # largest number of iterations
INDEPENDENT = 1e-6  # smallest eigenvalue of the scalar products of vectors that are not the same direction
LONGEST = 1.01  # times the smallest wave number: waves that are as long
CLOSE = 0.03  # relative residual at which a value has converged


@dataclass(frozen=True, eq=False)
class Modes:
    """Softest modes of every texture, lowest first.

    values      [replica, mode] meV; nan where there are fewer
    vectors     [replica, mode, site, 3] of length 1, tangential; zero where there are fewer
    residuals   [replica, mode] meV: |H v - value v|; an eigenvalue is at most this far from the value
    rotations   [replica] number of zero modes that are global rotations of all spins; they are not among the values
    """

    values: NDArray[np.float64]
    vectors: NDArray[np.float64]
    residuals: NDArray[np.float64]
    rotations: NDArray[np.int64]


def zero(evaluator: Evaluator) -> float:
    """Return the modulus in meV below which an eigenvalue counts as zero, and to which eigenvalues converge.

    It is 1e-5 of the stiffest coupling in single precision. In double precision it is 1e-7 of it, but at least 1e-7
    meV, the uncertainty due to the residual torque of a tightly converged texture.
    """
    return 1e-5 * evaluator.stiffness if evaluator.real == np.float32 else 1e-7 * max(evaluator.stiffness, 1.0)


def softest(
    evaluator: Evaluator,
    textures: ArrayLike,
    count: int = 4,
    tesla: Any = None,
    watch: Callable[[], None] = lambda: None,
    steps: int = STEPS,
) -> Modes:
    """Return the ``count`` softest modes of textures [replica, site, 3]; ``tesla`` and ``watch`` as for ``relax``.

    Small systems are diagonalised; large ones use up to ``steps`` iterations of lobpcg.py in lockstep.
    """
    s = np.reshape(np.asarray(textures, dtype=np.float64), (-1, evaluator.sites, 3))
    hessian = Hessian(evaluator, s, tesla)
    zero_modes = rotations(hessian, s)
    field = np.broadcast_to(evaluator.hamiltonian.field if tesla is None else tesla, (len(s), 3))
    if evaluator.hamiltonian.n_spins <= DENSE:
        basis = [_dense_eigenvectors(evaluator, s[k], field[k], zero_modes[:, k], count, watch) for k in range(len(s))]
        vectors = np.stack(basis)
    else:
        lattice, accuracy = evaluator.hamiltonian.lattice, (CLOSE, zero(evaluator))
        parts = []
        for p in portions(evaluator, len(s), count):
            guesses = soft_fields(lattice, s[p])
            parts.append(lowest(evaluator, s[p], field[p], zero_modes[:, p], guesses, count, accuracy, steps, watch))
        vectors = np.concatenate(parts)
    values, vectors, residuals = ritz(hessian, vectors, count)
    return Modes(values, vectors, residuals, (zero_modes != 0).any(axis=(2, 3)).sum(axis=0))


def rotations(hessian: Hessian, s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the global rotations that are zero modes of textures s [replica, site, 3].

    They are the linear combinations w of the three generators e x s of a texture with |H w| < zero |w|,
    [3, replica, site, 3], orthonormal, or zero where there are fewer than three.
    """
    n, tolerance = len(s), zero(hessian.evaluator)
    generators = np.stack([np.cross(e, s) for e in np.eye(3)], axis=1).reshape(n, 3, -1)
    size, u = np.linalg.eigh(generators @ generators.swapaxes(1, 2))
    there = size > 1e-6 * hessian.evaluator.hamiltonian.n_spins  # all spins along one axis: no rotation about it
    w = np.where(there, size, 1.0)[..., None] ** -0.5 * there[..., None] * (u.swapaxes(1, 2) @ generators)
    image = np.stack([hessian(w[:, k].reshape(s.shape)).reshape(n, -1) for k in range(3)], axis=1)
    missing = 1e3 * tolerance**2 * np.eye(3) * ~there[:, None]
    square, c = np.linalg.eigh(image @ image.swapaxes(1, 2) + missing)
    w = (square < tolerance**2)[..., None] * (c.swapaxes(1, 2) @ w)
    return w.swapaxes(0, 1).reshape(3, *s.shape)


def soft_fields(lattice: Lattice, s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vectors that soft modes of textures s [replica, site, 3] resemble, [replica, vector, site, 3].

    Where a texture breaks a continuous symmetry, or one that is nearly a symmetry, its soft modes are motions along
    this symmetry with long waves: translations and rotations of all spins, uniform or modulated by the longest waves
    of the box.
    """
    axes = [axis for axis in range(3) if lattice.size[axis] > 2]
    cells = s.reshape(len(s), *lattice.size[::-1], lattice.atoms, 3)
    moved = [np.roll(cells, 1, axis=3 - axis) - np.roll(cells, -1, axis=3 - axis) for axis in axes]
    motions = np.stack([*(m.reshape(s.shape) for m in moved), *(np.cross(e, s) for e in np.eye(3))], axis=1)
    length = wave_numbers(lattice)
    longest = np.flatnonzero((length > 0) & (length < LONGEST * length[length > 0].min(initial=np.inf)))
    angle = 2 * np.pi * (lattice.coordinates / lattice.size) @ lattice.coordinates[longest].T  # [cell, wave], q and -q
    waves = np.concatenate([np.ones((lattice.cells, 1)), np.cos(angle) + np.sin(angle)], axis=1)
    found = np.repeat(waves, lattice.atoms, axis=0).T[:, None, :, None] * motions[:, None]
    return found.reshape(len(s), -1, *s.shape[1:])


def ritz(
    hessian: Hessian, vectors: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest Ritz pairs of the Hessians in the space of ``vectors`` [replica, vector, site, 3].

    The Rayleigh-Ritz method. Values [replica, count] in meV, vectors [replica, count, site, 3], residuals
    [replica, count] in meV; nan, zero and inf where the space has fewer dimensions.
    """
    replicas, given, *shape = vectors.shape
    y, far = vectors.reshape(replicas, given, -1), FAR * max(hessian.evaluator.stiffness, 1e-300)
    image = np.stack([hessian(y[:, k].reshape(replicas, *shape)).reshape(replicas, -1) for k in range(given)], axis=1)
    turned = y.swapaxes(1, 2)
    values, c = lowest_ritz(y @ turned, image @ turned, count, INDEPENDENT, far)
    y, image = (c.swapaxes(1, 2) @ of for of in (y, image))
    residuals = np.linalg.norm(image - values[..., None] * y, axis=2)
    real = values < 0.5 * far
    found = np.full((3, replicas, count), np.nan)
    found[:2, :, : real.shape[1]] = np.where(real, values, np.nan), np.where(real, residuals, np.inf)
    directions = np.zeros((replicas, count, *shape))
    directions[:, : real.shape[1]] = (real[..., None] * y).reshape(replicas, -1, *shape)
    return found[0], directions, np.where(np.isnan(found[1]), np.inf, found[1])


def _dense_eigenvectors(
    evaluator: Evaluator, s: NDArray[np.float64], tesla: Any, zero_modes: NDArray[np.float64], count: int, watch: Any
) -> NDArray[np.float64]:
    """Return the lowest eigenvectors of one texture by diagonalisation, [count, site, 3]."""
    watch()
    H, basis = dense(evaluator, s, tesla)
    w = flat(zero_modes) @ flat(basis).T
    values, c = np.linalg.eigh(H + 1e3 * evaluator.stiffness * w.T @ w)
    kept = min(count, len(values) - int((zero_modes != 0).any(axis=(1, 2)).sum()))
    vectors = np.zeros((count, *s.shape))
    vectors[:kept] = (c[:, :kept].T @ flat(basis)).reshape(kept, *s.shape)
    return vectors
