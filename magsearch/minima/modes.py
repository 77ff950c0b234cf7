"""The softest modes of a texture: the lowest eigenvalues of its Hessian, and the displacements that belong to them.

All below zero: a minimum has none, a saddle at least one. Zero: the energy does not say where the texture is along such
a mode. Where the Hamiltonian has continuous symmetries, global rotations of all spins are zero modes; they are found
first and kept apart. Others (translations of a smooth texture, accidental ones) are among the values.
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

DENSE = 200  # spins up to which the whole matrix is diagonalised
STARTS = 2  # independent recursions for each texture: what is degenerate appears in both, in different directions
STEPS = 1000  # of a recursion, at the most
CLOSE = 0.1  # relative error of a value that will do


@dataclass(frozen=True, eq=False)
class Modes:
    """The softest modes of every texture, lowest first.

    values      [replica, mode] meV; nan where there are fewer
    vectors     [replica, mode, site, 3] of length 1, tangential; zero where there are fewer
    residuals   [replica, mode] meV: |H v - value v|; an eigenvalue is as close as that
    rotations   [replica] zero modes that are global rotations of all spins; they are not among the values
    """

    values: NDArray[np.float64]
    vectors: NDArray[np.float64]
    residuals: NDArray[np.float64]
    rotations: NDArray[np.int64]


def zero(evaluator: Evaluator) -> float:
    """meV: eigenvalues closer to 0 count as 0, and are found as closely as that.

    1e-5 of the stiffest coupling in single precision. In double, 1e-7 of it, and no less than the torque of a polished
    texture leaves uncertain.
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
    """The ``count`` softest modes of textures [replica, site, 3]; ``tesla`` and ``watch`` as for ``relax``.

    The whole matrix for small systems; Lanczos's recursion of up to ``steps`` in lockstep for large ones, which may
    miss a third mode of the same value.
    """
    s = np.reshape(np.asarray(textures, dtype=np.float64), (-1, evaluator.sites, 3))
    hessian = Hessian(evaluator, s, tesla)
    turned = rotations(hessian, s)
    if evaluator.hamiltonian.n_spins <= DENSE:
        field = np.broadcast_to(evaluator.hamiltonian.field if tesla is None else tesla, (len(s), 3))
        basis = [_whole(evaluator, s[k], field[k], turned[:, k], count, watch) for k in range(len(s))]
        vectors = np.stack(basis)
    else:
        vectors = _recursion(evaluator, s, tesla, turned, count, watch, steps)
    values, vectors, residuals = ritz(hessian, vectors, count)
    return Modes(values, vectors, residuals, (turned != 0).any(axis=(2, 3)).sum(axis=0))


def rotations(hessian: Hessian, s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Global rotations that leave the energy as it is to second order, [3, replica, site, 3]: orthonormal, or zero.

    Of the three generators e x s of a texture those combinations w with |H w| < zero |w|.
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
    """The lowest eigenvalues of the Hessians in the space of ``vectors`` [replica, vector, site, 3]: Rayleigh & Ritz.

    Values [replica, count], vectors [replica, count, site, 3], residuals [replica, count]; nan, zero and inf where the
    space has fewer dimensions.
    """
    replicas, given, *shape = vectors.shape
    y = vectors.reshape(replicas, given, -1)
    length = np.linalg.norm(y, axis=2, keepdims=True)
    y = y / np.where(length > 0, length, 1)
    size, u = np.linalg.eigh(y @ y.swapaxes(1, 2))
    there = size > 1e-6 * size.max(axis=1, keepdims=True)  # what two recursions have both found counts once
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


def _whole(
    evaluator: Evaluator, s: NDArray[np.float64], tesla: Any, turned: NDArray[np.float64], count: int, watch: Any
) -> NDArray[np.float64]:
    """The lowest eigenvectors of one texture by diagonalisation, [count, site, 3]."""
    watch()
    H, basis = dense(evaluator, s, tesla)
    w = flat(turned) @ flat(basis).T
    values, c = np.linalg.eigh(H + 1e3 * evaluator.stiffness * w.T @ w)
    kept = min(count, len(values) - int((turned != 0).any(axis=(1, 2)).sum()))
    vectors = np.zeros((count, *s.shape))
    vectors[:kept] = (c[:, :kept].T @ flat(basis)).reshape(kept, *s.shape)
    return vectors


def _recursion(
    evaluator: Evaluator,
    s: NDArray[np.float64],
    tesla: Any,
    turned: NDArray[np.float64],
    count: int,
    watch: Callable[[], None],
    steps: int,
) -> NDArray[np.float64]:
    """What spans the lowest eigenvectors, [replica, STARTS * count, site, 3]: recursions from several starts."""
    n = len(s)
    field = tesla if tesla is None else np.tile(np.broadcast_to(tesla, (n, 3)), (STARTS, 1))
    hessian = Hessian(evaluator, np.tile(s, (STARTS, 1, 1)), field)
    start = [stream(0, Consumer.MODES, replica=k).normal(size=s.shape[1:]) for k in range(STARTS)]
    first, left_out = np.repeat(start, n, axis=0), np.tile(turned, (1, STARTS, 1, 1))
    left_out = left_out[(left_out != 0).any(axis=(1, 2, 3))]
    recursion, close = Lanczos(hessian, first, steps, left_out), zero(evaluator)
    recursion.run(50, watch)
    found = recursion.ritz(count, CLOSE, close)
    while recursion.done < steps:
        before = found.values
        recursion.run(recursion.done // 3, watch)
        found = recursion.ritz(count, CLOSE, close)
        if (np.abs(found.values - before) <= CLOSE * np.abs(before) + close).all():
            break
    else:
        found = recursion.ritz(count, np.inf, np.inf)  # as far as it has come
    again = Lanczos(hessian, first, recursion.done, left_out, found.weights)
    again.run(recursion.done, watch)
    vectors = again.gathered().reshape(count, STARTS, n, *s.shape[1:])
    return vectors.transpose(2, 1, 0, 3, 4).reshape(n, STARTS * count, *s.shape[1:])
