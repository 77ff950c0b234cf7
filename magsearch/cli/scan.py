"""The command ``magsearch scan``."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from magsearch import storage
from magsearch.cli import completion
from magsearch.cli.arguments import DeviceName, Json, Strict, changed, expect_model, named_after
from magsearch.console import scan as overview
from magsearch.errors import InputError
from magsearch.parallel.ranks import launched
from magsearch.parallel.signals import Signals
from magsearch.runs.launch import Launch, carry_out, exit_code
from magsearch.scan import run as scanning
from magsearch.scan.scan import Share
from magsearch.search.stopping import Reason


def scan(
    input_file: Annotated[
        Path | None,
        typer.Argument(metavar="INPUT", help="Model in any format (magsearch docs formats)."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="File of the scan. Default: the name of INPUT with -scan.h5."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a setting: scan.field=[0,1,2], scan.temperature=[0,10], scan.model.moment=... (repeatable).",
            autocompletion=completion.settings,
        ),
    ] = None,
    strict: Strict = False,
    device: DeviceName = "auto",
    resume: Annotated[
        Path | None, typer.Option(metavar="SCAN.h5", help="Resume a stopped scan, instead of INPUT.")
    ] = None,
    points: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Compute share I (from 0) of N, as one task of a job array. Exit code 75: other shares are missing.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing SCAN.h5.")] = False,
    as_json: Json = False,
) -> None:
    """Search a model over fields, temperatures or other settings.

    Every point is searched, sampled at its temperatures, and its phase is named. Under mpiexec or srun, the points are
    divided among the ranks. SIGTERM, SIGUSR1 and Ctrl-C end a scan with exit code 75; its results so far are stored.
    """

    def begin(held: ExitStack) -> scanning.Beginning:
        return _beginning(input_file, out, changed(settings, strict), resume, points, overwrite, held)

    def work(launch: Launch, start: scanning.Beginning) -> Reason:
        current = scanning.ScanRun(launch, start)
        reason = current.go()
        if launch.ranks.rank == 0:
            _report(launch.console, start.out, reason, as_json)
        current.settle()
        return reason

    signals = Signals(enforced=True)
    reason = carry_out(begin, work, device, launched(), signals, stderr=as_json)
    signals.ignore()
    raise typer.Exit(exit_code(reason))


def _beginning(
    input_file: Path | None,
    out: Path | None,
    settings: list[str],
    resume: Path | None,
    points: str | None,
    overwrite: bool,
    held: ExitStack,
) -> scanning.Beginning:
    name = named_after(input_file, resume, bool(out or points or overwrite), "scan")
    if resume is not None:
        return scanning.resume(resume, settings, held)
    assert input_file is not None
    expect_model(input_file, "scan")
    if points and overwrite:
        raise InputError("the tasks of an array share one file: --overwrite would delete what others found", "--points")
    share = _share(points) if points else None
    return scanning.begin(input_file, out or Path(f"{name}-scan.h5"), settings, overwrite, share, held)


def _share(points: str) -> Share:
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", points)
    if not found or not 0 <= int(found[1]) < int(found[2]):
        raise InputError(f"{points!r} is no share; expected I/N with I from 0 to N - 1", "--points")
    return Share(int(found[1]), int(found[2]))


def _report(console: Console, out: Path, reason: Reason, as_json: bool) -> None:
    if isinstance(reason, scanning.Waiting):
        console.print(f"{reason}: run this one again when they are done", soft_wrap=True)
        return
    stored = storage.read_scan(out)
    if as_json:
        print(json.dumps(overview.summary(stored), indent=1))
    else:
        overview.show(console, stored)
    if not reason.ended:
        console.print(f"{reason}; resume with: magsearch scan --resume {out}", soft_wrap=True)
