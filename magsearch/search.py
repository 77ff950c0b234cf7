"""The whole job: breed generations until the elites' energies vary no more, then polish the elites.

Files, screens and clocks look in from outside: ``run`` yields after every generation.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from magsearch.crystal import Crystal
from magsearch.device import Device
from magsearch.evaluator import Evaluator, Path
from magsearch.hamiltonian import Hamiltonian
from magsearch.island import Candidate, Generation, GeneticTunneling, Island


@dataclass(frozen=True)
class Stop:
    """When a search ends: whichever comes first.

    generations   at the most
    seconds       at the most, on the wall clock; None: no limit
    window        generations over which the elites' energies must not vary (Xu et al. 2023)
    deviation     meV per site, largest standard deviation of an elite's energy that counts as not varying;
                  None: 1e-7 of the stiffest coupling
    """

    generations: int = 200
    seconds: float | None = None
    window: int = 10
    deviation: float | None = None


@dataclass
class Search:
    """A genetic-tunneling search of one Hamiltonian on one device.

    history   one entry for each generation so far
    elapsed   seconds so far
    elites    best distinct minima so far, in single precision; in double precision once ``stopped`` says why it ended
    """

    hamiltonian: Hamiltonian
    device: Device
    settings: GeneticTunneling = field(default_factory=GeneticTunneling)
    stop: Stop = field(default_factory=Stop)
    path: Path | None = None
    history: list[Generation] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # on the clock after each generation
    elites: list[Candidate] = field(default_factory=list)
    stopped: str = ""
    elapsed: float = 0.0

    def __post_init__(self) -> None:
        self.evaluator = Evaluator(self.hamiltonian, self.device, np.float32, self.path)
        self.island = Island(Crystal(self.hamiltonian), self.evaluator, self.settings)

    @property
    def champion(self) -> Candidate:
        return self.elites[0]

    def run(self) -> Iterator[Generation]:
        """Breed until a stopping rule holds, and polish; yields every generation as it ends."""
        begin, elite_energies = time.monotonic(), []
        while not self.stopped:
            generation = self.island.breed()
            self.elites = self.island.elites
            self.history.append(generation)
            self.elapsed = time.monotonic() - begin
            self.seconds.append(self.elapsed)
            elite_energies.append([candidate.energy for candidate in self.elites])
            self.stopped = self._stopped(elite_energies)
            yield generation
        self.elites = self.island.polished()
        self.elapsed = time.monotonic() - begin

    def _stopped(self, elite_energies: list[Any]) -> str:
        """Why the search ends after this generation; empty while it goes on."""
        stop, recent = self.stop, elite_energies[-self.stop.window :]
        allowed = 1e-7 * self.evaluator.stiffness if stop.deviation is None else stop.deviation
        if len(recent) == stop.window and len({len(energies) for energies in recent}) == 1:
            varied = np.std(np.array(recent) / self.hamiltonian.spins, axis=0).max()
            if varied <= allowed:
                return f"elites' energies vary by {varied:.1e} meV per site over {stop.window} generations"
        if stop.seconds is not None and self.elapsed >= stop.seconds:
            return f"{stop.seconds:g} seconds spent"
        if len(self.history) >= stop.generations:
            return f"{stop.generations} generations done"
        return ""
