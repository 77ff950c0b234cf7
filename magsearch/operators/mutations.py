"""Mutations: operators that change one parent locally or by a global rotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.model.sphere import unit
from magsearch.operators.crystal import Crystal

# radii of patches, in units of the softest wavelength
SMALLEST, LARGEST = 0.5, 2.0


def _patch(crystal: Crystal, random: np.random.Generator) -> NDArray[np.bool_]:
    inside = crystal.patch(random, SMALLEST * crystal.wavelength, LARGEST * crystal.wavelength)
    return inside if inside.any() else np.ones_like(inside)


@dataclass(frozen=True)
class HeatPatch:
    """Random noise of random strength added to the spins of a patch."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the parent with noise in a random patch."""
        inside = _patch(crystal, random)
        noise = random.uniform(0.2, 3.0) * random.normal(size=parents[0].shape)
        return parents[0] + inside[:, None] * noise


@dataclass(frozen=True)
class RotatePatch:
    """Rotation of the spins of a patch by one random angle, about the field or about a random axis."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the parent with the spins of a random patch rotated."""
        inside = _patch(crystal, random)
        return np.where(inside[:, None], _rotated(parents[0], crystal, random), parents[0])


@dataclass(frozen=True)
class RotateTexture:
    """Global rotation of all spins by a random angle, about the field or about a random axis."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the parent with all spins rotated."""
        return _rotated(parents[0], crystal, random)


def _rotated(spins: NDArray[Any], crystal: Crystal, random: np.random.Generator) -> NDArray[Any]:
    from scipy.spatial.transform import Rotation

    field = np.array(crystal.hamiltonian.field)
    axis = field if field.any() and random.random() < 0.5 else random.normal(size=3)
    return np.asarray(Rotation.from_rotvec(random.uniform(0.3, np.pi) * unit(axis)).apply(spins))


@dataclass(frozen=True)
class ShufflePatch:
    """Random permutation of the spins of a patch."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the parent with the spins of a random patch permuted."""
        child = parents[0].copy()
        where = np.flatnonzero(_patch(crystal, random) & crystal.hamiltonian.occupied)
        child[where] = child[random.permutation(where)]
        return child


@dataclass(frozen=True)
class InsertStripe:
    """Insertion of rows of cells in one place and removal of as many in another; the texture between is shifted.

    The shift changes the phase of a wave between the two places, so that one period more or fewer fits into the box.
    """

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the parent with rows of cells inserted, removed, or both."""
        lattice = crystal.lattice
        if not crystal.extended:
            return parents[0]
        axis = random.choice(crystal.extended)
        n = lattice.size[axis]
        rows = int(
            random.integers(1, max(2, min(n // 4, round(crystal.wavelength / np.linalg.norm(lattice.cell[axis]))) + 1))
        )
        length = int(random.integers(rows, n - rows + 1)) if n > 2 * rows else rows
        source, way = np.arange(n), random.integers(3)
        if way != 0:  # stretch the first rows
            source[:length] = source[:length] * (length - rows) // length
        if way != 1:  # compress the other rows
            source[length:] = np.linspace(length - rows, n - 1, n - length).round().astype(int)
        source = np.roll(source, random.integers(n))
        grid = parents[0].reshape(*lattice.grid, -1)
        return np.take(grid, source, axis=2 - axis).reshape(parents[0].shape)
