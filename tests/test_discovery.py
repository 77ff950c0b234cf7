"""How often islands find the champion by themselves, and the estimate of what was not seen."""

from __future__ import annotations

import numpy as np
import pytest

from magsearch.search.discovery import Discovery, discovery
from magsearch.search.history import History, migrations


def history(*best: list[float], arrivals: list[tuple[int, int, float]] = ()) -> History:
    """Best energies [generation][island]; arrivals (generation, target, best)."""
    made = History((), 1, len(best[0]))
    for row in best:
        made.rows.append(np.zeros(len(row), made.row_type))
        made.rows[-1]["best"] = row
    made.migrations = migrations([(g, 0, target, 0, 1, 1, energy) for g, target, energy in arrivals])
    return made


def test_islands_that_received_the_champion_have_not_found_it():
    """The first of four islands finds the champion, the third, too, before it arrives there; the second receives it."""
    course = history([-1.0, -0.5, -0.4, -0.3], [-2.0, -0.5, -1.0, -0.3], [-2.0, -2.0, -2.0, -0.3],
                     arrivals=[(1, 1, -2.0), (2, 2, -2.0), (0, 3, -1.0)])  # fmt: skip
    assert discovery(course, -2.0, 1e-6) == Discovery(islands=4, alone=2, singles=2, generations=1)


def test_one_island_says_nothing_about_what_was_not_seen():
    found = discovery(history([-1.0], [-2.0], [-2.0]), -2.0, 1e-6)
    assert found == Discovery(1, 1, 1, 1)
    assert found.unseen is found.limit is None
    assert discovery(history([-1.0]), -2.0, 1e-6) is None
    assert discovery(History((), 1, 1), -2.0, 1e-6) is None


def test_islands_that_agree_leave_a_chance():
    """Four islands find the same with a probability of 1/20 if each misses it with the limit."""
    found = discovery(history([-1.0] * 4), -1.0, 1e-6)
    assert found.unseen == 0
    assert (1 - found.limit) ** 4 == pytest.approx(0.05)


def test_the_estimate_is_right_on_average():
    """Islands draw minima with known probabilities: the estimate averages to the weight of those that no island has."""
    random, weight, islands = np.random.default_rng(1), np.array([0.5, 0.2, 0.1, 0.05, 0.05, 0.04, 0.03, 0.03]), 12
    estimates, missed = [], []
    for _ in range(1500):
        drawn = random.choice(len(weight), islands, p=weight)
        found = discovery(history([float(k) for k in drawn]), float(drawn.min()), 1e-6)
        estimates.append(found.unseen)
        missed.append(1 - weight[np.unique(drawn)].sum())
    assert np.mean(estimates) == pytest.approx(np.mean(missed), abs=0.02)
    assert np.mean(missed) > 0.1
