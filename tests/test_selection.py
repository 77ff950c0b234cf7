"""Selections: how often each candidate becomes a parent."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from magsearch.search.selection import Roulette, SteadyState, Tournament
from magsearch.units import K_B

ENERGY = np.array([-7.0, -12.5, -3.0, -12.0, -9.0, -12.5, 0.5, -11.0])  # meV, in no order
DRAWS = 40000
SELECTIONS = (SteadyState(), SteadyState(0.2), Tournament(), Tournament(1), Roulette(), Roulette(30.0))
every = pytest.mark.parametrize("selection", SELECTIONS, ids=repr)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def frequencies(selection, energy, draws=DRAWS):
    """How often each candidate is drawn; one parent at a time, as the children of a generation ask."""
    if isinstance(selection, SteadyState):
        random = rng(1)
        places = np.concatenate([selection(energy, 1, random) for _ in range(draws)])
    else:
        places = selection(energy, draws, rng(1))
    return np.bincount(places, minlength=len(energy)) / draws


def assert_follows(measured, expected, draws=DRAWS):
    """Within five standard deviations of the binomial distribution; never where the probability is zero."""
    expected = np.asarray(expected)
    assert (np.abs(measured - expected) <= 5 * np.sqrt(expected * (1 - expected) / draws) + 1e-12).all()


@every
@pytest.mark.parametrize("energy", [ENERGY, ENERGY[:1], ENERGY[:2], np.full(5, -4.0), -1e6 + 1e-4 * ENERGY], ids=len)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_places_are_candidates_and_the_stream_decides(selection, energy, count):
    places = selection(energy, count, rng(3))
    assert places.shape == (count,)
    assert ((places >= 0) & (places < len(energy))).all()
    assert_array_equal(places, selection(energy, count, rng(3)))


@every
def test_only_differences_of_energy_count(selection):
    energy = np.round(ENERGY * 4) / 4  # exact in binary, before and after the shift
    assert_array_equal(selection(energy, 4, rng(5)), selection(energy - 4096.0, 4, rng(5)))


@every
def test_equal_energies_are_no_error(selection):
    assert selection(np.full(6, -2.5), 4, rng()).shape == (4,)


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
    assert_follows(frequencies(SteadyState(share), ENERGY, 8000), expected, 8000)


def test_steady_state_takes_different_parents_while_there_are_enough():
    assert all(len(set(SteadyState()(ENERGY, 4, rng(seed)))) == 4 for seed in range(20))


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
