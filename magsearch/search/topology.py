"""Topologies of an archipelago: which islands receive elites from which, as a graph.

A topology is any object with ``neighbours(island, islands)``: the islands whose elites an island receives.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from magsearch.randomness import Consumer, stream


class Topology(Protocol):
    """A graph of islands."""

    def neighbours(self, island: int, islands: int) -> Collection[int]:
        """Return which of ``islands`` islands send their elites to ``island``."""


@dataclass(frozen=True)
class Ring:
    """Each island receives from its two neighbours."""

    def neighbours(self, island: int, islands: int) -> set[int]:
        """Return the two neighbours of an island on the ring."""
        return {(island - 1) % islands, (island + 1) % islands} - {island}


@dataclass(frozen=True)
class Torus:
    """Rows and columns, as square as the number of islands allows: each island receives from its four neighbours.

    A prime number of islands makes a ring.
    """

    def neighbours(self, island: int, islands: int) -> set[int]:
        """Return the neighbours of an island on the torus."""
        columns = next(n for n in range(int(islands**0.5), 0, -1) if islands % n == 0)
        rows, (y, x) = islands // columns, divmod(island, columns)
        beside = {y * columns + (x + step) % columns for step in (-1, 1)}
        above = {(y + step) % rows * columns + x for step in (-1, 1)}
        return (beside | above) - {island}


@dataclass(frozen=True)
class Complete:
    """Each island receives from all others."""

    def neighbours(self, island: int, islands: int) -> set[int]:
        """Return all other islands."""
        return set(range(islands)) - {island}


@dataclass(frozen=True)
class Isolated:
    """No island receives from another."""

    def neighbours(self, island: int, islands: int) -> set[int]:
        """Return no island."""
        return set()


@dataclass(frozen=True)
class RandomGraph:
    """``degree`` random closed tours of all islands: on each, an island receives from the one before it.

    One tour connects all islands already. If tours share a step, an island receives from fewer than ``degree`` others.
    """

    degree: int = field(
        default=2, metadata={"doc": "Number of random tours, hence of islands that each island receives from.", "ge": 1}
    )
    seed: int = 1

    def neighbours(self, island: int, islands: int) -> set[int]:
        """Return the islands before ``island`` on the tours."""
        sources = set()
        for tour in range(self.degree):
            order = stream(self.seed, Consumer.TOPOLOGY, tour).permutation(islands).tolist()
            sources.add(order[order.index(island) - 1])
        return sources - {island}


TOPOLOGIES: dict[str, type] = {
    "ring": Ring, "torus": Torus, "complete": Complete, "isolated": Isolated, "random": RandomGraph,
}  # fmt: skip
