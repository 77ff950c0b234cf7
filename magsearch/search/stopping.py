"""When a search ends, and when its state should be written."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from magsearch.search.history import History


@dataclass(frozen=True)
class Stop:
    """When a search ends: whichever comes first.

    generations   at the most
    seconds       at the most, on the wall clock; None: no limit
    window        generations over which the elites' energies must not vary (Xu et al. 2023)
    deviation     meV per site, largest standard deviation of an elite's energy that counts as not varying;
                  None: 1e-7 of the stiffest coupling
    gap           meV per site above ``bound``: a best energy that is no higher ends the search; None: none does
    bound         meV per site: no texture has less energy (``bounds.lower_bound``)
    elites        how many of the best must not vary; None: all
    """

    generations: int = field(default=200, metadata={"doc": "Maximum number of generations.", "ge": 1, "later": True})
    seconds: float | None = field(
        default=None,
        metadata={
            "doc": "Maximum wall time; the elites are refined once more after it.", "unit": "s", "default": "no limit",
            "gt": 0, "later": True,
        },
    )  # fmt: skip
    window: int = field(
        default=10,
        metadata={
            "doc": "The search ends when the energies of its elites have not varied over this number of generations.",
            "unit": "generations", "ge": 2, "later": True,
        },
    )  # fmt: skip
    deviation: float | None = field(
        default=None,
        metadata={
            "doc": "Largest standard deviation of an elite's energy that counts as not varying.",
            "unit": "meV per site", "default": "1e-7 of the stiffest coupling", "ge": 0, "later": True,
        },
    )  # fmt: skip
    gap: float | None = field(
        default=None,
        metadata={
            "doc": "The search ends when its best minimum is at most this far above the lower bound.",
            "unit": "meV per site", "gt": 0, "later": True,
        },
    )  # fmt: skip
    bound: float = -math.inf
    elites: int | None = None

    def reason(self, history: History, generations: int, known: int, stiffness: float) -> str:
        """Why a search ends after so many generations, by the first ``known`` of them; empty while it goes on.

        stiffness   meV, of the stiffest coupling
        """
        levels = np.array(history.levels[max(known - self.window, 0) : known])  # [generation, elite]
        recent = levels[..., : self.elites]
        allowed = 1e-7 * stiffness if self.deviation is None else self.deviation
        if len(recent) == self.window and (np.isnan(recent) == np.isnan(recent[0])).all():
            varied = recent[:, ~np.isnan(recent[0])].std(axis=0).max()
            if varied <= allowed:
                return f"elites' energies vary by {varied:.1e} meV per site over {self.window} generations"
        if self.gap is not None and known and history.rows[known - 1]["best"].min() - self.bound <= self.gap:
            return f"best energy within {self.gap:g} meV per site of the lower bound"
        if self.seconds is not None and known and history.seconds[known - 1] >= self.seconds:
            return f"{self.seconds:g} seconds spent"
        return f"{generations} generations done" if generations >= self.generations else ""


@dataclass(frozen=True)
class Checkpoints:
    """When a run's state should be written, besides its end.

    generations   from one to the next; None: as the clock has it
    seconds       from one to the next, at least
    share         of the wall time that writing may take
    """

    generations: int | None = field(
        default=None,
        metadata={
            "doc": "Generations between two checkpoints.", "unit": "generations", "default": "by wall time", "ge": 1,
            "later": True,
        },
    )  # fmt: skip
    seconds: float = field(
        default=10.0,
        metadata={"doc": "Minimum time between two checkpoints.", "unit": "s", "ge": 0, "later": True},
    )
    share: float = field(
        default=0.01,
        metadata={
            "doc": "Largest fraction of the wall time that checkpoints by wall time may take.", "gt": 0, "le": 1,
            "later": True,
        },
    )  # fmt: skip
