"""Determinants of Hessians without their zero modes: exact, with their inertia, for small systems, else estimated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.limits import memory
from magsearch.minima import modes
from magsearch.minima.hessian import Hessian, flat, matrix
from magsearch.minima.lanczos import Lanczos
from magsearch.model.sphere import frames
from magsearch.randomness import Consumer, stream

EXACT = 4096  # largest number of spins whose Hessian is factorised
COPIES = 6  # matrices that a factorisation holds at a time
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
    evaluator: Evaluator, texture: NDArray[np.float64], zero_modes: NDArray[np.float64], watch: Callable[[], None]
) -> Determinant:
    """Return the determinant by the factorisation of Bunch and Kaufman, which has the inertia of the matrix.

    The matrix is bordered by the zero modes [mode, site, 3], orthonormal: the determinant of [[H, U], [U^T, 0]] is that
    of H on the complement of U up to its sign, and has as many negative eigenvalues more as U has columns.
    """
    from scipy.linalg import lapack

    H = matrix(evaluator, texture, watch=watch)
    size, count = len(H), len(zero_modes)
    if count:
        where = np.flatnonzero(evaluator.hamiltonian.occupied)
        U = (zero_modes[:, where, None] * frames(texture)[where]).sum(axis=3).reshape(count, size)
        border = evaluator.stiffness
        H = np.block([[H, border * U.T], [border * U, np.zeros((count, count))]])
    watch()
    work, _ = lapack.dsytrf_lwork(len(H), lower=1)
    factor, pivots, failed = lapack.dsytrf(H, lower=1, lwork=int(work), overwrite_a=1)
    if failed > 0:
        raise ValueError("a zero mode of the Hessian has not been recognised")
    diagonal, below = np.diagonal(factor), np.append(np.diagonal(factor, -1), 0.0)
    log, negative, k = 0.0, 0, 0
    while k < len(H):
        if pivots[k] > 0:
            log += np.log(abs(diagonal[k]))
            negative += diagonal[k] < 0
            k += 1
        else:
            block = diagonal[k] * diagonal[k + 1] - below[k] ** 2
            log += np.log(abs(block))
            negative += 1 if block < 0 else 2 * (diagonal[k] < 0)
            k += 2
    log -= 2 * count * np.log(evaluator.stiffness)
    return Determinant(float(log), int(negative) - count, size - count, True)


def estimated(
    evaluator: Evaluator,
    textures: NDArray[np.float64],
    zero_modes: list[NDArray[np.float64]],
    watch: Callable[[], None],
    seed: int = 0,
) -> tuple[list[Determinant], NDArray[np.float64]]:
    """Return determinants by stochastic Lanczos quadrature, and ln |det| by probe, [probe, replica].

    Ubaru, Chen & Saad, SIAM J. Matrix Anal. Appl. 38, 1075 (2017). The softest modes are computed by themselves. All
    textures share the random vectors, so that the noise cancels in differences of similar textures.

    zero_modes   of each texture, [mode, site, 3], orthonormal
    """
    count, spins = len(textures), evaluator.hamiltonian.n_spins
    soft = modes.softest(evaluator, textures, SOFTEST, watch=watch)
    tiny = modes.zero(evaluator)
    most = max(len(zero) for zero in zero_modes)
    left_out = np.zeros((most + SOFTEST, *textures.shape))
    known = np.zeros((count, SOFTEST), dtype=bool)
    for k, zero in enumerate(zero_modes):
        left_out[: len(zero), k] = zero
        for number in range(SOFTEST):
            v = soft.vectors[k, number]
            inside = (flat(zero) @ v.ravel() if len(zero) else np.zeros(0)) ** 2
            resolved = soft.residuals[k, number] <= modes.CLOSE * abs(soft.values[k, number]) + tiny
            known[k, number] = resolved and inside.sum() < 0.5
            if known[k, number]:
                v = v - (flat(zero).T @ (flat(zero) @ v.ravel())).reshape(v.shape) if len(zero) else v
                left_out[most + number, k] = v / np.linalg.norm(v)
    dimension = np.array([2 * spins - len(zero) for zero in zero_modes])
    counted = dimension - known.sum(axis=1)
    apart = np.where(known, np.log(np.maximum(np.abs(np.nan_to_num(soft.values)), tiny)), 0.0).sum(axis=1)
    hessian, logs = Hessian(evaluator, textures), []
    for probe in range(PROBES):
        start = stream(seed, Consumer.PATHS, replica=1 + probe).normal(size=textures.shape[1:])
        recursion = Lanczos(hessian, start, STEPS, left_out)
        recursion.run(STEPS, watch)
        logs.append(apart + counted * recursion.average(lambda h: np.log(np.maximum(np.abs(h), tiny))))
    probes = np.array(logs)
    negative = (np.where(known, soft.values, 0.0) < -tiny).sum(axis=1)
    found = [
        Determinant(float(probes[:, k].mean()), int(negative[k]), int(dimension[k]), False) for k in range(count)
    ]
    return found, probes
