"""The number of threads of the kernels: OMP_NUM_THREADS, or the cores that this process may use."""

from __future__ import annotations

import os

from magsearch.limits import cores

MOST = 1024  # more crash the library of OpenMP


def threads() -> int:
    """Return the number of threads. Raises RuntimeError for an invalid OMP_NUM_THREADS."""
    given = os.environ.get("OMP_NUM_THREADS", "").strip()
    if not given:
        return len(cores())
    levels = [level.strip() for level in given.split(",")]  # of nested parallel regions
    if not all(level.isascii() and level.isdigit() and len(level) < 9 and 0 < int(level) <= MOST for level in levels):
        raise RuntimeError(f"OMP_NUM_THREADS is {given!r}; expected a number from 1 to {MOST}")
    return int(levels[0])
