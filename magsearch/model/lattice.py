"""Bravais lattices with a basis: sites, positions, neighbours and reciprocal space.

Sites are numbered with the atom of the basis fastest, then the first, second and third cell axis:

    site = atom + atoms * (x + n1 * (y + n2 * z))

so that an array over sites reshapes to ``lattice.grid + (atoms,)`` = (n3, n2, n1, atoms). UppASD and Spirit number
their sites in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.errors import SettingError, unknown
from magsearch.formatting import counted
from magsearch.model.integers import inverse, unimodular

SHORTEST, LONGEST = 1e-30, 1e30  # angstrom, of cell vectors: products of a few of them are numbers
SAME_PLACE = 1e-4  # two lengths closer than this fraction of the shortest cell vector are one
PAIRS = 10**7  # of sites, that a search for shells may look at; a gigabyte
HEXAGONAL = ((1.0, 0.0, 0.0), (-0.5, np.sqrt(0.75), 0.0), (0.0, 0.0, 1.0))

# name: cell in units of the lattice constant, basis in fractions of the cell, periodic axes
NAMED: dict[str, tuple[Any, Any, tuple[bool, bool, bool]]] = {
    "chain": (np.eye(3), [[0, 0, 0]], (True, False, False)),
    "square": (np.eye(3), [[0, 0, 0]], (True, True, False)),
    "triangular": (HEXAGONAL, [[0, 0, 0]], (True, True, False)),
    "honeycomb": (HEXAGONAL, [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0]], (True, True, False)),
    "kagome": (HEXAGONAL, [[0.5, 0, 0], [0, 0.5, 0], [0.5, 0.5, 0]], (True, True, False)),
    "cubic": (np.eye(3), [[0, 0, 0]], (True, True, True)),
    "bcc": ([[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]], [[0, 0, 0]], (True, True, True)),
    "fcc": ([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]], [[0, 0, 0]], (True, True, True)),
    "diamond": ([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]], [[0, 0, 0], [0.25, 0.25, 0.25]], (True, True, True)),
    "pyrochlore": (
        [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]],
        [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]],
        (True, True, True),
    ),
}


def shortest(vectors: ArrayLike, along: ArrayLike | None = None) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Shorter vectors that span the same lattice, and ``along`` changed with them; both [..., k, 3].

    Each vector is shortened by whole multiples of the others until none can be (Lagrange and Gauss; for three vectors
    after I. Semaev, 2001, with one other at a time). Vectors that cannot be shortened are returned bitwise unchanged.
    """
    v = np.array(vectors, dtype=np.float64)
    other = v.copy() if along is None else np.array(along)
    for _ in range(1000):
        changed = False
        for i, j in ((i, j) for i in range(v.shape[-2]) for j in range(v.shape[-2]) if i != j):
            square = (v[..., j, :] ** 2).sum(axis=-1)
            times = np.rint((v[..., i, :] * v[..., j, :]).sum(axis=-1) / square * (1 - SAME_PLACE))
            if times.any():
                changed = True
                v[..., i, :] -= times[..., None] * v[..., j, :]
                other[..., i, :] -= (times[..., None] * other[..., j, :]).astype(other.dtype)
        if not changed:
            break
    return v, other


@dataclass(frozen=True)
class Shell:
    """Bonds of equal length: directed, (i, j, offset) for every atom i of the basis."""

    distance: float  # angstrom
    i: NDArray[np.int64]  # [bond]
    j: NDArray[np.int64]  # [bond]
    offset: NDArray[np.int64]  # [bond, 3], cells from i to j


