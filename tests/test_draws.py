"""Random numbers of batches of replicas: their distributions, and that the company of a replica changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose, assert_array_equal
from statistics_of import RARE, allowed, assert_mean

from magsearch.engine.cpu import Cpu
from magsearch.randomness import WORDS, Consumer, Draws

MANY = 20000


def draws(replicas: int = MANY, seed: int = 1, **place: int) -> Draws:
    return Draws(seed, Consumer.OFFSPRING, replicas=replicas, **place)


def everything(some: Draws) -> list[np.ndarray]:
    """One of each kind, more than a block holds."""
    return [
        some.uniform(), some.uniform(-1.0, 2.0, 3), some.normal((2, 4)), some.integers(0, 10, 5),
        some.choice([0.2, 0.5, 0.3], 2), some.uniform(size=WORDS), some.noise(Cpu(), 7), some.normal(),
        some.noise(Cpu(), 7), np.array([one.random(3) for one in some.generators()]),
    ]  # fmt: skip


@pytest.mark.parametrize("index", [[3], [7, 2], slice(4, None), slice(0, 9, 4), [0, 1, 2, 3, 4, 5, 6, 7, 8]], ids=str)
def test_numbers_of_a_replica_do_not_depend_on_its_company(index):
    whole = everything(draws(9))
    for alone, among in zip(everything(draws(9)[index]), whole, strict=True):
        assert_array_equal(alone, among[index])
    for few, many in zip(everything(draws(9)), everything(draws(13)), strict=True):
        assert_array_equal(few, many[:9])


def test_parts_continue_where_the_whole_was_divided():
    whole, divided = draws(6), draws(6)
    assert_array_equal(whole.uniform(size=3), divided.uniform(size=3))
    ahead, noise = whole.uniform(size=40), whole.noise(Cpu(), 2)
    for index in ([1, 4], [0, 2, 3, 5]):
        part = divided[index]
        assert_array_equal(part.uniform(size=40), ahead[index])
        assert_array_equal(part.noise(Cpu(), 2), noise[index])
        assert_array_equal(part.numbers, index)
    for draw in (divided.uniform, divided.generators, lambda: divided.noise(Cpu(), 2)):
        with pytest.raises(RuntimeError):
            draw()


def test_streams_of_all_replicas_islands_generations_consumers_and_seeds_differ():
    others = [
        draws(3), draws(3, seed=2), draws(3, island=1), draws(3, generation=1), draws(3).of(Consumer.FILLING),
    ]  # fmt: skip
    numbers = np.concatenate([one.uniform(size=2 * WORDS).ravel() for one in others])
    assert len(set(numbers.tolist())) == len(numbers)
    noise = np.concatenate([one.noise(Cpu(), 50).ravel() for one in others])
    assert len(set(noise.tolist())) > 0.999 * len(noise)


def test_another_consumer_has_the_same_replicas():
    assert_array_equal(
        draws(8)[[2, 5]].of(Consumer.FILLING).uniform(), Draws(1, Consumer.FILLING, replicas=8).uniform()[[2, 5]]
    )


def test_uniform_numbers_are_uniform_and_replicas_and_words_independent():
    u = draws(2000).uniform(size=40)
    assert scipy.stats.kstest(u.ravel(), "uniform").pvalue > RARE
    correlations = np.corrcoef(u.T)[np.triu_indices(40, 1)] * np.sqrt(2000)
    assert np.abs(correlations).max() < 6
    correlations = np.corrcoef(draws(40).uniform(size=2000))[np.triu_indices(40, 1)] * np.sqrt(2000)
    assert np.abs(correlations).max() < 6


def test_bounds_may_be_of_each_replica():
    low, high = np.linspace(0, 1, MANY), np.linspace(2, 5, MANY)
    x = draws().uniform(low, high, 3)
    assert ((x >= low[:, None]) & (x < high[:, None])).all()
    assert_mean(((x - low[:, None]) / (high - low)[:, None]).ravel(), 0.5)
    last = np.arange(MANY) % 7 + 1
    k = draws().integers(0, last)
    assert ((k >= 0) & (k < last)).all()
    for n in range(1, 8):
        count = np.bincount(k[last == n], minlength=n)
        assert scipy.stats.chisquare(count).pvalue > RARE or n == 1


def test_normal_numbers_are_normal():
    x = draws().normal(3)
    assert scipy.stats.kstest(x.ravel(), "norm").pvalue > RARE
    assert_mean(x[:, 0] * x[:, 1])
    assert np.abs(draws(2).normal(10**5)).max() < 7


def test_choice_follows_its_weights():
    weights = np.array([0.0, 2.0, 0.0, 1.0, 5.0, 0.0])
    for of in (weights, np.tile(weights, (MANY, 1)) * np.arange(1, MANY + 1)[:, None]):
        count = np.bincount(draws().choice(of, 2).ravel(), minlength=6)
        assert (count[weights == 0] == 0).all()
        expected = weights[weights > 0] / weights.sum() * count.sum()
        assert scipy.stats.chisquare(count[weights > 0], expected).pvalue > RARE
    own = np.eye(5)[np.arange(MANY) % 5]
    assert_array_equal(draws().choice(own), np.arange(MANY) % 5)


def test_noise_is_normal_and_independent_between_sites_components_replicas_and_calls(target):
    """Made by the kernel; the last sites of a row fill no register."""
    some = draws(11)
    noise = np.stack([target.host(some.noise(target, 1501)) for _ in range(2)]).astype(np.float64)
    assert noise.shape == (2, 11, 1501, 3)
    assert np.isfinite(noise).all()
    assert scipy.stats.kstest(noise.ravel(), "norm").pvalue > RARE
    assert_mean((noise**4).ravel(), 3.0)
    for one, other in (
        (noise[0], noise[1]), (noise[:, :-1], noise[:, 1:]), (noise[:, :, :-1], noise[:, :, 1:]),
        (noise[..., 0], noise[..., 1]), (noise[..., 0], noise[..., 2]),
        (noise[..., 1] ** 2 - 1, noise[..., 2] ** 2 - 1),
    ):  # fmt: skip
        assert abs((one * other).mean()) < allowed((one * other).ravel())


def test_noise_is_the_same_on_every_device(target):
    here, there = draws(5)[[1, 2, 4]], draws(5)[[1, 2, 4]]
    for sites in (1, 60, 33):
        assert_allclose(target.host(there.noise(target, sites)), here.noise(Cpu(), sites), atol=2e-6)


def test_a_lattice_may_have_more_sites_than_a_grid_has_rows_of_threads(target):
    """A grid of a GPU has at most 65535 blocks along y, of 32 threads each."""
    sites = 65535 * 32 + 1
    assert_allclose(target.host(draws(1).noise(target, sites)), draws(1).noise(Cpu(), sites), atol=1e-5)


def test_no_noise_for_nobody():
    assert draws(3)[[]].noise(Cpu(), 5).shape == (0, 5, 3)
