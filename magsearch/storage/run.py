"""run.h5: everything about a run in one HDF5 file (docs/storage.md). Only this package imports h5py.

The file is written aside and renamed, so that whoever opens it, while the run goes on or after it was killed, finds a
complete file. Units and axis names are attributes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from magsearch.bounds import Bound
from magsearch.errors import InputError
from magsearch.formatting import fixed
from magsearch.minima.degeneracy import Degeneracy
from magsearch.minima.stability import Stability
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.observables.topological_charge import charge_density
from magsearch.search.history import History
from magsearch.search.island import State
from magsearch.search.stopping import Reason
from magsearch.storage import bound, checkpoint, model, provenance, xdmf
from magsearch.storage.files import dataset, opened, replaced, texts, words


@dataclass(frozen=True, eq=False)
class Elite:
    """One of the best minima of a run. energy in meV of the whole texture, torque in meV."""

    spins: NDArray[np.float64]  # [site, 3]
    energy: float
    magnetization: NDArray[np.float64]  # [3] mean spin
    charge: float
    torque: float
    origin: str
    generation: int
    island: int = 0
    energy_density: NDArray[np.float64] | None = None  # [site] meV, where it has been worked out
    stability: Stability | None = None  # of polished ones
    free_energy: float | None = None  # meV of the whole texture, where it is ranked by that
    label: str = ""  # its phase; empty in files that do not say
    degeneracy: Degeneracy | None = None  # of polished ones

    @property
    def energy_per_site(self) -> float:
        """Energy per site that carries a spin, meV."""
        return self.energy / int((self.spins != 0).any(axis=-1).sum())

    @property
    def phase(self) -> str:
        """Name of the phase."""
        return self.label

    def __repr__(self) -> str:
        kind = f", {self.stability.kind}" if self.stability else ""
        energy = f"{self.energy_per_site:.9f} meV per site"
        return f"<{self.phase}, {energy}, charge {fixed(self.charge, 2)}{kind}>"


@dataclass(frozen=True, eq=False)
class Record:
    """What a run.h5 holds, but for the populations that a run goes on from."""

    hamiltonian: Hamiltonian
    input_path: str
    input_text: str
    settings: dict[str, Any]
    history: History
    elites: tuple[Elite, ...]  # best first
    stopped: Reason | None  # why the run ended; None while it goes on
    seconds: float
    device: str
    created: str
    version: str
    command: str
    layout: tuple[str, ...] = ()  # what ran where, a line for each rank
    waited: tuple[float, ...] = ()  # [rank] seconds, for other ranks
    writing: float = 0.0  # seconds that rank 0 spent on files
    resumable: bool = False
    bound: Bound | None = None  # of the energy in the box; None where none was computed


@dataclass(frozen=True)
class Parts:
    """Populations that the ranks have written already: name and number of candidates of each part, and all islands."""

    parts: Sequence[tuple[str, int]]
    islands: Sequence[int]


@dataclass(frozen=True, eq=False)
class Glance:
    """What of a run can be read fast, however large its textures are."""

    history: History
    generations: int  # at the most
    limit: float | None  # of seconds
    stopped: Reason | None
    seconds: float
    written: float  # seconds since 1970


Populations = Mapping[int, State]
PACKED: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def write(path: str | Path, record: Record, populations: Populations | Parts | None = None) -> None:
    """Replace the file as a whole, and the .xdmf beside it that shows it to viewers.

    OSError where it cannot be written; the file that was there is then still there.

    populations   of all islands, or the parts in which they are; None: the run cannot go on from this file
    """
    path, sites = Path(path), record.hamiltonian.lattice.sites
    with replaced(path, lambda file: xdmf.beside(path, file["model"], "elites", _frames(file["elites"]))) as file:
        _write(file, record)
        if populations is not None:
            group = file.create_group("checkpoint")
            group.attrs["generations"] = len(record.history)
            if isinstance(populations, Parts):
                checkpoint.join_parts(group, populations.parts, populations.islands, sites)
            else:
                checkpoint.write_states(group, populations, sites)
    kept = [name for name, _ in populations.parts] if isinstance(populations, Parts) else []
    checkpoint.sweep_parts(path, kept)


def read(path: str | Path) -> Record:
    """The record in a run.h5. InputError for a file that is missing, not HDF5, or not magsearch's."""
    with opened(Path(path)) as file:
        _expect_run(file, path)
        return _read(file)


