"""Interrupting all ranks of a run together when a signal reaches one of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from magsearch.errors import Interrupted
from magsearch.parallel.ranks import Ranks

T = TypeVar("T")


class Interruption:
    """Whether this rank, or another, has been signalled to stop.

    ranks       all that work together
    signalled   polled: whether a signal has reached this rank
    received    whether this rank knows of a signal, its own or another's
    """

    def __init__(self, ranks: Ranks, signalled: Callable[[], bool]):
        self.ranks, self.signalled, self.received = ranks, signalled, False

    def look(self) -> bool:
        """Return whether to stop; pass a signal that only this rank has received on to the others."""
        if not self.received and self.signalled():
            self.received = True
            self.ranks.interrupt()
        self.received |= self.ranks.interrupted()
        return self.received

    def watch(self) -> None:
        """Raise Interrupted if this rank or another has been signalled."""
        if self.look():
            raise Interrupted

    def together(self, work: Callable[[], T]) -> T:
        """Call a function on every rank; raise Interrupted on all of them where it does so on one. Collective."""
        done: list[T] = []
        with suppress(Interrupted):
            done.append(work())
        if not self.ranks.broadcast(all(self.ranks.gather(bool(done)))):
            raise Interrupted
        return done[0]
