"""Choosing a device, launching kernels with the right arguments, random numbers that depend on their counter only."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import Any

import numpy as np
import oracle
import pytest
import scipy.stats
from models import MODELS
from numpy.testing import assert_allclose, assert_array_equal
from simulated import backwards, simulated, stand_in
from statistics_of import RARE

from magsearch.engine import choice
from magsearch.engine.choice import choose
from magsearch.engine.cpu import Cpu
from magsearch.engine.cuda import Cuda
from magsearch.engine.device import exhausted
from magsearch.engine.evaluator import SUM, Evaluator
from magsearch.engine.kernels import KERNELS, constant, kernel_source, rows, signatures
from magsearch.relaxation.motion import THRESHOLDS

# -- choosing --------------------------------------------------------------------------------------------------------


def test_cpu_is_chosen_by_name():
    assert isinstance(choose("cpu"), Cpu)
    assert "thread" in choose("cpu").description


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:-1", "", "CPU", "cuda:1.5"])
def test_an_unknown_device_is_named(name):
    with pytest.raises(RuntimeError, match=f"unknown device '{name}'.*auto, cpu, cuda"):
        choose(name)


def test_without_cupy_the_way_to_get_it_is_told(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(choice, "DRIVER", tmp_path)
    for name in ("cuda", "cuda:1"):
        with pytest.raises(RuntimeError, match="no CuPy: pip install"):
            choose(name)
    assert isinstance(choose("auto"), Cpu)
    assert not choose("auto").note, "nothing speaks of a GPU"


def test_a_driver_without_cupy_is_worth_a_note(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(choice, "DRIVER", tmp_path)
    (tmp_path / "nvidia0").touch()
    assert choose("auto").note.startswith("no GPU is used: no CuPy: pip install")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"driver": True}, "CuPy sees no GPU: cudaErrorInsufficientDriver"),
        ({"nvrtc": True}, "cuda:0 cannot compile its kernels: RuntimeError: CuPy failed to load libnvrtc"),
        ({"cufft": True}, "cuda:0 cannot transform with cuFFT: ImportError: libcufft"),
        ({"allocation": 1}, "cuda:0 cannot run a kernel: OutOfMemoryError"),
    ],
    ids=["driver", "nvrtc", "cufft", "memory"],
)
def test_what_is_broken_is_told_in_one_line_when_a_gpu_is_chosen(monkeypatch, broken, said):
    """By name it is an error; otherwise the CPU is taken, with the same words."""
    with stand_in() as cupy:
        for name, value in ({"allocations": 0} | broken).items():
            monkeypatch.setattr(cupy.failures, name, value)
        with pytest.raises(RuntimeError, match=said) as caught:
            choose("cuda")
        assert "\n" not in str(caught.value)
        monkeypatch.setattr(cupy.failures, "allocations", 0)
        device = choose("auto")
        assert isinstance(device, Cpu)
        assert said in device.note


@pytest.mark.parametrize(("name", "count"), [("cuda:2", 2), ("cuda", 0)])
def test_a_gpu_that_is_not_there_is_not_replaced_by_another(monkeypatch, name, count):
    monkeypatch.setenv("STANDIN_GPUS", str(count))
    with stand_in(), pytest.raises(RuntimeError, match=f"{count} were found"):
        choose(name)


@pytest.mark.parametrize(
    ("gpus", "name", "place", "places", "index", "part"),
    [(1, "cuda", 0, 1, 0, 0), (1, "cuda", 1, 2, 0, 0.45), (2, "cuda", 3, 5, 1, 0.45), (2, "cuda", 4, 5, 0, 0.3),
     (4, "auto", 2, 4, 2, 0), (2, "cuda:1", 0, 3, 1, 0.3)],
)  # fmt: skip
def test_processes_share_gpus_and_their_memory(monkeypatch, gpus, name, place, places, index, part):
    """Each has its part of what a GPU has, so that none starves another; one alone has no limit."""
    monkeypatch.setenv("STANDIN_GPUS", str(gpus))
    with stand_in() as cupy:
        pool = cupy.get_default_memory_pool()
        try:
            assert choose(name, place, places).name == f"cuda:{index}"
            assert pool.get_limit() == int(part * pool.capacity)
        finally:
            pool.set_limit()
            cupy.cuda.Device(0).use()


def test_a_gpu_knows_what_room_it_has():
    device = simulated()
    pool = device.xp.get_default_memory_pool()
    free, total = device.memory()
    kept = device.xp.zeros(10**6)
    assert free - device.memory()[0] == kept.nbytes
    pool.set_limit(size=pool.used_bytes() + 4096)
    try:
        assert device.memory() == (4096, total)
    finally:
        pool.set_limit()
    assert Cpu().memory() is None


def test_downloads_do_not_overwrite_each_other(target):
    """They arrive in one piece of page-locked memory, which is used again."""
    arrays = [target.array(np.full((40, 50, n), n), real) for n in (3, 30) for real in (np.float64, np.float32)]
    for values, a in zip([target.host(a) for a in arrays], arrays, strict=True):
        assert values.dtype == a.dtype
        assert_array_equal(values, a.shape[-1])


def test_errors_of_exhausted_memory_are_known_by_their_numbers():
    class Numbered(RuntimeError):
        status = 2

    assert exhausted(MemoryError())
    assert exhausted(Numbered("cudaErrorMemoryAllocation"))
    assert not exhausted(RuntimeError("out of memory"))


def test_an_unknown_instruction_set_is_named(monkeypatch):
    monkeypatch.setenv("MAGSEARCH_ISA", "avx1024")
    with pytest.raises(RuntimeError, match=r"avx1024.*baseline"):
        choose("cpu")._module  # noqa: B018


# -- reading the kernel source -----------------------------------------------------------------------------------------


def test_the_text_is_one_unit_without_includes_of_its_own():
    assert '#include "' not in kernel_source()
    assert "#pragma once" not in kernel_source()
    for kernel in signatures():
        assert kernel_source().count(f"KERNEL {kernel}(") == (kernel != "convolve"), kernel


def test_every_kernel_says_what_it_takes():
    known = {"real", "double", "int", "uint32"}
    for kernel, types in signatures().items():
        assert types, kernel
        for declared in types:
            assert declared.removeprefix("const ").removesuffix("*") in known, (kernel, declared)


def test_rows_have_the_values_of_the_enumeration():
    assert list(rows("Sum")) == ["ENERGY", "FORCE2", "OVERLAP", "OTHER2", "MX", "MY", "MZ", "LARGEST2", "SUMS"]
    assert list(rows("Sum").values()) == list(range(9))
    assert rows("State")["ENERGY_NOW"] == 0
    assert rows("OnsiteRow") == {"MOMENT": 0, "QUADRATIC": 1, "ENTRIES": 10}  # with a number in the sum
    assert rows("State")["STATES"] == rows("State")["PAST"] + constant("memory")  # written so in rules.cuh
    with pytest.raises(KeyError, match="Nothing"):
        rows("Nothing")


def test_constants_are_those_of_the_text():
    assert constant("memory") > 1
    with pytest.raises(KeyError, match="nothing"):
        constant("nothing")


# -- launching -------------------------------------------------------------------------------------------------------


def advance(device: Any, **changed: Any) -> None:
    """A launch of ``advance_spins<float>`` on one block of three sites, with some arguments replaced."""
    xp, width = device.xp, device.width
    arguments = {
        "spins": xp.ones((1, 3, 3, width), np.float32),
        "force": xp.ones((1, 3, 3, width), np.float32),
        "step": xp.zeros(width, np.float32),
        "sites": 3,
        "chunk": device.chunk,
        "replicas": width,
    } | changed
    device.launch("advance_spins", np.float32, *arguments.values(), blocks=1, replicas=width)


def test_a_launch_with_the_right_arguments_runs(target):
    advance(target)
    advance(target, sites=np.int64(3), chunk=np.int32(target.chunk))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda xp, width: xp.ones((1, 3, 3, width), np.float64),
        lambda xp, width: xp.ones((1, 3, 3, width), np.int32),
        lambda xp, width: xp.ones((1, 3, 3, 2 * width), np.float32)[..., ::2],
        lambda xp, width: xp.ones((1, 3, width, 3), np.float32).swapaxes(2, 3),
        lambda xp, width: [1.0] * 9 * width,
        lambda xp, width: None,
        lambda xp, width: 1.0,
    ],
    ids=["double", "int", "strided", "transposed", "list", "nothing", "number"],
)
@pytest.mark.parametrize(("name", "place"), [("spins", 0), ("force", 1)])
def test_a_wrong_array_is_refused_and_named(target, wrong, name, place):
    with pytest.raises(TypeError, match=f"argument {place} of advance_spins must be a contiguous float32 array"):
        advance(target, **{name: wrong(target.xp, target.width)})


def test_an_array_that_may_not_be_written_is_refused():
    spins = np.ones((1, 3, 3, 16), np.float32)
    spins.flags.writeable = False
    with pytest.raises(TypeError):
        advance(Cpu(), spins=spins)
    advance(Cpu(), force=spins)  # an input may be read-only


@pytest.mark.parametrize("wrong", [2.5, "3", None, np.ones(3)], ids=["fraction", "text", "nothing", "array"])
def test_a_wrong_number_is_refused(target, wrong):
    with pytest.raises(TypeError):
        advance(target, sites=wrong)


def test_a_wrong_count_of_arguments_is_refused(target):
    with pytest.raises(TypeError, match="advance_spins takes 6 arguments, 7 were given"):
        advance(target, one_too_many=1)


def bound_descent(device: Any, spins: Any, force: Any, step: Any) -> Any:
    _, sites, _, width = spins.shape
    chunks = -(-sites // device.chunk)
    return device.bind(
        "advance_spins", np.float32, spins, force, step, sites, device.chunk, width, blocks=chunks, replicas=width
    )


def test_what_is_bound_can_be_run_again_on_what_its_arrays_hold_by_then(target):
    width = target.width
    random = np.random.default_rng(3).normal(size=(2, 1, 3, 3, width))
    once, again, force = (target.array(a, np.float32) for a in (random[0], random[0], random[1]))
    step = target.array(np.full(width, 0.1), np.float32)
    descent = bound_descent(target, again, force, step)
    assert_array_equal(target.host(again), target.host(once), "bound is not run")
    for length in (0.1, 0.3):
        step[...] = length
        target.launch("advance_spins", np.float32, once, force, step, 3, target.chunk, width, blocks=1, replicas=width)
        descent()
        assert_array_equal(target.host(again), target.host(once))
    assert (target.host(again) != random[0].astype(np.float32)).all()


def test_a_chain_runs_in_turn(target):
    """Towards a far point along x, then along y: the other way round ends elsewhere."""
    width = target.width
    along = [target.array(np.broadcast_to(np.eye(3)[k][:, None], (1, 1, 3, width)), np.float32) for k in range(3)]
    step = target.array(np.full(width, 2.0), np.float32)
    ends = []
    for first, second in ((0, 1), (1, 0)):
        spins = along[2].copy()
        parts = [bound_descent(target, spins, along[k], step) for k in (first, second)]
        target.chain(target.chain(parts[0]), parts[1])()
        ends.append(target.host(spins)[0, 0, :, 0])
    s = np.array([2.0, 0.0, 1.0]) / np.sqrt(5.0) + [0.0, 2.0, 0.0]
    assert_allclose(ends[0], s / np.linalg.norm(s), rtol=1e-6)
    assert_allclose(ends[1], ends[0][[1, 0, 2]], rtol=1e-6)


def test_what_is_bound_keeps_its_arrays(target):
    """The launch alone holds them: what is read and written later is neither freed nor given to somebody else."""
    width = target.width
    spins = target.array(np.broadcast_to(np.eye(3)[2][:, None], (1, 5000, 3, width)), np.float32)

    def bound() -> Any:
        force = target.array(np.broadcast_to(np.eye(3)[0][:, None], spins.shape), np.float32)
        return bound_descent(target, spins, force, target.array(np.ones(width), np.float32))

    descent = bound()
    others = [target.array(np.full(spins.shape, np.nan), np.float32) for _ in range(3)]
    descent()
    assert_allclose(target.host(spins)[0, :, 0], np.sqrt(0.5), rtol=1e-6)
    assert len(others) == 3


# -- every replica is handled once -----------------------------------------------------------------------------------


def rule(device: Any, kernel: str, real: Any, state: np.ndarray) -> np.ndarray:
    """``state`` after one launch of a minimiser's rule, on made-up sums."""
    replicas = state.shape[1]
    sums = np.random.default_rng(0).uniform(1, 2, size=(len(SUM) - 1, replicas))
    flat = [device.array(np.zeros(replicas), real) for _ in range(3)]
    tail = (100,)  # sites
    sums, state = device.array(sums, np.float64), device.array(state.copy(), np.float64)
    arguments = {
        "barzilai_borwein": (sums, 0, sums, state, flat[0], *tail, 0.1, 0.5, 1e-7, replicas),
        "velocity_projection": (sums, state, *flat, *tail, 0.1, 0.5, replicas),
        "fire": (sums, state, *flat, *tail, 0.1, 1.0, 0.5, replicas),
    }[kernel]
    device.launch(kernel, real, *arguments, blocks=1, replicas=replicas)
    return device.host(state)


