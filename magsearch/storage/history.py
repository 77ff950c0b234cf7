"""/history: the generations of all islands of a search, and its log of migrations."""

from __future__ import annotations

import h5py
import numpy as np

from magsearch.search.history import MIGRATION, History
from magsearch.storage.files import dataset, texts, words
from magsearch.storage.validation import numbers

COLUMNS = {  # unit and description
    "best": ("meV per site", "energy of the best elite"),
    "mean": ("meV per site", "mean energy of the candidates"),
    "deviation": ("meV per site", "standard deviation of the candidates' energies"),
    "energies": ("meV per site", "energies of the candidates, best first; nan where there are fewer"),
    "charge": (
        "1",
        "topological charge of the best elite; nan where neighbours enclose more than a right angle, and in 3D",
    ),
    "evaluations": ("energy and force of one replica", "evaluations"),
    "origin": ("operator", "operator that generated the best elite: its place among the operators"),
    "offspring": ("textures", "offspring of each operator"),
    "successes": ("textures", "offspring of each operator that became candidates"),
}
MIGRATIONS = {
    "generation": ("", "generation at whose end elites arrived"),
    "source": ("", "island that sent them"),
    "target": ("", "island that received them"),
    "role": ("", "0: migrants, 1: leader of a group, 2: leader of all"),
    "sent": ("", "number of elites sent"),
    "kept": ("", "number of elites that became candidates"),
    "best": ("meV per site", "lowest energy among them"),
}


def write(group: h5py.Group, history: History) -> None:
    """Write a history into /history of a run.h5."""
    group.attrs.update(operators=texts(history.operators), islands=history.islands)
    dataset(group, "generation", np.arange(len(history)), "", "generation", "numbers of the generations")
    dataset(group, "island", np.arange(history.islands), "", "island", "numbers of the islands")
    dataset(group, "operator", texts(history.operators), "", "operator", "names of the operators")
    dataset(group, "seconds", history.seconds, "s", "generation", "time since the run began")
    levels = np.reshape(history.levels, (len(history), history.elites))
    about = "energies of the best distinct elites of all islands; nan where there are fewer"
    dataset(group, "levels", levels, "meV per site", "generation, level", about)
    for name, (unit, about) in COLUMNS.items():
        column = history[name]
        last = "candidate" if name == "energies" else "operator"
        dataset(group, name, column, unit, ", ".join(("generation", "island", last)[: column.ndim]), about)
    log = group.create_group("migrations")
    for name, (unit, about) in MIGRATIONS.items():
        dataset(log, name, np.ascontiguousarray(history.migrations[name]), unit, "migration", about)


def read(group: h5py.Group) -> History:
    """Return the history in /history of a run.h5."""
    levels, candidates = group["levels"][()], group["energies"].shape[2]
    history = History(tuple(words(group.attrs["operators"])), levels.shape[1], int(group.attrs["islands"]), candidates)
    seconds = numbers(group, "seconds", len(levels)).tolist()
    table = np.zeros((len(levels), history.islands), history.row_type)
    for name in COLUMNS:
        table[name] = group[name][()]
    history.rows, history.levels, history.seconds = list(table), list(levels), seconds
    history.migrations = np.zeros(len(group["migrations/best"]), MIGRATION)
    for name in MIGRATIONS:
        history.migrations[name] = group["migrations"][name][()]
    return history
