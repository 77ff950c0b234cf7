"""Figures of a scan: phases over two axes, or energies and order parameters over one.

No function uses pyplot or needs a display. Matplotlib is imported when the first figure is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CloughTocher2DInterpolator
from scipy.spatial import cKDTree

from magsearch import output
from magsearch.phases.column import Column, Minimum, ThermalState
from magsearch.phases.crossings import Crossing, Row, crossings, curve
from magsearch.plots import STYLE, SUFFIXES
from magsearch.plots.pages import image, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "spiral": "#4477aa", "skyrmion lattice": "#ee6677", "ferromagnet": "#ccbb44", "conical": "#66ccee",
    "multi-q": "#aa3377", "antiferromagnet": "#228833", "skyrmion liquid": "#f4b6bd", "paramagnet": "#e4e4e4",
    "isolated skyrmions": "#bb8f3c", "stripes": "#1f3b73", "120 degree antiferromagnet": "#55aa88",
}  # fmt: skip
OTHERS = ("#999933", "#882255", "#44aa99", "#ddaa77", "#777777", "#5d8aa8")
UNSURE = "replica ladders disagree"  # legend of thermal states that depend on the initial phase
MESH = 800  # pixels of a diagram along each axis


@dataclass(frozen=True, eq=False)
class Point:
    """A point of a diagram: its place, the minimum or thermal state found there, and its column of the scan."""

    x: float
    y: float
    found: Minimum | ThermalState
    column: Column

    @property
    def label(self) -> str:
        """Name of the phase."""
        return self.found.label

    @property
    def sure(self) -> bool:
        """Whether the phase does not depend on the initial states of the replica ladders."""
        return not isinstance(self.found, ThermalState) or self.found.agreed


def colour(label: str, labels: Sequence[str]) -> str:
    """Return the colour of a phase; phases without a colour of their own take one by their place among ``labels``."""
    strange = [other for other in labels if other not in COLOURS]
    return COLOURS[label] if label in COLOURS else OTHERS[strange.index(label) % len(OTHERS)]


# -- two axes ----------------------------------------------------------------------------------------------------------


def phase_map(
    points: Sequence[Point], mesh_size: int = MESH, at_zero: Sequence[Crossing] = ()
) -> tuple[NDArray[np.int64], list[str], NDArray[Any]]:
    """Return an image [y, x] of phase numbers, the phases' labels by frequency, and the corners [low and high, axis].

    If all points are minima, every pixel has the phase of lowest interpolated energy, pixels in the margin that of the
    nearest place inside. Otherwise every pixel has the phase of the nearest point, where a crossing ``at_zero``
    temperature counts as the middle between its columns.
    """
    where = np.array([[point.x, point.y] for point in points])
    labels = sorted(dict.fromkeys(p.label for p in points), key=lambda name: -sum(p.label == name for p in points))
    low, high = _frame(where)
    x, y = (np.linspace(low[k], high[k], mesh_size) for k in range(2))
    mesh = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    unit = np.ptp(where, axis=0)
    placed = np.stack([_between(mesh[:, 0], where[:, 0], at_zero), mesh[:, 1]], axis=1)
    nearest = cKDTree(where / unit).query(placed / unit)[1]
    which = np.array([labels.index(point.label) for point in points])[nearest]
    if not any(isinstance(point.found, ThermalState) for point in points):
        within = mesh.clip(where.min(axis=0), where.max(axis=0))
        lowest = _lowest(points, labels, where / unit, within / unit)
        which = np.where(lowest >= 0, lowest, which)
    return which.reshape(mesh_size, mesh_size), labels, np.array([low, high])


def _between(x: NDArray[Any], columns: NDArray[Any], at_zero: Sequence[Crossing]) -> NDArray[np.float64]:
    """Return places on an axis moved so that the first crossing between two columns is in the middle between them."""
    known = np.unique(columns)
    knots = dict(zip(known.tolist(), known.tolist(), strict=True))
    for a, b in pairwise(known.tolist()):
        inside = [crossing.at for crossing in at_zero if a < crossing.at < b]
        knots |= {min(inside): (a + b) / 2} if inside else {}
    at = sorted(knots)
    return np.where((x < at[0]) | (x > at[-1]), x, np.interp(x, at, [knots[place] for place in at]))


def regions(axes: Axes, points: Sequence[Point], at_zero: Sequence[Crossing] = ()) -> list[str]:
    """Draw the phases of a plane as coloured regions with the points on top; return the labels by frequency.

    at_zero   crossings at zero temperature, where colours change
    """
    from matplotlib.colors import ListedColormap

    where = np.array([[point.x, point.y] for point in points])
    image, labels, (low, high) = phase_map(points, at_zero=at_zero)
    chosen = ListedColormap([colour(label, labels) for label in labels])
    extent = (low[0], high[0], low[1], high[1])
    axes.imshow(
        image, cmap=chosen, vmin=-0.5, vmax=len(labels) - 0.5, extent=extent, origin="lower", aspect="auto",
        interpolation="nearest",
    )  # fmt: skip
    for sure in (True, False):
        shown = where[[point.sure == sure for point in points]]
        face = "0.15" if sure else "none"
        how: dict[str, Any] = {"s": 7, "facecolors": face, "edgecolors": "0.15", "linewidths": 0.6, "zorder": 3}
        axes.scatter(shown[:, 0], shown[:, 1], clip_on=False, **how)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    return labels


def _frame(where: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corners of a diagram: half a step beyond the outermost points, but not below zero if no point is."""
    low, high = where.min(axis=0), where.max(axis=0)
    steps = [np.diff(np.unique(where[:, k])) for k in range(2)]
    low = low - [0.5 * step[0] if len(step) else 0.5 for step in steps]
    high = high + [0.5 * step[-1] if len(step) else 0.5 for step in steps]
    return np.where((where >= 0).all(axis=0), np.maximum(low, 0.0), low), high


