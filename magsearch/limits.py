"""Memory and cores that this process may use."""

from __future__ import annotations

import os
import resource


def memory() -> int:
    """Return the bytes that this process may use at most: the machine's, or less where a limit is set (ulimit -v)."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return machine if limit == resource.RLIM_INFINITY else min(machine, limit)


def cores() -> frozenset[int]:
    """Return the numbers of the cores that this process may use; of all cores where the system does not say."""
    return frozenset(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))
