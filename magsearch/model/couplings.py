"""The couplings of a unit cell with their geometry and their parts, and the pairs of atoms of the crystal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from magsearch.model.bonds import dmi_vector
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import SAME_PLACE

Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
PAIRS = 5_000_000  # of atoms that are looked at, at most


@dataclass(frozen=True, eq=False)
class Couplings:
    """The couplings of a unit cell, with their geometry; [bond] are the directed bonds of ``hamiltonian.bonds``."""

    hamiltonian: Hamiltonian

    @cached_property
    def vectors(self) -> NDArray[np.float64]:
        """Vectors from i to j, [bond, 3] angstrom."""
        lattice, bonds = self.hamiltonian.lattice, self.hamiltonian.bonds
        return lattice.basis[bonds.j] - lattice.basis[bonds.i] + bonds.offset @ lattice.cell

    @cached_property
    def distances(self) -> NDArray[np.float64]:
        """Lengths of the bonds, [bond] angstrom."""
        return np.asarray(np.linalg.norm(self.vectors, axis=1))

    @cached_property
    def exchange(self) -> NDArray[np.float64]:
        """Isotropic exchange J of each bond, [bond] meV."""
        return np.asarray(np.trace(self.hamiltonian.bonds.J, axis1=1, axis2=2) / 3)

    @cached_property
    def dmi(self) -> NDArray[np.float64]:
        """Dzyaloshinskii-Moriya vectors D, [bond, 3] meV."""
        return dmi_vector(self.hamiltonian.bonds.J)

    @cached_property
    def anisotropic(self) -> NDArray[np.float64]:
        """Largest element of the symmetric traceless part of each bond, [bond] meV."""
        J = self.hamiltonian.bonds.J
        rest = 0.5 * (J + J.swapaxes(1, 2)) - self.exchange[:, None, None] * np.eye(3)
        return np.asarray(np.abs(rest).max(axis=(1, 2), initial=0.0))

    @cached_property
    def strengths(self) -> NDArray[np.float64]:
        """Largest singular value of each coupling matrix, [bond] meV."""
        return np.asarray(np.linalg.norm(self.hamiltonian.bonds.J, ord=2, axis=(1, 2)))

    @cached_property
    def total(self) -> float:
        """Largest sum of the strengths of the couplings of one spin, meV."""
        sums = np.bincount(self.hamiltonian.bonds.i, self.strengths, self.hamiltonian.lattice.atoms)
        return float(sums.max(initial=0.0))

    @cached_property
    def strongest(self) -> float:
        """Strength of the strongest coupling, meV."""
        return float(self.strengths.max(initial=0.0))

    @property
    def same_length(self) -> float:
        """Lengths closer than this are one, angstrom, as ``Lattice.shells`` counts them."""
        return SAME_PLACE * float(np.linalg.norm(self.hamiltonian.lattice.cell, axis=1).min())

    @cached_property
    def crossed(self) -> NDArray[np.bool_]:
        """Whether any coupling crosses to another cell along each axis, [axis]."""
        return np.asarray((self.hamiltonian.bonds.offset != 0).any(axis=0))

    @cached_property
    def shells(self) -> list[NDArray[np.int64]]:
        """Numbers of the bonds of each length, shortest first."""
        order = np.argsort(self.distances, kind="stable")
        ends = np.flatnonzero(np.diff(self.distances[order]) > self.same_length) + 1
        return [part for part in np.split(order, ends) if len(part)]

    def species(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.str_]:
        """Return the species of the atoms i and j of each pair, in alphabetical order, [pair]: "Fe-Pd"."""
        kinds = self.hamiltonian.lattice.species
        return np.array(["-".join(sorted((kinds[a], kinds[b]))) for a, b in zip(i, j, strict=True)])

    def by_species(self, shell: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.int64]]]:
        """Yield each pair of species in a shell, with the numbers of its bonds."""
        bonds = self.hamiltonian.bonds
        species = self.species(bonds.i[shell], bonds.j[shell])
        for pair in np.unique(species):
            yield str(pair), shell[species == pair]

    def pairs(self, longest: float, axes: NDArray[np.bool_]) -> Pairs:
        """Return i, j, offset and distance of all directed pairs of atoms of the infinite crystal, shortest first.

        longest  angstrom
        axes     [axis] whether pairs in different cells along each axis are listed

        Raises ValueError for more pairs than can be looked at.
        """
        lattice = self.hamiltonian.lattice
        reach = np.where(axes, np.ceil(longest / lattice.heights) + np.ptp(lattice.outside, axis=0) + 1, 0).astype(int)
        if lattice.atoms**2 * np.prod(2.0 * reach + 1) > PAIRS:
            raise ValueError(f"a cell of {lattice.atoms} atoms has too many pairs within {longest:.4g} angstrom")
        cells = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)
        distance = np.linalg.norm((lattice.basis - lattice.basis[:, None])[:, :, None] + cells @ lattice.cell, axis=-1)
        i, j, cell = np.nonzero((distance > self.same_length) & (distance < longest + self.same_length))
        order = np.argsort(distance[i, j, cell], kind="stable")
        i, j, cell = i[order], j[order], cell[order]
        return i, j, cells[cell], distance[i, j, cell]

    def shell_of(self, distance: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the number of the shell of each distance, from 0; distances in ascending order."""
        return np.concatenate([[0], np.cumsum(np.diff(distance) > self.same_length)]).astype(np.int64)

    def numbers(self) -> list[int] | None:
        """Return the number of each of ``shells`` as an input counts them, from 1; None for too many pairs."""
        lattice = self.hamiltonian.lattice
        followed = np.array(lattice.periodic) | (np.array(lattice.size) > 1)
        try:
            distance = self.pairs(float(self.distances.max(initial=0.0)), followed)[3]
        except ValueError:
            return None
        first = np.flatnonzero(np.diff(self.shell_of(distance), prepend=-1))
        bounds = distance[first] - self.same_length / 2 if len(distance) else distance
        lengths = [self.distances[shell].mean() for shell in self.shells]
        return [int(n) for n in np.searchsorted(bounds, lengths)]
