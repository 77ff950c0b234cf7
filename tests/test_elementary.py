"""Elementary functions of the kernels against NumPy in extended precision, for every way in which they are compiled."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest
from simulated import FOLDER

from magsearch.engine.cpu import Cpu
from magsearch.engine.kernels import KERNELS

SOURCE = """
#include "heatbath.cuh"
template <typename real>
void evaluate(const real* x, const real* y, real* out, int n, int which) {
    for (int k = 0; k < n; k += lanes<real>) {
        const lane<real> v = load(x + k), w = load(y + k);
        lane<real> cosine, sine;
        turn<real>(v, cosine, sine);
        store<real>(out + k, which == 0 ? decay<real>(v) : which == 1 ? logarithm<real>(v) : which == 2 ? cosine
                             : which == 3 ? sine : which == 4 ? inclination<real>(v, 1 / v, w) : angle<real>(v, w));
    }
}
extern "C" void evaluate_float(const float* x, const float* y, float* out, int n, int which) {
    evaluate<float>(x, y, out, n, which);
}
extern "C" void evaluate_double(const double* x, const double* y, double* out, int n, int which) {
    evaluate<double>(x, y, out, n, which);
}
"""
FLAGS = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512dq", "-mavx512vl", "-mfma", "-mprefer-vector-width=512"],
    "gpu": [],
}
DECAY, LOGARITHM, COSINE, SINE, INCLINATION, ANGLE = range(6)


@pytest.fixture(scope="module", params=list(FLAGS))
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The CPU's source for every instruction set that this processor has, and the GPU's source on the host."""
    order = ["baseline", "avx2", "avx512"]
    if request.param in order and order.index(request.param) > order.index(Cpu().instruction_set):
        pytest.skip(f"this processor has no {request.param}")
    compiler = next((found for name in ("c++", "g++", "clang++") if (found := shutil.which(name))), None)
    if compiler is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp("elementary")
    text, built = folder / "elementary.cpp", folder / f"{request.param}.so"
    text.write_text(("#include <cupy/emulate.hpp>\n" if request.param == "gpu" else "") + SOURCE)
    command = [compiler, "-std=gnu++17", "-O2", "-w", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC"]
    subprocess.run([*command, *FLAGS[request.param], "-I", KERNELS, "-I", FOLDER, "-o", built, text], check=True)
    return ctypes.CDLL(str(built))


def call(library: ctypes.CDLL, which: int, x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
    """The function of float32 or float64 numbers; their count is a multiple of every register."""
    out, y, x = np.empty_like(x), np.zeros_like(x) if y is None else y, np.ascontiguousarray(x)
    entry = library.evaluate_float if x.dtype == np.float32 else library.evaluate_double
    entry(*(ctypes.c_void_p(a.ctypes.data) for a in (x, y, out)), len(x), which)
    return out


def numbers(low: float, high: float, real: Any, logarithmic: bool = False) -> np.ndarray:
    draw = np.random.default_rng(0).uniform(*((np.log(low), np.log(high)) if logarithmic else (low, high)), 2**16)
    return np.clip((np.exp(draw) if logarithmic else draw), low, high).astype(real)


def test_decay(library, real):
    eps, most = np.finfo(real).eps, 87 if real == np.float32 else 708
    x = np.concatenate([numbers(0, 2, real), numbers(1e-6, most, real, True), np.zeros(16, real)])
    exact = np.exp(-x.astype(np.longdouble))
    assert (np.abs(call(library, DECAY, x) - exact) <= 2 * eps * exact).all()
    assert (call(library, DECAY, np.full(16, most * 1e10, real)) < 1e-37).all()
    assert (call(library, DECAY, np.zeros(16, real)) == 1).all()


def test_logarithm(library, real):
    eps = np.finfo(real).eps
    x = np.concatenate([numbers(2.0**-33, 1, real, True), numbers(0.5, 2, real), np.ones(16, real)])
    exact = np.log(x.astype(np.longdouble))
    assert (np.abs(call(library, LOGARITHM, x) - exact) <= 2 * eps * np.abs(exact) + 0.3 * eps).all()
    assert (call(library, LOGARITHM, np.ones(16, real)) == 0).all()


def test_turn(library, real):
    eps, x = (
        np.finfo(real).eps,
        np.concatenate([numbers(-0.5, 0.5, real), np.repeat([-0.5, -0.25, 0, 0.5], 4)]).astype(real),
    )
    angle = 2 * np.pi * x.astype(np.longdouble)
    c, s = call(library, COSINE, x), call(library, SINE, x)
    assert np.abs(c - np.cos(angle)).max() <= 6 * eps
    assert np.abs(s - np.sin(angle)).max() <= 6 * eps
    assert np.abs(c.astype(np.longdouble) ** 2 + s.astype(np.longdouble) ** 2 - 1).max() <= 12 * eps


def test_angle(library, real):
    eps, phi = np.finfo(real).eps, np.random.default_rng(0).uniform(-np.pi, np.pi, 2**16)
    phi[:1600] = np.repeat(np.arange(-8, 8) * np.pi / 8, 100)  # where the reduction of the argument changes
    radius = np.exp(np.random.default_rng(1).uniform(np.log(1e-6), np.log(1e6), len(phi)))
    y, x = (radius * np.sin(phi)).astype(real), (radius * np.cos(phi)).astype(real)
    exact = np.arctan2(y.astype(np.longdouble), x.astype(np.longdouble))
    assert (np.abs(call(library, ANGLE, y, x) - exact) <= 3 * eps * np.abs(exact) + eps).all()
    axis = np.array([[0, 1], [0, -1], [1, 0], [-1, 0], [0, 0]], real).repeat(16, axis=0)
    there = call(library, ANGLE, axis[:, 0].copy(), axis[:, 1].copy())
    assert np.abs(there.reshape(5, 16).T - np.array([0, np.pi, np.pi / 2, -np.pi / 2, 0])).max() <= 2 * eps


@pytest.mark.parametrize("a", [0.0, 1e-9, 1e-3, 0.0078, 0.0079, 0.1, 1.0, 10.0, 100.0, 1e7, 1e20])
def test_inclination_inverts_the_distribution(library, real, a):
    """P(cos > c) = [exp(a) - exp(a c)] / [exp(a) - exp(-a)] is 1 - u: up to the series' first neglected term where a is
    small, and above that to the rounding of the logarithm over a, which is one of energy / kT.
    """
    eps = np.finfo(real).eps
    u = np.concatenate([numbers(2.0**-33, 1, real), numbers(2.0**-33, 1e-3, real, True)])
    d = call(library, INCLINATION, np.full(len(u), a, real), u).astype(np.longdouble)
    assert (d >= -4 * eps).all()
    assert (d <= 2 + 2 * eps / max(a, 1 / 128)).all()
    exact = np.longdouble(np.asarray(a, real))
    survival = d / 2 if a == 0 else np.expm1(-exact * d) / np.expm1(-2 * exact)
    bound = eps + a**4 / 50 if a < 1 / 128 else (1 + 0.6 / a) * eps
    assert np.abs(survival - (1 - u.astype(np.longdouble))).max() <= bound
