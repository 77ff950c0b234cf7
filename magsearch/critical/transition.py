"""The transition temperature from averages in boxes of several sizes.

At a continuous transition the Binder cumulant and the correlation length over the edge of the box take values that do
not depend on the size (Binder, Z. Phys. B 43, 119 (1981)): the curves of two sizes cross there, up to corrections that
vanish quickly with the size. In the ordered state the larger box lies above, in the disordered state below. The result
is the mean of the crossings of the two largest boxes, weighted by their statistical errors; its error adds to the
statistical one half of the difference between the two kinds of crossings, and half of the shift from the next smaller
pair of boxes.

The susceptibility and the specific heat have peaks at temperatures that approach the transition slowly, as the inverse
power 1 / nu of the size: they are shown, not used. The susceptibility is N (<m^2> - <|m|>^2) / kT, which peaks in both
phases; in periodic boxes its peak is mostly above the transition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from magsearch.critical.reweighting import Curves

KINDS = ("binder", "length")  # of crossings
PEAKS = ("susceptibility", "specific_heat")
SURE = 3.0  # standard errors by which two curves must differ on either side of a crossing
ENOUGH = 0.9  # fraction of the resampled curves that must cross


@dataclass(frozen=True)
class Crossing:
    """Crossing of the curves of two sizes. kelvin None: they do not cross where they were measured.

    kind    "binder" or "length"
    sizes   smaller and larger
    value   at the crossing
    """

    kind: str
    sizes: tuple[int, int]
    kelvin: float | None
    error: float
    value: float


@dataclass(frozen=True)
class Peak:
    """Largest value of a quantity in a box. ``inside``: not at an end of the temperatures."""

    kind: str
    size: int
    kelvin: float
    error: float
    value: float
    inside: bool


@dataclass(frozen=True, eq=False)
class Transition:
    """Transition temperature, crossings and peaks. kelvin None: no transition was found.

    error   standard error with corrections of finite size, kelvin
    """

    kelvin: float | None
    error: float
    crossings: tuple[Crossing, ...]
    peaks: tuple[Peak, ...]


def transition(sizes: Sequence[int], every: Sequence[Curves]) -> Transition:
    """Return crossings, peaks and the transition temperature of boxes of rising sizes, all at the same temperatures."""
    last = len(sizes) - 1
    pairs = [(k, k + 1) for k in range(last)]
    found, sets = [], {}
    for kind in KINDS:
        for a, b in pairs:
            crossing, resampled = _crossing(kind, (sizes[a], sizes[b]), every[a], every[b])
            found.append(crossing)
            sets[kind, a] = resampled
    peaks = tuple(_peak(kind, size, own) for kind in PEAKS for size, own in zip(sizes, every, strict=True))
    kelvin, error = _joined(found, sets, last)
    return Transition(kelvin, error, tuple(found), peaks)


def _crossing(kind: str, sizes: tuple[int, int], small: Curves, large: Curves) -> tuple[Crossing, NDArray[np.float64]]:
    """Return a crossing, and those of the resampled curves [set]; nan where they do not cross."""
    kelvin, low, high = small.kelvin, getattr(small, kind), getattr(large, kind)
    above = high - low  # positive in the ordered state
    spread = above[1:].std(axis=0)
    ordered, disordered = above[0] > SURE * spread, above[0] < -SURE * spread
    none = Crossing(kind, sizes, None, np.nan, np.nan), np.full(len(above) - 1, np.nan)
    sure = [r for r in _roots(kelvin, above[0]) if ordered[kelvin < r].any() and disordered[kelvin > r].any()]
    if not sure:
        return none
    first = sure[-1]
    resampled = [_roots(kelvin, one) for one in above[1:]]
    every = np.array([r[np.abs(r - first).argmin()] if len(r) else np.nan for r in resampled])
    if np.isfinite(every).mean() < ENOUGH:
        return none
    value = float(np.interp(first, kelvin, low[0]))
    return Crossing(kind, sizes, float(first), float(np.nanstd(every)), value), every


def _roots(kelvin: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where values fall through zero, rising."""
    falls = np.flatnonzero((values[:-1] > 0) & (values[1:] <= 0))
    part = values[falls] / (values[falls] - values[falls + 1])
    return np.asarray(kelvin[falls] + part * (kelvin[falls + 1] - kelvin[falls]))


def _joined(
    found: Sequence[Crossing], sets: dict[tuple[str, int], NDArray[np.float64]], last: int
) -> tuple[float | None, float]:
    """Return the transition temperature and its error from the crossings of the largest boxes."""

    def of(pair: int) -> tuple[list[Crossing], list[NDArray[np.float64]]]:
        pairs = [c for k, c in enumerate(found) if k % last == pair and c.kelvin is not None]
        return pairs, [sets[c.kind, pair] for c in pairs]

    def mean(pair: int) -> tuple[float, float, float]:
        """Return the weighted mean of both kinds, its statistical error, and half of their difference."""
        crossings, resampled = of(pair)
        weight = np.array([1 / max(c.error, 1e-12) ** 2 for c in crossings])
        weight /= weight.sum()
        values = np.array([c.kelvin for c in crossings])
        return float(weight @ values), float(np.nanstd(weight @ np.array(resampled))), float(np.ptp(values) / 2)

    if not of(last - 1)[0]:
        return None, np.nan
    kelvin, statistical, difference = mean(last - 1)
    shift = abs(kelvin - mean(last - 2)[0]) / 2 if last > 1 and of(last - 2)[0] else difference
    return kelvin, float(np.sqrt(statistical**2 + difference**2 + shift**2))


def _peak(kind: str, size: int, own: Curves) -> Peak:
    inside = np.isfinite(own.energy[0])
    values, kelvin = getattr(own, kind)[:, inside], own.kelvin[inside]
    places = np.array([_top(kelvin, one) for one in values])
    top = int(values[0].argmax())
    return Peak(
        kind, size, float(places[0]), float(places[1:].std()), float(values[0].max()), 0 < top < len(kelvin) - 1
    )


def _top(kelvin: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Return where values are largest, from a parabola through three points."""
    k = int(values.argmax())
    if not 0 < k < len(kelvin) - 1:
        return float(kelvin[k])
    a, b, c = values[k - 1 : k + 2]
    step = (kelvin[k + 1] - kelvin[k - 1]) / 2
    curvature = a - 2 * b + c
    return float(kelvin[k] + (0.5 * step * (a - c) / curvature if curvature < 0 else 0.0))
