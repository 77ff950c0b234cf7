"""scipy.fft on the device."""

from __future__ import annotations

from typing import Any

from cupy import ndarray
from cupy.cuda import FFT_DIRECTIONS
from cupy.fft import irfftn, rfftn, transform

from ..fftpack import get_fft_plan


def fftn(
    x: ndarray, s: Any = None, axes: Any = None, norm: str | None = None, overwrite_x: bool = False, *, plan: Any = None
) -> ndarray:
    """Transform over axes."""
    return transform(x, s, axes, norm, FFT_DIRECTIONS["forward"], overwrite_x, plan)


def ifftn(
    x: ndarray, s: Any = None, axes: Any = None, norm: str | None = None, overwrite_x: bool = False, *, plan: Any = None
) -> ndarray:
    """Transform back over axes."""
    return transform(x, s, axes, norm, FFT_DIRECTIONS["inverse"], overwrite_x, plan)
