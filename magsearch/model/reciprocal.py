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
    from scipy.spatial import cKDTree

    axes, B = reciprocal(lattice)
    if not axes:
        return _shared(np.zeros((*lattice.grid, 3)))
    reduced, times = shortest(B, np.eye(len(B)))
    h = np.stack([lattice.coordinates[:, axis] / lattice.size[axis] for axis in axes], axis=1) @ np.linalg.inv(times)
    q = (h - np.rint(h)) @ reduced
    G = combinations(reduced, np.linalg.norm(reduced, axis=1).sum()) @ reduced
    G = G[np.argsort(np.linalg.norm(G, axis=1), kind="stable")]
    distance, near = cKDTree(G).query(q, k=1)
    q = np.where((distance < np.linalg.norm(q, axis=1) * (1 - 1e-9))[:, None], q - G[near], q)
    return _shared(q.reshape(*lattice.grid, 3))


def _shared(q: NDArray[np.float64]) -> NDArray[np.float64]:
    q.flags.writeable = False
    return q


@lru_cache(maxsize=16)
def wave_numbers(lattice: Lattice) -> NDArray[np.float64]:
    """Lengths of ``wave_vectors``, [cell] 1/angstrom."""
    return np.linalg.norm(wave_vectors(lattice), axis=-1).ravel()
