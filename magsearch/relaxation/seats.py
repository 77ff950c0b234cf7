"""Which replica each column of a population holds, so that what a replica does never depends on the others.

On the direct path replicas do not see each other, and columns are taken as they come. Where the field is a convolution,
two columns share a complex transform (``Device.pairs``) and see each other's rounding errors. There a population is cut
into families of at most ``FAMILY`` replicas. Pairs are formed within a family, and anew when half of its pairs would
do, so that what a family does depends on no other. A batch may be joined with others or split between families, and
every replica's result is bitwise identical.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.engine.evaluator import Evaluator

FAMILY = 32  # replicas: the block of a GPU, a pair of blocks of a CPU


class Seats(Protocol):
    """Replicas in the columns of a population."""

    @property
    def columns(self) -> NDArray[np.int64]:
        """Replica of each column, or padding (``engine.evaluator.held``)."""

    def thinned(self, moving: NDArray[np.int64]) -> tuple[Seats, NDArray[np.int64]] | None:
        """Return the seats of the replicas that move, in ascending order, and the present column of each of theirs.

        Columns below zero stand for padding, a copy of ~column. None while the present seats should stay.
        """


def _padded(numbers: NDArray[np.int64], multiple: int) -> NDArray[np.int64]:
    """Append copies of the first number, as padding, up to a multiple of a length."""
    return np.append(numbers, np.full(-len(numbers) % multiple, ~numbers[0]))


def _places(columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the column of every replica that has one, [replica]."""
    places = np.full(columns.max() + 1, -1)
    places[columns[columns >= 0]] = np.flatnonzero(columns >= 0)
    return places


@dataclass(frozen=True, eq=False)
class Row:
    """Replicas in a row, whose columns are padded to whole blocks of ``width``."""

    columns: NDArray[np.int64]
    width: int

    @classmethod
    def of(cls, replicas: NDArray[np.int64], width: int) -> Row:
        """Return the seats of some replicas."""
        return cls(_padded(replicas, width), width)

    def thinned(self, moving: NDArray[np.int64]) -> tuple[Row, NDArray[np.int64]] | None:
        """Return the seats of the replicas that move, once they need fewer blocks."""
        if -(-len(moving) // self.width) >= len(self.columns) // self.width:
            return None
        return Row.of(moving, self.width), _padded(_places(self.columns)[moving], self.width)


@dataclass(frozen=True, eq=False)
class Families:
    """Families of replicas in pairs that share a transform.

    families   [family][pair, 2] replicas; where their number is odd, the last one sits with padding
    """

    families: tuple[NDArray[np.int64], ...]
    device: Device

    @property
    def columns(self) -> NDArray[np.int64]:
        """Replica of each column, or padding."""
        return self._arranged(self.families)

    def thinned(self, moving: NDArray[np.int64]) -> tuple[Families, NDArray[np.int64]] | None:
        """Return the seats after families half of whose pairs would do have lost the members that rest."""
        places, first = _places(self.columns), 0
        mine = self.device.pairs(sum(len(pairs) for pairs in self.families))
        families, sources = [], []
        for pairs in self.families:
            stays = mine[first : first + len(pairs)]  # padding as well: who sits with it must not notice the others
            first += len(pairs)
            left = pairs[np.isin(pairs, moving)]
            if 2 * -(-len(left) // 2) <= len(pairs):
                if len(left):
                    families.append(_padded(left, 2).reshape(-1, 2))
                    sources.append(_padded(places[left], 2).reshape(-1, 2))
            else:
                families.append(pairs)
                sources.append(stays)
        if sum(map(len, families)) == len(mine):
            return None
        return Families(tuple(families), self.device), self._arranged(sources)

    def _arranged(self, families: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
        """Return the numbers of all pairs by column; those of padding are copies of the first."""
        pairs = np.concatenate(families)
        places, width = self.device.pairs(len(pairs)), self.device.width
        columns = np.full(-(-(places.max() + 1) // width) * width, ~pairs[0, 0])
        columns[places] = pairs
        return columns


def seated(evaluator: Evaluator, families: Sequence[NDArray[np.int64]]) -> Seats:
    """Return the seats of all members of some families at the start of a relaxation."""
    if not evaluator.convolves:
        return Row(evaluator.columns(sum(len(members) for members in families)), evaluator.device.width)
    return Families(tuple(_padded(members, 2).reshape(-1, 2) for members in families), evaluator.device)


def families(count: int, groups: Sequence[int] = ()) -> list[NDArray[np.int64]]:
    """Cut ``count`` replicas, in groups of the given sizes, into families of neighbours."""
    parts = np.split(np.arange(count), np.cumsum(groups[:-1], dtype=np.int64)) if groups else [np.arange(count)]
    return [part[first : first + FAMILY] for part in parts for first in range(0, len(part), FAMILY)]
