"""Lanczos's recursion on the Hessians of all replicas in lockstep.

It writes a Hessian as a tridiagonal matrix T in the space of v, H v, H^2 v, ... Only two vectors and a product are
kept: nothing is made orthogonal again, so that T repeats eigenvalues that it has found already (ghosts; Cullum &
Willoughby, Lanczos Algorithms for Large Symmetric Eigenvalue Computations, 1985). Averages over the spectrum do not
mind, and where single values are wanted, repetitions are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.engine.device import Launch
from magsearch.minima.hessian import Hessian

CLEAN = 10  # steps after which what has grown of the directions that are left out is taken away


@dataclass(frozen=True, eq=False)
class Ritz:
    """Eigenvalues of T, lowest first, as far as they are eigenvalues of H; nan, inf and zero where there are fewer.

    values      [count, replica] meV
    residuals   [count, replica] meV, |H y - value y|
    weights     [step, count, replica]: y is their sum with the recursion's vectors
    """

    values: NDArray[np.float64]
    residuals: NDArray[np.float64]
    weights: NDArray[np.float64]


class Lanczos:
    """The recursion, from one vector [site, 3] for all replicas, or [replica, site, 3].

    steps       at the most
    left_out    [vector, replica, site, 3] orthonormal eigenvectors (or zeros) whose directions are left out
    weights     [step, count, replica]: sums of the recursion's vectors that are wanted, see ``gathered``
    done        steps so far
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
        self._fold, self._length2 = evaluator.folding(self._sums, 1, -1)
        evaluator.device.chain(self._bind("project", first, first, 1, self._sums), self._fold)()
        self._turns = [self._step(*self._vectors), self._step(*self._vectors[::-1])]

    def _bind(self, kernel: str, *arguments: Any) -> Launch:
        evaluator = self.hessian.evaluator
        return evaluator.bind(kernel, *arguments, evaluator.sites, evaluator.device.chunk, self.hessian.replicas)

    def _step(self, vector: Any, following: Any) -> Launch:
        """One step: ``following`` holds the vector before, and the next one afterwards."""
        hessian, evaluator = self.hessian, self.hessian.evaluator
        curve, product = hessian.product(vector, self._curved)
        choose = evaluator.bind(
            "lanczos", product, self._length2, len(product), self._alpha, self._beta, *self._coefficients, self._turn,
            hessian.replicas, blocks=1,
        )  # fmt: skip
        recur = self._bind(
            "recur", hessian.spins, self._curved, vector, following, *self._coefficients, self._sums
        )  # fmt: skip
        launches = [curve, choose, recur, self._fold]
        if self._weights is not None:
            count = self._weights.shape[1]
            launches.insert(0, self._bind("gather", vector, self._weights, self._turn, count, self._gathered))
        return evaluator.device.chain(*launches)

    def _clean(self, *vectors: Any) -> None:
        for vector in vectors:
            for other in self._left_out:
                vector -= (vector * other).sum(axis=(1, 2), keepdims=True) * other

    def run(self, steps: int, watch: Callable[[], None] = lambda: None) -> None:
        """So many steps more, not beyond ``self.steps``."""
        for _ in range(min(steps, self.steps - self.done)):
            if self.done % CLEAN == 0:
                watch()
                self._clean(*self._vectors)
            self._turns[self.done % 2]()
            self.done += 1

    def matrices(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """T of every replica: its diagonal, [step, replica], and what stands beside it, [step + 1, replica].

        Row 0 of the latter is the length of the first vector; the last row says how far T is from the end.
        """
        host, count = self.hessian.evaluator.device.host, self.hessian.count
        rest = np.sqrt(host(self._length2).sum(axis=0))
        beside = np.concatenate([host(self._beta)[: self.done], rest])
        return host(self._alpha)[: self.done, :count].copy(), beside[:, :count]

    def ritz(self, count: int, relative: float, absolute: float) -> Ritz:
        """The lowest ``count`` different values whose residuals are below relative |value| + absolute (meV)."""
        from scipy.linalg import eigh_tridiagonal

        diagonal, beside = self.matrices()
        replicas = diagonal.shape[1]
        values, residuals = np.full((count, replicas), np.nan), np.full((count, replicas), np.inf)
        weights = np.zeros((self.done, count, replicas))
        for r in range(replicas):
            alpha, beta = self._whole(diagonal[:, r], beside[:, r])
            n = len(alpha)
            several = min(n, 4 * count + n // 20)  # ghosts among them
            found, y = eigh_tridiagonal(
                alpha, beta[1:-1], select="i", select_range=(0, several - 1), lapack_driver="stemr"
            )
            error = beta[-1] * np.abs(y[-1])
            near = np.flatnonzero(error <= relative * np.abs(found) + absolute)
            apart = 1e-6 * max(np.abs(alpha).max(), beta[1:].max())
            for k, same in enumerate(_repetitions(near, found, error, apart)[:count]):
                values[k, r], residuals[k, r] = found[same[0]], error[same].min()
                # what the first vector has of all of them: repetitions may be mixed so that they cancel
                share = y[0, same] if np.abs(y[0, same]).max() > 1e-100 else np.ones(len(same))
                weights[:n, k, r] = y[:, same] @ share / np.linalg.norm(share) / beta[:-1]
        return Ritz(values, residuals, weights)

    def average(self, f: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
        """v . f(H) v / |v|^2 of the first vector, [replica]: Gauss's quadrature, the eigenvalues of T its nodes."""
        from scipy.linalg import eigh_tridiagonal

        diagonal, beside = self.matrices()
        found = np.empty(diagonal.shape[1])
        for r in range(len(found)):
            alpha, beta = self._whole(diagonal[:, r], beside[:, r])
            nodes, y = eigh_tridiagonal(alpha, beta[1:-1])
            found[r] = y[0] ** 2 @ f(nodes)
        return found

    def _whole(
        self, alpha: NDArray[np.float64], beta: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """T up to where the space that its first vector spans is exhausted, and the rest is rounding."""
        rounding = 50 * np.finfo(self.hessian.evaluator.real).eps * max(np.abs(alpha).max(), 1e-300)
        ended = np.flatnonzero(beta[1:] <= rounding)
        n = int(ended[0]) + 1 if len(ended) else len(alpha)
        return alpha[:n], beta[: n + 1]

    def gathered(self) -> NDArray[np.float64]:
        """The sums of the recursion's vectors with the given weights, [count, replica, site, 3]."""
        textures, count = self.hessian.evaluator.textures, self.hessian.count
        assert self._gathered is not None
        return np.stack([textures(v)[:count] for v in self._gathered]).astype(np.float64)


def _repetitions(
    near: NDArray[np.int64], found: NDArray[np.float64], error: NDArray[np.float64], apart: float
) -> list[list[int]]:
    """The places ``near`` of sorted values ``found``, together where they belong to one eigenvalue."""
    groups: list[list[int]] = []
    for k in near.tolist():
        if groups and found[k] - found[groups[-1][0]] <= max(apart, error[k] + error[groups[-1][0]]):
            groups[-1].append(k)
        else:
            groups.append([k])
    return groups
