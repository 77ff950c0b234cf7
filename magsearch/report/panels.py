"""Interactive panels of a report: textures and structure factors selected by a slider, and the convergence.

Bokeh draws on a canvas, which redraws ten thousand polygons without a visible delay; values are binary arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.model.lattice import Lattice
from magsearch.model.triangulation import combinations, plane_axes, plane_frame
from magsearch.observables.structure_factor import structure_factor
from magsearch.plots.generations import BLUE, RED
from magsearch.plots.planes import axis_names, brillouin_zone, layer, wigner_seitz, zones
from magsearch.plots.reciprocal import DECADES, NOTHING
from magsearch.plots.sphere import colours
from magsearch.plots.textures import cells_of
from magsearch.search.history import History
from magsearch.storage import Record
from magsearch.storage.summary import above, charge_words

CELLS = 20_000  # maximum number of polygons in a panel
NUMBERS = 600_000  # maximum number of spins in a report, sites times textures
TOOLS = "pan,wheel_zoom,box_zoom,reset,save"
# the border leaves room for a label beside ticks that match_aspect makes longer after the first layout
MAP: dict[str, Any] = {
    "match_aspect": True, "tools": TOOLS, "active_scroll": "wheel_zoom", "output_backend": "canvas",
    "min_border_left": 70,
}  # fmt: skip


def panels(record: Record) -> tuple[list[Any], str]:
    """Return the Bokeh models of a run's elites (slider, texture, structure factor) and a note on what is left out."""
    titles = [_title(record, k) for k in range(len(record.elites))]
    elites = [elite.spins for elite in record.elites]
    return textures(record.hamiltonian.lattice, elites, titles, "elite")


