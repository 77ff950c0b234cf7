"""Energies of phases along one coordinate of a scan, and the crossings between them.

The slope of a minimum's energy is known exactly (Hellmann-Feynman theorem, scan/follow.py). Between two columns, a
branch is interpolated by a cubic with the exact values and slopes at both ends. At fixed texture the energy is linear
in fields and couplings, so that a branch of minima is concave: it lies below its tangents and above its chord, which
brackets every crossing. (If the energy is not linear in a setting, the bracket is an estimate.)
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
STEPS = 64  # subdivisions of an interval in the search for the lowest phase


@dataclass(frozen=True, eq=False)
class Row:
    """Columns along one coordinate in ascending order, with all other settings equal.

    name     name of the coordinate
    x        [column] values of the coordinate
    columns  columns with minima
    """

    name: str
    x: NDArray[np.float64]
    columns: tuple[Column, ...]

    @classmethod
    def of(cls, name: str, values: Sequence[float], columns: Sequence[Column]) -> Row:
        """Return the row of the ``columns`` that have minima, sorted by their ``values`` of the coordinate ``name``."""
        order = [k for k in np.argsort(values, kind="stable").tolist() if columns[k].minima]
        return cls(name, np.array([values[k] for k in order]), tuple(columns[k] for k in order))

    def branch(self, label: str) -> list[Minimum | None]:
        """Return the minimum of a phase in each column, None in columns without it."""
        return [next((m for m in column.minima or () if m.label == label), None) for column in self.columns]

    @property
    def labels(self) -> list[str]:
        """Labels of the phases that are the ground state of a column, in the order of the columns."""
        return list(dict.fromkeys(column.minima[0].label for column in self.columns if column.minima))


@dataclass(frozen=True)
class Crossing:
    """A transition between ground states: predicted ``at``, and bracketed by ``low`` and ``high``.

    before, after   labels of the phases below and above it
    energy          meV per site at the transition
    """

    at: float
    low: float
    high: float
    before: str
    after: str
    energy: float


def crossings(row: Row) -> list[Crossing]:
    """Return the transitions between ground states along a row, in ascending order."""
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
    """Return the root of a gap that is negative at a and positive at b; None if it is not."""
    return float(brentq(gap, a, b)) if gap(a) <= 0 <= gap(b) else None


def _interpolated(name: str, a: float, b: float, first: Minimum | None, last: Minimum | None) -> Energy:
    """Return a phase's energy between a and b: a cubic, or a line if one end or a slope is unknown."""
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
    """Return the chord of a branch, a lower bound if it is concave."""
    if not (first and last):
        return None
    return _line(a, first.per_site, (last.per_site - first.per_site) / (b - a))


def _tangents(name: str, a: float, b: float, first: Minimum | None, last: Minimum | None) -> Energy | None:
    """Return the lower one of the tangents at both ends, an upper bound of a concave branch."""
    lines = [_line(x, m.per_site, m.slopes[name]) for x, m in ((a, first), (b, last)) if m and name in m.slopes]
    return (lambda x: min(line(x) for line in lines)) if lines else None


def curve(row: Row, label: str, points: int = 40) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the interpolated energy of a phase along a row where it is known: x and meV per site, [point] each.

    points   number of points between adjacent columns
    """
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
