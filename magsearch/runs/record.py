"""The record of a run: a search as its file stores it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from magsearch.config.input import Input
from magsearch.search.archipelago import Archipelago
from magsearch.search.candidate import Candidate, measured
from magsearch.search.stopping import Reason
from magsearch.storage import Record


def record(
    given: Input, search: Archipelago, elites: Sequence[Candidate], stopped: Reason | None, **run: Any
) -> Record:
    """Return the record of a search on rank 0, with its elites measured.

    stopped   why the search ended; None while it is under way
    run       fields of the record that a search does not know: created, command, layout, writing, bound,
              landscape, resumable, textures
    """
    return Record(
        hamiltonian=given.hamiltonian,
        input_path=str(given.path),
        input_text=given.text,
        settings=given.as_json(),
        history=search.history,
        elites=tuple(measured(search.evaluator, elites)),
        stopped=stopped,
        seconds=search.elapsed,
        waited=tuple(search.waited.tolist()),
        device=search.device.description,
        version=version("magsearch"),
        **run,
    )


def now() -> str:
    """Return the present date and time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
