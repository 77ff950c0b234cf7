"""When the replicas of a batch end: each as it converges, and its family before few keep many waiting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import oracle
import pytest
from models import MODELS, square_bloch
from numpy.testing import assert_allclose, assert_array_equal

from magsearch.engine.evaluator import Evaluator
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import EARLY, Convergence, VarianceControl
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.motion import Motion
from magsearch.relaxation.relax import LOOK, Relaxation, relax
from magsearch.relaxation.schedule import Schedule
from magsearch.relaxation.seats import FAMILY

MINIMIZER = BarzilaiBorwein(Convergence(torque=1e-3, steps=400, variance=None))


TIGHT = replace(MINIMIZER.convergence, torque=1e-4)


def scheduled(replicas: int, left: float = 0.2, tight: Convergence | None = None) -> Schedule:
    """Every seventh replica never converges, and follows the others."""
    follows = np.arange(replicas) % 7 == 3
    never, loose = replace(MINIMIZER.convergence, torque=0.0), replace(MINIMIZER.convergence, variance=EARLY)
    return Schedule(tuple(never if each else loose for each in follows), follows, left, tight)


def cut(found: Relaxation) -> Any:
    return np.array(found.reason) == "cut"


@pytest.mark.parametrize("path", ["direct", "fourier"])
@pytest.mark.parametrize(("fail", "tight"), [(1, TIGHT), (3, TIGHT), (3, None)])
def test_a_schedule_ends_families_as_it_ends_them_alone(device, path, fail, tight, monkeypatch):
    """Not a bit differs between a batch, its families, and parts of it that fit into memory."""
    model, count = square_bloch(), 4 * FAMILY - 5
    evaluator, plan = Evaluator(model, device, np.float32, path), scheduled(count, tight=tight)
    s = oracle.random_textures(model, count)
    whole, start = relax(MINIMIZER, evaluator, s, schedule=plan), Motion.start
    assert {"cut", "torque"} <= set(whole.reason)

    def refused(evaluator: Any, batch: Any, *more: Any) -> Motion:
        if len(batch) > fail * FAMILY:
            raise MemoryError
        return start(evaluator, batch, *more)

    monkeypatch.setattr(Motion, "start", refused)
    with pytest.warns(UserWarning, match="relaxed in parts"):
        parts = relax(MINIMIZER, evaluator, s, schedule=plan)
    for first in range(0, count, FAMILY):
        own = slice(first, first + FAMILY)
        family = Schedule(plan.convergence[own], plan.followers[own], plan.left, plan.tight)
        alone = relax(MINIMIZER, evaluator, s[own], schedule=family)
        for found in (whole, parts):
            assert_array_equal(found.textures[own], alone.textures)
            assert_array_equal(found.energy[own], alone.energy)
            assert_array_equal(found.torque[own], alone.torque)
            assert found.reason[own] == alone.reason
            assert_array_equal(found.tightened[own], alone.tightened)


@pytest.mark.parametrize("path", ["direct", "fourier"])
def test_few_replicas_do_not_keep_many_waiting(device, path):
    """Of the others of a family, a fifth moves when it ends; those who are cut have the numbers of their spins."""
    model, count = square_bloch(), 2 * FAMILY
    evaluator, plan = Evaluator(model, device, np.float32, path), scheduled(count)
    s = oracle.random_textures(model, count)
    found, patient = (relax(MINIMIZER, evaluator, s, schedule=each) for each in (plan, scheduled(count, 0)))
    late = cut(found)
    assert_array_equal(found.converged, ~late)
    assert late[plan.followers].all()
    assert late[~plan.followers].any() or path == "fourier", "preconditioned replicas rest at nearly the same time"
    for first in range(0, count, FAMILY):
        own = slice(first, first + FAMILY)
        others = ~plan.followers[own]
        assert (late[own] & others).sum() <= 0.2 * others.sum()
        last = found.steps[own].max()
        assert (found.steps[own][late[own]] == last).all()
        assert (patient.steps[own][others & late[own]] > last).all(), "these would have moved further"
    assert (np.array(patient.reason)[~plan.followers] != "cut").all()
    textures = found.textures.astype(np.float64)
    assert_allclose(found.energy, oracle.energy(model, textures), rtol=1e-5)
    assert_allclose(found.magnetization, textures.mean(axis=1), atol=1e-6)


COUNT = 2 * FAMILY
LOOSE = Schedule((replace(MINIMIZER.convergence, torque=0.02),) * COUNT, np.zeros(COUNT, dtype=bool))


def test_the_best_of_a_family_is_relaxed_tightly(device):
    """Which of the replicas converge with the least energy so far is plain from a run without this."""
    model = MODELS["kagome_tensor"]
    evaluator, s = Evaluator(model, device, np.float32, "direct"), oracle.random_textures(model, COUNT)
    plain = relax(MINIMIZER, evaluator, s, schedule=LOOSE)
    found = relax(MINIMIZER, evaluator, s, schedule=replace(LOOSE, tight=TIGHT))
    chosen, looks = found.tightened, -(-plain.steps // LOOK)  # after which each was found at rest
    for first in range(0, COUNT, FAMILY):
        own = np.arange(first, first + FAMILY)
        for k in own:
            others = own[(looks[own] <= looks[k]) & (own != k)]
            lowest = (plain.energy[k] < plain.energy[others]).all()
            assert chosen[k] == lowest
    assert_array_equal(found.textures[~chosen], plain.textures[~chosen])
    assert (found.steps[chosen] > plain.steps[chosen]).all()
    assert (
        found.energy[chosen] <= plain.energy[chosen] + 2e-7 * np.abs(plain.energy[chosen])
    ).all()  # single precision
    ended = chosen & found.converged
    assert ended.any()
    assert (found.torque[ended] < TIGHT.torque).all()


def test_a_family_whose_best_has_just_converged_lets_it_move_on(device):
    """It would end as soon as one of its replicas has converged; it ends when none better has done so for a while."""
    model = MODELS["triangular_j1_j3"]  # whose replicas arrive at ten different looks
    evaluator, s = Evaluator(model, device, np.float32, "direct"), oracle.random_textures(model, COUNT)
    everyone = Schedule((MINIMIZER.convergence,) * COUNT, LOOSE.followers)
    first = replace(everyone, left=1 - 1 / FAMILY)
    every, plain = (relax(MINIMIZER, evaluator, s, schedule=each) for each in (everyone, first))
    found = relax(MINIMIZER, evaluator, s, schedule=replace(first, tight=TIGHT))
    looks = np.where(every.converged, -(-every.steps // LOOK), np.inf)  # after which each was found at rest
    for begin in range(0, COUNT, FAMILY):
        own = slice(begin, begin + FAMILY)
        last = looks[own].min()
        assert set(plain.steps[own][cut(plain)[own]]) == {last * LOOK}
        best = every.energy[own][looks[own] == last].min()
        while (every.energy[own][looks[own] == last] <= best).any():
            best, last = every.energy[own][looks[own] <= last].min(), last + 1
        rest = cut(found)[own] & ~found.tightened[own]  # which have not rested meanwhile
        assert set(found.steps[own][rest]) == {last * LOOK}


def test_only_replicas_below_the_bound_are_relaxed_tightly(device):
    model = MODELS["kagome_tensor"]
    evaluator, s = Evaluator(model, device, np.float32, "direct"), oracle.random_textures(model, COUNT)
    plain = relax(MINIMIZER, evaluator, s, schedule=LOOSE)
    chosen = relax(MINIMIZER, evaluator, s, schedule=replace(LOOSE, tight=TIGHT)).tightened
    lowest = [first + np.argmin(np.where(chosen, plain.energy, np.inf)[first:][:FAMILY]) for first in (0, FAMILY)]
    bound = np.repeat(plain.energy[lowest] + (1e-6, 0.0), FAMILY)  # has to be below, not at it
    found = relax(MINIMIZER, evaluator, s, schedule=replace(LOOSE, tight=TIGHT, least=bound))
    assert_array_equal(np.flatnonzero(found.tightened), lowest[:1])


def test_joined_schedules_keep_their_bounds():
    one, other = scheduled(3, tight=TIGHT), replace(scheduled(2, tight=TIGHT), least=np.array([1.0, 1.0]))
    assert Schedule.joined([one, other]).bounds.tolist() == [np.inf, np.inf, np.inf, 1.0, 1.0]
    assert Schedule.joined([one, other]).tight == TIGHT


@pytest.mark.parametrize("minimizer", [MINIMIZER, LBFGS(MINIMIZER.convergence)], ids=["bb", "lbfgs"])
def test_every_replica_has_its_own_convergence(device, minimizer):
    """In one batch each rests where it would if all had its convergence."""
    model, count = square_bloch(), 12
    evaluator, s = Evaluator(model, device, np.float32), oracle.random_textures(model, count)
    kinds = [
        Convergence(torque=torque, variance=variance)
        for torque, variance in ((0.3, None), (0.01, None), (0.0, VarianceControl(10, relative=1e-3)))
    ]
    plan = Schedule(tuple(kinds * 4), np.zeros(count, dtype=bool))
    mixed = relax(minimizer, evaluator, s, schedule=plan)
    for k, kind in enumerate(kinds):
        alone = relax(replace(minimizer, convergence=kind), evaluator, s)
        assert_array_equal(mixed.textures[k::3], alone.textures[k::3])
        assert_array_equal(mixed.steps[k::3], alone.steps[k::3])
    assert len({mixed.steps[k::3].max() for k in range(3)}) == 3
