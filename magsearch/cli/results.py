"""The commands ``magsearch show`` and ``magsearch plot``: results of a run or a scan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, cast

import typer

from magsearch import storage
from magsearch.cli.arguments import Json, Replacing, RunFile, beside
from magsearch.cli.completion import one_of
from magsearch.cli.outcome import Outcome
from magsearch.cli.streams import say
from magsearch.console import model
from magsearch.console import run as console
from magsearch.console import scan as overview
from magsearch.errors import InputError, unknown
from magsearch.formats.table import is_index
from magsearch.runs.textures import elite_in
from magsearch.storage import summary

LARGEST = 50  # inches of a page, and tiles along an axis


def show(
    result_file: Annotated[Path, typer.Argument(metavar="OUT.h5", help="File of a run, a scan, tc or loop.")],
    minima: Annotated[
        bool, typer.Option("--minima", help="List phase, degeneracy and stability of the lowest minima of a run.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print what a run, scan, tc or loop has found so far.

    Prints the champion and the elites of a run, the points of a scan, or the results of tc or loop. Works while a run
    or a scan continues.
    """
    kind = storage.kind_of(result_file)
    if minima and kind != "run":
        raise InputError(f"is a file of magsearch {kind}; expected a run, whose minima can be listed", result_file)
    if kind in ("tc", "loop"):
        _show_outcome(kind, result_file, as_json)
    elif kind == "scan":
        scanned = storage.read_scan(result_file)
        if as_json:
            print(json.dumps(overview.summary(scanned), indent=1))
        else:
            overview.show(model.console(), scanned)
    else:
        stored = storage.read(result_file)
        if as_json:
            print(json.dumps(summary.catalogue(stored) if minima else summary.summary(stored), indent=1))
        elif minima:
            console.minima(model.console(), stored)
        else:
            console.show(model.console(), stored)


def _show_outcome(command: str, path: Path, as_json: bool) -> None:
    """Print the file of tc or loop as these commands do at their end, and how to resume one that has not ended."""
    from magsearch.runs.load import load

    found = cast(Outcome, load(path))
    if as_json:
        print(json.dumps(found.as_json() | {"seconds": found.record.seconds, "file": str(path)}, indent=1))
        return
    found.show(model.console())
    stopped = found.record.stopped
    if stopped is None or not stopped.ended:
        say(f"unfinished after {found.progress}; resume with: magsearch {command} --resume {path}")


def pictures(incomplete: str) -> list[str]:
    """Return the pictures whose names begin with what is there."""
    from magsearch import plots

    return one_of(plots.PICTURES)(incomplete)


def plot(
    run_file: RunFile,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Image file: .png, .pdf or .svg. Default: beside OUT.h5, .png."),
    ] = None,
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
    sheet: Annotated[
        int | None,
        typer.Option(help="Sheet of a layer whose sheets hide one another, from 0, the lowest. Default: the top one."),
    ] = None,
    tiles: Annotated[
        str, typer.Option("--tiles", metavar="N,M", help="Draw the box N and M times along the two axes of the plane.")
    ] = "1,1",
    title: Annotated[
        str | None, typer.Option(help="Title. Default: input, field and energy; an empty one leaves it out.")
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(metavar="INCHES", help="Width of the page; text keeps its size. Default: 3.6 or 7.2."),
    ] = None,
    dpi: Annotated[int, typer.Option(help="Pixels per inch.")] = 300,
    overwrite: Replacing = False,
) -> None:
    """Draw a run: textures, structure factors, energies, progress."""
    from magsearch import plots

    if what not in plots.PICTURES:
        raise InputError(unknown("picture", what, plots.PICTURES), "--what")
    stored = storage.read(run_file)
    elite_in(stored, run_file, elite)
    if width is not None and not 1 <= width <= LARGEST:
        raise InputError(f"is {width:g}; expected 1 to {LARGEST} inches", "--width")
    if not 10 <= dpi <= 10_000:
        raise InputError(f"is {dpi}; expected 10 to 10000 pixels per inch", "--dpi")
    view = plots.View(elite, title, _plane(plane), sheet, _tiles(tiles), width, dpi)
    ending = ("" if what == "summary" else f"-{what}") + (f"-{elite}" if elite else "") + ".png"
    out = beside(run_file, out, ending, overwrite)
    try:
        plots.PICTURES[what](stored, out, view)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error), out) from None
    say(out)


def _tiles(given: str) -> tuple[int, int]:
    """2,3 as (2, 3)."""
    parts = given.split(",")
    if not (len(parts) == 2 and all(is_index(part) and 1 <= int(part) <= LARGEST for part in parts)):
        raise InputError(f"is {given!r}; expected two numbers from 1 to {LARGEST}, as 2,2", "--tiles")
    return int(parts[0]), int(parts[1])


def _plane(given: str | None) -> tuple[int, int] | None:
    """c:2 as (2, 2)."""
    if given is None:
        return None
    axis, colon, number = given.partition(":")
    if not (colon and len(axis) == 1 and axis in "abc" and is_index(number)):
        raise InputError(f"{given!r} is not a plane; expected a cell axis and a layer, as c:0", "--plane")
    return "abc".index(axis), int(number)
