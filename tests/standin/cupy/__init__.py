"""A stand-in for CuPy 14.2 on a machine without a GPU: what CuPy refuses is refused, what it counts can be counted.

Put this folder's parent on PYTHONPATH and ``--device cuda`` runs on the CPU. Arrays are opaque: nothing converts them
to NumPy by accident. A RawModule compiles the source that it is given with the host's compiler and checks every
argument of a launch. Fresh memory holds NaN. tests/test_standin.py compares the names and the signatures here with
those of CuPy, where it is installed.

counts     launches, transforms, CuPy's own kernels, waits, bytes moved (counts.py)
failures   what is broken: STANDIN_FAIL=driver,nvrtc,cufft,memory=7 (failures.py)

Environment: STANDIN_GPUS number of devices (1); STANDIN_MEMORY bytes of each (80e9); STANDIN_FLAGS of the compiler.
"""

from __future__ import annotations

from numpy import (
    bool_,
    complex64,
    complex128,
    dtype,
    e,
    finfo,
    float16,
    float32,
    float64,
    iinfo,
    inf,
    int8,
    int16,
    int32,
    int64,
    nan,
    newaxis,
    pi,
    uint8,
    uint16,
    uint32,
    uint64,
)

from . import arrays, cuda, fft, linalg
from .arrays import array, asarray, ascontiguousarray, ndarray
from .counts import counts
from .creation import empty, empty_like, full, full_like, ones, ones_like, zeros, zeros_like
from .failures import failures
from .functions import FUNCTIONS
from .memory import get_default_memory_pool, get_default_pinned_memory_pool
from .module import RawKernel, RawModule

__version__ = "14.2.0"
globals().update(FUNCTIONS)
arrays.ours.update(globals())
