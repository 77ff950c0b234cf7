"""Figures of textures and of their topological charge density, to scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.formatting import fixed
from magsearch.model.lattice import Lattice
from magsearch.model.triangulation import plane_axes, plane_frame, triangles
from magsearch.observables.topological_charge import charge_density
from magsearch.plots.planes import framed, layer, wigner_seitz
from magsearch.plots.sphere import colours
from magsearch.plots.view import ALL, View, tiled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection

ARROWS = 900  # maximum number of sites whose spins are also drawn as arrows
DOT = 1.5  # widths of an arrow: shorter ones are dots of this size
FAINT = 1e-6  # smallest maximum of the colour scale, charge of a triangle: less is rounding
VECTOR_GRAPHICS = 4000  # maximum number of polygons in a pdf or svg; more are rasterised


def texture(axes: Axes, lattice: Lattice, spins: ArrayLike, wheel: bool = True, view: View = ALL) -> PolyCollection:
    """Draw spins [site, 3] as coloured Voronoi cells of the sites, to scale; return the cells.

    The colours are those of ``colours``, explained by a colour wheel if ``wheel``. Up to ARROWS sites, arrows are drawn
    as well; spins perpendicular to the plane are dots. Raises ValueError for a plane, a sheet or tiles that the
    lattice does not have.
    """
    from matplotlib.collections import PolyCollection

    lattice, s, words = layer(lattice, spins, view.plane, view.sheet)
    lattice, s = tiled(lattice, s, view.tiles)
    frame = plane_frame(lattice)
    site = lattice.positions @ frame[:2].T  # [site, 2]
    polygons = cells_of(lattice)
    turned = s @ frame.T
    drawn = PolyCollection(polygons, facecolors=colours(turned), edgecolors="face", linewidths=0.5)
    rim = PolyCollection(
        polygons, facecolors="none", edgecolors="0.5", linewidths=1.2
    )  # visible only around the supercell
    for collection in (rim, drawn):
        collection.set_rasterized(lattice.sites > VECTOR_GRAPHICS)
        axes.add_collection(collection)
    _window(axes, np.concatenate(polygons), frame, words)
    if lattice.sites <= ARROWS:
        area = np.linalg.norm(np.cross(*lattice.cell[list(plane_axes(lattice))]))
        _arrows(axes, site, turned, np.sqrt(area / lattice.atoms))
    if wheel:
        colour_wheel(axes)
    return drawn


def cells_of(lattice: Lattice) -> list[NDArray[np.float64]]:
    """Return the Voronoi cell of every site of a plane, in the frame of the plane: [site] of [corner, 2], angstrom."""
    frame = plane_frame(lattice)
    home = lattice.basis @ frame[:2].T
    cells = wigner_seitz(lattice.cell[list(plane_axes(lattice))] @ frame[:2].T, home)
    atom = np.arange(lattice.sites) % lattice.atoms
    return [cells[a] + (r - home[a]) for a, r in zip(atom, lattice.positions @ frame[:2].T, strict=True)]


def charge(axes: Axes, lattice: Lattice, spins: ArrayLike, view: View = ALL) -> PolyCollection:
    """Draw the topological charge density of spins [site, 3] on the triangles between neighbours; return the triangles.

    It is the charge of a triangle over its area, 1/nm^2, so that its integral over the box is the charge. Triangles
    across a periodic edge extend beyond the supercell on one side. Raises ValueError for a lattice without triangles.
    """
    from matplotlib.collections import PolyCollection

    lattice, s, words = layer(lattice, spins, view.plane, view.sheet)
    lattice, s = tiled(lattice, s, view.tiles)
    if not len(triangles(lattice)):
        raise ValueError("topological charge undefined: a chain has no triangles")
    frame, charges = plane_frame(lattice), charge_density(lattice, s)
    corners = drawn_triangles(lattice)
    (ax, ay), (bx, by) = np.moveaxis(corners[:, 1:] - corners[:, :1], 0, -1)
    area = 0.005 * np.abs(ax * by - ay * bx)  # nm^2
    density = charges / area
    top = max(np.abs(density).max(), FAINT / area.min())
    drawn = PolyCollection(list(corners), cmap="RdBu_r", edgecolors="face", linewidths=0.2)
    drawn.set(array=density, clim=(-top, top))
    drawn.set_rasterized(len(corners) > VECTOR_GRAPHICS)
    axes.add_collection(drawn)
    _window(
        axes,
        corners.reshape(-1, 2),
        frame,
        ", ".join([*([words] if words else []), f"Q = {fixed(charges.sum() / np.prod(view.tiles), 2)}"]),
    )
    bar = axes.inset_axes((1.04, 0.0, 0.04, 1.0))
    axes.figure.colorbar(drawn, cax=bar, label="charge density (nm$^{-2}$)")
    return drawn


def drawn_triangles(lattice: Lattice) -> NDArray[np.float64]:
    """Return the corners of ``triangles(lattice)`` in the frame of the plane, [triangle, 3, 2] in angstrom.

    Corners beyond a periodic edge are moved beside the first corner of their triangle.
    """
    frame = plane_frame(lattice)
    corners = lattice.positions[triangles(lattice)]  # [triangle, 3, 3]
    box = lattice.cell * np.array(lattice.size)[:, None]
    turns = np.rint((corners - corners[:, :1]) @ np.linalg.inv(box)) * lattice.periodic
    return np.asarray((corners - turns @ box) @ frame[:2].T)


def _window(axes: Axes, corners: NDArray[np.float64], frame: NDArray[np.float64], words: str) -> None:
    """Set limits, equal scales and labels of the axes of a figure in real space; corners [corner, 2]."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    margin = 0.01 * (high - low).max()
    axes.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin), aspect="equal")
    framed(axes, frame, "r", "Å", 6, words)


def _arrows(axes: Axes, site: NDArray[np.float64], turned: NDArray[np.float64], spacing: float) -> None:
    x, y, z = turned.T
    ink = np.where(z > -0.3, 0.08, 0.92).astype(str)
    scale = 0.8 * spacing
    axes.quiver(
        *site.T, scale * x, scale * y, color=ink, pivot="mid", units="xy", scale_units="xy", scale=1,
        width=0.09 * spacing, headwidth=3.2, headlength=3.6, headaxislength=3.2, minlength=DOT,
    )  # fmt: skip


def colour_wheel(axes: Axes) -> None:
    """Draw the colours of all directions as a disk beside the upper right corner: up at its centre, down on the rim."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    y, x = np.indices((201, 201)) / 100.0 - 1.0
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    polar = np.pi * radius.clip(0, 1)
    sphere = np.stack([np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), np.cos(polar)], axis=-1)
    opaque = ((1 - radius) * 100).clip(0, 1)[..., None]
    image = OffsetImage(np.concatenate([colours(sphere), opaque], axis=-1), zoom=0.18, origin="lower")
    outside: dict[str, Any] = {"xycoords": "axes fraction", "boxcoords": "offset points", "pad": 0, "frameon": False}
    axes.add_artist(AnnotationBbox(image, (1, 1), (22, -20), **outside))
    for sign, drop, ink in (("⊙", 20, "black"), ("⊗", 35, "white")):
        middle: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 6, "color": ink}
        axes.annotate(sign, (1, 1), (22, -drop), xycoords="axes fraction", textcoords="offset points", **middle)
