"""Crossovers: operators that combine parts of two or four parents, after a random symmetry applied to each parent.

Cut-and-splice crossover: Deaven & Ho, Phys. Rev. Lett. 75, 288 (1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from magsearch.operators import arrays
from magsearch.operators.crystal import Crystal
from magsearch.randomness import Draws


def _beyond(crystal: Crystal, axis: Any, start: Any) -> Any:
    """Return how far each site lies beyond a place along an axis of the box, [replica, site], 0 to 1 around the box.

    axis, start   [replica]
    """
    beyond = crystal.places[crystal.device.array(axis, np.int64)] - crystal.column(start)
    return beyond - crystal.xp.floor(beyond)


@dataclass(frozen=True)
class StripeSplice:
    """Stripe of one parent in the other, across the box and perpendicular to a reciprocal vector of the box."""

    parents: int = 2

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return one parent with a stripe of the other."""
        axes = np.array(crystal.extended or [0])
        beyond = _beyond(crystal, axes[draws.integers(0, len(axes))], draws.uniform())
        inside = beyond < crystal.column(draws.uniform(0.15, 0.5))
        return crystal.spliced(parents, inside, draws)


@dataclass(frozen=True)
class QuadrantSplice:
    """Four parents combined, one in each quadrant of two axes (two halves for chains)."""

    parents: int = 4

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the quadrants of four parents in one texture."""
        axes = np.argsort(draws.uniform(size=3)[:, : len(crystal.extended) or 1], axis=1)
        axes, start = np.array(crystal.extended or [0])[axes], draws.uniform(size=2)
        one = _beyond(crystal, axes[:, 0], start[:, 0]) < 0.5
        if axes.shape[1] == 1:
            return crystal.spliced(parents, one, draws)
        other = _beyond(crystal, axes[:, 1], start[:, 1]) < 0.5
        return crystal.spliced(parents, one + 2 * other, draws)


@dataclass(frozen=True)
class PatchSplice:
    """Disk (ball) of one parent in the other.

    smallest, largest  radii in units of the shortest edge of the box
    """

    parents: int = 2
    smallest: float = 0.1
    largest: float = 0.45

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return one parent with a disk of the other."""
        inside = crystal.patch(draws, self.smallest * crystal.extent, self.largest * crystal.extent)
        return crystal.spliced(parents, inside, draws)


@dataclass(frozen=True)
class FourierSplice:
    """Fourier components of one parent for wave vectors in a slab through zero, of the other parent outside of it."""

    parents: int = 2

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the inverse Fourier transform of components of both parents."""
        xp, spectrum, sites = crystal.xp, crystal.spectrum, crystal.lattice.sites
        moved = crystal.moved(parents, draws)
        if not crystal.extended:
            return moved[:, 0]
        planes = spectrum.planes(moved.reshape(-1, sites, 3))
        modes = spectrum.modes(planes).reshape(len(parents), 2, planes.shape[1], -1)
        a, b = modes[:, 0], modes[:, 1]
        strength = spectrum.power(a) + spectrum.power(b)
        normal = draws.normal(3) / crystal.lattice.size
        side = xp.abs((spectrum.waves * crystal.device.array(normal[..., None], np.float32)).sum(axis=1))
        strong = strength > np.float32(1e-3) * strength.max(axis=1)[:, None]
        outside = side > _quantile(crystal, side, strong, draws.uniform(0.2, 0.8))
        return spectrum.textures(spectrum.values(xp.where(outside[:, None], b, a)))


def _quantile(crystal: Crystal, values: Any, chosen: Any, level: Any) -> Any:
    """Return the quantile [replica, 1] of the chosen values of each replica, by linear interpolation.

    values, chosen   [replica, value] on the device; level [replica] on the host
    """
    xp = crystal.xp
    ascending = xp.sort(xp.where(chosen, values, np.float32(np.inf)), axis=1)
    place = crystal.column(level) * (chosen.sum(axis=1)[:, None] - 1).astype(np.float32)
    below = xp.floor(place)
    replica, low, high = xp.arange(len(values))[:, None], below.astype(np.int64), xp.ceil(place).astype(np.int64)
    lower, upper = ascending[replica, low], ascending[replica, high]
    return lower + (place - below) * (upper - lower)


@dataclass(frozen=True)
class ExchangeWave:
    """One Fourier component of the first parent replaced by the second's, drawn by how much the two differ in it."""

    parents: int = 2

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the first parent with one Fourier component of the second."""
        xp, spectrum, lattice = crystal.xp, crystal.spectrum, crystal.lattice
        child = parents[:, 0].copy()
        other = spectrum.modes(spectrum.planes(crystal.moved(parents[:, 1:], draws)[:, 0] - child))
        weights = spectrum.power(other) * spectrum.counts
        place = arrays.drawn(xp, weights, crystal.column(draws.uniform(), np.float64))
        amplitude = xp.take_along_axis(other, place[:, None, None], axis=2)[..., 0]  # [replica, atom * 3]
        wave = crystal.device.host(place)
        factor = crystal.column(np.where(spectrum.paired[wave], 2.0, 1.0) / lattice.cells)
        crystal.add_waves(child, spectrum.index[:, wave].T[:, None], (amplitude * factor)[:, None])
        return child
