"""The machine that runs the kernels: a CPU through compiled modules, a GPU through CuPy.

Both devices use the same kernel source (kernels/*.cuh). A kernel is bound to its arguments by name; each argument is
checked against the C++ signature, which is read from the source. A bound kernel can be called again and again, as long
as its arrays stay in place.
"""

from __future__ import annotations

import importlib
import operator
import os
import re
from collections.abc import Callable
from functools import cache, cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from magsearch.engine.graph import Chain, Fixed, Launch, recorded

_HERE = Path(__file__).resolve().parents[1]  # magsearch/, where the compiled modules are
KERNELS = next((d for d in (_HERE / "kernels", _HERE.parent / "kernels") if (d / "portable.cuh").exists()), _HERE)
INSTRUCTION_SETS = ("baseline", "avx2", "avx512")  # each includes those before it
CTYPES: dict[str, Any] = {"float": np.float32, "double": np.float64, "int": np.int32, "uint32": np.uint32}


@cache
def kernel_source() -> str:
    """Return all kernels as one translation unit, headers inlined: CuPy's cache does not look into included files."""
    seen: set[str] = set()

    def inline(name: str) -> str:
        if name in seen:
            return ""
        seen.add(name)
        text = (KERNELS / name).read_text().replace("#pragma once\n", "")
        return re.sub(r'#include "(.+)"\n', lambda found: inline(found[1]), text)

    return "".join(inline(path.name) for path in sorted(KERNELS.glob("*.cuh")))


@cache
def signatures() -> dict[str, list[str]]:
    """Return the argument types of every kernel, as written: {"advance_spins": ["real*", "const real*", ...]}."""
    text = kernel_source() + (KERNELS / "convolution.hpp").read_text()
    found = re.findall(r"^(?:BLOCK_)?KERNEL (\w+)\(([^)]*)\)", text, flags=re.MULTILINE)
    return {
        name: [" ".join(argument.replace("__restrict__", "").split()[:-1]) for argument in arguments.split(",")]
        for name, arguments in found
    }


@cache
def by_chunks() -> set[str]:
    """Return the kernels in which the threads of a GPU work on a chunk of sites together."""
    body = r"^KERNEL (\w+)\([^)]*\) {\s+FOR_EACH_CHUNK "
    return set(re.findall(body, kernel_source(), flags=re.MULTILINE))


@cache
def _declared(kernel: str, real: np.dtype) -> tuple[str, list[tuple[np.dtype, bool]]]:
    """Return the name of an instance, and of every argument the type and whether it is an array."""
    name = "float" if real == np.float32 else "double"
    types = [declared.removeprefix("const ").replace("real", name) for declared in signatures()[kernel]]
    return f"{kernel}<{name}>", [(np.dtype(CTYPES[t.removesuffix("*").strip()]), t.endswith("*")) for t in types]


@cache
def rows(enum: str) -> dict[str, int]:
    """Return the members of a C++ enum in the kernel source with their values, so that Python need not repeat them."""
    found = re.search(rf"enum {enum} {{(.*?)}};", kernel_source(), flags=re.DOTALL)
    if found is None:
        raise KeyError(enum)
    values: dict[str, int] = {}
    for name, _, given in (member.partition("=") for member in re.sub(r"//[^\n]*", "", found[1]).split(",")):
        summands = [term.strip() for term in given.split("+") if term.strip()]  # `= PAST + memory`
        value = sum(
            int(term) if term.isdigit() else values[term] if term in values else constant(term) for term in summands
        )
        values[name.strip()] = value if summands else len(values)
    return values


@cache
def constant(name: str) -> int:
    """Return a constexpr int of the kernel source whose value is a plain number."""
    found = re.search(rf"constexpr int {name} = (\d+);", kernel_source())
    if found is None:
        raise KeyError(name)
    return int(found[1])


