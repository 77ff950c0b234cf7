"""The stand-in for CuPy keeps CuPy's rules, and counts what it is asked to do."""

from __future__ import annotations

import gc
import importlib
import inspect
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from simulated import stand_in

with stand_in() as cp:
    transforms = importlib.import_module("cupyx.scipy.fft")
    fftn, ifftn, rfftn, irfftn = transforms.fftn, transforms.ifftn, transforms.rfftn, transforms.irfftn
    get_fft_plan = transforms.get_fft_plan
    declared = importlib.import_module("cupy.functions").declared
    SIGNATURES = importlib.import_module("cupy.functions").SIGNATURES
    Failures = importlib.import_module("cupy.failures").Failures

random = np.random.default_rng(8)


def on_device(values: Any) -> Any:
    return cp.asarray(values)


# -- CuPy itself -----------------------------------------------------------------------------------------------------


def test_functions_have_the_arguments_of_cupy():
    """Needs CuPy, no GPU: pip install cupy-cuda13x."""
    real = pytest.importorskip("cupy", minversion="14.2", exc_type=ImportError)
    for name, ours in map(declared, SIGNATURES):
        theirs = inspect.signature(getattr(real, name))
        assert list(ours.parameters) == list(theirs.parameters), name
        for parameter in ours.parameters.values():
            assert parameter.default == theirs.parameters[parameter.name].default, (name, parameter)


def test_there_is_nothing_that_cupy_has_not():
    """Needs CuPy, no GPU."""
    real = pytest.importorskip("cupy", minversion="14.2", exc_type=ImportError)
    ours = {"arrays", "counts", "creation", "failures", "functions", "memory", "module", "queue", "FUNCTIONS"}
    for name in set(vars(cp)) - ours - {"annotations", "get_default_memory_pool"}:
        assert name.startswith("__") or hasattr(real, name), name
    own = {"a", "of", "over"}
    for name in set(vars(cp.ndarray)) - own:
        assert name.startswith("_") or hasattr(real.ndarray, name), name


# -- arrays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        lambda a, host: np.asarray(a),
        lambda a, host: a + host,
        lambda a, host: host + a,
        lambda a, host: np.add(a, host),
        lambda a, host: cp.where(a > 0, a, host),
        lambda a, host: cp.concatenate([a, host]),
        lambda a, host: cp.sqrt(host),
        lambda a, host: cp.empty_like(host),
        lambda a, host: cp.sum(a, axis=0, where=a > 0),
        lambda a, host: a.astype(np.float32, casting="unsafe"),
    ],
)
def test_nothing_mixes_the_device_with_the_host(wrong):
    with pytest.raises(TypeError):
        wrong(on_device(np.ones((2, 3))), np.ones((2, 3)))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda a: a.__setitem__(slice(None), np.ones((2, 3))), ValueError),
        (lambda a: a.__setitem__(0, [1.0, 2.0, 3.0]), ValueError),
        (lambda a: a.fill(np.ones(2)), ValueError),
        (lambda a: bool(a), ValueError),
        (lambda a: a[5], IndexError),
        (lambda a: a[1.5], IndexError),
        (lambda a: a[on_device(np.array([0.5]))], IndexError),
        (lambda a: a[:, ::2].view(np.float32), ValueError),
        (lambda a: len(a[0, 0]), TypeError),
        (lambda a: cp.array(np.array(["a"])), ValueError),
        (lambda a: a.get(out=np.empty((2, 3), np.float32)), TypeError),
        (lambda a: a.get(out=np.empty((3, 2))), ValueError),
        (lambda a: a.sort(kind="quicksort"), ValueError),
    ],
)
def test_what_cupy_refuses_is_refused(wrong, error):
    with pytest.raises(error):
        wrong(on_device(np.ones((2, 3))))


def test_computations_agree_with_numpy():
    x, y = random.normal(size=(2, 4, 3))
    index = np.array([2, 0, 1])
    a, b, i = on_device(x), on_device(y), on_device(index)
    pairs = [
        (a + 2 * b - b / 3, x + 2 * y - y / 3),
        (a[i], x[index]),
        (a[1], x[1]),
        (a[:, 1:], x[:, 1:]),
        (a[None, ..., 0], x[None, ..., 0]),
        (a[a > 0], x[x > 0]),
        (cp.einsum("ij,kj->ik", a, b), x @ y.T),
        (a @ b.T, x @ y.T),
        (cp.linalg.norm(a, axis=-1), np.linalg.norm(x, axis=-1)),
        (np.linalg.norm(a, axis=-1), np.linalg.norm(x, axis=-1)),
        (np.cross(a, b), np.cross(x, y)),
        (cp.argsort(a, axis=0), np.argsort(x, axis=0)),
        (cp.moveaxis(a, 0, 1), x.T),
        (a.sum(axis=0), x.sum(axis=0)),
        (cp.where(a > b, a, 0.0), np.where(x > y, x, 0.0)),
        (cp.take_along_axis(a, cp.argsort(a, axis=1), 1), np.sort(x, axis=1)),
        (cp.arange(4), np.arange(4)),
        (-abs(a), -abs(x)),
    ]
    for found, expected in pairs:
        assert isinstance(found, cp.ndarray)
        assert_allclose(found.get(), expected, rtol=1e-14)
    assert a.max().shape == ()
    assert float(a.max()) == x.max()
    assert a[0, 0].base is a


