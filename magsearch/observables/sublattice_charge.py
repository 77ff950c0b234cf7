"""Topological charge of each magnetic sublattice and each layer: antiferromagnetic skyrmions have no net charge.

Atoms of the basis are sublattices of their own, and so are cells that a vector of a small supercell does not join. The
smallest supercell of up to LARGEST cells on whose sublattices neighbours are alike is taken: one cell for a
ferromagnetic texture, two for a chequerboard, three for 120 degrees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.lattice import Lattice, shortest
from magsearch.model.triangulation import plane_axes, plane_frame, stacking_axis
from magsearch.observables.topological_charge import SMOOTH, solid_angles

LARGEST = 4  # cells of a magnetic supercell


@dataclass(frozen=True, eq=False)
class SublatticeCharges:
    """The topological charges of the sublattices of a texture.

    H        [2, 2] vectors of the magnetic supercell in those of the plane, rows; lower triangular
    charge   [layer, atom, part] of the layers along the third axis, the atoms of the basis, and the parts of the plane
    alike    mean s_i . s_j of neighbours on one sublattice
    """

    H: NDArray[np.int64]
    charge: NDArray[np.float64]
    alike: float

    @property
    def count(self) -> int:
        """Number of magnetic sublattices of a layer."""
        return int(np.prod(self.charge.shape[1:]))

    @property
    def typical(self) -> float:
        """Mean of |charge| over all sublattices and layers."""
        return float(np.abs(self.charge).mean())


def sublattice_charges(lattice: Lattice, spins: ArrayLike) -> SublatticeCharges | None:
    """Return the charges of the magnetic sublattices of a texture [site, 3]; None without planes or smooth sublattices.

    Signs are those of ``topological_charge``: the sum of all is its value times the layers where one cell suffices.
    """
    first, second = plane_axes(lattice)
    if lattice.size[first] < 2 or lattice.size[second] < 2:
        return None
    s = lattice.textures(spins).reshape(lattice.cells, lattice.atoms, 3)
    grid = s.reshape(*lattice.grid, -1)
    modes = np.fft.rfftn(grid, axes=(0, 1, 2))
    alike = np.fft.irfftn((np.abs(modes) ** 2).sum(axis=-1), lattice.grid, axes=(0, 1, 2))  # of all displacements
    alike /= max(alike[0, 0, 0], 1e-300)
    for cells in range(1, LARGEST + 1):
        found = [(_mean(lattice, alike, H), H) for H in _supercells(lattice, cells)]
        if found:
            best, H = max(found, key=lambda pair: round(pair[0], 9))
            if best > SMOOTH:
                return SublatticeCharges(H, _charges(lattice, s, H), best)
    return None


def _supercells(lattice: Lattice, cells: int) -> Iterator[NDArray[np.int64]]:
    """Yield the supercells of the plane with a number of cells after which the box repeats."""
    axes = plane_axes(lattice)
    for a in (n for n in range(1, cells + 1) if cells % n == 0):
        for b in range(a):
            H = np.array([[a, 0], [b, cells // a]])
            ends = np.diag([lattice.size[axis] if lattice.periodic[axis] else 0 for axis in axes])
            if not _part(ends, H).any():
                yield H


def _part(cells: NDArray[np.int64], H: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of the sublattice on which cells of the plane [n, 2] are."""
    times = cells[:, 1] // H[1, 1]
    return np.asarray((cells[:, 0] - times * H[1, 0]) % H[0, 0] + H[0, 0] * (cells[:, 1] - times * H[1, 1]))


def _steps(lattice: Lattice, H: NDArray[np.int64]) -> tuple[NDArray[np.int64], float]:
    """Return two short vectors of a supercell, obtuse, and their sum, in cells [3, 3], and their sense of rotation."""
    axes = list(plane_axes(lattice))
    vectors, whole = shortest(H @ lattice.cell[axes], H)
    if vectors[0] @ vectors[1] > 0:
        vectors, whole = vectors * [[1], [-1]], whole * [[1], [-1]]
    steps = np.zeros((3, 3), dtype=np.int64)
    steps[:2, axes] = whole
    steps[2] = steps[0] + steps[1]
    return steps, float(np.sign(np.cross(*vectors) @ plane_frame(lattice)[2]))


def _mean(lattice: Lattice, alike: NDArray[np.float64], H: NDArray[np.int64]) -> float:
    """Return the mean s_i . s_j of neighbours on a sublattice, images included, from that of each displacement."""
    x, y, z = (_steps(lattice, H)[0] % np.array(lattice.size)).T
    return float(alike[z, y, x].mean())


def _charges(lattice: Lattice, s: NDArray[np.float64], H: NDArray[np.int64]) -> NDArray[np.float64]:
    steps, hand = _steps(lattice, H)
    first, second, both = (lattice.neighbours(step) for step in steps)
    inside = (first >= 0) & (second >= 0) & (both >= 0)
    here = np.flatnonzero(inside)
    density = solid_angles(s[here], s[first[here]], s[both[here]]) + solid_angles(
        s[here], s[both[here]], s[second[here]]
    )
    cells = lattice.coordinates[here]
    part, layer = _part(cells[:, list(plane_axes(lattice))], H), cells[:, stacking_axis(lattice)]
    charge = np.zeros((lattice.size[stacking_axis(lattice)], lattice.atoms, round(np.linalg.det(H))))
    np.add.at(charge.swapaxes(1, 2), (layer, part), hand * density)
    return charge
