"""One crystal in other cell vectors: any, the shortest there are, and those that it was given with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.integers import inverse
from magsearch.model.lattice import shortest
from magsearch.model.terms.clusters import Clusters


def in_cells(hamiltonian: Hamiltonian, Q: NDArray[np.int64], size: tuple[int, int, int]) -> Hamiltonian:
    """Return a uniform crystal with the cell vectors Q a, and ``size`` of them; Q [3, 3] has determinant 1 or -1.

    The vectors that it was given with are kept: printed cells and wave vectors are in these.
    """
    change = inverse(Q)
    old, bonds = hamiltonian.lattice, hamiltonian.bonds
    back = (np.asarray(Q) @ old.shear == np.eye(3)).all()  # to the cells that were given
    cell, given = (old.given_cell, None) if back else (Q @ old.cell, old.given_cell)
    others = tuple(term.in_cells(change) if isinstance(term, Clusters) else term for term in hamiltonian.others)
    return replace(
        hamiltonian,
        lattice=replace(old, cell=cell, size=size, given=given),
        bonds=replace(bonds, offset=bonds.offset @ change),
        others=others,
    )


def in_given_cells(hamiltonian: Hamiltonian) -> Hamiltonian:
    """Return the crystal of a sheared supercell in the cells that it was given with, one along each sheared axis."""
    lattice = hamiltonian.lattice
    if lattice.given is None or not hamiltonian.uniform:
        return hamiltonian
    mixed = (lattice.shear != np.eye(3)).any(axis=1) | (lattice.shear != np.eye(3)).any(axis=0)
    size = np.where(mixed, 1, lattice.size).tolist()
    return in_cells(hamiltonian, inverse(lattice.shear), (size[0], size[1], size[2]))


def in_shortest_cells(hamiltonian: Hamiltonian) -> tuple[Hamiltonian, NDArray[np.int64]]:
    """Return a uniform crystal in the shortest cell vectors there are, and these in its own ones, [3, 3].

    Vectors along open axes, and those along which no couplings lead, stay as they are. The number of cells does, too,
    so that the box is another one.
    """
    lattice = hamiltonian.lattice
    free = np.flatnonzero(np.array(lattice.periodic) & hamiltonian.crossed)
    U = np.eye(3, dtype=np.int64)
    U[free] = shortest(lattice.cell[free], U[free])[1]
    return in_cells(hamiltonian, U, lattice.size), U
