"""The command ``magsearch report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from magsearch import storage
from magsearch.cli.arguments import HeldAt, Replacing, ResultFile, XAxis, YAxis, beside, needs
from magsearch.cli.streams import say
from magsearch.errors import InputError


def report(
    run_file: ResultFile,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="PAGE.html", help="File of the report. Default: beside OUT.h5, .html."),
    ] = None,
    overwrite: Replacing = False,
    besides: Annotated[
        list[Path] | None,
        typer.Option("--with", metavar="FILE.h5", help="Add results of tc or loop to the page of a run (repeatable)."),
    ] = None,
    x: XAxis = None,
    y: YAxis = None,
    at: HeldAt = None,
) -> None:
    """Write an interactive HTML report of a run or a scan.

    The page contains results, textures, phases and provenance, magnons that the run holds, and works offline.
    """
    scanned = storage.is_scan(run_file)
    if not scanned and (x or y or at):
        raise InputError("is a run; --x, --y and --at choose axes of a scan", run_file)
    if scanned and besides:
        raise InputError("is a scan; --with adds to the report of a run", run_file)
    page = beside(run_file, out, ".html", overwrite)
    needs("bokeh", "report")
    from magsearch import report

    try:
        if scanned:
            report.write_scan(storage.read_scan(run_file), run_file, page, x, y, at or [])
        else:
            stored = storage.read(run_file)
            report.write(stored, page, report.sections_of(stored, besides or []))
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error), run_file) from None
    say(page)
