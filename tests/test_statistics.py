"""Errors of correlated measurements, on processes whose correlation is known."""

from __future__ import annotations

import numpy as np
import pytest

from magsearch.thermal.statistics import estimate


def autoregressive(rho: float, steps: int, chains: int, seed: int) -> np.ndarray:
    """Stationary, of unit variance, with autocorrelation rho^t: integrated (1 + rho) / 2 (1 - rho)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(steps, chains))
    for t in range(1, steps):
        x[t] = rho * x[t - 1] + np.sqrt(1 - rho**2) * x[t]
    return x


@pytest.mark.parametrize("rho", [0.0, *(pytest.param(rho, marks=pytest.mark.slow) for rho in (0.5, 0.9)), 0.97])
def test_errors_are_the_spread_of_means(rho):
    """Of 200 experiments, means scatter about the truth as their errors say, and the correlation time is right."""
    found = [estimate(autoregressive(rho, 1500, 3, seed)) for seed in range(200)]
    pull = np.std([e.mean / e.error for e in found])
    assert pull == pytest.approx(1, abs=0.2)  # four standard deviations
    assert np.mean([e.correlation for e in found]) == pytest.approx((1 + rho) / (1 - rho) / 2, rel=0.06)


def test_naive_errors_would_be_wrong():
    """The test above can fail: without the correlation, errors are too small by sqrt(2 tau)."""
    x = autoregressive(0.9, 3000, 1, 0)
    assert estimate(x).error > 3.5 * x.std() / np.sqrt(x.size)


def test_chains_that_disagree_widen_the_error():
    """Two chains in each of two metastable states: the mean is known to their difference, not to their noise."""
    x = 0.01 * autoregressive(0.0, 1000, 4, 1) + np.array([0.0, 0.0, 1.0, 1.0])
    assert estimate(x).error == pytest.approx(0.25, rel=0.3)  # 1/2 / sqrt(4 chains)


def test_anticorrelated_measurements_count_as_independent():
    x = autoregressive(-0.6, 2000, 1, 0)
    assert estimate(x).correlation == 0.5
    assert estimate(x).error == pytest.approx(x.std() / np.sqrt(len(x)), rel=0.01)


def test_what_does_not_vary_has_no_error():
    for x in (np.full(50, 3.25), np.full((1, 4), -2.0), [7.0]):
        found = estimate(x)
        assert (found.mean, found.error, found.correlation) == (np.mean(x), 0.0, 0.5)


def test_one_measurement_of_many_chains():
    x = np.array([[1.0, 2.0, 3.0, 4.0]])
    assert estimate(x).error == pytest.approx(np.std(x, ddof=1) / 2)


def test_nothing_has_no_mean():
    with pytest.raises(ValueError, match="no measurements"):
        estimate([])


def test_scale_and_offset():
    x = autoregressive(0.5, 400, 2, 3)
    one, other = estimate(x), estimate(1e6 - 1e-3 * x)
    assert other.error == pytest.approx(1e-3 * one.error, rel=1e-6)
    assert other.mean == pytest.approx(1e6 - 1e-3 * one.mean, rel=1e-12)
