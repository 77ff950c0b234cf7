"""Domains of the bound: the wave vectors of a finite box, the whole Brillouin zone, or a cluster, which has none.

A domain finds the wave vectors at which S(q) = Lambda - M(q) has its lowest eigenvalues, optimises the multipliers by
adding these wave vectors as constraints (Kelley's cutting planes, J. SIAM 8, 703 (1960), for the semi-infinite
condition that S(q) is positive semidefinite for all q), and proves that S is positive at all wave vectors. It calls
``watch`` repeatedly, which may raise an exception to end this.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from magsearch.bounds.banded import Band
from magsearch.bounds.cluster_multipliers import cluster_multipliers
from magsearch.bounds.multipliers import best_multipliers, shifted
from magsearch.bounds.positivity import CHUNK, Counterexample, Proof, prove_box, prove_zone
from magsearch.bounds.quadratic_form import QuadraticForm
from magsearch.bounds.sum_of_squares import prove_sum_of_squares

ROUNDS = 40  # largest number of times that wave vectors are added
AT_ONCE = 8  # largest number of wave vectors added in one round
EXACT = 1e-12  # eigenvalues above minus this, in units of form.scale, are not negative
TOUCHING = 1e-7  # eigenvalues below this, in units of form.scale, are zero
CLOSE = 100.0  # times the tolerance: a sum of squares with a smaller shift is accepted without comparison
SAME = 1e-6  # wave vectors closer than this, in units of the reciprocal vectors, are equal


@dataclass(frozen=True, eq=False)
class Solution:
    """Optimal multipliers of a domain, with the proof that they are feasible.

    values    lambda [spin] meV; S(q) + proof.shift 1 is positive everywhere in the domain
    mean      [spin, component], the corresponding uniform part of the spins, (S(0) + proof.shift 1)^-1 h
    touching  k [few, 3] at which the lowest eigenvalue of S is zero within TOUCHING: the waves of a ground state
    """

    values: NDArray[np.float64]
    mean: NDArray[np.float64]
    touching: NDArray[np.float64]
    proof: Proof


@dataclass(frozen=True, eq=False)
class Box:
    """Wave vectors of the finite box."""

    form: QuadraticForm
    watch: Callable[[], None] = lambda: None

    @cached_property
    def k(self) -> NDArray[np.float64]:
        """Wave vectors [q, 3] in units of the reciprocal vectors."""
        return self.form.wave_vectors()

    def softest(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the wave vectors k [few, 3] with the lowest eigenvalues of S, and these eigenvalues [few], meV."""
        lowest = lowest_eigenvalues(self.form, self.k, values, self.watch)
        few = np.argsort(lowest, kind="stable")[:AT_ONCE]
        return self.k[few], lowest[few]

    def solve(self) -> Solution:
        """Return the optimal multipliers of the box, proven feasible."""
        return optimise(self)

    def prove(self, values: NDArray[np.float64]) -> Proof:
        """Prove that S with multipliers ``values`` [spin] is positive at all wave vectors of the box, up to a shift."""
        return prove_box(self.form, values, self.watch)


