"""The CUDA runtime."""

from __future__ import annotations

import os
from typing import Any

from .. import queue
from ..counts import counts
from ..failures import CUDARuntimeError, failures
from ..memory import pool

is_hip = False
streamCaptureModeGlobal, streamCaptureModeThreadLocal, streamCaptureModeRelaxed = range(3)
_current = [0]


def getDeviceCount() -> int:
    """Return the number of GPUs."""
    if failures.driver:
        raise CUDARuntimeError(
            35, "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"
        )
    return int(os.environ.get("STANDIN_GPUS", 1))


def getDevice() -> int:
    """Return the number of the current GPU."""
    return _current[0]


def setDevice(device: int) -> None:
    """Choose a GPU."""
    if not 0 <= device < getDeviceCount():
        raise CUDARuntimeError(101, "cudaErrorInvalidDevice: invalid device ordinal")
    _current[0] = device


def getDeviceProperties(device: int) -> dict[str, Any]:
    """Return what a GPU is."""
    return {
        "name": b"stand-in", "major": 9, "minor": 0, "multiProcessorCount": 132, "totalGlobalMem": pool.capacity,
        "clockRate": 1755000, "memoryClockRate": 2619000, "memoryBusWidth": 5120, "l2CacheSize": 52428800,
        "sharedMemPerBlockOptin": 232448, "pciBusID": 1,
    }  # fmt: skip


def memGetInfo() -> tuple[int, int]:
    """Return free and total bytes."""
    return pool.capacity - pool.held, pool.capacity


def runtimeGetVersion() -> int:
    """Return 1000 major + 10 minor."""
    return 13000


def driverGetVersion() -> int:
    """Return the newest version of CUDA that the driver can do."""
    if failures.driver:
        return 0
    return 13000


def deviceSynchronize() -> None:
    """Wait for all work."""
    queue.expect_free("synchronize")
    queue.settle()
    counts.waits["synchronize"] += 1
