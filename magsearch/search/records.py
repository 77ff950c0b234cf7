"""Dataclasses as arrays: one column for each property, read off the metadata of the fields.

A field that is stored says how in ``dataclasses.field(metadata=...)``:

    dtype      NumPy dtype of a value ("S<n>": text of at most n bytes), or a dataclass whose fields become columns
    unit       unit of a value
    axes       names of the axes of a value, separated by commas
    name       name of the column; the field's own by default
    record     name of the column in messages and checkpoints, where it is another
    places     where the property is kept; everywhere by default. Fields of nested dataclasses follow their parent
    padding    fills up values that are shorter than others, which are tuples; nan is dropped again on reading
    precise    files keep the precision that the values have
    extensive  the property grows with the texture: files and summaries also give it per site
    title      what viewers call the property, to which its unit is added
    about      what the property is, in a line

A value whose default is None is absent where its column holds nan, zero or an empty text; a nested dataclass, where its
first column does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Flag, auto
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Place(Flag):
    """Where a property is kept."""

    MESSAGE = auto()  # records of fixed size, sent between ranks
    CHECKPOINT = auto()  # /checkpoint of run.h5
    ELITES = auto()  # /elites of run.h5
    SUMMARY = auto()  # JSON
    SEARCH = MESSAGE | CHECKPOINT
    RESULT = ELITES | SUMMARY
    EVERYWHERE = SEARCH | RESULT


@dataclass(frozen=True, eq=False)
class Column:
    """A property of a dataclass as an array over its instances; the fields are those of the module's docstring.

    path   names of the attributes that lead to the property
    """

    path: tuple[str, ...]
    name: str
    dtype: np.dtype
    unit: str = ""
    axes: tuple[str, ...] = ()
    padding: float | None = None
    precise: bool = False
    extensive: bool = False
    title: str = ""
    about: str = ""

    @property
    def shown(self) -> tuple[str, str]:
        """Name and unit of the property in summaries: per site, where it grows with the texture."""
        return (f"{self.name}_per_site", f"{self.unit} per site") if self.extensive else (self.name, self.unit)

    @property
    def caption(self) -> str:
        """Title with the unit, for viewers."""
        title = f"{self.title} per site" if self.extensive else self.title
        return title if self.unit in ("", "1") else f"{title} ({self.unit})"

    def value(self, instance: Any) -> Any:
        """Return the property of an instance; None where it is absent."""
        for name in self.path:
            instance = None if instance is None else getattr(instance, name)
        return instance

    @property
    def absent(self) -> Any:
        """Entry of the array where a value is absent."""
        if self.padding is not None:
            return self.padding
        return np.nan if self.dtype.kind == "f" else np.zeros((), self.dtype).item()

    def array(self, values: Sequence[Any], sizes: Mapping[str, int], dtype: np.dtype | None = None) -> NDArray[Any]:
        """Return values as an array [value, *axes]; ``sizes`` of the axes that always have the same length.

        Raises ValueError for a text that is too long.
        """
        longest = [np.shape(value) for value in values if value is not None]
        shape = [sizes.get(axis, max((s[place] for s in longest), default=0)) for place, axis in enumerate(self.axes)]
        array = np.full((len(values), *shape), self.absent, dtype or self.dtype)
        for place, value in enumerate(values):
            if self.dtype.kind == "S" and len(value := (value or "").encode()) > self.dtype.itemsize:
                raise ValueError(f"{self.name} {value.decode()!r} takes more than {self.dtype.itemsize} bytes")
            if value is not None:
                index: tuple[int | slice, ...] = (place, *(slice(length) for length in np.shape(value)))
                array[index] = value
        return array

    def parse(self, entry: Any) -> Any:
        """Return the value behind an entry of the array."""
        if self.dtype.kind == "S":
            return entry.decode()
        if self.padding is not None:
            return tuple(entry[~np.isnan(entry)].tolist())
        return np.array(entry) if self.axes else entry.item()

    def holds(self, entry: Any) -> bool:
        """Whether an entry of the array is a value."""
        if self.dtype.kind == "f":
            return not np.isnan(entry).all()
        return bool(np.any(np.not_equal(entry, self.absent)))


@cache
def columns(kind: type, place: Place) -> tuple[Column, ...]:
    """Return the columns of a dataclass that are kept in a place, in the order of its fields."""
    found: list[Column] = []
    for field in fields(kind):
        stored = field.metadata
        if "dtype" not in stored or not stored.get("places", Place.EVERYWHERE) & place:
            continue
        nested = stored["dtype"]
        own = fields(nested) if is_dataclass(nested) else (field,)
        found += [_column((field.name,) if one is field else (field.name, one.name), one, place) for one in own]
    return tuple(found)


def _column(path: tuple[str, ...], field: Field[Any], place: Place) -> Column:
    stored = field.metadata
    name = stored.get("name", field.name)
    return Column(
        path=path,
        name=stored.get("record", name) if place & Place.SEARCH else name,
        dtype=np.dtype(stored["dtype"]),
        axes=tuple(stored["axes"].split(", ")) if "axes" in stored else (),
        **{key: stored[key] for key in ("unit", "padding", "precise", "extensive", "title", "about") if key in stored},
    )


def record_type(kind: type, place: Place, sizes: Mapping[str, int]) -> np.dtype:
    """Return the dtype of an instance as one record of fixed size.

    Raises KeyError where an axis of a property has no size in ``sizes``.
    """
    return np.dtype([(c.name, c.dtype, tuple(sizes[axis] for axis in c.axes)) for c in columns(kind, place)])


def packed(kind: type, instances: Sequence[Any], place: Place, sizes: Mapping[str, int]) -> NDArray[np.void]:
    """Return instances as records [instance] of ``record_type``."""
    records = np.zeros(len(instances), record_type(kind, place, sizes))
    for column in columns(kind, place):
        records[column.name] = column.array([column.value(one) for one in instances], sizes)
    return records


def values(kind: type, place: Place, arrays: Mapping[str, NDArray[Any]], count: int) -> list[dict[str, Any]]:
    """Return what ``count`` instances hold, by field, from the arrays of their columns by name.

    A property has its default where it is absent, or its arrays are. Raises KeyError where it has none.
    """
    found: list[dict[str, Any]] = [{} for _ in range(count)]
    by_name = {field.name: field for field in fields(kind)}
    for name, group in groupby(columns(kind, place), key=lambda column: column.path[0]):
        parts, field = list(group), by_name[name]
        there = all(part.name in arrays for part in parts)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if not there and default is MISSING:
            raise KeyError(parts[0].name)
        for number, instance in enumerate(found):
            entries = [arrays[part.name][number] for part in parts] if there else []
            if not there or (default is None and not parts[0].holds(entries[0])):
                instance[name] = default
            elif len(parts[0].path) == 1:
                instance[name] = parts[0].parse(entries[0])
            else:
                own = {part.path[1]: part.parse(entry) for part, entry in zip(parts, entries, strict=True)}
                instance[name] = field.metadata["dtype"](**own)
    return found
