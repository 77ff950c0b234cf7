"""Tasks of rank 0 that all ranks carry out together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from magsearch.errors import Interrupted
from magsearch.parallel.ranks import Ranks


class Division:
    """Tasks of rank 0, divided among all ranks in turn.

    Rank 0 calls the division with its tasks, and ``end`` after the last ones; the others ``serve`` until then.

    ranks   all that work together
    work    carries out a task on this rank; Interrupted that it raises ends the round on all ranks
    """

    def __init__(self, ranks: Ranks, work: Callable[[Any], Any]):
        self.ranks, self.work = ranks, work

    def __call__(self, tasks: Sequence[Any]) -> list[Any]:
        """Return the results of tasks in their order. Raises Interrupted if one of the ranks is signalled."""
        if not tasks:
            return []
        self.ranks.broadcast(True)
        return self._round(tasks)

    def serve(self) -> None:
        """Carry out tasks of rank 0 until it has no more."""
        while self.ranks.broadcast(False):
            self._round(())

    def end(self) -> None:
        """Release the other ranks."""
        self.ranks.broadcast(False)

    def _round(self, tasks: Sequence[Any]) -> list[Any]:
        size, done, interrupted = self.ranks.size, list[Any](), False
        try:
            for task in self.ranks.scatter([tasks[rank::size] for rank in range(size)]):
                done.append(self.work(task))
        except Interrupted:
            interrupted = True
        parts = self.ranks.gather((done, interrupted))
        if any(ended for _, ended in parts):
            raise Interrupted
        return [parts[k % size][0][k // size] for k in range(len(tasks))]