def test_views_share_memory_and_copies_do_not():
    a = cp.zeros((2, 3))
    for view in (a.T, a.reshape(3, 2), a[0], a.view(np.int64), a.swapaxes(0, 1), cp.moveaxis(a, 0, 1), a.ravel()):
        assert view.base is a
    for copy in (a.copy(), a.T.reshape(6), a[on_device(np.array([0]))], cp.ascontiguousarray(a.T), a + 0):
        assert copy.base is None
    a[0] = 7
    a[:, 1] += 1
    assert_array_equal(a.get(), [[7, 8, 7], [0, 1, 0]])
    a[on_device(np.array([1]))] = 5.0
    assert_array_equal(a[1].get(), 5)


def test_fresh_memory_holds_no_numbers():
    assert np.isnan(cp.empty((3, 4)).get()).all()
    assert np.isnan(cp.empty_like(cp.zeros(3, np.complex64)).get()).all()
    assert (cp.empty(3, np.int32).get() > 10**9).all()


# -- memory ----------------------------------------------------------------------------------------------------------


def test_the_pool_counts_what_lives():
    pool = cp.get_default_memory_pool()
    gc.collect()
    before = pool.used_bytes()
    pool.reset_peak()
    a = cp.empty(1000)
    view = a[10:]
    assert pool.used_bytes() - before == 8192  # rounded up to 512
    del a
    assert pool.used_bytes() - before == 8192, "a view keeps the memory of its array"
    del view
    assert pool.used_bytes() == before
    assert pool.peak - before == 8192


def test_the_pool_has_a_limit():
    pool = cp.get_default_memory_pool()
    gc.collect()
    pool.set_limit(size=pool.used_bytes() + 5000)
    try:
        kept = cp.empty(512)
        with pytest.raises(MemoryError, match=r"allocating 1,024 bytes.*limit set to"):
            cp.empty(100)
        del kept
        cp.empty(100)
    finally:
        pool.set_limit()
    pool.set_limit(fraction=0.5)
    assert pool.get_limit() == pool.capacity // 2
    pool.set_limit()


@pytest.mark.parametrize(
    ("text", "failing"), [("memory=3", [3]), ("memory=3+", [3, 4, 5]), ("", []), ("driver,nvrtc", [])]
)
def test_the_chosen_allocation_fails(text, failing):
    broken = Failures.named(text)
    assert [n for n in range(1, 6) if broken.allocate()] == failing
    assert broken.driver == ("driver" in text)
    with pytest.raises(ValueError, match="STANDIN_FAIL has 'cublas'"):
        Failures.named("nvrtc,cublas")


# -- transforms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [(0, 1), (1, 2), (0, 1, 2), (2,), (0,), (0, 2), (1,)])
@pytest.mark.parametrize("norm", [None, "forward", "ortho"])
def test_transforms_agree_with_numpy(axes, norm):
    x = random.normal(size=(4, 5, 6)) + 1j * random.normal(size=(4, 5, 6))
    a = on_device(x)
    assert_allclose(fftn(a, axes=axes, norm=norm).get(), np.fft.fftn(x, axes=axes, norm=norm), atol=1e-12)
    assert_allclose(ifftn(a, axes=axes, norm=norm).get(), np.fft.ifftn(x, axes=axes, norm=norm), atol=1e-12)
    assert_array_equal(a.get(), x)


@pytest.mark.parametrize("axes", [None, (0, 1), (1, 2), (0, 1, 2), (2, 0), (2,), (0,), (1,)])
@pytest.mark.parametrize("norm", [None, "forward", "ortho"])
@pytest.mark.parametrize("n", [5, 6])
def test_transforms_of_real_numbers_agree_with_numpy(axes, norm, n, real):
    x = random.normal(size=(n, n, n)).astype(real)
    s = None if axes is None else (n,) * len(axes)
    a, expected = on_device(x), np.fft.rfftn(x, axes=axes, norm=norm)
    waves = rfftn(a, axes=axes, norm=norm)
    assert waves.dtype == np.result_type(real, 1j)
    assert_allclose(waves.get(), expected, atol=1e-12 if real == np.float64 else 1e-4)
    back = irfftn(waves, s=s or (n, n, n), axes=axes, norm=norm)
    assert back.dtype == real
    assert_allclose(back.get(), x, atol=1e-12 if real == np.float64 else 1e-5)
    assert_array_equal(a.get(), x)
    assert_allclose(waves.get(), expected, atol=1e-12 if real == np.float64 else 1e-4)


