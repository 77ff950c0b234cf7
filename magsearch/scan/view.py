"""The command ``magsearch phases``: a cut through a scan, where its phases cross, and a picture of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from magsearch import diagram, screen, storage
from magsearch.crossings import Crossing, Row, crossings
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


def phases(
    scan_file: Annotated[Path, typer.Argument(metavar="SCAN.h5", help="The file of a scan.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="png, pdf or svg.")] = None,
    x: Annotated[str | None, typer.Option(help="field, temperature, model.moment, ...")] = None,
    y: Annotated[str | None, typer.Option(help="The other axis of a diagram; none: curves over x.")] = None,
    at: Annotated[
        list[str] | None, typer.Option("--at", metavar="NAME=VALUE", help="Hold another setting there (repeatable).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Draw the phases of a scan over two axes, or energies and order parameters over one; say where phases cross."""
    record = storage.read_scan(scan_file)
    cut = cut_of(record, scan_file, x, y, at or [])
    found = [crossing for row in cut.rows for crossing in crossings(row)]
    if out is not None:
        try:
            _draw(record, cut, out)
        except (OSError, ValueError) as error:
            raise InputError(str(error), out) from None
    if as_json:
        of = [
            {**row_of, **asdict(c)} for row, row_of in zip(cut.rows, _places(cut), strict=True) for c in crossings(row)
        ]
        print(json.dumps({"axes": list(cut.names), "at": cut.fixed, "crossings": of}, indent=1))
        return
    console = screen.console()
    for row, place in zip(cut.rows, _places(cut), strict=True):
        where = "".join(f", {name} = {value:g}" for name, value in place.items())
        for c in crossings(row):
            console.print(
                f"{c.before} -> {c.after} at {row.name} = {c.at:.6g} (from {c.low:.6g} to {c.high:.6g}){where}",
                highlight=False, soft_wrap=True,
            )  # fmt: skip
    if not found and cut.rows:
        console.print("one phase alone at temperature 0", highlight=False)
    if out is not None:
        console.print(str(out), highlight=False, soft_wrap=True)


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


def _places(cut: Cut) -> list[dict[str, float]]:
    """The other axis' value on each row of a diagram over two settings."""
    other = [name for name in cut.names if cut.rows and name not in (cut.rows[0].name, TEMPERATURE)]
    values = {id(point.column): (point.x, point.y) for point in cut.points}
    return [{name: values[id(row.columns[0])][cut.names.index(name)] for name in other} for row in cut.rows]


def _draw(record: ScanRecord, cut: Cut, out: Path) -> None:
    title = Path(record.input_path).name + "".join(
        f", {name} = {value:g}" if isinstance(value, float) else f", {name} = {value}"
        for name, value in cut.fixed.items()
    )
    if len(cut.points) < 2:
        raise ValueError("fewer than two points are done: nothing to draw yet")
    axes = [_axis(name) for name in cut.names]
    if len(cut.names) == 1:
        points = sorted(cut.points, key=lambda point: point.x)
        diagram.curves(points, cut.rows[0] if cut.rows else None, axes[0], title, out)
        return
    cold: list[Crossing] = crossings(cut.rows[0]) if cut.names[1] == TEMPERATURE and cut.rows else []
    diagram.diagram(cut.points, (axes[0], axes[1]), title, out, cold)


def _axis(name: str) -> str:
    if name == TEMPERATURE:
        return "temperature (K)"
    return f"{name} (T)" if name.startswith(FIELD) else name


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
