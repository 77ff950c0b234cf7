"""Crossovers: operators that combine parts of two or four parents, after a random symmetry applied to each parent.

Cut-and-splice crossover: Deaven & Ho, Phys. Rev. Lett. 75, 288 (1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.operators.crystal import Crystal


def _moved(crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> list[NDArray[Any]]:
    return [crystal.moved(parent, random) for parent in parents]


@dataclass(frozen=True)
class StripeSplice:
    """Stripe of one parent in the other, across the box and perpendicular to a reciprocal vector of the box."""

    parents: int = 2

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return one parent with a stripe of the other."""
        a, b = _moved(crystal, parents, random)
        axis = random.choice(crystal.extended) if crystal.extended else 0
        inside = (crystal.fractions[:, axis] - random.random()) % 1.0 < random.uniform(0.15, 0.5)
        return np.where(inside[:, None], b, a)


@dataclass(frozen=True)
class QuadrantSplice:
    """Four parents combined, one in each quadrant of two axes (two halves for chains)."""

    parents: int = 4

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the quadrants of four parents in one texture."""
        axes = random.permutation(crystal.extended)[:2] if crystal.extended else [0]
        quadrant = np.zeros(crystal.lattice.sites, dtype=int)
        for axis in axes:
            quadrant = 2 * quadrant + ((crystal.fractions[:, axis] - random.random()) % 1.0 < 0.5)
        return np.stack(_moved(crystal, parents, random))[quadrant, np.arange(crystal.lattice.sites)]


@dataclass(frozen=True)
class PatchSplice:
    """Disk (ball) of one parent in the other.

    smallest, largest  radii in units of the shortest edge of the box
    """

    parents: int = 2
    smallest: float = 0.1
    largest: float = 0.45

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return one parent with a disk of the other."""
        a, b = _moved(crystal, parents, random)
        inside = crystal.patch(random, self.smallest * crystal.extent, self.largest * crystal.extent)
        return np.where(inside[:, None], b, a)


@dataclass(frozen=True)
class FourierSplice:
    """Fourier components of one parent for wave vectors in a slab through zero, of the other parent outside of it."""

    parents: int = 2

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the inverse Fourier transform of components of both parents."""
        grid = (*crystal.lattice.grid, -1)
        a, b = (np.fft.fftn(p.reshape(grid), axes=(0, 1, 2)) for p in _moved(crystal, parents, random))
        strength = (np.abs(a) ** 2 + np.abs(b) ** 2).sum(axis=-1)
        kz, ky, kx = np.meshgrid(*(np.fft.fftfreq(n) for n in crystal.lattice.grid), indexing="ij")
        normal = random.normal(size=3)  # waves q and -q come from the same parent
        side = np.abs(normal[0] * kx + normal[1] * ky + normal[2] * kz)
        strong = strength > 1e-3 * strength.max()
        take = side > np.quantile(side[strong], random.uniform(0.2, 0.8))
        return np.fft.ifftn(np.where(take[..., None], b, a), axes=(0, 1, 2)).real.reshape(-1, 3)


@dataclass(frozen=True)
class ExchangeWave:
    """One Fourier component of the first parent replaced by the second's, drawn by how much the two differ in it."""

    parents: int = 2

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the first parent with one Fourier component of the second."""
        grid = crystal.lattice.grid
        a, b = _moved(crystal, parents, random)
        other = np.fft.fftn((b - a).reshape(*grid, -1), axes=(0, 1, 2))
        power = (np.abs(other) ** 2).sum(axis=-1).ravel()
        if not power.any():
            return a
        wave = np.unravel_index(random.choice(len(power), p=power / power.sum()), grid)
        take = np.zeros(grid, dtype=bool)
        take[wave] = take[tuple(-k % n for k, n in zip(wave, grid, strict=True))] = True
        return a + np.fft.ifftn(np.where(take[..., None], other, 0), axes=(0, 1, 2)).real.reshape(-1, 3)
