"""Comparisons of means that right code misses with a probability below 1e-6: five standard errors."""

from __future__ import annotations

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike

ERRORS = 5.0
RARE = 1e-6  # p-values of right code are below it once in a million


def standard_error(samples: ArrayLike) -> float:
    """Return the standard error of the mean of independent samples."""
    return float(np.std(samples, ddof=1) / np.sqrt(len(samples)))


def allowed(*samples: ArrayLike) -> float:
    """Return five standard errors of a sum of means; for few samples Student's t of the same probability."""
    degrees = min(map(len, samples)) - 1
    factor = scipy.stats.t.isf(scipy.stats.norm.sf(ERRORS), degrees)
    return float(factor * np.linalg.norm([standard_error(x) for x in samples]))


def assert_within(found: float, exact: float, error: float, rounding: float = 0.0) -> None:
    """Assert that a mean whose standard error is known agrees with a value."""
    assert abs(found - exact) < ERRORS * error + rounding, f"{found} +- {error}, expected {exact}"


def assert_mean(samples: ArrayLike, exact: float = 0.0) -> None:
    """Assert that the mean of independent samples agrees with a value."""
    mean = float(np.mean(samples))
    assert abs(mean - exact) < allowed(samples), f"{mean} +- {standard_error(samples)}, expected {exact}"


def assert_lower(low: ArrayLike, high: ArrayLike) -> None:
    """Assert that the first mean is below the second by more than chance."""
    gap = float(np.mean(high) - np.mean(low))
    assert gap > allowed(low, high), f"the means differ by {gap}, five standard errors are {allowed(low, high)}"
