"""The processor of this machine: kernels in compiled modules, one for each instruction set, and arrays of NumPy."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.engine.graph import Launch
from magsearch.engine.kernels import PACKAGE
from magsearch.engine.threads import threads
from magsearch.formatting import counted
from magsearch.limits import cores

INSTRUCTION_SETS = ("baseline", "avx2", "avx512")  # each includes those before it


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
    shared = 0
    matrix_stride = 9
    stretch = 256
    parts = 1
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
                f"{PACKAGE} has no compiled kernels: install with pip, and run outside the sources"
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
        return f"cpu ({self.instruction_set}, {counted(threads(), 'thread')})"

    def facts(self) -> dict[str, Any]:
        """Return instruction set, threads and cores."""
        return {"instruction_set": self.instruction_set, "threads": threads(), "cores": len(cores())}

    def _scalar(self, kernel: str, place: int, kind: np.dtype, value: Any) -> Any:
        if type(value) is int or (type(value) is float and kind.kind == "f"):
            return value  # the kernel takes Python's own numbers, and refuses those that are too large
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
