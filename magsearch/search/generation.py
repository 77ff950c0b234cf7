"""Generations of an island: the statistics of one, and the state from which the next one follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.search.candidate import Candidate


@dataclass(frozen=True)
class Generation:
    """Statistics of one generation; energies in meV per site, over the candidates that are kept."""

    generation: int
    best: float
    mean: float
    deviation: float
    energies: NDArray[np.float64] = field(compare=False)  # [candidate], best first
    evaluations: int  # of energy and force of one replica, in this generation
    offspring: dict[str, int]  # by operator
    successes: dict[str, int]  # offspring that were kept, by operator


@dataclass(frozen=True)
class State:
    """State that determines the next generation of an island together with its settings; textures on its device."""

    generation: int = 0
    candidates: tuple[Candidate, ...] = ()  # distinct, best first; before the first generation: given ones
    leaders: tuple[tuple[Candidate, float], ...] = ()  # that attract the next offspring, with their pulls

    def moved(self, move: Callable[[Device, Sequence[Candidate]], list[Candidate]], device: Device) -> State:
        """Return the state after ``on_host`` or ``compact`` moved its textures in one transfer."""
        every = move(device, [*self.candidates, *(leader for leader, _ in self.leaders)])
        first, pulls = len(self.candidates), [pull for _, pull in self.leaders]
        return replace(self, candidates=tuple(every[:first]), leaders=tuple(zip(every[first:], pulls, strict=True)))
