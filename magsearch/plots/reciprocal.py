"""Figures of the static structure factor in and around the first Brillouin zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.lattice import Lattice
from magsearch.model.triangulation import combinations, plane_axes, plane_frame
from magsearch.observables.structure_factor import structure_factor
from magsearch.plots.planes import brillouin_zone, framed, layer, wigner_seitz, zones
from magsearch.plots.textures import VECTOR_GRAPHICS
from magsearch.plots.view import ALL, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection

DECADES = 5  # of the structure factor on the colour scale
NOTHING = 1e-6  # smallest maximum of the colour scale; the mean of the structure factor is 1, less is rounding
DOTS, DOT_DECADES = 61, 4  # maximum number of peaks marked by a dot, and decades below the highest peak


def structure(axes: Axes, lattice: Lattice, spins: ArrayLike, view: View = ALL) -> PolyCollection:
    """Draw |S(q)|^2 / N of spins [site, 3] on a logarithmic scale over the first Brillouin zone; return the cells of q.

    If a unit cell has several sites, the region is wider (``zones``) and the first zone is outlined in it.
    """
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Polygon

    lattice, s, words = layer(lattice, spins, view.plane, view.sheet)
    frame, spanned = plane_frame(lattice), list(plane_axes(lattice))
    B = 2 * np.pi * np.linalg.pinv(lattice.cell[spanned]).T  # [2, 3], in the plane
    step = B / np.array(lattice.size)[spanned][:, None]
    first = brillouin_zone(lattice)
    zone = zones(lattice) * first
    tile = wigner_seitz(step @ frame[:2].T)[0]
    reach = np.linalg.norm(zone, axis=1).max() + np.linalg.norm(tile, axis=1).max()
    q = combinations(step, reach) @ step
    S = structure_factor(lattice, s, q)
    drawn = PolyCollection(tile + (q @ frame[:2].T)[:, None], cmap="magma", edgecolors="face", linewidths=0.1)
    top = max(S.max(), NOTHING)
    drawn.set(array=S.clip(min=top * 10.0**-DECADES), norm=LogNorm(top * 10.0**-DECADES, top))
    drawn.set_rasterized(len(q) > VECTOR_GRAPHICS)
    axes.add_patch(Polygon(zone, facecolor=drawn.cmap(0.0), linewidth=0))  # no seams between dark cells
    axes.add_collection(drawn)
    drawn.set_clip_path(axes.add_patch(Polygon(zone, fill=False, edgecolor="black", linewidth=0.8, joinstyle="miter")))
    if zones(lattice) > 1:
        axes.add_patch(Polygon(first, fill=False, edgecolor="0.75", linewidth=0.5, joinstyle="miter"))
    _peak_dots(axes, q @ frame[:2].T, S, drawn, zone)
    width = 1.06 * np.abs(zone).max(axis=0)
    axes.set(xlim=(-width[0], width[0]), ylim=(-width[1], width[1]), aspect="equal")
    framed(axes, frame, "q", "Å$^{-1}$", 5, words)
    bar = axes.inset_axes((1.05, 0.0, 0.04, 1.0))
    axes.figure.colorbar(drawn, cax=bar, label="$|S(q)|^2 / N$").minorticks_off()
    return drawn


def _peak_dots(axes: Axes, q: NDArray[np.float64], S: NDArray[np.float64], drawn: PolyCollection, zone: Any) -> None:
    """Mark the highest peaks by dots, as the cells of q are too small to be seen; their area is logarithmic."""
    if len(S) < VECTOR_GRAPHICS:
        return
    from matplotlib.path import Path as Outline

    highest = np.argsort(S)[-DOTS:]  # the highest is drawn last
    strength = 1 + np.log10(np.maximum(S[highest] / S.max(), 1e-300)) / DOT_DECADES  # 0 to 1
    shown = (strength > 0) & Outline(zone).contains_points(q[highest])
    highest, strength = highest[shown], strength[shown]
    x, y = q[highest].T
    axes.scatter(x, y, 10 * strength, S[highest], cmap=drawn.cmap, norm=drawn.norm, linewidths=0)  # type: ignore[arg-type]
