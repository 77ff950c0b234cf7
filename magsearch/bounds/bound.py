"""A proven lower bound of the energy per site, of a model in its box or of the infinite crystal."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.bounds.band import Band
from magsearch.bounds.form import QuadraticForm, quadratic_form
from magsearch.bounds.multipliers import shifted
from magsearch.bounds.proof import UNIT, Proof
from magsearch.bounds.staircase import climb
from magsearch.bounds.waves import Box, Zone, solve
from magsearch.hamiltonian import Hamiltonian

TIGHT = 1e-8  # a gap that is smaller than this fraction of the bound is closed


@dataclass(frozen=True)
class Bound:
    """No arrangement of the spins has an energy per site below ``per_site``.

    per_site     meV
    of           "box": the model with its size and edges; "crystal": without end along its periodic axes
    method       how it was found and proven, in words
    margin       meV per site that rounding and the tolerance of the proof took away from it
    q            wave vectors of the waves that reach the bound if spins can, in units of the reciprocal vectors
    multipliers  lambda of every spin of a cell (of the box where it has no wave vectors), meV
    mean         uniform part of every spin of a cell, (x, y, z) or, for isotropic couplings, along the field
    """

    per_site: float
    of: str
    method: str
    margin: float
    q: tuple[tuple[float, ...], ...]
    multipliers: tuple[float, ...]
    mean: tuple[tuple[float, ...], ...]

    def gap(self, energy_per_site: float) -> float:
        """How far an energy is above the bound, meV per site."""
        return energy_per_site - self.per_site

    def reached(self, energy_per_site: float) -> bool:
        """Whether an energy is the lowest there is, to one part in 10^8."""
        return self.gap(energy_per_site) <= TIGHT * abs(self.per_site) + self.margin

    def as_json(self) -> dict[str, Any]:
        """Plain numbers; ``per_site`` is called bound_per_site."""
        values = asdict(self)
        return {"bound_per_site": values.pop("per_site"), **values}


def lower_bound(hamiltonian: Hamiltonian, of: str = "box", tolerance: float = 1e-11) -> Bound:
    """A lower bound of the energy per site: Luttinger & Tisza's method with the best multipliers (docs/theory.md).

    tolerance  of the proof for the infinite crystal, as a fraction of the strongest spin's couplings
    Raises ValueError for the crystal of a model that has none (a cluster, or couplings that differ from cell to cell).
    """
    form = quadratic_form(hamiltonian)
    if of not in ("box", "crystal"):
        raise ValueError(f"a bound is of the 'box' or of the 'crystal', not of '{of}'")
    if of == "crystal" and not form.dimension:
        raise ValueError("no couplings along a periodic axis: there is no infinite crystal")
    if form.dimension:
        solution = solve(Zone(form, tolerance) if of == "crystal" else Box(form))
        values, proof, touching = solution.values, solution.proof, solution.touching
        S = shifted(form, form.uniform.toarray()[None], values + proof.shift)[0]
        mean = np.linalg.solve(S, form.field.ravel())
    else:
        band, values, touching = Band(form), climb(form), np.zeros((1, 3))
        proof = band.prove(values)
        _, factor = band.least_shift(values, proof.shift)
        mean = band.solve(factor, form.field.ravel())
    mean = mean.reshape(form.field.shape)
    per_cell, rounding = certified(form, values + proof.shift, mean)
    margin = proof.shift * form.spins / 2 + rounding
    spins = f"{form.spins} spin{'s' * (form.spins > 1)} of the {'cell' if form.dimension else 'cluster'}"
    return Bound(
        per_site=per_cell / form.spins,
        of=of,
        method=f"Luttinger-Tisza, best multipliers of {spins}; {proof.method}",
        margin=margin / form.spins,
        q=tuple(map(tuple, first_zone(touching).tolist())),
        multipliers=tuple((values + proof.shift).tolist()),
        mean=tuple(map(tuple, mean.tolist())),
    )


def first_zone(k: NDArray[np.float64]) -> NDArray[np.float64]:
    """k [q, 3] between - 1/2 and 1/2, of q and -q the one that begins with a positive number."""
    inside = k - np.rint(k - 1e-9)
    begins = np.take_along_axis(inside, (np.abs(inside) > 1e-9).argmax(axis=1)[:, None], axis=1)
    return inside * np.where(begins < 0, -1.0, 1.0) + 0.0


def certified(form: QuadraticForm, values: NDArray[np.float64], mean: NDArray[np.float64]) -> tuple[float, float]:
    """The bound in meV per cell, and the rounding in it, given that S(q) is positive for all q of the domain.

    With |m_a| <= 1 for the uniform part m of any spins, and any y instead of the best one, S(0)^-1 h,

        1/2 m.S m - h.m = 1/2 (m - y).S (m - y) + (S y - h).m - 1/2 y.S y >= - 1/2 y.S y - sum_a |S y - h|_a.
    """
    turned = values[:, None] * mean - (form.uniform @ mean.ravel()).reshape(mean.shape)  # S y
    missed = np.linalg.norm(form.field - turned, axis=1)
    below = 0.5 * values.sum() + 0.5 * (mean * turned).sum() + missed.sum()
    length = float(np.linalg.norm(mean, axis=1).max(initial=0.0))
    terms = np.abs(values).sum() + form.spins * (1 + length) ** 2 * (form.scale + np.abs(values).max(initial=0.0))
    rounding = UNIT * (form.spins + 64) * float(terms) + abs(form.constant) * UNIT
    return float(form.constant - below - rounding), rounding
