"""The result of a search for a transition in words and as JSON values."""

from __future__ import annotations

from typing import Any

import numpy as np

from magsearch.critical.estimates import Estimates
from magsearch.critical.order_parameter import OrderParameter
from magsearch.critical.ordered import Ordered
from magsearch.critical.plan import Analysis, Round
from magsearch.critical.series import EVERY
from magsearch.thermal.statistics import estimate as averaged
from magsearch.units import K_B

LONG = 50  # correlation times that a ladder should last, as for ``sample``


def slowest(found: Analysis, rounds: list[Round]) -> dict[int, float]:
    """Return the longest integrated autocorrelation time of the order parameter in each box, sweeps, by size.

    Of the last round, at the rungs; in the scan of the temperatures themselves.
    """
    times = {}
    for size, series in zip(found.sizes, (rounds[-1].series[k] for k in sorted(rounds[-1].series)), strict=False):
        every = [averaged(series.order[..., rung].T) for rung in range(len(series.kelvin))]
        times[size] = max(one.correlation for one in every) * EVERY
    return times


def forbidden(ordered: Ordered, parameter: OrderParameter) -> str:
    """Return why there is no order at finite temperature, or an empty string."""
    crystal, dimension = ordered.crystal, len(ordered.axes)
    if crystal.dipole is not None:
        return ""
    if dimension == 1:
        return "a chain with couplings of finite range has no order at any temperature above zero"
    if dimension == 2 and parameter.breaks:
        return (
            "in two dimensions no continuous symmetry is broken at any temperature above zero, as this ground state "
            "would (Mermin & Wagner, Phys. Rev. Lett. 17, 1133 (1966)): without anisotropy there is no transition to "
            "it; an easy plane can have one of Berezinskii, Kosterlitz and Thouless, without order, and discrete "
            "symmetries (chirality, the choice among waves) can break by themselves, which this does not measure"
        )
    return ""


def words(found: Analysis | None, why: str) -> str:
    """Return the result in a sentence; ``why`` as of ``forbidden``."""
    if found is None:
        return "no temperature has been sampled yet"
    known = found.transition
    if known.kelvin is None:
        kelvin = found.curves[0].kelvin
        where = f"no transition found between {kelvin[0]:.4g} and {kelvin[-1]:.4g} K: curves of two sizes do not cross"
        return f"{where}; {why}" if why else where
    if why:
        return f"curves cross, but {why}: larger boxes are needed to see it"
    return "the curves of different sizes cross: a transition"


def summary(
    ordered: Ordered,
    parameter: OrderParameter,
    estimate: Estimates,
    rounds: list[Round],
    found: Analysis | None,
) -> dict[str, Any]:
    """Return everything that was found as JSON values: temperatures in kelvin, None for what is not known."""
    why = forbidden(ordered, parameter)
    known = found.transition if found else None
    kelvin = None if known is None or why else known.kelvin
    times = slowest(found, rounds) if found else {}
    return {
        "transition": None if kelvin is None or known is None else {
            "kelvin": kelvin, "error": known.error, "kT": K_B * kelvin, "kT_error": K_B * known.error
        },
        "verdict": words(found, why),
        "mean_field": estimate.mean_field,
        "random_phase": estimate.random_phase,
        "order_parameter": {"waves": parameter.arms, "breaks_continuous_symmetry": parameter.breaks},
        "ground_state": {
            "energy_per_spin": ordered.energy, "supercell": ordered.supercell.H.tolist(),
            "sites": ordered.supercell.sites,
        },
        "boxes": [
            {"size": size, "spins": ordered.box(size).sites, "correlation": times.get(size)}
            for size in (found.sizes if found else ())
        ],
        "crossings": [] if known is None else [
            {"kind": c.kind, "sizes": list(c.sizes), "kelvin": c.kelvin, "error": _plain(c.error),
             "value": _plain(c.value)}
            for c in known.crossings
        ],
        "peaks": [] if known is None else [
            {"kind": p.kind, "size": p.size, "kelvin": p.kelvin, "error": p.error, "value": p.value,
             "inside": p.inside}
            for p in known.peaks
        ],
        "rounds": len(rounds),
    }  # fmt: skip


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
