"""Who shares a transform with whom: a replica's result is bitwise identical whatever else is relaxed in its batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle
import pytest
from models import square_bloch
from numpy.testing import assert_array_equal

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator, held
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.motion import Motion
from magsearch.relaxation.relax import relax
from magsearch.relaxation.seats import FAMILY, families, seated

MINIMIZER = BarzilaiBorwein(Convergence(torque=1e-3, steps=400, variance=None))


@pytest.mark.parametrize("pairs", [1, 2, 7, 8, 9, 16, 17, 24, 25, 32, 47])
def test_pairs_are_columns_of_their_own(target, pairs):
    places = target.pairs(pairs)
    assert places.shape == (pairs, 2)
    assert len(np.unique(places)) == 2 * pairs
    assert places.max() < -(-2 * pairs // target.width) * target.width


@pytest.mark.parametrize("pairs", [3, 8, 11, 16, 20, 37])
def test_a_pair_sees_no_other(target, real, pairs):
    """The convolution of a pair is bitwise identical in every place and in any company."""
    evaluator, places = Evaluator(square_bloch(), target, real, "fourier"), target.pairs(pairs)
    replicas = -(-(places.max() + 1) // target.width) * target.width
    textures = oracle.random_textures(square_bloch(), replicas)
    field = target.host(evaluator.textures(evaluator.fields(evaluator.spins(textures), zeeman(evaluator, replicas))))
    for pair in places[:: max(1, pairs // 5)]:
        others = oracle.random_textures(square_bloch(), replicas, 2)
        others[pair] = textures[pair]
        spins = evaluator.spins(others)
        found = target.host(evaluator.textures(evaluator.fields(spins, zeeman(evaluator, replicas))))
        assert_array_equal(found[pair], field[pair])
        assert (found != field).any(), "the others are others"
    alone = target.pairs(1)
    for pair in places[:: max(1, pairs // 5)]:
        few = np.zeros((target.width, *textures.shape[1:]))
        few[alone[0]] = textures[pair]
        found = target.host(evaluator.textures(evaluator.fields(evaluator.spins(few), zeeman(evaluator, target.width))))
        assert_array_equal(found[alone[0]], field[pair])


def zeeman(evaluator: Evaluator, replicas: int) -> Any:
    return evaluator.zeeman((0.0, 0.0, 0.0), replicas)


@pytest.mark.parametrize("path", ["direct", "fourier"])
@pytest.mark.parametrize("minimizer", [MINIMIZER, LBFGS(MINIMIZER.convergence)], ids=["bb", "lbfgs"])
def test_groups_end_as_they_do_alone(device, path, minimizer):
    """Not a bit differs, with odd numbers of replicas, whole families and several of them."""
    model, groups = square_bloch(), (3, FAMILY, 50, 1, 2)
    evaluator, s = Evaluator(model, device, np.float32, path), oracle.random_textures(model, sum(groups))
    together = relax(minimizer, evaluator, s, groups=groups)
    assert len(np.unique(together.steps)) > 3, "some end long before others"
    for last, size in zip(np.cumsum(groups), groups, strict=True):
        own = slice(last - size, last)
        alone = relax(minimizer, evaluator, s[own])
        assert_array_equal(alone.textures, together.textures[own])
        assert_array_equal(alone.energy, together.energy[own])
        assert_array_equal(alone.steps, together.steps[own])


@pytest.mark.parametrize("path", ["direct", "fourier"])
def test_every_replica_keeps_its_field_and_its_place(device, path):
    """Replicas in a strong field of their own end along it, also where columns are not in the order of replicas."""
    model, random = square_bloch(), np.random.default_rng(4)
    tesla = random.normal(size=(75, 3))
    tesla *= 200 / np.linalg.norm(tesla, axis=1, keepdims=True)
    s = oracle.random_textures(model, len(tesla))
    found = relax(MINIMIZER, Evaluator(model, device, np.float64, path), s, tesla)
    assert ((found.magnetization * tesla / 200).sum(axis=1) > 0.95).all()
    assert np.abs(found.textures.mean(axis=1) - found.magnetization).max() < 1e-6


@pytest.mark.parametrize("path", ["direct", "fourier"])
@pytest.mark.parametrize("fail", [1, 3])
def test_a_batch_that_does_not_fit_is_relaxed_in_parts(device, path, fail, monkeypatch):
    """With bitwise identical results; whatever holds more than two families is refused here."""
    model, count = square_bloch(), 5 * FAMILY - 3
    evaluator, s = Evaluator(model, device, np.float32, path), oracle.random_textures(model, count)
    whole, sizes, start = relax(MINIMIZER, evaluator, s), [], Motion.start

    def refused(evaluator: Any, batch: Any, *more: Any) -> Motion:
        sizes.append(len(batch))
        if len(batch) > fail * FAMILY:
            raise MemoryError
        return start(evaluator, batch, *more)

    monkeypatch.setattr(Motion, "start", refused)
    with pytest.warns(UserWarning, match="relaxed in parts"):
        parts = relax(MINIMIZER, evaluator, s)
    assert sum(size for size in sizes if size <= fail * FAMILY) == count
    assert_array_equal(parts.textures, whole.textures)
    assert_array_equal(parts.energy, whole.energy)
    assert parts.reason == whole.reason


def test_one_family_that_does_not_fit_is_an_error(monkeypatch):
    def refused(*_: Any) -> Motion:
        raise MemoryError

    monkeypatch.setattr(Motion, "start", refused)
    model = square_bloch()
    with pytest.raises(MemoryError):
        relax(MINIMIZER, Evaluator(model, Cpu()), oracle.random_textures(model, 7))


def test_given_textures_stay_unless_they_may_be_overwritten(device):
    model = square_bloch()
    evaluator, s = Evaluator(model, device), oracle.random_textures(model, 5).astype(np.float32)
    there, before = device.array(s.copy(), np.float32), s.copy()
    found = relax(MINIMIZER, evaluator, there)
    assert isinstance(found.textures, device.xp.ndarray)
    assert_array_equal(device.host(there), before)
    again = relax(MINIMIZER, evaluator, there, overwrite=True)
    assert_array_equal(device.host(again.textures), device.host(found.textures))
    assert_array_equal(device.host(there), device.host(found.textures))
    assert isinstance(relax(MINIMIZER, evaluator, s).textures, np.ndarray)
    assert_array_equal(s, before)


def test_families_do_not_reach_across_groups():
    found = families(80, (40, 3, 37))
    assert [part.tolist() for part in found] == [
        list(range(32)), list(range(32, 40)), [40, 41, 42], list(range(43, 75)), list(range(75, 80)),
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["direct", "fourier"])
def test_seats_hold_every_moving_replica_once(device, path):
    evaluator, random = Evaluator(square_bloch(), device, np.float32, path), np.random.default_rng(1)
    seats, moving = seated(evaluator, families(100, (33, 67))), np.arange(100)
    while len(moving):
        columns = seats.columns
        assert len(columns) % device.width == 0
        assert set(moving.tolist()) <= set(columns[columns >= 0].tolist())
        assert len(set(columns[columns >= 0].tolist())) == (columns >= 0).sum()
        assert held(columns).max() < 100
        moving = moving[random.random(len(moving)) < 0.7]
        fewer = seats.thinned(moving) if len(moving) else None
        if fewer is not None:
            seats, sources = fewer
            assert len(sources) == len(seats.columns) <= len(columns)
            there = seats.columns >= 0
            assert (columns[sources[there]] == seats.columns[there]).all()
