"""Lanczos iteration for the Hessians of all replicas in lockstep, without reorthogonalisation.

Lanczos, J. Res. Natl. Bur. Stand. 45, 255 (1950). The iteration represents a Hessian as a tridiagonal matrix T in the
Krylov space of v, H v, H^2 v, ... Only two vectors and a product are stored. Without reorthogonalisation T repeats
converged eigenvalues (Cullum & Willoughby, Lanczos Algorithms for Large Symmetric Eigenvalue Computations, 1985),
which does not affect averages over the spectrum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.engine.graph import Launch
from magsearch.minima.hessian import Hessian

CLEAN = 10  # steps between two projections of the vectors that remove the directions left out


class Lanczos:
    """Lanczos iteration from a start vector, [site, 3] for all replicas or [replica, site, 3].

    steps       largest number of steps
    left_out    [vector, replica, site, 3] orthonormal eigenvectors (or zeros) to be projected out
    done        number of steps so far
    """

    def __init__(
        self,
        hessian: Hessian,
        start: ArrayLike,
        steps: int,
        left_out: NDArray[Any] | None = None,
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
        return evaluator.device.chain(multiply, choose, advance, self._reduce)

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
