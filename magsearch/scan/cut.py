"""Cuts through a scan: points over one or two settings, with all other settings held constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from magsearch.errors import InputError
from magsearch.phases.column import Column
from magsearch.phases.crossings import Crossing, Row, crossings
from magsearch.plots import phase_diagram
from magsearch.scan.space import FIELD, Space
from magsearch.storage import ScanRecord

TEMPERATURE = "temperature"
ENERGIES = ("J", "D", "K", "K4", "Kc")  # keys of couplings and anisotropies, given in the unit of the model


@dataclass(frozen=True, eq=False)
class Cut:
    """The points of a scan that differ in one or two settings.

    names   settings along the axes
    points  finished points
    rows    columns along the first axis that is a coordinate of the model; empty above temperature 0
    fixed   values of the other settings, by name
    units   units of settings, by name, without those that have none
    """

    names: tuple[str, ...]
    points: list[phase_diagram.Point]
    rows: list[Row]
    fixed: dict[str, float | str]
    units: dict[str, str]

    @property
    def heads(self) -> tuple[str, ...]:
        """Labels of the axes, for instance ``field (T)``."""
        return tuple(f"{name} ({self.units[name]})" if name in self.units else name for name in self.names)

    def said(self, name: str, value: float | str) -> str:
        """Return a setting with its value and unit as text, for instance ``field = 1.5 T``."""
        number = f"{value:.6g}" if isinstance(value, float) else value
        return f"{name} = {number} {self.units.get(name, '')}".rstrip()

    @property
    def held(self) -> str:
        """Values of the fixed settings as text."""
        return ", ".join(self.said(name, value) for name, value in self.fixed.items())

    @property
    def at_zero(self) -> list[Crossing]:
        """Transitions at zero temperature, on the lower edge of a diagram over a coordinate and temperatures."""
        return crossings(self.rows[0]) if self.rows and self.names[1:] == (TEMPERATURE,) else []

    @property
    def places(self) -> list[dict[str, float]]:
        """Value of the other axis on each row, by name; empty if the other axis is a temperature or does not exist."""
        other = [name for name in self.names if self.rows and name not in (self.rows[0].name, TEMPERATURE)]
        values = {point.column.number: (point.x, point.y) for point in self.points}
        return [{name: values[row.columns[0].number][self.names.index(name)] for name in other} for row in self.rows]


def cut_of(record: ScanRecord, path: Path, x: str | None, y: str | None, at: Sequence[str]) -> Cut:
    """Return the cut of a scan over settings ``x`` and ``y``, by default over the first one or two that vary.

    path   file of the scan, which error messages name
    at     NAME=VALUE of settings to hold constant; the nearest value of the scan is taken, by default the first

    Raises InputError for an axis that the scan does not have, and if there is nothing to draw.
    """
    columns = [column for column in record.columns if column.minima]
    space = Space.of([column.settings for column in record.columns if column.round == 0])
    places = {column.number: _place(column, space) for column in columns}
    kelvin = sorted({t for column in columns for t in column.temperatures})
    known = {
        name: [place[name] for place in places.values()] for name in (places[columns[0].number] if columns else ())
    }
    known = {name: values for name, values in known.items() if len(set(values)) > 1}
    if len(kelvin) > 1:
        known[TEMPERATURE] = list(kelvin)
    if not known:
        raise InputError("has fewer than two points yet: nothing to draw", path)
    held = dict(_pair(text) for text in at)
    numbers = [name for name, values in known.items() if all(isinstance(value, float) for value in values)]
    names = tuple(name for name in (x, y) if name) or tuple([name for name in numbers if name not in held][:2])
    for name in (*names, *held):
        if name not in known or (name in names and name not in numbers):
            raise InputError(f"has no axis {name!r}; its axes are {', '.join(known)}", path)
    if both := [name for name in names if name in held]:
        raise InputError(f"{both[0]} is an axis of the figure and cannot be held constant", "--at")
    if not names:
        raise InputError("has no numeric axis besides those of --at: nothing to draw", path)

    fixed: dict[str, float | str] = {}
    for name in (name for name in known if name not in (*names, TEMPERATURE)):
        fixed[name] = _nearest(held.get(name), [places[column.number][name] for column in columns])
        columns = [column for column in columns if places[column.number][name] == fixed[name]]
    if TEMPERATURE in known and TEMPERATURE not in names:
        fixed[TEMPERATURE] = _nearest(held.get(TEMPERATURE), list(kelvin))
    points = []
    for column in columns:
        for t, found in column.points():
            if found is not None and t == fixed.get(TEMPERATURE, t):
                where = [t if name == TEMPERATURE else float(places[column.number][name]) for name in names]
                points.append(phase_diagram.Point(where[0], where[-1], found, column))
    cold = fixed.get(TEMPERATURE, 0.0) == 0.0
    along = next((name for name in names if name in space.names), None)
    units = {name: unit for name in known if (unit := unit_of(name, record.model))}
    return Cut(names, points, _rows(columns, along, names, places) if cold and along else [], fixed, units)


def unit_of(name: str, model: Mapping[str, Any] | None) -> str:
    """Return the unit of a setting, given the [model] table of the scan; empty if it has none."""
    if name == TEMPERATURE:
        return "K"
    if name.partition(".")[0] == FIELD:
        return "T"
    if name.startswith("model.moment"):
        return "μB"
    inside = name.split(".")
    return (model or {}).get("unit", "meV") if inside[0] == "model" and set(inside) & set(ENERGIES) else ""


Place = dict[str, float | str]


def _place(column: Column, space: Space) -> Place:
    """Return the values of a column by name: its coordinates, and other scanned settings as numbers or text."""
    others = {key: value for key, value in column.settings.items() if key != "model.field" and key not in space.names}
    return dict(zip(space.names, space.coordinates(column.settings).tolist(), strict=True)) | {
        key: float(value) if isinstance(value, int | float) else str(value) for key, value in others.items()
    }


def _rows(columns: Sequence[Column], along: str, names: tuple[str, ...], places: dict[int, Place]) -> list[Row]:
    """Return the rows of columns along a coordinate, each at one value of the other axis."""
    other = [name for name in names if name not in (along, TEMPERATURE)]
    lines: dict[tuple[float, ...], list[Column]] = {}
    for column in columns:
        lines.setdefault(tuple(float(places[column.number][name]) for name in other), []).append(column)
    made = [Row.of(along, [float(places[c.number][along]) for c in line], line) for _, line in sorted(lines.items())]
    return [row for row in made if len(row.columns) > 1]


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"invalid value {text!r}: expected NAME=VALUE", "--at")
    return name, value


def _nearest(wanted: str | None, values: Sequence[float | str]) -> float | str:
    """Return the value nearest to the ``wanted`` one; the first if none is given."""
    if wanted is None:
        return values[0]
    if all(isinstance(value, float) for value in values):
        try:
            number = float(wanted)
        except ValueError:
            raise InputError(f"invalid value {wanted!r}: expected a number", "--at") from None
        return float(np.asarray(values)[np.abs(np.asarray(values, dtype=float) - number).argmin()])
    if wanted not in values:
        raise InputError(
            f"invalid value {wanted!r}: expected one of {', '.join(map(str, dict.fromkeys(values)))}", "--at"
        )
    return wanted
