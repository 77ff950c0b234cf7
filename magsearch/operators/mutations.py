"""Mutations: operators that change one parent locally or by a global rotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.model.sphere import rotations, unit
from magsearch.operators import arrays
from magsearch.operators.crystal import Crystal
from magsearch.randomness import Draws

# radii of patches, in units of the softest wavelength
SMALLEST, LARGEST = 0.5, 2.0


def _patch(crystal: Crystal, draws: Draws) -> Any:
    """Return masks [replica, site] of random patches; of all sites where a patch has none."""
    inside = crystal.patch(draws, SMALLEST * crystal.wavelength, LARGEST * crystal.wavelength)
    return inside | ~inside.any(axis=1)[:, None]


@dataclass(frozen=True)
class HeatPatch:
    """Random noise of random strength added to the spins of a patch."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the parents with noise in a random patch."""
        inside = _patch(crystal, draws)
        strength = inside * crystal.column(draws.uniform(0.2, 3.0))
        noise = draws.noise(crystal.device, crystal.lattice.sites)
        return parents[:, 0] + arrays.multiplied(crystal.xp, noise, strength)


@dataclass(frozen=True)
class RotatePatch:
    """Rotation of the spins of a patch by one random angle, about the field or about a random axis."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the parents with the spins of a random patch rotated."""
        inside = _patch(crystal, draws)
        return arrays.where(crystal.xp, inside, _rotated(parents[:, 0], crystal, draws), parents[:, 0])


@dataclass(frozen=True)
class RotateTexture:
    """Global rotation of all spins by a random angle, about the field or about a random axis."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the parents with all spins rotated."""
        return _rotated(parents[:, 0], crystal, draws)


def _rotated(textures: Any, crystal: Crystal, draws: Draws) -> Any:
    field = np.array(crystal.hamiltonian.field)
    axes, about_field = unit(draws.normal(3)), draws.uniform() < 0.5
    if field.any():
        axes[about_field] = unit(field)
    matrices = rotations(axes, draws.uniform(0.3, np.pi))
    return arrays.turned(crystal.xp, textures, crystal.device.array(matrices, np.float32))


@dataclass(frozen=True)
class ShufflePatch:
    """Random permutation of the spins of a patch."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the parents with the spins of a random patch permuted."""
        xp, sites = crystal.xp, crystal.lattice.sites
        inside = _patch(crystal, draws) & crystal.occupied
        lot = draws.noise(crystal.device, sites)[..., 0]
        site = xp.arange(sites)
        shuffled = xp.argsort(xp.where(inside, lot, np.float32(np.inf)), axis=1)  # of the patch, in random order
        ordered = xp.sort(xp.where(inside, site, site + sites), axis=1)  # those of the patch, ascending; then others
        in_patch = ordered < sites
        ordered = xp.where(in_patch, ordered, ordered - sites)
        source = xp.empty(ordered.shape, dtype=ordered.dtype)
        source[xp.arange(len(source))[:, None], ordered] = xp.where(in_patch, shuffled, ordered)
        return arrays.gathered(xp, parents, source)


@dataclass(frozen=True)
class InsertStripe:
    """Insertion of rows of cells in one place and removal of as many in another; the texture between is shifted.

    The shift changes the phase of a wave between the two places, so that one period more or fewer fits into the box.
    """

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the parents with rows of cells inserted, removed, or both."""
        if not crystal.extended:
            return parents[:, 0]
        lattice = crystal.lattice
        axis = np.array(crystal.extended)[draws.integers(0, len(crystal.extended))]
        n = np.array(lattice.size)[axis]
        thickness = np.rint(crystal.wavelength / np.linalg.norm(lattice.cell, axis=1)).astype(np.int64)[axis]
        rows = draws.integers(1, np.maximum(2, np.minimum(n // 4, thickness) + 1))
        length = draws.integers(np.minimum(rows + 1, n - rows), n - rows + 1)
        way, start = draws.integers(0, 3), draws.integers(0, n)
        sources = []
        for along, size in enumerate(lattice.size):
            row = np.tile(np.arange(size), (len(draws), 1))
            chosen = axis == along
            row[chosen] = _stripes(size, *(of[chosen, None] for of in (rows, length, way, start)))
            sources.append(row)
        return arrays.gathered(crystal.xp, parents, crystal.sites_at(*sources))


def _stripes(
    n: int, rows: NDArray[np.int64], length: NDArray[np.int64], way: NDArray[np.int64], start: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the row from which each of n rows is copied, [replica, n]; arguments [replica, 1]."""
    row = (np.arange(n) - start) % n
    first = length - rows
    stretched = row * first // length
    compressed = np.rint(first + (row - length) * ((n - 1 - first) / np.maximum(n - 1 - length, 1))).astype(np.int64)
    return np.where(row < length, np.where(way != 0, stretched, row), np.where(way != 1, compressed, row))
