"""The plane that a figure shows, and its Wigner-Seitz cells in real and reciprocal space."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import Voronoi

from magsearch.model.lattice import SAME_PLACE, Lattice
from magsearch.model.triangulation import combinations, plane_axes, plane_frame, sheets, stacking_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Plane = tuple[int, int]  # a lattice axis, and the number of a layer along it, from 0
AXES = "abc"


def wigner_seitz(vectors: ArrayLike, points: ArrayLike = ((0.0, 0.0),)) -> list[NDArray[np.float64]]:
    """Return the corners [corner, 2] of the Voronoi cell of each point [point, 2] of a lattice with ``vectors`` [2, 2].

    One point gives the Wigner-Seitz cell, or the first Brillouin zone of a reciprocal lattice.
    """
    vectors, points = np.asarray(vectors, dtype=np.float64), np.asarray(points, dtype=np.float64)
    spread = np.linalg.norm(np.ptp(points, axis=0))
    n = combinations(vectors, 1.5 * np.linalg.norm(vectors, axis=1).sum() + 2 * spread)
    n = n[np.argsort((n != 0).any(axis=1), kind="stable")]  # the home copies first
    diagram = Voronoi((points[None] + (n @ vectors)[:, None]).reshape(-1, 2))
    cells = []
    for k, point in enumerate(points):
        corners = diagram.vertices[diagram.regions[diagram.point_region[k]]]
        cells.append(corners[np.argsort(np.arctan2(*(corners - point).T[::-1]))])
    return cells


def layer(
    lattice: Lattice, spins: ArrayLike, plane: Plane | None = None, sheet: int | None = None
) -> tuple[Lattice, NDArray[np.float64], str]:
    """Return the plane to draw as a lattice, its spins [site, 3], and a note naming it, empty for a single plane.

    By default it is the middle one of stacked layers. Of sheets that hide one another, it is the top one, or number
    ``sheet`` from the lowest. Raises ValueError for a layer or a sheet that the lattice does not have.
    """
    words = []
    s = np.asarray(spins, dtype=np.float64).reshape(*lattice.grid, lattice.atoms, 3)
    axis, number = plane or (stacking_axis(lattice), (lattice.size[stacking_axis(lattice)] - 1) // 2)
    if not 0 <= number < lattice.size[axis]:
        raise ValueError(
            f"invalid plane: no layer {number} along axis {AXES[axis]}; expected 0 to {lattice.size[axis] - 1}"
        )
    if lattice.size[axis] > 1:
        s = np.take(s, [number], axis=2 - axis)
        n1, n2, n3 = (1 if k == axis else n for k, n in enumerate(lattice.size))
        words.append(f"layer {number} of {lattice.size[axis]} along {AXES[axis]}")
        lattice = replace(lattice, size=(n1, n2, n3))
    first, second = plane_axes(lattice)
    place = lattice.basis @ np.linalg.pinv(lattice.cell[[first, second]])
    apart = place[:, None] - place[None]
    apart = np.linalg.norm((apart - np.rint(apart)) @ lattice.cell[[first, second]], axis=-1) + np.eye(lattice.atoms)
    stacked = (
        sheets(lattice)
        if sheet is not None or apart.min() < SAME_PLACE * np.linalg.norm(lattice.cell, axis=1).min()
        else []
    )
    if stacked:
        if sheet is not None and not 0 <= sheet < len(stacked):
            raise ValueError(f"invalid sheet: no sheet {sheet}; expected 0 to {len(stacked) - 1}, from the lowest")
        own = stacked[-1 if sheet is None else sheet]
        s = s[..., own, :]
        words.append(f"top sheet of {len(stacked)}" if sheet is None else f"sheet {sheet} of {len(stacked)}")
        lattice = replace(lattice, basis=lattice.basis[own], species=tuple(lattice.species[a] for a in own))
    return lattice, s.reshape(-1, 3), ", ".join(words)


def brillouin_zone(lattice: Lattice) -> NDArray[np.float64]:
    """Return the corners of the plane's first Brillouin zone, [corner, 2] along e1, e2 in 1/angstrom, anticlockwise."""
    B = 2 * np.pi * np.linalg.pinv(lattice.cell[list(plane_axes(lattice))]).T
    return wigner_seitz(B @ plane_frame(lattice)[:2].T)[0]


def zones(lattice: Lattice) -> int:
    """Return the width of the drawn region of reciprocal space in units of the first Brillouin zone.

    The sites of a cell interfere: on a kagome lattice, the Bragg peaks of the 120 degree order at q = 0 all lie outside
    the first zone.
    """
    return int(np.ceil(np.sqrt(lattice.atoms)))


def axis_names(frame: NDArray[np.float64]) -> list[str]:
    """Return the names of the plane's two axes: x, y, z or -z if Cartesian (with its sign), otherwise 1 and 2."""
    cartesian = [
        (tuple(sign * e), word + name)
        for sign, word in ((1, ""), (-1, "-"))
        for e, name in zip(np.eye(3), "xyz", strict=True)
    ]
    return [dict(cartesian).get(tuple(e.round(6)), str(k)) for k, e in enumerate(frame[:2], start=1)]


def framed(axes: Axes, frame: NDArray[np.float64], letter: str, unit: str, bins: int, words: str) -> None:
    """Label the axes of a plane (``letter`` r or q, with its unit) and set at most ``bins`` ticks, spines and title."""
    first, second = axis_names(frame)
    axes.set(xlabel=f"${letter}_{{{first}}}$ ({unit})", ylabel=f"${letter}_{{{second}}}$ ({unit})")
    axes.spines[["top", "right"]].set_visible(False)
    axes.locator_params(nbins=bins)
    if words:
        axes.set_title(words)
