"""A hysteresis loop in a report: moments over the field, coercivities, switching fields."""

from __future__ import annotations

from typing import Any

from magsearch.formatting import vector
from magsearch.plots.loop import NAMED
from magsearch.plots.transition import COLOURS
from magsearch.report.page import grid
from magsearch.report.sections import WIDTH, Section, drawing
from magsearch.runs.hysteresis import LoopResult

HEADS = ("direction", "coercivity (T)", "bias (T)", "remanence (µ_B)", "loss (meV per spin)", "switching fields (T)")


def section(result: LoopResult) -> Section:
    """Return the section of a hysteresis loop."""
    cycle = result.record.cycle
    how = "states are relaxed" if cycle.temperature == 0 else f"heat bath at {cycle.temperature:g} K"
    rows = {"cycle": f"{cycle.high:g} T to {cycle.low:g} T and back, {how}"}
    if cycle.temperature > 0:
        rows["sweeps"] = f"{cycle.sweeps} of each step"
    if result.ampere_per_metre is not None:
        rows["unit"] = f"1 µ_B per spin is {result.ampere_per_metre:.5g} A/m"
    rows["loop"] = f"{result.progress}, {result.record.seconds:.0f} s; {result.stopped or 'not ended'}"
    listed = []
    for replica, one in enumerate(result.loops):
        fields = [f"{(s.before + s.after) / 2:.6g}" for s in result.switchings if s.replica == replica]
        values = (one.coercivity, one.bias, one.remanent[0], one.loss)
        listed.append(
            (vector(result.directions[replica], 3), *("" if v is None else f"{round(v, 9) + 0.0:.5g}" for v in values),
             " ".join(fields) or "none")
        )  # fmt: skip
    return Section("Hysteresis", [_moments(result)], rows, body=grid(HEADS, listed, range(1, 5)))


def _moments(result: LoopResult) -> Any:
    from bokeh.models import HoverTool
    from bokeh.models.annotations import Span

    cycle, half = result.record.cycle, result.record.cycle.steps
    drawn = drawing(
        WIDTH, 420, x_axis_label="field (T)", y_axis_label="moment along the field (µ_B per spin)", name="loop"
    )
    for dimension in ("width", "height"):
        drawn.add_layout(Span(location=0, dimension=dimension, line_color="#cccccc", level="underlay"))
    lines = []
    for replica, moment in enumerate(result.moment):
        number = replica // cycle.starts
        first = replica % cycle.starts == 0 and number < NAMED
        named: Any = {"legend_label": f"along {vector(result.directions[replica], 2)}"} if first else {}
        colour = COLOURS[number % len(COLOURS)]
        lines.append(drawn.line(result.fields[:half], moment[:half], color=colour, line_width=1.5, **named))
        back = result.fields[half - 1 :], moment[half - 1 :]
        lines.append(drawn.line(*back, color=colour, line_width=1.5, line_dash="dashed"))
    drawn.add_tools(HoverTool(renderers=lines, tooltips=[("field", "@x{0.000} T"), ("moment", "@y{0.0000} µ_B")]))
    if drawn.legend:
        drawn.add_layout(drawn.legend[0], "below")  # beside the curves
    return drawn
