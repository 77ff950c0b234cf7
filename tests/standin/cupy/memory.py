"""Device memory: a pool that counts, and arrays of NaN, so that what is read before it is written shows."""

from __future__ import annotations

import gc
import os
from typing import Any

import numpy as np

from .failures import failures

UNIT = 512  # bytes; CuPy's pool rounds every allocation up


class OutOfMemoryError(MemoryError):
    """Raised where an allocation exceeds the device or the limit of the pool."""

    def __init__(self, size: int, total: int, limit: int = 0):
        said = f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes"
        super().__init__(said + (f", limit set to: {limit:,} bytes)." if limit else ")."))


class Pool:
    """The memory pool of a device. Fragments are not modelled: blocks that were freed serve any later one.

    live, peak   bytes in use, and the most that ever were since ``reset_peak``
    held         bytes that the pool has taken from the device and keeps
    """

    def __init__(self, capacity: int) -> None:
        self.capacity, self._limit = capacity, 0
        self.live = self.peak = self.held = 0

    def take(self, size: int) -> int:
        """Count an allocation and return its rounded size. OutOfMemoryError where it does not fit."""
        rounded = -(-size // UNIT) * UNIT
        if failures.allocate():
            raise OutOfMemoryError(rounded, self.held, self._limit)
        most = min(self._limit or self.capacity, self.capacity)
        if self.live + rounded > most:
            gc.collect()
        if self.live + rounded > most:
            raise OutOfMemoryError(rounded, self.held, self._limit)
        self.live += rounded
        self.peak, self.held = max(self.peak, self.live), max(self.held, self.live)
        return rounded

    def give(self, rounded: int) -> None:
        """Take back an allocation."""
        self.live -= rounded

    def reset_peak(self) -> None:
        """Begin to look for the peak anew."""
        self.peak = self.live

    # -- CuPy's names

    def used_bytes(self) -> int:
        """Bytes in use."""
        return self.live

    def total_bytes(self) -> int:
        """Bytes in use or kept for later."""
        return self.held

    def free_bytes(self) -> int:
        """Bytes that are kept for later."""
        return self.held - self.live

    def free_all_blocks(self, stream: Any = None) -> None:
        """Give back what is not in use."""
        self.held = self.live

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        """Limit the pool to bytes, or to a part of the device; without arguments there is no limit."""
        if size is not None and fraction is not None:
            raise ValueError("size and fraction cannot be specified at one time")
        if fraction is not None:
            if not 0 <= fraction <= 1:
                raise ValueError(f"memory limit fraction out of range: {fraction}")
            size = int(fraction * self.capacity)
        if size is not None and size < 0:
            raise ValueError(f"memory limit size out of range: {size}")
        self._limit = size or 0

    def get_limit(self) -> int:
        """Limit in bytes, 0 for none."""
        return self._limit


class Block:
    """Bytes of the pool; they return to it when nothing refers to them any more."""

    __slots__ = ("_rounded", "values")

    def __init__(self, values: np.ndarray) -> None:
        self._rounded = 0
        self._rounded = pool.take(values.nbytes)
        self.values = values

    def __del__(self) -> None:
        pool.give(self._rounded)


def poisoned(shape: Any, dtype: Any, order: str = "C") -> np.ndarray:
    """Return an array of NaN, or of large integers."""
    values = np.empty(shape, np.dtype(dtype), order=order)
    if values.dtype.kind in "fc":
        values.fill(np.nan)
    elif values.dtype.kind in "iu":
        values.view(np.uint8).fill(0x3F) if values.ndim and values.size else None
    return values


class PinnedPool:
    """The pool of page-locked memory of the host: sizes are rounded up to powers of two and kept."""

    held = 0

    def free_all_blocks(self) -> None:
        """Give back what is not in use."""
        self.held = 0


pool, pinned = Pool(int(float(os.environ.get("STANDIN_MEMORY", 80e9)))), PinnedPool()


def get_default_memory_pool() -> Pool:
    """Return the pool of the current device."""
    return pool


def get_default_pinned_memory_pool() -> PinnedPool:
    """Return the pool of page-locked memory."""
    return pinned
