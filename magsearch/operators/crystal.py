"""The model as operators see it: positions in the periodic box, symmetries, and the softest spin waves.

The softest waves are the lowest modes of the Luttinger-Tisza matrix J(q) + 2 A, Luttinger & Tisza, Phys. Rev. 70, 954
(1946).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.symmetry.space_group import Operation, operations


@dataclass(frozen=True, eq=False)
class Waves:
    """Plane waves s(r) = Re[u exp(i q.T)] commensurate with the box, softest first.

    index    [wave, 3]              integers (k1, k2, k3) with q = sum_a k_a b_a / n_a
    energy   [wave]                 meV per site of a unit wave, - 1/2 of an eigenvalue of J(q) + 2 A
    vector   [wave, atom, 3]        complex amplitude u on the atoms of the basis
    """

    index: NDArray[np.int64]
    energy: NDArray[np.float64]
    vector: NDArray[np.complex128]


def grid_indices(lattice: Lattice) -> NDArray[np.int64]:
    """Return the indices (k1, k2, k3) of all wave vectors of the box, centred on zero, [cell, 3].

    Along open axes k = 0 only.
    """
    axes = [
        (np.arange(n) + n // 2) % n - n // 2 if p else np.zeros(1, int)
        for n, p in zip(lattice.size, lattice.periodic, strict=True)
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def softest_waves(hamiltonian: Hamiltonian, count: int = 64) -> Waves:
    """Return the ``count`` softest modes of J(q) + 2 A among the wave vectors of the box; A quadratic anisotropy."""
    lattice = hamiltonian.lattice
    index = grid_indices(lattice)
    q = (index / np.array(lattice.size)) @ lattice.reciprocal
    J = np.concatenate([hamiltonian.fourier(part) for part in np.array_split(q, max(1, len(q) // 4096))])
    A, atom = np.zeros((lattice.atoms, 3, lattice.atoms, 3)), np.arange(lattice.atoms)
    A[atom, :, atom] = hamiltonian.quadratic
    J += 2 * A.reshape(J.shape[1:])
    values, vectors = np.linalg.eigh(J)  # ascending: the last is the softest
    flat = np.argsort(values[:, ::-1].ravel(), kind="stable")[::-1][:count]
    k, band = np.divmod(flat, values.shape[1])
    u = vectors[k, :, values.shape[1] - 1 - band].reshape(len(flat), lattice.atoms, 3)
    return Waves(index[k], -0.5 * values[k, values.shape[1] - 1 - band], u)


@dataclass(frozen=True, eq=False)
class Crystal:
    """Hamiltonian with the geometry, symmetries and soft waves that operators need, each computed once."""

    hamiltonian: Hamiltonian

    @property
    def lattice(self) -> Lattice:
        """Lattice of the Hamiltonian."""
        return self.hamiltonian.lattice

    @cached_property
    def extended(self) -> tuple[int, ...]:
        """Axes with more than one cell."""
        return tuple(axis for axis in range(3) if self.lattice.size[axis] > 1)

    @cached_property
    def fractions(self) -> NDArray[np.float64]:
        """Position of every site in units of the box, [site, 3] in [0, 1) along periodic axes."""
        return self.lattice.positions @ np.linalg.inv(self.lattice.box)

    @cached_property
    def waves(self) -> Waves:
        """Softest waves of the Hamiltonian."""
        return softest_waves(self.hamiltonian)

    @cached_property
    def wavelength(self) -> float:
        """Typical length of textures, angstrom: that of the softest nonuniform wave, at most half of ``extent``."""
        lattice = self.lattice
        q = np.linalg.norm((self.waves.index / np.array(lattice.size)) @ lattice.reciprocal, axis=1)
        waves = 2 * np.pi / q[q > 0]
        return float(min([*waves[:1], self.extent / 2]))

    def displacement(self, centre: ArrayLike) -> NDArray[np.float64]:
        """Return the vectors from a position to every site in the minimum-image convention, [site, 3] angstrom.

        centre  [3], fractions of the box
        """
        away = self.fractions - np.asarray(centre)
        away -= np.rint(away) * np.array(self.lattice.periodic)
        return away @ self.lattice.box

    def anywhere(self, random: np.random.Generator) -> NDArray[np.float64]:
        """Return the position of a random site, [3] in fractions of the box, so never in the vacuum above a film."""
        return self.fractions[random.integers(self.lattice.sites)]

    def patch(self, random: np.random.Generator, smallest: float, largest: float) -> NDArray[np.bool_]:
        """Return a mask [site] of a random disk (ball in three dimensions); smallest and largest radius in angstrom."""
        distance = np.linalg.norm(self.displacement(self.anywhere(random)), axis=1)
        return distance < random.uniform(smallest, largest)

    @cached_property
    def extent(self) -> float:
        """Shortest edge of the box along an extended axis, angstrom; of a single cell (a molecule), its longest."""
        edges = np.linalg.norm(self.lattice.box, axis=1)
        return float(edges[list(self.extended)].min() if self.extended else edges.max())

    @cached_property
    def operations(self) -> list[Operation]:
        """Point-group operations and time reversal that leave the energy invariant."""
        return operations(self.hamiltonian)

    def moved(self, texture: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Apply a random symmetry to a texture: a lattice translation and, half of the time, a point-group operation.

        Textures of models with per-site couplings or vacancies are returned unchanged.
        """
        lattice = self.lattice
        if not self.hamiltonian.uniform:
            return texture
        if random.random() < 0.5:
            texture = self.operations[random.integers(len(self.operations))](texture)
        shift = [random.integers(n) if p else 0 for n, p in zip(lattice.size, lattice.periodic, strict=True)]
        return np.roll(texture.reshape(*lattice.grid, -1), shift, axis=(2, 1, 0)).reshape(texture.shape)
