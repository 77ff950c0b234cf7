"""What a run is told: an input file, and settings that overrule it from the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from magsearch import formats
from magsearch.errors import InputError
from magsearch.formats import toml
from magsearch.formats.build import too_large
from magsearch.formats.source import Source
from magsearch.hamiltonian import Hamiltonian
from magsearch.settings import IslandsTable, SearchTable, StorageTable

TABLES: dict[str, type] = {"search": SearchTable, "islands": IslandsTable, "storage": StorageTable}
KNOWN = ("model", *TABLES)
LATER = {
    "search": ("generations", "seconds", "window", "deviation", "gap", "bound"),
    "storage": None,
}  # what a resumed run may change


@dataclass(frozen=True, eq=False)
class Input:
    """An input file, read and overruled."""

    path: Path
    text: str
    hamiltonian: Hamiltonian
    search: SearchTable
    islands: IslandsTable = field(default_factory=IslandsTable)
    storage: StorageTable = field(default_factory=StorageTable)

    def as_json(self) -> dict[str, Any]:
        return {name: asdict(getattr(self, name)) for name in TABLES}


def read(path: str | Path, overrides: Sequence[str] = ()) -> Input:
    """The input in a .toml or inpsd.dat, with ``key=value`` settings on top (model.size, search.seed, ...).

    InputError, with file and line, for what is wrong.
    """
    path = Path(path)
    changes = _overrides(overrides)
    unpickle = changes.get("model", {}).get("unpickle") is True
    hamiltonian, text = formats.read(path, unpickle), formats.source_text(path)
    tables = formats.read_toml(path) if formats.is_toml(path, text) else {}
    for name in tables:
        if name not in KNOWN:
            raise Source(path, text, name).error((), f"unknown table [{name}]; known are {', '.join(KNOWN)}")
    given = {name: tables.get(name, {}) for name in TABLES}
    sources = {name: Source(path, text, name) for name in TABLES}
    settings = _settings(given, sources)
    if overrides:
        try:
            hamiltonian = _model(path, text, tables, hamiltonian, changes.pop("model", {}))
            given = {name: {**given[name], **changes.get(name, {})} for name in TABLES}
            settings = _settings(given, {name: Source("--set", "", name) for name in TABLES})
        except InputError as error:
            raise InputError(error.message, "--set") from None
        except ValueError as error:
            raise InputError(str(error), "--set") from None
    return Input(path, text, hamiltonian, **settings)


def again(path: str, text: str, hamiltonian: Hamiltonian, stored: Mapping[str, Any], overrides: Sequence[str]) -> Input:
    """The input of a run that goes on; only what does not change its course may be overruled."""
    changes = _overrides(overrides)
    for name, keys in changes.items():
        allowed = LATER.get(name, ())
        for key in keys:
            if allowed is not None and key not in allowed:
                may = ", ".join(f"search.{k}" for k in LATER["search"] or ())
                raise InputError(f"{name}.{key} cannot change in a run that goes on; {may} and storage.* can", "--set")
    given = {name: {**stored.get(name, {}), **changes.get(name, {})} for name in TABLES}
    settings = _settings(given, {name: Source("--set", "", name) for name in TABLES})
    return Input(Path(path), text, hamiltonian, **settings)


def _overrides(items: Sequence[str]) -> dict[str, dict[str, Any]]:
    """--set search.seed=3 as {"search": {"seed": 3}}: TOML values, or words."""
    tables: dict[str, dict[str, Any]] = {}
    for item in items:
        name, equals, value = item.partition("=")
        table, dot, key = name.strip().partition(".")
        if not (equals and dot and key) or table not in KNOWN:
            raise InputError(f"{item!r} is not table.key=value with table one of {', '.join(KNOWN)}", "--set")
        changes = tables.setdefault(table, {})
        try:
            changes[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            changes[key] = value.strip()
    return tables


def _model(path: Path, text: str, tables: Mapping[str, Any], read: Hamiltonian, changes: dict[str, Any]) -> Hamiltonian:
    if not changes:
        return read
    if tables:
        return toml.hamiltonian({**tables["model"], **changes}, text, path)
    settable = ("size", "field", "periodic", "unpickle")
    unknown = sorted(set(changes) - set(settable))
    if unknown:
        known = ", ".join(f"model.{key}" for key in settable[:-1])
        raise InputError(f"model.{unknown[0]} cannot be set for this format; {known} can", "--set")
    if "periodic" in changes:
        periodic = _numbers("model.periodic", changes["periodic"], bool)
        read = replace(read, lattice=replace(read.lattice, periodic=periodic))
    if "size" in changes:
        size = _numbers("model.size", changes["size"], int)
        too_large(size, read.lattice.atoms)
        read = read.with_size(size)
    if "field" in changes:
        tesla = changes["field"]
        along_z = isinstance(tesla, int | float)
        read = replace(read, field=(0.0, 0.0, float(tesla)) if along_z else _numbers("model.field", tesla, float))
    return read


def _numbers(name: str, value: Any, kind: type) -> tuple[Any, ...]:
    expected = (int, float) if kind is float else (kind,)
    if not isinstance(value, list) or len(value) != 3 or any(type(v) not in expected for v in value):
        what = {bool: "of true and false", int: "whole numbers", float: "numbers"}[kind]
        raise InputError(f"{name} is {value!r}; expected three {what}", "--set")
    return tuple(np.array(value, dtype=kind).tolist())


def _settings(given: Mapping[str, dict[str, Any]], sources: Mapping[str, Source]) -> dict[str, Any]:
    """All tables as values that make sense, alone and together."""
    made: dict[str, Any] = {}
    for name, schema in TABLES.items():
        try:
            made[name] = TypeAdapter(schema).validate_python(given[name])
        except ValidationError as error:
            raise sources[name].invalid(error, given[name], schema) from None
    checks = (
        ("search", lambda: made["search"].island()),
        ("search", lambda: made["search"].stop()),
        ("islands", lambda: made["islands"].migration()),
        ("islands", lambda: made["islands"].islands(made["search"])),
    )
    for name, check in checks:
        try:
            check()
        except ValueError as error:
            blamed = sorted((str(error).find(f"{name}.{key}"), key) for key in given[name])
            place = next(((key,) for where, key in blamed if where >= 0), ())
            raise sources[name].error(place, str(error)) from None
    return made