def textures(
    lattice: Lattice, given: Sequence[NDArray[Any]], titles: Sequence[str], name: str
) -> tuple[list[Any], str]:
    """Return the Bokeh models of textures [site, 3] (slider, texture, structure factor) and a note on what is left out.

    titles   one for each texture
    name     label of the slider

    No more textures are included than NUMBERS allows.
    """
    from bokeh.models import CustomJS
    from bokeh.models.widgets import Slider

    words = []
    layers = [layer(lattice, spins) for spins in given]
    if layers[0][2]:
        words.append(f"shown: {layers[0][2]}")
    shown = min(len(layers), max(1, NUMBERS // layers[0][0].sites))
    if shown < len(layers):
        words.append(f"only the first {shown} of {len(layers)} are included")
    plane = layers[0][0]
    spins = np.array([s for _, s, _ in layers[:shown]])  # [elite, site, 3]
    figure, texture, colour, components, thin = _texture(plane, spins)
    if thin:
        words.append(thin)
    zone, factor, S = _structure(plane, spins)
    titles = list(titles[:shown])
    figure.title.text = titles[0]
    slider = Slider(start=0, end=max(shown - 1, 1), value=0, step=1, title=name, disabled=shown == 1, name=name)
    turn = """
        const k = slider.value
        texture.data = {...texture.data, colour: colour[k], sx: spins[k][0], sy: spins[k][1], sz: spins[k][2]}
        factor.data = {...factor.data, S: S[k]}
        title.text = titles[k]
    """
    values = {"slider": slider, "texture": texture, "factor": factor, "colour": colour, "spins": components, "S": S}
    slider.js_on_change("value", CustomJS(args=values | {"title": figure.title, "titles": titles}, code=turn))
    return [slider, figure, zone], "; ".join(words)


def _title(record: Record, k: int) -> str:
    elite, spins = record.elites[k], record.hamiltonian.n_spins
    rest = f", {1e3 * above(record, k):.3g} µeV above the champion" if k else ""
    return f"elite {k}: {elite.energy / spins:.8f} meV per site{rest}{charge_words(record, k)}"


def _texture(plane: Lattice, spins: NDArray[np.float64]) -> tuple[Any, Any, list[Any], list[Any], str]:
    """Return the figure, its source, and for each elite the colours and components [3] of spins [elite, site, 3]."""
    from bokeh.models import ColumnDataSource, HoverTool
    from bokeh.plotting import figure

    plane, sites, thin = _thinned(plane)
    spins, frame = spins[:, sites], plane_frame(plane)
    colour = [_hex(colours(s @ frame.T)) for s in spins]
    components = [[np.ascontiguousarray(s[:, x], dtype=np.float32) for x in range(3)] for s in spins]
    polygons = [polygon.round(3) for polygon in cells_of(plane)]
    first, second = axis_names(frame)
    drawn = figure(
        width=620, height=540, **MAP,
        x_axis_label=f"r_{first} (Å)", y_axis_label=f"r_{second} (Å)", title="", name="texture",
    )  # fmt: skip
    sx, sy, sz = components[0]
    x, y = (plane.positions @ frame[:2].T).T.astype(np.float32)
    corners = {"xs": [p[:, 0].tolist() for p in polygons], "ys": [p[:, 1].tolist() for p in polygons]}
    source = ColumnDataSource({**corners, "x": x, "y": y, "colour": colour[0], "sx": sx, "sy": sy, "sz": sz})
    cells = drawn.patches("xs", "ys", fill_color="colour", line_color="colour", line_width=0.5, source=source)
    where = f"r ({first}, {second})", "@x{0.00}, @y{0.00} Å"
    hover = [where, ("spin (x, y, z)", "@sx{0.000}, @sy{0.000}, @sz{0.000}")]
    drawn.add_tools(HoverTool(renderers=[cells], tooltips=hover))
    drawn.grid.visible = False
    return drawn, source, colour, components, thin


def _thinned(plane: Lattice) -> tuple[Lattice, NDArray[np.int64], str]:
    """Return every n-th cell of a plane with too many cells, their sites, and a note about the omitted ones."""
    every = int(np.ceil(np.sqrt(max(plane.sites / CELLS, 1))))
    if every == 1:
        return plane, np.arange(plane.sites), ""
    chosen = np.flatnonzero((plane.coordinates % every == 0).all(axis=1))
    n1, n2, n3 = (-(-n // every) for n in plane.size)
    sites = (chosen[:, None] * plane.atoms + np.arange(plane.atoms)).ravel()
    larger = np.where(np.array(plane.size)[:, None] > 1, every, 1) * plane.cell
    thin = replace(plane, cell=larger, size=(n1, n2, n3))
    return thin, sites, f"the texture shows one cell in {every} x {every}"


def _hex(rgb: NDArray[np.float64]) -> list[str]:
    """Return the colours rgb [site, 3] as #rrggbb."""
    packed = (255 * rgb).round().astype(int) @ [65536, 256, 1]
    return [f"#{value:06x}" for value in packed]


def _structure(plane: Lattice, spins: NDArray[np.float64]) -> tuple[Any, Any, list[Any]]:
    """Return the figure of |S(q)|^2 / N (as in ``plots.structure``), its source, and the values [q] of every elite."""
    from bokeh.models import ColumnDataSource, HoverTool, LogColorMapper
    from bokeh.models.annotations import ColorBar
    from bokeh.palettes import Magma256
    from bokeh.plotting import figure

    frame, spanned = plane_frame(plane), list(plane_axes(plane))
    B = 2 * np.pi * np.linalg.pinv(plane.cell[spanned]).T
    step, first_zone = B / np.array(plane.size)[spanned][:, None], brillouin_zone(plane)
    zone = zones(plane) * first_zone
    q = combinations(step, np.linalg.norm(zone, axis=1).max()) @ step
    place = q @ frame[:2].T
    inside = np.array([_within(zone, p) for p in place])
    q, place = q[inside], place[inside]
    S = [structure_factor(plane, s, q) for s in spins]
    strong = np.flatnonzero(np.max(S, axis=0) >= max(map(np.max, S)) * 10.0**-DECADES)
    strong = strong[np.argsort(-np.max(S, axis=0)[strong])][:CELLS]
    place, values = place[strong], [np.ascontiguousarray(s[strong], dtype=np.float32) for s in S]
    top = max(*(float(s.max()) for s in values), NOTHING)
    mapper = LogColorMapper(palette=Magma256, low=top * 10.0**-DECADES, high=top, low_color="#000004")
    first, second = axis_names(frame)
    drawn: Any = figure(
        width=480, height=430, **MAP,
        x_axis_label=f"q_{first} (1/Å)", y_axis_label=f"q_{second} (1/Å)", title="structure factor |S(q)|² / N",
    )  # fmt: skip
    dark = drawn.patch(*zone.T, fill_color="#000004", line_width=0)
    drawn.x_range.renderers = drawn.y_range.renderers = [dark]
    tile = wigner_seitz(step @ frame[:2].T)[0]
    tile *= max(1.0, 0.012 * np.abs(zone).max() / np.abs(tile).max())  # visible even if the cells of q are too small
    corners = (tile + place[:, None]).round(5)  # [q, corner, 2]
    columns = {"xs": corners[..., 0].tolist(), "ys": corners[..., 1].tolist(), "x": place[:, 0], "y": place[:, 1]}
    source = ColumnDataSource({**columns, "S": values[0]})
    cells = drawn.patches("xs", "ys", fill_color={"field": "S", "transform": mapper}, line_width=0, source=source)
    sheet = 9 * np.abs(zone).max() * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    xs, ys = ([[[sheet[:, k].tolist(), zone[::-1, k].tolist()]]] for k in range(2))
    drawn.multi_polygons(xs, ys, fill_color="white", line_color="black")  # hides cells outside the zone
    if zones(plane) > 1:
        drawn.patch(*first_zone.T, fill_color=None, line_color="#bfbfbf")
    where = f"q ({first}, {second})", "@x{0.0000}, @y{0.0000} 1/Å"
    drawn.add_tools(HoverTool(renderers=[cells], tooltips=[where, ("|S|² / N", "@S{0.000e}")]))
    drawn.add_layout(ColorBar(color_mapper=mapper, width=10), "right")
    drawn.grid.visible = False
    return drawn, source, values


def _within(zone: NDArray[np.float64], point: NDArray[np.float64]) -> bool:
    """Return whether a point lies in a convex polygon with anticlockwise corners, edges included."""
    edge = np.roll(zone, -1, axis=0) - zone
    apart = point - zone
    return bool((edge[:, 0] * apart[:, 1] - edge[:, 1] * apart[:, 0] >= -1e-9 * np.abs(zone).max() ** 2).all())


def convergence(history: History) -> Any:
    """Return a Bokeh figure of the best, mean and standard deviation of all candidates' energies by generation."""
    from bokeh.models import ColumnDataSource, HoverTool
    from bokeh.plotting import figure

    overall = history.overall()
    columns = {
        name: np.asarray(overall[name], dtype=np.float64) for name in ("generation", "best", "mean", "deviation")
    }
    columns |= {"low": columns["mean"] - columns["deviation"], "high": columns["mean"] + columns["deviation"]}
    source = ColumnDataSource(columns)
    drawn = figure(
        width=620, height=300, tools=TOOLS, title="energies of the candidates", x_axis_label="generation",
        y_axis_label="meV per site",
    )  # fmt: skip
    drawn.varea(
        "generation", "low", "high", color=BLUE, alpha=0.2, source=source, legend_label="mean ± standard deviation"
    )
    drawn.line("generation", "mean", color=BLUE, source=source)
    best = drawn.step("generation", "best", color=RED, line_width=2, mode="after", source=source, legend_label="best")
    dots = drawn.scatter("generation", "best", color=RED, size=4, source=source)
    values = [("generation", "@generation"), ("best", "@best{0.00000000}"), ("mean", "@mean{0.000000}")]
    drawn.add_tools(HoverTool(renderers=[best, dots], tooltips=values))
    return drawn
