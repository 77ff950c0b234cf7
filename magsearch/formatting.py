"""Numbers formatted as text."""

from __future__ import annotations

from collections.abc import Iterable


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
