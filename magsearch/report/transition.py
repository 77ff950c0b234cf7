"""A transition temperature in a report: curves of all boxes, crossings, the verdict."""

from __future__ import annotations

from typing import Any

import numpy as np

from magsearch.console.transition import NAMES
from magsearch.critical.plan import Analysis
from magsearch.formatting import vector, with_error
from magsearch.plots.transition import COLOURS, PANELS
from magsearch.report.sections import Section, drawing
from magsearch.runs.tc import TransitionResult
from magsearch.units import K_B


def section(result: TransitionResult) -> Section:
    """Return the section of a search for a transition temperature."""
    found = result.analysis
    figures = [] if found is None else [_curves(found, name, result.kelvin, result.error) for name in PANELS]
    rows = {"verdict": result.verdict}
    if result.kelvin is not None and result.error is not None:
        kT = with_error(K_B * result.kelvin, K_B * result.error)
        rows = {"T_c": f"{with_error(result.kelvin, result.error)} K, kT = {kT} meV"} | rows
    for name, kelvin in (("mean field", result.mean_field), ("random phases", result.random_phase)):
        if kelvin is not None:
            rows[name] = f"{kelvin:.4g} K"
    arms = result.parameter.arms
    rows["order parameter"] = "waves " + ", ".join(map(vector, arms[:6])) + (" ..." if len(arms) > 6 else "")
    for one in () if found is None else found.transition.crossings:
        where = "none" if one.kelvin is None else f"{with_error(one.kelvin, one.error)} K"
        rows[f"crossing of {NAMES[one.kind]}, {one.sizes[0]} and {one.sizes[1]}"] = where
    rows["search"] = f"{result.progress}, {result.record.seconds:.0f} s; {result.stopped or 'not ended'}"
    return Section("Transition temperature", figures, rows)


def _curves(found: Analysis, name: str, kelvin: float | None, error: float | None) -> Any:
    from bokeh.models import HoverTool
    from bokeh.models.annotations import BoxAnnotation

    label = PANELS[name].replace("$k_B$", "k_B")
    log = name == "susceptibility" and np.nanmax(getattr(found.curves[-1], name)[0]) > 0
    drawn = drawing(
        420, 300, x_axis_label="temperature (K)", y_axis_label=label, y_axis_type="log" if log else "linear", name=name
    )
    lines = []
    for k, (size, own) in enumerate(zip(found.sizes, found.curves, strict=True)):
        values, colour = getattr(own, name), COLOURS[k % len(COLOURS)]
        there = np.isfinite(values[0]) & (values[0] > 0 if log else True)
        x, y, spread = own.kelvin[there], values[0][there], values[1:, there].std(axis=0)
        drawn.varea(x, y - spread if not log else np.maximum(y - spread, 1e-3 * y), y + spread, color=colour, alpha=0.3)
        lines.append(drawn.line(x, y, color=colour, legend_label=f"{size}: {own.spins} spins"))
    if kelvin is not None and error is not None:
        drawn.add_layout(BoxAnnotation(left=kelvin - error, right=kelvin + error, fill_color="#888888", fill_alpha=0.3))
    drawn.add_tools(HoverTool(renderers=lines, tooltips=[("T", "@x{0.000} K"), (label, "@y{0.0000}")]))
    drawn.legend.location = "bottom_left"
    drawn.legend.label_text_font_size = "9px"
    drawn.legend.visible = name == "binder"
    return drawn
