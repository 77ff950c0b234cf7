"""Smallest cell after which a texture repeats, and the smallest one after which it repeats turned about an axis.

The translations that leave a texture as it is form a lattice between that of the crystal and that of the box. Its basis
is given in Hermite normal form: row k begins with k zeros, and the number after them is positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.integers import hermite
from magsearch.model.lattice import Lattice
from magsearch.model.sphere import rotations, unit
from magsearch.symmetry.spin_group import any_angle

ALIKE = 1e-3  # largest distance of two spins that count as equal
COLLINEAR = 1e-6  # of the mean square of the spins: what is less in every direction but one is no spiral


@dataclass(frozen=True, eq=False)
class RepeatedCell:
    """A cell of a texture that is repeated, turned by an angle about an axis for each of its vectors.

    lattice   the crystal and its box
    vectors   [vector, 3] in cells of the crystal, in Hermite normal form; along open axes the whole box
    cells     [cell, 3] cells of the crystal that are in it, one of each class, all in the box
    spins     [cell * atom, 3] in the order of sites, the atom of the basis fastest; zero at vacancies
    axis      [3] unit vector
    turns     [vector] radians about the axis for each of ``vectors``; zeros for a texture that merely repeats
    """

    lattice: Lattice
    vectors: NDArray[np.int64]
    cells: NDArray[np.int64]
    spins: NDArray[np.float64]
    axis: NDArray[np.float64]
    turns: NDArray[np.float64]

    @property
    def atoms(self) -> NDArray[np.int64]:
        """Atom of the basis of each site, [site]."""
        return np.tile(np.arange(self.lattice.atoms), len(self.cells))

    @property
    def positions(self) -> NDArray[np.float64]:
        """Positions of the sites, [site, 3] angstrom."""
        return (self.cells[:, None] @ self.lattice.cell + self.lattice.basis).reshape(-1, 3)

    @property
    def given(self) -> NDArray[np.int64]:
        """``vectors`` in cells of the crystal as it was given, [vector, 3]."""
        return np.asarray(self.vectors @ self.lattice.shear)

    @property
    def k(self) -> NDArray[np.float64]:
        """Propagation vector of the spiral in reciprocal vectors of the crystal, [3], between - 1/2 and 1/2."""
        k = np.linalg.solve(self.given.astype(np.float64), self.turns / (2 * np.pi))
        return np.asarray(k - np.rint(k - 1e-9))

    def home(self, cells: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where cells of the crystal [..., 3] are: number in ``cells`` [...], and by how many ``vectors`` away.

        The second array is [..., vector].
        """
        rest = np.array(cells, dtype=np.int64)
        away = np.zeros_like(rest)
        for k in range(3):
            away[..., k] = rest[..., k] // self.vectors[k, k]
            rest -= away[..., k, None] * self.vectors[k]
        _, n2, n3 = np.diag(self.vectors)
        return (rest[..., 0] * n2 + rest[..., 1]) * n3 + rest[..., 2], away


def repeated_cell(hamiltonian: Hamiltonian, texture: ArrayLike, tolerance: float = ALIKE) -> RepeatedCell:
    """Return the smallest cell after which a texture [site, 3] repeats within the periodic axes of its box.

    Its spins are averages over the box. Where couplings differ from cell to cell it is the whole box.

    tolerance   largest distance of spins that count as equal
    """
    s = np.asarray(texture, dtype=np.float64)
    return _repeated(hamiltonian, s, np.array([0.0, 0.0, 1.0]), False, tolerance)


def spiral_cell(hamiltonian: Hamiltonian, texture: ArrayLike, tolerance: float = ALIKE) -> RepeatedCell:
    """Return the smallest cell after which a texture repeats, turned about an axis that the model leaves free.

    Raises ValueError where the model has no such axis, or the texture is collinear.
    """
    s, axes = np.asarray(texture, dtype=np.float64), any_angle(hamiltonian)
    if not len(axes):
        raise ValueError("the model has no axis about which all spins may be turned")
    occupied = s[hamiltonian.occupied]
    apart = occupied - occupied.mean(axis=0)
    size, directions = np.linalg.eigh(apart.T @ apart / len(apart))
    if size[1] < COLLINEAR:
        raise ValueError("the spins are collinear; a spiral turns about an axis")
    axis = axes[0] if len(axes) == 1 else directions[:, 0]
    return _repeated(hamiltonian, s, axis, True, tolerance)


