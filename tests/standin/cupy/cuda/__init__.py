"""Devices, streams, graphs and plans of cuFFT."""

from __future__ import annotations

import os
import time
from typing import Any, ClassVar

import numpy as np
import scipy.fft

from .. import queue
from ..arrays import ndarray
from ..counts import counts
from ..failures import CUDARuntimeError, failures
from ..memory import Block, OutOfMemoryError, get_default_memory_pool, pinned, pool
from . import nvrtc, profiler, runtime

FFT_DIRECTIONS = {"forward": -1, "inverse": 1}
_plans: dict[tuple[Any, ...], Any] = {}  # CuPy's cache has 16 places
_PLACES = 16


class Device:
    """A GPU by its number."""

    def __init__(self, device: int | None = None) -> None:
        self.id = runtime.getDevice() if device is None else int(device)

    def use(self) -> None:
        """Make this the current device."""
        runtime.setDevice(self.id)

    def __enter__(self) -> Device:
        self._before = runtime.getDevice()
        self.use()
        return self

    def __exit__(self, *_: object) -> None:
        runtime.setDevice(self._before)

    def synchronize(self) -> None:
        """Wait for all work."""
        runtime.deviceSynchronize()

    @property
    def mem_info(self) -> tuple[int, int]:
        """Free and total bytes."""
        return runtime.memGetInfo()

    compute_capability = "90"
    attributes: ClassVar = {"MultiProcessorCount": 132, "WarpSize": 32, "MaxSharedMemoryPerBlockOptin": 232448}


class Graph:
    """Work that was captured from a stream."""

    def __init__(self, *_: Any) -> None:
        raise NotImplementedError(
            "currently this class cannot be initiated by the user and must be created via stream capture"
        )

    def launch(self, stream: Any = None) -> None:
        """Run what was captured."""
        queue.expect_free("a graph's launch")
        counts.graphs["launch"] += 1
        for work in self._work:
            work()

    def upload(self, stream: Any = None) -> None:
        """Prepare the launch."""


class Stream:
    """A queue of work. Work is done at once, but for copies to the host that need not be waited for."""

    _current: ClassVar[list[Stream]] = []

    def __init__(
        self, null: bool = False, non_blocking: bool = False, ptds: bool = False, priority: Any = None
    ) -> None:
        self.null, self.ptr = null, 0 if null else id(self)

    def __enter__(self) -> Stream:
        Stream._current.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        Stream._current.pop()

    def use(self) -> Stream:
        """Make this the current stream."""
        Stream._current[:] = [self]
        return self

    @property
    def done(self) -> bool:
        """Whether all work is done."""
        return not queue.later

    def synchronize(self) -> None:
        """Wait for all work."""
        queue.expect_free("synchronize")
        queue.settle()
        counts.waits["synchronize"] += 1

    def record(self, event: Any = None) -> Event:
        """Record an event."""
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Wait, on the device, for an event."""

    def begin_capture(self, mode: Any = None) -> None:
        """Begin to record work instead of doing it."""
        if self.null:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if get_current_stream() is not self:
            raise RuntimeError("the stand-in captures the current stream: use it with `with stream:`")
        queue.expect_free("begin_capture")
        queue.captured.append([])

    def end_capture(self) -> Graph:
        """Return what was recorded."""
        if not queue.captured:
            raise CUDARuntimeError(901, "cudaErrorIllegalState: operation inappropriate for the current stream state")
        graph = object.__new__(Graph)
        graph._work = queue.captured.pop()
        return graph

    def is_capturing(self) -> bool:
        """Whether work is recorded."""
        return bool(queue.captured)


Stream.null = Stream(null=True)  # type: ignore[assignment]


class Event:
    """A point in the order of work."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self.time = 0.0

    done = property(lambda self: True)

    def record(self, stream: Any = None) -> None:
        """Note the time."""
        self.time = time.perf_counter()

    def synchronize(self) -> None:
        """Wait for what was there before it."""
        queue.expect_free("synchronize")
        queue.settle()
        counts.waits["synchronize"] += 1


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    """Return the milliseconds between two events."""
    return 1e3 * (end_event.time - start_event.time)


def get_current_stream() -> Stream:
    """Return the stream that work goes to."""
    return Stream._current[-1] if Stream._current else Stream.null  # type: ignore[return-value]


class _Pinned(bytearray):
    """Page-locked bytes of the host."""


def alloc_pinned_memory(size: int) -> Any:
    """Return page-locked memory; sizes are rounded up to powers of two, and the pool keeps them."""
    counts.bytes["pinned"] += 1 << max(0, size - 1).bit_length()
    return _Pinned(size)


class Plan:
    """A plan of cuFFT over adjacent axes; its work area is the device's memory."""

    def __init__(self, shape: tuple[int, ...], kind: Any, axes: tuple[int, ...]) -> None:
        if failures.cufft:
            raise ImportError("libcufft.so.12: cannot open shared object file: No such file or directory")
        if not all(shape):
            raise ValueError("Invalid number of FFT data points specified.")
        self.full, self.kind, self.axes = shape, np.dtype(kind), axes
        self.shape = tuple(shape[axis] for axis in axes)
        self.name = "x".join(map(str, self.shape))
        self.work_area = Block(np.empty(shape, kind))
        counts.plans[self.name] += 1

    def get_output_array(self, a: ndarray, order: str = "C") -> ndarray:
        """Return an array for the result."""
        return ndarray(a.shape, a.dtype, order=order)

    def fft(self, a: ndarray, out: ndarray, direction: int) -> None:
        """Transform without scaling. cuFFT takes the layout from the plan and nothing from the arrays."""
        for array in (a, out):
            if not isinstance(array, ndarray) or array.dtype != self.kind or array.shape != self.full:
                raise TypeError(f"a plan for {self.kind} {self.full} does not fit {array.dtype} {array.shape}")
            if not array.flags.c_contiguous:
                raise TypeError("a plan takes contiguous arrays")
        if direction not in FFT_DIRECTIONS.values():
            raise ValueError(f"direction {direction}")
        forward = direction == FFT_DIRECTIONS["forward"]
        source, target = a.a, out.a
        lengths = sum(n > 1 for n in self.shape)

        def work() -> None:
            counts.transforms[self.name] += 1
            counts.bytes["transforms"] += 2 * max(1, lengths) * source.nbytes
            function, norm = (scipy.fft.fftn, "backward") if forward else (scipy.fft.ifftn, "forward")
            target[...] = function(source, axes=self.axes, norm=norm)

        queue.run(work)


def plan_of(shape: tuple[int, ...], kind: Any, axes: tuple[int, ...], cached: bool = True) -> Plan:
    """Return a plan, from the cache where it is there."""
    key = (shape, np.dtype(kind), axes)
    if key in _plans and not failures.cufft:
        _plans[key] = _plans.pop(key)  # used last
        return _plans[key]
    plan = Plan(shape, kind, axes)
    if cached:
        _plans[key] = plan
        if len(_plans) > _PLACES:
            del _plans[next(iter(_plans))]
    return plan


def is_available() -> bool:
    """Whether a GPU is seen."""
    return not failures.driver and int(os.environ.get("STANDIN_GPUS", 1)) > 0
