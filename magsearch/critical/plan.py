"""Rounds of a search for a transition: a scan of the two smallest boxes, then windows about the crossing in all boxes.

A plan is a function of what has been measured, so that a search for a transition resumes from any round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from magsearch.critical.estimates import Estimates
from magsearch.critical.reweighting import Curves, curves
from magsearch.critical.series import Series
from magsearch.critical.transition import Transition, transition
from magsearch.errors import InputError
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.randomness import Consumer, stream
from magsearch.search.stopping import Reason
from magsearch.units import K_B

RUNGS = 16  # temperatures of a window
SCANNED = 48  # temperatures of the scan
SCAN = 800  # most measured sweeps of the scan
HIGH, LOW = 1.15, 0.05  # ends of the scan, of the mean-field temperature
LOW_RANDOM = 0.5  # lower end, of the random-phase temperature, where there is one
WIDTH = {1: 0.2, 2: 0.15, 3: 0.10}  # half the width of the smallest box's window, relative, by dimension
SWEEPS = {1: 10_000, 2: 10_000, 3: 4000}  # of a round, by dimension
GRID = 401  # temperatures at which curves are compared


@dataclass(frozen=True)
class Settings:
    """Settings of a search for a transition.

    sizes      of the boxes, rising, in copies of a compact box of the ground state
    sweeps     measured sweeps of every ladder in a round
    rounds     largest number of rounds after the scan
    precision  relative error at which it ends
    ladders    independent ladders of every box
    seed       random seed

    Raises InputError for what cannot be used.
    """

    sizes: tuple[int, ...]
    sweeps: int
    rounds: int = 6
    precision: float = 0.002
    ladders: int = 2
    seed: int = 1

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in pairwise(self.sizes))
        if len(self.sizes) < 2 or self.sizes[0] < 1 or not rising:
            listed = ",".join(map(str, self.sizes))
            raise InputError(f"{listed} are no sizes; expected two or more rising whole numbers", "sizes")
        if not 0 < self.precision < 1:
            raise InputError(f"is {self.precision}; expected a number between 0 and 1", "precision")
        for name, least in (("sweeps", 100), ("rounds", 1), ("ladders", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"is {getattr(self, name)}; expected at least {least}", name)


@dataclass(frozen=True, eq=False)
class Round:
    """Measurements of one round: a series for each box that took part, by its number."""

    series: dict[int, Series]


@dataclass(frozen=True, eq=False)
class Next:
    """Instructions for a round: temperatures [rung] of each box by its number; whether its textures are continued."""

    kelvin: dict[int, NDArray[np.float64]]
    sweeps: int
    warmup: int
    continued: bool


@dataclass(frozen=True, eq=False)
class Analysis:
    """Curves of the rounds so far and the transition in them. ``scan``: of the scan alone."""

    sizes: tuple[int, ...]
    curves: tuple[Curves, ...]
    transition: Transition
    scan: bool


@dataclass(frozen=True)
class Precise(Reason):
    """The relative error that was asked for is reached."""

    precision: float
    code = "precise"

    def __str__(self) -> str:
        return f"relative error below {self.precision:g}"


@dataclass(frozen=True)
class RoundsSpent(Reason):
    """The rounds that were allowed have been spent."""

    rounds: int
    code = "rounds-spent"

    def __str__(self) -> str:
        return f"{self.rounds} rounds done"


@dataclass(frozen=True)
class NothingFound(Reason):
    """The scan shows no transition."""

    code = "no-transition"

    def __str__(self) -> str:
        return "no transition in the scan"


def range_of(estimate: Estimates, hamiltonian: Hamiltonian) -> tuple[float, float]:
    """Return the ends of the scan in kelvin: of the estimates, or of the strongest couplings of a spin."""
    top = estimate.mean_field or hamiltonian.stiffness / K_B
    low = max(LOW * top, LOW_RANDOM * (estimate.random_phase or 0.0))
    return min(low, 0.5 * top), HIGH * top


def analysis(
    rounds: Sequence[Round], spins: Sequence[int], settings: Settings, watch: Callable[[], None] = lambda: None
) -> Analysis:
    """Return the curves of all rounds after the scan, or of the scan, and the transition in them.

    spins   number of spins of every box
    """
    scan = len(rounds) == 1
    used = rounds if scan else rounds[1:]
    places = sorted(used[0].series)
    ends = [series.kelvin[[0, -1]] for one in used for series in one.series.values()]
    kelvin = np.linspace(min(a for a, _ in ends), max(b for _, b in ends), GRID)
    random = [stream(settings.seed, Consumer.RESAMPLING, place, len(rounds)) for place in places]
    found = tuple(
        curves([one.series[place] for one in used], spins[place], kelvin, own, watch)
        for place, own in zip(places, random, strict=True)
    )
    sizes = tuple(settings.sizes[place] for place in places)
    return Analysis(sizes, found, transition(sizes, found), scan)


def following(
    rounds: Sequence[Round], found: Analysis | None, settings: Settings, ends: tuple[float, float], dimension: int
) -> Next | Reason:
    """Return what is sampled after some rounds with the analysis ``found``, or why no more is.

    ends        of the scan, kelvin
    dimension   number of axes along which boxes grow
    """
    if not rounds or found is None:
        kelvin = np.geomspace(*ends, SCANNED)
        sweeps = min(SCAN, settings.sweeps)
        return Next(dict.fromkeys((0, 1), kelvin), sweeps, sweeps // 2, False)
    known = found.transition
    if found.scan:
        if known.kelvin is None:
            return NothingFound()
        widths = [settings.sizes[0] / settings.sizes[min(place, 1)] for place in range(len(settings.sizes))]
        return _windows(known.kelvin, widths, settings, dimension, settings.sweeps // 2, settings.sweeps // 2, False)
    reached = known.kelvin is not None and known.error < settings.precision * known.kelvin
    if len(rounds) > settings.rounds or (reached and len(rounds) > 2):
        return Precise(settings.precision) if reached else RoundsSpent(settings.rounds)
    if known.kelvin is None:  # the window was beside it
        before = rounds[-1].series
        middle = float(np.mean([series.kelvin.mean() for series in before.values()]))
        widths = [1.5 * np.ptp(before[k].kelvin) / middle / 2 / WIDTH[dimension] for k in sorted(before)]
        return _windows(middle, widths, settings, dimension, settings.sweeps, settings.sweeps // 2, False)
    widths = [settings.sizes[0] / size for size in settings.sizes]
    return _windows(known.kelvin, widths, settings, dimension, settings.sweeps, settings.sweeps // 5, True)


def _windows(
    middle: float,
    widths: Sequence[float],
    settings: Settings,
    dimension: int,
    sweeps: int,
    warmup: int,
    continued: bool,
) -> Next:
    parts = [min(0.5, WIDTH[dimension] * width) for width in widths]
    kelvin = {place: middle * np.linspace(1 - part, 1 + part, RUNGS) for place, part in enumerate(parts)}
    return Next(kelvin, sweeps, warmup, continued)
