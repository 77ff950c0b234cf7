"""Selection of parents. A selection is called with the sorted energies of the candidates and returns their places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from magsearch.units import K_B


class Selection(Protocol):
    """A rule that selects the parents of offspring."""

    def __call__(self, energy: NDArray[np.float64], count: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Return the places of ``count`` parents among candidates with ``energy`` [candidate], meV per replica."""


@dataclass(frozen=True)
class SteadyState:
    """The better part of the candidates, all with the same probability.

    share   of the candidates that may become parents
    """

    share: float = 0.5

    def __call__(self, energy: NDArray[np.float64], count: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Return parents drawn from the better part, without repetition as far as it goes."""
        best = np.argsort(energy, kind="stable")[: max(1, round(self.share * len(energy)))]
        return random.choice(best, size=count, replace=len(best) < count)


@dataclass(frozen=True)
class Tournament:
    """The best of ``size`` candidates drawn at random."""

    size: int = 3

    def __call__(self, energy: NDArray[np.float64], count: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Return the winner of a tournament for each parent."""
        drawn = random.integers(len(energy), size=(count, self.size))
        return drawn[np.arange(count), energy[drawn].argmin(axis=1)]


@dataclass(frozen=True)
class Roulette:
    """Boltzmann weights exp(-E / k_B T): energies are negative, only differences count.

    temperature   kelvin; None: k_B T is the standard deviation of the candidates' energies
    """

    temperature: float | None = field(
        default=None,
        metadata={
            "doc": "Temperature of the Boltzmann weights; selects the roulette.", "unit": "K",
            "default": "spread of the energies", "gt": 0, "per_island": True,
        },
    )  # fmt: skip

    def __call__(self, energy: NDArray[np.float64], count: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Return parents drawn with Boltzmann weights."""
        scale = float(energy.std()) if self.temperature is None else K_B * self.temperature
        weight = np.exp(-(energy - energy.min()) / scale) if scale > 0 else (energy == energy.min()).astype(float)
        return random.choice(len(energy), size=count, p=weight / weight.sum())


SELECTIONS: dict[str, type] = {"steady-state": SteadyState, "tournament": Tournament, "roulette": Roulette}
