"""What a search had found after how many evaluations, and how long it takes therefore."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import numpy as np


def followed(search: Iterable[tuple[int, float]], budget: int) -> dict[str, Any]:
    """A search until its budget of evaluations is spent: the improvements as (evaluations, meV), and what it took."""
    begin, trace, evaluations = time.monotonic(), list[tuple[int, float]](), 0
    for evaluations, energy in search:
        if not trace or energy < trace[-1][1]:
            trace.append((evaluations, energy))
        if evaluations >= budget:
            break
    return {"trace": trace, "seconds": time.monotonic() - begin, "evaluations": evaluations}


def hits(runs: Iterable[dict[str, Any]], target: float) -> list[float]:
    """Evaluations until each run had found an energy of at most ``target`` meV; infinite where it did not."""
    return [next((t for t, energy in run["trace"] if energy <= target), np.inf) for run in runs]


def time_to_solution(hits: list[float]) -> tuple[float, float]:
    """Evaluations with 99 % probability, and the fraction of runs that arrived; hits are infinite where one did not.

    With p(t) the fraction of runs that arrived within t evaluations, the minimum over t of t max[1, ln 0.01 / ln(1 -
    p(t))]: evaluations if runs are cut off at t and repeated (Ronnow et al., Science 345, 420 (2014)).
    """
    best = np.inf
    for t in (h for h in hits if np.isfinite(h)):
        p = np.mean(np.array(hits) <= t)
        best = min(best, t * (max(1.0, np.log(0.01) / np.log1p(-p)) if p < 1 else 1.0))
    return best, float(np.mean(np.isfinite(hits)))
