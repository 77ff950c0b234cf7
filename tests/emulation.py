"""A GPU without a GPU: the text that a GPU compiles, built by the host's compiler and run thread by thread.

One launch is a loop over the grid and the threads of ``Cuda._run``, one after the other. It shows whether the text's
GPU side computes the right thing (indices, block width, every replica once), not whether it is fast. Where two threads
write one number, running them in the opposite order shows it.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft

from magsearch.engine.device import Cuda, kernel_source, signatures

DIALECT = """
#include <math.h>
#define __CUDACC__
#define __global__
#define __device__
#define __forceinline__ inline
struct Index { int x = 0, y = 0, z = 0; };
static Index blockIdx, threadIdx, blockDim, gridDim;
"""

LAUNCH = """
extern "C" void {name}_{real}(int gx, int gy, int bx, int by, int backwards, {declared}) {{
    gridDim = {{gx, gy, 1}}, blockDim = {{bx, by, 1}};
    const long long threads = (long long)gx * gy * bx * by;
    for (long long n = 0; n < threads; ++n) {{
        long long t = backwards ? threads - 1 - n : n;
        threadIdx.x = t % bx, t /= bx, threadIdx.y = t % by, t /= by, blockIdx.x = t % gx, blockIdx.y = t / gx;
        {name}<{real}>({passed});
    }}
}}
"""


def source() -> str:
    launches = []
    for name, types in signatures().items():
        if name == "convolve":  # the CPU's own way
            continue
        for real in ("float", "double"):
            declared = ", ".join(f"{kind.replace('real', real)} a{k}" for k, kind in enumerate(types))
            passed = ", ".join(f"a{k}" for k in range(len(types)))
            launches.append(LAUNCH.format(name=name, real=real, declared=declared, passed=passed))
    return DIALECT + kernel_source() + "".join(launches)


@cache
def library(folder: Path) -> ctypes.CDLL:
    """Raises RuntimeError with the compiler's words where the text does not compile."""
    compiler = next(found for name in ("c++", "g++", "clang++") if (found := shutil.which(name)))
    text, built = folder / "emulated.cpp", folder / "emulated.so"
    text.write_text(source())
    done = subprocess.run(
        [compiler, "-std=c++17", "-O2", "-w", "-shared", "-fPIC", "-o", built, text], capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr[:2000])
    return ctypes.CDLL(str(built))


class Emulated(Cuda):
    """What ``Cuda`` would do on a GPU, with NumPy arrays."""

    def __init__(self, folder: Path, backwards: bool = False) -> None:
        self.xp, self.name, self.description = np, "emulated", "the GPU's source on the host"
        self.fft, self.ifft, self._rfft = scipy.fft.fftn, scipy.fft.ifftn, scipy.fft.rfftn
        self.library, self.backwards = library(folder), backwards

    @property
    def _module(self) -> Any:
        return self

    def get_function(self, name: str) -> Any:
        kernel, real = name.removesuffix(">").split("<")
        entry = getattr(self.library, f"{kernel}_{real}")

        def launch(grid: tuple[int, int], threads: tuple[int, int], arguments: tuple[Any, ...]) -> None:
            kinds = {np.int32: ctypes.c_int, np.uint32: ctypes.c_uint, np.float32: ctypes.c_float}
            passed = [
                ctypes.c_void_p(a.ctypes.data) if isinstance(a, np.ndarray) else kinds.get(type(a), ctypes.c_double)(a)
                for a in arguments
            ]
            entry(*grid, *threads, int(self.backwards), *passed)

        return launch

    def host(self, values: Any) -> Any:
        return values
