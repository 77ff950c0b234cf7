"""What a run found, as plain values: the JSON of ``magsearch show`` and the captions of pictures."""

from __future__ import annotations

from typing import Any

from magsearch.formatting import fixed
from magsearch.observables.topological_charge import rough
from magsearch.storage import Elite, Record

ROUNDING = 1e-12  # of an energy: a smaller difference means nothing


def summary(record: Record) -> dict[str, Any]:
    """What ``magsearch show --json`` prints. Energies in meV."""
    spins = record.hamiltonian.n_spins

    def of(elite: Elite) -> dict[str, Any]:
        return {
            "energy_per_site": elite.energy / spins,
            "free_energy_per_site": None if elite.free_energy is None else elite.free_energy / spins,
            "charge": elite.charge,
            "magnetization": elite.magnetization.tolist(),
            "torque": elite.torque,
            "origin": elite.origin,
            "generation": elite.generation,
            "island": elite.island,
            "stability": elite.stability.kind if elite.stability else None,
            "modes": list(elite.stability.modes) if elite.stability else [],
            "zero_modes": elite.stability.zero_modes if elite.stability else None,
            "label": elite.label or None,
            "degeneracy": elite.degeneracy.copies if elite.degeneracy else None,
            "continuous": elite.degeneracy.continuous if elite.degeneracy else None,
        }

    elites, history = [of(e) for e in record.elites], record.history
    return {
        "champion": elites[0] if elites else None,
        "bound": certificate(record),
        "elites": elites,
        "generations": len(history),
        "islands": history.islands,
        "evaluations": int(history["evaluations"].sum()),
        "migrations": len(history.migrations),
        "stopped": str(record.stopped) if record.stopped else None,
        "stop_code": record.stopped.code if record.stopped else None,
        "resumable": record.resumable,
        "seconds": record.seconds,
        "device": record.device,
        "sites": record.hamiltonian.lattice.sites,
        "field": list(record.hamiltonian.field),
        "version": record.version,
        "created": record.created,
    }


def catalogue(record: Record) -> dict[str, Any]:
    """What ``magsearch show --minima --json`` prints. Energies in meV."""
    names = (
        "energy_per_site", "label", "degeneracy", "continuous", "stability", "zero_modes", "charge", "magnetization",
    )  # fmt: skip
    said = summary(record)
    return {
        "minima": [{name: elite[name] for name in names} for elite in said["elites"]],
        **{name: said[name] for name in ("field", "sites", "stopped")},
    }


def above(record: Record, number: int) -> float:
    """How far an elite lies above the champion, meV per site; 0 where that is rounding."""
    best, energy = record.elites[0].energy, record.elites[number].energy
    return (energy - best) / record.hamiltonian.n_spins if abs(energy - best) > ROUNDING * abs(best) else 0.0


def caption(record: Record, number: int) -> str:
    """Energy and topological charge of an elite, for pictures."""
    energy = record.elites[number].energy / record.hamiltonian.n_spins
    return f"{energy:.6f} meV per site{charge_words(record, number)}"


def charge_words(record: Record, number: int) -> str:
    """ ", Q = -9.0"; nothing where that means nothing."""
    elite = record.elites[number]
    return "" if rough(record.hamiltonian.lattice, elite.spins) else f", Q = {fixed(elite.charge, 1)}"


def certificate(record: Record) -> dict[str, Any] | None:
    """How far the champion can be from the ground state; None where no bound was computed. meV per site."""
    bound = record.bound
    if bound is None:
        return None
    champion = record.elites[0].energy / record.hamiltonian.n_spins if record.elites else None
    return {
        "bound_per_site": bound.per_site,
        "gap": None if champion is None else bound.gap(champion),
        "tight": champion is not None and bound.reached(champion),
        "method": bound.method,
        "margin": bound.margin,
    }
