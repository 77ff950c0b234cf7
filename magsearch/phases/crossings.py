"""Energies of phases along one coordinate of a scan, and where they cross.

The slope of a minimum's energy is known exactly (scan/follow.py), so that between two columns a branch is a cubic with
the right values and slopes at both ends. While a texture is held, its energy is linear in fields and couplings, so that
a branch of minima is concave: it lies below its tangents and above its chord, which brackets every crossing. (Where an
energy is not linear in a setting, the bracket is an estimate.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.optimize import brentq

from magsearch.phases.column import Column, Minimum

Energy = Callable[[float], float]
STEPS = 64  # of an interval in which the lowest phase is looked for


@dataclass(frozen=True, eq=False)
class Row:
    """Columns along one coordinate, in its order, everything else equal.

    name     of the coordinate
    x        [column]
    columns  searched
    """

    name: str
    x: NDArray[np.float64]
    columns: tuple[Column, ...]

    @classmethod
    def of(cls, name: str, values: Sequence[float], columns: Sequence[Column]) -> Row:
        order = [k for k in np.argsort(values, kind="stable").tolist() if columns[k].minima]
        return cls(name, np.array([values[k] for k in order]), tuple(columns[k] for k in order))

    def branch(self, label: str) -> list[Minimum | None]:
        """A phase's minimum in each column."""
        return [next((m for m in column.minima or () if m.label == label), None) for column in self.columns]

    @property
    def labels(self) -> list[str]:
        """Of phases that are the lowest somewhere, in the order in which they come."""
        return list(dict.fromkeys(column.minima[0].label for column in self.columns if column.minima))


@dataclass(frozen=True)
class Crossing:
    """Where one phase gives way to another: expected ``at``, and not outside ``low`` and ``high``."""

    at: float
    low: float
    high: float
    before: str
    after: str
    energy: float  # meV per site


def crossings(row: Row) -> list[Crossing]:
    """All of a row, in its order."""
    found = []
    branches = {label: row.branch(label) for label in row.labels}
    for k, (a, b) in enumerate(pairwise(row.x.tolist())):
        ends = {label: (own[k], own[k + 1]) for label, own in branches.items() if own[k] or own[k + 1]}
        energies = {label: _interpolated(row.name, a, b, *pair) for label, pair in ends.items()}
        grid = np.linspace(a, b, STEPS + 1).tolist()
        lowest = [min(energies, key=lambda label, x=x: energies[label](x)) for x in grid]  # type: ignore[misc]
        lowest[0], lowest[-1] = (column.minima[0].label for column in row.columns[k : k + 2] if column.minima)
        for (x, before), (y, after) in pairwise(zip(grid, lowest, strict=True)):
            if before != after:
                found.append(_crossing(row.name, (a, b), (x, y), (before, after), ends, energies))
    return found


def _crossing(
    name: str,
    interval: tuple[float, float],
    near: tuple[float, float],
    labels: tuple[str, str],
    ends: dict[str, tuple[Minimum | None, Minimum | None]],
    energies: dict[str, Energy],
) -> Crossing:
    before, after = labels
    at = _root(lambda x: energies[before](x) - energies[after](x), *near)
    chord = {label: _chord(*interval, *ends[label]) for label in labels}
    above = {label: _tangents(name, *interval, *ends[label]) for label in labels}
    earliest, latest = _difference(above[before], chord[after]), _difference(chord[before], above[after])
    low, high = (_root(gap, *interval) if gap else None for gap in (earliest, latest))
    middle = 0.5 * sum(near) if at is None else at
    low, high = interval[0] if low is None else low, interval[1] if high is None else high
    return Crossing(middle, min(low, middle), max(high, middle), before, after, energies[before](middle))


def _difference(one: Energy | None, other: Energy | None) -> Energy | None:
    return (lambda x: one(x) - other(x)) if one and other else None


def _root(gap: Energy, a: float, b: float) -> float | None:
    """Where a gap that is negative at a and positive at b vanishes; None where it is not so."""
    return float(brentq(gap, a, b)) if gap(a) <= 0 <= gap(b) else None


def _interpolated(name: str, a: float, b: float, first: Minimum | None, last: Minimum | None) -> Energy:
    """A phase's energy between a and b: a cubic with both ends' slopes, a line where one end or a slope is unknown."""
    if first and last:
        slopes = [m.slopes[name] for m in (first, last) if name in m.slopes]
        if len(slopes) < 2:
            return _line(a, first.per_site, (last.per_site - first.per_site) / (b - a))
        cubic = CubicHermiteSpline([a, b], [first.per_site, last.per_site], slopes)
        return lambda x: float(cubic(x))
    x0, known = (a, first) if first else (b, last)
    assert known is not None
    return _line(x0, known.per_site, known.slopes.get(name, 0.0))


def _line(x0: float, value: float, slope: float) -> Energy:
    return lambda x: value + slope * (x - x0)


def _chord(a: float, b: float, first: Minimum | None, last: Minimum | None) -> Energy | None:
    """What a concave branch does not fall below."""
    if not (first and last):
        return None
    return _line(a, first.per_site, (last.per_site - first.per_site) / (b - a))


def _tangents(name: str, a: float, b: float, first: Minimum | None, last: Minimum | None) -> Energy | None:
    """What it does not rise above."""
    lines = [_line(x, m.per_site, m.slopes[name]) for x, m in ((a, first), (b, last)) if m and name in m.slopes]
    return (lambda x: min(line(x) for line in lines)) if lines else None


def curve(row: Row, label: str, points: int = 40) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A phase's energy over a row, x and meV per site [point], as far as it is known."""
    own, xs, energies = row.branch(label), [], []
    for k, (a, b) in enumerate(pairwise(row.x.tolist())):
        if own[k] and own[k + 1]:
            along = np.linspace(a, b, points)
            energy = _interpolated(row.name, a, b, own[k], own[k + 1])
            xs.append(along)
            energies.append(np.array([energy(x) for x in along]))
    if not xs:
        known = [k for k, minimum in enumerate(own) if minimum]
        return row.x[known], np.array([m.per_site for m in own if m])
    return np.concatenate(xs), np.concatenate(energies)
