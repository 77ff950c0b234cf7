"""Textures of the champion over the generations of a search, which show how it came to its minimum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The best candidate of all islands after a generation.

    generation   number of generations done, from 1 on
    spins        [site, 3], as in the search
    energy       meV, of the whole texture
    charge       topological charge
    """

    generation: int
    spins: NDArray[Any]
    energy: float
    charge: float


@dataclass(frozen=True)
class Snapshots:
    """After which generations the champion's texture is kept.

    textures       generations between two of them; None: none is kept
    textures_most  largest number of them
    """

    textures: int | None = field(
        default=None,
        metadata={
            "doc": "Generations between two textures of the champion that the file keeps.", "unit": "generations",
            "default": "none is kept", "ge": 1,
        },
    )  # fmt: skip
    textures_most: int = field(
        default=100,
        metadata={
            "doc": "Largest number of these textures: whenever there would be more, the distance between them is "
            "doubled, and every second one is dropped.",
            "ge": 1,
        },
    )  # fmt: skip

    def interval(self, generations: int) -> int:
        """Return the spacing of stored textures after ``generations`` of a search; 0 if none is stored."""
        interval = self.textures or 0
        while interval and generations // interval > self.textures_most:
            interval *= 2
        return interval

    def due(self, generations: int) -> bool:
        """Return whether the champion of a generation is kept."""
        interval = self.interval(generations)
        return bool(interval) and generations % interval == 0

    def kept(self, snapshots: Sequence[Snapshot], generations: int) -> tuple[Snapshot, ...]:
        """Return the snapshots that are still stored after ``generations``."""
        interval = self.interval(generations)
        return tuple(one for one in snapshots if interval and one.generation % interval == 0)

    def count(self, generations: int) -> int:
        """Return the largest number of snapshots of a search of ``generations``."""
        return min(self.textures_most, generations // self.textures) if self.textures else 0
