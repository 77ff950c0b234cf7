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
from magsearch.minima.lanczos import Lanczos
from magsearch.randomness import Consumer, stream

DENSE = 200  # largest number of spins for which the whole matrix is diagonalised
STARTS = 2  # independent iterations for each texture, which give different vectors of a degenerate eigenvalue
STEPS = 1000  # largest number of steps of an iteration
CLOSE = 0.1  # relative error at which a value has converged


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

    Small systems are diagonalised; large ones use Lanczos iterations of up to ``steps`` in lockstep, which may miss the
    third mode of a degenerate eigenvalue.
    """
    s = np.reshape(np.asarray(textures, dtype=np.float64), (-1, evaluator.sites, 3))
    hessian = Hessian(evaluator, s, tesla)
    zero_modes = rotations(hessian, s)
    if evaluator.hamiltonian.n_spins <= DENSE:
        field = np.broadcast_to(evaluator.hamiltonian.field if tesla is None else tesla, (len(s), 3))
        basis = [_dense_eigenvectors(evaluator, s[k], field[k], zero_modes[:, k], count, watch) for k in range(len(s))]
        vectors = np.stack(basis)
    else:
        vectors = _lanczos_eigenvectors(evaluator, s, tesla, zero_modes, count, watch, steps)
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


def ritz(
    hessian: Hessian, vectors: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest Ritz pairs of the Hessians in the space of ``vectors`` [replica, vector, site, 3].

    The Rayleigh-Ritz method. Values [replica, count] in meV, vectors [replica, count, site, 3], residuals
    [replica, count] in meV; nan, zero and inf where the space has fewer dimensions.
    """
    replicas, given, *shape = vectors.shape
    y = vectors.reshape(replicas, given, -1)
    length = np.linalg.norm(y, axis=2, keepdims=True)
    y = y / np.where(length > 0, length, 1)
    size, u = np.linalg.eigh(y @ y.swapaxes(1, 2))
    there = size > 1e-6 * size.max(axis=1, keepdims=True)  # vectors found by both iterations count once
    y = np.where(there, size, 1.0)[..., None] ** -0.5 * there[..., None] * (u.swapaxes(1, 2) @ y)
    image = np.stack([hessian(y[:, k].reshape(replicas, *shape)).reshape(replicas, -1) for k in range(given)], axis=1)
    far = 1e3 * hessian.evaluator.stiffness
    matrix = image @ y.swapaxes(1, 2)
    values, c = np.linalg.eigh(0.5 * (matrix + matrix.swapaxes(1, 2)) + far * np.eye(given) * ~there[:, None])
    values, c = values[:, :count], c[..., :count].swapaxes(1, 2)
    y, image = c @ y, c @ image
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


def _lanczos_eigenvectors(
    evaluator: Evaluator,
    s: NDArray[np.float64],
    tesla: Any,
    zero_modes: NDArray[np.float64],
    count: int,
    watch: Callable[[], None],
    steps: int,
) -> NDArray[np.float64]:
    """Return vectors that span the lowest eigenvectors, [replica, STARTS * count, site, 3], by Lanczos iterations."""
    n = len(s)
    field = tesla if tesla is None else np.tile(np.broadcast_to(tesla, (n, 3)), (STARTS, 1))
    hessian = Hessian(evaluator, np.tile(s, (STARTS, 1, 1)), field)
    start = [stream(0, Consumer.MODES, replica=k).normal(size=s.shape[1:]) for k in range(STARTS)]
    first, left_out = np.repeat(start, n, axis=0), np.tile(zero_modes, (1, STARTS, 1, 1))
    left_out = left_out[(left_out != 0).any(axis=(1, 2, 3))]
    recursion, close = Lanczos(hessian, first, steps, left_out), zero(evaluator)
    weights, settled = np.zeros((steps, count, STARTS * n)), np.zeros(STARTS * n, dtype=bool)
    recursion.run(50, watch)
    found = recursion.ritz(count, CLOSE, close)
    while recursion.done < steps and not settled.all():
        before = found.values
        recursion.run(recursion.done // 3, watch)
        found = recursion.ritz(count, CLOSE, close)
        near = (np.abs(found.values - before) <= CLOSE * np.abs(before) + close).all(axis=0)
        # a texture keeps the vectors of the step at which all of its iterations settled, whatever the others need
        newly = np.tile(near.reshape(STARTS, n).all(axis=0), STARTS) & ~settled
        weights[: recursion.done, :, newly] = found.weights[..., newly]
        settled |= newly
    if not settled.all():
        found = recursion.ritz(count, np.inf, np.inf)
        weights[: recursion.done, :, ~settled] = found.weights[..., ~settled]
    again = Lanczos(hessian, first, recursion.done, left_out, weights[: recursion.done])
    again.run(recursion.done, watch)
    vectors = again.gathered().reshape(count, STARTS, n, *s.shape[1:])
    return vectors.transpose(2, 1, 0, 3, 4).reshape(n, STARTS * count, *s.shape[1:])
