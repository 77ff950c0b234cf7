"""Supercells of a crystal: every way to repeat it periodically, straight or sheared.

A supercell is a matrix H of whole numbers whose rows are the vectors, in cell vectors a, after which a texture repeats:
its volume is |det H| cells. All supercells of a volume are the Hermite normal forms of that determinant (Santoro &
Mighell, Acta Cryst. A 28, 284 (1972)). With H = P D Q, where P and Q have the determinant 1 or -1 and D is diagonal
(Smith normal form), the rows of H a and of D Q a span one lattice: a sheared supercell is a plain one of D cells along
other cell vectors, Q a, and everything that works on plain supercells works on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.cells import in_cells
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.integers import inverse, lower_hermite
from magsearch.model.lattice import shortest
from magsearch.model.sphere import unit
from magsearch.search.supercells.normal_form import short_form

Whole = NDArray[np.int64]
LARGEST = 20_000  # sites in copies of a supercell side by side that are to be compact
OBLONG = 4.0  # length over width of the longest box that is still compact


def free_axes(hamiltonian: Hamiltonian) -> tuple[int, ...]:
    """Return the axes along which the supercell can be chosen: periodic, with couplings along them.

    Raises ValueError if the cells are not all alike, and if there is no such axis.
    """
    if not hamiltonian.uniform:
        raise ValueError("with vacancies, per-site couplings or per-site moments the supercell cannot be chosen")
    if hamiltonian.waves is not None:
        raise ValueError("couplings at wave vectors fit few boxes: the supercell cannot be chosen, give size")
    periodic, crossed = hamiltonian.lattice.periodic, hamiltonian.crossed
    axes = tuple(axis for axis in range(3) if periodic[axis] and crossed[axis])
    if not axes:
        raise ValueError("no axis is periodic and has couplings along it: there is no supercell to be chosen")
    return axes


@dataclass(frozen=True, eq=False)
class Supercell:
    """A crystal that repeats after the rows of H.

    crystal  a Hamiltonian; how many cells it has along the free axes does not matter
    H        [3, 3] whole numbers, rows; along axes that are not free the crystal's own edges
    """

    crystal: Hamiltonian
    H: Whole

    def __post_init__(self) -> None:
        object.__setattr__(self, "H", np.array(self.H, dtype=np.int64).reshape(3, 3))
        if round(np.linalg.det(self.H)) == 0:
            raise ValueError(f"the vectors {self.H.tolist()} do not span a supercell")

    @property
    def key(self) -> tuple[int, ...]:
        """Hermite normal form, the same for all vectors that span one supercell."""
        return tuple(lower_hermite(self.H).ravel().tolist())

    @property
    def cells(self) -> int:
        """Number of unit cells."""
        return abs(round(np.linalg.det(self.H)))

    @property
    def sites(self) -> int:
        """Number of sites."""
        return self.cells * self.crystal.lattice.atoms

    @cached_property
    def diagonal(self) -> tuple[tuple[int, int, int], Whole]:
        """D and Q of H = P D Q."""
        D, Q = short_form(self.H, self.crystal.lattice.cell, free_axes(self.crystal))
        return (int(D[0]), int(D[1]), int(D[2])), Q

    @property
    def sliver(self) -> float:
        """Length over width of the box that ``hamiltonian`` has, about: 1 for a square and a cube.

        The longest edge over the geometric mean of the box's widths across it.
        """
        axes, (size, Q) = list(free_axes(self.crystal)), self.diagonal
        edges = (np.array(size)[:, None] * Q @ self.crystal.lattice.cell)[axes]
        longest = float(np.linalg.norm(edges, axis=1).max())
        if len(axes) == 1:
            return 1.0
        volume = float(np.linalg.svd(edges, compute_uv=False).prod())
        return float(longest / (volume / longest) ** (1 / (len(axes) - 1)))

    @cached_property
    def hamiltonian(self) -> Hamiltonian:
        """Hamiltonian of the crystal in this supercell."""
        size, Q = self.diagonal
        return in_cells(self.crystal, Q, size)

    @cached_property
    def coordinates(self) -> Whole:
        """Cells of the supercell in the crystal's own cell vectors, [cell, 3]."""
        return self.hamiltonian.lattice.coordinates @ self.diagonal[1]

    def places(self, coordinates: Whole) -> Whole:
        """Return the numbers of the cells that cells of the crystal [..., 3] are repetitions of."""
        size, Q = self.diagonal
        x, y, z = np.moveaxis(coordinates @ inverse(Q) % size, -1, 0)
        return np.asarray(x + size[0] * (y + size[1] * z))

    def carried(self, texture: ArrayLike, other: Supercell) -> NDArray[np.float64]:
        """Return a texture [site, 3] stretched to another supercell, interpolated linearly between cells."""
        spins = np.asarray(texture, dtype=np.float64).reshape(self.cells, -1, 3)
        place = other.coordinates @ np.linalg.inv(other.H) @ self.H  # [cell, 3] of the crystal, real
        low = np.floor(place + 1e-9).astype(np.int64)
        part = np.clip(place - low, 0.0, 1.0)
        carried = np.zeros((other.cells, *spins.shape[1:]))
        for corner in product((0, 1), repeat=3):
            weight = np.where(corner, part, 1 - part).prod(axis=1)
            used = np.flatnonzero(weight > 1e-9)
            carried[used] += weight[used, None, None] * spins[self.places(low[used] + corner)]
        return unit(carried.reshape(-1, 3))

    def neighbours(self, axes: tuple[int, ...], moves: int = 1) -> Iterator[Supercell]:
        """Yield the supercells that differ by one cell in up to ``moves`` entries of H."""
        entries = list(product(axes, axes))
        for signs in product((0, 1, -1), repeat=len(entries)):
            if 0 < np.abs(signs).sum() <= moves:
                H = self.H.copy()
                for (row, column), sign in zip(entries, signs, strict=True):
                    H[row, column] += sign
                if round(np.linalg.det(H)) != 0:
                    yield Supercell(self.crystal, compact(H, self.crystal.lattice.cell, axes))

    def repeated(self, texture: ArrayLike, other: Supercell) -> NDArray[np.float64]:
        """Return a texture [site, 3] repeated in a supercell that is a multiple of this one."""
        return np.asarray(texture).reshape(self.cells, -1, 3)[self.places(other.coordinates)].reshape(-1, 3)

    def __str__(self) -> str:
        rows = [self.H[axis].tolist() for axis in range(3)]
        return f"{self.sites} sites, repeating after {', '.join(str(tuple(row)) for row in rows)}"

    def tiled(self, times: ArrayLike) -> Supercell:
        """Return this supercell repeated along its axes; the numbers of copies are [3]."""
        return Supercell(self.crystal, np.asarray(times, dtype=np.int64)[:, None] * self.H)


