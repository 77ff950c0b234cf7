"""Clusters of four sites, repeated in every cell: what all products of the spins of several sites share."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from magsearch.model.bonds import BondError
from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.model.terms.term import Sites


class Clusters:
    """Clusters of four sites i, j, k, l, some of which may coincide; each counts once in every cell.

    name    of its part of the energy
    atoms   [cluster, 4] atoms of the basis
    cells   [cluster, 4, 3] cell of each of them, counted from any cell
    source  where each cluster was read, for error messages; may be empty
    """

    name: str
    atoms: NDArray[np.int64]
    cells: NDArray[np.int64]
    source: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.atoms)

    def in_cells(self, change: NDArray[np.int64]) -> Self:
        """Return the term in other cell vectors: a cell n becomes n @ ``change``."""
        return replace(self, cells=self.cells @ change)  # type: ignore[type-var]

    @cached_property
    def coincide(self) -> NDArray[np.bool_]:
        """Whether sites a and b of each cluster are the same, [cluster, 4, 4]."""
        where = np.concatenate([self.atoms[..., None], self.cells], axis=2)
        return np.asarray((where[:, :, None] == where[:, None]).all(axis=3))

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Cells from the first site of each cluster to the others, [cluster * 3, 3]."""
        return np.asarray((self.cells[:, 1:] - self.cells[:, :1]).reshape(-1, 3))

    def refuse(self, wrong: Any, message: str) -> None:
        """Raise BondError for the first cluster that is wrong, [cluster]."""
        if wrong.any():
            k = int(wrong.argmax())
            source = self.source[k] if self.source else ""
            where = f"{source}: " if source else ""
            raise BondError(f"{where}{self.name} of atoms {self.atoms[k].tolist()}: {message}", source)

    def refuse_atoms(self, sites: Sites) -> None:
        """Raise BondError for atoms that do not exist."""
        count = sites.lattice.atoms
        self.refuse(((self.atoms < 0) | (self.atoms >= count)).any(axis=1), f"the lattice has atoms 0 to {count - 1}")

    def on_sites(self, sites: Sites) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return all clusters of the box: sites [n, 4] and the number of each in the list, [n].

        Clusters across an open edge and with a vacancy are left out.
        """
        lattice = sites.lattice
        found, which = [np.empty((0, 4), np.int64)], [np.empty(0, np.int64)]
        for k, (atoms, cells) in enumerate(zip(self.atoms, self.cells - self.cells[:, :1], strict=True)):
            there = lattice.neighbours(cells).T
            inside = (there >= 0).all(axis=1)
            found.append(there[inside] * lattice.atoms + atoms)
            which.append(np.full(int(inside.sum()), k))
        every, number = np.concatenate(found), np.concatenate(which)
        kept = sites.occupied[every].all(axis=1)
        return every[kept], number[kept]

    def fill(self, entries: OnsiteEntries) -> bool:
        """Add nothing: kernels read clusters from lists of their own."""
        return True

    def quadratic(self, sites: Sites) -> NDArray[np.float64]:
        """Return zeros: a cluster has several spins."""
        return np.zeros((sites.lattice.atoms, 3, 3))
