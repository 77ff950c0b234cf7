"""The magnetic cell of a texture: the smallest one after which it repeats, found from the texture itself.

The translations of the box under which all spins and moments repeat within a tolerance form a lattice. Its vectors are
reduced to the shortest ones (``magsearch.model.lattice.shortest``) and counted in vectors of the chemical cell. Which
translations can be one is read off the autocorrelation of the texture, sum_i v_i . v_(i+t): the mean square of
v_i - v_(i+t) for all t at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.integers import lower_hermite
from magsearch.model.lattice import Lattice
from magsearch.model.sphere import unit
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.tensor_products import TensorProducts
from magsearch.model.terms.term import Term, UnsupportedTerm
from magsearch.search.supercells.supercell import compact

Ends = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]  # i, j, offset, J of bonds
TOLERANCE = 1e-3  # of the length of a spin: deviation of spins that are equal
INSIDE = 1e-6  # of a cell vector: places this close to the next cell are in it


@dataclass(frozen=True, eq=False)
class MagneticCell:
    """The atoms of a cell after which a texture repeats, in the frame of the model.

    Labels, positions and moment vectors are those of all atoms, the magnetic ones first; the rest is of magnetic atoms.

    model       Hamiltonian of the texture
    H           [3, 3] vectors of the cell in vectors of the chemical cell, rows; right-handed
    atoms       [atom] atom of the basis of the chemical cell
    cells       [atom, 3] chemical cell in which it is
    spins       [atom, 3] unit vectors, the mean of all spins of the box that the cell repeats
    moments     [atom] Bohr magnetons
    deviation   largest |s - s'| of a spin of the box from that of the cell
    tolerance   within which spins count as equal
    """

    model: Hamiltonian
    H: NDArray[np.int64]
    atoms: NDArray[np.int64]
    cells: NDArray[np.int64]
    spins: NDArray[np.float64]
    moments: NDArray[np.float64]
    deviation: float
    tolerance: float

    @property
    def cell(self) -> NDArray[np.float64]:
        """Vectors of the cell in rows, [3, 3] angstrom."""
        return np.asarray(self.H @ self.model.lattice.cell)

    @property
    def given(self) -> NDArray[np.int64]:
        """Vectors of the cell in those that the chemical cell was given with, rows, [3, 3]."""
        return np.asarray(self.H @ self.model.lattice.shear)

    @property
    def volume(self) -> int:
        """Number of chemical cells."""
        return abs(round(np.linalg.det(self.H)))

    @cached_property
    def fractions(self) -> NDArray[np.float64]:
        """Positions in vectors of the cell, [magnetic and nonmagnetic atom, 3], from 0 to 1."""
        lattice = self.model.lattice
        others = np.array([place for _, place in lattice.nonmagnetic]).reshape(-1, 3)
        homes = self.homes @ lattice.cell
        cartesian = [lattice.basis[self.atoms] + self.cells @ lattice.cell, (homes[:, None] + others).reshape(-1, 3)]
        places = np.concatenate(cartesian) @ np.linalg.inv(self.cell)
        folded = places - np.floor(places + INSIDE)
        return np.where(np.abs(folded) < 1e-14, 0.0, folded)

    @cached_property
    def tree(self) -> Any:
        """Atoms by their places in vectors of the cell, folded: a ``scipy.spatial.KDTree``."""
        from scipy.spatial import KDTree

        return KDTree(self.fractions % 1.0 % 1.0, boxsize=1.0)  # twice: a tiny negative number becomes 1, then 0

    @property
    def positions(self) -> NDArray[np.float64]:
        """Cartesian positions inside the cell, [magnetic and nonmagnetic atom, 3] angstrom."""
        return np.asarray(self.fractions @ self.cell)

    @property
    def vectors(self) -> NDArray[np.float64]:
        """Magnetic moments, Cartesian, [magnetic and nonmagnetic atom, 3] Bohr magnetons."""
        return np.concatenate([self.spins * self.moments[:, None], np.zeros((len(self.labels) - len(self.atoms), 3))])

    @property
    def labels(self) -> tuple[str, ...]:
        """Species of the model, [magnetic and nonmagnetic atom]."""
        lattice = self.model.lattice
        others = tuple(label for label, _ in lattice.nonmagnetic) * len(self.homes)
        return (*(lattice.species[atom] for atom in self.atoms.tolist()), *others)

    @cached_property
    def homes(self) -> NDArray[np.int64]:
        """Chemical cells of which this one consists, [cell, 3]."""
        size = np.diag(lower_hermite(self.H)).tolist()
        return np.indices((size[0], size[1], size[2])).reshape(3, -1).T

    @property
    def whole(self) -> bool:
        """Whether the cell is the box of the search."""
        return self.volume == self.model.lattice.cells

    @cached_property
    def hamiltonian(self) -> Hamiltonian:
        """The model in this cell as its unit cell, without field: size (1, 1, 1), atoms in the order of ``atoms``.

        Raises ValueError for models with vacancies, per-site couplings or per-site moments, whose cells differ, and
        UnsupportedTerm for couplings at wave vectors, which need not fit into this cell.
        """
        model, lattice = self.model, self.model.lattice
        if not model.uniform:
            raise ValueError("the cells of a model with vacancies, per-site couplings or per-site moments differ")
        by_atom = [np.flatnonzero(self.atoms == atom) for atom in range(lattice.atoms)]
        ends: list[Ends] = []
        for i, j, offset, J in zip(*(getattr(model.present, name) for name in ("i", "j", "offset", "J")), strict=True):
            here = by_atom[i]
            ends.append((here, *self.repeated(j, self.cells[here] + offset), np.broadcast_to(J, (len(here), 3, 3))))
        anisotropy = tuple(
            replace(
                term, atoms=tuple(k for k, a in enumerate(self.atoms.tolist()) if term.atoms is None or a in term.atoms)
            )  # type: ignore[type-var]
            for term in model.anisotropy
        )
        positions = lattice.basis[self.atoms] + self.cells @ lattice.cell
        return Hamiltonian(
            Lattice(self.cell, positions, (1, 1, 1), lattice.periodic, self.labels[: len(self.atoms)]),
            _joined(ends),
            moments=self.moments,
            anisotropy=anisotropy,
            others=tuple(map(self._other, model.others)),
        )

    @cached_property
    def invariant(self) -> Hamiltonian:
        """The part of ``hamiltonian`` that tells of the symmetry of the crystal.

        Dipoles are invariant under all isometries; couplings across open edges do not exist.
        """
        model = self.hamiltonian
        others = tuple(term for term in model.others if not isinstance(term, Dipole))
        return replace(model, bonds=model.present, others=others)

    @cached_property
    def _numbers(self) -> NDArray[np.int64]:
        """Number of each atom, [atom of the chemical cell, key of the chemical cell]; -1 for none."""
        found = np.full((self.model.lattice.atoms, self.volume), -1, dtype=np.int64)
        found[self.atoms, folded(self.cells, self.H)] = np.arange(len(self.atoms))
        return found

    def repeated(self, atoms: ArrayLike, cells: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the atoms of this cell that repeat as atoms of chemical cells [n, 3], and the cells of their images.

        The images [n, 3] count cells of this kind from that in which the atom itself is listed.
        """
        numbers = self._numbers[np.asarray(atoms), folded(np.asarray(cells), self.H)]
        images = (np.asarray(cells) - self.cells[numbers]) @ np.linalg.inv(self.H)
        return numbers, np.rint(images).astype(np.int64)

    def _other(self, term: Term) -> Term:
        if isinstance(term, SpinProducts | TensorProducts):
            return self._product(term)
        if not isinstance(term, Dipole):
            raise UnsupportedTerm(term, "the magnetic cell", "it need not fit there")
        return term

    def _product(self, term: SpinProducts | TensorProducts) -> SpinProducts | TensorProducts:
        """Return products of spins for every chemical cell of this one."""
        cells = (term.cells[:, None] + self.homes[:, None]).reshape(-1, 3)  # [cluster * home * ijkl, 3]
        atoms = np.repeat(term.atoms[:, None], len(self.homes), axis=1).reshape(-1)
        numbers, images = self.repeated(atoms, cells)
        kinds = ("constants",) if isinstance(term, SpinProducts) else ("A", "B")
        values: dict[str, Any] = {kind: np.repeat(getattr(term, kind), len(self.homes), axis=0) for kind in kinds}
        return replace(term, atoms=numbers.reshape(-1, 4), cells=images.reshape(-1, 4, 3), source=(), **values)


