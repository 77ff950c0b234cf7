"""What CuPy has beyond NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from cupy.cuda import alloc_pinned_memory


def empty_pinned(shape: Any, dtype: Any = float, order: str = "C") -> np.ndarray:
    """Return an array of the host in page-locked memory."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.ndarray(shape, dtype=dtype, buffer=alloc_pinned_memory(size), order=order)
