"""Spin waves in a report: bands along a path, density of states, powder average."""

from __future__ import annotations

from typing import Any

import numpy as np

from magsearch.formatting import counted, vector
from magsearch.magnons.spectrum import Spectrum
from magsearch.plots.magnons import DECADES, STRONGEST, labels_at
from magsearch.report.sections import WIDTH, Section, drawing

SEGMENTS = 120_000  # most of the bands in a page


def section(spectrum: Spectrum) -> Section:
    """Return the section of a spectrum."""
    figures = [_bands(spectrum)]
    if spectrum.density is not None:
        figures.append(_density(spectrum))
    if spectrum.powder is not None:
        figures.append(_powder(spectrum))
    bands = len(spectrum.energies.T) // (1 if spectrum.k is None else 3)
    modes = f"{counted(spectrum.hessian, 'zero mode')} of the Hessian, {counted(spectrum.gapless, 'gapless band')}"
    rows = {
        "state": f"elite {spectrum.elite}, {spectrum.energy_per_site:.8f} meV per site, "
        f"{counted(bands, 'spin')} in the magnetic cell, g = {spectrum.g:g}",
        "lowest and highest energy": f"{spectrum.energies.min():.4f} and {spectrum.energies.max():.4f} meV",
        "q = 0": modes,
    }
    if spectrum.k is not None:
        rows["spiral"] = f"k = {vector(spectrum.k)}; bands at q - k, q and q + k"
    ions = ", ".join(f"{species} as {ion}" for species, ion in spectrum.ions)
    note = f"Colour: intensity of neutron scattering, {f'form factors {ions}' if ions else 'point-like moments'}."
    return Section("Magnons", figures, rows, note=note)


def _bands(spectrum: Spectrum) -> Any:
    from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, LogColorMapper
    from bokeh.models.annotations import ColorBar, Span
    from bokeh.palettes import Viridis256

    path, weight = spectrum.path, spectrum.intensities
    steps = np.flatnonzero(np.diff(path.distance) > 0)
    shown = steps[:: max(1, -(-len(steps) * weight.shape[1] // SEGMENTS))]
    ends = np.append(shown[1:], steps[-1] + 1) if len(shown) < len(steps) else steps + 1
    top = float(np.quantile(weight, STRONGEST)) or float(weight.max()) or 1.0
    mean = 0.5 * (weight[shown] + weight[ends])
    order = np.argsort(mean.ravel(), kind="stable")  # the strongest are drawn last

    def column(values: Any) -> Any:
        return np.broadcast_to(values, mean.shape).ravel()[order].astype(np.float32)

    source = ColumnDataSource({
        "x0": column(path.distance[shown, None]), "x1": column(path.distance[ends, None]),
        "y0": column(spectrum.energies[shown]), "y1": column(spectrum.energies[ends]), "I": column(mean),
        "q": [vector(path.q[k]) for k in np.broadcast_to(shown[:, None], mean.shape).ravel()[order]],
    })  # fmt: skip
    mapper = LogColorMapper(palette=Viridis256[::-1], low=top * 10.0**-DECADES, high=top)
    highest = float(spectrum.energies.max(initial=0.0)) or 1.0
    drawn = drawing(
        WIDTH, 420, x_range=(0.0, float(path.distance[-1])), y_range=(0.0, 1.05 * highest),
        y_axis_label="energy (meV)", name="magnons",
    )  # fmt: skip
    ink = {"field": "I", "transform": mapper}
    lines = drawn.segment("x0", "y0", "x1", "y1", line_color=ink, line_width=2, source=source)
    names = labels_at(path)
    for at in names:
        drawn.add_layout(Span(location=at, dimension="height", line_color="#cccccc", line_width=1, level="underlay"))
    drawn.xaxis.ticker = FixedTicker(ticks=list(names))
    drawn.xaxis.major_label_overrides = names
    drawn.xgrid.visible = False
    seen = [("q (reciprocal vectors)", "@q"), ("energy", "@y0{0.0000} meV"), ("intensity", "@I{0.000} µ_B² per cell")]
    drawn.add_tools(HoverTool(renderers=[lines], tooltips=seen))
    drawn.add_layout(ColorBar(color_mapper=mapper, width=10), "right")
    return drawn


def _density(spectrum: Spectrum) -> Any:
    assert spectrum.density is not None
    found = spectrum.density
    drawn = drawing(
        300, 420, x_axis_label="states (1/meV per spin)", y_axis_label="energy (meV)",
        title=f"mesh {' x '.join(map(str, found.mesh))}",
    )  # fmt: skip
    drawn.harea(y=found.energies, x1=np.zeros_like(found.states), x2=found.states, color="#bbbbbb")
    drawn.line(found.states, found.energies, color="#333333")
    drawn.x_range.start = drawn.y_range.start = 0
    return drawn


def _powder(spectrum: Spectrum) -> Any:
    from bokeh.models import LinearColorMapper
    from bokeh.models.annotations import ColorBar
    from bokeh.palettes import Viridis256

    assert spectrum.powder is not None
    found = spectrum.powder
    top = float(np.quantile(found.intensities, STRONGEST)) or float(found.intensities.max()) or 1.0
    mapper = LinearColorMapper(palette=Viridis256, low=0.0, high=top)
    step = float(found.lengths[1] - found.lengths[0]) if len(found.lengths) > 1 else float(found.lengths[0])
    left, high = float(found.lengths[0]) - step / 2, float(found.energies[-1])
    drawn = drawing(
        480, 420, x_axis_label="|q| (1/Å)", y_axis_label="energy (meV)", title="average over directions",
        x_range=(left, left + step * len(found.lengths)), y_range=(0.0, high),
    )  # fmt: skip
    image = found.intensities.T.astype(np.float32)
    drawn.image([image], x=left, y=0.0, dw=step * len(found.lengths), dh=high, color_mapper=mapper)
    drawn.add_layout(ColorBar(color_mapper=mapper, width=10), "right")
    drawn.grid.visible = False
    return drawn
