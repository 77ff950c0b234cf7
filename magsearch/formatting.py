"""Numbers as text."""

from __future__ import annotations

from collections.abc import Iterable


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
