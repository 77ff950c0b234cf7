"""Tasks of an exploration that ranks divide: saddle points on paths, and states of the theory of rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.landscape import bands, saddles
from magsearch.landscape.bands import Bands
from magsearch.landscape.effort import Effort
from magsearch.landscape.rates import Rates, State
from magsearch.landscape.saddles import Stationary

PEAKS = 2  # largest number of maxima of a path that are followed to saddle points
Sides = tuple[NDArray[np.float64], NDArray[np.float64]]  # what relaxation reaches from a saddle point
FEW = 5  # iterations of a band before its maxima are followed for the first time


class Explorer(Protocol):
    """An exploration as its tasks see it (``explore.py``)."""

    evaluator: Evaluator
    bands: Bands
    watch: Callable[[], None]

    def theory(self, kelvin: float) -> Rates:
        """Return the theory of rates from a lowest temperature on."""
        ...

    def one(self, texture: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
        """Return whether two textures [site, 3] are the same minimum."""
        ...


@dataclass(frozen=True, eq=False)
class Crossed:
    """Saddle points on relaxed paths.

    found         each with the two textures [site, 3] that relaxation reaches from it
    evaluations   of energies, forces and products with Hessians
    """

    found: list[tuple[Stationary, Sides]]
    evaluations: int


@dataclass(frozen=True, eq=False)
class Crossing:
    """The saddle points on paths: bands that are relaxed together.

    The maxima of bands are followed after a few iterations. Where saddle points are found from which relaxation leads
    to both ends of a path, possibly by way of other minima, its band is not needed any more. The others are relaxed on
    and followed once more.

    paths   [path, image, site, 3], initial
    """

    paths: NDArray[np.float64]

    def __call__(self, explorer: Explorer) -> Crossed:
        """Relax the paths, follow their maxima, and relax both sides of the saddle points."""
        evaluator, watch, effort = explorer.evaluator, explorer.watch, Effort()
        paths, found, evaluations = self.paths, list[tuple[Stationary, Sides]](), 0
        for settings in stages(explorer.bands):
            relaxed = bands.relax(settings, evaluator, paths, watch)
            evaluations += relaxed.evaluations
            peaks = [(k, image) for k in range(len(paths)) for image in relaxed.peaks(k)[:PEAKS]]
            reached: list[Stationary | None] = []
            if peaks:
                guesses = np.array([relaxed.paths[peak] for peak in peaks])
                along = np.array([relaxed.tangent(*peak) for peak in peaks])
                reached = saddles.follow(evaluator, guesses, along, watch, effort)
            there = [(k, one) for (k, _), one in zip(peaks, reached, strict=True) if one is not None]
            sides = saddles.descents(evaluator, [one for _, one in there], watch, effort)
            found += [(one, ends) for (_, one), ends in zip(there, sides, strict=True)]
            left = [
                k
                for k, path in enumerate(paths)
                if not joined(explorer, path, [ends for (of, _), ends in zip(there, sides, strict=True) if of == k])
            ]
            if not left:
                break
            paths = relaxed.paths[left]
        return Crossed(found, evaluations + effort.forces + effort.products)


def stages(settings: Bands) -> list[Bands]:
    """Return the settings of a band that is relaxed a little, and then as far as it has to be."""
    few = min(FEW, settings.steps)
    rest = replace(settings, steps=settings.steps - few, climbing=max(0, settings.climbing - few))
    return [replace(settings, steps=few), *([rest] if rest.steps else [])]


def joined(explorer: Explorer, path: NDArray[np.float64], sides: Sequence[Sides]) -> bool:
    """Return whether saddle points, each with the textures that relaxation reaches from it, join the ends of a path."""
    reached, left = [path[0]], list(sides)
    while left:
        met = [pair for pair in left if any(explorer.one(side, other) for side in pair for other in reached)]
        if not met:
            return False
        reached += [side for pair in met for side in pair]
        if any(explorer.one(side, path[-1]) for pair in met for side in pair):
            return True
        left = [pair for pair in left if not any(pair is other for other in met)]
    return False


@dataclass(frozen=True, eq=False)
class Judged:
    """A stationary texture as the theory of rates needs it.

    spins     [site, 3]
    saddle    whether it is a saddle point
    kelvin    lowest temperature
    """

    spins: NDArray[np.float64]
    saddle: bool
    kelvin: float

    def __call__(self, explorer: Explorer) -> State | str:
        """Return its state, or why there is none."""
        try:
            return explorer.theory(self.kelvin).state(self.spins, self.saddle)
        except ValueError as error:
            return str(error)
