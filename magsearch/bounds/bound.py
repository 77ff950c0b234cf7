"""A rigorous lower bound of the energy per site, as a value; ``luttinger_tisza`` computes it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

TIGHT = 1e-8  # a gap smaller than this, in units of ``Bound.scale``, is closed


@dataclass(frozen=True)
class Bound:
    """Rigorous lower bound: no arrangement of the spins has an energy per site below ``per_site``.

    per_site     meV
    of           "box": the model with its size and edges; "crystal": infinite along its periodic axes
    method       how the bound was found and proven, in words
    margin       meV per site by which rounding and the tolerances of multipliers and proof lower the bound
    q            wave vectors of the waves that attain the bound if spins can, in units of the reciprocal vectors
    multipliers  lambda of every spin of a cell (of the box where it has no wave vectors), meV
    scale        meV, couplings and field at the strongest spin: the unit of tolerances for gaps
    mean         uniform part of every spin of a cell, (x, y, z) or, for isotropic couplings, along the field
    moments      whether couplings were transferred to patches; q, multipliers and mean then belong to the other
                 couplings
    """

    per_site: float
    of: str
    method: str
    margin: float
    q: tuple[tuple[float, ...], ...]
    multipliers: tuple[float, ...]
    scale: float
    mean: tuple[tuple[float, ...], ...]
    moments: bool = False

    def gap(self, energy_per_site: float) -> float:
        """Return the distance of an energy from the bound, meV per site."""
        return energy_per_site - self.per_site

    def reached(self, energy_per_site: float) -> bool:
        """Return whether an energy (meV per site) is proven to be the lowest possible, within 1e-8 of ``scale``."""
        return self.gap(energy_per_site) <= TIGHT * self.scale

    def as_json(self) -> dict[str, Any]:
        """Return the fields as a dictionary for JSON; ``per_site`` is called bound_per_site."""
        values = asdict(self)
        return {"bound_per_site": values.pop("per_site"), **values}
