"""cuFFT. CuPy loads it when the first transform asks for it."""

from __future__ import annotations

from . import FFT_DIRECTIONS, Plan

CUFFT_FORWARD, CUFFT_INVERSE = FFT_DIRECTIONS["forward"], FFT_DIRECTIONS["inverse"]
CUFFT_C2C, CUFFT_Z2Z = 0x29, 0x69
Plan1d = PlanNd = Plan


def getVersion() -> int:
    """Return 1000 major + 100 minor."""
    return 12000
