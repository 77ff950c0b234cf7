"""Selection of parents. A selection is called with the energies of the candidates and returns places of parents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from magsearch.randomness import Draws
from magsearch.units import K_B


class Selection(Protocol):
    """A rule that selects the parents of offspring."""

    def __call__(self, energy: NDArray[np.float64], count: int, draws: Draws) -> NDArray[np.int64]:
        """Return the places of ``count`` parents for each replica of ``draws``, [replica, parent].

        energy   [candidate], meV of the whole texture
        """


@dataclass(frozen=True)
class SteadyState:
    """The better part of the candidates, all with the same probability.

    share   of the candidates that may become parents
    """

    share: float = 0.5

    def __call__(self, energy: NDArray[np.float64], count: int, draws: Draws) -> NDArray[np.int64]:
        """Return parents drawn from the better part, without repetition as far as it goes."""
        best = np.argsort(energy, kind="stable")[: max(1, round(self.share * len(energy)))]
        if len(best) < count:
            return best[draws.integers(0, len(best), count)]
        order, replica = np.tile(best, (len(draws), 1)), np.arange(len(draws))
        for turn in range(count):  # Fisher and Yates
            drawn = draws.integers(turn, len(best))
            order[replica, turn], order[replica, drawn] = order[replica, drawn], order[replica, turn]
        return order[:, :count]


@dataclass(frozen=True)
class Tournament:
    """The best of ``size`` candidates drawn at random."""

    size: int = 3

    def __call__(self, energy: NDArray[np.float64], count: int, draws: Draws) -> NDArray[np.int64]:
        """Return the winner of a tournament for each parent."""
        drawn = draws.integers(0, len(energy), (count, self.size))
        winner = energy[drawn].argmin(axis=2)
        return np.take_along_axis(drawn, winner[..., None], axis=2)[..., 0]


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

    def __call__(self, energy: NDArray[np.float64], count: int, draws: Draws) -> NDArray[np.int64]:
        """Return parents drawn with Boltzmann weights."""
        scale = float(energy.std()) if self.temperature is None else K_B * self.temperature
        weight = np.exp(-(energy - energy.min()) / scale) if scale > 0 else (energy == energy.min()).astype(float)
        return draws.choice(weight, count)


SELECTIONS: dict[str, type] = {"steady-state": SteadyState, "tournament": Tournament, "roulette": Roulette}
