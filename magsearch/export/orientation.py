"""The orientation of a texture in which it has the most symmetries, for models that leave it arbitrary.

Without spin-orbit terms a global rotation of all spins costs no energy. Rotations are tried that bring the spins to the
axes of the crystal. A line of spins, or the normal of a plane of spins, is brought to each axis, and a spin above each
other axis. Of spins in all directions, an operation of the crystal is undone by at most one orthogonal matrix: the axes
of two such matrices are brought to those of their operations. The rotation with which most operations, with or without
time reversal, leave the texture as it is, is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from magsearch.export.cell import MagneticCell
from magsearch.export.group import Crystal, axis_of
from magsearch.model.sphere import unit

SAME = 1e-6  # difference of cosines of equal angles, and of parallel axes from 1
KINDS = 64  # distinct pairs of axes that are combined

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def aligned(cell: MagneticCell, dimension: str, tolerance: float) -> Matrix:
    """Return the rotation [3, 3] that gives a cell the most symmetries; the identity where none gives more.

    dimension  collinear, coplanar or noncoplanar

    Raises InputError without spglib, and ValueError for a cell that is too large.
    """
    crystal, s = Crystal.of(cell), cell.spins
    best, most = np.eye(3), crystal.symmetries(s, tolerance)
    tried = _by_spins(crystal, s, dimension)
    if dimension == "noncoplanar":
        tried = (*tried, *_by_operations(crystal, s, tolerance))
    for R in tried:
        count = crystal.symmetries(s @ R.T, tolerance)
        if count > most:
            best, most = R, count
    return best


def _by_spins(crystal: Crystal, s: NDArray[np.float64], dimension: str) -> tuple[Matrix, ...]:
    """Return the rotations that bring a direction of the texture to an axis, and another above a second axis."""
    if dimension == "coplanar":
        first, second = np.linalg.svd(s)[2][2], s[0]
    else:
        across = np.linalg.norm(np.cross(s[0], s), axis=1)
        first = s[0]
        second = s[int(across.argmax())] if dimension == "noncoplanar" else np.eye(3)[int(np.abs(first).argmin())]
    found = []
    for along, above in product((*crystal.axes, *-crystal.axes), crystal.axes):
        if 1 - abs(along @ above) > SAME:
            target = _right_handed(along, above)
            turned = np.array([target[0], target[2], -target[1]])
            found += [to.T @ _right_handed(first, second) for to in (target, turned)]
    return tuple(found)


def _by_operations(crystal: Crystal, s: NDArray[np.float64], tolerance: float) -> Iterator[Matrix]:
    """Yield the rotations that bring the axes of two matrices U, U s_i = s_g(i), to those of their operations g."""
    pairs: list[tuple[Vector, Vector]] = []
    for P, images in zip(crystal.P, crystal.images, strict=True):
        u, _, v = np.linalg.svd(s[images].T @ s)
        U = u @ v
        if np.linalg.norm(s @ U.T - s[images], axis=1).max() > tolerance:
            continue
        U = np.linalg.det(U).round() * U  # with time reversal, if it is improper
        if abs(np.trace(U) - np.trace(P)) < SAME and np.trace(P) < 3 - SAME:
            own, of = axis_of(U), axis_of(P)
            if not any(min(abs(own @ a), abs(of @ b)) > 1 - SAME for a, b in pairs) and len(pairs) < KINDS:
                pairs.append((own, of))
    for k, (own, of) in enumerate(pairs):
        for other, to in pairs[:k]:
            if abs(abs(own @ other) - abs(of @ to)) < SAME and 1 - abs(of @ to) > SAME:
                for sign, flip in product((1, -1), (1, -1)):
                    yield _right_handed(sign * of, flip * to).T @ _right_handed(own, other)
        for spin, axis, sign in product(s[:3], crystal.axes, (1, -1)):
            if 1 - max(abs(own @ spin), abs(of @ axis)) > SAME:
                yield _right_handed(sign * of, axis).T @ _right_handed(own, spin)


def _right_handed(along: Vector, side: Vector) -> Matrix:
    """Return unit vectors in rows: the first, the part of the second across it, and their cross product."""
    e = unit(along)
    across = unit(side - (side @ e) * e)
    return np.stack([e, across, np.cross(e, across)])
