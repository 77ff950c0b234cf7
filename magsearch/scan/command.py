"""The command ``magsearch scan``, and what ``magsearch show`` says of its file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from magsearch import batch, screen, storage
from magsearch.errors import InputError
from magsearch.ranks import launched
from magsearch.sample import with_error
from magsearch.scan import run as scanning
from magsearch.scan.scan import Share
from magsearch.signals import Signals
from magsearch.states import Column, Minimum, ThermalState
from magsearch.storage import ScanRecord

HEADS = {"model.field": "B (T)"}


def scan(
    input_file: Annotated[
        Path | None,
        typer.Argument(metavar="INPUT", help=r"A .toml with a \[model] table, or UppASD's inpsd.dat."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Where the scan is stored; INPUT's name with -scan.h5 if not given."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help=r"scan.field=\[0,1,2], scan.temperature=\[0,10], scan.model.moment=..., ...",
        ),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
    resume: Annotated[
        Path | None, typer.Option(metavar="SCAN.h5", help="Go on with a scan that was stopped, instead of INPUT.")
    ] = None,
    points: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Compute share I (from 0) of N, as one task of a job array; 75: others have to do theirs.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace SCAN.h5 where it exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Search and sample a model over fields, temperatures or any other settings, and name the phases.

    Under mpiexec or srun the points are divided among the ranks. SIGTERM, SIGUSR1 and Ctrl-C end a scan with exit code
    75; what it has found is stored.
    """
    signals, ranks = Signals(), launched()
    with batch.together(ranks):
        console = screen.console(stderr=as_json, quiet=ranks.rank > 0)
        start = ranks.on_first(lambda: _beginning(input_file, out, settings or [], resume, points, overwrite))
        on = ranks.on_all(lambda: batch.device(device, ranks))
        current = scanning.ScanRun(ranks, start, on, signals, console)
        ended_by = current.go()
        if ranks.rank == 0:
            _report(console, start.out, ended_by, as_json)
        current.scan.settle()
    if ended_by:
        raise typer.Exit(batch.AGAIN)


def _beginning(
    input_file: Path | None,
    out: Path | None,
    settings: list[str],
    resume: Path | None,
    points: str | None,
    overwrite: bool,
) -> scanning.Beginning:
    if resume is not None:
        if input_file or out or overwrite or points:
            raise InputError(
                f"{resume} has its input in it; give no INPUT, -o, --points or --overwrite besides", "--resume"
            )
        return scanning.resume(resume, settings)
    if input_file is None:
        raise InputError("an INPUT is missing; or --resume SCAN.h5 to go on with a scan", "scan")
    if points and overwrite:
        raise InputError("the tasks of an array share one file: --overwrite would delete what others found", "--points")
    name = input_file.resolve().parent.name if input_file.name == "inpsd.dat" else input_file.stem
    share = _share(points) if points else None
    return scanning.begin(input_file, out or Path(f"{name}-scan.h5"), settings, overwrite, share)


def _share(points: str) -> Share:
    found = re.fullmatch(r"(\d+)/(\d+)", points)
    if not found or not 0 <= int(found[1]) < int(found[2]):
        raise InputError(f"{points!r} is no share; expected I/N with I from 0 to N - 1", "--points")
    return Share(int(found[1]), int(found[2]))


def _report(console: Console, out: Path, ended_by: str, as_json: bool) -> None:
    if ended_by == scanning.WAITING:
        console.print("the rest waits for other tasks: run this one again when they are done", soft_wrap=True)
        return
    show(console, storage.read_scan(out), as_json)
    if ended_by:
        console.print(f"{ended_by}; go on with: magsearch scan --resume {out}", soft_wrap=True)


def show(console: Console, record: ScanRecord, as_json: bool) -> None:
    """The points of a scan, as a table or as JSON."""
    if as_json:
        print(json.dumps(summary(record), indent=1))
        return
    points = [(column, kelvin, found) for column in record.columns for kelvin, found in column.points()]
    keys = list(dict.fromkeys(key for column in record.columns for key in column.settings))
    table = Table(title=f"{record.input_path}; energies in meV", box=SIMPLE, title_justify="left")
    for name in ("point", "T (K)", *(HEADS.get(key, key) for key in keys), "phase", "energy per site", "charge", "m"):
        table.add_column(name, justify="left" if name == "phase" else "right", no_wrap=True)
    table.add_column("next phase", no_wrap=True)
    for number, (column, kelvin, found) in enumerate(points):
        values = [short(column.settings[key]) for key in keys]
        table.add_row(str(number), f"{kelvin:g}", *values, *_cells(column, found))
    console.print(table)
    if any(isinstance(found, ThermalState) and not found.agreed for *_, found in points):
        console.print("? : ladders that began in different phases disagree (docs/theory.md)", highlight=False)
    seconds = f"{record.seconds:.1f} s on {record.device}"
    console.print(f"{len(points)} points, {seconds}, {record.stopped or 'not at its end'}", highlight=False)


def short(value: Any) -> str:
    """A setting in few letters: a field along z as a number."""
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
        return name, with_error(means.energy), with_error(means.charge), f"{found.portrait.along:.3f}", ""
    following = ""
    if column.minima and len(column.minima) > 1:
        second = column.minima[1]
        following = f"{second.label}, {second.per_site - found.per_site:.1e} above"
    figures = found.portrait
    return (
        found.label,
        f"{found.per_site:.7f}",
        f"{round(figures.charge, 2) + 0.0:.2f}",
        f"{figures.along:.3f}",
        following,
    )


def summary(record: ScanRecord) -> dict[str, Any]:
    """What ``magsearch show --json`` prints. Energies in meV, fields in tesla, temperatures in kelvin."""
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
        "stopped": record.stopped or None,
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