def _joined(ends: list[Ends]) -> Bonds:
    if not ends:
        return Bonds.none()
    i, j, offset, J = (np.concatenate([of[k] for of in ends]) for k in range(4))
    return Bonds(i, j, offset, J)


def folded(cells: NDArray[np.int64], H: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number from 0 to |det H| - 1 of each chemical cell [n, 3], the same for cells that H repeats, [n]."""
    form = lower_hermite(H)
    home = np.array(cells, dtype=np.int64)
    for axis in reversed(range(3)):  # lower triangular: row k changes columns up to k
        home -= home[:, axis, None] // form[axis, axis] * form[axis]
    size = np.diag(form)
    return np.asarray(home[:, 0] + size[0] * (home[:, 1] + size[1] * home[:, 2]))


def magnetic_cell(
    model: Hamiltonian, spins: ArrayLike, tolerance: float = TOLERANCE, box: bool = False
) -> MagneticCell:
    """Return the smallest cell after which a texture [site, 3] repeats, or its whole box.

    tolerance   largest |s - s'| of spins, and relative difference of moments, that are equal

    Raises ValueError for a texture without spins.
    """
    lattice, s = model.lattice, np.asarray(spins, dtype=np.float64)
    there = np.flatnonzero(model.occupied & (s != 0).any(axis=1))
    if not len(there):
        raise ValueError("the texture has no spins")
    vectors = np.column_stack([s, model.site_moments / model.site_moments.max()])
    H = np.diag(lattice.size)
    if not box:
        H = periods(lattice, vectors, tolerance)
        H = compact(H, lattice.cell, tuple(axis for axis in range(3) if lattice.periodic[axis]))
    if np.linalg.det(H @ lattice.cell) < 0:
        H = -H
    cells, atoms = lattice.coordinates[there // lattice.atoms], there % lattice.atoms
    key = folded(cells, H)
    _, first, group = np.unique(atoms * np.int64(prod(lattice.size)) + key, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    total = np.zeros((len(first), 3))
    np.add.at(total, group, s[there])
    mean = unit(total)
    order = np.lexsort([atoms[first], key[first]])  # chemical cell by chemical cell, as in the model
    return MagneticCell(
        model=model,
        H=H,
        atoms=atoms[first][order],
        cells=cells[first][order],
        spins=mean[order],
        moments=model.site_moments[there][first][order],
        deviation=float(np.linalg.norm(s[there] - mean[group], axis=1).max()),
        tolerance=tolerance,
    )


def periods(lattice: Lattice, vectors: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """Return the lattice of translations after which vectors [site, k] repeat, [3, 3] in cells, rows span it."""
    count, axes = vectors.shape[1], (0, 1, 2)
    grid = vectors.reshape(*lattice.grid, lattice.atoms * count)
    modes = np.fft.rfftn(grid, axes=axes)
    same = np.fft.irfftn((np.abs(modes) ** 2).sum(axis=-1), lattice.grid, axes=axes)
    apart = 2 * (same[0, 0, 0] - same) / max(int((vectors != 0).any(axis=1).sum()), 1)  # mean square
    candidates = np.argwhere(apart <= tolerance**2 + 1e-12)[:, ::-1]  # z, y, x
    size, periodic = np.array(lattice.size), np.array(lattice.periodic)
    candidates = candidates[(candidates[:, ~periodic] == 0).all(axis=1)]
    shortest = np.where(2 * candidates > size, candidates - size, candidates)
    candidates = shortest[np.argsort(np.linalg.norm(shortest @ lattice.cell, axis=1), kind="stable")]
    H = np.diag(size)
    while True:
        fractions = candidates @ np.linalg.inv(H)
        candidates = candidates[(np.abs(fractions - np.rint(fractions)) > 1e-6).any(axis=1)]
        if not len(candidates):
            return H
        moved = np.roll(grid, candidates[0], axis=(2, 1, 0))
        difference = (moved - grid).reshape(-1, count)
        if np.linalg.norm(difference, axis=1).max() <= tolerance:
            H = lower_hermite(np.vstack([H, candidates[:1]]))
        else:
            candidates = candidates[1:]
