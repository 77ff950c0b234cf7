"""run.h5: everything about a run in one HDF5 file (docs/storage.md). Only this module imports h5py.

The file is written aside and renamed, so that whoever opens it, while the run goes on or after it was killed, finds a
complete file. Units and axis names are attributes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from magsearch.bonds import Bonds
from magsearch.errors import InputError
from magsearch.hamiltonian import CubicAnisotropy, Hamiltonian, UniaxialAnisotropy
from magsearch.lattice import Lattice

SCHEMA = 1
TERMS: dict[str, type] = {term.__name__: term for term in (UniaxialAnisotropy, CubicAnisotropy)}


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


@dataclass(frozen=True, eq=False)
class Record:
    """What a run.h5 holds."""

    hamiltonian: Hamiltonian
    input_path: str
    input_text: str
    settings: dict[str, Any]
    history: dict[str, NDArray[Any]]  # generation, best, mean, deviation (meV per site), evaluations, seconds
    offspring: dict[str, NDArray[np.int64]]  # by operator, [generation]
    successes: dict[str, NDArray[np.int64]]  # by operator, [generation]
    elites: tuple[Elite, ...]  # best first
    stopped: str  # why the run ended; empty while it goes on
    seconds: float
    device: str
    created: str
    version: str
    command: str


HISTORY_UNITS = {
    "generation": "", "best": "meV per site", "mean": "meV per site", "deviation": "meV per site",
    "evaluations": "energy and force of one replica", "seconds": "s",
}  # fmt: skip


def write(path: str | Path, record: Record) -> None:
    """Replace the file as a whole. OSError where it cannot be written; the file that was there is then still there."""
    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with h5py.File(aside, "w") as file:
            _write(file, record)
            file.flush()
        with open(aside, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(aside, path)
    except (OSError, RuntimeError) as error:  # h5py raises either
        raise OSError(getattr(error, "errno", None), _reason(error)) from None
    finally:
        aside.unlink(missing_ok=True)


def read(path: str | Path) -> Record:
    """The record in a run.h5. InputError for a file that is missing, not HDF5, or not magsearch's."""
    path = Path(path)
    if not path.exists():
        raise InputError("no such file", path)
    try:
        with h5py.File(path, "r") as file:
            if "magsearch" not in file.attrs or "schema" not in file.attrs:
                raise InputError("is HDF5, but not a run of magsearch", path)
            if int(file.attrs["schema"]) != SCHEMA:
                raise InputError(f"has schema {file.attrs['schema']}; this magsearch reads {SCHEMA}", path)
            return _read(file)
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(f"is no complete HDF5 file of magsearch: {_reason(error)}", path) from None