@pytest.mark.parametrize("kernel", ["barzilai_borwein", "velocity_projection", "fire"])
def test_a_rule_is_applied_once_to_each_replica(target, real, kernel):
    """One launch, one step, on a grid of any shape; the same state on every machine."""
    state = rows("State")
    expected = found = np.zeros((state["PAST"] + constant("memory"), 64))
    expected[THRESHOLDS] = np.array([[50, 1e-9, 1e-20, 1e-20]]).T  # a window longer than the test
    for step in range(1, 8):
        expected, found = rule(Cpu(), kernel, real, expected), rule(target, kernel, real, found)
        assert_array_equal(found[state["STEPS"]], step)
        assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["triangular_j1_j3", "disordered"])
def test_threads_do_not_race(name, real):
    """Run in the opposite order, threads give bitwise identical results: none reads what another writes."""
    s = oracle.random_textures(MODELS[name], 40)
    answers, machine = [], simulated()
    for order in (nullcontext, backwards):
        with order():
            evaluator = Evaluator(MODELS[name], machine, real, "direct")
            spins = evaluator.spins(s)
            step = machine.array(np.full(evaluator.replicas(spins), 0.1), real)
            arguments = (spins, evaluator.spins(0.1 * s[::-1]), step, evaluator.sites, machine.chunk, len(step))
            machine.launch("advance_spins", real, *arguments, blocks=evaluator.chunks, replicas=len(step))
            sums = machine.array(np.random.default_rng(0).random((70, 3, 64)), np.float64)
            reduced = machine.host(evaluator.reduced(sums, 3, 1))
            answers.append((evaluator.sums(s), evaluator.field(s), machine.host(spins), reduced))
    for forth, back in zip(*answers, strict=True):
        assert_array_equal(forth, back)