def _lowest(
    points: Sequence[Point], labels: Sequence[str], where: NDArray[np.float64], mesh: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the phase of lowest interpolated energy, [pixel]; -1 outside the convex hull of the points."""
    energy = np.full((len(labels), len(mesh)), np.inf)
    level = np.array([point.found.per_site for point in points])  # gaps to the champion vary less than energies
    for k, label in enumerate(labels):
        own = [next((m for m in p.column.minima or () if m.label == label), None) for p in points]
        known = [j for j, minimum in enumerate(own) if minimum]
        if len(known) > 3 and np.linalg.matrix_rank(where[known] - where[known[0]]) == 2:
            gap = np.array([m.per_site for m in own if m]) - level[known]
            found = CloughTocher2DInterpolator(where[known], gap)(mesh)
            energy[k] = np.where(np.isnan(found), np.inf, found)
    return np.where(np.isfinite(energy).any(axis=0), energy.argmin(axis=0), -1)


def diagram(
    points: Sequence[Point], names: tuple[str, str], title: str, path: str | Path, at_zero: Sequence[Crossing] = ()
) -> Path:
    """Write the phase diagram over two axes; crossings ``at_zero`` temperature are marked on the lower edge.

    Raises ValueError for a suffix other than .png, .pdf and .svg.
    """

    def draw(figure: Figure) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        axes = figure.add_subplot()
        labels = regions(axes, points, at_zero)
        for crossing in at_zero:
            axes.errorbar(
                crossing.at,
                axes.get_ylim()[0],
                fmt="^",
                ms=6,
                color="black",
                mec="white",
                mew=0.6,
                clip_on=False,
                zorder=4,
            )
        axes.set(xlabel=names[0], ylabel=names[1])
        handles: list[Any] = [Patch(facecolor=colour(label, labels), label=label) for label in labels]
        mark: dict[str, Any] = {"linestyle": "none", "markeredgecolor": "0.15"}
        if not all(point.sure for point in points):
            handles.append(Line2D([], [], marker="o", ms=3, markerfacecolor="none", label=UNSURE, **mark))
        if at_zero:
            handles.append(Line2D([], [], marker="^", ms=5, color="black", label="crossing at 0 K", **mark))
        figure.legend(handles=handles, loc="outside right upper", frameon=False)

    return _written(draw, (5.4, 3.6), title, path)


# -- one axis ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Branch:
    """The energy of a phase along a row, relative to another phase, meV per site: a curve, and dots at the columns."""

    label: str
    x: NDArray[np.float64]
    above: NDArray[np.float64]
    at: NDArray[np.float64]
    dots: NDArray[np.float64]


def branches(row: Row) -> tuple[str, list[Branch]]:
    """Return the reference phase of a row, the one found in most columns, and the energies of all phases above it."""
    labels, made = row.labels, []
    reference = max(labels, key=lambda label: sum(m is not None for m in row.branch(label)))
    x0, e0 = curve(row, reference)
    for label in labels:
        x, energy = curve(row, label)
        inside = (x >= x0.min()) & (x <= x0.max())
        above = energy[inside] - np.interp(x[inside], x0, e0) if len(x0) > 1 else energy[inside] - e0
        own = row.branch(label)
        known = [k for k, m in enumerate(own) if m and x0.min() <= row.x[k] <= x0.max()]
        dots = np.array([m.per_site - np.interp(row.x[k], x0, e0) for k in known if (m := own[k])])
        made.append(Branch(label, x[inside], above, row.x[known], dots))
    return reference, made


def _draw_branches(axes: Axes, row: Row, found: Sequence[Crossing]) -> None:
    reference, made = branches(row)
    for branch in made:
        ink = colour(branch.label, row.labels)
        axes.plot(branch.x, branch.above, color=ink, lw=1.4, label=branch.label)
        axes.plot(branch.at, branch.dots, "o", ms=2.5, color=ink)
    for crossing in found:
        axes.axvline(crossing.at, color="0.5", lw=0.6, ls=":")
    axes.set_ylabel(f"energy above {reference}\n(meV per site)")


def marked(axes: Axes, found: Sequence[Crossing]) -> None:
    """Draw phase transitions as vertical lines with their positions."""
    for crossing in found:
        axes.axvline(crossing.at, color="0.5", lw=0.6, ls=":")
        axes.annotate(
            f"{crossing.at:.3g}", (crossing.at, 1), (0, 2), xycoords=("data", "axes fraction"),
            textcoords="offset points", fontsize=6, ha="center", color="0.3",
        )  # fmt: skip


def curves(points: Sequence[Point], row: Row | None, name: str, title: str, path: str | Path) -> Path:
    """Write energies and order parameters over one axis.

    row    the minima along the axis; None for an axis of temperatures, which shows the specific heat instead
    name   label of the axis

    Raises ValueError for a suffix other than .png, .pdf and .svg.
    """

    def draw(figure: Figure) -> None:
        labels = list(dict.fromkeys(point.label for point in points))
        top, middle, bottom = figure.subplots(3, sharex=True, height_ratios=(1.5, 1, 1))
        found = crossings(row) if row else []
        if row:
            _draw_branches(top, row, found)
        else:
            _spread(top, points, lambda s: (s.averages.specific_heat.mean, s.averages.specific_heat.error))
            top.set_ylabel("specific heat\n($k_B$ per spin)")
        x = [point.x for point in points]
        middle.plot(x, [point.found.portrait.along for point in points], color="0.3", lw=0.8)
        middle.set_ylabel("mean spin\nalong the field")
        if row:
            bottom.plot(x, [point.found.portrait.charge for point in points], color="0.3", lw=0.8)
        else:
            _spread(bottom, points, lambda s: (s.averages.charge.mean, s.averages.charge.error))
        bottom.set(ylabel="topological\ncharge", xlabel=name)
        for axes, value in ((middle, lambda p: p.found.portrait.along), (bottom, lambda p: _charge(p))):
            for label in labels:
                own = [point for point in points if point.label == label]
                axes.plot(
                    [p.x for p in own], [value(p) for p in own], "o", ms=3.5, color=colour(label, labels), label=label
                )
            for crossing in found:
                axes.axvline(crossing.at, color="0.5", lw=0.6, ls=":")
        marked(top, found)
        handles, names = middle.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside right upper", frameon=False)
        for axes in (top, middle, bottom):
            axes.spines[["top", "right"]].set_visible(False)
            axes.ticklabel_format(axis="y", useOffset=False)

    return _written(draw, (5.4, 4.4), title, path)


def _charge(point: Point) -> float:
    found = point.found
    return found.averages.charge.mean if isinstance(found, ThermalState) else found.portrait.charge


def _spread(axes: Axes, points: Sequence[Point], value: Callable[[ThermalState], tuple[float, float]]) -> None:
    """Draw a thermal average with its error bars."""
    states = [(point.x, *value(point.found)) for point in points if isinstance(point.found, ThermalState)]
    x, mean, error = np.array(states).T
    axes.errorbar(x, mean, error, color="0.3", lw=0.8, elinewidth=0.6, capsize=1.5)


def _written(draw: Callable[[Figure], None], size: tuple[float, float], title: str, path: str | Path) -> Path:
    """Write a figure; ValueError for an unsupported suffix."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"unsupported image format '{path.suffix}'; expected {', '.join(SUFFIXES)}")
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        figure.suptitle(plain(title), x=0.01, ha="left")
        output.write({path: image(figure, path.suffix)})
    return path
