"""Which replica each column of a population holds, so that what a replica does never depends on the others.

On the direct path replicas do not see each other, and columns are taken as they come. Where the field is a convolution,
two columns share a complex transform (``Device.pairs``) and see each other's rounding errors. There a population is cut
into families of at most ``FAMILY`` replicas. Pairs are formed within a family, and anew when half of its pairs would
do, so that what a family does depends on no other. A batch may be joined with others or split between families, and
every replica ends with the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator

FAMILY = 32  # replicas: the block of a GPU, a pair of blocks of a CPU


class Seats(Protocol):
    """Replicas in the columns of a population."""

    @property
    def columns(self) -> NDArray[np.int64]:
        """Replica of each column, or padding (``engine.evaluator.held``)."""

    def thinned(self, moving: NDArray[np.int64]) -> Seats | None:
        """Return the seats of the replicas that move, in ascending order; None while the present ones should stay."""


@dataclass(frozen=True, eq=False)
class Row:
    """Replicas in a row, whose columns are padded to whole blocks of ``width``."""

    columns: NDArray[np.int64]
    width: int

    @classmethod
    def of(cls, replicas: NDArray[np.int64], width: int) -> Row:
        """Return the seats of some replicas."""
        return cls(np.append(replicas, np.full(-len(replicas) % width, ~replicas[0])), width)

    def thinned(self, moving: NDArray[np.int64]) -> Row | None:
        """Return the seats of the replicas that move, once they need at most half of the blocks."""
        fits = -(-len(moving) // self.width) <= len(self.columns) // self.width // 2
        return Row.of(moving, self.width) if fits else None


@dataclass(frozen=True, eq=False)
class Families:
    """Families of replicas [family][member], in pairs that share a transform."""

    families: tuple[NDArray[np.int64], ...]
    evaluator: Evaluator
    columns: NDArray[np.int64]

    @classmethod
    def of(cls, families: Sequence[NDArray[np.int64]], evaluator: Evaluator) -> Families:
        """Return the seats of some families; an odd member sits with a copy of the first of its family."""
        even = [np.append(members, ~members[:1]) if len(members) % 2 else members for members in families]
        pairs = np.concatenate(even).reshape(-1, 2)
        places, width = evaluator.device.pairs(len(pairs)), evaluator.device.width
        columns = np.full(-(-(places.max() + 1) // width) * width, ~pairs[0, 0])
        columns[places] = pairs
        return cls(tuple(families), evaluator, columns)

    def thinned(self, moving: NDArray[np.int64]) -> Families | None:
        """Return the seats after families half of whose pairs would do have lost the members that rest."""
        few = [members[np.isin(members, moving)] for members in self.families]
        fits = [
            -(-len(left) // 2) * 2 <= -(-len(members) // 2) for left, members in zip(few, self.families, strict=True)
        ]
        if not any(fits):
            return None
        chosen = (left if fit else members for left, members, fit in zip(few, self.families, fits, strict=True))
        return Families.of([members for members in chosen if len(members)], self.evaluator)


def seated(evaluator: Evaluator, families: Sequence[NDArray[np.int64]]) -> Seats:
    """Return the seats of all members of some families at the start of a relaxation."""
    if evaluator.path == "direct":
        return Row(evaluator.columns(sum(len(members) for members in families)), evaluator.device.width)
    return Families.of(families, evaluator)


def families(count: int, groups: Sequence[int] = ()) -> list[NDArray[np.int64]]:
    """Cut ``count`` replicas, in groups of the given sizes, into families of neighbours."""
    parts = np.split(np.arange(count), np.cumsum(groups[:-1], dtype=np.int64)) if groups else [np.arange(count)]
    return [part[first : first + FAMILY] for part in parts for first in range(0, len(part), FAMILY)]
