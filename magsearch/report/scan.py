"""The report of a scan: its phases over the settings, where they cross, its points, and their textures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from magsearch import output
from magsearch.console.scan import heading, short
from magsearch.console.scan_live import Found
from magsearch.errors import InputError
from magsearch.formatting import fixed, html
from magsearch.phases.column import Minimum, ThermalState, describe
from magsearch.phases.crossings import crossings
from magsearch.plots import phase_diagram
from magsearch.report.page import document, grid, table
from magsearch.report.panels import TOOLS, textures
from magsearch.scan.cut import Cut, cut_of, unit_of
from magsearch.storage import ScanRecord

PIXELS = 400  # of a phase diagram along each axis


def write_scan(
    record: ScanRecord,
    scan_file: Path,
    path: str | Path,
    x: str | None = None,
    y: str | None = None,
    at: Sequence[str] = (),
) -> None:
    """Write the interactive report of a scan as one self-contained HTML file.

    scan_file   the file of the scan, which error messages name
    x, y        settings along the axes of the phase diagram; by default the first that vary
    at          NAME=VALUE of settings that are held constant (see ``cut_of``)

    Raises OSError if it cannot be written, ValueError for a scan without points, InputError for unknown axes.
    """
    from bokeh.embed import components

    points = [(column, kelvin, found) for column in record.columns for kelvin, found in column.points() if found]
    if not points:
        raise ValueError("the scan has no points yet")
    try:
        cut, why = cut_of(record, scan_file, x, y, at), ""
    except InputError as error:
        if x or y or at:
            raise
        cut, why = None, error.message
    shown, words = _textures(record, points)
    drawn, flat = [], cut is not None and len(cut.names) == 2
    if cut:
        drawn = [_diagram(cut, points, shown[0] if shown else None) if flat else _curves(cut)]
    script, parts = components((*drawn, *shown))
    divs, slider, pictures = parts[: len(drawn)], "".join(parts[len(drawn) :][:1]), "".join(parts[len(drawn) + 1 :])
    held = f"at {cut.held}" if cut and cut.fixed else ""
    hint = "clicking a point shows its texture" if flat and shown else ""
    name = html(Path(record.input_path).name)
    body = [
        f"<h1>{name}</h1>",
        f'<p class="quiet">magsearch {html(record.version)}, {html(record.created)}</p>',
        "<h2>Phases</h2>", *divs, f'<p class="quiet">{html("; ".join(filter(None, (why, held, hint))))}</p>',
        _crossings(cut) if cut else "",
        "<h2>Textures</h2>", slider, f'<p class="quiet">{html(words)}</p>', f'<div class="panels">{pictures}</div>',
        '<p class="quiet">Hue is the in-plane direction of a spin; white points out of the page, black into it.</p>',
        "<h2>Points</h2>", _points(points, record.model),
        "<h2>Provenance</h2>", table(_provenance(record)),
        "<h2>Settings</h2>", f"<pre>{html(json.dumps(record.settings, indent=1))}</pre>",
        f"<h2>Input</h2><pre>{html(record.input_text)}</pre>",
    ]  # fmt: skip
    output.write({Path(path): document(name, body, script)})


def _textures(record: ScanRecord, points: Sequence[Found]) -> tuple[list[Any], str]:
    """Return slider, texture and structure factor of the champions (snapshots above 0 K), and a note."""
    if other := sorted({key for column in record.columns for key in column.elsewhere}):
        return [], f"textures are not shown: points differ in {', '.join(other)} and may not share a lattice"
    spins = [found.texture if isinstance(found, Minimum) else found.snapshot for *_, found in points]
    if len({len(s) for s in spins} | {record.hamiltonian.lattice.sites}) > 1:
        return [], "textures are not shown: points differ in their number of sites"
    titles = [
        f"point {k}: {found.label}, {describe(column.settings)}, {kelvin:g} K, {found.per_site:.7f} meV per site"
        for k, (column, kelvin, found) in enumerate(points)
    ]
    return textures(record.hamiltonian.lattice, spins, titles, "point")


def _diagram(cut: Cut, points: Sequence[Found], slider: Any) -> Any:
    """Return the phase diagram over two settings; hovering shows a point's values, clicking it moves the slider."""
    from bokeh.models import ColumnDataSource, CustomJS, HoverTool, Range1d, TapTool
    from bokeh.plotting import figure

    image, labels, (low, high) = phase_diagram.phase_map(cut.points, PIXELS, cut.at_zero)
    inks = [phase_diagram.colour(label, labels) for label in labels]
    margin = 0.015 * (high - low)  # points on the edge are not clipped
    x_range, y_range = (Range1d(*ends) for ends in zip(low - margin, high + margin, strict=True))
    drawn = figure(
        width=700, height=460, tools=TOOLS, x_axis_label=cut.heads[0], y_axis_label=cut.heads[1], name="phases",
        x_range=x_range, y_range=y_range,
    )  # fmt: skip
    ink_bytes = np.array([int(ink[1:] + "ff", 16) for ink in inks], dtype=np.uint32).byteswap()  # little-endian RGBA
    rgba: Any = ink_bytes[image]
    drawn.image_rgba([rgba], x=low[0], y=low[1], dw=high[0] - low[0], dh=high[1] - low[1])
    numbers = {found: number for number, (*_, found) in enumerate(points)}
    source = ColumnDataSource({
        "x": [p.x for p in cut.points], "y": [p.y for p in cut.points], "phase": [p.label for p in cut.points],
        "energy": [p.found.per_site for p in cut.points], "number": [numbers[p.found] for p in cut.points],
        "inside": ["#262626" if p.sure else inks[labels.index(p.label)] for p in cut.points],
    })  # fmt: skip
    dots = drawn.scatter("x", "y", size=6, fill_color="inside", line_color="#262626", source=source)
    dots.nonselection_glyph = dots.selection_glyph = None  # selected points look like the others
    seen = [
        ("point", "@number"), ("phase", "@phase"), (cut.heads[0], "@x"), (cut.heads[1], "@y"),
        ("meV per site", "@energy{0.0000000}"),
    ]  # fmt: skip
    drawn.add_tools(HoverTool(renderers=[dots], tooltips=seen))
    if slider is not None:
        turn = """
            const [selected] = source.selected.indices
            if (selected !== undefined && source.data.number[selected] <= slider.end)
                slider.value = source.data.number[selected]
        """
        drawn.add_tools(TapTool(renderers=[dots]))
        source.selected.js_on_change("indices", CustomJS(args={"source": source, "slider": slider}, code=turn))
    for label, ink in zip(labels, inks, strict=True):  # the legend
        drawn.scatter([np.nan], [np.nan], marker="square", size=12, color=ink, legend_label=label)
    if not all(point.sure for point in cut.points):
        drawn.scatter(
            [np.nan], [np.nan], size=5, fill_color=None, line_color="#262626", legend_label=phase_diagram.UNSURE
        )
    drawn.grid.visible = False
    drawn.add_layout(drawn.legend[0], "right")
    return drawn


