"""Tasks of an exploration that ranks divide: saddle points on paths, and states of the theory of rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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


class Explorer(Protocol):
    """An exploration as its tasks see it (``explore.py``)."""

    evaluator: Evaluator
    bands: Bands
    watch: Callable[[], None]

    def theory(self, kelvin: float) -> Rates:
        """Return the theory of rates from a lowest temperature on."""
        ...


@dataclass(frozen=True, eq=False)
class Crossed:
    """Saddle points on relaxed paths.

    found         each with the two textures [site, 3] that relaxation reaches from it
    evaluations   of energies, forces and products with Hessians
    """

    found: list[tuple[Stationary, tuple[NDArray[np.float64], NDArray[np.float64]]]]
    evaluations: int


@dataclass(frozen=True, eq=False)
class Crossing:
    """The saddle points on paths: bands that are relaxed together.

    paths   [path, image, site, 3], initial
    """

    paths: NDArray[np.float64]

    def __call__(self, explorer: Explorer) -> Crossed:
        """Relax the paths, follow their maxima, and relax both sides of the saddle points."""
        evaluator, watch, effort = explorer.evaluator, explorer.watch, Effort()
        relaxed = bands.relax(explorer.bands, evaluator, self.paths, watch)
        peaks = [(k, image) for k in range(len(self.paths)) for image in relaxed.peaks(k)[:PEAKS]]
        found: list[Stationary | None] = []
        if peaks:
            guesses = np.array([relaxed.paths[peak] for peak in peaks])
            along = np.array([relaxed.tangent(*peak) for peak in peaks])
            found = saddles.follow(evaluator, guesses, along, watch, effort)
        stationary = [one for one in found if one is not None]
        ends = saddles.descents(evaluator, stationary, watch, effort)
        pairs = list(zip(stationary, ends, strict=True))
        return Crossed(pairs, relaxed.evaluations + effort.forces + effort.products)


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
