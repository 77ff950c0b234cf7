"""/history: the generations of all islands of a search, and its log of migrations."""

from __future__ import annotations

import h5py
import numpy as np

from magsearch.search.history import MIGRATION, History
from magsearch.storage.files import dataset, texts, words

UNITS = {
    "best": "meV per site", "mean": "meV per site", "deviation": "meV per site", "energies": "meV per site",
    "charge": "1",
    "evaluations": "energy and force of one replica", "origin": "operator",
    "offspring": "textures", "successes": "textures",
}  # fmt: skip
MIGRATION_UNITS = {name: "meV per site" if name == "best" else "" for name in MIGRATION.names or ()}


def write(group: h5py.Group, history: History) -> None:
    """Write a history into /history of a run.h5."""
    group.attrs.update(operators=texts(history.operators), islands=history.islands)
    dataset(group, "generation", np.arange(len(history)), "", "generation")
    dataset(group, "seconds", history.seconds, "s", "generation")
    levels = np.reshape(history.levels, (len(history), history.elites))
    dataset(group, "levels", levels, "meV per site", "generation, elite")
    for name, unit in UNITS.items():
        column = history[name]
        last = "candidate" if name == "energies" else "operator"
        dataset(group, name, column, unit, ", ".join(("generation", "island", last)[: column.ndim]))
    log = group.create_group("migrations")
    for name, unit in MIGRATION_UNITS.items():
        dataset(log, name, np.ascontiguousarray(history.migrations[name]), unit, "migration")


def read(group: h5py.Group) -> History:
    """Return the history in /history of a run.h5."""
    levels, candidates = group["levels"][()], group["energies"].shape[2]
    history = History(tuple(words(group.attrs["operators"])), levels.shape[1], int(group.attrs["islands"]), candidates)
    table = np.zeros((len(levels), history.islands), history.row_type)
    for name in UNITS:
        table[name] = group[name][()]
    history.rows, history.levels, history.seconds = list(table), list(levels), group["seconds"][()].tolist()
    history.migrations = np.zeros(len(group["migrations/best"]), MIGRATION)
    for name in MIGRATION_UNITS:
        history.migrations[name] = group["migrations"][name][()]
    return history
