"""Counters of what a program asks of its GPU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields


@dataclass
class Counts:
    """What was asked of the device.

    launches     of compiled kernels, by name: {"evaluate<float>": 3}
    transforms   executions of cuFFT plans, by size: {"16x12": 2}
    kernels      CuPy's own, by function: copies, indexing, arithmetic, reductions
    graphs       launches of graphs; what they hold is counted too
    waits        of the host for the device, by reason
    plans        of cuFFT that were made
    functions    kernels that were looked up by name, which costs as much as a launch
    bytes        "to device", "to host"; read and written by "launches", "transforms" and "kernels"
    """

    launches: Counter[str] = field(default_factory=Counter)
    transforms: Counter[str] = field(default_factory=Counter)
    kernels: Counter[str] = field(default_factory=Counter)
    graphs: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    plans: Counter[str] = field(default_factory=Counter)
    functions: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)

    @property
    def passes(self) -> int:
        """Bytes that were read and written on the device."""
        return sum(self.bytes[kind] for kind in ("launches", "transforms", "kernels"))

    @property
    def started(self) -> int:
        """Kernels of any kind that the host has started; a transform counts as one, a graph's content not apart."""
        return sum((self.launches + self.transforms + self.kernels).values())

    @contextmanager
    def during(self) -> Iterator[Counts]:
        """Count what happens inside a with-block: the result holds it when the block ends."""
        before, found = {f.name: Counter(getattr(self, f.name)) for f in fields(self)}, Counts()
        yield found
        for f in fields(self):
            setattr(found, f.name, getattr(self, f.name) - before[f.name])


counts = Counts()