class Device:
    """Common part of both machines: arrays (``xp``), checked kernel launches, batched Fourier transforms."""

    name: str
    description: str  # for people
    xp: Any  # numpy or cupy
    width: int  # replicas of a block: populations are padded to whole blocks
    chunk: int  # sites that one thread sums over, or the threads of one block
    graphs: bool  # whether a chain of launches becomes one (engine/graph.py)
    together: bool  # whether the threads of a block share memory, so that there are BLOCK_KERNELs
    matrix_stride: int  # numbers from one 3x3 matrix of a coupling to the next (kernels/portable.cuh)
    stretch: int  # consecutive sites that one thread updates one after the other (magsearch/engine/sweep_order.py)
    fft: Callable[..., Any]  # over given axes
    ifft: Callable[..., Any]

    def bind(self, kernel: str, real: Any, *arguments: Any, blocks: int, replicas: int) -> Launch:
        """Bind ``kernel<real>`` over ``blocks`` x ``replicas`` to its arguments; calling the result runs it.

        TypeError for an argument that the kernel's signature forbids.
        """
        name, checked = self._checked(kernel, real, arguments)
        return self._bound(name, checked, blocks, replicas)

    def _checked(self, kernel: str, real: Any, arguments: tuple[Any, ...]) -> tuple[str, list[Any]]:
        """Return the name of an instance, and its arguments as the machine takes them."""
        name, declared = _declared(kernel, np.dtype(real))
        if len(arguments) != len(declared):
            raise TypeError(f"{kernel} takes {len(declared)} arguments, {len(arguments)} were given")
        return name, [
            self._array(kernel, k, kind, value) if pointer else self._scalar(kernel, k, kind, value)
            for k, ((kind, pointer), value) in enumerate(zip(declared, arguments, strict=True))
        ]

    def launch(self, kernel: str, real: Any, *arguments: Any, blocks: int, replicas: int) -> None:
        """Run ``kernel<real>`` at once; arguments as for ``bind``."""
        self.bind(kernel, real, *arguments, blocks=blocks, replicas=replicas)()

    def chain(self, *launches: Launch) -> Launch:
        """Return launches in turn as one."""
        raise NotImplementedError

    def bind_blocks(
        self, kernel: str, real: Any, *arguments: Any, grid: tuple[int, int], threads: tuple[int, int], shared: int = 0
    ) -> Launch:
        """Bind ``kernel<real>``, a BLOCK_KERNEL, to a grid of blocks of threads, each with ``shared`` bytes of its own.

        TypeError for an argument that the kernel's signature forbids, and where there are no such kernels.
        """
        raise TypeError(f"{self.name} has no blocks of threads for {kernel}")

    def _array(self, kernel: str, place: int, kind: np.dtype, value: Any) -> Any:
        if isinstance(value, self.xp.ndarray) and value.dtype == kind and value.flags.c_contiguous:
            return value
        found = getattr(value, "dtype", type(value).__name__)
        raise TypeError(f"argument {place} of {kernel} must be a contiguous {kind.name} array, not {found}")

    def _scalar(self, kernel: str, place: int, kind: np.dtype, value: Any) -> Any:
        if kind.kind == "f" and isinstance(value, Real):
            return kind.type(value)
        if kind.kind != "f" and hasattr(value, "__index__"):
            return kind.type(operator.index(value))
        raise TypeError(f"argument {place} of {kernel} must be a {kind.name}, not {value!r}")

    def _bound(self, name: str, arguments: list[Any], blocks: int, replicas: int) -> Launch:
        raise NotImplementedError

    def transform(self, like: Any, axes: tuple[int, ...]) -> Callable[[Any, Any, bool], None]:
        """Return the transform of arrays like this one over several axes: (source, target, back), without scaling."""
        raise NotImplementedError

    def array(self, values: Any, dtype: Any) -> Any:
        """Return a contiguous array on this device."""
        return self.xp.ascontiguousarray(self.xp.asarray(values, dtype=dtype))

    def host(self, values: Any) -> Any:
        """Return a NumPy array with the values of a device array."""
        return values


