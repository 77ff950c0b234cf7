"""Semidefinite program of ``patches``: correlations of waves, and moments of patches that agree with them.

    min - 1/2 sum_q tr M(q) X(q) - h.m,    X(q) = <s(q) s(q)*> positive, sum_q tr X(q)_aa = 1,
                                           <v v^T> positive on each patch

Paul & Refael, arXiv:2605.06784. The solver is Clarabel (Goulart & Chen, arXiv:2405.12762), an interior-point method
with cones of positive semidefinite matrices, installed by the extra ``sdp``. Its solution need not be exact:
``patches`` turns it into a rigorous bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from magsearch.bounds.invariants import Product, invariants, pair
from magsearch.bounds.moments import LINEAR, ONE, QUADRATIC, Moments, moments
from magsearch.bounds.quadratic_form import QuadraticForm

Site = tuple[int, tuple[int, ...]]  # spin, and its cell in periods
Sites = tuple[Site, ...]
TOLERANCE = 1e-10  # of Clarabel's duality gap and feasibility
REFINEMENTS = 50  # largest number of iterative refinements of a linear system


@dataclass(frozen=True)
class Patch:
    """Sites whose moments are unknowns.

    sites     spin and cell of each
    products  moments of a patch that are products of spins of the energy: moment (``invariants``), sign, and its number
              in ``Program.products``. With any, the patch has the moments that rotations leave as they are, else all
    """

    sites: Sites
    products: tuple[tuple[Product, float, int], ...] = ()

    def __len__(self) -> int:
        return len(self.sites)

    def moments(self, odd: bool) -> Moments:
        """Return the moment matrices; ``odd``: with the moments of odd order, in a field."""
        if self.products:
            return invariants(len(self), any(len(part) == 3 for product, *_ in self.products for part in product))
        return moments(len(self), odd)


@dataclass(frozen=True)
class Link:
    """Moment of a patch that is a sum of correlations of the crystal, <s_a(0) s_b(T)>, or, with b = -1, of means m_a.

    moment  index among the moments of its patch
    ends    a and b of each correlation, 3 spin + component
    T       cells, in periods
    """

    moment: int
    ends: tuple[tuple[int, int], ...]
    T: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Solution:
    """Solution of the semidefinite program.

    values   multipliers [spin], meV
    mean     uniform part m of the spins, [spin, 3]
    squares  [patch]: the matrix of the sum of squares, [element] as in ``Moments``, meV
    """

    values: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, eq=False)
class Program:
    """Semidefinite program over the correlations of waves and the moments of patches.

    The unknowns are, in this order: for each wave vector the diagonal of X, and the real and imaginary part of its
    upper triangle, row by row; with a field, m; the products; the moments of each patch. Energies are in units of
    form.scale.

    form      quadratic form with three components per spin
    k         wave vectors [q, 3] in units of the reciprocal vectors, 0 first
    patches   sites of each patch
    products  [product] energy of each product of spins, meV per cell: one moment of all patches that have it
    """

    form: QuadraticForm
    k: NDArray[np.float64]
    patches: tuple[Patch, ...]
    products: tuple[float, ...] = ()

    @property
    def odd(self) -> bool:
        """Whether there are uniform parts and moments of odd order: only in a field."""
        return bool(self.form.field.any())

    @property
    def mean(self) -> int:
        """Index of the first component of m among the unknowns; X has order^2 of them at each wave vector."""
        return len(self.k) * self.form.order**2

    def of(self, patch: Patch) -> Moments:
        """Return the moment matrices of a patch."""
        return patch.moments(self.odd)

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """Index of the first moment of each patch, and last the number of unknowns, [patch + 1]."""
        counts = [len(self.of(patch).number) for patch in self.patches]
        return self.product + len(self.products) + np.cumsum([0, *counts])

    @property
    def product(self) -> int:
        """Index of the first product among the unknowns."""
        return self.mean + self.form.order * self.odd

    def links(self, patch: Patch) -> Iterator[Link]:
        """Yield the moments of first and second order of a patch as correlations of the crystal."""
        number, here = self.of(patch).number, (0,) * self.form.dimension

        def moment(*factors: tuple[int, tuple[int, int, int]]) -> int:
            exponents = dict(factors)
            return number[tuple(exponents.get(site, ONE) for site in range(len(patch)))]

        every = [
            (p, q, i, j, tuple(u - t for t, u in zip(T, U, strict=True)))
            for (p, (i, T)), (q, (j, U)) in combinations(enumerate(patch.sites), 2)
        ]
        if patch.products:
            for p, q, i, j, between in every:
                yield Link(number[pair(p, q)], tuple((3 * i + a, 3 * j + a) for a in range(3)), between)
            return
        for site, (spin, _) in enumerate(patch.sites):
            if self.odd:
                yield from (Link(moment((site, x)), ((3 * spin + a, -1),), here) for a, x in enumerate(LINEAR))
            for x in QUADRATIC:
                a, b = (a for a in range(3) for _ in range(x[a]))
                yield Link(moment((site, x)), ((3 * spin + a, 3 * spin + b),), here)
        for p, q, i, j, between in every:
            for a, x in enumerate(LINEAR):
                for b, y in enumerate(LINEAR):
                    yield Link(moment((p, x), (q, y)), ((3 * i + a, 3 * j + b),), between)

    def correlation(self, link: Link) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the unknowns and factors of the sum of <s_a(0) s_b(T)> = sum_q Re[X_ab(q)* exp(i q.T)], or of m_a."""
        found = [self._correlation(a, b, link.T) for a, b in link.ends]
        return np.concatenate([unknown for unknown, _ in found]), np.concatenate([factor for _, factor in found])

    def _correlation(self, one: int, other: int, T: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        if other < 0:
            return np.array([self.mean + one]), np.ones(1)
        order, start = self.form.order, np.arange(len(self.k)) * self.form.order**2
        angle = 2 * np.pi * (self.k @ self.form.period.T @ np.array(T, dtype=float))
        if one == other:
            return start + one, np.cos(angle)
        a, b = sorted((one, other))
        real = start + order + a * order - a * (a + 1) // 2 + b - a - 1
        sine = np.sin(angle) if one < other else -np.sin(angle)
        return np.concatenate([real, real + order * (order - 1) // 2]), np.concatenate([np.cos(angle), sine])

    def energy(self) -> NDArray[np.float64]:
        """Return the coefficients [unknown] of the energy, in units of form.scale."""
        upper = np.triu_indices(self.form.order, 1)
        M = self.form.matrices(self.k) / self.form.scale
        parts = [-0.5 * np.einsum("qaa->qa", M).real, -M[:, *upper].real, -M[:, *upper].imag]
        total = np.zeros(self.first[-1])
        total[: self.mean] = np.concatenate(parts, axis=1).ravel()
        if self.odd:
            total[self.mean : self.mean + self.form.order] = -self.form.field.ravel() / self.form.scale
        total[self.product : self.product + len(self.products)] = np.array(self.products) / self.form.scale
        return total

    def equalities(self) -> tuple[sparse.coo_array, NDArray[np.float64]]:
        """Return A and b of the equations A x = b: lengths are one on average, moments correlations or products."""
        row, column, value = [], [], []
        components, start = np.arange(3), np.arange(len(self.k))[:, None] * self.form.order**2
        for spin in range(self.form.n_spins):
            column.append((start + 3 * spin + components).ravel())
            value.append(np.ones(3 * len(self.k)))
            row.append(np.full(3 * len(self.k), spin))
        count = self.form.n_spins
        for first, patch in zip(self.first, self.patches, strict=False):
            for link in self.links(patch):
                unknown, factor = self.correlation(link)
                column.append(np.append(unknown, first + link.moment))
                value.append(np.append(factor, -1.0))
                row.append(np.full(len(unknown) + 1, count))
                count += 1
            number = self.of(patch).number
            for product, sign, which in patch.products:
                column.append(np.array([first + number[product], self.product + which]))
                value.append(np.array([1.0, -sign]))
                row.append(np.full(2, count))
                count += 1
        entries = np.concatenate(value), (np.concatenate(row), np.concatenate(column))
        right = np.where(np.arange(count) < self.form.n_spins, 1.0, 0.0)
        return sparse.coo_array(entries, shape=(count, self.first[-1])), right

    def wave(self, n: int) -> tuple[sparse.coo_array, NDArray[np.float64], int]:
        """Return X at the n-th wave vector as a positive real matrix: elements, constant, size.

        At q = 0 it is real, and with a field it is bordered by m; elsewhere it is [[Re, - Im], [Im, Re]].
        """
        order, border = self.form.order, int(self.odd and n == 0)
        size = order + border if n == 0 else 2 * order
        q, p = np.tril_indices(size)  # p <= q, column after column
        a, b = (p - border) % order, (q - border) % order
        low, high = np.minimum(a, b), np.maximum(a, b)
        upper = order + low * order - low * (low + 1) // 2 + high - low - 1 + n * order**2
        same = (p - border) // order == (q - border) // order
        unknown = np.where(a == b, a + n * order**2, upper) + np.where(same, 0, order * (order - 1) // 2)
        value = np.where(same, 1.0, np.where(a < b, -1.0, 1.0)) * np.where(p == q, 1.0, np.sqrt(2.0))
        kept = same | (a != b)
        constant = np.zeros(len(p))
        if border:
            unknown = np.where(p == 0, self.mean + q - 1, unknown)
            value = np.where(p == 0, np.sqrt(2.0), value)
            kept, constant[0] = kept.copy(), 1.0
            kept[0], kept[1:] = False, True
        element = np.arange(len(p))
        entries = value[kept], (element[kept], unknown[kept])
        return sparse.coo_array(entries, shape=(len(p), self.first[-1])), constant, size

    def solve(self) -> Solution:
        """Solve the program with Clarabel; raises ImportError if it is not installed."""
        import clarabel

        A, right = self.equalities()
        matrices, constants, cones = [A], [right], [clarabel.ZeroConeT(len(right))]
        for n in range(len(self.k)):
            elements, constant, size = self.wave(n)
            matrices.append(-elements)
            constants.append(constant)
            cones.append(clarabel.PSDTriangleConeT(size))
        for first, patch in zip(self.first, self.patches, strict=False):
            of = self.of(patch)
            entries = sparse.coo_array(of.map)
            shape = (len(of.constant), self.first[-1])
            matrices.append(-sparse.coo_array((entries.data, (entries.row, entries.col + first)), shape=shape))
            constants.append(of.constant)
            cones += [clarabel.PSDTriangleConeT(size) for size in of.sizes]
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_threads = False, 1
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
        settings.iterative_refinement_max_iter = REFINEMENTS
        settings.iterative_refinement_reltol = settings.iterative_refinement_abstol = 1e-15
        unknowns = int(self.first[-1])
        solution = clarabel.DefaultSolver(
            sparse.csc_matrix((unknowns, unknowns)), self.energy(), sparse.csc_matrix(sparse.vstack(matrices)),
            np.concatenate(constants), cones, settings,
        ).solve()  # fmt: skip
        z = np.array(solution.z)
        ends = np.cumsum([len(constant) for constant in constants])
        squares = [z[end - len(c) : end] for end, c in zip(ends, constants, strict=True)][1 + len(self.k) :]
        scale = self.form.scale
        mean = np.array(solution.x)[self.mean : self.mean + self.form.order * self.odd]
        mean = mean.reshape(-1, 3) if self.odd else np.zeros((self.form.n_spins, 3))
        return Solution(2 * scale * z[: self.form.n_spins], mean, tuple(scale * s for s in squares))
