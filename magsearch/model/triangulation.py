"""Triangles between neighbouring sites of a plane of spins, and the few facts about planes and cells they rest on."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.lattice import SAME_PLACE, Lattice, shortest

SHEAR = 1e-4  # breaks the tie between the two diagonals of a square, in the same way in every cell


def combinations(vectors: ArrayLike, radius: float) -> NDArray[np.int64]:
    """Return integers n [combination, d] with |n @ vectors| <= radius; vectors [d, 3], linearly independent.

    They are counted by the shortest vectors of the same lattice: those of a sheared cell reach much further.
    """
    given = np.asarray(vectors, dtype=np.float64)
    reduced, times = shortest(given, np.eye(len(given), dtype=np.int64))
    nearest = np.sqrt(np.diag(np.linalg.inv(reduced @ reduced.T)))  # 1 / distance between planes of vectors
    reach = np.floor(radius * nearest + SAME_PLACE).astype(int)
    n = np.indices((2 * reach + 1).tolist()).reshape(len(given), -1).T - reach
    n = n[np.linalg.norm(n @ reduced, axis=1) <= radius * (1 + SAME_PLACE)] @ times
    return n[np.lexsort(n.T[::-1])]


def plane_axes(lattice: Lattice) -> tuple[int, int]:
    """Return the cell axes that span the plane: the two with more than one cell, or the first two."""
    extended = [axis for axis in range(3) if lattice.size[axis] > 1]
    return (extended[0], extended[1]) if len(extended) == 2 else (0, 1)


def is_plane(lattice: Lattice) -> bool:
    """Return whether all symmetries keep the plane: two axes have several cells, or two are periodic."""
    return sum(n > 1 for n in lattice.size) == 2 or sum(lattice.periodic) == 2


def stacking_axis(lattice: Lattice) -> int:
    """Return the axis along which layers of the plane are stacked."""
    return 3 - sum(plane_axes(lattice))


@lru_cache(maxsize=16)
def plane_frame(lattice: Lattice) -> NDArray[np.float64]:
    """Right-handed unit vectors (e1, e2, n) in rows, [3, 3]: n normal to the plane, its largest component positive.

    e1 is Cartesian x as seen in the plane, so that a plane of x and y gives the unit matrix, whatever its cell. The
    array is shared: do not write to it.
    """
    first, second = lattice.cell[list(plane_axes(lattice))]
    normal = np.cross(first, second)
    normal *= np.sign(normal[np.argmax(np.abs(normal).round(9))]) / np.linalg.norm(normal)
    along = np.eye(3)[0 if abs(normal[0]) < 0.9 else 1]
    along = along - (along @ normal) * normal
    along /= np.linalg.norm(along)
    frame = np.stack([along, np.cross(normal, along), normal])
    frame.flags.writeable = False
    return frame


def sheets(lattice: Lattice) -> list[NDArray[np.int64]]:
    """Return the atoms of the basis at each height above the plane, lowest first."""
    height = lattice.basis @ plane_frame(lattice)[2]
    order = np.argsort(height, kind="stable")
    apart = np.diff(height[order]) > SAME_PLACE * np.linalg.norm(lattice.cell, axis=1).min()
    return np.split(order, np.flatnonzero(apart) + 1)


@lru_cache(maxsize=16)
def triangles(lattice: Lattice) -> NDArray[np.int64]:
    """Delaunay triangles between the sites of every sheet of every layer, [triangle, 3] sites.

    Counterclockwise seen from the tip of the plane's normal (``plane_frame``). A sheet holds the atoms of one height.
    Triangles that would cross an open edge are left out; a chain has none. The array is shared: do not write to it.
    """
    atoms, offsets, which = _of_all_sheets(lattice)
    there = lattice.neighbours(offsets)
    exist = (there >= 0)[which].all(axis=1)  # [triangle, cell]
    corners = np.stack([(there[which[:, k]] * lattice.atoms + atoms[:, k, None])[exist] for k in range(3)], axis=1)
    corners.flags.writeable = False
    return corners


@lru_cache(maxsize=16)
def inside(lattice: Lattice) -> NDArray[np.bool_]:
    """Which of ``triangles(lattice)`` can be drawn between the positions of their sites, [triangle].

    The others reach over a periodic edge.
    """
    _, offsets, which = _of_all_sheets(lattice)
    ahead = lattice.coordinates + offsets[:, None]  # [offset, cell, 3]
    within = np.logical_and.reduce((ahead >= 0) & (ahead < lattice.size), axis=2)
    exist = (lattice.neighbours(offsets) >= 0)[which].all(axis=1)
    whole: NDArray[np.bool_] = np.logical_and.reduce(within[which], axis=1)[exist]
    whole.flags.writeable = False
    return whole


def _of_all_sheets(lattice: Lattice) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the triangles of one cell: atoms [triangle, 3], offsets [offset, 3] and the one of each atom."""
    frame, parts = plane_frame(lattice), sheets(lattice)
    atoms, cells = (np.concatenate(of) for of in zip(*(_cell_triangles(lattice, s, frame) for s in parts), strict=True))
    offsets, which = np.unique(cells.reshape(-1, 3), axis=0, return_inverse=True)
    return atoms, offsets, which.reshape(atoms.shape)


def _cell_triangles(
    lattice: Lattice, sheet: NDArray[np.int64], frame: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the triangles of one cell: atoms [triangle, 3] and the cells they are in, [triangle, 3, 3].

    No empty circle between the points of a lattice is wider than the diagonal of a rectangle of its shortest vectors:
    points further away from those of the cell do not matter.
    """
    axes = [axis for axis in plane_axes(lattice) if lattice.periodic[axis] or lattice.size[axis] > 1]
    cell, basis = lattice.cell[axes], lattice.basis[sheet]
    reach = float(np.linalg.norm(shortest(cell)[0]) + np.linalg.norm(np.ptp(basis, axis=0)))
    n = combinations(cell, reach) if axes else np.zeros((1, 0), dtype=np.int64)
    offset = np.zeros((len(n), 3), dtype=np.int64)
    offset[:, axes] = n
    atom = np.tile(np.arange(len(sheet)), len(n))  # [point]
    home = np.repeat(offset, len(sheet), axis=0)  # [point, 3]
    points = (basis[atom] + home @ lattice.cell) @ frame[:2].T
    points = points @ (np.eye(2) + SHEAR * np.array([[0.31, 0.83], [0.17, -0.53]]))
    if len(points) < 3 or np.linalg.matrix_rank(points - points[0], tol=SAME_PLACE * np.ptp(points)) < 2:
        return np.empty((0, 3), dtype=np.int64), np.empty((0, 3, 3), dtype=np.int64)
    from scipy.spatial import Delaunay

    corners = Delaunay(points).simplices
    (ax, ay), (bx, by) = (points[corners[:, 1:]] - points[corners[:, :1]]).transpose(1, 2, 0)
    clockwise = ax * by - ay * bx < 0
    corners[clockwise] = corners[clockwise][:, ::-1]
    # of all copies of a triangle, the one is kept whose first corner (by atom, then by cell) is in the cell itself
    place = np.empty(len(points), dtype=np.int64)
    place[np.lexsort([*home.T, atom])] = np.arange(len(points))
    first = np.take_along_axis(corners, place[corners].argmin(axis=1)[:, None], axis=1)[:, 0]
    corners = corners[(home[first] == 0).all(axis=1)]
    return sheet[atom[corners]], home[corners]
