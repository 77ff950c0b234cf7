"""Between the search and its file: what a run leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.config.input import Input
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.observables.energy_density import energy_density
from magsearch.observables.magnetization import magnetization
from magsearch.observables.topological_charge import topological_charge
from magsearch.phases.rules import label
from magsearch.phases.spectrum import portrait, spectrum
from magsearch.search.archipelago import Archipelago
from magsearch.search.island import Candidate
from magsearch.search.stopping import Reason
from magsearch.storage import Elite, Record


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


def record(
    given: Input, search: Archipelago, elites: Sequence[Candidate], stopped: Reason | None, **run: Any
) -> Record:
    """Return the state of a search on rank 0; ``stopped`` says why it ended, None while it goes on.

    run   what a search does not know: created, command, layout, writing, bound, resumable
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
