"""Being told to stop: heard by one rank, known to all."""

from __future__ import annotations

from collections.abc import Callable

from magsearch.errors import Interrupted
from magsearch.parallel.ranks import Ranks


class Interruption:
    """Whether this rank, or another, has been told to stop.

    ranks   all of those that work together
    told    asked again and again: whether a signal came to this one
    """

    def __init__(self, ranks: Ranks, told: Callable[[], bool]):
        self.ranks, self.told, self.heard = ranks, told, False

    def look(self) -> bool:
        """Whether it is time to stop; what only this rank has heard so far is passed on."""
        if not self.heard and self.told():
            self.heard = True
            self.ranks.alarm()
        self.heard |= self.ranks.alarmed()
        return self.heard

    def watch(self) -> None:
        """Raises Interrupted when it is time to stop."""
        if self.look():
            raise Interrupted
