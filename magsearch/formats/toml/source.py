"""Where things stand in a TOML file: tomllib keeps no line numbers, so a small scan of the text finds them again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from magsearch.errors import InputError

Place = Sequence[str | int]  # ("exchange", 2, "J"): the key J of the third [[table.exchange]]

UNKNOWN = "unexpected_keyword_argument"
HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z][\w.]*)\s*\]\]?\s*$")


@dataclass(frozen=True)
class Source:
    """The text of a TOML file and one table in it."""

    path: str | Path
    text: str
    table: str

    def line(self, place: Place) -> int | None:
        """The line on which a key of the table is written, or that of the table's header where it is not found."""
        lines = [line.split("#")[0] for line in self.text.splitlines()]
        headers = [(n, found[1]) for n, line in enumerate(lines) if (found := HEADER.match(line))]
        own = [n for n, name in headers if place and name == f"{self.table}.{place[0]}"]
        table = [n for n, name in headers if name == self.table]
        which = place[1] if len(place) > 1 and isinstance(place[1], int) else 0
        if which < len(own):
            start, place = own[which], [part for part in place[1:] if isinstance(part, str)]
        elif table:
            start = table[0]
        else:
            return None
        end = min((n for n, _ in headers if n > start), default=len(lines))
        item = max((part for part in place if isinstance(part, int)), default=0)  # of a list of inline tables
        for key in [part for part in reversed(place) if isinstance(part, str)]:
            hits = [n for n in range(start + 1, end) if re.search(rf"(?<![\w.]){re.escape(key)}[\"']?\s*=", lines[n])]
            if hits:
                return hits[min(item, len(hits) - 1)] + 1
        return start + 1

    def label(self, place: Place) -> str:
        """path:line"""
        line = self.line(place)
        return f"{self.path}" if line is None else f"{self.path}:{line}"

    def error(self, place: Place, message: str) -> InputError:
        return InputError(message, self.path, self.line(place))

    def invalid(self, error: ValidationError, table: dict[str, Any], schema: type) -> InputError:
        """The first thing that pydantic found wrong with the table, in the user's words."""
        problems = sorted(error.errors(include_url=False), key=lambda p: p["type"] != UNKNOWN)
        place, value = _inside(table, problems[0]["loc"])
        key = next((part for part in reversed(place) if isinstance(part, str)), self.table)
        if problems[0]["type"] == UNKNOWN:
            known = ", ".join(f.name for f in fields(_schema_at(schema, place[:-1])))
            return self.error(place, f"unknown key '{key}'; known are {known}")
        if problems[0]["type"] == "missing":
            return self.error(place, f"{problems[0]['loc'][-1]} is missing")
        same = (_in_words(p) for p in problems if _inside(table, p["loc"])[0] == place)
        return self.error(place, f"{key} is {value!r}; expected {' or '.join(dict.fromkeys(same))}")


def _in_words(problem: ErrorDetails) -> str:
    """What pydantic would have liked to see."""
    context = problem.get("ctx", {})
    if problem["type"] in ("is_instance_of", "sequence_str", "list_type"):
        return "a list"
    if problem["type"] == "dataclass_type":
        return "a table"
    if problem["type"] in ("too_short", "too_long"):
        return f"{context.get('min_length', context.get('max_length'))} items"
    return problem["msg"].removeprefix("Input should be ").replace("valid ", "")


def _inside(table: Any, loc: Sequence[str | int]) -> tuple[list[str | int], Any]:
    """The part of a pydantic location that lies in the data (the rest names members of a union), and what is there."""
    place: list[str | int] = []
    for part in loc:
        try:
            table = table[part]
        except (KeyError, IndexError, TypeError):
            break
        place.append(part)
    return place, table


def _schema_at(schema: Any, place: Place) -> Any:
    """The dataclass that describes a place of the table."""
    for part in place:
        if isinstance(part, str):
            schema = next(_dataclasses(get_type_hints(schema)[part]))
    return schema


def _dataclasses(hint: Any) -> Iterator[type]:
    if is_dataclass(hint):
        yield hint  # type: ignore[misc]
    for inner in get_args(hint):
        yield from _dataclasses(inner)
