"""Couplings of a model listed between the spins of a magnetic cell, which repeats without end along periodic axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from magsearch.magnons.cell import RepeatedCell
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.products import SpinProducts


@dataclass(frozen=True, eq=False)
class Pairs:
    """Directed bilinear couplings of the spins of a magnetic cell: - 1/2 sum s_i . J s_j.

    i, j   [pair] spins
    T      [pair, 3] magnetic cells from i to j
    J      [pair, 3, 3] meV
    """

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    T: NDArray[np.int64]
    J: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Clusters:
    """Products of spins (``SpinProducts``) of the clusters of a magnetic cell.

    i          [cluster, 4] spins
    T          [cluster, 4, 3] magnetic cells from the first of them
    constants  [cluster, 4] meV
    """

    i: NDArray[np.int64]
    T: NDArray[np.int64]
    constants: NDArray[np.float64]


def pairs(hamiltonian: Hamiltonian, cell: RepeatedCell, number: NDArray[np.int64]) -> Pairs:
    """Return the bilinear couplings of a model, those between given sites included.

    number   [site + 1] spin of each site of the cell, -1 without one and for the last entry, which stands for no site
    """
    bonds, lattice = hamiltonian.bonds, cell.lattice
    cells = len(cell.cells)
    there, T = _reached(cell, cell.cells[:, None] + bonds.offset)  # [cell, bond]
    i = np.arange(cells)[:, None] * lattice.atoms + bonds.i
    j = np.where(there >= 0, there * lattice.atoms + bonds.j, -1)
    J = np.broadcast_to(bonds.J, (cells, *bonds.J.shape))
    found = [(i.ravel(), j.ravel(), T.reshape(-1, 3), J.reshape(-1, 3, 3))]
    if hamiltonian.site_bonds is not None:
        found.append(_between_sites(hamiltonian.site_bonds, cell))
    i, j, T, J = (np.concatenate(part) for part in zip(*found, strict=True))
    i, j = number[i], number[j]
    kept = (i >= 0) & (j >= 0)
    return Pairs(i[kept], j[kept], T[kept], J[kept])


def clusters(hamiltonian: Hamiltonian, cell: RepeatedCell, number: NDArray[np.int64]) -> Clusters:
    """Return the products of several spins of a model; ``number`` as for ``pairs``."""
    atoms = cell.lattice.atoms
    found = [(np.empty((0, 4), np.int64), np.empty((0, 4, 3), np.int64), np.empty((0, 4)))]
    for term in hamiltonian.products:
        assert isinstance(term, SpinProducts), term.name  # ``Expansion.of`` refuses others
        first = term.cells - term.cells[:, :1]
        there, T = _reached(cell, cell.cells[:, None, None] + first)  # [cell, cluster, 4]
        sites = np.where(there >= 0, there * atoms + term.atoms, -1)
        constants = np.broadcast_to(term.constants, (len(sites), *term.constants.shape))
        found.append((sites.reshape(-1, 4), T.reshape(-1, 4, 3), constants.reshape(-1, 4)))
    sites, T, constants = (np.concatenate(part) for part in zip(*found, strict=True))
    i = number[sites]
    kept = (i >= 0).all(axis=1)
    return Clusters(i[kept], T[kept], constants[kept])


def _between_sites(
    bonds: Bonds, cell: RepeatedCell
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the couplings between given sites, which lead to the closest image: sites, vectors and matrices."""
    lattice = cell.lattice
    one, other = (lattice.coordinates[n // lattice.atoms] for n in (bonds.i, bonds.j))
    size = np.array(lattice.size)
    apart = lattice.basis[bonds.j % lattice.atoms] - lattice.basis[bonds.i % lattice.atoms]
    apart = apart + (other - one) @ lattice.cell
    images = np.array([[x, y, z] for x in (0, -1, 1) for y in (0, -1, 1) for z in (0, -1, 1)])
    images = images[(images[:, ~np.array(lattice.periodic)] == 0).all(axis=1)]
    distance = np.linalg.norm(apart[:, None] + (images * size) @ lattice.cell, axis=2)
    # of images that are equally far, i -> j takes the first and j -> i its opposite
    near = distance <= distance.min(axis=1, keepdims=True) * (1 + 1e-9)
    order = np.where((bonds.i < bonds.j)[:, None], np.arange(len(images)), _opposite(images))
    best = np.where(near, order, len(images)).argmin(axis=1)
    _, T = cell.home(images[best] * size)
    here, there = (cell.home(n)[0] * lattice.atoms for n in (one, other))
    return here + bonds.i % lattice.atoms, there + bonds.j % lattice.atoms, T, bonds.J


def _reached(cell: RepeatedCell, cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where cells of the crystal are, as ``RepeatedCell.home`` does; -1 beyond an open edge."""
    number, T = cell.home(cells)
    open_axes = ~np.array(cell.lattice.periodic)
    beyond = ((cells < 0) | (cells >= cell.lattice.size))[..., open_axes].any(axis=-1)
    return np.where(beyond, -1, number), T


def _opposite(images: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each image the number of the opposite one."""
    return np.array([int((images == -image).all(axis=1).argmax()) for image in images])
