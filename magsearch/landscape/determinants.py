"""Determinants of Hessians without their zero modes: exact, with their inertia, for small systems, else estimated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.limits import memory
from magsearch.minima import modes
from magsearch.minima.hessian import Hessian, matrix
from magsearch.minima.lanczos import Lanczos
from magsearch.model.sphere import frames
from magsearch.randomness import Consumer, stream

EXACT = 4096  # largest number of spins whose Hessian is factorised
COPIES = 4  # matrices that a factorisation holds at a time
PROBES, STEPS, SOFTEST = 16, 80, 4  # of the stochastic estimate


@dataclass(frozen=True)
class Determinant:
    """The determinant of a Hessian on the complement of its zero modes.

    log        ln |det|, eigenvalues in meV
    negative   number of negative eigenvalues; exact where the matrix is factorised
    dimension  number of eigenvalues
    exact      whether the matrix has been factorised
    """

    log: float
    negative: int
    dimension: int
    exact: bool


def is_exact(evaluator: Evaluator) -> bool:
    """Return whether Hessians are factorised: small systems whose matrices fit into the memory of this process."""
    spins = evaluator.hamiltonian.n_spins
    return spins <= EXACT and COPIES * 8 * (2 * spins) ** 2 < memory()


def exact(
    evaluator: Evaluator,
    texture: NDArray[np.float64],
    zero_modes: NDArray[np.float64],
    falling: NDArray[np.float64] | None,
    watch: Callable[[], None],
) -> Determinant:
    """Return the determinant by Cholesky's factorisation, which proves the number of negative eigenvalues.

    The matrix is H' = H + c (U U^T + e e^T), positive definite if nothing else is soft, with the zero modes U and the
    negative mode e. With W = (U, sqrt(c) e), K = diag(0, 1) - W^T H'^-1 W has the determinant of H on the complement of
    U, over that of H', up to its sign; and as many negative eigenvalues as H there and U has columns, together: both
    are Schur complements of one bordered matrix (Haynsworth, Linear Algebra Appl. 1, 73 (1968)).

    zero_modes   [mode, site, 3] orthonormal
    falling      [site, 3] of length 1, the negative mode; None at a minimum

    Raises ValueError where other modes are not positive.
    """
    from scipy.linalg import lapack

    H, where = matrix(evaluator, texture, watch=watch), np.flatnonzero(evaluator.hamiltonian.occupied)
    watch()
    size, count, c = len(H), len(zero_modes), 4 * evaluator.stiffness
    soft = [*zero_modes, *([falling] if falling is not None else [])]
    W = np.zeros((size, len(soft)))
    for k, mode in enumerate(soft):
        W[:, k] = (mode[where, None] * frames(texture)[where]).sum(axis=2).ravel()
        H += c * np.outer(W[:, k], W[:, k])
    factor, failed = lapack.dpotrf(H, lower=0, overwrite_a=1, clean=0)
    if failed:
        raise ValueError("the texture has more negative modes than one, or zero modes that are not recognised")
    log, negative = 2 * float(np.log(np.diagonal(factor)).sum()), 0
    if soft:
        W[:, count:] *= c**0.5
        K = -W.T @ lapack.dpotrs(factor, W, lower=0)[0]
        K[count:, count:] += np.eye(len(soft) - count)
        values = np.linalg.eigvalsh(K)
        log += float(np.log(np.abs(values)).sum())
        negative = int((values < 0).sum()) - count
    return Determinant(log, negative, size - count, True)


def estimated(
    evaluator: Evaluator, texture: NDArray[np.float64], zero_modes: NDArray[np.float64], watch: Callable[[], None]
) -> tuple[Determinant, NDArray[np.float64]]:
    """Return the determinant by stochastic Lanczos quadrature, and ln |det| by each probe, [probe].

    Ubaru, Chen & Saad, SIAM J. Matrix Anal. Appl. 38, 1075 (2017). The softest modes are computed by themselves. All
    textures share the random vectors, so that the noise cancels in differences of similar textures.

    zero_modes   [mode, site, 3] orthonormal
    """
    textures, tiny = texture[None], modes.zero(evaluator)
    soft = modes.softest(evaluator, textures, SOFTEST, watch=watch)
    resolved = soft.residuals[0] <= modes.CLOSE * np.abs(soft.values[0]) + tiny
    apart, values = list(zero_modes), []
    for value, vector in zip(soft.values[0][resolved], soft.vectors[0][resolved], strict=True):
        left = vector - sum((float((zero * vector).sum()) * zero for zero in zero_modes), np.zeros_like(vector))
        if (left**2).sum() > 0.5:
            apart.append(left / np.linalg.norm(left))
            values.append(float(value))
    dimension = 2 * evaluator.hamiltonian.n_spins - len(zero_modes)
    known = float(np.log(np.maximum(np.abs(values), tiny)).sum())
    hessian, logs = Hessian(evaluator, textures), []
    left_out = np.array(apart)[:, None] if apart else None
    for probe in range(PROBES):
        start = stream(0, Consumer.PATHS, replica=1 + probe).normal(size=texture.shape)
        recursion = Lanczos(hessian, start, STEPS, left_out)
        recursion.run(STEPS, watch)
        average = recursion.average(lambda h: np.log(np.maximum(np.abs(h), tiny)))[0]
        logs.append(known + (dimension - len(values)) * average)
    negative = int((np.array(values) < -tiny).sum())
    return Determinant(float(np.mean(logs)), negative, dimension, False), np.array(logs)


def determinant(
    evaluator: Evaluator,
    texture: NDArray[np.float64],
    zero_modes: NDArray[np.float64],
    falling: NDArray[np.float64] | None,
    watch: Callable[[], None],
) -> tuple[Determinant, NDArray[np.float64]]:
    """Return the determinant of a stationary texture, and estimates of ln |det| [probe] if it is not exact.

    Arguments as for ``exact``. Raises ValueError where modes are not positive that should be.
    """
    if is_exact(evaluator):
        return exact(evaluator, texture, zero_modes, falling, watch), np.zeros(0)
    return estimated(evaluator, texture, zero_modes, watch)
