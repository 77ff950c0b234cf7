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
from functools import cache, cached_property, partial
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from magsearch.engine.threads import threads

_HERE = Path(__file__).resolve().parents[1]  # magsearch/, where the compiled modules are
KERNELS = next((d for d in (_HERE / "kernels", _HERE.parent / "kernels") if (d / "portable.cuh").exists()), _HERE)
INSTRUCTION_SETS = ("baseline", "avx2", "avx512")  # each includes those before it
Launch = Callable[[], None]  # a kernel with its arguments
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


@cache
def _roots(n: int, real: str) -> np.ndarray:
    """exp(-2 pi i k / n) for k < n as pairs of ``real``."""
    k = np.arange(n)
    return np.ascontiguousarray(np.stack([np.cos(2 * np.pi * k / n), -np.sin(2 * np.pi * k / n)], axis=1).astype(real))


class Device:
    """Common part of both machines: arrays (``xp``), checked kernel launches, batched Fourier transforms."""

    name: str
    description: str  # for people
    xp: Any  # numpy or cupy
    width: int  # replicas of a block: populations are padded to whole blocks
    chunk: int  # sites that one thread sums over
    stretch: int  # consecutive sites that one thread updates one after the other (magsearch/engine/sweep_order.py)
    fft: Callable[..., Any]  # over given axes
    ifft: Callable[..., Any]
    groups: int  # parts in which the sums of a population arrive at the minimisers' rules

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

        def every() -> None:
            for launch in launches:
                launch()

        return every

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

    def convolution(
        self, real: Any, spins: Any, modes: Any, field: Any, size: tuple[int, int, int], atoms: int
    ) -> Launch:
        """Return the launch of field = J * spins; both [block, site, 3, width], modes [cell, 3 atoms, 3 atoms].

        Between two library transforms here, with neighbouring replicas as real and imaginary part.
        """
        complex_ = np.complex64 if np.dtype(real) == np.float32 else np.complex128
        pairs, cells = spins.shape[0] * spins.shape[-1] // 2, int(np.prod(size))
        waves = spins.view(complex_).reshape(len(spins), *size[::-1], 3 * atoms, -1)

        def convolve() -> None:
            before = self.xp.ascontiguousarray(self.fft(waves, axes=(1, 2, 3)))
            after = self.xp.empty_like(before)
            self.launch(
                "multiply_modes", real, before.view(real), modes.view(real), after.view(real), cells, 3 * atoms,
                self.chunk, pairs, blocks=-(-cells // self.chunk), replicas=pairs,
            )  # fmt: skip
            back = self.ifft(after, axes=(1, 2, 3), norm="forward", overwrite_x=True)
            field[...] = self.xp.ascontiguousarray(back).view(real).reshape(field.shape)

        return convolve

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
    stretch = 256
    groups = 1

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

    def convolution(
        self, real: Any, spins: Any, modes: Any, field: Any, size: tuple[int, int, int], atoms: int
    ) -> Launch:
        """Return the launch of field = J * spins as one kernel, vectorised over replicas (kernels/convolution.hpp)."""
        roots = [_roots(n, np.dtype(real).name) for n in size]
        return self.bind(
            "convolve", real, spins, modes.view(real), *roots, field, *size, 3 * atoms,
            spins.shape[0] * spins.shape[-1], blocks=1, replicas=1,
        )  # fmt: skip


class Cuda(Device):
    """An NVIDIA GPU. Raises RuntimeError with the reason where CuPy or a GPU is missing."""

    width = 32
    chunk = 8
    stretch = 1
    groups = 32

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

    @cached_property
    def _module(self) -> Any:
        names = [f"{kernel}<{real}>" for kernel in signatures() if kernel != "convolve" for real in ("float", "double")]
        return self.xp.RawModule(code=kernel_source(), options=("-std=c++17",), name_expressions=names)

    def _bound(self, name: str, arguments: list[Any], blocks: int, replicas: int) -> Launch:
        threads = (32, 8)
        grid = (-(-replicas // threads[0]), min(-(-blocks // threads[1]), 65535))
        return partial(self._module.get_function(name), grid, threads, tuple(arguments))

    def bind_blocks(
        self, kernel: str, real: Any, *arguments: Any, grid: tuple[int, int], threads: tuple[int, int], shared: int = 0
    ) -> Launch:
        """Bind ``kernel<real>``, a BLOCK_KERNEL, to a grid of blocks of threads, each with ``shared`` bytes of its own.

        TypeError for an argument that the kernel's signature forbids.
        """
        name, checked = self._checked(kernel, real, arguments)
        return partial(self._module.get_function(name), grid, threads, tuple(checked), shared_mem=shared)

    def host(self, values: Any) -> Any:
        """Return a NumPy array through page-locked memory, which a GPU writes at the full speed of its bus."""
        contiguous = self.xp.ascontiguousarray(values)
        host = self._pinned(contiguous.shape, contiguous.dtype)
        contiguous.get(out=host)
        return host


def _cpu() -> Cpu:
    found = Cpu()
    assert found.description  # raises for an environment that the kernels cannot run in
    return found


def choose(name: str = "auto", place: int = 0) -> Device:
    """Return the device for ``--device auto|cpu|cuda|cuda:N``.

    Raises RuntimeError where a GPU is asked for and there is none, and for a wrong MAGSEARCH_ISA or OMP_NUM_THREADS.

    place   of this process among those of its node: several share the GPUs that there are, in turn
    """
    if name == "cpu":
        return _cpu()
    if name == "auto":
        try:
            return Cuda(place=place)
        except RuntimeError:
            return _cpu()
    kind, _, index = name.partition(":")
    if kind != "cuda" or (index and not index.isdigit()):
        raise RuntimeError(f"unknown device '{name}'; expected auto, cpu, cuda or cuda:N")
    return Cuda(int(index) if index else None, place)
