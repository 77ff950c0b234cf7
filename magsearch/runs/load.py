"""Results read back from their files."""

from __future__ import annotations

from pathlib import Path

from magsearch import storage
from magsearch.runs.hysteresis import LoopResult
from magsearch.runs.result import Result
from magsearch.runs.tc import TransitionResult
from magsearch.storage.loop import read_loop
from magsearch.storage.transition import read_transition


def load(path: str | Path) -> Result | storage.ScanRecord | TransitionResult | LoopResult:
    """Return the result in a file of a run, scan, transition temperature or loop. Raises InputError for other files."""
    kind = storage.kind_of(path)
    if kind == "scan":
        return storage.read_scan(path)
    if kind == "tc":
        return TransitionResult(read_transition(path))
    if kind == "loop":
        return LoopResult(read_loop(path))
    return Result(storage.read(path), Path(path))
