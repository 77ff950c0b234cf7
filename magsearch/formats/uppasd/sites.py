"""Sites of UppASD's posfile, and the bonds between them from the files of couplings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.formats.build import too_large
from magsearch.formats.table import Table
from magsearch.formats.uppasd.inpsd import Inpsd
from magsearch.model.bonds import ROUNDING, Bonds
from magsearch.model.lattice import Lattice

SITE = 1e-3  # largest distance of the end of a vector from a site, in units of the shortest distance between sites


@dataclass(frozen=True, eq=False)
class Sites:
    """Sites of a posfile, and how the files of couplings refer to them.

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
        cell = length * inpsd.numbers("cell", 9).reshape(3, 3)
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

    def ends(self, start: NDArray[np.int64], r: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the atoms [n] (-1 for none) and cells [n, 3] at which vectors r [n, 3] from atoms start [n] end."""
        cell, basis = self.lattice.cell, self.lattice.basis
        inverse = np.linalg.inv(cell)
        atom, offset = np.full(len(r), -1), np.zeros((len(r), 3), dtype=np.int64)
        for b, place in enumerate(basis):
            fractions = (basis[start] + r - place) @ inverse
            cells = np.rint(fractions)
            here = np.linalg.norm((fractions - cells) @ cell, axis=1) < self.tolerance
            atom[here], offset[here] = b, cells[here]
        return atom, offset

    @cached_property
    def tolerance(self) -> float:
        """Largest distance of the end of a vector from a site, angstrom."""
        apart = (self.lattice.basis[:, None] - self.lattice.basis) @ np.linalg.inv(self.lattice.cell)
        distances = np.linalg.norm((apart - np.rint(apart)) @ self.lattice.cell, axis=-1)
        np.fill_diagonal(distances, np.linalg.norm(self.lattice.cell, axis=1).min())
        return float(SITE * distances.min())

    def bonds(
        self, table: Table, matrices: NDArray[np.float64], symmetry: NDArray[np.float64]
    ) -> tuple[Bonds, list[str]]:
        """Convert rows of couplings (matrices [row, 3, 3], meV) to bonds; return these and notes.

        A row applies to every atom of the type of its i: bonds follow the vector and its images under
        symmetry [operation, 3, 3] from each of them. If an image does not end on a site of the type of j there is no
        bond, as in UppASD. Raises InputError for a row without bonds, and for different couplings of one bond by
        symmetry.
        """
        atoms = self.lattice.atoms
        i, j = (table.indices(column, atoms, "atom") for column in (0, 1))
        r = self.vectors(table, i, j)
        start, row, operation = (
            a.ravel() for a in np.meshgrid(range(atoms), range(len(r)), range(len(symmetry)), indexing="ij")
        )
        same = self.types[start] == self.types[i[row]]
        start, row, operation = start[same], row[same], operation[same]
        end, offset = self.ends(start, np.einsum("nab,nb->na", symmetry[operation], r[row]))
        typed = (end >= 0) & (self.types[end] == self.types[j[row]])
        self._require_ends(table, row, end, typed)
        onsite = typed & (start == end) & (offset == 0).all(axis=1)
        notes = [f"{table.path}:{table.line[k]}: couples a site to itself; left out" for k in np.unique(row[onsite])]
        kept = np.flatnonzero(typed & ~onsite)[::-1]
        keys = np.column_stack([start, end, offset])[kept]
        _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        chosen = row[kept[first]]  # of several rows for one bond the last is used
        ousted = np.abs(matrices[row[kept]] - matrices[chosen[inverse.reshape(-1)]]).max(axis=(1, 2), initial=0)
        if len(ousted) and ousted.max() > 0:
            a, b = row[kept[ousted.argmax()]], chosen[inverse.reshape(-1)[ousted.argmax()]]
            if len(symmetry) > 1 and ousted.max() > ROUNDING * np.abs(matrices).max():
                raise table.error(
                    b, f"defines a bond to which line {table.line[a]} assigns, by symmetry, a different coupling"
                )
            notes.append(
                f"{table.path}: lines {table.line[a]} and {table.line[b]} have one vector and type but different "
                f"couplings (by up to {ousted.max():.1e} meV); the last is used, as in UppASD"
            )
        if atoms == 1 and not typed.all():
            notes.append(f"{table.path}: sym maps some of the vectors to positions without a site; these have no bond")
        keys = keys[first]
        lines = tuple(f"{table.path}:{line}" for line in table.line[chosen].tolist())
        return Bonds(keys[:, 0], keys[:, 1], keys[:, 2:], matrices[chosen], lines), notes

    def _require_ends(
        self, table: Table, row: NDArray[np.int64], end: NDArray[np.int64], typed: NDArray[np.bool_]
    ) -> None:
        lost = np.setdiff1d(np.arange(len(table.line)), row[typed])
        if not len(lost):
            return
        k = int(lost[0])
        vector = "({:g}, {:g}, {:g})".format(*table.values[k, 2:5])
        found = end[(row == k) & (end >= 0)]
        if not len(found):
            raise table.error(
                k, f"the vector {vector} does not end on a site; expected one within {self.tolerance:.1e} A"
            )
        raise table.error(k, f"the vector {vector} ends on atom {found[0] + 1}, whose type differs from that of j")


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
