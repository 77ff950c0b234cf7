"""Neighbour lists over sites, as kernels walk them: made from the unit cell's bonds without a copy of every matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.errors import InputError
from magsearch.model.bonds import diagonal
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.term import UnsupportedTerm

LARGEST = 2**31 - 1  # places in a list that kernels, whose integers have 32 bits, can reach
PAIRS = 2**24  # most pairs of dipoles in lists, and most tensors of dipoles whose moments differ from site to site


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Whom every site feels, sorted by site; bonds longer than the lattice wrap around it.

    start      [site + 1]        where the list of each site begins
    neighbour  [bond]            site
    coupling   [bond]            row of ``matrices``
    matrices   [coupling, 3, 3]  meV, E = - 1/2 sum over the lists of s_i . J s_j
    """

    start: NDArray[np.int64]
    neighbour: NDArray[np.int64]
    coupling: NDArray[np.int64]
    matrices: NDArray[np.float64]

    @classmethod
    def of(cls, hamiltonian: Hamiltonian) -> Neighbours:
        """Build the lists of all sites of a Hamiltonian. Raises InputError where an int32 could not count them."""
        lattice, bonds, extra = hamiltonian.lattice, hamiltonian.bonds, hamiltonian.site_bonds
        expected = len(bonds) * lattice.cells + (0 if extra is None else len(extra))
        if expected > LARGEST:
            raise InputError(f"{expected} neighbours of all sites; the lists hold {LARGEST}: choose a smaller size")
        order, occupied = np.argsort(bonds.i, kind="stable"), hamiltonian.occupied
        there = lattice.neighbours(bonds.offset[order]).T  # [cell, bond of the cell by its first atom]
        cell, bond = np.nonzero(there >= 0)
        coupling, matrices = order[bond], bonds.J
        site = bonds.i[coupling] + lattice.atoms * cell
        other = bonds.j[coupling] + lattice.atoms * there[cell, bond]
        if extra is not None:
            site, other = np.append(site, extra.i), np.append(other, extra.j)
            coupling = np.append(coupling, len(bonds) + np.arange(len(extra)))
            matrices = np.concatenate([matrices, extra.J])
            by_site = np.argsort(site, kind="stable")
            site, other, coupling = site[by_site], other[by_site], coupling[by_site]
        if not occupied.all():
            kept = occupied[site] & occupied[other]
            site, other, coupling = site[kept], other[kept], coupling[kept]
        table, row = np.unique(matrices.reshape(-1, 9), axis=0, return_inverse=True)
        start = np.searchsorted(site, np.arange(lattice.sites + 1))
        return cls(start, other, row.reshape(-1)[coupling], table.reshape(-1, 3, 3))

    def on(self, device: Device, real: Any) -> tuple[Any, Any, Any, Any]:
        """Return start, neighbour, coupling and matrices [coupling, stride] on a device, none of them empty.

        The number of a diagonal coupling is ~row on a CPU, whose kernels do a third of the work then.
        """
        number = self.coupling
        if not device.together:
            number = np.where(diagonal(self.matrices)[number], ~number, number)
        start, neighbour, coupling = (
            device.array(values, np.int32)
            for values in (self.start, np.append(self.neighbour, 0), np.append(number, 0))
        )
        matrices = np.zeros((len(self.matrices) + 1, device.matrix_stride))
        matrices[:-1, :9] = self.matrices.reshape(-1, 9)
        return start, neighbour, coupling, device.array(matrices, real)

    def with_dipoles(self, dipole: Dipole, hamiltonian: Hamiltonian, consumer: str) -> Neighbours:
        """Return the lists with every pair of dipoles of the box. UnsupportedTerm where they are too many."""
        if hamiltonian.n_spins**2 > PAIRS:
            raise UnsupportedTerm(
                dipole,
                consumer,
                f"it lists all pairs of spins, at most {int(PAIRS**0.5)} spins, and this box has {hamiltonian.n_spins}",
            )
        i, j, row, matrices = dipole.on_sites(hamiltonian)
        site = np.concatenate([self.site, i])
        order = np.argsort(site, kind="stable")
        return Neighbours(
            np.searchsorted(site[order], np.arange(len(self.start))),
            np.concatenate([self.neighbour, j])[order],
            np.concatenate([self.coupling, len(self.matrices) + row])[order],
            np.concatenate([self.matrices, matrices]),
        )

    @property
    def site(self) -> NDArray[np.int64]:
        """Site whose list each bond stands in, [bond]."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))

    def without_themselves(self) -> tuple[Neighbours, NDArray[np.float64]]:
        """Return the lists without bonds from a site to its own image, and the sums of those matrices, [site, 3, 3]."""
        site = self.site
        own = self.neighbour == site
        sums = np.zeros((len(self.start) - 1, 3, 3))
        np.add.at(sums, site[own], self.matrices[self.coupling[own]])
        start = np.searchsorted(site[~own], np.arange(len(self.start)))
        return Neighbours(start, self.neighbour[~own], self.coupling[~own], self.matrices), sums
