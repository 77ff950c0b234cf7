"""Who hears from whom: the islands of an archipelago as a graph.

A topology is any object with ``neighbours(island, islands)``: the islands whose elites an island receives.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from magsearch.randomness import Consumer, stream


class Topology(Protocol):
    def neighbours(self, island: int, islands: int) -> Collection[int]:
        """The islands among ``islands`` that ``island`` hears from."""


@dataclass(frozen=True)
class Ring:
    """Each island hears from its two neighbours."""

    def neighbours(self, island: int, islands: int) -> set[int]:
        return {(island - 1) % islands, (island + 1) % islands} - {island}


@dataclass(frozen=True)
class Torus:
    """Rows and columns, as square as the number of islands allows: each island hears from its four neighbours.

    A prime number of islands makes a ring.
    """

    def neighbours(self, island: int, islands: int) -> set[int]:
        columns = next(n for n in range(int(islands**0.5), 0, -1) if islands % n == 0)
        rows, (y, x) = islands // columns, divmod(island, columns)
        beside = {y * columns + (x + step) % columns for step in (-1, 1)}
        above = {(y + step) % rows * columns + x for step in (-1, 1)}
        return (beside | above) - {island}


@dataclass(frozen=True)
class Complete:
    """Each island hears from all others."""

    def neighbours(self, island: int, islands: int) -> set[int]:
        return set(range(islands)) - {island}


@dataclass(frozen=True)
class Isolated:
    """No island hears from another."""

    def neighbours(self, island: int, islands: int) -> set[int]:
        return set()


@dataclass(frozen=True)
class RandomGraph:
    """``degree`` random closed tours of all islands: on each, an island hears from the one before it.

    One tour joins all islands already; where tours share a step, an island hears from fewer than ``degree`` others.
    """

    degree: int = field(
        default=2, metadata={"doc": "Number of random tours, hence of islands that each island receives from.", "ge": 1}
    )
    seed: int = 1

    def neighbours(self, island: int, islands: int) -> set[int]:
        heard = set()
        for tour in range(self.degree):
            order = stream(self.seed, Consumer.TOPOLOGY, tour).permutation(islands).tolist()
            heard.add(order[order.index(island) - 1])
        return heard - {island}


TOPOLOGIES: dict[str, type] = {
    "ring": Ring, "torus": Torus, "complete": Complete, "isolated": Isolated, "random": RandomGraph,
}  # fmt: skip
