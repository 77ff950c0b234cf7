"""run.h5: everything about a run in one HDF5 file (docs/storage.md)."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from magsearch import output
from magsearch.bounds.bound import Bound
from magsearch.engine.cpu import Cpu
from magsearch.engine.device import Device
from magsearch.errors import InputError
from magsearch.landscape.landscape import Landscape
from magsearch.magnons.spectrum import Spectrum
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.observables.topological_charge import charge_density
from magsearch.search.candidate import Candidate, axis_sizes, restored
from magsearch.search.generation import State
from magsearch.search.history import History
from magsearch.search.records import Place, columns
from magsearch.search.snapshots import Snapshot
from magsearch.search.stopping import Reason
from magsearch.search.supercells.race import Standing
from magsearch.storage import bound, checkpoint, history, landscape, magnons, model, provenance, race, snapshots, xdmf
from magsearch.storage.files import COMPRESSED, checked, dataset, expect_kind, is_sealed, opened, replaced, texts, words
from magsearch.storage.labelled import composed, required
from magsearch.storage.validation import row


@dataclass(frozen=True, eq=False)
class Record(provenance.Provenance):
    """The content of a run.h5, except for the populations from which a run resumes."""

    hamiltonian: Hamiltonian
    history: History
    elites: tuple[Candidate, ...]  # best first
    layout: tuple[str, ...] = ()  # islands and device of each rank, a line for each
    waited: tuple[float, ...] = ()  # [rank] seconds spent waiting for other ranks
    writing: float = 0.0  # seconds that rank 0 spent on files
    resumable: bool = False
    bound: Bound | None = None  # of the energy in the box; None where none was computed
    landscape: Landscape | None = None  # between the minima; None where none was explored
    magnons: Spectrum | None = None  # about an elite; None where none were computed
    textures: tuple[Snapshot, ...] = ()  # champions after some generations, earliest first
    race: Standing | None = None  # between supercells, where a signal ended it; the model is that of the input then
    damaged: tuple[str, ...] = ()  # parts of the file that are not what was written, and are left out

    def absent(self, name: str, things: str = "") -> str:
        """Return why a part of the file is empty: there are no such things yet, or they are damaged."""
        damaged = (f"is damaged: {part}" for part in self.damaged if part.startswith(f"{name} "))
        return next(damaged, f"has no {things or name} yet")


@dataclass(frozen=True)
class Parts:
    """Populations that the ranks have already written: name and number of candidates of each part, and all islands."""

    parts: Sequence[tuple[str, int]]
    islands: Sequence[int]


@dataclass(frozen=True, eq=False)
class Glance:
    """The part of a run.h5 that is read quickly, however large the textures are."""

    history: History
    generations: int  # at most
    limit: float | None  # of seconds
    stopped: Reason | None
    seconds: float
    written: float  # seconds since 1970


T = TypeVar("T")
Populations = Mapping[int, State]
SITES_PER_CHUNK = 65536


def write(path: str | Path, record: Record, populations: Populations | Parts | None = None) -> None:
    """Replace the file as a whole, and the .xdmf beside it that show it to viewers.

    Raises InputError where it cannot be written; a previous file is then intact.

    populations   of all islands, or the parts in which they are; None: the run cannot resume from this file
    """
    path, sites = output.target(path), record.hamiltonian.lattice.sites
    with replaced(path, lambda file: _described(path, file)) as file:
        _write(file, record)
        if populations is not None:
            group = file.create_group("checkpoint")
            group.attrs["generations"] = len(record.history)
            if isinstance(populations, Parts):
                checkpoint.join_parts(group, populations.parts, populations.islands, sites)
            else:
                checkpoint.write_states(group, populations, sites)
    if not record.textures:
        xdmf.generations(path).unlink(missing_ok=True)  # of a run that was overwritten: ``expect_ours`` has seen it
    kept = [name for name, _ in populations.parts] if isinstance(populations, Parts) else []
    checkpoint.sweep_parts(path, kept)


def labelled_run(record: Record) -> Any:
    """Return the elites, the history and the positions of a run as an ``xarray.Dataset``.

    Variables are the datasets of /elites and /history of the file; those of the history that are named as one of the
    elites begin with ``history_``. Attributes hold the provenance.

    Raises InputError where xarray is not installed.
    """
    xarray = required("xarray")
    elites = composed(("elites", lambda group: _write_elites(group, record)))
    past = composed(("history", lambda group: history.write(group, record.history)))
    scales = {name: past.pop(name) for name in ("generation", "island", "operator")}
    found = {**elites, **{f"history_{name}" if name in elites else name: of for name, of in past.items()}}
    # an elite has a generation and an island as properties
    found |= {f"elite_{name}": found.pop(name) for name in ("generation", "island") if name in elites}
    if record.textures:
        stored = composed(("textures", lambda group: snapshots.write(group, record.textures, record.hamiltonian)))
        for name, (axes, values, described) in stored.items():  # their generations are not those of the history
            own = ["textures_generation" if axis == "generation" else axis for axis in axes]
            found[f"textures_{name}"] = (own, values, described)
    lattice = record.hamiltonian.lattice
    places = {
        "position": (["site", "xyz"], lattice.positions, {"units": "angstrom", "long_name": "positions of the sites"}),
        "xyz": (["xyz"], np.array(["x", "y", "z"])),
        **scales,
    }
    proven = {} if record.bound is None else {"bound_per_site": record.bound.per_site}
    about = {"input": record.input_path, "magsearch": record.version, "created": record.created, **proven}
    return xarray.Dataset(found, places, about)


def read(path: str | Path) -> Record:
    """Return the record in a run.h5. Raises InputError for a file that is missing, not HDF5, or not of magsearch."""
    with opened(Path(path)) as file:
        expect_kind(file, "history")
        return _read(file)


def glance(path: str | Path) -> Glance:
    """Return the progress of a run, without its textures. Raises InputError as ``read`` does."""
    with opened(Path(path)) as file:
        expect_kind(file, "history")
        search = json.loads(checked(file, "config")["settings"][()]).get("search", {})
        return Glance(
            history=history.read(checked(file, "history")),
            generations=int(search.get("generations", len(file["history/generation"]))),
            limit=search.get("seconds"),
            stopped=provenance.read_reason(file.attrs),
            seconds=float(file.attrs["seconds"]),
            written=Path(path).stat().st_mtime,
        )


def read_states(
    path: str | Path, islands: Collection[int] | None = None, device: Device | None = None
) -> dict[int, State]:
    """Return the populations from which a run resumes: of all islands, or of some.

    device   on which the search resumes, which computes the fingerprints; None: the CPU

    Raises InputError where there are none.
    """
    path = Path(path)
    with opened(path) as file:
        if "checkpoint" not in file:
            raise InputError("cannot resume: it holds no populations", path)
        group, lattice = checked(file, "checkpoint"), model.read(checked(file, "model")).lattice
        every = checkpoint.islands_of(group)
        return checkpoint.read_states(group, every if islands is None else islands, device or Cpu(), lattice)


def in_parts(path: str | Path) -> bool:
    """Whether the populations of a run are in parts, of which every rank reads those of its own islands."""
    with opened(Path(path)) as file:
        return "parts" in checked(file, "checkpoint", alone=True).attrs if "checkpoint" in file else False


def _write(file: h5py.File, record: Record) -> None:
    provenance.write(file, record)
    file.attrs.update(layout=texts(record.layout), waited=np.array(record.waited), writing=record.writing)
    model.write(file.create_group("model"), record.hamiltonian)
    if record.bound is not None:
        bound.write(file.create_group("bound"), record.bound)
    if record.landscape is not None:
        landscape.write(file.create_group("landscape"), record.landscape)
    if record.magnons is not None:
        magnons.write(file.create_group(magnons.GROUP), record.magnons)
    if record.race is not None:
        race.write(file.create_group(race.GROUP), record.race)
    history.write(file.create_group("history"), record.history)
    _write_elites(file.create_group("elites"), record)
    _write_charges(file["elites"], record)
    if record.textures:
        snapshots.write(file.create_group("textures"), record.textures, record.hamiltonian)


def _write_elites(group: h5py.Group, record: Record) -> None:
    """Write every property of the elites; one of every site is left out where no elite has it."""
    elites, sizes = record.elites, axis_sizes(record.hamiltonian.lattice.sites)
    for column in columns(Candidate, Place.ELITES):
        values = [column.value(elite) for elite in elites]
        known, large = [value for value in values if value is not None], "site" in column.axes
        if large and not known:
            continue
        array = column.array(values, sizes, np.result_type(*known) if column.precise else None)
        if column.dtype.kind == "S":
            array = texts(text.decode() for text in array)
        chunks = (1, min(array.shape[1], SITES_PER_CHUNK), *array.shape[2:]) if large else None
        how = {"chunks": chunks, **COMPRESSED} if large else {}
        dataset(group, column.name, array, column.unit, ", ".join(("elite", *column.axes)), column.about, **how)
        if column.extensive:
            name, unit = column.shown
            dataset(group, name, array / record.hamiltonian.n_spins, unit, "elite", f"{column.about} (per site)")


def _write_charges(group: h5py.Group, record: Record) -> None:
    """Write the topological charge of every triangle of the elites, for viewers."""
    elites, lattice = record.elites, record.hamiltonian.lattice
    order = model.drawn(lattice)
    if elites and len(order):
        charge = np.array([charge_density(lattice, e.spins)[order] for e in elites], dtype=np.float32)
        dataset(
            group,
            "charge_density",
            charge,
            "1",
            "elite, triangle",
            "topological charge of every triangle",
            **COMPRESSED,
        )


def _described(path: Path, file: h5py.File) -> Mapping[Path, str]:
    """Return the texts that describe a run to viewers, by path."""
    texts = xdmf.beside(path, file["model"], "elites", _frames(file["elites"]))
    if "textures" not in file:
        return texts
    frames = snapshots.frames(file["textures"])
    return texts | xdmf.beside(path, file["model"], "generations", frames, xdmf.generations(path))


def _frames(elites: h5py.Group) -> Iterator[xdmf.Frame]:
    """Yield the elites as viewers show them."""
    titled = [column for column in columns(Candidate, Place.ELITES) if column.title]
    densities = elites.get("energy_density"), elites.get("charge_density")
    for k in range(len(elites["energy"])):
        numbers = {column.caption: float(elites[column.shown[0]][k]) for column in titled}
        yield xdmf.Frame(f"elite {k}", k, k, elites["spins"], *densities, numbers)


def _read(file: h5py.File) -> Record:
    attrs, hamiltonian, damaged = file.attrs, model.read(checked(file, "model")), list[str]()

    def intact(name: str, read: Callable[[h5py.Group], T], otherwise: T) -> T:
        try:
            return read(checked(file, name))
        except Exception as error:  # whatever a damaged part raises, the others can be shown
            if not is_sealed(file):
                raise
            damaged.append(f"{name} ({' '.join(str(error).split()) or type(error).__name__})")
            return otherwise

    def explored(group: h5py.Group) -> Landscape:
        return landscape.read(group, hamiltonian.lattice.sites)

    return Record(
        hamiltonian=hamiltonian,
        history=intact("history", history.read, History((), 0)),
        elites=tuple(intact("elites", lambda group: _read_elites(group, hamiltonian.lattice), [])),
        **provenance.read(file),
        layout=tuple(words(attrs["layout"])),
        waited=tuple(row(file, "waited")),
        writing=float(attrs["writing"]),
        resumable="checkpoint" in file,
        bound=intact("bound", bound.read, None) if "bound" in file else None,
        landscape=intact("landscape", explored, None) if "landscape" in file else None,
        magnons=intact(magnons.GROUP, magnons.read, None) if magnons.GROUP in file else None,
        textures=intact("textures", snapshots.read, ()) if "textures" in file else (),
        race=intact(race.GROUP, lambda group: race.read(group, hamiltonian), None) if race.GROUP in file else None,
        damaged=tuple(damaged),
    )


def _read_elites(group: h5py.Group, lattice: Lattice) -> list[Candidate]:
    """Return the elites, arrays over sites in double precision."""
    count = len(group["energy"])
    stored = [column for column in columns(Candidate, Place.ELITES) if column.name in group]
    arrays = {column.name: group[column.name][()] for column in stored}
    for column in stored:
        array = arrays[column.name]
        if (array.dtype.kind in "iufb") != (column.dtype.kind in "iufb") or array.ndim != 1 + len(column.axes):
            raise ValueError(f"elites/{column.name} is {array.dtype} {array.shape}; expected {column.dtype}")
    arrays |= {column.name: arrays[column.name].astype(np.float64) for column in stored if "site" in column.axes}
    return restored(Place.ELITES, arrays, count, Cpu(), lattice)
