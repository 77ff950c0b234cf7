"""Sites of UppASD's posfile, and where vectors between them end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.formats.build import too_large
from magsearch.formats.table import Table
from magsearch.formats.uppasd.inpsd import Inpsd
from magsearch.model.lattice import Lattice
from magsearch.model.lattice import shortest as shortened

UPPASD = 0.1  # alat; distance within which UppASD (neighbourmap.f90, tol = 0.1^2) takes two vectors or places for one


@dataclass(frozen=True, eq=False)
class Sites:
    """Sites of a posfile, and how the files of couplings refer to them.

    lattice  with the atoms inside the cell, as UppASD places them
    types    [atom] type; couplings apply to all atoms of a type
    listed   [atom, 3] positions before they were moved into the cell, angstrom
    length   angstrom, UppASD's unit of length
    maptype  1 vectors from site to site, 2 and 3 cells from site to site, from the moved or the listed positions
    direct   whether the vectors of maptype 1 are fractions of the cell
    """

    lattice: Lattice
    types: NDArray[np.int64]
    listed: NDArray[np.float64]
    length: float
    maptype: int
    direct: bool

    @classmethod
    def read(cls, inpsd: Inpsd) -> Sites:
        """Read cell, size, boundaries and posfile; raises InputError, with file and line, for invalid values."""
        size = inpsd.whole("ncell", 3)
        if min(size) < 1:
            raise inpsd.error("ncell", f"is {size}; expected three whole numbers of at least 1")
        length = float(inpsd.numbers("alat", 1, 1e-10)[0]) * 1e10
        if length <= 0:
            raise inpsd.error("alat", "must be a positive length in metres")
        maptype = inpsd.whole("maptype", 1, 1)[0]
        if maptype not in (1, 2, 3):
            raise inpsd.error("maptype", f"is {maptype}; expected 1, 2 or 3")
        stretch = float(inpsd.numbers("scalefac", 1, 1.0)[0])  # of the cell vectors, and of what is given in them
        if stretch <= 0:
            raise inpsd.error("scalefac", f"is {stretch:g}; expected a positive factor of the cell vectors")
        cell = length * stretch * inpsd.numbers("cell", 9).reshape(3, 3)
        alone = not cell.any() and size == [1, 1, 1]  # of single spins; UppASD makes no hops then
        if alone:
            cell = length * np.eye(3)
        if abs(np.linalg.det(cell)) <= 1e-9 * np.linalg.norm(cell, axis=1).prod():
            raise inpsd.error("cell", "has three vectors in one plane; expected a volume")
        direct = inpsd.choice("posfiletype", ("C", "D"), "C") == "D"
        table = Table.read(inpsd.file("posfile"), ("site", "type", "x", "y", "z"))
        order = in_order(table)
        fractional = table.values[:, 1] % 1 != 0
        if fractional.any():
            row = int(fractional.argmax())
            raise table.error(row, f"the type is {table.values[row, 1]:g}; expected a whole number")
        types, positions = table.values[order, 1].astype(np.int64), table.values[order, 2:]
        listed = positions @ cell if direct else length * positions
        fractions = listed @ np.linalg.inv(cell)
        basis = (fractions - np.floor(fractions + 1e-7)) @ cell
        boundary = inpsd.entries["bc"].values[:3] if "bc" in inpsd else ("0", "0", "0")
        if len(boundary) < 3 or not set(boundary) <= {"P", "0"}:
            raise inpsd.error("bc", f"is '{' '.join(boundary)}'; expected P or 0 for each of three axes")
        a, b, c = (axis == "P" and not alone for axis in boundary)
        try:
            too_large(size, len(basis))
        except ValueError as error:
            raise inpsd.error("ncell", f"is too large: {error}") from None
        try:
            lattice = Lattice(cell, basis, (size[0], size[1], size[2]), (a, b, c), tuple(str(t) for t in types))
        except ValueError as error:
            raise InputError(f"{error} (counted from 0)", table.path) from None
        return cls(lattice, types, listed, length, maptype, direct)

    def vectors(self, table: Table, i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the Cartesian vectors of the rows of a file of couplings, [row, 3] angstrom; i, j [row]."""
        r = table.values[:, 2:5]
        if self.maptype == 1:
            return r @ self.lattice.cell if self.direct else self.length * r
        basis = self.lattice.basis if self.maptype == 2 else self.listed
        return basis[j] - basis[i] + r @ self.lattice.cell

    @property
    def folded(self) -> NDArray[np.int64]:
        """Cells by which each atom was moved into the cell, [atom, 3]: listed = basis + folded @ cell."""
        moved = np.rint((self.listed - self.lattice.basis) @ np.linalg.inv(self.lattice.cell))
        return np.asarray(moved, dtype=np.int64)

    @cached_property
    def shortest(self) -> float:
        """Shortest distance between two sites of the periodic crystal, angstrom."""
        from scipy.spatial import cKDTree

        edge = float(np.linalg.norm(self._compact[0], axis=1).min())
        volume = abs(np.linalg.det(self.lattice.cell)) / self.lattice.atoms
        radius = min(edge, (2**0.5 * volume) ** (1 / 3)) * (1 + 1e-6)  # no packing of spheres is denser
        points, _, _ = self._around(radius)
        if len(points) < 2:
            return edge
        cell, _ = self._compact
        own = self.lattice.basis - self._homes(self.lattice.basis) @ cell
        return min(edge, float(cKDTree(points).query(own, k=2)[0][:, 1].min()))

    @cached_property
    def tolerance(self) -> float:
        """Largest distance of the end of a vector from its site, angstrom: UppASD's, but less than half way between."""
        return min(UPPASD * self.length, 0.4 * self.shortest)

    @cached_property
    def _compact(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The shortest vectors that span the cells, rows in angstrom, and what they are in cell vectors."""
        return shortened(self.lattice.cell, np.eye(3, dtype=np.int64))

    def _homes(self, places: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the compact cells in which places [n, 3] are, [n, 3]."""
        return np.floor(places @ np.linalg.inv(self._compact[0]) + 1e-9).astype(np.int64)

    def _around(self, margin: float) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Return positions [n, 3] of all sites in the first compact cell or less than a margin away.

        And their atoms [n], and the cells [n, 3] in which they are.
        """
        cell, vectors = self._compact
        homes = self._homes(self.lattice.basis)
        fractions = self.lattice.basis @ np.linalg.inv(cell) - homes
        width = margin * np.linalg.norm(np.linalg.inv(cell), axis=0)
        reach = np.floor(width).astype(int) + 1
        near = np.indices(2 * reach + 1).reshape(3, -1).T - reach
        places = fractions[:, None] + near  # [atom, cell, 3]
        atom, which = np.nonzero(((places >= -width - 1e-9) & (places <= 1 + width + 1e-9)).all(axis=-1))
        there = near[which] - homes[atom]
        return self.lattice.basis[atom] + there @ cell, atom, there @ vectors

    @cached_property
    def _tree(self) -> tuple[Any, NDArray[np.int64], NDArray[np.int64]]:
        from scipy.spatial import cKDTree

        points, atom, cells = self._around(self.tolerance)
        return cKDTree(points), atom, cells

    def ends(
        self, start: NDArray[np.int64], r: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Return where vectors r [n, 3] from atoms start [n] end.

        atoms [n] (-1 for none), cells [n, 3], and the distances from these sites [n], angstrom
        """
        tree, atom, cells = self._tree
        place, (cell, vectors) = self.lattice.basis[start] + r, self._compact
        home = self._homes(place)
        distance, at = tree.query(place - home @ cell, distance_upper_bound=self.tolerance)
        found = np.isfinite(distance)
        at = np.where(found, at, 0)
        return np.where(found, atom[at], -1), np.where(found[:, None], home @ vectors + cells[at], 0), distance


def in_order(table: Table) -> NDArray[np.int64]:
    """Return the indices of a table's rows in the order of its first column, which lists every site once.

    Raises InputError for sites that are repeated or out of range.
    """
    site = table.indices(0, len(table.line), "site")
    order = np.argsort(site, kind="stable")
    twice = np.flatnonzero(np.diff(site[order]) == 0)
    if len(twice):
        raise table.error(int(order[twice[0] + 1]), f"site {site[order[twice[0]]] + 1} is listed twice")
    return order
