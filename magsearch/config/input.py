"""What a run is told: an input file, and settings that overrule it from the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from magsearch import formats
from magsearch.config.scan import ScanTable, gathered
from magsearch.config.search import IslandsTable, SearchTable, StorageTable
from magsearch.errors import InputError
from magsearch.formats import toml
from magsearch.formats.build import too_large
from magsearch.formats.toml.source import Source
from magsearch.model.hamiltonian import Hamiltonian

TABLES: dict[str, type] = {
    "search": SearchTable, "islands": IslandsTable, "storage": StorageTable, "scan": ScanTable,
}  # fmt: skip
KNOWN = ("model", *TABLES)
LATER = {
    "search": ("generations", "seconds", "window", "deviation", "gap", "bound"),
    "storage": None,
}  # what a resumed run may change


@dataclass(frozen=True, eq=False)
class Input:
    """An input file, read and overruled.

    model   its [model] table, overruled; None for other formats
    """

    path: Path
    text: str
    hamiltonian: Hamiltonian
    search: SearchTable
    islands: IslandsTable = field(default_factory=IslandsTable)
    storage: StorageTable = field(default_factory=StorageTable)
    scan: ScanTable = field(default_factory=ScanTable)
    model: dict[str, Any] | None = None

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
    made = Input(path, text, hamiltonian, **_settings(given, sources), model=tables.get("model"))
    return _overruled(made, given, changes) if overrides else made


def varied(given: Input, settings: Mapping[str, Any]) -> Input:
    """An input with other settings, by dotted key ("model.field", "search.seed", "model.dmi.0.D", ...).

    InputError for keys that do not exist and values that make no sense.
    """
    return _overruled(given, given.as_json(), _by_table(settings.items()))


def _overruled(made: Input, given: Mapping[str, dict[str, Any]], changes: dict[str, dict[str, Any]]) -> Input:
    """An input, the tables of which are ``given``, with some keys changed."""
    try:
        model, hamiltonian = _model(made, changes.get("model", {}))
        tables = {name: _changed(name, given[name], changes.get(name, {})) for name in TABLES}
        settings = _settings(tables, {name: Source("--set", "", name) for name in TABLES})
    except InputError as error:
        raise InputError(error.message, "--set") from None
    except ValueError as error:
        raise InputError(str(error), "--set") from None
    return Input(made.path, made.text, hamiltonian, **settings, model=model)


def again(
    path: str,
    text: str,
    hamiltonian: Hamiltonian,
    stored: Mapping[str, Any],
    overrides: Sequence[str],
    model: dict[str, Any] | None = None,
    later: Mapping[str, Sequence[str] | None] = LATER,
) -> Input:
    """The input of a run that goes on; only what does not change its course (``later``) may be overruled."""
    changes = _overrides(overrides)
    for name, keys in changes.items():
        allowed = later.get(name, ())
        for key in keys:
            if allowed is not None and key not in allowed:
                may = [f"{table}.{k}" for table, own in later.items() for k in (("*",) if own is None else own)]
                told = f"{', '.join(may[:-1])} and {may[-1]} can"
                raise InputError(f"{name}.{key} cannot change in a run that goes on; {told}", "--set")
    given = {name: _changed(name, stored.get(name, {}), changes.get(name, {})) for name in TABLES}
    settings = _settings(given, {name: Source("--set", "", name) for name in TABLES})
    return Input(Path(path), text, hamiltonian, **settings, model=model)


def _overrides(items: Sequence[str]) -> dict[str, dict[str, Any]]:
    """--set search.seed=3 as {"search": {"seed": 3}}: TOML values, or words."""
    pairs = []
    for item in items:
        name, equals, value = item.partition("=")
        if not (equals and "." in name):
            raise InputError(f"{item!r} is not table.key=value with table one of {', '.join(KNOWN)}", "--set")
        try:
            pairs.append((name, tomllib.loads(f"value = {value}")["value"]))
        except tomllib.TOMLDecodeError:
            pairs.append((name, value.strip()))
    return _by_table(pairs)


def _by_table(settings: Iterable[tuple[str, Any]]) -> dict[str, dict[str, Any]]:
    """Dotted keys by table: {"search": {"seed": 3}}."""
    tables: dict[str, dict[str, Any]] = {}
    for name, value in settings:
        table, dot, key = name.strip().partition(".")
        if not (dot and key) or table not in KNOWN:
            raise InputError(f"{name!r} is not table.key=value with table one of {', '.join(KNOWN)}", "--set")
        tables.setdefault(table, {})[key] = value
    return tables


def _changed(name: str, table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A table with other values; a key may lead to an entry of a list: exchange.0.J."""
    if name == "scan":  # where keys with dots are axes
        return {**table, **changes}
    changed: Any = dict(table)
    for key, value in changes.items():
        changed = _placed(changed, key.split("."), value, f"{name}.{key}")
    return dict(changed)


def _placed(inside: Any, path: Sequence[str], value: Any, key: str) -> Any:
    if not path:
        return value
    first, *rest = path
    if isinstance(inside, list) and first.isdigit() and int(first) < len(inside):
        return [_placed(one, rest, value, key) if k == int(first) else one for k, one in enumerate(inside)]
    if isinstance(inside, dict) and (not rest or first in inside):
        return {**inside, first: _placed(inside.get(first), rest, value, key)}
    raise InputError(f"{key} leads nowhere: there is no {first!r} to change something in")


def _model(made: Input, changes: Mapping[str, Any]) -> tuple[dict[str, Any] | None, Hamiltonian]:
    """The [model] table, where there is one, and the Hamiltonian, with other values."""
    read = made.hamiltonian
    if not changes:
        return made.model, read
    if made.model is not None:
        model = _changed("model", made.model, changes)
        return model, toml.hamiltonian(model, made.text, made.path)
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
    return None, read


def _numbers(name: str, value: Any, kind: type) -> tuple[Any, ...]:
    expected = (int, float) if kind is float else (kind,)
    if not isinstance(value, list) or len(value) != 3 or any(type(v) not in expected for v in value):
        what = {bool: "of true and false", int: "whole numbers", float: "numbers"}[kind]
        raise InputError(f"{name} is {value!r}; expected three {what}", "--set")
    return tuple(np.array(value, dtype=kind).tolist())


def _settings(given: Mapping[str, dict[str, Any]], sources: Mapping[str, Source]) -> dict[str, Any]:
    """All tables as values that make sense, alone and together."""
    made: dict[str, Any] = {}
    given = {**given, "scan": gathered(given["scan"])}
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
