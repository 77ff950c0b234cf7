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
from importlib.util import find_spec
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.graph import Chain, Fixed, Launch, recorded
from magsearch.engine.threads import threads

_HERE = Path(__file__).resolve().parents[1]  # magsearch/, where the compiled modules are
KERNELS = next((d for d in (_HERE / "kernels", _HERE.parent / "kernels") if (d / "portable.cuh").exists()), _HERE)
INSTRUCTION_SETS = ("baseline", "avx2", "avx512")  # each includes those before it
INSTALL = "pip install 'magsearch[cuda12]' or 'magsearch[cuda13]' brings CuPy with the libraries that it needs"
DRIVER = Path("/dev")  # where a driver shows its GPUs, as nvidia0
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
    found = re.findall(r"^(?:BLOCK_|LINE_)?KERNEL (\w+)\(([^)]*)\)", text, flags=re.MULTILINE)
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
    rfft: Callable[..., Any]  # of real numbers
    irfft: Callable[..., Any]
    portion: int  # bytes of textures that operators work on at a time
    note = ""  # what the user should know about the choice of this device

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
        """Bind ``kernel<real>``, a BLOCK_KERNEL or LINE_KERNEL, to blocks of threads, each with ``shared`` bytes.

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

    def apart_rfft(self, values: Any, axes: tuple[int, ...]) -> Any:
        """Transform at most ``width`` real arrays [replica, ...] over axes; no result depends on the other arrays."""
        return self.rfft(values, axes=axes)

    def pairs(self, count: int) -> NDArray[np.int64]:
        """Return the columns [pair, 2] of ``count`` pairs of replicas that share the transforms of a convolution.

        Numbers of columns without padding; what one pair does depends on no other.
        """
        return np.arange(2 * count).reshape(count, 2)

    def array(self, values: Any, dtype: Any) -> Any:
        """Return a contiguous array on this device."""
        return self.xp.ascontiguousarray(self.xp.asarray(values, dtype=dtype))

    def host(self, values: Any) -> Any:
        """Return a NumPy array with the values of an array on this device; one of the host is returned as it is."""
        return values

    def memory(self) -> tuple[int, int] | None:
        """Return the bytes that this process can still take, and all of the device; None for the host's own memory."""
        return None

    def facts(self) -> dict[str, Any]:
        """Return versions and sizes by name, for people and scripts."""
        raise NotImplementedError

    def synchronize(self) -> None:
        """Wait until all launches are done."""

    def trim(self) -> None:
        """Give back memory that no array uses any more, before another attempt with smaller arrays."""


def exhausted(error: BaseException) -> bool:
    """Return whether an error says that memory is exhausted, the host's or a GPU's.

    The CUDA runtime and cuFFT number this error 2 (cudaErrorMemoryAllocation, CUFFT_ALLOC_FAILED).
    """
    return isinstance(error, MemoryError) or 2 in (getattr(error, "status", None), getattr(error, "result", None))