class Cpu(Device):
    """The processor of this machine; threads as OMP_NUM_THREADS says."""

    name = "cpu"
    xp = np
    width = 16
    chunk = 256
    graphs = False
    together = False
    matrix_stride = 9
    stretch = 256

    @cached_property
    def instruction_set(self) -> str:
        """Instruction set in use: avx512, avx2 or baseline. MAGSEARCH_ISA overrules what the processor reports."""
        # threads that wait soon give the core back (OpenMP reads this when it is loaded): on a shared node, spinning
        # has been seen to slow a run down tenfold
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
        try:
            baseline = importlib.import_module("magsearch._kernels_baseline")
        except ModuleNotFoundError:
            raise ImportError(
                f"{_HERE} has no compiled kernels: install with pip, and run outside the sources"
            ) from None
        best = baseline.instruction_set()
        known = INSTRUCTION_SETS[: INSTRUCTION_SETS.index(best) + 1]
        chosen = os.environ.get("MAGSEARCH_ISA") or best
        if chosen not in known:
            raise RuntimeError(f"MAGSEARCH_ISA is {chosen}; this processor can run {', '.join(known)}")
        return chosen

    @cached_property
    def _module(self) -> Any:
        return importlib.import_module(f"magsearch._kernels_{self.instruction_set}")

    @property
    def description(self) -> str:  # type: ignore[override]
        """Instruction set and threads, for people."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return f"cpu ({self.instruction_set}, {os.environ.get('OMP_NUM_THREADS') or cores} threads)"

    def _scalar(self, kernel: str, place: int, kind: np.dtype, value: Any) -> Any:
        return super()._scalar(kernel, place, kind, value).item()  # nanobind takes Python's own numbers

    def _bound(self, name: str, arguments: list[Any], blocks: int, replicas: int) -> Launch:
        return getattr(self._module, name)(*arguments)

    def chain(self, *launches: Launch) -> Launch:
        """Return launches in turn as one, without a return to Python in between."""
        return self._module.chain(*launches)

    @cached_property
    def fft(self) -> Callable[..., Any]:  # type: ignore[override]
        """SciPy's transform over several axes, which keeps the precision of its input."""
        return importlib.import_module("scipy.fft").fftn

    @cached_property
    def ifft(self) -> Callable[..., Any]:  # type: ignore[override]
        """The inverse of ``fft``."""
        return importlib.import_module("scipy.fft").ifftn


THREADS = (32, constant("warps"))  # of a block on a GPU: lanes of a warp, warps


