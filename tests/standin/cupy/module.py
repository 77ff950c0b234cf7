"""Modules of kernels: the source that CuPy would give to NVRTC, compiled for the host and run thread by thread.

The types of a kernel's arguments are deduced by the compiler, so that any template can be instantiated. The result is
kept in a folder of the system's temporary files, under a hash of the source, so that processes share it.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from . import queue
from .arrays import ndarray
from .counts import counts
from .cuda.nvrtc import MISSING
from .failures import CUDARuntimeError, failures

DIALECT = Path(__file__).with_name("emulate.hpp")
KINDS = {
    "f": np.float32, "d": np.float64, "i": np.int32, "u": np.uint32, "l": np.int64, "L": np.uint64, "b": np.uint8,
}  # fmt: skip
STATIC_LIMIT, OPT_IN_LIMIT = 49152, 232448  # bytes of shared memory of a block: without asking, and at most (sm_90)
NVRTC_OPTIONS = re.compile(r"-{1,2}(std=c\+\+\d\d|D\w+(=\w+)?|use_fast_math|fmad=(true|false)|maxrregcount=\d+)$")
FAULTS = {1: "meets at a barrier, but is no BLOCK_KERNEL", 2: "has threads that end while others wait at a barrier"}
ENTRY = """
extern "C" const char* types_{k}() {{
    static const std::string types = standin::types_of({name});
    return types.c_str();
}}
extern "C" int run_{k}(const int* shape, size_t shared, int backwards, void** arguments) {{
    return standin::run({name}, {meets}, shape, shared, backwards, arguments);
}}
"""
backwards = False  # whether blocks and threads are run in the opposite order, which shows races


def flags() -> list[str]:
    """Return the compiler's options."""
    return os.environ.get("STANDIN_FLAGS", "-O2").split()


def folder() -> Path:
    """Return where compiled modules are kept."""
    place = Path(tempfile.gettempdir()) / f"magsearch-standin-{os.getuid()}"
    place.mkdir(exist_ok=True)
    return place