def test_transforms_copy_where_cupy_copies():
    """Adjacent axes with the first or the last take one plan; others go axis by axis, each brought to the end."""
    a = cp.ones((2, 4, 6, 8), np.complex64)
    with cp.counts.during() as adjacent:
        fftn(a, axes=(0, 1, 2))
    with cp.counts.during() as inner:
        fftn(a, axes=(1, 2))
    assert sum(adjacent.transforms.values()) == 1
    assert adjacent.kernels["copy"] == 0
    assert sum(inner.transforms.values()) == 2
    assert inner.kernels["copy"] == 2


def test_real_transforms_copy_where_cupy_copies():
    """As the complex ones do; and waves are copied before the way back, which could overwrite them."""
    a, last, inner = cp.ones((2, 4, 6, 8), np.float32), (1, 2, 3), (1, 2)
    for axes, plans, copies in ((last, 1, (0, 1)), (inner, 2, (2, 2)), ((3,), 1, (0, 1))):
        with cp.counts.during() as there:
            waves = rfftn(a, axes=axes)
        with cp.counts.during() as back:
            irfftn(waves, s=[a.shape[axis] for axis in axes], axes=axes)
        assert (sum(there.transforms.values()), sum(back.transforms.values())) == (plans, plans)
        assert (there.kernels["copy"], back.kernels["copy"]) == copies


def test_a_plan_needs_no_memory_of_its_own():
    x = random.normal(size=(4, 6, 32)) + 0j
    a, out = on_device(x), cp.empty((4, 6, 32), np.complex128)
    plan = get_fft_plan(a, axes=(0, 1))
    with cp.counts.during() as counted:
        plan.fft(a, out, -1)
    assert_allclose(out.get(), np.fft.fftn(x, axes=(0, 1)), atol=1e-12)
    assert sum(counted.transforms.values()) == 1
    assert counted.started == 1
    for wrong in (out[:2], out.astype(np.complex64), out.swapaxes(0, 1)):
        with pytest.raises(TypeError):
            plan.fft(a, wrong, -1)
    with pytest.raises(ValueError, match="could not be created"):
        get_fft_plan(cp.ones((2, 3, 4, 5), np.complex64), axes=(1, 2))


# -- kernels ---------------------------------------------------------------------------------------------------------

SOURCE = """
#define KERNEL __global__ void
#define BLOCK_KERNEL __global__ void
template <typename real>
KERNEL twice(const real* x, real* y, int n) {
    for (int k = blockIdx.x * blockDim.x + threadIdx.x; k < n; k += gridDim.x * blockDim.x) y[k] = 2 * x[k];
}
template <typename real>
BLOCK_KERNEL reverse(const real* x, real* y, int n) {
    SHARED(real, held, 64);
    SHARED_ROOM(real, room);
    held[threadIdx.x] = x[blockIdx.x * n + threadIdx.x];
    BARRIER;
    room[threadIdx.x] = held[n - 1 - threadIdx.x];
    BARRIER;
    y[blockIdx.x * n + threadIdx.x] = room[threadIdx.x];
}
template <typename real>
BLOCK_KERNEL unsynchronised(const real* x, real* y, int n) {
    SHARED(real, held, 64);
    held[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = held[n - 1 - threadIdx.x];
}
template <typename real>
BLOCK_KERNEL divergent(const real* x, real* y, int n) {
    if (threadIdx.x > 3) return;
    BARRIER;
}
template <typename real>
KERNEL undeclared(const real* x, real* y, int n) {
    BARRIER;
}
"""
NAMES = [f"{name}<float>" for name in ("twice", "reverse", "unsynchronised", "divergent", "undeclared")]


@pytest.fixture(scope="module")
def module() -> Any:
    return cp.RawModule(code=SOURCE, options=("-std=c++17",), name_expressions=NAMES)


@pytest.fixture
def arrays() -> tuple[Any, Any]:
    return on_device(np.arange(64, dtype=np.float32)), cp.empty(64, np.float32)


