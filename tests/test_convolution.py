"""The convolution on a GPU: transforms of lines in shared memory, the iteration fused with them, and cuFFT's path."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle
import pytest
from models import MODELS, exchange, shell_bonds
from numpy.testing import assert_allclose, assert_array_equal
from simulated import backwards

from magsearch.engine.convolution import HELD, THREADS, LinePlan, Lines, factors, passes, roots
from magsearch.engine.cpu import Cpu
from magsearch.engine.cuda import Cuda
from magsearch.engine.device import Device
from magsearch.engine.evaluator import Evaluator
from magsearch.engine.path import choose_path, cost
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.motion import Motion
from magsearch.relaxation.relax import relax

TOLERANCE = {np.float32: 2e-6, np.float64: 1e-13}


def smooth(n: int) -> bool:
    """Whether n has no other prime factors than those of the transforms in shared memory."""
    return max(factors(n), default=1) <= 7


@pytest.fixture(scope="module")
def gpu(request: pytest.FixtureRequest) -> Device:
    """A simulated GPU, whatever others there are: its launches can be counted."""
    from conftest import machine

    return machine("simulated")


def counts(device: Device) -> Any:
    return device.xp.counts


# -- transforms of lines -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 8, 14, 27, 36, 49, 50, 64, 100, 105, 128, 210, 343, 1024])
@pytest.mark.parametrize(("stride", "size"), [(1, 3), (2, 3), (1, 9)])
def test_lines_are_transformed(n, stride, size, gpu, real):
    """Along any axis, with any factors, there and back as NumPy does."""
    cells = n * stride * (2 if n < 100 else 1)
    lines = Lines.along(n, stride, size, cells, real, gpu)
    if lines is None:
        assert n * size > 4000, "a line that fits"
        return
    values = np.random.default_rng(n).normal(size=(1, cells, size, gpu.width)).astype(real)
    source, target = gpu.array(values, real), gpu.array(np.zeros_like(values), real)
    for back in (0, 1):
        w = gpu.array(roots(n, real), real)
        lines.bind(gpu, "transform_lines", real, source, target, w, back, *lines.layout, replicas=gpu.width)()
        waves = values.view(np.complex64 if real == np.float32 else np.complex128)
        waves = waves.reshape(-1, n, stride, size, gpu.width // 2)
        expected = np.fft.ifft(waves, axis=1, norm="forward") if back else np.fft.fft(waves, axis=1)
        found = gpu.host(target).view(waves.dtype).reshape(waves.shape)
        assert_allclose(found, expected, atol=TOLERANCE[real] * np.abs(expected).max())


@pytest.mark.parametrize("atoms", [1, 2, 5, 12])
def test_every_number_of_a_line_has_a_thread(atoms, real):
    """Whatever the length: no butterfly is left out, no block has more threads or memory than there are."""
    fits = 0
    for n in filter(smooth, range(1, 1200)):
        for size, sums in ((3, 8), (3 * atoms, 0)):
            lines = Lines.along(n, 1, size, n, real, Cuda, sums)
            if lines is None:
                continue
            fits += 1
            held = HELD * 4 // np.dtype(real).itemsize
            assert lines.size * lines.pairs * lines.strands <= THREADS
            assert 2 * n * size * lines.pairs * np.dtype(real).itemsize <= lines.shared <= Cuda.shared
            for p in factors(n):
                assert n // p <= lines.strands * ((held + p - 1) // max(p, 3))
    assert fits > 50


def test_the_length_of_a_line_is_what_shared_memory_allows():
    """A lattice whose sizes have other factors, or whose cells are too large, is left to cuFFT."""
    for size, atoms in (((100, 100, 1), 1), ((512, 512, 1), 1), ((1024, 7, 1), 2), ((12, 14, 15), 4), ((1, 1, 1), 1)):
        assert LinePlan.of(size, atoms, np.float32, Cuda) is not None
    for size, atoms in (((11, 4, 1), 1), ((4, 4, 26), 1), ((4096, 4, 1), 64)):
        assert LinePlan.of(size, atoms, np.float32, Cuda) is None


# -- fields ------------------------------------------------------------------------------------------------------------

SIZES = [(6, 1, 1), (1, 14, 1), (10, 7, 1), (16, 9, 1), (4, 3, 5), (1, 9, 2), (11, 3, 1), (13, 1, 1), (2, 11, 3)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", ["prime_box", "kagome_tensor", "honeycomb_dmi", "fcc_every_anisotropy"])
def test_the_field_is_that_of_the_formula(name, size, gpu, real):
    """One, two and three axes, several atoms, through shared memory and through cuFFT, more than one block."""
    model = MODELS[name].with_size(size)
    evaluator = Evaluator(model, gpu, real, "fourier")
    assert (evaluator.lines is None) == any(not smooth(n) for n in size)
    s = oracle.random_textures(model, gpu.width + 1)
    expected = oracle.field(model, s)
    assert_allclose(evaluator.field(s), expected, atol=TOLERANCE[real] * np.abs(expected).max())


# -- the fused iteration -----------------------------------------------------------------------------------------------


def triangular(size: tuple[int, int, int], shells: int = 4) -> Hamiltonian:
    lattice = Lattice.named("triangular", size)
    return Hamiltonian(lattice, shell_bonds(lattice, *[exchange((-1) ** k / (k + 1)) for k in range(shells)]))


@pytest.mark.parametrize("size", [(20, 1, 1), (10, 7, 1), (4, 3, 5)], ids=str)
@pytest.mark.parametrize("name", ["kagome_tensor", "fcc_every_anisotropy"])
def test_a_fused_step_is_the_step_in_parts(name, size, gpu):
    """The same textures as evaluation, preconditioner, rule and step one after the other, but for rounding."""
    model = MODELS[name].with_size(size)
    s, convergence = oracle.random_textures(model, 3), Convergence(0.0, 6, None)
    fused = Evaluator(model, gpu, np.float64, "fourier")
    parts = Evaluator(model, gpu, np.float64, "fourier")
    parts.__dict__["lines"] = None
    assert fused.lines is not None
    one, other = (relax(BarzilaiBorwein(convergence), evaluator, s) for evaluator in (fused, parts))
    assert_allclose(one.textures, other.textures, atol=1e-12)
    assert_allclose(one.energy, other.energy, rtol=1e-12)
    assert np.abs(one.textures - s).max() > 0.1


@pytest.mark.parametrize("size", [(20, 1, 1), (10, 7, 1)], ids=str)
def test_threads_and_blocks_run_in_any_order(size, gpu, real):
    """Bitwise: nothing is read before it is written, nothing is written twice."""
    model = MODELS["kagome_tensor"].with_size(size)
    s, convergence = oracle.random_textures(model, 3), Convergence(0.0, 4, None)
    forwards = relax(BarzilaiBorwein(convergence), Evaluator(model, gpu, real, "fourier"), s)
    with backwards():
        reverse = relax(BarzilaiBorwein(convergence), Evaluator(model, gpu, real, "fourier"), s)
    assert_array_equal(forwards.textures, reverse.textures)
    assert_array_equal(forwards.energy, reverse.energy)


# -- launches and passes -----------------------------------------------------------------------------------------------


def iteration(model: Hamiltonian, device: Device, replicas: int, softness: float = 0.001) -> tuple[Any, int]:
    """What one iteration asks of the device, and the bytes of an array as large as the population."""
    evaluator = Evaluator(model, device, np.float32, "fourier")
    motion = Motion.start(evaluator, oracle.random_textures(model, replicas))
    minimizer = BarzilaiBorwein(softness=softness)
    minimizer.begin(motion)
    (iterate,) = minimizer.iteration(motion)
    with counts(device).during() as found:
        iterate()
    return found, motion.blocked["spins"].nbytes


@pytest.mark.parametrize("replicas", [20, 64, 100])
def test_a_preconditioned_step_is_six_launches(replicas, gpu):
    """And no copy. Its launches name an array 13 times; 4 of these are read and written: 17 passes of at most 20."""
    found, array = iteration(triangular((12, 10, 1)), gpu, replicas)
    assert sum(found.launches.values()) == found.started == 6
    inplace = 4 * array  # waves in both convolutions and in the evaluation, spins in the step
    assert 17 * array <= found.bytes["launches"] + inplace <= 20 * array


def test_a_third_axis_takes_four_launches_more(gpu):
    found, _ = iteration(MODELS["prime_box"].with_size((4, 6, 5)), gpu, 32)
    assert sum(found.launches.values()) == found.started == 10


@pytest.mark.parametrize("replicas", [32, 64])
def test_cufft_transforms_blocks_without_copies(replicas, gpu):
    """A block is transformed there, multiplied and transformed back: ten passes, none of them a copy."""
    model = triangular((11, 13, 1))
    evaluator = Evaluator(model, gpu, np.float32, "fourier")
    spins = evaluator.spins(oracle.random_textures(model, replicas))
    launch = evaluator.convolution(spins, evaluator.modes, gpu.xp.empty_like(spins))
    with counts(gpu).during() as found:
        launch()
    assert found.transforms == {"13x11": 2 * replicas // 32}
    assert found.launches == {"multiply_modes<float>": replicas // 32}
    assert not found.kernels
    assert found.bytes["transforms"] + found.bytes["launches"] <= 11 * spins.nbytes
    assert passes(model.lattice.size, 1) == 10


# -- choice of path ----------------------------------------------------------------------------------------------------


def test_a_gpu_prefers_convolutions_to_shorter_lists_than_a_cpu():
    """The crossover of the model of a GPU is near 15 bonds; that of a CPU is where its transforms cost as much."""
    lattice = Lattice.named("square", (100, 100, 1))
    lists = {shells: Hamiltonian(lattice, shell_bonds(lattice, *[exchange(0.1)] * shells)) for shells in (1, 3, 5, 12)}
    assert [model.coordination for model in lists.values()] == [4, 12, 24, 68]
    assert [choose_path(model, Cuda) for model in lists.values()] == ["direct", "direct", "fourier", "fourier"]
    assert [choose_path(model, Cpu) for model in lists.values()] == ["direct", "direct", "direct", "fourier"]
    long = MODELS["prime_box"]
    costs = [cost(long.with_size(size), Cuda).fourier for size in ((1000, 1, 1), (20, 50, 1), (10, 10, 10))]
    assert costs[0] < costs[1] < costs[2]  # an axis more
    assert costs[1] < cost(long.with_size((22, 50, 1)), Cuda).fourier  # cuFFT


# -- races -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(4, 3, 1), (2, 2, 3), (6, 1, 1)], ids=str)
def test_threads_of_a_line_meet_before_they_read(size, gpu):
    """Small enough for threads of the system: make sanitize runs it under ThreadSanitizer, which would see a race."""
    model = MODELS["kagome_tensor"].with_size(size)
    s = oracle.random_textures(model, 2)
    relaxed = relax(BarzilaiBorwein(Convergence(0.0, 1, None)), Evaluator(model, gpu, np.float32, "fourier"), s)
    assert_allclose(relaxed.energy, oracle.energy(model, relaxed.textures.astype(float)), rtol=1e-5)
