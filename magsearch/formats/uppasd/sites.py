"""Sites of UppASD's posfile, and the bonds between them from the files of couplings."""

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
from magsearch.model.bonds import Bonds
from magsearch.model.lattice import Lattice

SITE = 1e-3  # larger distances of the end of a vector from its site, as fractions of the shortest one, are noted
UPPASD = 0.1  # alat; distance within which UppASD (neighbourmap.f90, tol = 0.1^2) takes two vectors or places for one
SAME_SHELL = 1e-5**0.5  # alat; distance within which two rows of one type are one shell (inputhandler_ext.f90)


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
        if abs(np.linalg.det(cell)) <= 1e-9 * np.linalg.norm(cell, axis=1).prod():
            raise inpsd.error("cell", "has three vectors in one plane; expected a volume")
        direct = inpsd.choice("posfiletype", ("C", "D"), "C") == "D"
        table = Table.read(inpsd.file("posfile"), ("site", "type", "x", "y", "z"))
        order = in_order(table)
        types, positions = table.values[order, 1].astype(np.int64), table.values[order, 2:]
        listed = positions @ cell if direct else length * positions
        fractions = listed @ np.linalg.inv(cell)
        basis = (fractions - np.floor(fractions + 1e-7)) @ cell
        boundary = inpsd.entries["bc"].values[:3] if "bc" in inpsd else ("0", "0", "0")
        if len(boundary) < 3 or not set(boundary) <= {"P", "0"}:
            raise inpsd.error("bc", f"is '{' '.join(boundary)}'; expected P or 0 for each of three axes")
        periodic = (boundary[0] == "P", boundary[1] == "P", boundary[2] == "P")
        try:
            too_large(size, len(basis))
        except ValueError as error:
            raise inpsd.error("ncell", f"is too large: {error}") from None
        try:
            lattice = Lattice(cell, basis, (size[0], size[1], size[2]), periodic, tuple(str(t) for t in types))
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

        edge = float(np.linalg.norm(self.lattice.cell, axis=1).min())
        volume = abs(np.linalg.det(self.lattice.cell)) / self.lattice.atoms
        radius = min(edge, (2**0.5 * volume) ** (1 / 3)) * (1 + 1e-6)  # no packing of spheres is denser
        points, _, _ = self._around(radius)
        if len(points) < 2:
            return edge
        return min(edge, float(cKDTree(points).query(self.lattice.basis, k=2)[0][:, 1].min()))

    @cached_property
    def tolerance(self) -> float:
        """Largest distance of the end of a vector from its site, angstrom: UppASD's, but less than half way between."""
        return min(UPPASD * self.length, 0.4 * self.shortest)

    def _around(self, margin: float) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Return positions [n, 3], atoms [n] and cells [n, 3] of all sites in the cell or less than a margin away."""
        cell = self.lattice.cell
        fractions = self.lattice.basis @ np.linalg.inv(cell)
        width = margin * np.linalg.norm(np.linalg.inv(cell), axis=0)
        reach = np.floor(width).astype(int) + 1
        cells = np.indices(2 * reach + 1).reshape(3, -1).T - reach
        places = fractions[:, None] + cells  # [atom, cell, 3]
        atom, which = np.nonzero(((places >= -width - 1e-9) & (places <= 1 + width + 1e-9)).all(axis=-1))
        return self.lattice.basis[atom] + cells[which] @ cell, atom, cells[which]

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
        place = self.lattice.basis[start] + r
        home = np.floor(place @ np.linalg.inv(self.lattice.cell) + 1e-9).astype(np.int64)
        distance, at = tree.query(place - home @ self.lattice.cell, distance_upper_bound=self.tolerance)
        found = np.isfinite(distance)
        at = np.where(found, at, 0)
        return np.where(found, atom[at], -1), np.where(found[:, None], home + cells[at], 0), distance

    def shells(self, table: Table) -> Shells:
        """Return the shells that the rows of a file of couplings define. Raises InputError for unknown atoms.

        Rows of one type with one vector are one shell: the first row decides its place in UppASD's list and the type
        of its other end, the last one its value.
        """
        from scipy.spatial import cKDTree

        i, j = (table.indices(column, self.lattice.atoms, "atom") for column in (0, 1))
        r = self.vectors(table, i, j)
        first = np.arange(len(r))
        kind = np.unique(self.types[i], return_inverse=True)[1]
        apart = 1e3 * (1 + np.abs(r).max(initial=0.0))  # keeps the types from each other
        pairs = cKDTree(np.column_stack([r, apart * kind])).query_pairs(SAME_SHELL * self.length, output_type="ndarray")
        np.minimum.at(first, pairs.max(axis=1, initial=0), pairs.min(axis=1, initial=len(r)))
        row, which = np.unique(first, return_inverse=True)
        last = np.zeros(len(row), dtype=np.int64)
        np.maximum.at(last, which.reshape(-1), np.arange(len(r)))
        return Shells(row, last, which.reshape(-1), self.types[i[row]], self.types[j[row]], r[row])

    def images(
        self, r: NDArray[np.float64], symmetry: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the distinct images of vectors r [n, 3]: which vector [m], and the image [m, 3].

        As in UppASD, an image that is close to an earlier one of the same vector is dropped.
        """
        moved = np.einsum("oab,nb->noa", symmetry, r)
        kept = np.ones(moved.shape[:2], dtype=bool)
        for n in range(1, len(symmetry)):
            near = ((moved[:, :n] - moved[:, n, None]) ** 2).sum(axis=-1) < self.tolerance**2
            kept[:, n] = ~(near & kept[:, :n]).any(axis=1)
        return np.nonzero(kept)[0], moved[kept]

    def bonds(
        self, table: Table, matrices: NDArray[np.float64], symmetry: NDArray[np.float64], typed: bool
    ) -> tuple[Bonds, list[str], dict[int, int]]:
        """Convert rows of couplings (matrices [row, 3, 3], meV) to bonds; return these, notes, and on-site rows.

        symmetry  [operation, 3, 3]
        typed     whether a vector must end on an atom of the type of its row's j

        A row applies to every atom of the type of its i: bonds follow the vector and its images under the symmetry from
        each of them; where no site is there is no bond, as in UppASD. Of several shells for one bond the first counts.
        On-site rows are those of atoms with themselves: the row of the value by the atom. Raises InputError for a row
        without bonds.
        """
        shells = self.shells(table)
        which, vector = self.images(shells.r, symmetry)
        start, image = _matches(self.types, shells.kind[which])
        shell = which[image]
        end, offset, away = self.ends(start, vector[image])
        good = end >= 0
        if typed:
            good &= self.types[end] == shells.other[shell]
        self._require_ends(table, matrices, shells, shell, end, good)
        onsite = good & (start == end) & (offset == 0).all(axis=1)
        own = {int(atom): int(shells.last[k]) for atom, k in zip(start[onsite], shell[onsite], strict=True)}
        kept = np.flatnonzero(good & ~onsite)
        kept = kept[np.argsort(shell[kept], kind="stable")]
        keys = np.column_stack([start, end, offset])[kept]
        _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        chosen = shells.last[shell[kept[first]]]
        notes = self._replaced(table, matrices, shells)
        notes += _repeated(table, matrices, shells.last[shell[kept]], chosen[inverse.reshape(-1)])
        notes += self._inexact(table, shells.row[shell], good, away)
        lost = ~good
        if lost.any():
            line = table.line[shells.row[shell[lost][0]]]
            notes.append(
                f"{table.path}: {lost.sum()} of {len(good)} vectors (of a row, from every atom of its type, with its "
                f"images under sym) end where no site {'of the type ' * typed}is, for example of line {line} from atom "
                f"{start[lost][0] + 1}; these have no coupling, as in UppASD"
            )
        keys = keys[first]
        lines = tuple(f"{table.path}:{line}" for line in table.line[chosen].tolist())
        return Bonds(keys[:, 0], keys[:, 1], keys[:, 2:], matrices[chosen], lines), notes, own

    def _replaced(self, table: Table, matrices: NDArray[np.float64], shells: Shells) -> list[str]:
        differ = np.abs(matrices - matrices[shells.last[shells.of]]).max(axis=(1, 2), initial=0)
        if not differ.any():
            return []
        a = int(differ.argmax())
        b = int(shells.last[shells.of[a]])
        return [
            f"{table.path}: {(differ > 0).sum()} rows are replaced by later ones of the same type and vector with "
            f"another coupling, for example line {table.line[a]} by line {table.line[b]} ({differ[a]:.1e} meV apart); "
            "the last is used, as in UppASD"
        ]

    def _inexact(
        self, table: Table, row: NDArray[np.int64], good: NDArray[np.bool_], away: NDArray[np.float64]
    ) -> list[str]:
        far = good & (np.where(good, away, 0.0) > SITE * self.shortest)
        if not far.any():
            return []
        worst = int(np.argmax(np.where(far, away, 0.0)))
        return [
            f"{table.path}: {far.sum()} vectors end up to {away[worst]:.2g} A from a site, for example of line "
            f"{table.line[row[worst]]}; they count, as UppASD accepts {UPPASD:g} alat = {UPPASD * self.length:.2g} A"
        ]

    def _require_ends(
        self,
        table: Table,
        matrices: NDArray[np.float64],
        shells: Shells,
        shell: NDArray[np.int64],
        end: NDArray[np.int64],
        good: NDArray[np.bool_],
    ) -> None:
        coupled = np.flatnonzero(matrices[shells.last].any(axis=(1, 2)))  # a row of zeros may end anywhere
        lost = np.setdiff1d(coupled, shell[good])
        if not len(lost):
            return
        k = int(shells.row[lost[0]])
        vector = "({:g}, {:g}, {:g})".format(*table.values[k, 2:5])
        found = end[(shell == lost[0]) & (end >= 0)]
        if not len(found):
            raise table.error(
                k, f"the vector {vector} does not end on a site; expected one within {self.tolerance:.1e} A"
            )
        raise table.error(k, f"the vector {vector} ends on atom {found[0] + 1}, whose type differs from that of j")


