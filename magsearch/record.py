"""Between the search and its file: what a run leaves behind."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.config import Input
from magsearch.evaluator import Evaluator
from magsearch.hamiltonian import Hamiltonian
from magsearch.island import Candidate
from magsearch.lattice import Lattice
from magsearch.observables import magnetization, topological_charge
from magsearch.search import Search
from magsearch.storage import Elite, Record


def elite(candidate: Candidate, lattice: Lattice) -> Elite:
    return Elite(
        spins=candidate.texture.astype(np.float64),
        energy=candidate.energy,
        magnetization=magnetization(candidate.texture),
        charge=float(topological_charge(lattice, candidate.texture)),
        torque=candidate.torque,
        origin=candidate.origin,
        generation=candidate.generation,
    )


def record(given: Input, search: Search, stopped: str, created: str) -> Record:
    """The state of a search; ``stopped`` says why it ended, and is empty while it goes on."""
    generations = search.history
    operators = sorted({name for generation in generations for name in generation.offspring})

    def counts(kind: str) -> dict[str, NDArray[np.int64]]:
        return {name: np.array([getattr(g, kind).get(name, 0) for g in generations]) for name in operators}

    names = ("generation", "best", "mean", "deviation", "evaluations")
    history = {name: np.array([getattr(g, name) for g in generations]) for name in names}
    return Record(
        hamiltonian=given.hamiltonian,
        input_path=str(given.path),
        input_text=given.text,
        settings=given.as_json(),
        history={**history, "seconds": np.array(search.seconds)},
        offspring=counts("offspring"),
        successes=counts("successes"),
        elites=tuple(elite(candidate, given.hamiltonian.lattice) for candidate in search.elites),
        stopped=stopped,
        seconds=search.elapsed,
        device=search.device.description,
        created=created,
        version=version("magsearch"),
        command=shlex.join(sys.argv),
    )


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def summary(record: Record) -> dict[str, Any]:
    """What ``magsearch show --json`` prints. Energies in meV."""
    spins = record.hamiltonian.spins

    def of(elite: Elite) -> dict[str, Any]:
        return {
            "energy_per_site": elite.energy / spins,
            "charge": elite.charge,
            "magnetization": elite.magnetization.tolist(),
            "torque": elite.torque,
            "origin": elite.origin,
            "generation": elite.generation,
        }

    elites = [of(e) for e in record.elites]
    return {
        "champion": elites[0] if elites else None,
        "elites": elites,
        "generations": len(record.history["generation"]),
        "evaluations": int(np.sum(record.history["evaluations"])),
        "stopped": record.stopped or None,
        "seconds": record.seconds,
        "device": record.device,
        "sites": record.hamiltonian.lattice.sites,
        "field": list(record.hamiltonian.field),
        "version": record.version,
        "created": record.created,
    }


def energies(evaluators: Mapping[str, Evaluator], spins: NDArray[np.float64]) -> dict[str, float]:
    """Energy per spin of one texture [site, 3] under each of some Hamiltonians, meV."""
    return {name: float(e.energies(spins)[0]) / e.hamiltonian.spins for name, e in evaluators.items()}


def largest_torque(hamiltonian: Hamiltonian, field: NDArray[np.float64], spins: NDArray[np.float64]) -> float:
    """max |s x b| in meV; field and spins [site, 3]."""
    return float(np.linalg.norm(np.cross(spins, field), axis=1).max())


def bytes_per_replica(sites: int, path: str) -> int:
    """Memory that one replica of a running population takes: spins, force, and scratch of a convolution, float32."""
    return 3 * 4 * sites * (5 if path == "fourier" else 2)


def vector(values: Iterable[float], digits: int = 4) -> str:
    return "(" + ", ".join(f"{round(v, digits) + 0.0:.{digits}f}" for v in values) + ")"
