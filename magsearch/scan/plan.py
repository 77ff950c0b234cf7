"""The points of a scan as columns of one Hamiltonian, made from the [scan] table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from magsearch import config
from magsearch.config.input import Input
from magsearch.config.scan import ScanTable, Steps
from magsearch.errors import InputError
from magsearch.phases.column import Column, describe
from magsearch.scan.space import Space

VARIED = ("model", "search", "islands")  # tables whose keys can be scanned


def columns(given: Input) -> list[Column]:
    """Return the columns of a scan. Raises InputError for an invalid [scan] table and for settings that are invalid."""
    axes = _axes(given.scan)
    if given.search.cells is not None:
        raise InputError(
            "search.cells selects the supercell of a single run; all points of a scan share one supercell", given.path
        )
    if given.search.tilings:
        raise InputError("search.tilings: a scan begins from soft waves and its other fields instead", given.path)
    if not axes:
        raise InputError(
            "nothing to scan: [scan] names no settings; expected, for instance, scan.field=[0, 1, 2]", given.path
        )
    for key, values in axes.items():
        if not values:
            raise InputError(f"scan.{key} has no values", given.path)
        if key.partition(".")[0] not in (*VARIED, "temperature"):
            raise InputError(f"{key!r} cannot be scanned; expected a key of {', '.join(VARIED)}", given.path)
    points = _points(axes, given.scan.combine, given)
    warm: dict[str, tuple[dict[str, Any], set[float]]] = {}
    for settings in points:
        kelvin = settings.pop("temperature", 0.0)
        warm.setdefault(repr(settings), (settings, set()))[1].add(kelvin)
    every = [Column(k, settings, tuple(sorted(t))) for k, (settings, t) in enumerate(warm.values())]
    for column in every:
        at(given, column)
    if given.scan.refine and not Space.of([column.settings for column in every]).names:
        raise InputError("scan.refine needs a numeric axis of the model, for instance a field", given.path)
    return every


def at(given: Input, column: Column) -> Input:
    """Return the input of one column. Raises InputError naming the column's settings if they are invalid."""
    try:
        made = config.varied(given, column.settings)
    except InputError as error:
        raise InputError(f"at {describe(column.settings)}: {error.message}", "[scan]") from None
    return replace(made, scan=ScanTable())


def _axes(table: ScanTable) -> dict[str, list[Any]]:
    """Return the values of every axis by key, fields as vectors, temperature included."""
    axes: dict[str, list[Any]] = {}
    if table.field:
        axes["model.field"] = [list(v) if isinstance(v, list) else [0.0, 0.0, float(v)] for v in _values(table.field)]
    axes |= {key: _values(values) for key, values in table.axes.items()}
    if table.temperature:
        axes["temperature"] = [float(kelvin) for kelvin in _values(table.temperature)]
    return axes


def _values(given: list[Any] | Steps) -> list[Any]:
    return given.values() if isinstance(given, Steps) else list(given)


def _points(axes: dict[str, list[Any]], combine: str, given: Input) -> Sequence[dict[str, Any]]:
    if combine == "grid":
        return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    lengths = {len(values) for values in axes.values()}
    if len(lengths) > 1:
        told = ", ".join(f"{key} {len(values)}" for key, values in axes.items())
        raise InputError(f'scan.combine = "list" needs axes of equal length; their lengths are {told}', given.path)
    return [dict(zip(axes, values, strict=True)) for values in zip(*axes.values(), strict=True)]