def _expect_run(file: h5py.File, path: str | Path) -> None:
    if "columns" in file:
        raise InputError("is a scan, not a run: magsearch show, phases and report look at it", path)


def glance(path: str | Path) -> Glance:
    """How far a run has got, without its textures. InputError as for ``read``."""
    with opened(Path(path)) as file:
        _expect_run(file, path)
        search = json.loads(file["config"]["settings"][()]).get("search", {})
        return Glance(
            history=checkpoint.read_history(file["history"]),
            generations=int(search.get("generations", len(file["history/generation"]))),
            limit=search.get("seconds"),
            stopped=provenance.read_reason(file.attrs),
            seconds=float(file.attrs["seconds"]),
            written=Path(path).stat().st_mtime,
        )


def read_states(path: str | Path, islands: Collection[int] | None = None) -> dict[int, State]:
    """The populations that a run goes on from: of all islands, or of some. InputError where there are none."""
    path = Path(path)
    with opened(path) as file:
        if "checkpoint" not in file:
            raise InputError("holds no populations to go on from", path)
        group, lattice = file["checkpoint"], model.read(file["model"]).lattice
        every = group.attrs["islands"].tolist()
        return checkpoint.read_states(group, every if islands is None else islands, lattice)


def in_parts(path: str | Path) -> bool:
    """Whether every rank has to read its own islands."""
    with opened(Path(path)) as file:
        return "parts" in file["checkpoint"].attrs if "checkpoint" in file else False


def _write(file: h5py.File, record: Record) -> None:
    provenance.write(file, record)
    file.attrs.update(layout=texts(record.layout), waited=np.array(record.waited), writing=record.writing)
    model.write(file.create_group("model"), record.hamiltonian)
    if record.bound is not None:
        bound.write(file.create_group("bound"), record.bound)
    checkpoint.write_history(file.create_group("history"), record.history)
    _write_elites(file.create_group("elites"), record)
    _write_densities(file["elites"], record)


def _write_elites(group: h5py.Group, record: Record) -> None:
    elites, n, sites = record.elites, len(record.elites), record.hamiltonian.lattice.sites
    if n:
        real = np.result_type(*(elite.spins for elite in elites))
        spins, chunk = np.array([elite.spins for elite in elites], dtype=real), (1, min(sites, 65536), 3)
        dataset(group, "spins", spins, "1", "elite, site, xyz", chunks=chunk, **PACKED)
    dataset(group, "energy", [e.energy for e in elites], "meV", "elite")
    dataset(group, "energy_per_site", [e.energy / record.hamiltonian.n_spins for e in elites], "meV per site", "elite")
    dataset(group, "magnetization", np.reshape([e.magnetization for e in elites], (n, 3)), "1", "elite, xyz")
    dataset(group, "charge", [e.charge for e in elites], "1", "elite")
    dataset(group, "torque", [e.torque for e in elites], "meV", "elite")
    dataset(group, "generation", np.array([e.generation for e in elites], dtype=np.int64), "", "elite")
    dataset(group, "island", np.array([e.island for e in elites], dtype=np.int64), "", "elite")
    dataset(group, "origin", texts(e.origin for e in elites), "", "elite")
    free = [np.nan if e.free_energy is None else e.free_energy for e in elites]
    dataset(group, "free_energy", free, "meV", "elite")
    known = [e.stability or Stability("", (), 0) for e in elites]
    modes = np.full((n, max((len(s.modes) for s in known), default=0)), np.nan)
    for row, one in zip(modes, known, strict=True):
        row[: len(one.modes)] = one.modes
    dataset(group, "modes", modes, "meV", "elite, mode")
    dataset(group, "zero_modes", np.array([s.zero_modes for s in known], dtype=np.int64), "", "elite")
    dataset(group, "stability", texts(s.kind for s in known), "", "elite")
    dataset(group, "label", texts(e.label for e in elites), "", "elite")
    times = [e.degeneracy or Degeneracy(0, False) for e in elites]
    dataset(group, "degeneracy", np.array([t.copies for t in times], dtype=np.int64), "", "elite")
    dataset(group, "continuous", np.array([t.continuous for t in times], dtype=bool), "", "elite")


