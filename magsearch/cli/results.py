"""The commands ``magsearch show`` and ``magsearch plot``: results of a run or a scan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from magsearch import storage
from magsearch.cli.arguments import Json, ResultFile, RunFile
from magsearch.cli.completion import one_of
from magsearch.cli.streams import say
from magsearch.console import model
from magsearch.console import run as console
from magsearch.console import scan as overview
from magsearch.errors import InputError, unknown
from magsearch.formats.table import is_index
from magsearch.formatting import vector
from magsearch.runs.textures import elite_in
from magsearch.storage import summary


def show(
    run_file: ResultFile,
    minima: Annotated[
        bool, typer.Option("--minima", help="List phase, degeneracy and stability of the lowest minima of a run.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print what a run or a scan has found so far.

    Prints the champion and the elites of a run, or the points of a scan. Works while the run or the scan continues.
    """
    if storage.is_scan(run_file):
        if minima:
            raise InputError("is a scan; expected a run, whose minima can be listed", run_file)
        scanned = storage.read_scan(run_file)
        if as_json:
            print(json.dumps(overview.summary(scanned), indent=1))
        else:
            overview.show(model.console(), scanned)
        return
    stored = storage.read(run_file)
    if as_json:
        print(json.dumps(summary.catalogue(stored) if minima else summary.summary(stored), indent=1))
    elif minima:
        console.minima(model.console(), stored)
    else:
        console.show(model.console(), stored)


def pictures(incomplete: str) -> list[str]:
    """Return the pictures whose names begin with what is there."""
    from magsearch import plots

    return one_of(plots.PICTURES)(incomplete)


def plot(
    run_file: RunFile,
    out: Annotated[Path, typer.Option("-o", "--out", help="Image file: .png, .pdf or .svg.")],
    what: Annotated[
        str,
        typer.Option(
            help="Quantity to draw: summary, texture, structure, charge, elites, generations, operators or migrations.",
            autocompletion=pictures,
        ),
    ] = "summary",
    elite: Annotated[int, typer.Option(help="Number of the elite; 0 is the champion.")] = 0,
    plane: Annotated[
        str | None,
        typer.Option(
            metavar="AXIS:LAYER",
            help="Layer of a three-dimensional crystal: c:0 is the first one along the third axis.",
        ),
    ] = None,
) -> None:
    """Draw a run: textures, structure factors, energies, progress."""
    from magsearch import plots

    if what not in plots.PICTURES:
        raise InputError(unknown("picture", what, plots.PICTURES), "--what")
    stored = storage.read(run_file)
    elite_in(stored, run_file, elite)
    where = f"{Path(stored.input_path).name}, B = {vector(stored.hamiltonian.field, 2)} T"
    title = f"{where}: {summary.caption(stored, elite)}"
    layer = _plane(plane)
    try:
        plots.PICTURES[what](stored, elite, title, out, layer)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error), out) from None
    say(out)


def _plane(given: str | None) -> tuple[int, int] | None:
    """c:2 as (2, 2)."""
    if given is None:
        return None
    axis, colon, number = given.partition(":")
    if not (colon and len(axis) == 1 and axis in "abc" and is_index(number)):
        raise InputError(f"{given!r} is not a plane; expected a cell axis and a layer, as c:0", "--plane")
    return "abc".index(axis), int(number)
