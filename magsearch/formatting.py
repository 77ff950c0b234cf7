"""Numbers formatted as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from magsearch.errors import visible

PLURAL = {"axis": "axes", "patch": "patches", "vacancy": "vacancies"}  # of nouns that do not take an s
SINGULAR = {"are": "is", "were": "was", "have": "has", "do": "does", "reach": "reaches"}


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


def html(text: str) -> str:
    """Return a text of a user or a file for HTML: its markup is text, its control characters are escaped."""
    return escape(visible(text))


def html_table(title: str, rows: Mapping[str, Any]) -> str:
    """Return the table of ``text_table`` as HTML, for notebooks."""
    cells = "".join(
        f'<tr><th style="text-align:left;padding-right:1em">{html(name)}</th>'
        f'<td style="text-align:left">{html(str(value))}</td></tr>'
        for name, value in rows.items()
    )
    return f"<table><caption>{html(title)}</caption>{cells}</table>"


def counted(number: int, noun: str, verb: str = "") -> str:
    """Return a number with its noun and maybe a verb: 1 rank is, 2 ranks are.

    noun   in the singular, maybe with an attribute: atom of the basis
    verb   in the plural
    """
    if number == 1:
        return f"1 {noun} {SINGULAR.get(verb, verb + 's')}" if verb else f"1 {noun}"
    head, *attribute = re.split("(?= of | without )", noun, maxsplit=1)
    return " ".join([f"{number} {PLURAL.get(head, head + 's')}{''.join(attribute)}", *([verb] if verb else [])])


def megabytes(size: int) -> str:
    """Return a size in bytes as megabytes."""
    return f"{size / 1e6:.3g} MB"


def with_error(mean: float, error: float) -> str:
    """Return a mean with the error of its last digits in parentheses: -1.2345(67)."""
    if error <= 1e-12 * max(abs(mean), 1.0):  # nothing varies
        return f"{round(mean, 12) + 0.0:.6g}"
    digits = max(0, 1 - int(f"{error:.1e}".partition("e")[2]))
    return f"{fixed(mean, digits)}({round(error * 10**digits)})"
