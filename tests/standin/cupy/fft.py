"""Fourier transforms as CuPy arranges them: a plan over adjacent axes where cuFFT has one, else copies and single axes.

Follows cupy/fft/_fft.py of CuPy 14.2: which path is taken, what is copied, what is scaled.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import scipy.fft

from .arrays import ascontiguousarray, made_by, ndarray
from .cuda import FFT_DIRECTIONS, plan_of
from .functions import FUNCTIONS  # noqa: F401  (arithmetic of arrays is there once this is imported)


def possible(axes: tuple[int, ...], ndim: int) -> bool:
    """Return whether one plan serves sorted axes: up to three adjacent ones, among them the first or the last."""
    adjacent = all(after - before == 1 for before, after in pairwise(axes))
    return 0 < len(axes) <= 3 and (0 in axes or ndim - 1 in axes) and adjacent


def _scaled(a: ndarray, count: int, norm: str, direction: int) -> ndarray:
    if norm == "ortho":
        a /= np.sqrt(count)
    elif (norm == "backward") == (direction == FFT_DIRECTIONS["inverse"]):
        a /= count
    return a


def _along(a: ndarray, axis: int, norm: str, direction: int, overwrite: bool) -> ndarray:
    """One axis: it is made the last one, and what is a view or not contiguous is copied."""
    last = axis % a.ndim == a.ndim - 1
    if not last:
        a = a.swapaxes(axis, -1)
    if a.base is not None or not a.flags.c_contiguous:
        a = a.copy()
    plan = plan_of(a.shape, a.dtype, (a.ndim - 1,))
    out = a if overwrite else ndarray(a.shape, a.dtype)
    plan.fft(a, out, direction)
    out = _scaled(out, a.shape[-1], norm, direction)
    return out if last else out.swapaxes(axis, -1)


def transform(
    a: ndarray, s: Any, axes: Any, norm: str | None, direction: int, overwrite: bool = False, plan: Any = None
) -> ndarray:
    """Transform an array over axes, all of them where None."""
    if not isinstance(a, ndarray):
        raise TypeError("The input array a must be a cupy.ndarray")
    if s is not None:
        raise NotImplementedError("transforms that cut or pad")
    norm = norm or "backward"
    if norm not in ("backward", "ortho", "forward"):
        raise ValueError(f'Invalid norm value {norm}, should be "backward", "ortho", or "forward".')
    if a.dtype.kind != "c":
        a = a.astype(np.complex64 if a.dtype in (np.float16, np.float32) else np.complex128)
    axes = tuple(range(a.ndim)) if axes is None else tuple(axes)
    ordered = tuple(sorted(axis % a.ndim for axis in axes))
    if plan is None and not (len(ordered) > 1 and possible(ordered, a.ndim)):
        for axis in axes:
            a = _along(a, axis, norm, direction, overwrite)
        return a
    a = ascontiguousarray(a)
    if plan is None:
        plan = plan_of(a.shape, a.dtype, ordered)
    elif plan.shape != tuple(a.shape[axis] for axis in ordered):
        raise ValueError(f"The cuFFT plan and a.shape do not match: plan.shape = {plan.shape}, a.shape = {a.shape}")
    out = a if overwrite else ndarray(a.shape, a.dtype)
    plan.fft(a, out, direction)
    return _scaled(out, int(np.prod([a.shape[axis] for axis in ordered])), norm, direction)


def fftn(a: ndarray, s: Any = None, axes: Any = None, norm: str | None = None) -> ndarray:
    """Transform over axes."""
    return transform(a, s, axes, norm, FFT_DIRECTIONS["forward"])


def ifftn(a: ndarray, s: Any = None, axes: Any = None, norm: str | None = None) -> ndarray:
    """Transform back over axes."""
    return transform(a, s, axes, norm, FFT_DIRECTIONS["inverse"])


def rfftn(a: ndarray, s: Any = None, axes: Any = None, norm: str | None = None) -> ndarray:
    """Transform real numbers over axes; the last of them is halved."""
    return _real("rfftn", a, s, axes, norm)


def irfftn(a: ndarray, s: Any = None, axes: Any = None, norm: str | None = None) -> ndarray:
    """Transform back to real numbers."""
    return _real("irfftn", a, s, axes, norm)


def _real(name: str, a: ndarray, s: Any, axes: Any, norm: str | None) -> ndarray:
    """As one kernel an axis; the axis that is halved is made the last one and comes back as a view."""
    if not isinstance(a, ndarray):
        raise TypeError("The input array a must be a cupy.ndarray")
    last = axes[-1] % a.ndim
    values = a.a
    for axis in axes:
        values = made_by(f"{name} over axis {axis % a.ndim}", values + 0, [a]).a
    moved = np.moveaxis(getattr(scipy.fft, name)(a.a, s=s, axes=axes, norm=norm), last, -1)
    return (
        ndarray.of(np.ascontiguousarray(moved)).swapaxes(last, -1)
        if last == a.ndim - 2
        else ndarray.of(np.ascontiguousarray(np.moveaxis(moved, -1, last)))
    )
