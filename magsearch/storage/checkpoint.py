"""/checkpoint: the populations from which a run resumes with bitwise identical results.

Populations are written by one process into the file of the run, or, where they are large, by every rank into a part of
its own that the file of the run shows as its own by virtual datasets. Parts are written first, under a name that holds
the number of generations; then the file of the run, which shows the new parts, is replaced; then the old parts are
removed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from magsearch import output
from magsearch.engine.device import Device
from magsearch.errors import InputError
from magsearch.model.lattice import Lattice
from magsearch.search.candidate import Candidate, axis_sizes, packed, restored
from magsearch.search.generation import State
from magsearch.search.records import Place, columns
from magsearch.storage.files import SCHEMA, checked, dataset, described, opened, replaced, texts, words
from magsearch.storage.validation import row


def _columns(sites: int) -> dict[str, tuple[np.dtype, tuple[int, ...], str, str, str]]:
    """Dtype, shape of an entry, unit, axes and description of every dataset: properties of candidates, and of whom."""
    sizes, found = axis_sizes(sites), dict[str, tuple[np.dtype, tuple[int, ...], str, str, str]]()
    for column in columns(Candidate, Place.CHECKPOINT):
        shape = tuple(sizes[axis] for axis in column.axes)
        found[column.name] = column.dtype, shape, column.unit, ", ".join(("candidate", *column.axes)), column.about
    owner, pull = np.dtype("i4"), np.dtype("f8")
    return found | {
        "owner": (owner, (), "", "candidate", "island that holds it"),
        "pull": (pull, (), "1", "candidate", "of a leader, by which it draws the offspring; else 0"),
    }


def write_states(group: h5py.Group, states: Mapping[int, State], sites: int) -> None:
    """Write all candidates of some islands below each other; those with a pull above zero are leaders."""
    held = [
        (island, candidate, pull)
        for island, state in states.items()
        for candidate, pull in (*((c, 0.0) for c in state.candidates), *state.leaders)
    ]
    records = packed([candidate for _, candidate, _ in held], sites, Place.CHECKPOINT)
    arrays = {name: np.ascontiguousarray(records[name]) for name in records.dtype.names or ()}
    arrays["owner"] = np.array([island for island, *_ in held], dtype=np.int32)
    arrays["pull"] = np.array([pull for *_, pull in held], dtype=np.float64)
    group.attrs["islands"] = np.array(list(states), dtype=np.int64)
    for name, (_, _, unit, axes, about) in _columns(sites).items():
        dataset(group, name, arrays[name], unit, axes, about)


def islands_of(group: h5py.Group) -> list[int]:
    """Return the numbers of the islands in a checkpoint."""
    return [int(number) for number in row(group, "islands")]


def read_states(group: h5py.Group, islands: Collection[int], device: Device, lattice: Lattice) -> dict[int, State]:
    """Return the states of some islands, with fingerprints computed on a device.

    Raises InputError where a part of the file is missing, or an island is not in it.
    """
    path, generation = Path(group.file.filename), int(group.attrs["generations"])
    for name in words(group.attrs.get("parts", ())):
        if not (path.parent / name).exists():
            raise InputError(f"cannot resume: {name}, which holds a part of its populations, is missing", path)
    missing = set(islands) - set(islands_of(group))
    if missing:
        raise InputError(f"cannot resume: it has no population of island {min(missing)}", path)
    rows = np.flatnonzero(np.isin(group["owner"][()], list(islands)))
    _expect_intact_parts(group, path, rows)
    names = [column.name for column in columns(Candidate, Place.CHECKPOINT) if column.name in group]
    arrays = {name: group[name][rows] for name in names}
    if any(np.isnan(arrays[name]).any() for name in ("texture", "energy", "torque")):
        raise InputError("cannot resume: its populations hold what is not a number", path)
    candidates = restored(Place.CHECKPOINT, arrays, len(rows), device, lattice)
    owner, pull = group["owner"][rows], group["pull"][rows]
    return {
        island: State(
            generation,
            tuple(c for c, o, p in zip(candidates, owner, pull, strict=True) if o == island and not p),
            tuple((c, float(p)) for c, o, p in zip(candidates, owner, pull, strict=True) if o == island and p),
        )
        for island in islands
    }


def _expect_intact_parts(group: h5py.Group, path: Path, rows: NDArray[np.int64]) -> None:
    """Raise InputError unless the parts that hold some candidates are what was written; early files do not say."""
    first = 0
    for name, count in zip(words(group.attrs.get("parts", ())), group.attrs.get("counts", ()), strict=False):
        if ((first <= rows) & (rows < first + count)).any():
            with opened(path.parent / name) as part:
                for column in part:
                    checked(part, column)
        first += int(count)


def parts_folder(path: Path) -> Path:
    """Return the folder beside a file that holds its parts."""
    final = output.target(path)  # HDF5 looks for parts beside the file, not beside a link to it
    return final.with_name(f"{final.name}.parts")


def write_part(path: Path, rank: int, generations: int, states: Mapping[int, State], sites: int) -> tuple[str, int]:
    """Write the islands of one rank into a file beside the run's.

    Returns its name relative to the run's folder, and the number of its candidates.
    """
    folder = parts_folder(path)
    if not folder.name.isprintable():  # HDF5 keeps it as UTF-8
        raise InputError("has populations in parts, which need a printable name; choose another one", path)
    output.marked_folder(folder, f"parts of {path.name}")
    part = folder / f"after-{generations:06d}.rank-{rank:05d}.h5"
    with replaced(part) as file:
        file.attrs.update(schema=SCHEMA, magsearch="part of a run", generations=generations)
        write_states(file, states, sites)
        count = len(file["energy"])
    return f"{folder.name}/{part.name}", count


def join_parts(group: h5py.Group, parts: Sequence[tuple[str, int]], islands: Sequence[int], sites: int) -> None:
    """Show the candidates of all parts as virtual datasets."""
    total = sum(count for _, count in parts)
    group.attrs["parts"], group.attrs["islands"] = texts(name for name, _ in parts), np.array(islands, dtype=np.int64)
    group.attrs["counts"] = np.array([count for _, count in parts], dtype=np.int64)
    for name, (kind, shape, unit, axes, about) in _columns(sites).items():
        layout, first = h5py.VirtualLayout((total, *shape), kind), 0
        for part, count in parts:
            if count:
                layout[first : first + count] = h5py.VirtualSource(part, name, (count, *shape), kind)
            first += count
        described(group.create_virtual_dataset(name, layout), unit, axes, about)


def sweep_parts(path: Path, keep: Collection[str]) -> None:
    """Remove the parts that the file of the run no longer shows."""
    folder, kept = parts_folder(path), {Path(name).name for name in keep}
    if not output.is_marked(folder):
        return
    for part in folder.glob("after-*.rank-*.h5"):
        if part.name not in kept:
            with suppress(OSError):
                part.unlink()
    output.remove_folder(folder)