# -- random numbers --------------------------------------------------------------------------------------------------


def philox(counter: tuple[int, ...], key: tuple[int, int], rounds: int = 10) -> tuple[int, ...]:
    """Philox 4x32 as the paper writes it: Salmon, Moraes, Dror & Shaw, SC'11, section 3.3."""
    (L0, R0, L1, R1), (k0, k1) = counter, key
    for _ in range(rounds):
        low, high = 0xD2511F53 * L0, 0xCD9E8D57 * L1
        L0, R0, L1, R1 = (high >> 32) ^ R0 ^ k0, high & 0xFFFFFFFF, (low >> 32) ^ R1 ^ k1, low & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return L0, R0, L1, R1


FULL = 0xFFFFFFFF
KNOWN_ANSWERS = [  # kat_vectors of Random123: counter, key, result
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((FULL,) * 4, (FULL, FULL), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]  # fmt: skip


def random_spins(device: Any, key: Any = (0, 0), stream: int = 0, island: int = 0, first: int = 0, sites: int = 5,
            blocks: int = 1, real: Any = np.float64) -> np.ndarray:  # fmt: skip
    """The kernel's textures, [replica, site, 3]."""
    replicas = blocks * device.width
    spins = device.xp.zeros((blocks, sites, 3, device.width), real)
    chunks = -(-sites // device.chunk)
    arguments = (spins, *key, stream, island, first, sites, device.chunk, replicas)
    device.launch("random_spins", real, *arguments, blocks=chunks, replicas=replicas)
    return device.host(spins).transpose(0, 3, 1, 2).reshape(replicas, sites, 3)


def bits(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two random words that a spin was made from."""
    z = np.rint((s[..., 2] + 1) / 2 * 2**32 - 0.5)
    angle = np.arctan2(s[..., 1], s[..., 0]) / (2 * np.pi) % 1
    return z, angle * 2**32 - 0.5


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_the_reference_has_the_published_answers(counter, key, answer):
    assert philox(counter, key) == answer


def test_philox_has_the_published_answer(target):
    """Counter and key zero: site 0 of replica 0."""
    z, angle = bits(random_spins(target)[0, 0])
    assert z == 0x6627E8D5
    assert angle == pytest.approx(0xE169C58D, abs=4)


@pytest.mark.parametrize(
    ("key", "stream", "island", "first"),
    [((0, 0), 0, 0, 0), ((FULL, FULL), FULL, FULL, -1), ((0xA4093822, 0x299F31D0), 0x13198A2E, 0x03707344, 0x7FFFFFE0)],
)
def test_philox_counts_sites_replicas_streams_and_islands(target, key, stream, island, first):
    """The counter is (site, replica, stream, island), each of 32 bits, and the sum first + k wraps."""
    found = random_spins(target, key, stream, island, first)
    words = np.array(
        [
            [philox((site, (first + k) & FULL, stream, island), key)[:2] for site in range(5)]
            for k in range(target.width)
        ]
    )
    z, angle = bits(found)
    assert_array_equal(z, words[..., 0])
    rho = np.sqrt(1 - found[..., 2] ** 2)
    assert (np.abs((angle - words[..., 1] + 2**31) % 2**32 - 2**31) * rho < 8).all()


def test_the_same_counter_gives_the_same_spins_in_any_population(target, real):
    whole = random_spins(target, (3, 4), 5, 6, blocks=3, sites=20, real=real)
    assert_array_equal(random_spins(target, (3, 4), 5, 6, blocks=3, sites=20, real=real), whole)
    w = target.width
    assert_array_equal(random_spins(target, (3, 4), 5, 6, first=w, blocks=1, sites=20, real=real), whole[w : 2 * w])
    assert_array_equal(random_spins(target, (3, 4), 5, 6, first=7, blocks=1, sites=20, real=real), whole[7 : 7 + w])
    assert_array_equal(random_spins(target, (3, 4), 5, 6, blocks=1, sites=9, real=real), whole[:w, :9])
    assert_allclose(
        random_spins(Cpu(), (3, 4), 5, 6, blocks=6, sites=20, real=real)[: len(whole)], whole[:96], atol=1e-6
    )


def test_every_part_of_the_counter_matters(target):
    draws = [random_spins(target, **change) for change in
             ({}, {"key": (1, 0)}, {"key": (0, 1)}, {"stream": 1}, {"island": 1}, {"first": target.width})]  # fmt: skip
    z = np.concatenate([d[..., 2].ravel() for d in draws])
    assert len(np.unique(z)) == len(z)


def test_scattered_spins_are_uniform_on_the_sphere(device, real):
    s = random_spins(device, (2026, 7), sites=500, blocks=4, real=real).astype(np.float64)
    assert_allclose(np.linalg.norm(s, axis=-1), 1, atol=1e-6 if real == np.float32 else 1e-15)
    flat = s.reshape(-1, 3)
    n = len(flat)
    assert (np.abs(flat.mean(0)) < 5 * np.sqrt(1 / (3 * n))).all()
    second = flat.T @ flat / n  # variances: 4/45 of a square, 1/15 of a product
    assert (np.abs(second - np.eye(3) / 3) < 5 * np.sqrt(np.where(np.eye(3), 4 / 45, 1 / 15) / n)).all()
    assert scipy.stats.kstest(flat[:, 2], "uniform", (-1, 2)).pvalue > RARE
    assert scipy.stats.kstest(np.arctan2(flat[:, 1], flat[:, 0]), "uniform", (-np.pi, 2 * np.pi)).pvalue > RARE
    for neighbours in ((s[:, 1:] * s[:, :-1]), (s[1:] * s[:-1])):  # of the next site, of the next replica
        cosine = neighbours.sum(-1)
        assert abs(cosine.mean()) < 5 * np.sqrt(1 / (3 * cosine.size))


def test_the_kernels_are_found_beside_the_package():
    assert (KERNELS / "portable.cuh").exists()
    assert isinstance(Cuda, type)
