"""Keys of settings: which table has them, and values that a command line or a scan puts in their places."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from magsearch.config.islands import IslandsTable
from magsearch.config.reference import ReferenceTable
from magsearch.config.scan import ScanTable
from magsearch.config.search import SearchTable
from magsearch.config.storage import StorageTable
from magsearch.errors import InputError, meant, unknown
from magsearch.formats.table import is_index
from magsearch.formats.text_file import Choices
from magsearch.formats.toml.schema import Model
from magsearch.formats.toml.table import Table

TABLES: dict[str, type[Table]] = {
    table.PATH: table for table in (SearchTable, IslandsTable, StorageTable, ScanTable, ReferenceTable)
}  # fmt: skip
KNOWN = ("model", *TABLES)
CHOICES = tuple(field.name for field in fields(Choices))


def _keys(table: str) -> tuple[str, ...]:
    """Return the keys of a table, those of other formats included."""
    return (*Model.KEYS, *CHOICES, "strict") if table == "model" else tuple(TABLES[table].KEYS)


def _owners(key: str) -> list[str]:
    """Return the tables that have a key; axes of a scan are left out, which have the names of other keys."""
    return [table for table in KNOWN if table != "scan" and key in _keys(table)]


def unknown_table(name: str) -> str:
    """Return the message for a table that does not exist: where it belongs, or what was probably meant."""
    owners = _owners(name)
    return f"unknown table '{name}'; did you mean '{owners[0]}.{name}'?" if owners else unknown("table", name, KNOWN)


def misplaced(table: str, key: str) -> str | None:
    """Return the message for a key that belongs to another table, also if it is mistyped; None for any other."""
    if table == "scan" or key in _keys(table):
        return None
    known = key
    if not _owners(key):
        if meant(key, _keys(table)):
            return None
        known = meant(key, (one for other in KNOWN if other != "scan" for one in _keys(other))) or ""
    return f"unknown key '{key}' of [{table}]; did you mean '{_owners(known)[0]}.{known}'?" if known else None


def parsed(items: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return --set search.seed=3 as {"search": {"seed": 3}}: TOML values, or words. InputError for unknown keys."""
    pairs = []
    for item in items:
        name, equals, value = item.partition("=")
        if not equals:
            raise InputError(f"{item!r} is not table.key=value with table one of {', '.join(KNOWN)}", "--set")
        try:
            pairs.append((name, tomllib.loads(f"value = {value}")["value"]))
        except tomllib.TOMLDecodeError:
            pairs.append((name, value.strip()))
    return by_table(pairs)


def by_table(settings: Iterable[tuple[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return settings with dotted keys by table: {"search": {"seed": 3}}. InputError for unknown keys."""
    tables: dict[str, dict[str, Any]] = {}
    for name, value in settings:
        table, dot, key = name.strip().partition(".")
        if not (dot and key):
            told = f"; did you mean '{owners[0]}.{table}'?" if (owners := _owners(table)) else ""
            raise InputError(f"{name!r} is not table.key=value with table one of {', '.join(KNOWN)}{told}", "--set")
        if table not in KNOWN:
            raise InputError(f"{name.strip()}: {unknown_table(table)}", "--set")
        if wrong := misplaced(table, key.partition(".")[0]):
            raise InputError(wrong, "--set")
        tables.setdefault(table, {})[key] = value
    return tables


def changed(name: str, table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with other values; a key may lead to an entry of a list: exchange.0.J."""
    if name == "scan":  # where keys with dots are axes
        return {**table, **changes}
    new: Any = dict(table)
    for key, value in changes.items():
        first, *rest = path = key.split(".")
        if rest and new.get(first) in (None, True) and first in _tables_in(name):
            new[first] = {}
        new = _placed(new, path, value, f"{name}.{key}")
    return dict(new)


def _tables_in(name: str) -> list[str]:
    """Return the keys of a table that are tables themselves."""
    schema = Model if name == "model" else TABLES[name]
    return [key.name for key in schema.KEYS.values() if key.is_table]


def _placed(inside: Any, path: Sequence[str], value: Any, key: str) -> Any:
    """Return nested tables and lists with a value at a path; ``key`` is its name in messages."""
    if not path:
        return value
    first, *rest = path
    if isinstance(inside, list) and is_index(first) and int(first) < len(inside):
        return [_placed(one, rest, value, key) if k == int(first) else one for k, one in enumerate(inside)]
    if isinstance(inside, dict) and (not rest or first in inside):
        return {**inside, first: _placed(inside.get(first), rest, value, key)}
    names = inside if isinstance(inside, dict) else map(str, range(len(inside))) if isinstance(inside, list) else ()
    raise InputError(f"{key}: {unknown('entry', first, names)}")
