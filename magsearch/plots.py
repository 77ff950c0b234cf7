"""Pictures of a texture, its structure factor and the search that found it.

Nothing here touches pyplot or needs a display: ``summary`` writes a file, the other functions draw on axes that are
given. Matplotlib is imported when the first picture is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import Voronoi

from magsearch.lattice import SAME_PLACE, Lattice
from magsearch.observables import structure_factor
from magsearch.triangulation import combinations, plane_axes, plane_frame, sheets, stacking_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection

BLUE, RED = "#3b6ea8", "#c1352b"
SUFFIXES = (".png", ".pdf", ".svg")
VACANCY = (0.6, 0.6, 0.6)
ARROWS = 900  # sites up to which spins are drawn as arrows, too
VECTOR_GRAPHICS = 4000  # polygons up to which a pdf or svg keeps them as such
IN_PLANE = 0.7  # Oklab lightness of spins in the plane
HUES = np.linspace(-np.pi, np.pi, 361)
DECADES = 5  # of the structure factor that are shown
DOTS, DOT_DECADES = 61, 4  # how many peaks at most get a dot, and how far below the highest
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "figure.titlesize": 9,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "mathtext.fontset": "dejavusans",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


# -- colours -----------------------------------------------------------------------------------------------------------


def colours(directions: ArrayLike) -> NDArray[np.float64]:
    """sRGB colours of unit vectors (along e1, e2, normal), [..., 3]: hue is the in-plane angle, up white, down black.

    Spins in the plane have one lightness and the most vivid colour of their hue that a screen shows; from there
    straight lines lead to white and to black in the perceptually uniform space Oklab (B. Ottosson, 2020).
    """
    x, y, z = np.moveaxis(np.asarray(directions, dtype=np.float64), -1, 0)
    angle, height = np.arctan2(y, x), np.arctan2(z, np.hypot(x, y)) / (np.pi / 2)  # height -1 to 1
    vivid = np.interp(angle, HUES, _vivid(HUES), period=2 * np.pi) * (1 - np.abs(height))
    lightness = np.where(height > 0, IN_PLANE + (1 - IN_PLANE) * height, IN_PLANE * (1 + height))
    rgb = _linear_rgb(lightness, vivid * np.cos(angle), vivid * np.sin(angle)).clip(0, 1)
    rgb = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055).round(6)
    return np.where((x * x + y * y + z * z > 0)[..., None], rgb, VACANCY)


def _vivid(hue: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest chroma that sRGB shows at the lightness of in-plane spins, capped for an even circle, [hue]."""
    chroma = np.linspace(0, 0.19, 191)
    rgb = _linear_rgb(np.float64(IN_PLANE), chroma * np.cos(hue[:, None]), chroma * np.sin(hue[:, None]))
    return chroma[(np.abs(rgb - 0.5) <= 0.5).all(axis=-1).sum(axis=1) - 1]


