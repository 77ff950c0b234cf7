"""Bonds between the sites of an UppASD model, from its files of couplings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from magsearch.formats.table import Table
from magsearch.formats.uppasd.sites import UPPASD, Sites
from magsearch.formatting import counted
from magsearch.model.bonds import Bonds

SITE = 1e-3  # larger distances of the end of a vector from its site, as fractions of the shortest one, are noted
SAME_SHELL = 1e-5**0.5  # alat; distance within which two rows of one type are one shell (inputhandler_ext.f90)


def bonds_of(
    sites: Sites, table: Table, matrices: NDArray[np.float64], symmetry: NDArray[np.float64], typed: bool
) -> tuple[Bonds, list[str], dict[int, int]]:
    """Convert rows of couplings (matrices [row, 3, 3], meV) to bonds; return these, notes, and on-site rows.

    symmetry  [operation, 3, 3]
    typed     whether a vector must end on an atom of the type of its row's j

    A row applies to every atom of the type of its i: bonds follow the vector and its images under the symmetry from
    each of them; where no site is there is no bond, as in UppASD. Of several shells for one bond the first counts.
    On-site rows are those of atoms with themselves: the row of the value by the atom. Raises InputError for a row
    without bonds.
    """
    shells = Shells.of_rows(sites, table, matrices)
    which, vector = shells.images(symmetry, sites.tolerance)
    start, image = _matches(sites.types, shells.kind[which])
    shell = which[image]
    end, offset, away = sites.ends(start, vector[image])
    good = end >= 0
    if typed:
        good &= sites.types[end] == shells.other[shell]
    shells.require_ends(shell, end, good, sites.tolerance)
    onsite = good & (start == end) & (offset == 0).all(axis=1)
    own = {int(atom): int(shells.last[k]) for atom, k in zip(start[onsite], shell[onsite], strict=True)}
    kept = np.flatnonzero(good & ~onsite)
    kept = kept[np.argsort(shell[kept], kind="stable")]
    keys = np.column_stack([start, end, offset])[kept]
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    chosen = shell[kept[first]]
    notes = [
        *shells.replaced(),
        *shells.repeated(shell[kept], chosen[inverse.reshape(-1)]),
        *shells.inexact(shell, np.where(good, away, 0.0), sites),
    ]
    lost = ~good
    if lost.any():
        line = table.line[shells.row[shell[lost][0]]]
        notes.append(
            f"{table.path}: {lost.sum()} of {len(good)} vectors (of a row, from every atom of its type, with its "
            f"images under sym) end where no site {'of the type ' * typed}is, for example of line {line} from atom "
            f"{start[lost][0] + 1}; these have no coupling, as in UppASD"
        )
    keys = keys[first]
    lines = tuple(f"{table.path}:{line}" for line in table.line[shells.last[chosen]].tolist())
    return Bonds(keys[:, 0], keys[:, 1], keys[:, 2:], shells.couplings[chosen], lines), notes, own


@dataclass(frozen=True, eq=False)
class Shells:
    """A file of couplings with the rows of one type and one vector joined, as one shell of neighbours.

    table     rows as in the file
    matrices  [row, 3, 3] meV
    row       [shell] the first row, which decides the shell's place in UppASD's list
    last      [shell] the last row, whose coupling counts
    of        [row] the shell
    kind      [shell] type of i
    other     [shell] type of j in the first row
    r         [shell, 3] vector from i to j, angstrom
    """

    table: Table
    matrices: NDArray[np.float64]
    row: NDArray[np.int64]
    last: NDArray[np.int64]
    of: NDArray[np.int64]
    kind: NDArray[np.int64]
    other: NDArray[np.int64]
    r: NDArray[np.float64]

    @classmethod
    def of_rows(cls, sites: Sites, table: Table, matrices: NDArray[np.float64]) -> Shells:
        """Join the rows of a file of couplings. Raises InputError for unknown atoms."""
        from scipy.spatial import cKDTree

        i, j = (table.indices(column, sites.lattice.atoms, "atom") for column in (0, 1))
        r = sites.vectors(table, i, j)
        first = np.arange(len(r))
        kind = np.unique(sites.types[i], return_inverse=True)[1]
        apart = 1e3 * (1 + np.abs(r).max(initial=0.0))  # keeps the types from each other
        tree = cKDTree(np.column_stack([r, apart * kind]))
        pairs = tree.query_pairs(SAME_SHELL * sites.length, output_type="ndarray")
        np.minimum.at(first, pairs.max(axis=1), pairs.min(axis=1))
        row, of = np.unique(first, return_inverse=True)
        last = np.zeros(len(row), dtype=np.int64)
        np.maximum.at(last, of, np.arange(len(r)))
        return cls(table, matrices, row, last, of, sites.types[i[row]], sites.types[j[row]], r[row])

    @property
    def couplings(self) -> NDArray[np.float64]:
        """The matrix of each shell, [shell, 3, 3] meV."""
        return self.matrices[self.last]

    def images(self, symmetry: NDArray[np.float64], tolerance: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the distinct images of the vectors: the shell [image], and the image [image, 3] in angstrom.

        symmetry   [operation, 3, 3]
        tolerance  angstrom; an image closer to an earlier one of the same vector is dropped, as in UppASD
        """
        moved = np.einsum("oab,nb->noa", symmetry, self.r)
        kept = np.ones(moved.shape[:2], dtype=bool)
        for n in range(1, len(symmetry)):
            near = ((moved[:, :n] - moved[:, n, None]) ** 2).sum(axis=-1) < tolerance**2
            kept[:, n] = ~(near & kept[:, :n]).any(axis=1)
        return np.nonzero(kept)[0], moved[kept]

    def require_ends(
        self, shell: NDArray[np.int64], end: NDArray[np.int64], good: NDArray[np.bool_], tolerance: float
    ) -> None:
        """Raise InputError for the first row with a coupling that gives no bond.

        shell  [vector]
        end    [vector] atom that it ends on, -1 for none within the tolerance (angstrom)
        good   [vector] whether it ends on an atom of the right type
        """
        coupled = np.flatnonzero(self.couplings.any(axis=(1, 2)))  # a row of zeros may end anywhere
        lost = np.setdiff1d(coupled, shell[good])
        if not len(lost):
            return
        k = int(self.row[lost[0]])
        vector = "({:g}, {:g}, {:g})".format(*self.table.values[k, 2:5])
        found = end[(shell == lost[0]) & (end >= 0)]
        if not len(found):
            raise self.table.error(
                k, f"the vector {vector} does not end on a site; expected one within {tolerance:.1e} A"
            )
        raise self.table.error(k, f"the vector {vector} ends on atom {found[0] + 1}, whose type differs from that of j")

    def replaced(self) -> list[str]:
        """Return a note if later rows replace the couplings of earlier ones."""
        differ = np.abs(self.matrices - self.couplings[self.of]).max(axis=(1, 2), initial=0)
        if not differ.any():
            return []
        a = int(differ.argmax())
        b = int(self.last[self.of[a]])
        return [
            f"{self.table.path}: {counted((differ > 0).sum(), 'row', 'are')} replaced by later ones of the "
            f"same type and vector with another coupling, for example line {self.table.line[a]} by line "
            f"{self.table.line[b]} ({differ[a]:.1e} meV apart); the last is used, as in UppASD"
        ]

    def repeated(self, shell: NDArray[np.int64], chosen: NDArray[np.int64]) -> list[str]:
        """Return a note if shells [bond] would give bonds another coupling than the chosen ones [bond]."""
        J = self.couplings
        differ = np.abs(J[shell] - J[chosen]).max(axis=(1, 2), initial=0)
        if not differ.any():
            return []
        a = int(differ.argmax())
        largest = np.abs(J[chosen[a]]).max()
        share = differ[a] / largest if largest else np.inf
        used, other = self.table.line[self.last[[chosen[a], shell[a]]]]
        return [
            f"{self.table.path}: {counted((differ > 0).sum(), 'bond', 'are')} given twice with different "
            f"couplings, by symmetry or within the tolerance, for example by lines {used} and {other}, "
            f"{differ[a]:.1e} meV ({100 * share:.2g} %) apart; the first is used, as in UppASD"
        ]

    def inexact(self, shell: NDArray[np.int64], away: NDArray[np.float64], sites: Sites) -> list[str]:
        """Return a note if vectors of shells [vector] end ``away`` from their sites, [vector] angstrom."""
        far = away > SITE * sites.shortest
        if not far.any():
            return []
        worst = int(away.argmax())
        return [
            f"{self.table.path}: {counted(far.sum(), 'vector', 'end')} up to {away[worst]:.2g} A from a site, "
            f"for example of line {self.table.line[self.row[shell[worst]]]}, and count, as UppASD accepts {UPPASD:g} "
            f"alat = {UPPASD * sites.length:.2g} A"
        ]


def _matches(types: NDArray[np.int64], kinds: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all pairs of an atom and an entry of ``kinds`` of its type, as [pair] and [pair]."""
    atoms, entries = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for kind in np.unique(kinds):
        of_kind, with_kind = np.flatnonzero(types == kind), np.flatnonzero(kinds == kind)
        atoms.append(np.repeat(of_kind, len(with_kind)))
        entries.append(np.tile(with_kind, len(of_kind)))
    return np.concatenate(atoms), np.concatenate(entries)