def _repeated(
    hamiltonian: Hamiltonian, s: NDArray[np.float64], axis: NDArray[np.float64], turning: bool, tolerance: float
) -> RepeatedCell:
    """Return the smallest cell of a texture, which may turn about ``axis`` from cell to cell where ``turning``."""
    lattice = hamiltonian.lattice
    size, periodic = np.array(lattice.size), np.array(lattice.periodic)
    shifts, angles = np.zeros((1, 3), dtype=np.int64), np.zeros(1)
    if hamiltonian.uniform:
        shifts, angles = _translations(lattice, s, axis, turning, tolerance)
    vectors = hermite(np.concatenate([shifts, np.diag(size)]))
    turns = np.zeros(3)
    for k in range(3):
        same = np.flatnonzero((shifts == vectors[k] % np.where(periodic, size, size + 1)).all(axis=1))
        turns[k] = angles[same[0]] if len(same) else 0.0
    cells = np.array(list(product(*(range(n) for n in np.diag(vectors)))), dtype=np.int64)
    cell = RepeatedCell(lattice, vectors, cells, np.empty((0, 3)), axis, turns)
    number, away = cell.home(lattice.coordinates)
    back = rotations(axis, -(away @ turns))
    aligned = np.einsum("cxy,cay->cax", back, s.reshape(lattice.cells, lattice.atoms, 3))
    mean = np.zeros((len(cells), lattice.atoms, 3))
    np.add.at(mean, number, aligned)
    return RepeatedCell(lattice, vectors, cells, unit(mean).reshape(-1, 3), axis, turns)


def _translations(
    lattice: Lattice, s: NDArray[np.float64], axis: NDArray[np.float64], turning: bool, tolerance: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return translations [shift, 3] in cells that leave a texture, and by which angles they turn it, [shift].

    Correlations of the texture with itself (by FFT) propose them; all spins are compared then.
    """
    grid, cells = lattice.grid, s.reshape(*lattice.grid, -1, 3)
    waves = np.fft.fftn(cells, axes=(0, 1, 2))
    C = np.fft.ifftn(np.einsum("zyxai,zyxaj->zyxij", waves, waves.conj()), axes=(0, 1, 2)).real  # s_(R+t) s_R^T
    C = C.reshape(-1, 3, 3)
    along = np.einsum("i,tij,j->t", axis, C, axis)
    across = np.trace(C, axis1=1, axis2=2) - along
    sine = _axial(C) @ axis
    angle = np.arctan2(sine, across) if turning else np.zeros(len(C))
    overlap = along + np.cos(angle) * across + np.sin(angle) * sine
    spins = (np.linalg.norm(s, axis=1) > 0).sum()
    z, y, x = np.indices(grid).reshape(3, -1)
    shifts = np.stack([x, y, z], axis=1)
    likely = (shifts[:, ~np.array(lattice.periodic)] == 0).all(axis=1) & (overlap > spins * (1 - tolerance))
    kept = []
    for t in np.flatnonzero(likely):
        moved = np.roll(cells, -shifts[t][::-1], axis=(0, 1, 2))
        turned = cells @ rotations(axis, angle[t : t + 1])[0].T
        if np.linalg.norm(moved - turned, axis=-1).max() <= tolerance:
            kept.append(t)
    return shifts[kept], angle[kept]


def _axial(C: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of s x s' of which C [..., 3, 3] are the sums of s' s^T, [..., 3]."""
    return np.stack([C[..., 2, 1] - C[..., 1, 2], C[..., 0, 2] - C[..., 2, 0], C[..., 1, 0] - C[..., 0, 1]], axis=-1)