def _reason(error: Exception) -> str:
    """What the system says, in one line; HDF5's own words, which may be several, where it says nothing."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else " ".join(str(error).split())


def _write(file: h5py.File, record: Record) -> None:
    file.attrs.update(
        schema=SCHEMA, magsearch=record.version, created=record.created, device=record.device, command=record.command,
        stopped=record.stopped, seconds=record.seconds,
    )  # fmt: skip
    config = file.create_group("config")
    config.attrs["input"] = record.input_path
    config["text"], config["settings"] = record.input_text, json.dumps(record.settings)
    _write_model(file.create_group("model"), record.hamiltonian)

    history = file.create_group("history")
    for name, unit in HISTORY_UNITS.items():
        _dataset(history, name, record.history[name], unit, "generation")
    for kind in ("offspring", "successes"):
        table = getattr(record, kind)
        names = sorted(table)
        counts = np.array([table[name] for name in names], dtype=np.int64)
        counts = counts.reshape(len(names), len(record.history["generation"]))
        _dataset(history, kind, counts, "textures", "operator, generation").attrs["operators"] = _texts(names)

    elites, n = file.create_group("elites"), len(record.elites)
    sites = record.hamiltonian.lattice.sites
    spins = np.array([elite.spins for elite in record.elites]).reshape(n, sites, 3)
    if n:
        chunk = (1, min(sites, 65536), 3)
        elites.create_dataset("spins", data=spins, chunks=chunk, compression="gzip", compression_opts=1, shuffle=True)
        elites["spins"].attrs.update(unit="1", axes="elite, site, xyz")
    _dataset(elites, "energy", [e.energy for e in record.elites], "meV", "elite")
    _dataset(
        elites, "energy_per_site", [e.energy / record.hamiltonian.spins for e in record.elites], "meV per site", "elite"
    )
    _dataset(elites, "magnetization", np.reshape([e.magnetization for e in record.elites], (n, 3)), "1", "elite, xyz")
    _dataset(elites, "charge", [e.charge for e in record.elites], "1", "elite")
    _dataset(elites, "torque", [e.torque for e in record.elites], "meV", "elite")
    _dataset(elites, "generation", np.array([e.generation for e in record.elites], dtype=np.int64), "", "elite")
    _dataset(elites, "origin", _texts(e.origin for e in record.elites), "", "elite")


def _texts(values: Iterable[str]) -> NDArray[Any]:
    return np.array(list(values), dtype=h5py.string_dtype())


def _dataset(group: h5py.Group, name: str, values: Any, unit: str, axes: str) -> h5py.Dataset:
    group[name] = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=np.float64)
    group[name].attrs.update(unit=unit, axes=axes)
    return group[name]


def _write_model(model: h5py.Group, hamiltonian: Hamiltonian) -> None:
    lattice = hamiltonian.lattice
    model.attrs.update(
        convention="E = - 1/2 sum_ij s_i J_ij s_j - sum_i K (s_i n)^2 - mu_B sum_i m_i B s_i",
        size=lattice.size, periodic=lattice.periodic, species=_texts(lattice.species), notes=_texts(hamiltonian.notes),
        anisotropy=json.dumps(
            [{"term": type(term).__name__, **asdict(term)} for term in hamiltonian.anisotropy], default=np.generic.item
        ),
    )  # fmt: skip
    _dataset(model, "cell", lattice.cell, "angstrom", "vector, xyz")
    _dataset(model, "basis", lattice.basis, "angstrom", "atom, xyz")
    _dataset(model, "positions", lattice.positions, "angstrom", "site, xyz")
    _dataset(model, "moments", hamiltonian.moments, "Bohr magneton", "atom or site")
    _dataset(model, "field", np.array(hamiltonian.field), "tesla", "xyz")
    _dataset(model, "vacancies", np.array(hamiltonian.vacancies, dtype=np.int64), "", "site")
    for name in ("bonds", "site_bonds"):
        bonds = getattr(hamiltonian, name)
        if bonds is not None:
            group = model.create_group(name)
            _dataset(group, "i", bonds.i, "", "bond")
            _dataset(group, "j", bonds.j, "", "bond")
            _dataset(group, "offset", bonds.offset, "cells", "bond, xyz")
            _dataset(group, "J", bonds.J, "meV", "bond, xyz, xyz")


def _read(file: h5py.File) -> Record:
    attrs, history, elites = file.attrs, file["history"], file["elites"]

    def table(kind: str) -> dict[str, NDArray[np.int64]]:
        return dict(zip(history[kind].attrs["operators"], history[kind][()], strict=True))

    columns = [elites[name][()] for name in ("energy", "magnetization", "charge", "torque")]
    origin, generation = [text.decode() for text in elites["origin"][()]], elites["generation"][()]
    return Record(
        hamiltonian=_read_model(file["model"]),
        input_path=str(file["config"].attrs["input"]),
        input_text=file["config"]["text"][()].decode(),
        settings=json.loads(file["config"]["settings"][()]),
        history={name: history[name][()] for name in HISTORY_UNITS},
        offspring=table("offspring"),
        successes=table("successes"),
        elites=tuple(
            Elite(spins.astype(np.float64), float(e), m, float(q), float(t), o, int(g))
            for spins, e, m, q, t, o, g in zip(
                elites["spins"][()] if "spins" in elites else (), *columns, origin, generation, strict=True
            )
        ),
        stopped=str(attrs["stopped"]),
        seconds=float(attrs["seconds"]),
        device=str(attrs["device"]),
        created=str(attrs["created"]),
        version=str(attrs["magsearch"]),
        command=str(attrs["command"]),
    )


def _read_model(model: h5py.Group) -> Hamiltonian:
    def bonds(name: str) -> Bonds | None:
        return Bonds(*(model[name][part][()] for part in ("i", "j", "offset", "J"))) if name in model else None

    def term(values: dict[str, Any]) -> Any:
        kind = TERMS[values.pop("term")]
        listed = {f.name: values[f.name] for f in fields(kind)}
        return kind(**{name: _tuples(value) for name, value in listed.items()})

    attrs = model.attrs
    lattice = Lattice(
        model["cell"][()], model["basis"][()], tuple(attrs["size"]), tuple(attrs["periodic"]), tuple(attrs["species"])
    )
    unit_bonds = bonds("bonds")
    return Hamiltonian(
        lattice,
        Bonds.none() if unit_bonds is None else unit_bonds,
        moments=model["moments"][()],
        anisotropy=tuple(term(values) for values in json.loads(attrs["anisotropy"])),
        field=tuple(model["field"][()]),
        site_bonds=bonds("site_bonds"),
        vacancies=tuple(model["vacancies"][()]),
        notes=tuple(attrs["notes"]),
    )


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
