"""Selections: how often each candidate becomes a parent."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from magsearch.randomness import Consumer, Draws
from magsearch.search.selection import Roulette, SteadyState, Tournament
from magsearch.units import K_B

ENERGY = np.array([-7.0, -12.5, -3.0, -12.0, -9.0, -12.5, 0.5, -11.0])  # meV, in no order
DRAWS = 40000
SELECTIONS = (SteadyState(), SteadyState(0.2), Tournament(), Tournament(1), Roulette(), Roulette(30.0))
every = pytest.mark.parametrize("selection", SELECTIONS, ids=repr)


def draws(replicas: int = 1, seed: int = 0) -> Draws:
    return Draws(seed, Consumer.OFFSPRING, replicas=replicas)


def frequencies(selection, energy, count=1):
    """How often each candidate is the last of some parents."""
    places = selection(energy, count, draws(DRAWS, 1))
    assert places.shape == (DRAWS, count)
    return np.bincount(places[:, -1], minlength=len(energy)) / DRAWS


def assert_follows(measured, expected):
    """Within five standard deviations of the binomial distribution; never where the probability is zero."""
    expected = np.asarray(expected)
    assert (np.abs(measured - expected) <= 5 * np.sqrt(expected * (1 - expected) / DRAWS) + 1e-12).all()


@every
@pytest.mark.parametrize("energy", [ENERGY, ENERGY[:1], ENERGY[:2], np.full(5, -4.0), -1e6 + 1e-4 * ENERGY], ids=len)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_places_are_candidates_and_the_stream_decides(selection, energy, count):
    places = selection(energy, count, draws(9, 3))
    assert places.shape == (9, count)
    assert ((places >= 0) & (places < len(energy))).all()
    assert_array_equal(places, selection(energy, count, draws(9, 3)))
    assert_array_equal(places[[2, 7]], selection(energy, count, draws(9, 3)[[2, 7]]), "whatever the company")


@every
def test_only_differences_of_energy_count(selection):
    energy = np.round(ENERGY * 4) / 4  # exact in binary, before and after the shift
    assert_array_equal(selection(energy, 4, draws(6, 5)), selection(energy - 4096.0, 4, draws(6, 5)))


@every
def test_equal_energies_are_no_error(selection):
    assert selection(np.full(6, -2.5), 4, draws(3)).shape == (3, 4)


def test_better_candidates_are_drawn_more_often():
    order = np.argsort(ENERGY, kind="stable")
    for selection in (Tournament(2), Roulette(), Roulette(60.0)):
        sorted_ = frequencies(selection, ENERGY)[order]
        assert (sorted_[2:-1] > sorted_[3:] - 0.01).all()
        assert sorted_[0] > 2 * sorted_[-1]


# -- each by itself ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "parents"), [(0.5, {1, 5, 3, 7}), (0.25, {1, 5}), (0.01, {1}), (1.0, set(range(8)))])
def test_steady_state_draws_from_the_better_part_alike(share, parents):
    expected = [1 / len(parents) if place in parents else 0.0 for place in range(8)]
    for count in range(1, min(len(parents), 4) + 1):
        assert_follows(frequencies(SteadyState(share), ENERGY, count), expected)


def test_steady_state_takes_different_parents_while_there_are_enough():
    assert all(len(set(places)) == 4 for places in SteadyState()(ENERGY, 4, draws(50)).tolist())
    pairs = SteadyState()(ENERGY, 2, draws(DRAWS))
    often = np.bincount(8 * pairs[:, 0] + pairs[:, 1], minlength=64) / DRAWS
    different = [first != second and {first, second} <= {1, 5, 3, 7} for first in range(8) for second in range(8)]
    assert_follows(often, np.array(different) / 12)


def test_tournament_of_one_is_uniform():
    assert_follows(frequencies(Tournament(1), ENERGY), np.full(8, 1 / 8))


@pytest.mark.parametrize("size", [2, 3, 7])
def test_tournament_is_won_by_the_best_of_those_drawn(size):
    """The candidate of rank r wins with probability ((n - r)^k - (n - r - 1)^k) / n^k."""
    energy = np.array([-1.0, -4.0, -2.5, -3.0])
    rank, n = np.argsort(np.argsort(energy)), 4
    assert_follows(frequencies(Tournament(size), energy), ((n - rank) ** size - (n - rank - 1) ** size) / n**size)


@pytest.mark.parametrize("temperature", [10.0, 50.0, 1000.0])
def test_roulette_follows_boltzmann(temperature):
    weight = np.exp(-(ENERGY + 12.5) / (K_B * temperature))
    assert_follows(frequencies(Roulette(temperature), ENERGY), weight / weight.sum())


def test_roulette_without_temperature_takes_the_spread_for_it():
    """Invariant under a change of the energy unit."""
    weight = np.exp(-ENERGY / ENERGY.std())
    for unit in (1.0, 1e-9, 1e9):
        assert_follows(frequencies(Roulette(), unit * ENERGY), weight / weight.sum())


def test_roulette_with_zero_spread_is_uniform():
    for temperature in (None, 3.0):
        assert_follows(frequencies(Roulette(temperature), np.full(5, -7.3)), np.full(5, 0.2))


def test_roulette_near_zero_temperature_takes_the_best_and_never_overflows():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert_follows(frequencies(Roulette(1e-6), ENERGY * 1e6), [0, 0.5, 0, 0, 0, 0.5, 0, 0])
