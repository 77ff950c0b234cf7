"""Topological charge of a texture, and whether it is defined."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.lattice import Lattice
from magsearch.model.triangulation import stacking_axis, triangles

EXCEPTIONAL = 1e-4  # closer than this to its branch point, a solid angle is undefined and counts as zero
SMOOTH = 0.5  # mean s_i . s_j of neighbours above which the topological charge is defined


def charge_density(lattice: Lattice, spins: ArrayLike) -> NDArray[np.float64]:
    """Return the topological charge of every triangle of ``triangles(lattice)``, [..., triangle].

    It is the signed solid angle between three spins over 4 pi (Berg & Luscher, Nucl. Phys. B 190, 412 (1981)), computed
    from its tangent (Van Oosterom & Strackee, IEEE Trans. Biomed. Eng. 30, 125 (1983)). Triangles with a vacancy carry
    none, nor do those whose solid angle is undefined, as in a collinear antiferromagnet.
    """
    a, b, c = np.moveaxis(lattice.textures(spins)[..., triangles(lattice), :], -2, 0)
    return solid_angles(a, b, c)


def solid_angles(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> NDArray[np.float64]:
    """Return the signed solid angles between three spins, [..., 3] each, over 4 pi, [...].

    Zero for a triangle with a vacancy, and where it is undefined, at its branch point.
    """
    corners = [np.asarray(corner, dtype=np.float64) for corner in (a, b, c)]
    lengths = [np.linalg.norm(corner, axis=-1, keepdims=True) for corner in corners]
    # float32 spins are not unit vectors: the charge would not be an integer
    a, b, c = (corner / np.where(length > 0, length, 1) for corner, length in zip(corners, lengths, strict=True))
    occupied = np.all([length[..., 0] > 0 for length in lengths], axis=0)
    volume = np.einsum("...x,...x", a, np.cross(b, c))
    overlap = np.einsum("...x,...x", a, b) + np.einsum("...x,...x", b, c) + np.einsum("...x,...x", c, a)
    defined = occupied & (np.hypot(volume, 1 + overlap) > EXCEPTIONAL)
    return np.where(defined, np.arctan2(volume, 1 + overlap), 0.0) / (2 * np.pi)


def topological_charge(lattice: Lattice, spins: ArrayLike) -> NDArray[np.float64] | float:
    """Return the topological charge Q = 1/(4 pi) int m . (dm/dx x dm/dy) dx dy of textures [..., site, 3], [...].

    A skyrmion with its core down in an up background has Q = -1. Q is summed over all sheets of a plane and averaged
    over layers that are stacked along the third axis. It is an integer on periodic planes without vacancies. x, y and
    the normal are right-handed and the largest component of the normal is positive, so that a left-handed cell gives
    the same charge.
    """
    return charge_density(lattice, spins).sum(axis=-1) / lattice.size[stacking_axis(lattice)]


def likeness(lattice: Lattice, spins: ArrayLike) -> float:
    """Return the mean s_i . s_j of neighbours in planes of one texture [site, 3]; 0 for lattices without planes.

    A site and its own image are alike in any texture and do not count, unless there are no other neighbours.
    """
    corners = triangles(lattice)
    if not len(corners):
        return 0.0
    one, other = corners.ravel(), np.roll(corners, 1, axis=1).ravel()
    if (one != other).any():
        one, other = one[one != other], other[one != other]
    s = lattice.textures(spins)
    return float(np.einsum("nx,nx->n", s[one], s[other]).mean(dtype=np.float64))


def rough(lattice: Lattice, spins: ArrayLike) -> bool:
    """Return whether neighbouring spins of one texture [site, 3] differ too much to define a topological charge.

    In the 120 degree order, for instance, triangles are flat: whether each counts 1/2 or -1/2 depends on rounding.
    """
    return bool(len(triangles(lattice))) and likeness(lattice, spins) <= SMOOTH
