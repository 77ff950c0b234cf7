"""Numbers as text."""

from __future__ import annotations

from collections.abc import Iterable


def vector(values: Iterable[float], digits: int = 4) -> str:
    """Return numbers in parentheses, with so many digits after the point."""
    return "(" + ", ".join(fixed(v, digits) for v in values) + ")"


def fixed(value: float, digits: int) -> str:
    """Return a number with so many digits after the point; zero has no sign."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def duration(seconds: float) -> str:
    """Return a time in seconds as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun: 1 rank, 2 ranks."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def megabytes(size: int) -> str:
    """Return a size in bytes as megabytes."""
    return f"{size / 1e6:.3g} MB"


def with_error(mean: float, error: float) -> str:
    """Return a mean with the error of its last digits in parentheses: -1.2345(67)."""
    if error <= 1e-12 * max(abs(mean), 1.0):  # nothing varies
        return f"{mean + 0.0:.6g}"
    digits = max(0, 1 - int(f"{error:.1e}".partition("e")[2]))
    return f"{fixed(mean, digits)}({round(error * 10**digits)})"
