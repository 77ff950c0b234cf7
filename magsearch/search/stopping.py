"""Stopping rules of a search, the reasons why one ends as values, and when its state is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from magsearch.formatting import counted
from magsearch.search.history import History

NEAR = 1e-5  # of the stiffest coupling per site: distance from the bound at which the champion is tested for a proof


class LowerBound(Protocol):
    """A lower bound of the energy, as ``bounds.bound.Bound``, which reading an input need not import."""

    def gap(self, energy_per_site: float) -> float:
        """Return the distance of an energy from the bound, meV per site."""

    def reached(self, energy_per_site: float) -> bool:
        """Return whether an energy (meV per site) is proven to be the lowest possible."""


@dataclass(frozen=True)
class Reason:
    """Why a run or a scan ended: ``str`` gives the sentence for people, ``code`` is what files and programs hold.

    code         a word that never changes
    ended        False if a part of the work is left, which resumes from the file
    extensible   whether a longer limit lets an ended search resume; if not, its populations need not be stored
    """

    code = ""
    ended = True
    extensible = True


@dataclass(frozen=True)
class Converged(Reason):
    """The energies of the best minima no longer vary.

    deviation   meV per site, the largest standard deviation of a minimum's energy
    window      generations
    minima      how many of the best were compared, two or more; None: all elites
    """

    deviation: float
    window: int
    minima: int | None = None
    code = "converged"
    extensible = False

    def __str__(self) -> str:
        whose = "elites' energies" if self.minima is None else f"energies of the {self.minima} best minima"
        return f"{whose} vary by {self.deviation:.1e} meV per site over {self.window} generations"


@dataclass(frozen=True)
class ChampionConverged(Reason):
    """The energy of the champion no longer varies; those of other elites may.

    deviation   meV per site, the standard deviation of the champion's energy
    window      generations
    """

    deviation: float
    window: int
    code = "champion-converged"

    def __str__(self) -> str:
        varied = f"champion's energy varies by {self.deviation:.1e} meV per site over {self.window} generations"
        return f"{varied}, other minima may still change"


@dataclass(frozen=True)
class Proven(Reason):
    """The energy of the champion equals the lower bound of the box within rounding.

    gap   meV per site, between the champion in double precision and the bound
    """

    gap: float
    code = "proven"
    extensible = False

    def __str__(self) -> str:
        return (
            f"the champion is proven to be a ground state: {max(self.gap, 0.0):.1e} meV per site above the lower bound"
        )


@dataclass(frozen=True)
class GapClosed(Reason):
    """The best energy is within ``gap`` (meV per site) of the lower bound."""

    gap: float
    code = "gap-closed"

    def __str__(self) -> str:
        return f"best energy within {self.gap:g} meV per site of the lower bound"


@dataclass(frozen=True)
class TimeSpent(Reason):
    """The wall time allowed has been spent."""

    seconds: float
    code = "time-spent"

    def __str__(self) -> str:
        return f"{self.seconds:g} seconds spent"


@dataclass(frozen=True)
class GenerationsSpent(Reason):
    """The generations allowed have been spent."""

    generations: int
    code = "generations-spent"

    def __str__(self) -> str:
        return f"{counted(self.generations, 'generation')} done"


@dataclass(frozen=True)
class Signalled(Reason):
    """A signal stopped a run or a scan, which can be resumed; ``signal`` is its name."""

    signal: str
    code = "signalled"
    ended = False

    def __str__(self) -> str:
        return f"stopped by {self.signal}"


@dataclass(frozen=True)
class Completed(Reason):
    """All points of a scan are done."""

    code = "completed"
    extensible = False

    def __str__(self) -> str:
        return "all points done"


UNKNOWN = "unknown"


@dataclass(frozen=True)
class Stored(Reason):
    """A reason as a file holds it.

    sentence   for people
    code       that of the class it came from; ``UNKNOWN`` for files written before codes were stored
    """

    sentence: str
    code: str = UNKNOWN

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True)
class Stop:
    """Stopping rules of a search: the first that holds ends it.

    generations   maximum number
    seconds       maximum wall time; None: no limit
    window        generations over which the elites' energies must not vary (Xu et al. 2023)
    deviation     meV per site, largest standard deviation of an elite's energy that counts as not varying;
                  None: 1e-7 of the stiffest coupling
    gap           meV per site above ``bound``: a best energy that is no higher ends the search; None: none does
    minima        how many of the best must not vary; None: all elites, unless the champion is proven before
    patience      generations over which the champion's energy alone must not vary; None: twice the window, or without
                  limit where ``minima`` is given
    polish_seconds  maximum wall time of the refinement of the elites at the end; None: as ``budget.allowed`` says
    bound         lower bound of the energy, if there is one
    """

    generations: int = field(default=200, metadata={"doc": "Maximum number of generations.", "ge": 1, "later": True})
    seconds: float | None = field(
        default=None,
        metadata={
            "doc": "Maximum wall time, with that of competing supercells; the elites are refined once more after it.",
            "unit": "s", "default": "no limit",
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
    minima: int | None = field(
        default=None,
        metadata={
            "doc": "Number of the best minima whose energies must not vary over the window. One: only the champion "
            "counts. Two or more: neither a champion that does not vary nor one that is proven to be a ground state "
            "ends the search before.",
            "default": "all elites, or a proven champion, or search.patience", "ge": 1, "later": True,
        },
    )  # fmt: skip
    patience: int | None = field(
        default=None,
        metadata={
            "doc": "The search ends as well when its champion's energy alone has not varied over this number of "
            "generations, though other minima still change.",
            "unit": "generations", "default": "twice search.window; no limit where search.minima is given", "ge": 2,
            "later": True,
        },
    )  # fmt: skip
    polish_seconds: float | None = field(
        default=None,
        metadata={
            "doc": "Maximum time of the last refinement of the elites, their stability and degeneracy: what is there "
            "then is stored.", "unit": "s", "default": "a tenth of the search's time, at least 60 s", "gt": 0,
            "later": True,
        },
    )  # fmt: skip
    bound: LowerBound | None = None

    def reason(self, history: History, generations: int, known: int, stiffness: float) -> Reason | None:
        """Return why a search ends; None if it continues.

        history       figures of the generations so far
        generations   number of generations completed
        known         number of them that all ranks have reported; the decision uses these alone
        stiffness     meV, of the stiffest coupling
        """
        allowed = 1e-7 * stiffness if self.deviation is None else self.deviation
        if self.minima != 1 and (varied := _varied(history, known, self.window, self.minima)) <= allowed:
            return Converged(varied, self.window, self.minima)
        alone = self._alone()
        if alone is not None and (varied := _varied(history, known, alone, 1)) <= allowed:
            return ChampionConverged(varied, alone)
        if self.gap is not None and self.bound and known and self.bound.gap(best(history, known)) <= self.gap:
            return GapClosed(self.gap)
        if self.seconds is not None and known and history.seconds[known - 1] >= self.seconds:
            return TimeSpent(self.seconds)
        return GenerationsSpent(generations) if generations >= self.generations else None

    def _alone(self) -> int | None:
        """Return over how many generations a champion that does not vary ends the search; None: over any number."""
        if self.minima == 1:
            return self.window if self.patience is None else min(self.window, self.patience)
        return 2 * self.window if self.patience is None and self.minima is None else self.patience

    def provable(self, history: History, known: int, stiffness: float) -> bool:
        """Return whether the champion may attain the lower bound, and ends the search if it does.

        Energies of a search are those of single precision: only a champion in double precision decides.
        """
        if self.bound is None or not known or (self.minima or 1) > 1:
            return False
        return self.bound.gap(best(history, known)) <= NEAR * stiffness


def _varied(history: History, known: int, window: int, minima: int | None) -> float:
    """Return the largest standard deviation of the best minima's energies over the last generations, meV per site.

    Infinite while there are fewer generations, and where minima were added or dropped.
    """
    recent = np.array(history.levels[max(known - window, 0) : known])[..., :minima]  # [generation, minimum]
    if len(recent) < window or (np.isnan(recent) != np.isnan(recent[0])).any():
        return np.inf
    return float(recent[:, ~np.isnan(recent[0])].std(axis=0).max())


def best(history: History, known: int) -> float:
    """Return the best energy of all islands after ``known`` generations, meV per site."""
    return float(history.rows[known - 1]["best"].min())


@dataclass(frozen=True)
class Checkpoints:
    """When the state of a run is written, besides its end.

    generations   between two checkpoints; None: by wall time
    seconds       minimum wall time between two checkpoints
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
