"""Textures of a large box from those of small supercells: the tilings that the box has room for.

A minimum that repeats after the rows of H a is written in waves: wave k, of whole numbers, turns by 2 pi k_j along row
j of H. In a box with the edges B = M H' a, M of whole numbers, the same waves turn by 2 pi M k along its edges: det(M)
copies side by side, each stretched from H to H'. A lattice of skyrmions fits most boxes only after it has been turned,
stretched or sheared a little, in one of many ways. Which of them is best is first estimated from the waves, and then
left to the relaxation. Short waves, as those of antiferromagnets, can hardly be stretched: then the box should fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import shortest
from magsearch.model.sphere import unit
from magsearch.search.supercells.best import Best
from magsearch.search.supercells.ranking import energies
from magsearch.search.supercells.supercell import free_axes
from magsearch.symmetry.space_group import isometries

TURNS = 180  # directions in which a texture of a plane is tried
ALIKE = 1e-3  # of the lattice's lengths: allowed mismatch of a rotation
MOST = 32  # tilings in a first generation, and no more than half of it
PEAKS = 12  # strongest waves by which a tiling is estimated
LARGE = 10_000  # sites: boxes with more begin with tilings, unless the settings say otherwise


@dataclass(frozen=True, eq=False)
class Tiling:
    """A texture of a box, in waves.

    M         [3, 3] copies of the supercell that the edges of the box lead across
    texture   [site, 3]
    """

    M: NDArray[np.int64]
    texture: NDArray[np.float32]

    @property
    def copies(self) -> int:
        """Number of copies of the supercell."""
        return abs(round(np.linalg.det(self.M)))


def tilings(box: Hamiltonian, best: Best, most: int, watch: Callable[[], None] = lambda: None) -> list[Tiling]:
    """Return up to ``most`` tilings of a box by the texture of a supercell of the same crystal.

    Those that change the supercell least come first, in turn with those whose waves have the lowest energies: the first
    are better for states that a field has shaped, the second for spirals that lie along certain directions.

    watch   called repeatedly; what it raises ends the choice
    """
    watch()
    waves = _Waves(box, best)
    candidates = _candidates(box, best.supercell.H)
    energy, strain = waves.energies(candidates), waves.strains(candidates)
    turned = 3 - np.trace(waves.rotations(candidates), axis1=1, axis2=2)
    measures = np.stack([strain, energy, turned]).round(9)
    orders = [np.lexsort((measures[2], measures[k])) for k in (0, 1)]
    kept, known = list[int](), set[bytes]()
    for place in np.stack(orders, axis=1).ravel().tolist():
        key = measures[:2, place].tobytes()
        if key not in known and len(kept) < most:
            known.add(key)
            kept.append(place)

    def made(k: int) -> Tiling:
        watch()
        return Tiling(candidates[k], waves.texture(candidates[k]))

    return [made(k) for k in kept]


def shared(
    box: Hamiltonian, leaders: Sequence[Best], most: int, watch: Callable[[], None] = lambda: None
) -> list[Tiling]:
    """Return up to ``most`` tilings by several textures: half by the first, half of the rest by the next."""
    found: list[Tiling] = []
    for number, best in enumerate(leaders):
        left = most - len(found)
        found += tilings(box, best, left if number + 1 == len(leaders) else max(1, left // 2), watch)
    return found


class _Waves:
    """The texture of a supercell as a sum of waves.

    k           [wave, 3] turns along the rows of H; of the waves that are the same on all cells, the longest
    amplitude   [wave, atom, 3] at the places of the atoms
    """

    def __init__(self, box: Hamiltonian, best: Best):
        supercell, self.box = best.supercell, box
        lattice, H = supercell.hamiltonian.lattice, supercell.H
        self.H = H
        size, Q = supercell.diagonal
        turns = _longest(lattice.coordinates / np.array(size) @ np.linalg.inv(Q).T, box)
        self.k = np.rint(turns @ H.T).astype(np.int64)
        grid = best.texture.reshape(*lattice.grid, lattice.atoms, 3)
        waves = np.fft.fftn(grid, axes=(0, 1, 2)).reshape(len(self.k), lattice.atoms, 3) / lattice.cells
        places = lattice.basis @ np.linalg.inv(box.lattice.cell)  # of atoms, in cells
        self.places = places
        self.amplitude = waves * np.exp(-2j * np.pi * turns @ places.T)[..., None]

    def _per_cell(self, M: NDArray[np.int64], k: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the turns of waves k [wave, 3] along the cell vectors, in the box; M [..., 3, 3]."""
        return np.asarray((k @ np.swapaxes(M, -1, -2)) / np.array(self.box.lattice.size))

    @cached_property
    def _strongest(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The strongest waves [wave, 3], and the parts of the spins that are in them."""
        intensity = (np.abs(self.amplitude) ** 2).mean(axis=1).sum(axis=-1)
        chosen = np.argsort(-intensity, kind="stable")[:PEAKS]
        return self.k[chosen], intensity[chosen]

    def energies(self, M: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the energies of the strongest waves in tilings M [tiling, 3, 3], meV per site."""
        k, intensity = self._strongest
        turns = self._per_cell(M, k)  # [tiling, wave, 3]
        turns -= np.rint(turns)
        each, place = np.unique(turns.reshape(-1, 3).round(9), axis=0, return_inverse=True)
        return np.asarray(energies(self.box, each)[place.reshape(turns.shape[:2])] @ intensity)

    def strains(self, M: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the squared changes of the strongest waves, but for rotations, in turns per cell; M [tiling, 3, 3]."""
        k, intensity = self._strongest
        reciprocal = np.linalg.inv(self.box.lattice.cell).T
        before = k @ np.linalg.inv(self.H).T @ reciprocal  # Cartesian, turns per angstrom
        after = self._per_cell(M, k) @ reciprocal
        away = after - before @ np.swapaxes(self.rotations(M), -1, -2)
        return np.asarray((away**2).sum(axis=-1) @ intensity) * abs(np.linalg.det(self.box.lattice.cell)) ** (2 / 3)

    def texture(self, M: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the texture of a tiling, its spins turned with the lattice of the copies; [site, 3]."""
        lattice = self.box.lattice
        turns = self._per_cell(M, self.k)
        amplitude = self.amplitude * np.exp(2j * np.pi * turns @ self.places.T)[..., None]
        x, y, z = ((self.k @ M.T) % np.array(lattice.size)).T
        grid = np.zeros((*lattice.grid, lattice.atoms, 3), dtype=np.complex64)
        np.add.at(grid, (z, y, x), amplitude)
        textures = np.fft.ifftn(grid, axes=(0, 1, 2), norm="forward").real.reshape(-1, 3)
        return np.asarray(unit(textures @ self.rotations(M).T), dtype=np.float32)

    def rotations(self, M: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the rotations nearest to the maps from the rows of H to the copies in the box; both [..., 3, 3]."""
        cell = self.box.lattice.cell
        copies = np.linalg.solve(M, np.broadcast_to(np.diag(self.box.lattice.size) @ cell, M.shape))
        u, _, v = np.linalg.svd(np.swapaxes(np.linalg.solve(np.broadcast_to(self.H @ cell, M.shape), copies), -1, -2))
        return np.asarray(u @ v)


def _longest(turns: NDArray[np.float64], crystal: Hamiltonian) -> NDArray[np.float64]:
    """Return the longest of the waves that are the same on all cells, in turns along the cell vectors, [wave, 3]."""
    axes = list(free_axes(crystal))
    vectors, whole = shortest(np.linalg.inv(crystal.lattice.cell).T[axes], np.eye(len(axes)))
    near = turns[:, axes] @ np.linalg.inv(whole)
    near = near - np.rint(near)
    every = near[:, None] - np.array(list(product((0, 1, -1), repeat=len(axes))))
    length = np.linalg.norm(every @ vectors, axis=-1).round(9)
    found = np.zeros_like(turns)
    found[:, axes] = every[np.arange(len(every)), length.argmin(axis=1)] @ whole
    return found


def _candidates(box: Hamiltonian, H: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return numbers of copies along the edges of the box that hardly change the shape of a supercell, [tiling, 3, 3].

    The supercell is turned in all directions of a plane, and by the rotations of a lattice in three dimensions; one
    with several atoms is not, because a rotation would have to exchange them. Then the nearest whole numbers are taken.
    """
    axes, cell = list(free_axes(box)), box.lattice.cell
    edges, rows = (np.diag(box.lattice.size) @ cell)[axes], (H @ cell)[axes]
    shifts = np.array(list(product((0, 1), repeat=len(axes) ** 2))).reshape(-1, len(axes), len(axes))
    found = []
    for R in _rotations(box, axes):
        copies = edges @ np.linalg.pinv(rows @ R.T)
        found.append(np.floor(copies + 1e-9).astype(np.int64) + shifts)
    blocks = np.unique(np.concatenate(found), axis=0)
    M = np.zeros((len(blocks), 3, 3), dtype=np.int64)
    M[:] = np.eye(3, dtype=np.int64)
    M[:, np.array(axes)[:, None], axes] = blocks
    volume = np.linalg.det(M) * np.linalg.det(H)
    within = abs(np.log(np.maximum(volume, 0.5) / box.lattice.cells)) < np.log(1.5)
    return M[within & (volume > 0.5)]


def _rotations(box: Hamiltonian, axes: list[int]) -> list[NDArray[Any]]:
    if box.lattice.atoms > 1 or len(axes) == 1:
        return [np.eye(3)]
    if len(axes) == 3:
        return [R for _, R in isometries(box.with_size((1, 1, 1)).lattice, axes, ALIKE) if np.linalg.det(R) > 0]
    from scipy.spatial.transform import Rotation

    normal = unit(np.cross(*box.lattice.cell[axes]))
    return list(Rotation.from_rotvec(np.linspace(0, 2 * np.pi, TURNS, endpoint=False)[:, None] * normal).as_matrix())
