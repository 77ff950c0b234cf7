"""Every reference method by the same laws, and each by its own."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import oracle
import pytest
from models import MODELS, kagome_tensor, left_handed, square_bloch
from numpy.testing import assert_allclose, assert_array_equal
from statistics_of import assert_lower

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.operators.crystal import Crystal
from magsearch.randomness import Consumer, keyed
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.motion import Motion
from magsearch.relaxation.relax import Method, relax
from magsearch.search import lockstep
from magsearch.search.island import GeneticTunneling, Island
from magsearch.thermal.basin_hopping import BasinHopping
from magsearch.thermal.heat_bath import HeatBath, energies, random_textures
from magsearch.thermal.parallel_tempering import ParallelTempering
from magsearch.thermal.population_annealing import PopulationAnnealing, effective, systematic
from magsearch.thermal.random_restarts import RandomRestarts
from magsearch.thermal.simulated_annealing import Geometric, Linear, SimulatedAnnealing
from magsearch.units import K_B

KEY = (3, 20261124)
METHODS: dict[str, Any] = {
    "annealing": SimulatedAnnealing(sweeps=400),
    "linear annealing": SimulatedAnnealing(Linear(coldest=0.1), sweeps=300, reflections=1),
    "tempering": ParallelTempering(sweeps=400),
    "short ladders": ParallelTempering(sweeps=200, rungs=4, every=2, reflections=1),
    "population annealing": PopulationAnnealing(sweeps=4),
    "restarts": RandomRestarts(restarts=6),
    "hopping": BasinHopping(hops=8),
    "hot hopping": BasinHopping(hops=8, temperature=50.0, minimizer=LBFGS()),
}
REPLICAS = 20


@pytest.fixture(params=list(METHODS))
def method(request: pytest.FixtureRequest) -> Any:
    return METHODS[request.param]


def lowest(model: Any, device: Any) -> float:
    """The lowest of very many random starts, meV."""
    evaluator = Evaluator(model, device, np.float64)
    return float(relax(BarzilaiBorwein(), evaluator, random_textures(evaluator, 600, (9, 9))).energy.min())


def test_turns_of_a_stream_do_not_overlap():
    """Exchanges of one turn must not be decided by the numbers of the turn before."""
    draws = np.concatenate([keyed(KEY, Consumer.EXCHANGE, turn).random(50) for turn in range(20)])
    assert len(np.unique(draws)) == len(draws)


# -- laws that hold for every method -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["kagome_tensor", "left_handed", "disordered", "single_layer"])
def test_the_ground_state_of_a_small_frustrated_model_is_found(name, method, device):
    """By the best replica; what is reported of each is what its texture has."""
    model = MODELS[name]
    evaluator = Evaluator(model, device, np.float64)
    found = relax(method, evaluator, oracle.random_textures(model, REPLICAS), key=KEY)
    assert found.textures.shape == (REPLICAS, model.lattice.sites, 3)
    assert found.energy.min() == pytest.approx(lowest(model, device), rel=1e-6)
    assert_allclose(found.energy, oracle.energy(model, found.textures), rtol=1e-10)
    assert_allclose(found.magnetization, found.textures.mean(axis=1), atol=1e-10)
    assert_allclose(np.linalg.norm(found.textures, axis=2), np.tile(model.occupied, (REPLICAS, 1)), atol=1e-12)
    assert set(found.reason) <= {"torque", "variance", "moving"}
    assert (found.steps > 100).all()
    assert found.evaluations == found.steps.sum()


def test_the_same_key_gives_the_same_bits_and_another_does_not(method, device, real):
    model = kagome_tensor()
    evaluator, s = Evaluator(model, device, real), oracle.random_textures(model, REPLICAS)
    one, same, other = (relax(method, evaluator, s, key=key) for key in (KEY, KEY, (KEY[0], 1)))
    assert_array_equal(one.textures, same.textures)
    assert_array_equal(one.energy, same.energy)
    assert (one.textures != other.textures).any()


def test_a_method_is_told_from_a_minimiser(method):
    assert isinstance(method, Method)
    assert not isinstance(BarzilaiBorwein(), Method)
    assert not isinstance(HeatBath(), Method)


def test_a_field_of_its_own_for_every_replica(method, device):
    """Fields far beyond all couplings: every replica follows its own; populations and ladders share one."""
    model = square_bloch()
    tesla = np.tile([0.0, 0.0, 400.0], (REPLICAS, 1))
    if isinstance(method, SimulatedAnnealing | RandomRestarts | BasinHopping):
        tesla[::2] *= -1
    found = relax(method, Evaluator(model, device), oracle.random_textures(model, REPLICAS), tesla, key=KEY)
    assert_allclose(found.magnetization[:, 2], np.sign(tesla[:, 2]), atol=0.01)


def test_a_watch_is_heard(method, device):
    class Enough(Exception):
        pass

    calls = []

    def watch() -> None:
        calls.append(1)
        if len(calls) > 5:
            raise Enough

    with pytest.raises(Enough):
        relax(method, Evaluator(square_bloch(), device), oracle.random_textures(square_bloch(), REPLICAS), None, watch)


@pytest.mark.parametrize("name", ["heat bath", *METHODS])
def test_every_method_is_an_islands_back_end(name):
    """An island with it repeats itself bit by bit, and finds the ground state."""
    model = left_handed()
    backend = METHODS.get(name, HeatBath(0.5, Convergence(steps=200)))
    settings = GeneticTunneling(replicas=REPLICAS, elites=4, minimizer=backend)

    def island() -> Island:
        return Island(Crystal(model, Cpu()), Evaluator(model, Cpu()), settings)

    one, other = island(), island()
    for _ in range(2):
        assert one.breed() == other.breed()
    assert one.candidates[0].energy == pytest.approx(lowest(model, Cpu()), rel=1e-4)


def test_generations_of_an_island_draw_other_numbers(monkeypatch):
    keys = []
    monkeypatch.setattr(lockstep, "relax", lambda *a, **k: keys.append(a[5]) or relax(*a, **k))
    model = left_handed()
    for seed in (1, 2):
        for number in (0, 1):
            island = Island(Crystal(model, Cpu()), Evaluator(model, Cpu()), GeneticTunneling(8, 2, seed), number)
            for _ in range(2):
                island.breed()
    assert len(keys) == len(set(keys)) == 8, "a relaxation in each of eight generations"


@pytest.mark.parametrize(
    "kind", [SimulatedAnnealing, ParallelTempering, PopulationAnnealing, RandomRestarts, BasinHopping]
)
def test_a_minimiser_that_draws_has_numbers_of_its_own_each_time(kind, device, monkeypatch):
    """Not those of the sweeps before it, nor those of its last turn."""
    keys = []
    begin = HeatBath.begin
    monkeypatch.setattr(HeatBath, "begin", lambda self, motion: keys.append(motion.key) or begin(self, motion))
    method = kind(minimizer=HeatBath(1.0, Convergence(0.0, 3, None)))
    evaluator, s = Evaluator(square_bloch(), device), oracle.random_textures(square_bloch(), 4)
    relax(method, evaluator, s, key=KEY)
    assert len(keys) == {RandomRestarts: 11, BasinHopping: 21}.get(kind, 1)
    assert len({KEY, *keys}) == len(keys) + 1


# -- annealing ---------------------------------------------------------------------------------------------------------


def test_schedules_fall_from_the_hottest_to_the_coldest():
    for schedule in (Geometric(100.0, 0.1), Linear(100.0, 0.1)):
        path = [schedule(part, 5.0) for part in np.linspace(0, 1, 11)]
        assert_allclose([path[0], path[-1]], [100.0, 0.1])
        assert (np.diff(path) < 0).all()
    assert Geometric(100.0, 1.0)(0.5, 5.0) == pytest.approx(10.0)
    assert Linear(100.0, 1.0)(0.5, 5.0) == pytest.approx(50.5)
    assert Geometric()(0.0, 5.0) == pytest.approx(5.0)
    assert Linear()(1.0, 5.0) == pytest.approx(0.005)


@pytest.mark.parametrize(("hottest", "coldest"), [(1.0, 2.0), (1.0, 0.0), (-3.0, -4.0)])
def test_temperatures_that_do_not_fall_are_refused(hottest, coldest, device):
    evaluator, s = Evaluator(square_bloch(), device), oracle.random_textures(square_bloch(), 4)
    for method in (SimulatedAnnealing(Geometric(hottest, coldest)), ParallelTempering(hottest, coldest)):
        with pytest.raises(ValueError, match="temperatures fall from"):
            relax(method, evaluator, s)


def test_slow_cooling_is_better_than_fast_cooling_and_quenching(device):
    """The mean over replicas, which a quench leaves in the first minimum that it meets."""
    model = left_handed()
    evaluator, s = Evaluator(model, device), oracle.random_textures(model, 256)
    quenched = relax(BarzilaiBorwein(), evaluator, s).energy
    fast, slow = (relax(SimulatedAnnealing(sweeps=n), evaluator, s, key=KEY).energy for n in (20, 1000))
    assert_lower(slow, fast)
    assert_lower(slow, quenched)


# -- tempering ---------------------------------------------------------------------------------------------------------


def test_ladders_must_come_out_even(device):
    with pytest.raises(ValueError, match="20 replicas do not make whole ladders of 8 rungs"):
        relax(ParallelTempering(rungs=8), Evaluator(square_bloch(), device), oracle.random_textures(square_bloch(), 20))


def test_every_rung_is_taken_and_replicas_wander(device):
    """Exchanges permute: each ladder keeps its own replicas, and each replica sees cold and hot."""
    model = square_bloch()
    motion = Motion.start(Evaluator(model, device), oracle.random_textures(model, 16), key=KEY)
    ladder = ParallelTempering(hottest=40.0, coldest=5.0, rungs=8, sweeps=2000)
    kelvin = ladder.temperatures(motion.evaluator, 16)
    assert_allclose(kelvin[[0, -1]], [5.0, 40.0])
    visited = np.zeros((16, 8), bool)
    for rungs in ladder.climb(motion, 16):
        assert_array_equal(np.sort(rungs.replica, axis=1), [np.arange(8), np.arange(8, 16)])
        at = np.empty(16)
        at[rungs.replica] = kelvin
        assert_allclose(device.host(motion.flat["kT"])[:16], K_B * at, rtol=1e-6)
        assert_array_equal(energies(motion)[rungs.replica], rungs.energy)
        for rung in range(8):
            visited[rungs.replica[:, rung], rung] = True
    assert visited.all()


# -- population annealing ----------------------------------------------------------------------------------------------


def test_systematic_resampling_is_fair_to_less_than_one_copy():
    rng = np.random.default_rng(0)
    weights = rng.exponential(size=50)
    share = 50 * weights / weights.sum()
    copies = np.array([np.bincount(systematic(weights, u), minlength=50) for u in (np.arange(2000) + 0.5) / 2000])
    assert (copies.sum(axis=1) == 50).all()
    assert (np.abs(copies - share) < 1).all()
    assert_allclose(copies.mean(axis=0), share, atol=5e-3)  # 2000 offsets resolve 1/2000
    assert_array_equal(systematic(np.ones(7), 0.3), np.arange(7))


def test_a_population_shares_one_field(device):
    evaluator, s = Evaluator(square_bloch(), device), oracle.random_textures(square_bloch(), 4)
    with pytest.raises(ValueError, match="share one field"):
        relax(PopulationAnnealing(), evaluator, s, [[0, 0, 1], [0, 0, 2], [0, 0, 1], [0, 0, 1]])


def test_the_effective_share_of_weights():
    assert effective(np.zeros(10)) == pytest.approx(1.0)
    assert effective(np.array([0.0, -1e9, -1e9, -1e9])) == pytest.approx(0.25)
    assert effective(np.array([1000.0, 1000.0])) == pytest.approx(1.0)


def test_steps_leave_the_asked_share_of_the_population(device):
    model = square_bloch()
    evaluator = Evaluator(model, device)
    found = PopulationAnnealing(coldest=2.0, share=0.7, sweeps=2).anneal(evaluator, 64, key=KEY)
    assert found.beta[0] == 0
    assert found.beta[-1] == pytest.approx(1 / (K_B * 2.0))
    steps = np.diff(found.beta)
    assert (steps > 0).all()
    energy = oracle.energy(model, device.host(random_textures(evaluator, 64, KEY)).astype(np.float64))
    assert effective(-steps[0] * energy) == pytest.approx(0.7, abs=1e-3)
    finer = PopulationAnnealing(coldest=2.0, share=0.95, sweeps=2).anneal(evaluator, 64, key=KEY)
    assert len(finer.beta) > 1.5 * len(found.beta)
    assert found.families[0] == 1
    assert 1 < found.families[-1] <= 64


@pytest.mark.parametrize("settings", [{"coldest": 0.0}, {"share": 0.0}, {"share": 1.0}])
def test_population_annealing_that_leads_nowhere_is_refused(settings, device):
    with pytest.raises(ValueError, match="expected T > 0 and 0 < share < 1"):
        PopulationAnnealing(**settings).anneal(Evaluator(square_bloch(), device), 8)


# -- restarts and hopping ----------------------------------------------------------------------------------------------


def test_more_tries_never_make_a_replica_worse(device):
    model = left_handed()
    evaluator, s = Evaluator(model, device, np.float64), oracle.random_textures(model, 16)
    hot = BasinHopping(temperature=90.0)
    for kind, count in ((RandomRestarts(), "restarts"), (BasinHopping(), "hops"), (hot, "hops")):
        path = [relax(replace(kind, **{count: n}), evaluator, s, key=KEY) for n in (0, 2, 6)]
        assert_array_equal(path[0].textures, relax(BarzilaiBorwein(), evaluator, s).textures)
        for fewer, more in pairwise(path):
            assert (more.energy <= fewer.energy).all()
            assert (more.energy < fewer.energy).any()
            assert (more.steps > fewer.steps).all()
