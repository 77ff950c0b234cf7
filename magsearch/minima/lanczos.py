"""Lanczos iteration for the Hessians of all replicas in lockstep, without reorthogonalisation.

Lanczos, J. Res. Natl. Bur. Stand. 45, 255 (1950). The iteration represents a Hessian as a tridiagonal matrix T in the
Krylov space of v, H v, H^2 v, ... Only two vectors and a product are stored. Without reorthogonalisation T repeats
converged eigenvalues (ghosts; Cullum & Willoughby, Lanczos Algorithms for Large Symmetric Eigenvalue Computations,
1985). Averages over the spectrum are not affected; in lists of eigenvalues, repetitions are removed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.engine.graph import Launch
from magsearch.minima.hessian import Hessian

CLEAN = 10  # steps between two projections of the vectors that remove the directions left out


@dataclass(frozen=True, eq=False)
class Ritz:
    """Converged Ritz values, lowest first; nan, inf and zero where there are fewer than requested.

    values      [count, replica] meV
    residuals   [count, replica] meV, |H y - value y|
    weights     [step, count, replica]: coefficients of the Ritz vectors y in the Lanczos vectors
    """

    values: NDArray[np.float64]
    residuals: NDArray[np.float64]
    weights: NDArray[np.float64]


class Lanczos:
    """Lanczos iteration from a start vector, [site, 3] for all replicas or [replica, site, 3].

    steps       largest number of steps
    left_out    [vector, replica, site, 3] orthonormal eigenvectors (or zeros) to be projected out
    weights     [step, count, replica]: coefficients of the sums of Lanczos vectors that ``gathered`` returns
    done        number of steps so far
    """

    def __init__(
        self,
        hessian: Hessian,
        start: ArrayLike,
        steps: int,
        left_out: NDArray[Any] | None = None,
        weights: NDArray[np.float64] | None = None,
    ):
        self.hessian, self.steps, self.done = hessian, steps, 0
        evaluator, xp, replicas = hessian.evaluator, hessian.evaluator.device.xp, hessian.replicas
        first = hessian.tangents(start)
        self._vectors, self._curved = [first, xp.zeros_like(first)], xp.empty_like(first)
        self._left_out = [hessian.evaluator.spins(v) for v in left_out] if left_out is not None else []
        self._alpha, self._beta = xp.zeros((steps, replicas)), xp.zeros((steps, replicas))
        self._turn = xp.zeros(replicas, dtype=np.uint32)
        self._coefficients = [xp.zeros(replicas, dtype=evaluator.real) for _ in range(3)]
        self._sums = xp.zeros((evaluator.chunks, 1, replicas))
        self._weights, self._gathered = None, None
        if weights is not None:
            padded = np.zeros((*weights.shape[:2], replicas))
            padded[..., : weights.shape[2]] = weights
            self._weights = evaluator.device.array(padded, evaluator.real)
            self._gathered = xp.zeros((weights.shape[1], *first.shape), dtype=evaluator.real)
        self._clean(first)
        self._reduce, self._length2 = evaluator.reduction(self._sums, 1, -1)
        evaluator.device.chain(self._bind("inner_products", first, first, 1, self._sums), self._reduce)()
        self._turns = [self._step(*self._vectors), self._step(*self._vectors[::-1])]

    def _bind(self, kernel: str, *arguments: Any) -> Launch:
        evaluator = self.hessian.evaluator
        return evaluator.bind(kernel, *arguments, evaluator.sites, evaluator.device.chunk, self.hessian.replicas)

    def _step(self, vector: Any, following: Any) -> Launch:
        """Return the launch of one step: ``following`` contains the previous vector, and afterwards the next one."""
        hessian, evaluator = self.hessian, self.hessian.evaluator
        multiply, product = hessian.product(vector, self._curved)
        choose = evaluator.bind(
            "lanczos_coefficients", product, self._length2, self._alpha, self._beta, *self._coefficients,
            self._turn, hessian.replicas, blocks=1,
        )  # fmt: skip
        advance = self._bind(
            "lanczos_vector", hessian.spins, self._curved, vector, following, *self._coefficients, self._sums
        )  # fmt: skip
        launches = [multiply, choose, advance, self._reduce]
        if self._weights is not None:
            count = self._weights.shape[1]
            launches.insert(
                0, self._bind("accumulate_vectors", vector, self._weights, self._turn, count, self._gathered)
            )
        return evaluator.device.chain(*launches)

    def _clean(self, *vectors: Any) -> None:
        for vector in vectors:
            for other in self._left_out:
                vector -= (vector * other).sum(axis=(1, 2), keepdims=True) * other

    def run(self, steps: int, watch: Callable[[], None] = lambda: None) -> None:
        """Advance by at most ``steps`` steps, not beyond ``self.steps``; ``watch`` is called regularly."""
        for _ in range(min(steps, self.steps - self.done)):
            if self.done % CLEAN == 0:
                watch()
                self._clean(*self._vectors)
            self._turns[self.done % 2]()
            self.done += 1

    def matrices(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return T of every replica: its diagonal [step, replica] and its off-diagonal [step + 1, replica], meV.

        Row 0 of the latter is the length of the first vector; the last row is the norm of the remainder, to which the
        residuals of Ritz values are proportional.
        """
        host, count = self.hessian.evaluator.device.host, self.hessian.count
        remainder = np.sqrt(host(self._length2))
        off_diagonal = np.concatenate([host(self._beta)[: self.done], remainder])
        return host(self._alpha)[: self.done, :count].copy(), off_diagonal[:, :count]

    def ritz(self, count: int, relative: float, absolute: float) -> Ritz:
        """Return the lowest ``count`` distinct Ritz values with residuals below relative |value| + absolute (meV)."""
        diagonal, off_diagonal = self.matrices()
        replicas = diagonal.shape[1]
        values, residuals = np.full((count, replicas), np.nan), np.full((count, replicas), np.inf)
        weights = np.zeros((self.done, count, replicas))
        for r in range(replicas):
            alpha, beta = self._before_breakdown(diagonal[:, r], off_diagonal[:, r])
            n = len(alpha)
            several = min(n, 4 * count + n // 20)  # ghosts among them
            found, y = _lowest(alpha, beta[1:-1], several)
            error = beta[-1] * np.abs(y[-1])
            near = np.flatnonzero(error <= relative * np.abs(found) + absolute)
            apart = 1e-6 * max(np.abs(alpha).max(), beta[1:].max())
            for k, same in enumerate(_repetitions(near, found, error, apart)[:count]):
                values[k, r], residuals[k, r] = found[same[0]], error[same].min()
                # combined with their overlaps with the first vector, since repetitions may otherwise cancel
                overlap = y[0, same] if np.abs(y[0, same]).max() > 1e-100 else np.ones(len(same))
                weights[:n, k, r] = y[:, same] @ overlap / np.linalg.norm(overlap) / beta[:-1]
        return Ritz(values, residuals, weights)

    def average(self, f: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return v . f(H) v / |v|^2 for the first vector v, [replica].

        Gaussian quadrature with the eigenvalues of T as nodes: Golub & Welsch, Math. Comput. 23, 221 (1969).
        """
        from scipy.linalg import eigh_tridiagonal

        diagonal, off_diagonal = self.matrices()
        found = np.empty(diagonal.shape[1])
        for r in range(len(found)):
            alpha, beta = self._before_breakdown(diagonal[:, r], off_diagonal[:, r])
            nodes, y = eigh_tridiagonal(alpha, beta[1:-1])
            found[r] = y[0] ** 2 @ f(nodes)
        return found

    def _before_breakdown(
        self, alpha: NDArray[np.float64], beta: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return T up to where the Krylov space of the first vector is exhausted; further steps are rounding errors."""
        rounding = 50 * np.finfo(self.hessian.evaluator.real).eps * max(np.abs(alpha).max(), 1e-300)
        ended = np.flatnonzero(beta[1:] <= rounding)
        n = int(ended[0]) + 1 if len(ended) else len(alpha)
        return alpha[:n], beta[: n + 1]

    def gathered(self) -> NDArray[np.float64]:
        """Return the sums of Lanczos vectors with the given weights, [count, replica, site, 3]."""
        evaluator, count = self.hessian.evaluator, self.hessian.count
        assert self._gathered is not None
        every = [evaluator.device.host(evaluator.textures(v)[:count]) for v in self._gathered]
        return np.stack(every).astype(np.float64)


def _lowest(
    diagonal: NDArray[np.float64], off_diagonal: NDArray[np.float64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest eigenvalues [count] of a tridiagonal matrix and their vectors [row, count].

    By relatively robust representations, or by bisection where these do not converge, which ghosts may cause.
    """
    from scipy.linalg import eigh_tridiagonal

    some = {"select": "i", "select_range": (0, count - 1)}
    try:
        found, y = eigh_tridiagonal(diagonal, off_diagonal, lapack_driver="stemr", **some)
    except np.linalg.LinAlgError:
        found, y = eigh_tridiagonal(diagonal, off_diagonal, lapack_driver="stebz", **some)
    return found, y


def _repetitions(
    near: NDArray[np.int64], found: NDArray[np.float64], error: NDArray[np.float64], apart: float
) -> list[list[int]]:
    """Group the indices ``near`` of sorted values ``found`` by the eigenvalue that they belong to."""
    groups: list[list[int]] = []
    for k in near.tolist():
        if groups and found[k] - found[groups[-1][0]] <= max(apart, error[k] + error[groups[-1][0]]):
            groups[-1].append(k)
        else:
            groups.append([k])
    return groups