class Cpu(Device):
    """The processor of this machine; threads as OMP_NUM_THREADS says.

    note   why it was chosen although there are signs of a GPU
    """

    name = "cpu"
    xp = np
    width = 16
    chunk = 256
    graphs = False
    together = False
    matrix_stride = 9
    stretch = 256
    portion = 2**19  # stays in the cache of a core

    def __init__(self, note: str = "") -> None:
        self.note = note

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
        return f"cpu ({self.instruction_set}, {threads()} threads)"

    def facts(self) -> dict[str, Any]:
        """Return instruction set, threads and cores."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return {"instruction_set": self.instruction_set, "threads": threads(), "cores": cores}

    def _scalar(self, kernel: str, place: int, kind: np.dtype, value: Any) -> Any:
        if type(value) is int or (type(value) is float and kind.kind == "f"):
            return value  # nanobind takes Python's own numbers, and refuses those that are too large
        return super()._scalar(kernel, place, kind, value).item()

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

    @cached_property
    def rfft(self) -> Callable[..., Any]:  # type: ignore[override]
        """SciPy's transform of real numbers."""
        return importlib.import_module("scipy.fft").rfftn

    @cached_property
    def irfft(self) -> Callable[..., Any]:  # type: ignore[override]
        """The inverse of ``rfft``."""
        return importlib.import_module("scipy.fft").irfftn

    def pairs(self, count: int) -> NDArray[np.int64]:
        """Return the columns [pair, 2] that share a transform: equal lanes of two blocks, or halves of the last."""
        pair, lane = np.divmod(np.arange(count), self.width)
        alone = (pair == count // self.width) & (count % self.width <= self.width // 2)  # one block holds them
        first = 2 * self.width * pair + lane
        return np.stack([first, first + np.where(alone, self.width // 2, self.width)], axis=1)


THREADS = (32, constant("warps"))  # of a block on a GPU: lanes of a warp, warps


class Cuda(Device):
    """An NVIDIA GPU. Raises RuntimeError with the reason where CuPy or a GPU is missing or does not work."""

    width = 32
    chunk = 32
    together = True
    matrix_stride = 12
    stretch = 1
    portion = 2**28

    def __init__(self, index: int | None = None, place: int = 0, places: int = 1) -> None:
        """Use the GPU ``index``; where None, one for each of the ``places`` of this node in turn."""
        try:
            cupy = importlib.import_module("cupy")
            found = cupy.cuda.runtime.getDeviceCount()
        except ImportError as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == "cupy"
            raise RuntimeError(f"no CuPy: {INSTALL}" if missing else _line("CuPy does not work", error)) from None
        except Exception as error:  # the driver's own words, whatever class CuPy gives them
            raise RuntimeError(f"CuPy sees no GPU: {error}") from None
        sharing = places if index is not None else len(range(place % max(found, 1), places, max(found, 1)))
        index = place % max(found, 1) if index is None else index
        if index >= found:
            raise RuntimeError(f"GPU {index} was asked for, {found} were found")
        self.xp, self.name, self.index, self.found = cupy, f"cuda:{index}", index, found
        try:
            cupy.cuda.Device(index).use()
            if sharing > 1:  # the pool never returns what it has: one process must not starve the others
                cupy.get_default_memory_pool().set_limit(fraction=0.9 / sharing)
            self.description = f"{self.name} ({cupy.cuda.runtime.getDeviceProperties(index)['name'].decode()})"
            self._empty_pinned = importlib.import_module("cupyx").empty_pinned
            self._landing = self._empty_pinned(1 << 16, np.uint8)  # page-locked memory, where downloads arrive
        except Exception as error:
            raise RuntimeError(_line(f"{self.name} cannot be used", error)) from None
        self._try()
        self.graphs, why = self._try_graphs()
        self.description += "" if self.graphs else f", without CUDA graphs: {why}"

    def _try(self) -> None:
        """Compile the kernels, run one, and transform two numbers: what is broken shows now, not within a run."""
        what = "compile its kernels"
        try:
            self._module.compile()
            what = "run a kernel"
            spins = self.xp.zeros((1, 1, 3, self.width), np.float32)
            numbers = (0, 0, 0, 0, 0, 1, self.chunk, self.width)
            self.launch("random_spins", np.float32, spins, *numbers, blocks=1, replicas=self.width)
            self.host(spins)
            what = "transform with cuFFT"
            importlib.import_module("cupy.cuda.cufft")
            transforms = importlib.import_module("cupyx.scipy.fft")
            self.fft, self.ifft = transforms.fftn, transforms.ifftn
            self.rfft, self.irfft = transforms.rfftn, transforms.irfftn
            self._plan = transforms.get_fft_plan
            self.host(self.fft(self.xp.ones((2, self.width), np.complex64), axes=(0,)))
        except Exception as error:
            raise RuntimeError(_line(f"{self.name} cannot {what}", error)) from None

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

    def apart_rfft(self, values: Any, axes: tuple[int, ...]) -> Any:
        """Transform real arrays, always ``width`` at once: cuFFT's rounding may depend on their number."""
        whole = self.xp.zeros((self.width, *values.shape[1:]), dtype=values.dtype)
        whole[: len(values)] = values
        return self.rfft(whole, axes=axes)[: len(values)]

    def bind_blocks(
        self, kernel: str, real: Any, *arguments: Any, grid: tuple[int, int], threads: tuple[int, int], shared: int = 0
    ) -> Launch:
        """Bind ``kernel<real>``, a BLOCK_KERNEL or LINE_KERNEL, to blocks of threads, each with ``shared`` bytes.

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
        if isinstance(values, np.ndarray):
            return values
        contiguous = self.xp.ascontiguousarray(values)
        if contiguous.nbytes > self._landing.nbytes:
            self._landing = self._empty_pinned(contiguous.nbytes, np.uint8)
        landed = self._landing[: contiguous.nbytes].view(contiguous.dtype).reshape(contiguous.shape)
        contiguous.get(out=landed)
        return landed.copy()

    def memory(self) -> tuple[int, int] | None:
        """Return the bytes that this process can still take, and those of the GPU."""
        pool, (free, total) = self.xp.get_default_memory_pool(), self.xp.cuda.runtime.memGetInfo()
        room = free + pool.free_bytes()
        limit = pool.get_limit()
        return (min(room, limit - pool.used_bytes()) if limit else room), total

    def facts(self) -> dict[str, Any]:
        """Return versions of driver, CUDA, CuPy and NVRTC, and what the GPU is."""
        runtime, (free, total) = self.xp.cuda.runtime, self.xp.cuda.runtime.memGetInfo()
        what = runtime.getDeviceProperties(self.index)
        versions = {"driver": runtime.driverGetVersion(), "cuda": runtime.runtimeGetVersion()}
        return {
            "gpu": what["name"].decode(),
            "compute_capability": f"{what['major']}.{what['minor']}",
            "multiprocessors": what["multiProcessorCount"],
            "memory": total,
            "memory_free": free,
            **{name: f"{version // 1000}.{version % 1000 // 10}" for name, version in versions.items()},
            "cupy": self.xp.__version__,
            "nvrtc": ".".join(map(str, self.xp.cuda.nvrtc.getVersion())),
        }

    def use(self) -> None:
        """Make this GPU the current one, where a process uses several."""
        self.xp.cuda.Device(self.index).use()

    def synchronize(self) -> None:
        """Wait until all launches are done."""
        self.xp.cuda.runtime.deviceSynchronize()

    def trim(self) -> None:
        """Return the free blocks of CuPy's pool to the driver."""
        self.xp.get_default_memory_pool().free_all_blocks()


def _line(what: str, error: Exception) -> str:
    """Return what does not work and why in one line."""
    why = " ".join(str(error).split())
    return f"{what}: {type(error).__name__}: {why[:400]}" + ("" if exhausted(error) else f"; {INSTALL}")


def _cpu(note: str = "") -> Cpu:
    found = Cpu(note)
    assert found.description  # raises for an environment that the kernels cannot run in
    return found


def choose(name: str = "auto", place: int = 0, places: int = 1) -> Device:
    """Return the device for ``--device auto|cpu|cuda|cuda:N``.

    Raises RuntimeError where a GPU is asked for and there is none, and for a wrong MAGSEARCH_ISA or OMP_NUM_THREADS.

    place, places   number of this process among those of its node, and how many there are: they share its GPUs in turn
    """
    if name == "cpu":
        return _cpu()
    if name == "auto":
        try:
            return Cuda(place=place, places=places)
        except RuntimeError as error:
            signs = find_spec("cupy") is not None or any(DRIVER.glob("nvidia[0-9]*"))
            note = f"no GPU is used: {error}" if signs else ""
        return _cpu(note)
    kind, _, index = name.partition(":")
    if kind != "cuda" or (index and not index.isdigit()):
        raise RuntimeError(f"unknown device '{name}'; expected auto, cpu, cuda or cuda:N")
    return Cuda(int(index) if index else None, place, places)
