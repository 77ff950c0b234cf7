"""Sections of a report for what its run holds, and for files of other commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from magsearch import storage
from magsearch.errors import InputError
from magsearch.report import landscape, loop, magnons, transition
from magsearch.report.sections import Section
from magsearch.runs.hysteresis import LoopResult
from magsearch.runs.load import load
from magsearch.runs.tc import TransitionResult


def sections_of(record: storage.Record, files: Sequence[Path] = ()) -> list[Section]:
    """Return the sections of the report of a run.

    files   of ``magsearch tc`` and ``magsearch loop``

    Raises InputError for files of other kinds.
    """
    found = [] if record.magnons is None else [magnons.section(record.magnons)]
    if record.landscape is not None:
        found.append(landscape.section(record.hamiltonian.lattice, record.landscape))
    for path in files:
        one = load(path)
        if isinstance(one, TransitionResult):
            found.append(transition.section(one))
        elif isinstance(one, LoopResult):
            found.append(loop.section(one))
        else:
            raise InputError("is a run or a scan; expected a file of magsearch tc or magsearch loop", path)
    return found
