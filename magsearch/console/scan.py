"""Points of a scan as a table and as JSON, as ``magsearch show`` prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from magsearch.console.run import fitting
from magsearch.errors import printable
from magsearch.formatting import counted, fixed, with_error
from magsearch.phases.column import Column, Minimum, ThermalState
from magsearch.storage import ScanRecord


def show(console: Console, record: ScanRecord) -> None:
    """Print the points of a scan as a table, without mean spin and next phase on a narrow terminal."""
    points = [(column, kelvin, found) for column in record.columns for kelvin, found in column.points()]
    console.print(fitting(console, lambda wide: _table(record, points, wide)))
    if any(isinstance(found, ThermalState) and not found.agreed for *_, found in points):
        console.print("? : ladders that began in different phases disagree (magsearch docs theory)")
    seconds = f"{record.seconds:.1f} s on {record.device}"
    console.print(f"{counted(len(points), 'point')}, {seconds}, {record.stopped or 'not at its end'}")


def _table(
    record: ScanRecord, points: Sequence[tuple[Column, float, Minimum | ThermalState | None]], wide: bool
) -> Table:
    """Return the points as a table; a wide one has mean spin, next phase and all settings."""
    keys = list(dict.fromkeys(key for column in record.columns for key in column.settings))
    keys = keys if wide else varied(record.columns)
    title = printable(record.input_path)
    table = Table(title=title, box=SIMPLE, title_justify="left", padding=(0, 1), collapse_padding=not wide)
    names = ["T (K)", *(heading(key) for key in keys), "phase", "meV per site", "charge"]
    for name in ("", *names, *(("m", "next phase") if wide else ())):
        table.add_column(name, justify="left" if name.endswith("phase") else "right", no_wrap=True)
    for number, (column, kelvin, found) in enumerate(points):
        values = [short(column.settings[key]) for key in keys]
        cells = _cells(column, found)
        table.add_row(str(number), f"{kelvin:g}", *values, *(cells if wide else cells[:3]))
    return table


def varied(columns: Sequence[Column]) -> list[str]:
    """Return the settings in which columns differ."""
    keys = dict.fromkeys(key for column in columns for key in column.settings)
    return [key for key in keys if len({repr(column.settings.get(key)) for column in columns}) > 1]


def heading(key: str) -> str:
    """Return the heading of a setting's column: B (T), moment, search.seed."""
    return "B (T)" if key == "model.field" else key.removeprefix("model.")


def short(value: Any) -> str:
    """Return a setting in few letters: a field along z as a number."""
    if isinstance(value, list) and len(value) == 3 and not any(value[:2]):
        value = value[2]
    return f"{value:.6g}" if isinstance(value, int | float) else str(value)


def _cells(column: Column, found: Minimum | ThermalState | None) -> tuple[str, ...]:
    """Phase, energy, charge, mean spin along the field, and the phase that comes next, with its distance."""
    if found is None:
        return ("", "", "", "", "")
    if isinstance(found, ThermalState):
        means = found.averages
        name = found.label if found.agreed else f"{found.label} ?"
        return (
            name,
            with_error(means.energy.mean, means.energy.error),
            with_error(means.charge.mean, means.charge.error),
            f"{found.portrait.along:.3f}",
            "",
        )
    following = ""
    if column.minima and len(column.minima) > 1:
        second = column.minima[1]
        following = f"{second.label}, {second.per_site - found.per_site:.1e} above"
    figures = found.portrait
    return (
        found.label,
        f"{found.per_site:.7f}",
        fixed(figures.charge, 2),
        f"{figures.along:.3f}",
        following,
    )


def summary(record: ScanRecord) -> dict[str, Any]:
    """Return what ``magsearch show --json`` prints: energies in meV, fields in tesla, temperatures in kelvin."""
    points = []
    for column in record.columns:
        for kelvin, found in column.points():
            others = (column.minima or ())[1:] if kelvin == 0 else ()
            points.append(
                {
                    "settings": settings(column, kelvin, record),
                    "label": found.label if found else None,
                    "champion": found.summary() if found else None,
                    "others": [{"label": other.label, **other.summary()} for other in others],
                    "round": column.round,
                    "column": column.number,
                }
            )
    return {
        "points": points,
        "stopped": str(record.stopped) if record.stopped else None,
        "stop_code": record.stopped.code if record.stopped else None,
        "seconds": record.seconds,
        "device": record.device,
        "sites": record.hamiltonian.lattice.sites,
        "version": record.version,
        "created": record.created,
    }


def settings(column: Column, kelvin: float, record: ScanRecord) -> dict[str, Any]:
    """All that a point is: temperature and field always, and whatever else is scanned."""
    own = dict(column.settings)
    field = own.pop("model.field", list(record.hamiltonian.field))
    return {"temperature": kelvin, "field": field, **own}