def _curves(cut: Cut) -> Any:
    """Return a figure over one setting: at 0 K the energies of phases relative to one of them, otherwise energies."""
    from bokeh.models import ColumnDataSource, HoverTool
    from bokeh.models.annotations import Span
    from bokeh.plotting import figure

    drawn = figure(width=700, height=400, tools=TOOLS, x_axis_label=cut.heads[0], name="phases")
    labels = list(dict.fromkeys(point.label for point in cut.points))
    if cut.rows:
        reference, made = phase_diagram.branches(cut.rows[0])
        drawn.yaxis.axis_label = f"energy above {reference} (meV per site)"
        for branch in made:
            ink = phase_diagram.colour(branch.label, cut.rows[0].labels)
            drawn.line(branch.x, branch.above, color=ink, line_width=2, legend_label=branch.label)
        dots = [(b.label, phase_diagram.colour(b.label, cut.rows[0].labels), b.at, b.dots) for b in made]
        for crossing in crossings(cut.rows[0]):
            drawn.add_layout(Span(location=crossing.at, dimension="height", line_dash="dotted", line_color="gray"))
    else:
        drawn.yaxis.axis_label = "energy (meV per site)"
        own = {label: [point for point in cut.points if point.label == label] for label in labels}
        dots = [
            (
                label,
                phase_diagram.colour(label, labels),
                np.array([p.x for p in of]),
                np.array([p.found.per_site for p in of]),
            )
            for label, of in own.items()
        ]
    for label, ink, x, y in dots:
        source = ColumnDataSource({"x": x, "y": y, "phase": [label] * len(x)})
        seen = drawn.scatter("x", "y", size=6, color=ink, source=source, legend_label=label)
        values = [("phase", "@phase"), (cut.heads[0], "@x"), ("meV per site", "@y{0.0000000}")]
        drawn.add_tools(HoverTool(renderers=[seen], tooltips=values))
    drawn.add_layout(drawn.legend[0], "right")
    return drawn


def _crossings(cut: Cut) -> str:
    rows = [
        (f"{c.before} → {c.after}", f"{c.at:.6g}", f"{c.low:.6g} to {c.high:.6g}",
         ", ".join(cut.said(name, value) for name, value in place.items()))
        for row, place in zip(cut.rows, cut.places, strict=True) for c in crossings(row)
    ]  # fmt: skip
    if not rows:
        return ""
    head = cut.heads[cut.names.index(cut.rows[0].name)]
    return grid(("crossing at 0 K", head, "bracket", ""), rows, (1,))


def _points(points: Sequence[Found], model: Mapping[str, Any] | None) -> str:
    keys = list(dict.fromkeys(key for column, *_ in points for key in column.settings))
    rows = []
    for k, (column, kelvin, found) in enumerate(points):
        figures = found.summary()
        name = found.label if not isinstance(found, ThermalState) or found.agreed else f"{found.label} ?"
        settings = (short(column.settings[key]) for key in keys)
        rows.append(
            (
                str(k),
                f"{kelvin:g}",
                *settings,
                name,
                f"{found.per_site:.7f}",
                fixed(figures["charge"], 2),
            )
        )
    heads = ("", "T (K)", *(_heading(key, model) for key in keys), "phase", "meV per site", "charge")
    text = grid(heads, rows, [k for k, head in enumerate(heads) if head != "phase"])
    doubt = '<p class="quiet">?: replica ladders that started in different phases disagree</p>'
    return text + (doubt if any(isinstance(f, ThermalState) and not f.agreed for *_, f in points) else "")


def _heading(key: str, model: Mapping[str, Any] | None) -> str:
    """Return the name of a setting with its unit."""
    unit = unit_of(key, model)
    return f"{heading(key)} ({unit})" if unit else heading(key)


def _provenance(record: ScanRecord) -> dict[str, str]:
    return {
        "input": record.input_path,
        "command": record.command,
        "device": record.device,
        "seconds": f"{record.seconds:.1f}",
        "status": str(record.stopped or "still running"),
        "notes on the input": "; ".join(record.hamiltonian.remarks) or "none",
    }
