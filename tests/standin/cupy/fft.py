"""Fourier transforms as CuPy arranges them: a plan over adjacent axes where cuFFT has one, else copies and single axes.

Follows cupy/fft/_fft.py of CuPy 14.2: which path is taken, what is copied, what is scaled.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import scipy.fft

from . import queue
from .arrays import ascontiguousarray, ndarray
from .counts import counts
from .cuda import FFT_DIRECTIONS, plan_of
from .functions import FUNCTIONS  # noqa: F401  (arithmetic of arrays is there once this is imported)


def possible(axes: tuple[int, ...], ndim: int) -> bool:
    """Return whether one plan serves sorted axes: up to three adjacent ones, among them the first or the last."""
    adjacent = all(after - before == 1 for before, after in pairwise(axes))
    return 0 < len(axes) <= 3 and (0 in axes or ndim - 1 in axes) and adjacent


def _checked(a: ndarray, norm: str | None) -> str:
    """Return which transforms are scaled. TypeError and ValueError for what CuPy refuses."""
    if not isinstance(a, ndarray):
        raise TypeError("The input array a must be a cupy.ndarray")
    norm = norm or "backward"
    if norm not in ("backward", "ortho", "forward"):
        raise ValueError(f'Invalid norm value {norm}, should be "backward", "ortho", or "forward".')
    return norm


def _scaled(a: ndarray, count: int, norm: str, direction: int) -> ndarray:
    if norm == "ortho":
        a /= np.sqrt(count)
    elif (norm == "backward") == (direction == FFT_DIRECTIONS["inverse"]):
        a /= count
    return a


def _halving(a: ndarray, axes: tuple[int, ...], n: int, direction: int) -> ndarray:
    """Transform n real numbers along the last of the axes into the half of their waves, or back, without scaling."""
    forward, shape = direction == FFT_DIRECTIONS["forward"], list(a.shape)
    shape[axes[-1]] = n // 2 + 1 if forward else n
    out = ndarray(shape, np.result_type(a.dtype, 1j) if forward else a.a.real.dtype)
    lengths = (*(a.shape[axis] for axis in axes[:-1]), n)
    function, norm = (scipy.fft.rfftn, "backward") if forward else (scipy.fft.irfftn, "forward")
    source, target = a.a, out.a

    def work() -> None:
        counts.transforms["x".join(map(str, lengths))] += 1
        counts.bytes["transforms"] += len(lengths) * (source.nbytes + target.nbytes)
        target[...] = function(source, s=lengths, axes=axes, norm=norm)

    queue.run(work)
    return out


def _along(a: ndarray, axis: int, norm: str, direction: int, overwrite: bool = False, n: int = 0) -> ndarray:
    """Transform along one axis: it is made the last one, and what is a view or not contiguous is copied.

    n   real numbers that there are, or come back; 0: the transform is complex
    """
    last = axis % a.ndim == a.ndim - 1
    if not last:
        a = a.swapaxes(axis, -1)
    if a.base is not None or not a.flags.c_contiguous or (n and direction == FFT_DIRECTIONS["inverse"]):
        a = a.copy()  # also where cuFFT could overwrite its waves
    if n:
        out = _halving(a, (a.ndim - 1,), n, direction)
    else:
        out = a if overwrite else ndarray(a.shape, a.dtype)
        plan_of(a.shape, a.dtype, (a.ndim - 1,)).fft(a, out, direction)
    out = _scaled(out, n or a.shape[-1], norm, direction)
    return out if last else out.swapaxes(axis, -1)


def transform(
    a: ndarray, s: Any, axes: Any, norm: str | None, direction: int, overwrite: bool = False, plan: Any = None
) -> ndarray:
    """Transform an array over axes, all of them where None."""
    norm = _checked(a, norm)
    if s is not None:
        raise NotImplementedError("transforms that cut or pad")
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
    return _scaled(out, prod(plan.shape), norm, direction)


def fftn(a: ndarray, s: Any = None, axes: Any = None, norm: str | None = None) -> ndarray:
    """Transform over axes."""
    return transform(a, s, axes, norm, FFT_DIRECTIONS["forward"])


def ifftn(a: ndarray, s: Any = None, axes: Any = None, norm: str | None = None) -> ndarray:
    """Transform back over axes."""
    return transform(a, s, axes, norm, FFT_DIRECTIONS["inverse"])


def rfftn(a: ndarray, s: Any = None, axes: Any = None, norm: str | None = None) -> ndarray:
    """Transform real numbers over axes; the last of them is halved."""
    return _real(a, s, axes, norm, FFT_DIRECTIONS["forward"])


def irfftn(a: ndarray, s: Any = None, axes: Any = None, norm: str | None = None) -> ndarray:
    """Transform back to real numbers."""
    return _real(a, s, axes, norm, FFT_DIRECTIONS["inverse"])


def _real(a: ndarray, s: Any, axes: Any, norm: str | None, direction: int) -> ndarray:
    """Transform over one plan where there is one, else over single axes: the one that is halved first, or back last."""
    norm, forward = _checked(a, norm), direction == FFT_DIRECTIONS["forward"]
    *others, last = (axis % a.ndim for axis in (range(a.ndim) if axes is None else axes))
    n = a.shape[last] if forward else 2 * (a.shape[last] - 1) if s is None else s[-1]
    lengths = (*(a.shape[axis] for axis in others), n)
    if (s is not None and tuple(s) != lengths) or not (forward or n // 2 + 1 == a.shape[last]):
        raise NotImplementedError("transforms that cut or pad")
    single = a.dtype in (np.float16, np.float32, np.complex64)
    kinds = (np.float32, np.float64) if forward else (np.complex64, np.complex128)
    a = a.astype(kinds[not single], copy=False)
    ordered = (*sorted(others), last)
    if others and possible(ordered, a.ndim) and not a.flags.f_contiguous:
        a = ascontiguousarray(a) if forward else a.copy()  # cuFFT could overwrite its waves
        return _scaled(_halving(a, ordered, n, direction), prod(lengths), norm, direction)
    if forward:
        a = _along(a, last, norm, direction, n=n)
    for axis in others:
        a = _along(a, axis, norm, direction)
    return a if forward else _along(a, last, norm, direction, n=n)
