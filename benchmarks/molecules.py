"""Antiferromagnetic molecules on the vertices of polyhedra, which several benchmarks share."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

import magsearch as ms

GOLDEN = (1 + 5**0.5) / 2
CYCLIC = ((0, 1, 2), (1, 2, 0), (2, 0, 1))


def corners(*coordinates: float, orders: tuple[tuple[int, ...], ...] = CYCLIC) -> NDArray[np.float64]:
    """All signs of the coordinates, in these orders, [corner, 3]."""
    every = [[s * coordinates[n] for s, n in zip(signs, order, strict=True)]
             for order in orders for signs in product((1, -1), repeat=3)]  # fmt: skip
    return np.unique(np.round(every, 12) + 0.0, axis=0)


def molecule(*positions: NDArray[np.float64], field: float = 0.0) -> ms.Hamiltonian:
    """J = -1 meV along the edges; field along z, tesla."""
    sites = np.concatenate(positions)
    distance = np.linalg.norm(sites[:, None] - sites, axis=2)
    i, j = np.argwhere(np.triu(np.isclose(distance, distance[distance > 1e-6].min()))).T
    bonds = ms.Bonds.pairs(i, j, ms.exchange_matrix(np.full(len(i), -1.0)))
    return ms.Hamiltonian(ms.Lattice.cluster(sites), ms.Bonds.none(), site_bonds=bonds, field=(0.0, 0.0, field))


def icosahedron(field: float = 0.0) -> ms.Hamiltonian:
    return molecule(corners(0, 1, GOLDEN), field=field)


def c60(field: float = 0.0) -> ms.Hamiltonian:
    g = GOLDEN
    return molecule(
        corners(0, 1, 3 * g), corners(1, 2 + g, 2 * g), corners(g, 2, 2 * g + 1), field=field
    )  # fmt: skip
