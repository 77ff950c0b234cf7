"""Fresh arrays on the device."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import ndarray
from .memory import poisoned


def _layout(a: ndarray, order: str) -> str:
    """``K`` and ``A`` of CuPy for the arrays here, whose axes are in one of two orders."""
    if order not in ("K", "A"):
        return order
    return "F" if a.flags.f_contiguous and not a.flags.c_contiguous else "C"


def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    """Return an array whose values nobody should read yet."""
    return ndarray.of(poisoned(shape, dtype, order))


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> ndarray:
    """Return an array of one value."""
    a = empty(shape, np.array(fill_value).dtype if dtype is None else dtype, order)
    a.fill(fill_value)
    return a


def zeros(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    """Return an array of zeros."""
    return full(shape, 0, dtype, order)


def ones(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    """Return an array of ones."""
    return full(shape, 1, dtype, order)


def empty_like(
    prototype: ndarray, dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None
) -> ndarray:
    """Return an array as large as another."""
    if not isinstance(prototype, ndarray):
        raise TypeError(f"empty_like takes a device array, not {type(prototype)}")
    of_shape = prototype.shape if shape is None else shape
    return empty(of_shape, dtype or prototype.dtype, _layout(prototype, order))


def full_like(
    a: ndarray, fill_value: Any, dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None
) -> ndarray:
    """Return an array of one value, as large as another."""
    fresh = empty_like(a, dtype, order, subok, shape)
    fresh.fill(fill_value)
    return fresh


def zeros_like(a: ndarray, dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None) -> ndarray:
    """Return zeros, as many as another array has."""
    return full_like(a, 0, dtype, order, subok, shape)


def ones_like(a: ndarray, dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None) -> ndarray:
    """Return ones, as many as another array has."""
    return full_like(a, 1, dtype, order, subok, shape)