def _linear_rgb(L: Any, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Oklab to linear sRGB."""
    l_ = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3
    m_ = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s_ = (L - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * l_ - 3.3077115913 * m_ + 0.2309699292 * s_
    green = -1.2684380046 * l_ + 2.6097574011 * m_ - 0.3413193965 * s_
    blue = -0.0041960863 * l_ - 0.7034186147 * m_ + 1.7076147010 * s_
    return np.stack([red, green, blue], axis=-1)


# -- geometry ----------------------------------------------------------------------------------------------------------


def wigner_seitz(vectors: ArrayLike, points: ArrayLike = ((0.0, 0.0),)) -> list[NDArray[np.float64]]:
    """The cell of everything closest to each of the points [point, 2], repeated by vectors [2, 2]: corners [corner, 2].

    One point gives the Wigner-Seitz cell; of a reciprocal lattice, the first Brillouin zone.
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


def layer(lattice: Lattice, spins: ArrayLike) -> tuple[Lattice, NDArray[np.float64], str]:
    """The plane that is drawn, as a lattice of its own with its spins, and words that say so where there are others.

    The middle one of stacked layers; of sheets that hide one another, the top one.
    """
    words = []
    s = np.asarray(spins, dtype=np.float64).reshape(*lattice.grid, lattice.atoms, 3)
    axis = stacking_axis(lattice)
    if layers := lattice.size[axis] - 1:
        middle = layers // 2
        s = np.take(s, [middle], axis=2 - axis)
        n1, n2, n3 = (1 if k == axis else n for k, n in enumerate(lattice.size))
        lattice = replace(lattice, size=(n1, n2, n3))
        words.append(f"layer {middle + 1} of {layers + 1}")
    first, second = plane_axes(lattice)
    place = lattice.basis @ np.linalg.pinv(lattice.cell[[first, second]])
    apart = place[:, None] - place[None]
    apart = np.linalg.norm((apart - np.rint(apart)) @ lattice.cell[[first, second]], axis=-1) + np.eye(lattice.atoms)
    if apart.min() < SAME_PLACE * np.linalg.norm(lattice.cell, axis=1).min():
        top = sheets(lattice)[-1]
        s = s[..., top, :]
        words.append(f"top sheet of {len(sheets(lattice))}")
        lattice = replace(lattice, basis=lattice.basis[top], species=tuple(lattice.species[a] for a in top))
    return lattice, s.reshape(-1, 3), ", ".join(words)


# -- panels ------------------------------------------------------------------------------------------------------------


def texture(axes: Axes, lattice: Lattice, spins: ArrayLike, wheel: bool = True) -> PolyCollection:
    """Draw spins [site, 3] as coloured cells, one around each site, to scale; returns the cells.

    Colours are those of ``colours``, explained by a small wheel; lattices of few sites carry arrows, too.
    """
    from matplotlib.collections import PolyCollection

    lattice, s, words = layer(lattice, spins)
    frame = plane_frame(lattice)
    site = lattice.positions @ frame[:2].T  # [site, 2]
    home = lattice.basis @ frame[:2].T
    cells = wigner_seitz(lattice.cell[list(plane_axes(lattice))] @ frame[:2].T, home)
    atom = np.arange(lattice.sites) % lattice.atoms
    polygons = [cells[a] + (r - home[a]) for a, r in zip(atom, site, strict=True)]
    turned = s @ frame.T
    drawn = PolyCollection(polygons, facecolors=colours(turned), edgecolors="face", linewidths=0.5)
    rim = PolyCollection(polygons, facecolors="none", edgecolors="0.5", linewidths=1.2)  # seen around the box only
    for collection in (rim, drawn):
        collection.set_rasterized(lattice.sites > VECTOR_GRAPHICS)
        axes.add_collection(collection)
    corners = np.concatenate(polygons)
    low, high = corners.min(axis=0), corners.max(axis=0)
    margin = 0.01 * (high - low).max()
    axes.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin), aspect="equal")
    first, second = _axis_names(frame)
    axes.set(xlabel=f"$r_{{{first}}}$ (Å)", ylabel=f"$r_{{{second}}}$ (Å)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.locator_params(nbins=6)
    if lattice.sites <= ARROWS:
        area = np.linalg.norm(np.cross(*lattice.cell[list(plane_axes(lattice))]))
        _arrows(axes, site, turned, np.sqrt(area / lattice.atoms))
    if words:
        axes.set_title(words)
    if wheel:
        _colour_wheel(axes)
    return drawn


def _axis_names(frame: NDArray[np.float64]) -> list[str]:
    """x, y, z or -z where an axis of the plane is Cartesian, else its number."""
    cartesian = [
        (tuple(sign * e), word + name)
        for sign, word in ((1, ""), (-1, "-"))
        for e, name in zip(np.eye(3), "xyz", strict=True)
    ]
    return [dict(cartesian).get(tuple(e.round(6)), str(k)) for k, e in enumerate(frame[:2], start=1)]


def _arrows(axes: Axes, site: NDArray[np.float64], turned: NDArray[np.float64], spacing: float) -> None:
    x, y, z = turned.T
    ink = np.where(z > -0.3, 0.08, 0.92).astype(str)
    scale = 0.8 * spacing
    axes.quiver(
        *site.T, scale * x, scale * y, color=ink, pivot="mid", units="xy", scale_units="xy", scale=1,
        width=0.09 * spacing, headwidth=3.2, headlength=3.6, headaxislength=3.2, minlength=0.3,
    )  # fmt: skip


def _colour_wheel(axes: Axes) -> None:
    """The sphere seen from above, outside the upper right corner: up in the middle, down on the rim."""
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


def structure(axes: Axes, lattice: Lattice, spins: ArrayLike) -> PolyCollection:
    """Draw |S(q)|^2 / N of the plane on a logarithmic scale over the first Brillouin zone; returns the cells of q."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Polygon

    lattice, s, _ = layer(lattice, spins)
    frame, plane = plane_frame(lattice), list(plane_axes(lattice))
    B = 2 * np.pi * np.linalg.pinv(lattice.cell[plane]).T  # [2, 3], in the plane
    step = B / np.array(lattice.size)[plane][:, None]
    zone = brillouin_zone(lattice)
    tile = wigner_seitz(step @ frame[:2].T)[0]
    reach = np.linalg.norm(zone, axis=1).max() + np.linalg.norm(tile, axis=1).max()
    q = combinations(step, reach) @ step
    S = structure_factor(lattice, s, q)
    drawn = PolyCollection(tile + (q @ frame[:2].T)[:, None], cmap="magma", edgecolors="face", linewidths=0.1)
    top = max(S.max(), 1e-300)
    drawn.set(array=S.clip(min=top * 10.0**-DECADES), norm=LogNorm(top * 10.0**-DECADES, top))
    drawn.set_rasterized(len(q) > VECTOR_GRAPHICS)
    axes.add_patch(Polygon(zone, facecolor=drawn.cmap(0.0), linewidth=0))  # no seams between dark cells
    axes.add_collection(drawn)
    drawn.set_clip_path(axes.add_patch(Polygon(zone, fill=False, edgecolor="black", linewidth=0.8, joinstyle="miter")))
    _peak_dots(axes, q @ frame[:2].T, S, drawn, zone)
    width = 1.06 * np.abs(zone).max(axis=0)
    axes.set(xlim=(-width[0], width[0]), ylim=(-width[1], width[1]), aspect="equal")
    first, second = _axis_names(frame)
    axes.set(xlabel=f"$q_{{{first}}}$ (Å$^{{-1}}$)", ylabel=f"$q_{{{second}}}$ (Å$^{{-1}}$)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.locator_params(nbins=5)
    bar = axes.inset_axes((1.05, 0.0, 0.04, 1.0))
    axes.figure.colorbar(drawn, cax=bar, label="$|S(q)|^2 / N$").minorticks_off()
    return drawn


def _peak_dots(axes: Axes, q: NDArray[np.float64], S: NDArray[np.float64], drawn: PolyCollection, zone: Any) -> None:
    """Dots on the highest peaks, large enough to be seen where the cells of q are too small; area by the logarithm."""
    if len(S) < VECTOR_GRAPHICS:
        return
    from matplotlib.path import Path as Outline

    highest = np.argsort(S)[-DOTS:]  # the highest is drawn last
    strength = 1 + np.log10(np.maximum(S[highest] / S.max(), 1e-300)) / DOT_DECADES  # 0 to 1
    shown = (strength > 0) & Outline(zone).contains_points(q[highest])
    highest, strength = highest[shown], strength[shown]
    x, y = q[highest].T
    axes.scatter(x, y, 10 * strength, S[highest], cmap=drawn.cmap, norm=drawn.norm, linewidths=0)  # type: ignore[arg-type]


def brillouin_zone(lattice: Lattice) -> NDArray[np.float64]:
    """Corners of the first Brillouin zone of the plane, [corner, 2] along e1 and e2, 1/angstrom, counterclockwise."""
    B = 2 * np.pi * np.linalg.pinv(lattice.cell[list(plane_axes(lattice))]).T
    return wigner_seitz(B @ plane_frame(lattice)[:2].T)[0]


def convergence(axes: Axes, history: Mapping[str, ArrayLike]) -> None:
    """Draw the best energy of every generation and the population's mean with its standard deviation.

    history  generation, best, mean, deviation, each [g], energies in meV per site; other entries are not drawn
    """
    from matplotlib.ticker import MaxNLocator

    columns = ("generation", "best", "mean", "deviation")
    generation, best, mean, deviation = (np.asarray(history[name], dtype=np.float64) for name in columns)
    band = mean - deviation, mean + deviation
    axes.fill_between(generation, *band, color=BLUE, alpha=0.2, linewidth=0, label="standard deviation")
    axes.plot(generation, mean, color=BLUE, lw=1.0, label="mean")
    alone = "o" if len(generation) == 1 else None
    axes.plot(generation, best, color=RED, lw=1.4, drawstyle="steps-post", marker=alone, label="best")
    axes.set(xlabel="generation", ylabel="energy per site (meV)")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.margins(x=0.02)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper right", handlelength=1.4)


def summary(
    lattice: Lattice,
    spins: ArrayLike,
    history: Mapping[str, ArrayLike],
    title: str = "",
    path: str | Path = "summary.png",
) -> Path:
    """Write texture, structure factor and convergence side by side to ``path``; png, pdf or svg by its suffix.

    history  generation, best, mean, deviation, each [g], energies in meV per site

    Raises ValueError for any other suffix.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"no picture of type '{path.suffix}'; expected {', '.join(SUFFIXES)}")

    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.9), layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(2, 2, width_ratios=(1.6, 1), height_ratios=(1.25, 1))
        texture(figure.add_subplot(grid[:, 0]), lattice, spins)
        structure(figure.add_subplot(grid[0, 1]), lattice, spins)
        convergence(figure.add_subplot(grid[1, 1]), history)
        if title:
            figure.suptitle(title)
        figure.savefig(path, dpi=300)
    return path
