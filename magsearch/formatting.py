"""Numbers formatted as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any


def vector(values: Iterable[float], digits: int = 4) -> str:
    """Return a vector as text: (0.0000, 0.0000, 1.0000)."""
    return "(" + ", ".join(fixed(v, digits) for v in values) + ")"


def fixed(value: float, digits: int) -> str:
    """Return a number with a fixed number of decimals; zero is written without a sign."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def duration(seconds: float) -> str:
    """Return a duration in seconds as h:mm:ss, or as m:ss below one hour."""
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def text_table(title: str, rows: Mapping[str, Any]) -> str:
    """Return a title with names and values below each other."""
    width = max((len(name) for name in rows), default=0)
    return "\n".join([title, *(f"  {name:{width}}  {value}" for name, value in rows.items())])


def html_table(title: str, rows: Mapping[str, Any]) -> str:
    """Return the table of ``text_table`` as HTML, for notebooks."""
    cells = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(str(value))}</td></tr>'
        for name, value in rows.items()
    )
    return f"<table><caption>{escape(title)}</caption>{cells}</table>"
