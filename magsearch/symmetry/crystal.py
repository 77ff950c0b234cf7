"""The space group of a crystal, whatever its couplings, and what it does to atoms and bonds.

An operation moves atom a to R r_a + t. A bond (i, j, offset) goes to (g(i), g(j), offset W + c_j - c_i), and its
coupling matrix J to R J R^T: spins are axial vectors and turn by det(R) R, whose sign occurs twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.integers import inverse
from magsearch.model.lattice import Lattice, shortest
from magsearch.symmetry.space_group import Places, isometries

TOLERANCE = 1e-3  # of the shortest cell vector: positions of a relaxed structure are symmetric to about 1e-4
SAME_MOMENT = 0.05  # atoms of one species whose moments differ by a larger fraction are different
WORK = 10_000_000  # images of atoms under all operations


@dataclass(frozen=True, eq=False)
class CrystalGroup:
    """The space group of a crystal modulo translations by cell vectors, as it acts on the magnetic atoms.

    R      [operation, 3, 3]     Cartesian: r -> R r + t; the identity first
    W      [operation, 3, 3]     the same in cells: offset -> offset @ W
    image  [operation, atom]     where each atom goes,
    cells  [operation, atom, 3]  and into which cell
    """

    R: NDArray[np.float64]
    W: NDArray[np.int64]
    image: NDArray[np.int64]
    cells: NDArray[np.int64]

    @property
    def order(self) -> int:
        """Number of operations."""
        return len(self.R)

    @property
    def P(self) -> NDArray[np.float64]:
        """Matrices by which the operations turn axial vectors, [operation, 3, 3]."""
        return np.asarray(np.linalg.det(self.R).round()[:, None, None] * self.R)

    @cached_property
    def orbits(self) -> list[NDArray[np.int64]]:
        """Equivalent atoms, orbit by orbit."""
        first = self.image.min(axis=0)
        return [np.flatnonzero(first == atom) for atom in np.unique(first)]

    def of_site(self, atom: int) -> NDArray[np.int64]:
        """Return the numbers of the operations that leave an atom in its place, modulo translations."""
        return np.flatnonzero(self.image[:, atom] == atom)

    def images(self, bond: ArrayLike) -> NDArray[np.int64]:
        """Return where a bond (i, j, offset) goes, [operation, 5]."""
        i, j, *offset = np.asarray(bond, dtype=np.int64).tolist()
        moved = np.array(offset) @ self.W + self.cells[:, j] - self.cells[:, i]
        return np.column_stack([self.image[:, i], self.image[:, j], moved])

    def of_bond(self, bond: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the operations that leave a bond in its place, and whether each exchanges its ends."""
        given, images = np.asarray(bond, dtype=np.int64), self.images(bond)
        kept, turned = (images == given).all(axis=1), (images == reverse(given)).all(axis=1)
        found = np.flatnonzero(kept | turned)
        return found, turned[found]