@dataclass(frozen=True, eq=False)
class Lattice:
    """A crystal of ``size`` cells, periodic or open along each axis.

    cell         [3, 3]     rows are the cell vectors, angstrom
    basis        [atom, 3]  Cartesian positions inside the cell, angstrom
    size         (n1, n2, n3)
    periodic     one flag for each axis
    species      one label for each atom of the basis
    nonmagnetic  the other atoms of the crystal, each a label and its Cartesian position in angstrom: they have no
                 energy, but belong to the symmetry of the crystal
    given        [3, 3]     cell vectors that the crystal was given with, where ``cell`` are others of the same lattice,
                 as in a sheared supercell; cells and wave vectors are printed in these. None: ``cell``
    """

    cell: NDArray[np.float64]
    basis: NDArray[np.float64]
    size: tuple[int, int, int]
    periodic: tuple[bool, bool, bool] = (True, True, True)
    species: tuple[str, ...] = ()
    nonmagnetic: tuple[tuple[str, tuple[float, float, float]], ...] = ()
    given: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "cell", np.array(self.cell, dtype=np.float64).reshape(3, 3))
        set_(self, "basis", np.array(self.basis, dtype=np.float64).reshape(-1, 3))
        if len(self.size) != 3 or any(n != int(n) or n < 1 for n in self.size):
            raise SettingError("size", f"size is {self.size}; expected three whole numbers of at least 1")
        set_(self, "size", tuple(int(n) for n in self.size))
        set_(self, "periodic", tuple(bool(p) for p in self.periodic))
        if len(self.periodic) != 3:
            raise SettingError("periodic", f"{counted(len(self.periodic), 'flag')}; expected three, one for each axis")
        set_(self, "species", tuple(self.species) or ("A",) * len(self.basis))
        if not np.isfinite(self.cell).all() or not np.isfinite(self.basis).all():
            wrong = "basis" if np.isfinite(self.cell).all() else "cell"
            raise SettingError(wrong, f"the {wrong} must be finite numbers")
        longest = np.abs(self.cell).max(axis=1)  # component of each vector
        if ((longest > 0) & (longest < SHORTEST)).any() or (longest > LONGEST).any():
            expected = f"expected lengths from {SHORTEST:g} to {LONGEST:g} angstrom"
            raise SettingError("cell", f"the cell vectors are {self.cell.tolist()}; {expected}")
        if abs(np.linalg.det(self.cell)) <= 1e-12 * np.linalg.norm(self.cell, axis=1).prod():
            raise SettingError("cell", f"the cell vectors {self.cell.tolist()} do not span a volume")
        inverse = np.linalg.inv(self.cell)
        if self.given is not None:
            set_(self, "given", np.array(self.given, dtype=np.float64).reshape(3, 3))
            if not np.isfinite(self.given).all() or np.linalg.det(self.given) == 0:
                raise SettingError("cell", "the cell vectors given do not span a volume")
            Q = self.cell @ np.linalg.inv(self.given)
            if not np.abs(Q - self.shear).max() < 1e-6 * np.abs(Q).max() or not unimodular(self.shear):
                raise SettingError("cell", "the cell vectors span another lattice than those given")
        if len(self.species) != self.atoms:
            raise SettingError("basis", f"{len(self.species)} species for {self.atoms} atoms of the basis")
        others = np.array([r for _, r in self.nonmagnetic], dtype=np.float64).reshape(-1, 3)
        if not np.isfinite(others).all():
            raise SettingError("nonmagnetic", "positions of nonmagnetic atoms must be finite numbers")
        places = np.concatenate([self.basis, others])
        fractions = places @ inverse % 1.0 % 1.0  # twice: a tiny negative number becomes 1, then 0
        if not np.isfinite(fractions).all():
            raise SettingError("cell", f"atoms lie too far outside of the cell {self.cell.tolist()}")
        if len(places) > 1:
            from scipy.spatial import KDTree

            for one, other in KDTree(fractions, boxsize=1.0).query_pairs(SAME_PLACE):
                if max(one, other) < self.atoms:
                    raise SettingError("basis", f"atoms {one} and {other} of the basis are at the same place")
                told = f"nonmagnetic atom {max(one, other) - self.atoms} is where another atom is"
                raise SettingError("nonmagnetic", told)

    @classmethod
    def named(
        cls,
        name: str,
        size: tuple[int, int, int],
        constant: float = 1.0,
        periodic: tuple[bool, bool, bool] | None = None,
    ) -> Lattice:
        """Return a lattice by its usual name (a key of ``NAMED``); lattice constant in angstrom.

        The constant is the edge of the conventional cell for cubic lattices, the length of the cell vectors otherwise.
        """
        if name not in NAMED:
            raise SettingError("lattice", unknown("lattice", name, NAMED))
        cell, basis, axes = NAMED[name]
        cell = constant * np.asarray(cell, dtype=np.float64)
        return cls(cell, np.asarray(basis) @ cell, size, axes if periodic is None else periodic)

    @classmethod
    def cluster(cls, positions: ArrayLike) -> Lattice:
        """Return a finite molecule: one open cell whose basis holds every site; positions [site, 3] in angstrom."""
        where = np.asarray(positions, dtype=np.float64)
        extent = np.ptp(where, axis=0) + 1.0
        return cls(np.diag(extent), where - where.min(axis=0), (1, 1, 1), (False, False, False))

    @property
    def atoms(self) -> int:
        """Number of atoms in the basis."""
        return len(self.basis)

    @property
    def given_cell(self) -> NDArray[np.float64]:
        """Cell vectors in which cells and wave vectors are printed, [3, 3] angstrom."""
        return self.cell if self.given is None else self.given

    @cached_property
    def shear(self) -> NDArray[np.int64]:
        """The cell vectors in those given, [3, 3] whole numbers."""
        if self.given is None:
            return np.eye(3, dtype=np.int64)
        return np.rint(self.cell @ np.linalg.inv(self.given)).astype(np.int64)

    def in_given_waves(self, k: ArrayLike) -> NDArray[np.float64]:
        """Return wave vectors [..., 3] in reciprocal vectors of the cell as such of the cell given."""
        return np.asarray(np.asarray(k) @ inverse(self.shear).T)

    @property
    def extended(self) -> list[int]:
        """Axes along which the box has several cells, and those that a shear has mixed with others."""
        mixed = self.shear != np.diag(np.diag(self.shear))
        return [axis for axis in range(3) if self.size[axis] > 1 or mixed[axis].any() or mixed[:, axis].any()]

    @property
    def cells(self) -> int:
        """Number of cells."""
        return math.prod(self.size)

    @property
    def sites(self) -> int:
        """Number of sites."""
        return self.cells * self.atoms

    def textures(self, spins: ArrayLike) -> NDArray[np.float64]:
        """Return spins [..., site, 3] in double precision. Raises ValueError for spins of another shape."""
        found = np.asarray(spins, dtype=np.float64)
        if found.shape[-2:] != (self.sites, 3):
            raise ValueError(f"spins have the shape {found.shape}; expected [..., {self.sites} sites, 3]")
        return found

    @property
    def grid(self) -> tuple[int, int, int]:
        """Cells as numpy sees them: (n3, n2, n1)."""
        return self.size[2], self.size[1], self.size[0]

    @cached_property
    def coordinates(self) -> NDArray[np.int64]:
        """Cell coordinates (x, y, z) of every cell, [cell, 3]."""
        z, y, x = np.indices(self.grid).reshape(3, -1)
        return np.stack([x, y, z], axis=1)

    @cached_property
    def box(self) -> NDArray[np.float64]:
        """Cartesian edges of the box in rows, [3, 3] angstrom: ``size`` cells each, or shorter ones for a sheared box.

        Along extended periodic axes the vectors after which the lattice repeats can be chosen: they are as short as
        can be.
        """
        box = self.cell * np.array(self.size)[:, None]
        box[self._repeating] = shortest(box[self._repeating])[0]
        return box

    @property
    def _repeating(self) -> list[int]:
        """Extended periodic axes."""
        return [axis for axis in range(3) if self.periodic[axis] and self.size[axis] > 1]

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Cartesian positions in angstrom, [site, 3]: inside ``box`` where the cell vectors are far from compact."""
        corners = self.coordinates @ self.cell
        if (shortest(self.cell[self._repeating])[1] != self.cell[self._repeating]).any():
            corners = corners - np.floor(corners @ np.linalg.inv(self.box) + SAME_PLACE) * self.periodic @ self.box
        return (corners[:, None] + self.basis[None]).reshape(-1, 3)

    @cached_property
    def reciprocal(self) -> NDArray[np.float64]:
        """Reciprocal vectors b_k in rows, with a_i . b_k = 2 pi delta_ik, 1/angstrom."""
        return np.asarray(2 * np.pi * np.linalg.inv(self.cell).T, dtype=np.float64)

    @property
    def given_reciprocal(self) -> NDArray[np.float64]:
        """Reciprocal vectors of ``given_cell``, as ``reciprocal``."""
        return np.asarray(2 * np.pi * np.linalg.inv(self.given_cell).T, dtype=np.float64)

    @property
    def heights(self) -> NDArray[np.float64]:
        """Distances between the faces of the cell that each cell vector connects, [axis] angstrom."""
        return np.asarray(2 * np.pi / np.linalg.norm(self.reciprocal, axis=1))

    def cells_with(self, span: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return in how many cells couplings across ``span`` [coupling, 3] cells exist, [coupling]."""
        size = np.array(self.size)
        return np.asarray(np.where(self.periodic, size, np.maximum(size - np.abs(span), 0)).prod(axis=1))

    def neighbours(self, offset: ArrayLike) -> NDArray[np.int64]:
        """Return the cells that lie ``offset`` [..., 3] cells away from each, [..., cell]; -1 beyond open edges."""
        by = np.asarray(offset, dtype=np.int64)
        ahead = [np.arange(n) + by[..., axis, None] for axis, n in enumerate(self.size)]  # [..., cell along the axis]
        x, y, z = (
            np.where(periodic | ((there >= 0) & (there < n)), there % n, -self.cells)
            for there, n, periodic in zip(ahead, self.size, self.periodic, strict=True)
        )
        rows = y[..., None, :] + self.size[1] * z[..., :, None]
        cell = x[..., None, None, :] + self.size[0] * rows[..., None]
        return np.maximum(cell, -1).reshape(*by.shape[:-1], self.cells)

    def translation(self, shift: ArrayLike) -> NDArray[np.int64]:
        """Return the sites from which a texture moved by ``shift`` cells is read: moved = spins[these], [site]."""
        came_from = self.neighbours(-np.asarray(shift))
        if (came_from < 0).any():
            raise ValueError("a translation along an open axis is not a symmetry")
        return (came_from[:, None] * self.atoms + np.arange(self.atoms)).reshape(-1)

    @property
    def outside(self) -> NDArray[np.int64]:
        """Cells by which each atom of the basis lies outside of its cell, [atom, 3]."""
        return np.floor(self.basis @ np.linalg.inv(self.cell) + 1e-7).astype(np.int64)

    @property
    def folded(self) -> NDArray[np.int64]:
        """Cells by which each atom of the basis lies outside of its cell along periodic axes, [atom, 3]."""
        return np.where(self.periodic, self.outside, 0)

    def displaced(self, texture: ArrayLike, cells: ArrayLike) -> NDArray[Any]:
        """Return a texture in which the spins of each atom stand ``cells`` further on; [..., site, 3] and [atom, 3].

        It is that of the same crystal with each atom of the basis assigned to the cell ``cells`` away.
        """
        spins, shift = np.asarray(texture), np.asarray(cells)
        if not shift.any():
            return spins
        grid = spins.reshape(*spins.shape[:-2], *self.grid, self.atoms, 3)
        moved = [np.roll(grid[..., a, :], shift[a], axis=(-2, -3, -4)) for a in range(self.atoms)]
        return np.stack(moved, axis=-2).reshape(spins.shape)

    def shells(self, count: int) -> list[Shell]:
        """Return the ``count`` shortest distances between sites of the infinite crystal, with their directed bonds.

        Only axes along which bonds can lead somewhere (periodic, or more than one cell) are followed. A finite lattice
        has fewer shells: ValueError says how many.
        """
        reach = 1
        while True:
            shells = list(islice(self._shells_within(reach), count))
            further = list(islice(self._shells_within(2 * reach), count))
            safe = len(shells) == len(further) == count and all(
                np.isclose(a.distance, b.distance) and len(a.i) == len(b.i)
                for a, b in zip(shells, further, strict=True)
            )
            if safe:
                return shells
            if len(shells) == len(further) < count:
                raise ValueError(f"the lattice has {counted(len(shells), 'shell')}, {count} were asked for")
            reach *= 2

    def _shells_within(self, reach: int) -> Iterator[Shell]:
        follow = [p or n > 1 for p, n in zip(self.periodic, self.size, strict=True)]
        ranges = [np.arange(-reach, reach + 1) if f else np.zeros(1, int) for f in follow]
        pairs = (self.atoms, self.atoms, int(np.prod([len(r) for r in ranges])))
        if np.prod(pairs) > PAIRS:
            raise ValueError(f"shells that reach {reach} cells far; expected less than {PAIRS} pairs of sites in reach")
        offset = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
        apart = (self.basis - self.basis[:, None])[:, :, None] + offset @ self.cell
        distance = np.linalg.norm(apart, axis=-1).ravel()
        same = SAME_PLACE * np.linalg.norm(self.cell, axis=1).min()
        order = np.argsort(distance, kind="stable")
        order = order[distance[order] > same]
        ends = np.append(np.flatnonzero(np.diff(distance[order]) > same) + 1, len(order))
        for begin, end in zip(np.append(0, ends), ends, strict=False):
            if end > begin:
                members = order[begin:end]
                i, j, cell = np.unravel_index(members, pairs)
                yield Shell(float(distance[members].mean()), i, j, offset[cell])
