"""Sections of a report that are there for what has been computed: figures, a table, a note."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from magsearch.formatting import html
from magsearch.report.panels import TOOLS

WIDTH = 620  # pixels of a figure, at most


@dataclass(frozen=True)
class Section:
    """A section of a page.

    title    its heading
    figures  Bokeh models, side by side where there is room
    rows     values by name
    body     HTML below the table
    note     a quiet line at the end
    """

    title: str
    figures: Sequence[Any]
    rows: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    note: str = ""

    def lines(self, divs: Sequence[str]) -> Iterator[str]:
        """Yield the section as HTML; ``divs`` are the figures as Bokeh embeds them."""
        yield f"<h2>{html(self.title)}</h2>"
        wide = zip((f"flex: 0 1 {one.width}px; min-width: 0" for one in self.figures), divs, strict=True)
        yield f'<div class="panels">{"".join(f"""<div style="{style}">{div}</div>""" for style, div in wide)}</div>'
        rows = "".join(f"<tr><th>{html(name)}</th><td>{html(value)}</td></tr>" for name, value in self.rows.items())
        yield f"<table>{rows}</table>" if rows else ""
        yield self.body
        yield f'<p class="quiet">{html(self.note)}</p>' if self.note else ""


def laid_out(sections: Sequence[Section], divs: Sequence[str]) -> list[str]:
    """Return the HTML of sections whose figures were embedded together, in their order."""
    lines, begin = list[str](), 0
    for section in sections:
        end = begin + len(section.figures)
        lines += section.lines(divs[begin:end])
        begin = end
    return lines


def drawing(width: int, height: int, **options: Any) -> Any:
    """Return an empty Bokeh figure that shrinks to the width of the page."""
    from bokeh.plotting import figure

    return figure(
        width=width, height=height, max_width=width, sizing_mode="stretch_width", tools=TOOLS, output_backend="canvas",
        **options,
    )  # fmt: skip
