"""Interface of the machine that runs the kernels, with what a CPU (``Cpu``) and a GPU (``Cuda``) have in common.

Both use the same kernel source (kernels/*.cuh). A kernel is bound to its arguments by name; each argument is checked
against the C++ signature, which is read from the source. A bound kernel can be called again and again, as long as its
arrays stay in place.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.graph import Launch
from magsearch.engine.kernels import declared
from magsearch.formatting import counted


class Device:
    """Common part of both machines: arrays (``xp``), checked kernel launches, batched Fourier transforms."""

    name: str
    description: str  # for people
    xp: Any  # numpy or cupy
    width: int  # replicas of a block: populations are padded to whole blocks
    chunk: int  # sites that one thread sums over, or the threads of one block
    graphs: bool  # whether a chain of launches becomes one (engine/graph.py)
    together: bool  # whether the threads of a block share memory, so that there are BLOCK_KERNELs
    shared: int  # bytes of memory that the threads of a block may share
    matrix_stride: int  # numbers from one 3x3 matrix of a coupling to the next (kernels/portable.cuh)
    stretch: int  # consecutive sites that one thread updates one after the other (magsearch/engine/sweep_order.py)
    parts: int  # of a sweep that are summed together (magsearch/thermal/heat_bath.py)
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
        name, kinds = declared(kernel, np.dtype(real))
        if len(arguments) != len(kinds):
            raise TypeError(f"{kernel} takes {counted(len(kinds), 'argument')}, {len(arguments)} were given")
        return name, [
            self._array(kernel, k, kind, value) if pointer else self._scalar(kernel, k, kind, value)
            for k, ((kind, pointer), value) in enumerate(zip(kinds, arguments, strict=True))
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
