"""Traces of searches, the best energy over evaluations and seconds, and the time to solution from them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Budget:
    """Budget of a run: evaluations and seconds, whichever takes longer, within a limit of seconds."""

    evaluations: int
    seconds: float = 0.0
    limit: float = np.inf

    def spent(self, evaluations: int, seconds: float) -> bool:
        return seconds >= self.limit or (evaluations >= self.evaluations and seconds >= self.seconds)


def followed(search: Iterable[tuple[int, float]], budget: Budget, goal: float = -np.inf) -> dict[str, Any]:
    """One run: (evaluations, CPU seconds, meV) whenever it had found something better, and all that it took.

    It ends with its budget, or at an energy of at most ``goal`` meV.
    """
    begin, trace, best = time.process_time(), list[tuple[int, float, float]](), np.inf
    for evaluations, energy in search:
        spent = time.process_time() - begin
        if energy < best:
            best = energy
            trace.append((evaluations, spent, energy))
        if best <= goal or budget.spent(evaluations, spent):
            return {"trace": trace, "evaluations": evaluations, "seconds": spent}
    raise AssertionError("searches do not end by themselves")


def hits(runs: Iterable[dict[str, Any]], target: float, column: int = 0) -> list[float]:
    """Evaluations (column 0) or seconds (1) until each run had at most ``target`` meV; infinite where it never had."""
    return [next((point[column] for point in run["trace"] if point[-1] <= target), np.inf) for run in runs]


def time_to_solution(hits: list[float]) -> float:
    """Return the cost of finding the target with 99 % probability; hits are infinite where a run failed.

    With p(t) the fraction of runs that arrived within t, the minimum over t of t max[1, ln 0.01 / ln(1 - p(t))]: if
    runs are cut off at t and repeated (Ronnow et al., Science 345, 420 (2014)).
    """
    best = np.inf
    for t in (h for h in hits if np.isfinite(h)):
        p = np.mean(np.array(hits) <= t)
        best = min(best, t * (max(1.0, np.log(0.01) / np.log1p(-p)) if p < 1 else 1.0))
    return best
