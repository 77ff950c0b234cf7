"""Means of correlated measurements, with errors that know of the correlation.

The Gamma method of U. Wolff, Comput. Phys. Commun. 156, 143 (2004): the autocorrelation function is summed up to a
window that balances the neglected tail against noise. Chains enter together, about their common mean, so that chains
that disagree (a metastable state) widen the error instead of hiding in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

STEEPNESS = 1.5  # Wolff's S: assumed ratio of the exponential to the integrated autocorrelation time


@dataclass(frozen=True)
class Estimate:
    """Mean with its standard error; ``correlation`` is the integrated autocorrelation time, 1/2 or more."""

    mean: float
    error: float
    correlation: float

    def as_json(self) -> dict[str, float]:
        """Return mean and error as JSON holds them."""
        return {"mean": self.mean, "error": self.error}


def components(estimates: Sequence[Estimate]) -> dict[str, list[float]]:
    """Return means and errors of the components of a vector as JSON holds them."""
    return {"mean": [each.mean for each in estimates], "error": [each.error for each in estimates]}


def autocovariance(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the autocovariance of measurements [measurement, chain] about their common mean, [lag]."""
    steps, chains = series.shape
    spectrum = np.abs(np.fft.rfft(series - series.mean(), 2 * steps, axis=0)) ** 2
    return np.asarray(np.fft.irfft(spectrum, axis=0)[:steps].sum(axis=1) / (chains * (steps - np.arange(steps))))


def estimate(series: ArrayLike) -> Estimate:
    """Estimate the mean of measurements [measurement] or [measurement, chain] of a stationary process.

    Anticorrelated measurements count as independent ones. ValueError where there are none.
    """
    x = np.asarray(series, dtype=np.float64)
    if not x.size:
        raise ValueError("no measurements to average")
    x = x.reshape(len(x), -1)
    steps, count, mean = len(x), x.size, float(x.mean())
    covariance = autocovariance(x)
    if steps == 1 or covariance[0] <= (1e-14 * np.abs(x).max()) ** 2:  # nothing varies
        spread = float(x.std(ddof=1)) / np.sqrt(count) if count > 1 else 0.0
        return Estimate(mean, spread, 0.5)
    longest = max(steps // 2, 1)
    time = 0.5 + np.cumsum(covariance[1 : longest + 1]) / covariance[0]  # [window - 1], integrated up to each window
    window = np.arange(1, len(time) + 1)
    assumed = STEEPNESS / np.log((2 * np.maximum(time, 0.5 + 1e-9) + 1) / (2 * np.maximum(time, 0.5 + 1e-9) - 1))
    worse = (
        np.exp(-window / assumed) - assumed / np.sqrt(window * count) < 0
    )  # from here on noise adds more than the tail
    k = int(np.argmax(worse)) if worse.any() else len(time) - 1
    unbiased = covariance + covariance[0] * 2 * time[k] / count  # the mean was taken from the same data (eq. 49)
    tau = max(0.5, 0.5 + float(unbiased[1 : k + 2].sum() / unbiased[0]))
    return Estimate(mean, float(np.sqrt(2 * tau * unbiased[0] / count)), tau)