def _write_densities(group: h5py.Group, record: Record) -> None:
    """Energy of every site and charge of every triangle of the elites, for viewers."""
    elites, lattice = record.elites, record.hamiltonian.lattice
    order = model.drawn(lattice)
    if elites and len(order):
        charge = np.array([charge_density(lattice, e.spins)[order] for e in elites], dtype=np.float32)
        dataset(group, "charge_density", charge, "1", "elite, triangle", **PACKED)
    if elites and all(e.energy_density is not None for e in elites):
        energy = np.array([e.energy_density for e in elites], dtype=np.float32)
        dataset(group, "energy_density", energy, "meV", "elite, site", **PACKED)


def _frames(elites: h5py.Group) -> Iterator[xdmf.Frame]:
    """What viewers see of the elites."""
    for k, (per_site, charge) in enumerate(zip(elites["energy_per_site"], elites["charge"], strict=True)):
        numbers = {"energy per site (meV)": float(per_site), "topological charge": float(charge)}
        densities = elites.get("energy_density"), elites.get("charge_density")
        yield xdmf.Frame(f"elite {k}", k, k, elites["spins"], *densities, numbers)


def _read(file: h5py.File) -> Record:
    attrs = file.attrs
    return Record(
        hamiltonian=model.read(file["model"]),
        history=checkpoint.read_history(file["history"]),
        elites=tuple(_read_elites(file["elites"])),
        **provenance.read(file),
        layout=tuple(words(attrs["layout"])),
        waited=tuple(attrs["waited"].tolist()),
        writing=float(attrs["writing"]),
        resumable="checkpoint" in file,
        bound=bound.read(file["bound"]) if "bound" in file else None,
    )


def _read_elites(group: h5py.Group) -> list[Elite]:
    columns = {
        name: group[name][()] for name in ("energy", "magnetization", "charge", "torque", "generation", "island")
    }
    spins = group["spins"][()].astype(np.float64) if "spins" in group else ()
    density = group["energy_density"][()].astype(np.float64) if "energy_density" in group else None
    return [
        Elite(
            spins=texture,
            energy=float(columns["energy"][k]),
            magnetization=columns["magnetization"][k],
            charge=float(columns["charge"][k]),
            torque=float(columns["torque"][k]),
            origin=group["origin"][k].decode(),
            generation=int(columns["generation"][k]),
            island=int(columns["island"][k]),
            energy_density=None if density is None else density[k],
            stability=_read_stability(group, k),
            free_energy=_read_free_energy(group, k),
            label=group["label"][k].decode() if "label" in group else "",
            degeneracy=_read_degeneracy(group, k),
        )
        for k, texture in enumerate(spins)
    ]


def _read_stability(group: h5py.Group, place: int) -> Stability | None:
    kind = group["stability"][place].decode()
    if not kind:
        return None
    modes = group["modes"][place]
    return Stability(kind, tuple(modes[np.isfinite(modes)].tolist()), int(group["zero_modes"][place]))


def _read_free_energy(group: h5py.Group, place: int) -> float | None:
    found = float(group["free_energy"][place])
    return None if np.isnan(found) else found


def _read_degeneracy(group: h5py.Group, place: int) -> Degeneracy | None:
    """None before the elites are polished, and in files that do not say."""
    if "degeneracy" not in group or not group["degeneracy"][place]:
        return None
    return Degeneracy(int(group["degeneracy"][place]), bool(group["continuous"][place]))
