"""The command ``magsearch phases``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from magsearch import storage
from magsearch.cli.arguments import HeldAt, Json, XAxis, YAxis
from magsearch.console import model
from magsearch.errors import InputError
from magsearch.phases.crossings import crossings
from magsearch.plots import phase_diagram
from magsearch.scan.cut import Cut, cut_of
from magsearch.storage import ScanRecord


def phases(
    scan_file: Annotated[Path, typer.Argument(metavar="SCAN.h5", help="File of a scan.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Image file: .png, .pdf or .svg.")] = None,
    x: XAxis = None,
    y: YAxis = None,
    at: HeldAt = None,
    as_json: Json = False,
) -> None:
    """Draw the phase diagram of a scan and list its transitions.

    Over two axes, the picture shows the phases; over one, energies and order parameters. Transitions at zero
    temperature are the crossings of the energies of two phases.
    """
    record = storage.read_scan(scan_file)
    cut = cut_of(record, scan_file, x, y, at or [])
    found = [(place, crossing) for row, place in zip(cut.rows, cut.places, strict=True) for crossing in crossings(row)]
    if out is not None:
        try:
            _draw(record, cut, out)
        except InputError:
            raise
        except ValueError as error:
            raise InputError(str(error), out) from None
    if as_json:
        of = [{**place, "axis": cut.rows[0].name, **asdict(crossing)} for place, crossing in found]
        print(json.dumps({"axes": list(cut.names), "at": cut.fixed, "crossings": of}, indent=1))
        return
    console = model.console()
    cold = ", at 0 K" if any(column.warm for column in record.columns) else ""
    for place, c in found:
        where = "".join(f", {cut.said(name, value)}" for name, value in place.items())
        console.print(
            f"{c.before} -> {c.after} at {cut.said(cut.rows[0].name, c.at)} "
            f"(from {c.low:.6g} to {c.high:.6g}){where}{cold}",
            soft_wrap=True,
        )  # fmt: skip
    if not found and cut.rows:
        console.print("one phase alone at temperature 0")
    if out is not None:
        console.print(str(out), soft_wrap=True)


def _draw(record: ScanRecord, cut: Cut, out: Path) -> None:
    title = ", ".join(filter(None, (Path(record.input_path).name, cut.held)))
    if len(cut.points) < 2:
        raise ValueError("fewer than two points are complete: nothing to draw yet")
    axes = cut.heads
    if len(axes) == 1:
        points = sorted(cut.points, key=lambda point: point.x)
        phase_diagram.curves(points, cut.rows[0] if cut.rows else None, axes[0], title, out)
        return
    phase_diagram.diagram(cut.points, (axes[0], axes[1]), title, out, cut.at_zero)
