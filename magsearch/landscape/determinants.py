"""Determinants of Hessians without their zero modes, by factorisation: with their inertia and their rounding error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.limits import memory
from magsearch.minima.hessian import Hessian, matrix
from magsearch.minima.sparsity import Sparsity
from magsearch.model.sphere import frames
from magsearch.randomness import Consumer, stream

COPIES = 3  # dense matrices that a factorisation holds at a time
SPARSE = 0.1  # share of elements that are not zero, up to which a matrix is factorised as a sparse one
PROBES = 16  # random vectors that measure the rounding error
UNCERTAIN = 1e-2  # error of ln |det| above which the factorisation has failed


@dataclass(frozen=True)
class Determinant:
    """The determinant of a Hessian on the complement of its zero modes.

    log        ln |det|, eigenvalues in meV
    negative   number of negative eigenvalues
    dimension  number of eigenvalues
    error      of ln |det|, by rounding in the factorisation
    """

    log: float
    negative: int
    dimension: int
    error: float


@dataclass(frozen=True, eq=False)
class Factors:
    """A symmetric matrix H', factorised without exchanging rows.

    log, negative   ln |det H'| and the number of negative eigenvalues
    solve           returns the solutions of H' X = B, [row, vector]
    """

    log: float
    negative: int
    solve: Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Determinants:
    """Determinants of the Hessians of one Hamiltonian's textures.

    evaluator   in double precision
    watch       called repeatedly; an exception that it raises ends a computation
    """

    evaluator: Evaluator
    watch: Callable[[], None] = lambda: None

    @cached_property
    def sparsity(self) -> Sparsity | None:
        """Elements that are not zero, where they are few; None: dense."""
        found = Sparsity.of(self.evaluator.hamiltonian)
        return found if found is not None and found.share <= SPARSE else None

    def of(self, texture: NDArray[np.float64], zero_modes: NDArray[np.float64]) -> Determinant:
        """Return the determinant of a stationary texture [site, 3].

        H' = H + c R R^T is not singular, where c is of the order of the largest eigenvalue and the columns of R are
        unit vectors, one for each zero mode U. With W = (U, sqrt(c) R), K = diag(0, 1) - W^T H'^-1 W has the
        determinant of H on the complement of U, over that of H', up to its sign; H' and K together have as many
        negative eigenvalues as H there and U has columns: both are Schur complements of one bordered matrix
        (Haynsworth, Linear Algebra Appl. 1, 73 (1968)).

        If the factors are those of H' + D, the error of ln |det| is tr(H'^-1 D) to first order. It is the mean of
        z . (z - H' x) over vectors z of random signs, where x solves the factorised equations. Their root mean square,
        which is larger, is returned.

        zero_modes   [mode, site, 3] orthonormal

        Raises ValueError where the Hessian cannot be factorised.
        """
        evaluator, count = self.evaluator, len(zero_modes)
        spins = np.flatnonzero(evaluator.hamiltonian.occupied)
        axes, size, c = frames(texture)[spins], 2 * len(spins), 4 * evaluator.stiffness
        U = (zero_modes[:, spins, None] * axes).sum(axis=3).reshape(count, size).T
        raised = _places(U)
        factors = self._factors(texture, raised, c)
        log, negative = factors.log, factors.negative
        if count:
            W = np.zeros((size, 2 * count))
            W[:, :count] = U
            W[raised, count + np.arange(count)] = c**0.5
            K = np.diag(np.repeat([0.0, 1.0], count)) - W.T @ factors.solve(W)
            values = np.linalg.eigvalsh(0.5 * (K + K.T))
            log += float(np.log(np.abs(values)).sum())
            negative += int((values < 0).sum()) - count
        z = np.where(stream(0, Consumer.PATHS, replica=1).random((size, PROBES)) < 0.5, -1.0, 1.0)
        x = factors.solve(z)
        vectors = np.zeros((PROBES, *texture.shape))
        vectors[:, spins] = (x.T.reshape(PROBES, -1, 2, 1) * axes).sum(axis=2)
        image = Hessian(evaluator, np.broadcast_to(texture, vectors.shape))(vectors)[:, spins, None]
        image = (image * axes).sum(axis=3).reshape(PROBES, size).T
        image[raised] += c * x[raised]
        error = float(np.sqrt(((z * (z - image)).sum(axis=0) ** 2).mean()))
        if not error <= UNCERTAIN:
            raise ValueError(f"the Hessian is almost singular: ln(det) is uncertain by {error:.1g}")
        return Determinant(log, negative, size - count, error)

    def _factors(self, texture: NDArray[np.float64], raised: NDArray[np.int64], c: float) -> Factors:
        """Return the factors of the Hessian, with c added to the diagonal at ``raised``."""
        if self.sparsity is not None:
            H = self.sparsity.matrix(self.evaluator, texture, self.watch)
            H.setdiag(H.diagonal() + c * np.bincount(raised, minlength=H.shape[0]))
            self.watch()
            return _sparse(H)
        spins = self.evaluator.hamiltonian.n_spins
        needed = COPIES * 8 * (2 * spins) ** 2
        if needed > memory():
            raise ValueError(
                f"every spin is coupled to most others: a matrix of {spins} spins needs {needed / 1e9:.3g} GB"
            )
        H = matrix(self.evaluator, texture, watch=self.watch)
        H[raised, raised] += c
        self.watch()
        return _dense(H)


def _sparse(H: Any) -> Factors:
    """Factorise a sparse symmetric matrix, L D L^T: by SuperLU with pivots on the diagonal.

    Li, ACM Trans. Math. Softw. 31, 302 (2005). Raises ValueError where it exchanges rows.
    """
    from scipy.sparse.linalg import splu

    try:
        found = splu(H, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    except RuntimeError as error:  # SuperLU's only exception
        raise ValueError(f"the Hessian cannot be factorised: {error}") from None
    if (found.perm_r != found.perm_c).any():
        raise ValueError("the Hessian has a pivot of zero")
    pivots = found.U.diagonal()
    return Factors(float(np.log(np.abs(pivots)).sum()), int((pivots < 0).sum()), found.solve)


def _dense(H: NDArray[np.float64]) -> Factors:
    """Factorise a symmetric matrix, L D L^T with blocks of one or two rows in D, and overwrite it.

    Bunch & Kaufman, Math. Comput. 31, 163 (1977).
    """
    from scipy.linalg import lapack

    work = int(lapack.dsytrf_lwork(len(H))[0])
    factor, pivots, failed = lapack.dsytrf(H.T, lower=1, lwork=work, overwrite_a=1)
    if failed:
        raise ValueError("the Hessian is singular")
    pair = np.flatnonzero(pivots < 0)[::2]  # a block of two rows has both of them negative
    alone = pivots > 0
    diagonal = np.diagonal(factor)
    a, b, d = diagonal[pair], factor[pair + 1, pair], diagonal[pair + 1]
    product = a * d - b * b
    log = float(np.log(np.abs(diagonal[alone])).sum() + np.log(np.abs(product)).sum())
    negative = int((diagonal[alone] < 0).sum()) + int(np.where(product < 0, 1, 2 * (a < 0)).sum())
    return Factors(log, negative, lambda B: lapack.dsytrs(factor, pivots, B, lower=1)[0])


def _places(U: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rows [mode] at which no combination of the modes U [row, mode] is small."""
    from scipy.linalg import qr

    if not U.shape[1]:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(qr(U.T, mode="economic", pivoting=True)[2][: U.shape[1]], dtype=np.int64)