@dataclass(frozen=True, eq=False)
class Shells:
    """Rows of couplings, those of one type with one vector joined.

    row    [shell] the first row
    last   [shell] the last row, whose coupling counts
    of     [row] the shell
    kind   [shell] type of i
    other  [shell] type of j in the first row
    r      [shell, 3] angstrom
    """

    row: NDArray[np.int64]
    last: NDArray[np.int64]
    of: NDArray[np.int64]
    kind: NDArray[np.int64]
    other: NDArray[np.int64]
    r: NDArray[np.float64]


def _matches(types: NDArray[np.int64], kinds: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all pairs of an atom and an entry of ``kinds`` of its type, as [pair] and [pair]."""
    atoms, entries = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for kind in np.unique(kinds):
        of_kind, with_kind = np.flatnonzero(types == kind), np.flatnonzero(kinds == kind)
        atoms.append(np.repeat(of_kind, len(with_kind)))
        entries.append(np.tile(with_kind, len(of_kind)))
    return np.concatenate(atoms), np.concatenate(entries)


def _repeated(
    table: Table, matrices: NDArray[np.float64], row: NDArray[np.int64], chosen: NDArray[np.int64]
) -> list[str]:
    """Return a note if rows [bond] would give bonds another coupling than the rows that were chosen, [bond]."""
    differ = np.abs(matrices[row] - matrices[chosen]).max(axis=(1, 2), initial=0)
    if not differ.any():
        return []
    a = int(differ.argmax())
    share = differ[a] / np.abs(matrices[chosen[a]]).max() if matrices[chosen[a]].any() else np.inf
    return [
        f"{table.path}: {(differ > 0).sum()} bonds are given twice with different couplings, by symmetry or within the "
        f"tolerance, for example by lines {table.line[chosen[a]]} and {table.line[row[a]]}, {differ[a]:.1e} meV "
        f"({100 * share:.2g} %) apart; the first is used, as in UppASD"
    ]


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
