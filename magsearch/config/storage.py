"""[storage]: what is written, and when."""

from __future__ import annotations

from dataclasses import field

from magsearch.formats.toml.table import Table
from magsearch.search.snapshots import Snapshots
from magsearch.search.stopping import Checkpoints


class StorageTable(Table, path="storage", of=[Checkpoints, Snapshots]):
    """Checkpoints of a run, textures over its generations, and the size of its file ([storage.md](storage.md))."""

    gather: float = field(
        default=1000.0,
        metadata={
            "doc": "Largest size of all populations for which rank 0 writes them into one file; beyond it, every rank "
            "writes a file of its own.",
            "unit": "MB", "ge": 0, "later": True,
        },
    )  # fmt: skip
    limit: float | None = field(
        default=None,
        metadata={
            "doc": "Largest size of the file of a finished run: first the state to resume from is left out, then the "
            "textures over the generations, then those of the worst elites.",
            "unit": "MB", "default": "no limit", "gt": 0, "later": True,
        },
    )  # fmt: skip

    def checkpoints(self) -> Checkpoints:
        """Return when the state of a run is written."""
        return self.make(Checkpoints)

    def snapshots(self) -> Snapshots:
        """Return after which generations the champion's texture is kept."""
        return self.make(Snapshots)
