"""The time that a part of a run beside the search may take: its lower bound, the refinement of its elites."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from magsearch.errors import Overdue

SHARE = 0.1  # of the time of the search
LEAST = 60.0  # seconds that each part may take, however short the search


def allowed(given: float | None, search: float | None) -> float:
    """Return the seconds that a part may take: ``given``, or a share of the seconds that the search takes, if known."""
    return max(LEAST, SHARE * (search or 0.0)) if given is None else given


@dataclass(frozen=True)
class Budget:
    """Called repeatedly by a computation; raises Overdue when its time is spent.

    seconds   that the computation may take
    watch     called as well; may raise an exception of its own
    """

    seconds: float
    watch: Callable[[], None]
    begun: float = field(default_factory=time.monotonic)

    def __call__(self) -> None:
        """Raise Overdue if the time is spent."""
        self.watch()
        if time.monotonic() - self.begun > self.seconds:
            raise Overdue
