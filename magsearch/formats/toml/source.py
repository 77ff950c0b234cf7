"""Errors in a TOML file: tomllib keeps no line numbers, so a small scan of the text finds them again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from magsearch.errors import InputError, SettingError, meant, unknown
from magsearch.formats.toml.table import Table, adapter, tables

Place = Sequence[str | int]  # ("exchange", 2, "J"): the key J of the third [[table.exchange]]
T = TypeVar("T", bound=Table)

UNKNOWN = "unexpected_keyword_argument"
HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z][\w.]*)\s*\]\]?\s*$")
NOT_A_LIST = ("is_instance_of", "sequence_str", "list_type")
EXPECTED = {  # by pydantic's type of error
    "int_type": "a whole number", "int_from_float": "a whole number", "int_parsing_size": "a whole number",
    "float_type": "a number", "finite_number": "a finite number", "bool_type": "true or false",
    "string_type": "a string", "dataclass_type": "a table", "dict_type": "a table",
    "greater_than": "more than {gt}", "greater_than_equal": "at least {ge}", "less_than": "less than {lt}",
    "less_than_equal": "at most {le}", "literal_error": "{expected}",
    "too_short": "{min_length} items", "too_long": "{max_length} items",
} | dict.fromkeys(NOT_A_LIST, "a list")  # fmt: skip


@dataclass(frozen=True)
class Source:
    """The text of a TOML file and one table in it."""

    path: str | Path
    text: str
    table: str

    def line(self, place: Place) -> int | None:
        """Return the line of a key of the table, or of the table's header where the key is not found."""
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
        """Return path:line of a key."""
        line = self.line(place)
        return f"{self.path}" if line is None else f"{self.path}:{line}"

    def error(self, place: Place, message: str) -> InputError:
        """Return an error with the path and the line of a key."""
        return InputError(message, self.path, self.line(place))

    def about(self, error: SettingError) -> InputError:
        """Return an error of a setting of this table with the path and the line of its key."""
        place, table = error.place, tuple(self.table.split("."))
        return self.error(place[len(table) :] if place[: len(table)] == table else place, error.message)

    def read(self, schema: type[T], given: Any) -> T:
        """Return the table as a value. InputError, with its place, for the first thing that is wrong."""
        if given == {} and not any(key.default is MISSING for key in schema.KEYS.values()):
            return schema()  # without the checks, which take long to build
        try:
            return adapter(schema).validate_python(given)  # type: ignore[arg-type]
        except ValidationError as error:
            raise self._invalid(error, given, schema) from None

    def _invalid(self, error: ValidationError, given: Any, schema: type[Table]) -> InputError:
        problems = sorted(error.errors(include_url=False), key=lambda p: p["type"] != UNKNOWN)
        first = problems[0]
        place, value = _inside(given, first["loc"])
        key = next((part for part in reversed(place) if isinstance(part, str)), self.table)
        if first["type"] == UNKNOWN:
            return self.error(place, unknown("key", key, _schema_at(schema, place[:-1]).KEYS))
        if first["type"] == "missing":
            return self.error(place, f"{first['loc'][-1]} is missing")
        dotted = ".".join([self.table, *(str(part) for part in place)])
        if first["type"] in NOT_A_LIST and isinstance(value, Mapping):
            return self.error(place, f"{dotted} is one table; expected a list of tables: write [[{dotted}]]")
        if first["type"] == "dataclass_type" and isinstance(value, list):
            return self.error(place, f"{dotted} is a list of tables; expected one table: write [{dotted}]")
        same = [_in_words(p) for p in problems if _inside(given, p["loc"])[0] == place]
        wanted = " or ".join(dict.fromkeys(same))
        names = _names(schema, place) if first["type"] == "literal_error" else []
        guess = meant(value, names) if isinstance(value, str) else None
        asked = f"; did you mean '{guess}'?" if guess else ""
        return self.error(place, f"{key} is {value!r}; expected {wanted}{asked}")


def _in_words(problem: ErrorDetails) -> str:
    """Return what pydantic expected."""
    context = problem.get("ctx", {})
    words = EXPECTED.get(problem["type"], problem["msg"].removeprefix("Input should be "))
    return words.format(**context)


def _inside(given: Any, loc: Sequence[str | int]) -> tuple[list[str | int], Any]:
    """Return the part of a pydantic location that lies in the data, without members of unions, and what is there."""
    place: list[str | int] = []
    for part in loc:
        if isinstance(given, Mapping) and part not in given and str(part)[:1].isupper():
            continue  # the class of a table, as the member of a union
        try:
            given = given[part]
        except (KeyError, IndexError, TypeError):
            break
        place.append(part)
    return place, given


def _names(schema: type[Table], place: Place) -> list[str]:
    """Return the words that a key accepts."""
    *above, key = [part for part in place if isinstance(part, str)]
    kind = _schema_at(schema, above).KEYS[key].kind
    return [word for part in (kind, *get_args(kind)) if get_origin(part) is Literal for word in get_args(part)]


def _schema_at(schema: type[Table], place: Place) -> type[Table]:
    """Return the table that describes a place."""
    for part in place:
        if isinstance(part, str):
            schema = next(tables(schema.KEYS[part].kind))
    return schema
