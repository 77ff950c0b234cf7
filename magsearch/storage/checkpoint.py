"""/history: what has happened so far, and /checkpoint: what a run needs to go on from there, bit for bit.

Populations are written by one process into the file of the run, or, where they are large, by every rank into a part of
its own that the file of the run shows as its own by virtual datasets. Parts are written first, under a name that says
after how many generations; the file of the run, once replaced, shows the new ones, and only then the old ones go.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.model.lattice import Lattice
from magsearch.search.history import MIGRATION, History
from magsearch.search.island import State
from magsearch.search.migration import luggage, packed, unpacked
from magsearch.storage.files import SCHEMA, dataset, replaced, texts, words

HISTORY_UNITS = {
    "best": "meV per site", "mean": "meV per site", "deviation": "meV per site", "energies": "meV per site",
    "charge": "1",
    "evaluations": "energy and force of one replica", "origin": "operator",
    "offspring": "textures", "successes": "textures",
}  # fmt: skip
MIGRATION_UNITS = {name: "meV per site" if name == "best" else "" for name in MIGRATION.names or ()}
COLUMNS = {
    "texture": ("1", "candidate, site, xyz"), "energy": ("meV", "candidate"), "torque": ("meV", "candidate"),
    "free_energy": ("meV", "candidate"), "generation": ("", "candidate"), "island": ("", "candidate"),
    "refined": ("", "candidate"), "origin": ("", "candidate"), "owner": ("", "candidate"), "pull": ("1", "candidate"),
}  # fmt: skip


def write_history(group: h5py.Group, history: History) -> None:
    group.attrs.update(operators=texts(history.operators), islands=history.islands)
    dataset(group, "generation", np.arange(len(history)), "", "generation")
    dataset(group, "seconds", history.seconds, "s", "generation")
    levels = np.reshape(history.levels, (len(history), history.elites))
    dataset(group, "levels", levels, "meV per site", "generation, elite")
    for name, unit in HISTORY_UNITS.items():
        column = history[name]
        last = "candidate" if name == "energies" else "operator"
        dataset(group, name, column, unit, ", ".join(("generation", "island", last)[: column.ndim]))
    log = group.create_group("migrations")
    for name, unit in MIGRATION_UNITS.items():
        dataset(log, name, np.ascontiguousarray(history.migrations[name]), unit, "migration")


def read_history(group: h5py.Group) -> History:
    levels, candidates = group["levels"][()], group["energies"].shape[2]
    history = History(tuple(words(group.attrs["operators"])), levels.shape[1], int(group.attrs["islands"]), candidates)
    table = np.zeros((len(levels), history.islands), history.row_type)
    for name in HISTORY_UNITS:
        table[name] = group[name][()]
    history.rows, history.levels, history.seconds = list(table), list(levels), group["seconds"][()].tolist()
    history.migrations = np.zeros(len(group["migrations/best"]), MIGRATION)
    for name in MIGRATION_UNITS:
        history.migrations[name] = group["migrations"][name][()]
    return history


# -- populations -------------------------------------------------------------------------------------------------------


def write_states(group: h5py.Group, states: Mapping[int, State], sites: int) -> None:
    """All candidates of some islands below each other; a pull above zero says that one leads instead."""
    held = [
        (island, candidate, pull)
        for island, state in states.items()
        for candidate, pull in (*((c, 0.0) for c in state.candidates), *state.leaders)
    ]
    records = packed([candidate for _, candidate, _ in held], sites)
    columns = {name: np.ascontiguousarray(records[name]) for name in records.dtype.names or ()}
    columns["owner"] = np.array([island for island, *_ in held], dtype=np.int32)
    columns["pull"] = np.array([pull for *_, pull in held], dtype=np.float64)
    group.attrs["islands"] = np.array(list(states), dtype=np.int64)
    for name, (unit, axes) in COLUMNS.items():
        dataset(group, name, columns[name], unit, axes)


def read_states(group: h5py.Group, islands: Collection[int], lattice: Lattice) -> dict[int, State]:
    """The states of some islands. InputError where a part of the file is missing."""
    path, generation = Path(group.file.filename), int(group.attrs["generations"])
    for name in words(group.attrs.get("parts", ())):
        if not (path.parent / name).exists():
            raise InputError(f"its part {name} is missing: the two belong together", path)
    missing = set(islands) - set(group.attrs["islands"].tolist())
    if missing:
        raise InputError(f"holds no island {min(missing)}", path)
    rows = np.flatnonzero(np.isin(group["owner"][()], list(islands)))
    records = np.zeros(len(rows), luggage(lattice.sites))
    for name in records.dtype.names or ():
        records[name] = group[name][rows] if name in group or name != "free_energy" else np.nan  # early versions
    owner, pull, candidates = group["owner"][rows], group["pull"][rows], unpacked(records, lattice)
    return {
        island: State(
            generation,
            tuple(c for c, o, p in zip(candidates, owner, pull, strict=True) if o == island and not p),
            tuple((c, float(p)) for c, o, p in zip(candidates, owner, pull, strict=True) if o == island and p),
        )
        for island in islands
    }


def parts_folder(path: Path) -> Path:
    return path.with_name(f"{path.name}.parts")


def write_part(path: Path, rank: int, generations: int, states: Mapping[int, State], sites: int) -> tuple[str, int]:
    """The islands of one rank, in a file of its own beside the run's; its name from there, and how many candidates."""
    folder = parts_folder(path)
    folder.mkdir(exist_ok=True)
    part = folder / f"after-{generations:06d}.rank-{rank:05d}.h5"
    with replaced(part) as file:
        file.attrs.update(schema=SCHEMA, magsearch="part of a run", generations=generations)
        write_states(file, states, sites)
        count = len(file["energy"])
    return f"{folder.name}/{part.name}", count


def join_parts(group: h5py.Group, parts: Sequence[tuple[str, int]], islands: Sequence[int], sites: int) -> None:
    """Show the candidates in all parts as if they were here."""
    total, held = sum(count for _, count in parts), np.empty(0, luggage(sites))
    kinds = {name: (held[name].dtype, held[name].shape[1:]) for name in held.dtype.names or ()}
    kinds |= {"owner": (np.dtype("i4"), ()), "pull": (np.dtype("f8"), ())}
    group.attrs["parts"], group.attrs["islands"] = texts(name for name, _ in parts), np.array(islands, dtype=np.int64)
    for name, (unit, axes) in COLUMNS.items():
        kind, shape = kinds[name]
        layout, first = h5py.VirtualLayout((total, *shape), kind), 0
        for part, count in parts:
            if count:
                layout[first : first + count] = h5py.VirtualSource(part, name, (count, *shape), kind)
            first += count
        group.create_virtual_dataset(name, layout).attrs.update(unit=unit, axes=axes)


def sweep_parts(path: Path, keep: Collection[str]) -> None:
    """Remove the parts that the file of the run does not show any more."""
    folder, kept = parts_folder(path), {Path(name).name for name in keep}
    if not kept:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for part in folder.iterdir():
        if part.name not in kept:
            part.unlink(missing_ok=True)


def candidates_in(group: h5py.Group) -> NDArray[np.int64]:
    """How many candidates each island has, [island]."""
    return np.bincount(group["owner"][()], minlength=len(group.attrs["islands"]))
