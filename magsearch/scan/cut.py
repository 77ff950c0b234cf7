"""A cut through a scan: its points over one setting or two, everything else held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from magsearch import diagram
from magsearch.crossings import Row
from magsearch.errors import InputError
from magsearch.scan.space import FIELD, Space
from magsearch.states import Column
from magsearch.storage import ScanRecord

TEMPERATURE = "temperature"


@dataclass(frozen=True, eq=False)
class Cut:
    """The points of a scan that differ in one or two settings.

    names   of the axes
    points  that are done
    rows    columns along each direction of the first axis that is no temperature, at temperature 0
    fixed   what the others are held at
    """

    names: tuple[str, ...]
    points: list[diagram.Point]
    rows: list[Row]
    fixed: dict[str, float | str]

    @property
    def places(self) -> list[dict[str, float]]:
        """The other axis' value on each row, where it is no temperature."""
        other = [name for name in self.names if self.rows and name not in (self.rows[0].name, TEMPERATURE)]
        values = {id(point.column): (point.x, point.y) for point in self.points}
        return [{name: values[id(row.columns[0])][self.names.index(name)] for name in other} for row in self.rows]


def cut_of(record: ScanRecord, path: Path, x: str | None, y: str | None, at: Sequence[str]) -> Cut:
    """The cut that is asked for, or the first that there is. InputError for axes that the scan has not."""
    columns = [column for column in record.columns if column.minima or column.states]
    if not columns:
        raise InputError("holds no points yet", path)
    space = Space.of([column.settings for column in record.columns if column.round == 0])
    held = dict(_pair(text) for text in at)
    kelvin = sorted({t for column in columns for t in column.temperatures})
    free = [name for name in (*space.names, *([TEMPERATURE] if len(kelvin) > 1 else [])) if name not in held]
    names = tuple(name for name in (x, y) if name) or tuple(free[:2])
    known = [*space.names, TEMPERATURE]
    for name in (*names, *held):
        if name not in known and not any(name in column.settings for column in columns):
            raise InputError(f"has no axis {name!r}; its axes are {', '.join(known)}", path)
    if not names:
        raise InputError("has one point alone: nothing to draw", path)

    def value(column: Column, name: str) -> float | str:
        settings = column.settings
        return (
            float(space.coordinates(settings)[space.names.index(name)]) if name in space.names else str(settings[name])
        )

    fixed: dict[str, float | str] = {}
    others = [name for name in (*space.names, *columns[0].settings) if name not in names]
    for name in dict.fromkeys(others):
        if name == "model.field" and any(axis.startswith(FIELD) for axis in space.names):
            continue
        values = [value(column, name) for column in columns]
        if len(set(values)) > 1:
            fixed[name] = _nearest(held.get(name), values)
            columns = [column for column, own in zip(columns, values, strict=True) if own == fixed[name]]
    if TEMPERATURE not in names and len(kelvin) > 1:
        fixed[TEMPERATURE] = _nearest(held.get(TEMPERATURE), kelvin)
    points = []
    for column in columns:
        for t, found in column.points():
            if found is not None and t == fixed.get(TEMPERATURE, t):
                place = [t if name == TEMPERATURE else float(value(column, name)) for name in names]
                points.append(diagram.Point(place[0], place[-1], found, column))
    cold = fixed.get(TEMPERATURE, kelvin[0] if TEMPERATURE not in names else 0.0) == 0.0
    return Cut(names, points, _rows(columns, names, space) if cold else [], fixed)


def _rows(columns: Sequence[Column], names: tuple[str, ...], space: Space) -> list[Row]:
    """The lines of columns along the first axis that is no temperature: the others' values are equal on each."""
    along = next((name for name in names if name != TEMPERATURE), None)
    if along is None:
        return []
    lines: dict[float, list[Column]] = {}
    other = [name for name in names if name not in (along, TEMPERATURE)]
    x = {
        id(column): dict(zip(space.names, space.coordinates(column.settings).tolist(), strict=True))
        for column in columns
    }
    for column in columns:
        lines.setdefault(x[id(column)][other[0]] if other else 0.0, []).append(column)
    made = [Row.of(along, [x[id(c)][along] for c in line], line) for _, line in sorted(lines.items())]
    return [row for row in made if len(row.columns) > 1]


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"{text!r} is not NAME=VALUE", "--at")
    return name, value


def _nearest(wanted: str | None, values: Sequence[float | str]) -> float | str:
    """The value that is asked for, or the closest; the first where none is."""
    if wanted is None:
        return values[0]
    if all(isinstance(value, float) for value in values):
        try:
            number = float(wanted)
        except ValueError:
            raise InputError(f"{wanted!r} is no number", "--at") from None
        return float(np.asarray(values)[np.abs(np.asarray(values, dtype=float) - number).argmin()])
    if wanted not in values:
        raise InputError(f"{wanted!r} is not among {', '.join(map(str, dict.fromkeys(values)))}", "--at")
    return wanted
