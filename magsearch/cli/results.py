"""The commands ``magsearch show`` and ``magsearch plot``: what a run or a scan has found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from magsearch import storage
from magsearch.cli.arguments import Json, ResultFile, RunFile
from magsearch.console import scan as overview
from magsearch.console import screen
from magsearch.errors import InputError
from magsearch.formatting import vector
from magsearch.runs.textures import elite_in
from magsearch.storage import summary


def show(
    run_file: ResultFile,
    minima: Annotated[
        bool, typer.Option("--minima", help="Of a run: phase, degeneracy and stability of its lowest minima.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Champion and elites of a run, or the points of a scan. Works while the run or the scan goes on."""
    if storage.is_scan(run_file):
        if minima:
            raise InputError("is a scan; expected a run, whose minima can be listed", run_file)
        scanned = storage.read_scan(run_file)
        if as_json:
            print(json.dumps(overview.summary(scanned), indent=1))
        else:
            overview.show(screen.console(), scanned)
        return
    stored = storage.read(run_file)
    if as_json:
        print(json.dumps(summary.catalogue(stored) if minima else summary.summary(stored), indent=1))
    elif minima:
        screen.minima(screen.console(), stored)
    else:
        screen.show(screen.console(), stored)


def plot(
    run_file: RunFile,
    out: Annotated[Path, typer.Option("-o", "--out", help="png, pdf or svg.")],
    what: Annotated[
        str, typer.Option(help="summary, texture, structure, charge, elites, generations, operators or migrations.")
    ] = "summary",
    elite: Annotated[int, typer.Option(help="Which elite; 0 is the champion.")] = 0,
    plane: Annotated[
        str | None,
        typer.Option(metavar="AXIS:LAYER", help="Of a crystal: c:0 is the first layer along the third axis."),
    ] = None,
) -> None:
    """Draw a run: its texture, structure factor, topological charge, elites, or how the search went."""
    from magsearch import plots

    if what not in plots.PICTURES:
        raise InputError(f"is no picture; expected {', '.join(plots.PICTURES)}", f"--what {what}")
    stored = storage.read(run_file)
    elite_in(stored, run_file, elite)
    where = f"{Path(stored.input_path).name}, B = {vector(stored.hamiltonian.field, 2)} T"
    title = f"{where}: {summary.caption(stored, elite)}"
    layer = _plane(plane)
    try:
        plots.PICTURES[what](stored, elite, title, out, layer)
    except (OSError, ValueError) as error:
        raise InputError(str(error), out) from None
    print(out)


def _plane(given: str | None) -> tuple[int, int] | None:
    """c:2 as (2, 2)."""
    if given is None:
        return None
    axis, colon, number = given.partition(":")
    if not (colon and len(axis) == 1 and axis in "abc" and number.isdigit()):
        raise InputError(f"{given!r} is no plane; expected a cell axis and a layer, as c:0", "--plane")
    return "abc".index(axis), int(number)