class Cuda(Device):
    """An NVIDIA GPU. Raises RuntimeError with the reason where CuPy or a GPU is missing."""

    width = 32
    chunk = 32
    together = True
    matrix_stride = 12
    stretch = 1

    def __init__(self, index: int | None = None, place: int = 0) -> None:
        """Use the GPU ``index``; where None, one for each place in turn."""
        try:
            cupy = importlib.import_module("cupy")
            found = cupy.cuda.runtime.getDeviceCount()
        except ImportError:
            raise RuntimeError("no CuPy: pip install 'magsearch[cuda12]' or 'magsearch[cuda13]'") from None
        except Exception as error:  # the driver's own words, whatever class CuPy gives them
            raise RuntimeError(f"CuPy sees no GPU: {error}") from None
        index = place % max(found, 1) if index is None else index
        if index >= found:
            raise RuntimeError(f"GPU {index} was asked for, {found} were found")
        cupy.cuda.Device(index).use()
        self.xp = cupy
        self.name = f"cuda:{index}"
        self.description = f"{self.name} ({cupy.cuda.runtime.getDeviceProperties(index)['name'].decode()})"
        self._pinned = importlib.import_module("cupyx").empty_pinned
        self.fft = importlib.import_module("cupyx.scipy.fft").fftn
        self.ifft = importlib.import_module("cupyx.scipy.fft").ifftn
        self._plan = importlib.import_module("cupyx.scipy.fft").get_fft_plan
        self.graphs, why = self._try_graphs()
        self.description += "" if self.graphs else f", without CUDA graphs: {why}"

    @cached_property
    def _module(self) -> Any:
        names = [f"{kernel}<{real}>" for kernel in signatures() if kernel != "convolve" for real in ("float", "double")]
        return self.xp.RawModule(code=kernel_source(), options=("-std=c++17",), name_expressions=names)

    def _try_graphs(self) -> tuple[bool, str]:
        """Record two launches and run them; return whether that did what it should, and what went wrong."""
        numbers = self.xp.ones((2, self.width))
        clear = [
            self.bind("zero_sums", np.float32, numbers[k], 1, self.width, blocks=1, replicas=self.width) for k in (0, 1)
        ]
        try:
            recorded(self.xp, clear).launch()
            left = float(self.host(numbers).sum())
        except Exception as error:  # the driver's own words, whatever class CuPy gives them
            return False, str(error)
        return left == 0, "a graph did not do what its launches do"

    def _bound(self, name: str, arguments: list[Any], blocks: int, replicas: int) -> Launch:
        apart = 1 if name.partition("<")[0] in by_chunks() else THREADS[1]
        grid = (-(-blocks // apart), -(-replicas // THREADS[0]))
        return Fixed(self._module.get_function(name), grid, THREADS, tuple(arguments))

    def bind_blocks(
        self, kernel: str, real: Any, *arguments: Any, grid: tuple[int, int], threads: tuple[int, int], shared: int = 0
    ) -> Launch:
        """Bind ``kernel<real>``, a BLOCK_KERNEL, to a grid of blocks of threads, each with ``shared`` bytes of its own.

        TypeError for an argument that the kernel's signature forbids.
        """
        name, checked = self._checked(kernel, real, arguments)
        function = self._module.get_function(name)
        if shared > function.max_dynamic_shared_size_bytes:
            function.max_dynamic_shared_size_bytes = shared
        return Fixed(function, grid, threads, tuple(checked), shared_mem=shared)

    def chain(self, *launches: Launch) -> Launch:
        """Return launches in turn as one, a CUDA graph where they are ``Fixed``."""
        return Chain(self.xp if self.graphs else None, launches)

    def transform(self, like: Any, axes: tuple[int, ...]) -> Callable[[Any, Any, bool], None]:
        """Return cuFFT's transform of arrays like this one: (source, target, back), without scaling and temporaries."""
        plan = self._plan(like, axes=axes)

        def transform(source: Any, target: Any, back: bool) -> None:
            plan.fft(source, target, 1 if back else -1)  # CUFFT_INVERSE, CUFFT_FORWARD

        return transform

    def host(self, values: Any) -> Any:
        """Return a NumPy array through page-locked memory, which a GPU writes at the full speed of its bus."""
        contiguous = self.xp.ascontiguousarray(values)
        host = self._pinned(contiguous.shape, contiguous.dtype)
        contiguous.get(out=host)
        return host


def choose(name: str = "auto", place: int = 0) -> Device:
    """Return the device for ``--device auto|cpu|cuda|cuda:N``. RuntimeError where a GPU is asked for and there is none.

    place   of this process among those of its node: several share the GPUs that there are, in turn
    """
    if name == "cpu":
        return Cpu()
    if name == "auto":
        try:
            return Cuda(place=place)
        except RuntimeError:
            return Cpu()
    kind, _, index = name.partition(":")
    if kind != "cuda" or (index and not index.isdigit()):
        raise RuntimeError(f"unknown device '{name}'; expected auto, cpu, cuda or cuda:N")
    return Cuda(int(index) if index else None, place)
