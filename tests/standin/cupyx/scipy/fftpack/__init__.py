"""scipy.fftpack on the device: plans."""

from __future__ import annotations

from typing import Any

from cupy import ndarray
from cupy.cuda import plan_of
from cupy.fft import possible


def get_fft_plan(a: ndarray, shape: Any = None, axes: Any = None, value_type: str = "C2C") -> Any:
    """Return a plan for complex arrays like ``a`` over one axis, or over two or three adjacent ones."""
    if shape is not None or value_type != "C2C":
        raise NotImplementedError("plans that cut, pad, or begin or end with real numbers")
    if not a.flags.c_contiguous:
        raise ValueError("Input array a must be contiguous")
    axes = tuple(range(a.ndim)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
    ordered = tuple(sorted(axis % a.ndim for axis in axes))
    if len(ordered) == 1 and ordered[0] != a.ndim - 1:
        raise ValueError("a plan over one axis is for the last one: CuPy brings it there")
    if not possible(ordered, a.ndim):
        raise ValueError("An n-dimensional cuFFT plan could not be created. The axes must be contiguous.")
    return plan_of(a.shape, a.dtype, ordered, cached=False)
