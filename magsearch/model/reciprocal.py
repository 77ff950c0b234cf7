"""Wave vectors that fit into a lattice, folded into the first Brillouin zone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from magsearch.model.lattice import Lattice, shortest
from magsearch.model.triangulation import combinations


def reciprocal(lattice: Lattice) -> tuple[list[int], NDArray[np.float64]]:
    """Axes of ``Lattice.extended``, and their reciprocal vectors in the space that they span, [axis, 3] 1/angstrom.

    For a plane the vectors lie in the plane, however its third cell vector is tilted.
    """
    axes = lattice.extended
    return axes, np.asarray(2 * np.pi * np.linalg.pinv(lattice.cell[axes]).T) if axes else np.zeros((0, 3))


@lru_cache(maxsize=4)
def wave_vectors(lattice: Lattice) -> NDArray[np.float64]:
    """Wave vectors that fit into the lattice, in the order of numpy's fft, [n3, n2, n1, 3] Cartesian, 1/angstrom.

    Each is the representative closest to q = 0: the first Brillouin zone. The array is shared and read-only.
    """
    axes, B = reciprocal(lattice)
    if not axes:
        return _shared(np.zeros((*lattice.grid, 3)))
    reduced, times = shortest(B, np.eye(len(B)))
    h = np.stack([lattice.coordinates[:, axis] / lattice.size[axis] for axis in axes], axis=1) @ np.linalg.inv(times)
    q = (h - np.rint(h)) @ reduced
    length2 = (q**2).sum(axis=1)
    G = combinations(reduced, 2 * np.sqrt(length2.max())) @ reduced  # to longer ones, no q is closer than to zero
    G = G[np.argsort(np.linalg.norm(G, axis=1), kind="stable")][1:]
    outer = np.flatnonzero(length2 > (G[:1] ** 2).sum() / 4)  # the others are in the zone
    from_origin, least = q[outer], length2[outer]
    for vector in G:
        moved = from_origin - vector
        square = (moved**2).sum(axis=1)
        closer = square < least * (1 - 2e-9)
        q[outer[closer]], least[closer] = moved[closer], square[closer]
    return _shared(q.reshape(*lattice.grid, 3))


def _shared(q: NDArray[np.float64]) -> NDArray[np.float64]:
    q.flags.writeable = False
    return q


@lru_cache(maxsize=16)
def wave_numbers(lattice: Lattice) -> NDArray[np.float64]:
    """Lengths of ``wave_vectors``, [cell] 1/angstrom."""
    return np.linalg.norm(wave_vectors(lattice), axis=-1).ravel()
