"""tc.h5 of a search for a transition temperature that a signal ended while it searched the ground state."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magsearch import output
from magsearch.critical.plan import SWEEPS, Settings
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.search.supercells.race import Standing
from magsearch.storage import model, provenance, race
from magsearch.storage.files import checked, expect_kind, opened, replaced
from magsearch.storage.transition import sizes_of
from magsearch.storage.validation import plain, table

DEFAULTS: dict[str, Any] = {"sizes": (1, 2), "sweeps": min(SWEEPS.values())}  # stand for those of the ground state


@dataclass(frozen=True, eq=False)
class GroundStateRecord(provenance.Provenance):
    """Content of a tc.h5 whose ground state is not known yet.

    hamiltonian  the model of the input
    plan         the settings that were given
    race         the supercells, as far as they have competed
    """

    hamiltonian: Hamiltonian
    plan: dict[str, Any]
    race: Standing


def write_ground_state(path: str | Path, record: GroundStateRecord) -> None:
    """Replace the file as a whole. Raises InputError where it cannot be written; a previous one is then intact."""
    with replaced(output.target(path)) as file:
        provenance.write(file, record)
        model.write(file.create_group("model"), record.hamiltonian)
        file.create_group("transition").attrs["plan"] = json.dumps(record.plan)
        race.write(file.create_group(race.GROUP), record.race)


def read_ground_state(path: str | Path) -> GroundStateRecord | None:
    """Return what a tc.h5 knows of its ground state; None if that is found. Raises InputError for other files."""
    with opened(Path(path)) as file:
        expect_kind(file, "transition")
        if race.GROUP not in file:
            return None
        hamiltonian, group = model.read(checked(file, "model")), checked(file, "transition")
        plan = table(group.attrs["plan"])
        plain(Settings, json.dumps(vars(Settings(**DEFAULTS)) | plan), sizes=sizes_of)
        found = race.read(checked(file, race.GROUP), hamiltonian)
        return GroundStateRecord(hamiltonian, plan, found, **provenance.read(file))
