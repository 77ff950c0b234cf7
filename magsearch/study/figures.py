"""Key figures of a study: a flat table of names and values, one row of a high-throughput table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Results = Mapping[str, Any]


def figures(results: Results) -> dict[str, Any]:
    """Return the key figures of what the steps of a study have printed; None where a step has not found one."""
    run, bound = results.get("run") or {}, results.get("bound") or {}
    magnetic, tc = results.get("export") or {}, (results.get("tc") or {}).get("transition") or {}
    magnons, landscape = results.get("magnons") or {}, results.get("landscape") or {}
    champion, proof = run.get("champion") or {}, run.get("bound") or {}
    return {
        "energy_per_site_meV": champion.get("energy_per_site"),
        "phase": champion.get("label"),
        "topological_charge": champion.get("charge"),
        "magnetization": champion.get("magnetization"),
        "sites": run.get("sites"),
        "magnetic_space_group": (magnetic.get("group") or {}).get("symbol"),
        "propagation_vectors": [arm["q"] for arm in magnetic.get("propagation_vectors", ()) if not arm["harmonic"]]
        if magnetic
        else None,
        "gap_to_bound_meV": proof.get("gap"),
        "proven": proof.get("tight"),
        "crystal_bound_meV": (bound.get("crystal") or {}).get("bound_per_site"),
        "tc_K": tc.get("kelvin"),
        "tc_error_K": tc.get("error"),
        "tc_verdict": (results.get("tc") or {}).get("verdict"),
        "lowest_magnon_meV": min((min(bands) for bands in magnons.get("energies", ())), default=None),
        "magnons_gapless": magnons.get("gapless"),
        "barrier_meV": next(
            (one["escape"]["barrier"] for one in landscape.get("minima", ())[:1] if one["escape"]), None
        ),
        "stopped": run.get("stopped"),
        "warnings": len((results.get("check") or {}).get("findings") or ()),
    }
