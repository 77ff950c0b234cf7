"""Iterations on a GPU: launches, passes over memory and graphs are counted under the stand-in for CuPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle
import pytest
from models import MODELS
from numpy.testing import assert_allclose, assert_array_equal
from simulated import backwards, simulated, stand_in
from sweeping import swept

from magsearch.engine import sweep_order
from magsearch.engine.cpu import Cpu
from magsearch.engine.cuda import Cuda
from magsearch.engine.evaluator import Evaluator
from magsearch.engine.graph import Chain, Fixed
from magsearch.minima.hessian import Hessian
from magsearch.minima.lanczos import Lanczos
from magsearch.relaxation import barzilai_borwein
from magsearch.relaxation.barzilai_borwein import FEW, BarzilaiBorwein
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.fire import Fire
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.motion import Cycle, Motion
from magsearch.relaxation.relax import relax
from magsearch.thermal.heat_bath import HeatBath

FUSED = [name for name, model in MODELS.items() if model.coordination <= FEW]
ENDLESS = Convergence(torque=0.0, steps=10**6, variance=None)


@pytest.fixture(scope="module")
def gpu() -> Cuda:
    return simulated()


@pytest.fixture(scope="module")
def counts(gpu) -> Any:
    with stand_in() as cupy:
        return cupy.counts


def cycle_of(minimizer: Any, gpu: Cuda, name: str, replicas: int, real: Any = np.float32) -> Cycle:
    motion = Motion.start(Evaluator(MODELS[name], gpu, real, "direct"), oracle.random_textures(MODELS[name], replicas))
    minimizer.begin(motion)
    return Cycle(motion, minimizer.iteration(motion))


# -- what an iteration costs -----------------------------------------------------------------------------------------


def test_an_iteration_is_two_launches_and_four_passes(gpu, counts):
    """Spins and forces are read, and written, once; sums are small."""
    cycle = cycle_of(BarzilaiBorwein(ENDLESS), gpu, "triangular_j1_j3", 33)
    with counts.during() as found:
        cycle.run(20)
    assert found.launches == {"choose_step<float>": 20, "advance_and_evaluate<float>": 20}
    assert found.started == 40
    assert not found.waits
    spins, sums = cycle.motion.blocked["spins"].nbytes, cycle.motion.sums.nbytes
    small = 8 * 340 * (18 + 2) + cycle.motion.flat["state"].nbytes  # bonds, states
    assert 4 * spins < found.passes / 20 <= 4 * spins + 2 * sums + small
    assert sums < spins / 5


@pytest.mark.parametrize(("minimizer", "most"), [(Fire, 4), (LBFGS, 6)])
def test_other_minimisers_take_few_launches(minimizer, most, gpu, counts):
    cycle = cycle_of(minimizer(ENDLESS), gpu, "square_bloch", 5)
    with counts.during() as found:
        cycle.run(6)
    assert found.started == 6 * most


def test_memory_of_a_step_is_sixty_bytes_a_spin(gpu, counts):
    """Spins, forces, forces once more, sums, and the textures, which are the second spins while they move."""
    model = MODELS["triangular_j1_j3"]
    evaluator = Evaluator(model, gpu, np.float32, "direct")
    s = oracle.random_textures(model, 64)
    with stand_in() as cupy:
        pool = cupy.get_default_memory_pool()
    evaluator.energies(s[:1])  # couplings
    before = pool.used_bytes()
    motion = Motion.start(evaluator, s)
    BarzilaiBorwein().begin(motion)
    cycle = Cycle(motion, BarzilaiBorwein().iteration(motion))
    pool.reset_peak()
    cycle.run(20)
    cycle.run(20)
    state = motion.flat["state"].nbytes
    assert pool.peak - before - state <= 60 * model.lattice.sites * 64
    assert BarzilaiBorwein().vectors(model, "direct", Cuda) == 1
    assert BarzilaiBorwein().vectors(model, "direct", Cpu) == 0


# -- and that it is the same iteration -------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2, 21])
@pytest.mark.parametrize("name", FUSED)
def test_a_fused_step_is_a_step(name, steps, gpu, monkeypatch):
    """As that of a CPU, and as that in several launches, to rounding."""
    model = MODELS[name]
    s, minimizer = oracle.random_textures(model, 3), BarzilaiBorwein(Convergence(torque=0.0, steps=steps))
    fused = relax(minimizer, Evaluator(model, gpu, np.float64, "direct"), s)
    cpu = relax(minimizer, Evaluator(model, Cpu(), np.float64, "direct"), s)
    monkeypatch.setattr(barzilai_borwein, "FEW", -1)
    apart = relax(minimizer, Evaluator(model, gpu, np.float64, "direct"), s)
    for other in (cpu, apart):
        assert_allclose(fused.textures, other.textures, atol=1e-9)
        assert_allclose(fused.energy, other.energy, rtol=1e-12)
        assert_array_equal(fused.steps, other.steps)


def test_replicas_do_not_mind_their_company(gpu, real):
    """Bitwise, with padding, and where most of them converge and are removed."""
    model = MODELS["square_bloch"]
    evaluator = Evaluator(model, gpu, real, "direct")
    s = oracle.random_textures(model, 70)
    s[:50] = s[50]
    s[:50, :, :] = np.array([0.0, 0.0, 1.0])  # converges soon
    minimizer = BarzilaiBorwein(Convergence(torque=1e-5, steps=61, variance=None))
    whole = relax(minimizer, evaluator, s)
    assert len(set(whole.steps)) > 1
    for part in (slice(50, 70), slice(60, 61)):
        alone = relax(minimizer, evaluator, s[part])
        assert_array_equal(alone.textures, whole.textures[part])
        assert_array_equal(alone.energy, whole.energy[part])


def test_blocks_of_threads_do_not_race(gpu, real):
    """Run in the opposite order, they give bitwise identical results."""
    model, minimizer = MODELS["square_bloch"], BarzilaiBorwein(Convergence(torque=0.0, steps=7))
    s = oracle.random_textures(model, 40)
    forth = relax(minimizer, Evaluator(model, gpu, real, "direct"), s)
    with backwards():
        back = relax(minimizer, Evaluator(model, gpu, real, "direct"), s)
    assert_array_equal(forth.textures, back.textures)


# -- graphs ----------------------------------------------------------------------------------------------------------


def test_twenty_iterations_are_one_graph(gpu, counts):
    for minimizer in (BarzilaiBorwein(ENDLESS), LBFGS(ENDLESS), Fire(ENDLESS), HeatBath(5.0, ENDLESS)):
        cycle = cycle_of(minimizer, gpu, "square_bloch", 3)
        for _ in range(6):  # L-BFGS: 20 iterations begin in three different turns; each runs once before it is recorded
            cycle.run(20)
        with counts.during() as found:
            cycle.run(20)
            cycle.run(20)
        assert found.graphs["launch"] == 2, minimizer.name
        assert not found.waits, minimizer.name


def test_a_step_of_lanczos_is_a_graph(gpu, counts):
    model = MODELS["triangular_j1_j3"]
    evaluator = Evaluator(model, gpu, np.float64, "direct")
    s = oracle.random_textures(model, 1)
    recursion = Lanczos(Hessian(evaluator, s), s[0][:, ::-1], 60)
    with counts.during() as found:
        recursion.run(60)
    assert found.graphs["launch"] > 50


@pytest.mark.parametrize("minimizer", [BarzilaiBorwein, LBFGS, Fire, lambda c: HeatBath(5.0, c, 1)])
def test_graphs_do_what_their_launches_do(minimizer, gpu, monkeypatch):
    model = MODELS["square_bloch"]
    s = oracle.random_textures(model, 3)
    convergence = Convergence(torque=0.0, steps=150, variance=None)
    graphs = relax(minimizer(convergence), Evaluator(model, gpu, np.float32, "direct"), s)
    monkeypatch.setattr(gpu, "graphs", False)
    launches = relax(minimizer(convergence), Evaluator(model, gpu, np.float32, "direct"), s)
    assert_array_equal(graphs.textures, launches.textures)
    assert_array_equal(graphs.energy, launches.energy)


def test_a_chain_is_recorded_when_it_runs_again_if_all_of_it_can_be(gpu, counts):
    numbers = gpu.array(np.ones((2, 32)), np.float64)
    clear = [gpu.bind("zero_sums", np.float32, numbers[k], 1, 32, blocks=1, replicas=32) for k in (0, 1)]
    assert all(isinstance(launch, Fixed) for launch in clear)
    called: list[int] = []
    for chain, graphs in (
        (gpu.chain(*clear), 2),
        (gpu.chain(gpu.chain(clear[0]), clear[1]), 2),
        (gpu.chain(*clear, lambda: called.append(1)), 0),
    ):
        assert isinstance(chain, Chain)
        with counts.during() as found:
            for _ in range(3):
                numbers[...] = 1.0
                chain()
                assert not gpu.host(numbers).any()
        assert found.graphs["launch"] == graphs
        assert found.launches["zero_sums<float>"] == 6
    assert len(called) == 3


def test_what_a_graph_cannot_repeat_is_refused(gpu):
    """An allocation, a copy to the host."""
    numbers = gpu.array(np.ones(4), np.float64)
    for wrong in (lambda: gpu.host(numbers), lambda: numbers.sum().get()):
        chain = gpu.chain(Fixed(lambda: None), Fixed(wrong))
        chain()
        with pytest.raises(RuntimeError, match="cudaErrorStreamCapture"):
            chain()


def test_without_graphs_the_device_says_so():
    with stand_in() as cupy, pytest.MonkeyPatch.context() as patch:

        def refuse(self: Any, mode: Any = None) -> None:
            raise RuntimeError("cudaErrorStreamCaptureUnsupported")

        patch.setattr(cupy.cuda.Stream, "begin_capture", refuse)
        device = Cuda()
    assert not device.graphs
    assert "without CUDA graphs: cudaErrorStreamCaptureUnsupported" in device.description
    model = MODELS["square_bloch"]
    relaxed = relax(BarzilaiBorwein(Convergence(steps=50)), Evaluator(model, device), oracle.random_textures(model, 2))
    assert_allclose(relaxed.energy, oracle.energy(model, relaxed.textures.astype(np.float64)), rtol=1e-5)


# -- long lists of bonds ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["kagome_tensor", "disordered"])
def test_warps_that_share_the_bonds_of_a_site_sum_all_of_them(name, gpu, monkeypatch):
    alone = swept(MODELS[name], gpu, np.float64, 5, sweeps=2)
    monkeypatch.setattr(sweep_order, "LONG", 1)
    assert_allclose(swept(MODELS[name], gpu, np.float64, 5, sweeps=2), alone, atol=1e-12)
    with backwards():
        assert_allclose(swept(MODELS[name], gpu, np.float64, 5, sweeps=2), alone, atol=1e-12)