def reverse(bonds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return bonds (i, j, offset) in the other direction, [..., 5]."""
    return np.concatenate([bonds[..., [1, 0]], -bonds[..., 2:]], axis=-1)


def whole_crystal(lattice: Lattice, moments: ArrayLike = 1.0) -> Lattice:
    """Return one cell of a crystal with all its atoms, whose species are those that symmetry tells apart."""
    size = np.broadcast_to(np.asarray(moments, dtype=np.float64), lattice.atoms)
    order = np.argsort(size, kind="stable")
    kind = np.zeros(lattice.atoms, dtype=np.int64)
    kind[order] = np.concatenate([[0], np.cumsum(np.diff(size[order]) > SAME_MOMENT * size[order][:-1])])
    labels = [f"{species} {k}" for species, k in zip(lattice.species, kind.tolist(), strict=True)]
    labels += [f"{species} without spin" for species, _ in lattice.nonmagnetic]
    basis = np.concatenate([lattice.basis, np.array([r for _, r in lattice.nonmagnetic]).reshape(-1, 3)])
    return Lattice(lattice.cell, basis, (1, 1, 1), (True, True, True), tuple(labels))


def reduced(lattice: Lattice, axes: list[int]) -> tuple[Lattice, NDArray[np.int64]]:
    """Return a crystal with the shortest cell vectors along some axes, and these in the given ones, [3, 3]."""
    cell, U = lattice.cell.copy(), np.eye(3, dtype=np.int64)
    cell[axes], U[axes] = shortest(cell[axes], U[axes])
    return replace(lattice, cell=cell), U


def exact(vectors: NDArray[np.float64], R: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return isometries that map rounded lattice vectors [k, 3] onto each other as a group of matrices, [..., 3, 3].

    The scalar products of the vectors are averaged over the group. The first vector keeps its direction, and the first
    two their plane, so that axes of a crystal along x, or in the plane of x and y, stay there.
    """
    if len(vectors) < 2:
        return R
    F = np.vstack([vectors, np.linalg.svd(vectors)[2][len(vectors) :]])
    M = np.rint(F @ R.swapaxes(1, 2) @ np.linalg.inv(F))
    G = F @ F.T
    there = np.linalg.cholesky((M @ G @ M.swapaxes(1, 2)).mean(axis=0)) @ np.linalg.solve(np.linalg.cholesky(G), F)
    turned = (np.linalg.inv(there) @ M @ there).swapaxes(1, 2)
    return np.where(np.abs(turned - turned.round()) < 1e-12, turned.round(), turned) + 0.0


def extended(lattice: Lattice, bonds: Bonds | None = None) -> list[int]:
    """Return the axes of the cell along which the crystal is periodic, whatever the edges of the box."""
    crossed = np.zeros(3, dtype=bool) if bonds is None else (bonds.offset != 0).any(axis=0)
    followed = np.array(lattice.periodic) | (np.array(lattice.size) > 1) | crossed | bool(lattice.nonmagnetic)
    return [int(axis) for axis in np.flatnonzero(followed)]


def crystal_group(
    lattice: Lattice, moments: ArrayLike = 1.0, bonds: Bonds | None = None, tolerance: float = TOLERANCE
) -> CrystalGroup:
    """Return the space group of a crystal, nonmagnetic atoms included.

    Where these are given, the crystal is periodic along all axes; else along those that are periodic, have several
    cells, or are crossed by ``bonds``. Atoms are alike if they have one species and moments [atom] that differ by less
    than 5 %.

    tolerance  allowed mismatch of positions and cell vectors, as a fraction of the shortest cell vector

    Raises ValueError for a cell of too many equal atoms, and for one that is far too long or oblique.
    """
    atoms, axes = lattice.atoms, extended(lattice, bonds)
    crystal, U = reduced(whole_crystal(lattice, moments), axes)
    basis = crystal.basis
    reach = np.linalg.norm(crystal.cell[axes], axis=1).max(initial=0.0) / crystal.heights[axes]
    if not np.prod(2 * np.ceil(reach) + 1) <= WORK:
        raise ValueError("the cell vectors are too different in length, or too oblique, to look for symmetry")
    places = Places(Hamiltonian(crystal, Bonds.none()), axes, tolerance)
    found: list[tuple[NDArray[Any], ...]] = []
    for W, R in isometries(crystal, axes, tolerance):
        for first in places.images(R).tolist():
            if len(found) * len(basis) > WORK:
                raise ValueError(f"the space group of a cell of {len(basis)} atoms has too many operations")
            if (mapped := places.mapped(R, first)) is not None:
                found.append((R, W, mapped[0][:atoms], mapped[1][:atoms]))
    found.sort(key=lambda one: not (np.allclose(one[0], np.eye(3)) and (one[2] == np.arange(atoms)).all()))
    R, W, image, cells = (np.array(part) for part in zip(*found, strict=True))
    W = inverse(U) @ W @ U  # n cells are n U^-1 reduced ones
    return CrystalGroup(exact(crystal.cell[axes], R), W, image, cells @ U)