def test_a_kernel_runs_over_its_grid(module, arrays):
    x, y = arrays
    with cp.counts.during() as counted:
        module.get_function("twice<float>")((2,), (16,), (x, y, np.int32(64)))
    assert_array_equal(y.get(), 2 * x.get())
    assert counted.launches == {"twice<float>": 1}
    assert counted.bytes["launches"] == 2 * 64 * 4


def test_threads_of_a_block_meet(module, arrays):
    x, y = arrays
    module.get_function("reverse<float>")((4,), (16,), (x, y, np.int32(16)), shared_mem=64)
    assert_array_equal(y.get().reshape(4, 16), x.get().reshape(4, 16)[:, ::-1])


def test_a_missing_barrier_shows(module, arrays):
    x, y = arrays
    module.get_function("unsynchronised<float>")((1,), (64,), (x, y, np.int32(64)))
    assert np.isnan(y.get()).any()


@pytest.mark.parametrize(("name", "said"), [("divergent", "end while others wait"), ("undeclared", "no BLOCK_KERNEL")])
def test_a_wrong_barrier_is_an_error(module, arrays, name, said):
    with pytest.raises(RuntimeError, match=said):
        module.get_function(f"{name}<float>")((1,), (8,), (*arrays, np.int32(8)))


@pytest.mark.parametrize(
    ("grid", "block", "change", "error"),
    [
        ((1,), (2048,), {}, RuntimeError),
        ((1, 70000), (1,), {}, RuntimeError),
        ([1], (1,), {}, TypeError),
        ((1,), (1,), {2: 64}, TypeError),
        ((1,), (1,), {2: np.int64(64)}, TypeError),
        ((1,), (1,), {1: np.ones(64, np.float32)}, TypeError),
        ((1,), (1,), {1: "double"}, TypeError),
        ((1,), (1,), {1: "strided"}, TypeError),
        ((1,), (1,), {3: np.int32(1)}, TypeError),
    ],
)
def test_a_wrong_launch_is_refused(module, arrays, grid, block, change, error):
    made = {"double": cp.ones(64), "strided": cp.ones(128, np.float32)[::2]}
    given = dict(enumerate((*arrays, np.int32(64)))) | {
        k: made.get(v, v) if isinstance(v, str) else v for k, v in change.items()
    }
    with pytest.raises(error):
        module.get_function("twice<float>")(grid, block, tuple(given.values()))


def test_too_much_shared_memory_is_refused(module, arrays):
    kernel = module.get_function("reverse<float>")
    with pytest.raises(RuntimeError, match="60000 bytes"):
        kernel((1,), (16,), (*arrays, np.int32(16)), shared_mem=60000)
    kernel.max_dynamic_shared_size_bytes = 60000
    kernel((1,), (16,), (*arrays, np.int32(16)), shared_mem=60000)
    with pytest.raises(RuntimeError):
        kernel.max_dynamic_shared_size_bytes = 300000


@pytest.mark.parametrize("change", [{"code": "KERNEL nothing("}, {"options": ("-O2",)}, {"options": ["-std=c++17"]}])
def test_a_source_that_does_not_compile_is_refused(change):
    with pytest.raises((RuntimeError, TypeError)):
        cp.RawModule(**({"code": SOURCE, "options": ("-std=c++17",), "name_expressions": NAMES} | change)).compile()


# -- streams ---------------------------------------------------------------------------------------------------------


def test_a_graph_repeats_what_was_captured(module, arrays):
    x, y = arrays
    twice, stream = module.get_function("twice<float>"), cp.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        twice((1,), (64,), (x, y, np.int32(64)))
        x[...] = y
        graph = stream.end_capture()
    assert_array_equal(x.get(), np.arange(64), "captured is not run")
    with cp.counts.during() as counted:
        for _ in range(3):
            graph.launch(stream)
    assert_array_equal(x.get(), 8 * np.arange(64))
    assert counted.launches["twice<float>"] == counted.graphs["launch"] == 3


@pytest.mark.parametrize(
    "wrong", [lambda a: a.get(), lambda a: float(a[0]), lambda a: a + 1, lambda a: cp.asarray([1])]
)
def test_what_waits_for_the_device_is_not_captured(wrong):
    a, stream = cp.ones(3), cp.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        try:
            with pytest.raises(RuntimeError, match="StreamCaptureUnsupported"):
                wrong(a)
        finally:
            stream.end_capture()
    with pytest.raises(RuntimeError, match="default"):
        cp.cuda.Stream.null.begin_capture()


def test_a_copy_that_nobody_waits_for_is_not_there_yet():
    a, out, stream = cp.ones(3), np.zeros(3), cp.cuda.Stream(non_blocking=True)
    a.get(stream, out=out, blocking=False)
    assert np.isnan(out).all()
    a[...] = 5
    stream.synchronize()
    assert_array_equal(out, 1)