def own_supercell(hamiltonian: Hamiltonian) -> Supercell:
    """Return the supercell of a Hamiltonian."""
    return Supercell(hamiltonian, np.diag(hamiltonian.lattice.size))


def compact(H: Any, cell: NDArray[np.float64], axes: tuple[int, ...]) -> Whole:
    """Return H of the same supercells, [..., 3, 3], with the vectors of the free axes reduced to the shortest."""
    H, free = np.array(H, dtype=np.int64), list(axes)
    H[..., free, :] = shortest(H[..., free, :] @ cell, H[..., free, :])[1]
    return H


def side_by_side(H: Any, cell: NDArray[np.float64], axes: tuple[int, ...], oblong: float) -> Whole:
    """Return how often supercells H [..., 3, 3] are repeated along their vectors to be compact, [..., 3].

    oblong  length over width of the box that they fill
    """
    edges = np.linalg.norm(np.asarray(H) @ cell, axis=-1)[..., list(axes)]
    times = np.ones(np.shape(H)[:-1], dtype=np.int64)
    times[..., list(axes)] = np.maximum(1, np.rint(edges.max(axis=-1, keepdims=True) / (oblong * edges)))
    return times


def manageable(hamiltonian: Hamiltonian, H: Any) -> NDArray[np.bool_]:
    """Return whether supercells H [..., 3, 3] fill a compact box without becoming too large."""
    times = side_by_side(H, hamiltonian.lattice.cell, free_axes(hamiltonian), OBLONG)
    sites = np.abs(np.rint(np.linalg.det(np.asarray(H, dtype=np.float64)))) * hamiltonian.lattice.atoms
    return np.asarray(times.prod(axis=-1) * sites <= np.maximum(LARGEST, sites))


def supercells(hamiltonian: Hamiltonian, cells: int) -> Whole:
    """Return H of all supercells with a given number of cells along the free axes, [supercell, 3, 3], reduced."""
    axes = free_axes(hamiltonian)
    forms = np.array(list(_hermite_normal_forms(cells, len(axes))), dtype=np.int64)
    H = np.zeros((len(forms), 3, 3), dtype=np.int64)
    H[:] = np.diag(hamiltonian.lattice.size)
    H[:, np.array(axes)[:, None], axes] = forms
    return compact(H, hamiltonian.lattice.cell, axes)


def _hermite_normal_forms(determinant: int, dimensions: int) -> Iterator[Whole]:
    """Yield lower triangular matrices, entries left of the diagonal from 0 up to the diagonal one of their column."""
    if dimensions == 1:
        yield np.array([[determinant]])
        return
    for last in (n for n in range(1, determinant + 1) if determinant % n == 0):
        for smaller in _hermite_normal_forms(determinant // last, dimensions - 1):
            for row in product(*(range(d) for d in np.diag(smaller))):
                H = np.zeros((dimensions, dimensions), dtype=np.int64)
                H[:-1, :-1], H[-1] = smaller, (*row, last)
                yield H
