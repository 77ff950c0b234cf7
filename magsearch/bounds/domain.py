"""Where multipliers are tried: the wave vectors of a finite box, the whole zone, or a cluster, which has none.

A domain finds the wave vectors at which S(q) = Lambda - M(q) is softest, and proves that S is positive at all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from magsearch.bounds.banded import Band
from magsearch.bounds.cluster_multipliers import climb
from magsearch.bounds.multipliers import best_multipliers, shifted
from magsearch.bounds.positivity import CHUNK, Counterexample, Proof, prove_box, prove_zone
from magsearch.bounds.quadratic_form import QuadraticForm
from magsearch.bounds.sum_of_squares import prove_squares

ROUNDS = 40  # times that wave vectors are added at the most
AT_ONCE = 8  # wave vectors added in one round at the most
EXACT = 1e-12  # eigenvalues above minus this, in units of form.scale, are not negative
TOUCHING = 1e-7  # eigenvalues below this are zero
CLOSE = 100.0  # times the tolerance: a sum of squares as good as that needs no comparison
SAME = 1e-6  # wave vectors closer than this (in reciprocal vectors) are one


@dataclass(frozen=True, eq=False)
class Solution:
    """The best multipliers of a domain with the proof that they are allowed.

    values    lambda [spin] meV; S(q) + proof.shift 1 is positive everywhere in the domain
    mean      [spin, component], the uniform part of the spins that goes with them, (S(0) + proof.shift 1)^-1 h
    touching  k [few, 3] at which S has an eigenvalue zero, or nearly so: the waves that a ground state is made of
    """

    values: NDArray[np.float64]
    mean: NDArray[np.float64]
    touching: NDArray[np.float64]
    proof: Proof


@dataclass(frozen=True, eq=False)
class Box:
    """The wave vectors of the finite box."""

    form: QuadraticForm

    @cached_property
    def k(self) -> NDArray[np.float64]:
        return self.form.wave_vectors()

    def softest(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        lowest = lowest_eigenvalues(self.form, self.k, values)
        few = np.argsort(lowest, kind="stable")[:AT_ONCE]
        return self.k[few], lowest[few]

    def solve(self) -> Solution:
        return search(self)

    def prove(self, values: NDArray[np.float64]) -> Proof:
        return prove_box(self.form, values)


@dataclass(frozen=True, eq=False)
class Zone:
    """All wave vectors: the infinite crystal.

    tolerance  how closely S is proven positive, in units of ``form.scale``
    most       boxes at a time before another proof is tried; four times as many before the tolerance is loosened
    """

    form: QuadraticForm
    tolerance: float = 1e-11
    most: int = 40_000

    @cached_property
    def grid(self) -> NDArray[np.float64]:
        """Half of the zone, several points to the shortest period of M(q)."""
        points = [np.arange(n) / n for n in 4 * np.abs(self.form.offset).max(axis=0) + 4]
        points[0] = points[0][: len(points[0]) // 2 + 1]
        return np.stack(np.meshgrid(*points, indexing="ij"), axis=-1).reshape(-1, len(points)) @ self.form.dual

    def softest(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        lowest = lowest_eigenvalues(self.form, self.grid, values)
        found: list[tuple[float, NDArray[np.float64]]] = []
        for start in self.grid[np.argsort(lowest, kind="stable")[:AT_ONCE]]:
            value, k = self.descend(start, values)
            if not found or len(unlike(self.form, k[None], np.array([other for _, other in found]))):
                found.append((value, k))
        found.sort(key=lambda pair: pair[0])
        return np.array([k for _, k in found]), np.array([value for value, _ in found])

    def descend(self, k: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The nearby minimum over q of the lowest eigenvalue of S, and where it is."""
        form = self.form

        def lowest(turns: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            place = turns @ form.dual
            value, wave = np.linalg.eigh(shifted(form, form.matrices(place), values)[0])
            u = wave[:, 0]
            slope = [-np.vdot(u, form.matrices(place, along)[0] @ u).real for along in range(form.dimension)]
            return value[0] / form.scale, np.array(slope) / form.scale

        best = minimize(lowest, form.period @ k, jac=True, method="BFGS", options={"gtol": 1e-9})
        return float(best.fun) * form.scale, best.x @ form.dual

    def solve(self) -> Solution:
        return search(self)

    def prove(self, values: NDArray[np.float64]) -> Proof:
        tolerance = self.tolerance * self.form.scale
        proof = prove_zone(self.form, values, tolerance, self.most, loosen=False)
        if proof is not None:
            return proof
        proof = prove_squares(self.form, values, tolerance)  # S is soft on lines or planes
        if proof is not None and proof.shift <= CLOSE * tolerance:
            return proof
        looser = prove_zone(self.form, values, tolerance, 4 * self.most, loosen=True)
        assert looser is not None
        return looser if proof is None or looser.shift < proof.shift else proof


@dataclass(frozen=True, eq=False)
class Cluster:
    """Spins without translations: one matrix, a multiplier for each spin."""

    form: QuadraticForm

    def softest(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.zeros((1, 3)), lowest_eigenvalues(self.form, np.zeros((1, 3)), values)

    def solve(self) -> Solution:
        form, band, values = self.form, Band(self.form), climb(self.form)
        proof = band.prove(values)
        _, factor = band.least_shift(values, proof.shift)
        mean = band.solve(factor, form.field.ravel()).reshape(form.field.shape)
        return Solution(values, mean, np.zeros((1, 3)), proof)

    def prove(self, values: NDArray[np.float64]) -> Proof:
        return Band(self.form).prove(values)


Domain = Box | Zone | Cluster


def effort(form: QuadraticForm) -> float:
    """Of the bound of a box or cluster, about 10 ns each.

    Eigenvalues and phases at every wave vector of a box; the band of a cluster, passed over a thousand times.
    """
    if not form.dimension:
        return 1e3 * Band(form).minus_M.size
    return math.prod(form.size) / 2 * (form.order**3 + 20.0 * len(form.i))


def domain_of(form: QuadraticForm, of: str, tolerance: float) -> Domain:
    """Of the "box" or of the "crystal". ValueError for the crystal of a cluster."""
    if of not in ("box", "crystal"):
        raise ValueError(f"a bound is of the 'box' or of the 'crystal', not of '{of}'")
    if of == "crystal" and not form.dimension:
        raise ValueError("no couplings lead from cell to cell along a periodic axis: there is no infinite crystal")
    return Zone(form, tolerance) if of == "crystal" else Box(form) if form.dimension else Cluster(form)


def lowest_eigenvalues(form: QuadraticForm, k: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of S(q), [q] meV."""
    parts = np.array_split(k, -(-len(k) * form.order**2 // CHUNK))
    return np.concatenate([np.linalg.eigvalsh(shifted(form, form.matrices(part), values))[:, 0] for part in parts])


def search(domain: Box | Zone) -> Solution:
    """Adds wave vectors at which S is negative until there are none, then proves it."""
    form, active = domain.form, np.zeros((1, 3))
    for rounds_left in range(ROUNDS, -1, -1):
        values = best_multipliers(form, active)
        k, lowest = domain.softest(values)
        new = unlike(form, k[lowest < -EXACT * form.scale], active)
        if len(new) and rounds_left:
            active = np.concatenate([active, new])
            continue
        values = values - min(lowest[0], 0.0)
        while True:
            try:
                proof = domain.prove(values)
            except Counterexample as counterexample:  # a maximum that is narrower than the grid
                missed = counterexample.k[None]
                if rounds_left and len(unlike(form, missed, active)):
                    active = np.concatenate([active, missed])
                    break
                values = values - lowest_eigenvalues(form, missed, values)[0]
            else:
                every = np.concatenate([active, unlike(form, k, active)])
                near = lowest_eigenvalues(form, every, values) < TOUCHING * form.scale
                S = shifted(form, form.uniform.toarray()[None], values + proof.shift)[0]
                mean = np.linalg.solve(S, form.field.ravel()).reshape(form.field.shape)
                return Solution(values, mean, every[near], proof)
    raise AssertionError("the last round always ends in a proof")


def unlike(form: QuadraticForm, k: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those of k [q, 3] that are neither among the others nor their opposites, as far as couplings can tell."""
    turns, among = k @ form.period.T, others @ form.period.T
    away = np.stack([(turns[:, None] + sign * among + 0.5) % 1 - 0.5 for sign in (1, -1)])
    return k[(np.abs(away).max(axis=-1, initial=0.0) > SAME).all(axis=(0, 2))]
