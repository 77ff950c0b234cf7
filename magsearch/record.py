"""Between the search and its file: what a run leaves behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.archipelago import Archipelago
from magsearch.config import Input
from magsearch.density import energy_density
from magsearch.evaluator import Evaluator
from magsearch.hamiltonian import Hamiltonian
from magsearch.island import Candidate
from magsearch.observables import magnetization, rough, topological_charge
from magsearch.phases import label
from magsearch.portraits import portrait, spectrum
from magsearch.storage import Elite, Record
from magsearch.units import fixed

ROUNDING = 1e-12  # of an energy: a smaller difference means nothing


def elite(candidate: Candidate, hamiltonian: Hamiltonian, energy_density: NDArray[np.float64] | None = None) -> Elite:
    lattice = hamiltonian.lattice
    figures = portrait(lattice, spectrum(lattice, candidate.texture), hamiltonian.field)
    return Elite(
        spins=candidate.texture,
        energy=candidate.energy,
        magnetization=magnetization(candidate.texture),
        charge=float(topological_charge(lattice, candidate.texture)),
        torque=candidate.torque,
        origin=candidate.origin,
        generation=candidate.generation,
        island=candidate.island,
        energy_density=energy_density,
        stability=candidate.stability,
        free_energy=candidate.free_energy,
        label=label(figures),
        degeneracy=candidate.degeneracy,
    )


def record(given: Input, search: Archipelago, elites: Sequence[Candidate], stopped: str, **run: Any) -> Record:
    """The state of a search on rank 0; ``stopped`` says why it ended, and is empty while it goes on.

    run   what a search does not know: created, command, layout, writing
    """
    densities = energy_density(search.evaluator, [e.texture for e in elites]) if elites else ()
    return Record(
        hamiltonian=given.hamiltonian,
        input_path=str(given.path),
        input_text=given.text,
        settings=given.as_json(),
        history=search.history,
        elites=tuple(elite(e, given.hamiltonian, density) for e, density in zip(elites, densities, strict=True)),
        stopped=stopped,
        seconds=search.elapsed,
        waited=tuple(search.waited.tolist()),
        device=search.device.description,
        version=version("magsearch"),
        **run,
    )


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def summary(record: Record) -> dict[str, Any]:
    """What ``magsearch show --json`` prints. Energies in meV."""
    spins = record.hamiltonian.spins

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
        "stopped": record.stopped or None,
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
    return (energy - best) / record.hamiltonian.spins if abs(energy - best) > ROUNDING * abs(best) else 0.0


def caption(record: Record, number: int) -> str:
    """Energy and topological charge of an elite, for pictures."""
    energy = record.elites[number].energy / record.hamiltonian.spins
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
    champion = record.elites[0].energy / record.hamiltonian.spins if record.elites else None
    return {
        "bound_per_site": bound.per_site,
        "gap": None if champion is None else bound.gap(champion),
        "tight": champion is not None and bound.reached(champion),
        "method": bound.method,
        "margin": bound.margin,
    }


def energies(evaluators: Mapping[str, Evaluator], spins: NDArray[np.float64]) -> dict[str, float]:
    """Energy per spin of one texture [site, 3] under each of some Hamiltonians, meV."""
    return {name: float(e.energies(spins)[0]) / e.hamiltonian.spins for name, e in evaluators.items()}


def largest_torque(hamiltonian: Hamiltonian, field: NDArray[np.float64], spins: NDArray[np.float64]) -> float:
    """max |s x b| in meV; field and spins [site, 3]."""
    return float(np.linalg.norm(np.cross(spins, field), axis=1).max())


def vector(values: Iterable[float], digits: int = 4) -> str:
    return "(" + ", ".join(fixed(v, digits) for v in values) + ")"
