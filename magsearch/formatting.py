"""Numbers as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any


def vector(values: Iterable[float], digits: int = 4) -> str:
    return "(" + ", ".join(fixed(v, digits) for v in values) + ")"


def fixed(value: float, digits: int) -> str:
    """With so many digits after the point; zero has no sign."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def duration(seconds: float) -> str:
    """1:02:03, or 2:03."""
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