def compiled(source: str) -> ctypes.CDLL:
    """Compile a source, or take it from the cache; processes wait for the one that compiles it."""
    compiler = next((found for name in ("g++", "c++", "clang++") if (found := shutil.which(name))), None)
    if compiler is None:
        raise RuntimeError("the stand-in for CuPy needs a C++ compiler")
    key = hashlib.sha256("\0".join([source, DIALECT.read_text(), compiler, *flags()]).encode()).hexdigest()[:20]
    library = folder() / f"{key}.so"
    with (folder() / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not library.exists():
            text = library.with_suffix(".cpp")
            text.write_text(source)
            unfinished = library.with_suffix(".unfinished")
            command = [compiler, "-std=c++17", "-w", "-shared", "-fPIC", f"-I{DIALECT.parent}", *flags()]
            done = subprocess.run([*command, "-o", unfinished, text], capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"NVRTC_ERROR_COMPILATION: {done.stderr[:3000]}")
            unfinished.rename(library)
    return ctypes.CDLL(str(library))


class RawModule:
    """Kernels of one source; ``name_expressions`` says which instances are wanted."""

    def __init__(
        self, *, code: str | None = None, path: str | None = None, options: tuple[str, ...] = (),
        backend: str = "nvrtc", translate_cucomplex: bool = False, enable_cooperative_groups: bool = False,
        name_expressions: Any = None, jitify: Any = None,
    ) -> None:  # fmt: skip
        if (code is None) == (path is None):
            raise TypeError("Exactly one of `code` and `path` keyword arguments must be given.")
        if code is None or backend != "nvrtc" or not name_expressions:
            raise NotImplementedError("the stand-in takes a source and name_expressions")
        if not isinstance(code, str) or not isinstance(options, tuple):
            raise TypeError(f"code must be a str and options a tuple, not {type(code)} and {type(options)}")
        for option in options:
            if not NVRTC_OPTIONS.match(option):
                raise RuntimeError(f"NVRTC_ERROR_INVALID_OPTION: {option}")
        self.code, self.names = code, tuple(name_expressions)

    @cached_property
    def _library(self) -> ctypes.CDLL:
        if failures.nvrtc:
            raise RuntimeError(MISSING)
        lines = re.MULTILINE | re.DOTALL
        sums = r"\bclose(?:_sums<\w+>)?\("  # of a chunk of sites, which the threads of a block share
        closing = re.findall(rf"^DEVICE void (\w+)\([^{{]*{{\n(?:(?!^}}).)*?{sums}", self.code, flags=lines)
        meets = re.compile("|".join([sums, *(rf"\b{name}\(" for name in closing)]))
        bodies = re.findall(r"^(?:FULL_)?(BLOCK_|LINE_)?KERNEL (\w+)\((.*?)^}", self.code, flags=lines)
        meeting = {name for block, name, body in bodies if block or meets.search(body)}
        entries = [
            ENTRY.format(k=k, name=name, meets=int(name.partition("<")[0] in meeting))
            for k, name in enumerate(self.names)
        ]
        return compiled("".join(["#include <emulate.hpp>\n", self.code, "\n", *entries]))

    def compile(self, log_stream: Any = None) -> None:
        """Compile now, not at the first use."""
        self._library  # noqa: B018

    def get_function(self, name: str) -> RawKernel:
        """Return a kernel by its name expression."""
        counts.functions[name] += 1
        library = self._library
        if name not in self.names:
            raise RuntimeError(f"CUDA_ERROR_NOT_FOUND: named symbol not found: {name}")
        return RawKernel(library, self.names.index(name), name)


class RawKernel:
    """A kernel. What CuPy would pass on unseen is checked here."""

    def __init__(self, library: ctypes.CDLL, number: int, name: str) -> None:
        declared = getattr(library, f"types_{number}")
        declared.restype = ctypes.c_char_p
        self.name, self._types = name, declared().decode().split()
        self._run = getattr(library, f"run_{number}")
        self._shared = STATIC_LIMIT
        self._before: tuple[Any, ...] = (None,) * 4  # the last launch, which is most often repeated

    @property
    def max_dynamic_shared_size_bytes(self) -> int:
        """Most bytes of shared memory that a launch may ask for."""
        return self._shared

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, size: int) -> None:
        if size > OPT_IN_LIMIT:
            raise CUDARuntimeError(1, f"CUDA_ERROR_INVALID_VALUE: {size} bytes of shared memory")
        self._shared = size

    def __call__(self, grid: tuple, block: tuple, args: tuple, *, shared_mem: int = 0) -> None:
        before = self._before
        if args is not before[2] or (grid, block, shared_mem) != (*before[:2], before[3]):
            self._work = self._prepared(grid, block, args, shared_mem)
            self._before = grid, block, args, shared_mem
        queue.run(self._work)

    def _prepared(self, grid: tuple, block: tuple, args: tuple, shared_mem: int) -> queue.Work:
        """Check a launch and return it."""
        for given in (grid, block, args):
            if not isinstance(given, tuple):
                raise TypeError(f"{self.name}: expected tuple, got {type(given)}")
        (gx, gy, gz), (bx, by, bz) = ([max(1, int(n)) for n in (*sides, 1, 1)[:3]] for sides in (grid, block))
        fits = gx < 2**31 and gy < 65536 and gz < 65536 and bx * by * bz <= 1024 and bz <= 64
        if not fits or not 0 <= shared_mem <= self._shared:
            raise CUDARuntimeError(1, f"CUDA_ERROR_INVALID_VALUE: {self.name} {grid} {block} {shared_mem} bytes")
        if len(args) != len(self._types):
            raise TypeError(f"{self.name} takes {len(self._types)} arguments, {len(args)} were given")
        passed = [self._passed(k, a, t) for k, (a, t) in enumerate(zip(args, self._types, strict=True))]
        places, kept = zip(*passed, strict=True)
        shape = (ctypes.c_int * 6)(gx, gy, gz, bx, by, bz)
        pointers = (ctypes.c_void_p * len(places))(*places)
        moved = sum(a.nbytes for a in {id(a): a for a in args if isinstance(a, ndarray)}.values())

        name, run = self.name, self._run  # not the kernel, which keeps its last work and so its arrays

        def work() -> None:
            counts.launches[name] += 1
            counts.bytes["launches"] += moved
            fault = run(shape, ctypes.c_size_t(shared_mem), int(backwards), pointers)
            if fault:
                raise RuntimeError(f"{name} {FAULTS[fault]}")

        work.keeps = kept  # type: ignore[attr-defined]  # what ``pointers`` point to
        return work

    def _passed(self, place: int, value: Any, declared: str) -> tuple[int, Any]:
        kind = np.dtype(KINDS[declared[0]])
        if declared.endswith("*"):
            if not isinstance(value, ndarray):
                raise TypeError(f"argument {place} of {self.name} is {type(value)}, no array of the device")
            if value.dtype != kind:
                raise TypeError(f"argument {place} of {self.name} is of {value.dtype}, not {kind}")
            if not value.flags.c_contiguous:
                raise TypeError(f"argument {place} of {self.name} is not contiguous")
            address = ctypes.c_void_p(value.a.ctypes.data)
            return ctypes.addressof(address), (value, address)
        if type(value) is not kind.type:  # CuPy passes a number with the size of its own type
            raise TypeError(f"argument {place} of {self.name} is {type(value)}, not {kind}")
        number = np.array(value)
        return number.ctypes.data, number