@dataclass(frozen=True, eq=False)
class Zone:
    """All wave vectors of the Brillouin zone: the infinite crystal.

    tolerance  shift with which S is proven positive, in units of ``form.scale``
    most       largest number of boxes at a time before another proof is tried; four times as many before the tolerance
               is loosened
    """

    form: QuadraticForm
    watch: Callable[[], None] = lambda: None
    tolerance: float = 1e-11
    most: int = 40_000

    @cached_property
    def grid(self) -> NDArray[np.float64]:
        """Grid k [q, 3] over half of the zone, with several points per shortest period of M(q)."""
        points = [np.arange(n) / n for n in 4 * np.abs(self.form.offset).max(axis=0) + 4]
        points[0] = points[0][: len(points[0]) // 2 + 1]
        return np.stack(np.meshgrid(*points, indexing="ij"), axis=-1).reshape(-1, len(points)) @ self.form.dual

    def softest(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the wave vectors k [few, 3] of the lowest minima of S over q, and the eigenvalues [few], meV."""
        lowest = lowest_eigenvalues(self.form, self.grid, values, self.watch)
        found: list[tuple[float, NDArray[np.float64]]] = []
        for start in self.grid[np.argsort(lowest, kind="stable")[:AT_ONCE]]:
            value, k = self.descend(start, values)
            if not found or len(inequivalent(self.form, k[None], np.array([other for _, other in found]))):
                found.append((value, k))
        found.sort(key=lambda pair: pair[0])
        return np.array([k for _, k in found]), np.array([value for value, _ in found])

    def descend(self, k: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Minimise the lowest eigenvalue of S over q, starting at k [3]; return the eigenvalue in meV and its k [3]."""
        from scipy.optimize import minimize

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
        """Return the optimal multipliers of the infinite crystal, proven feasible."""
        return optimise(self)

    def prove(self, values: NDArray[np.float64]) -> Proof:
        """Prove that S with multipliers ``values`` [spin] is positive in the whole zone, up to a shift.

        Raises Counterexample if S is negative at a wave vector.
        """
        tolerance = self.tolerance * self.form.scale
        proof = prove_zone(self.form, values, tolerance, self.most, loosen=False)
        if proof is not None:
            return proof
        proof = prove_sum_of_squares(self.form, values, tolerance)  # S is soft on lines or planes
        if proof is not None and proof.shift <= CLOSE * tolerance:
            return proof
        looser = prove_zone(self.form, values, tolerance, 4 * self.most, loosen=True)
        assert looser is not None
        return looser if proof is None or looser.shift < proof.shift else proof


@dataclass(frozen=True, eq=False)
class Cluster:
    """Spins without translations: one matrix S, and a multiplier for each spin."""

    form: QuadraticForm
    watch: Callable[[], None] = lambda: None

    def softest(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return k = 0 [1, 3] and the lowest eigenvalue of S [1], meV."""
        return np.zeros((1, 3)), lowest_eigenvalues(self.form, np.zeros((1, 3)), values)

    def solve(self) -> Solution:
        """Return the optimal multipliers of the cluster, proven feasible."""
        form, band, values = self.form, Band(self.form), cluster_multipliers(self.form, self.watch)
        proof = band.prove(values)
        _, factor = band.least_shift(values, proof.shift)
        mean = band.solve(factor, form.field.ravel()).reshape(form.field.shape)
        return Solution(values, mean, np.zeros((1, 3)), proof)

    def prove(self, values: NDArray[np.float64]) -> Proof:
        """Prove that S with multipliers ``values`` [spin] is positive, up to a shift."""
        return Band(self.form).prove(values)


Domain = Box | Zone | Cluster


def effort(form: QuadraticForm) -> float:
    """Estimate the cost of the bound of a box or cluster, in operations of about 10 ns.

    It is that of eigenvalues and phases at every wave vector of a box, or of a thousand passes over a cluster's band.
    """
    if not form.dimension:
        return 1e3 * Band(form).minus_M.size
    return math.prod(form.size) / 2 * (form.order**3 + 20.0 * len(form.i))


def domain_of(form: QuadraticForm, of: str, tolerance: float, watch: Callable[[], None] = lambda: None) -> Domain:
    """Return the domain of wave vectors of the "box" or of the "crystal".

    Raises ValueError for any other ``of``, and for the crystal of a model without couplings between cells.
    """
    if of not in ("box", "crystal"):
        raise ValueError(f"expected a bound of the 'box' or of the 'crystal', not of '{of}'")
    if of == "crystal" and not form.dimension:
        raise ValueError("there is no infinite crystal: no couplings join cells along a periodic axis")
    return Zone(form, watch, tolerance) if of == "crystal" else (Box if form.dimension else Cluster)(form, watch)


def lowest_eigenvalues(
    form: QuadraticForm, k: NDArray[np.float64], values: NDArray[np.float64], watch: Callable[[], None] = lambda: None
) -> NDArray[np.float64]:
    """Return the lowest eigenvalue of S(q) at each k [q, 3], [q] meV."""
    lowest = []
    for part in np.array_split(k, -(-len(k) * form.order**2 // CHUNK)):
        watch()
        lowest.append(np.linalg.eigvalsh(shifted(form, form.matrices(part), values))[:, 0])
    return np.concatenate(lowest)


def optimise(domain: Box | Zone) -> Solution:
    """Return the optimal multipliers of a domain: add wave vectors at which S is negative until none is left."""
    form, active = domain.form, np.zeros((1, 3))
    for rounds_left in range(ROUNDS, -1, -1):
        values = best_multipliers(form, active, domain.watch)
        k, lowest = domain.softest(values)
        new = inequivalent(form, k[lowest < -EXACT * form.scale], active)
        if len(new) and rounds_left:
            active = np.concatenate([active, new])
            continue
        values = values - min(lowest[0], 0.0)
        while True:
            try:
                proof = domain.prove(values)
            except Counterexample as counterexample:  # a maximum that is narrower than the grid
                missed = counterexample.k[None]
                if rounds_left and len(inequivalent(form, missed, active)):
                    active = np.concatenate([active, missed])
                    break
                values = values - lowest_eigenvalues(form, missed, values)[0]
            else:
                every = np.concatenate([active, inequivalent(form, k, active)])
                near = lowest_eigenvalues(form, every, values) < TOUCHING * form.scale
                S = shifted(form, form.uniform.toarray()[None], values + proof.shift)[0]
                mean = np.linalg.solve(S, form.field.ravel()).reshape(form.field.shape)
                return Solution(values, mean, every[near], proof)
    raise AssertionError("the last round always ends in a proof")


def inequivalent(form: QuadraticForm, k: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return those of k [q, 3] at which M(q) differs from that at every one of others [q, 3] and their opposites."""
    turns, among = k @ form.period.T, others @ form.period.T
    away = np.stack([(turns[:, None] + sign * among + 0.5) % 1 - 0.5 for sign in (1, -1)])
    return k[(np.abs(away).max(axis=-1, initial=0.0) > SAME).all(axis=(0, 2))]
