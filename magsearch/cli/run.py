"""The command ``magsearch run``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from magsearch import storage
from magsearch.cli.arguments import DeviceName, Json, Settings, named_after
from magsearch.console import screen
from magsearch.errors import Interrupted
from magsearch.parallel.ranks import launched
from magsearch.parallel.signals import Signals
from magsearch.runs import run as runs
from magsearch.runs.launch import Launch, carry_out, exit_code
from magsearch.search.stopping import Reason
from magsearch.storage import summary


def run(
    input_file: Annotated[
        Path | None, typer.Argument(metavar="INPUT", help="A model in any format; docs/formats.md lists them.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Where the run is stored; INPUT's name with .h5 if not given.")
    ] = None,
    settings: Settings = None,
    device: DeviceName = "auto",
    resume: Annotated[
        Path | None, typer.Option(metavar="OUT.h5", help="Go on with a run that was stopped, instead of INPUT.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace OUT.h5 where it exists.")] = False,
    seeds: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Textures to begin with: a file of spins, OUT.h5, SCAN.h5 (repeatable)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Search the ground state; the best textures and the history go to OUT.h5 as the run goes.

    Under mpiexec or srun, the islands of the search are divided among the ranks. SIGTERM, SIGUSR1 and Ctrl-C end a run
    with exit code 75 once its state is stored.
    """

    def begin() -> runs.Beginning:
        return _beginning(input_file, out, settings or [], resume, overwrite, seeds or [])

    def work(launch: Launch, start: runs.Beginning) -> Reason:
        try:
            current = runs.Run(launch, start)
        except Interrupted:
            signalled = launch.signalled()
            launch.say(f"{signalled} while supercells were compared: nothing is stored yet, start again")
            return signalled
        reason = current.go()
        if launch.ranks.rank == 0 and current.out is not None:
            _report(launch.console, current.out, reason, as_json)
        return reason

    signals = Signals()
    raise typer.Exit(exit_code(carry_out(begin, work, device, launched(), signals, stderr=as_json)))


def _beginning(
    input_file: Path | None,
    out: Path | None,
    settings: list[str],
    resume: Path | None,
    overwrite: bool,
    seeds: list[str],
) -> runs.Beginning:
    name = named_after(input_file, resume, bool(out or overwrite or seeds), "run")
    if resume is not None:
        return runs.resume(resume, settings)
    assert input_file is not None
    return runs.begin(input_file, out or Path(name).with_suffix(".h5"), settings, overwrite, seeds)


def _report(console: Console, out: Path, reason: Reason, as_json: bool) -> None:
    stored = storage.read(out)
    if as_json:
        print(json.dumps(summary.summary(stored), indent=1))
    else:
        screen.show(console, stored)
    if not reason.ended:
        done = len(stored.history)
        console.print(f"{reason} after {done} generations; resume with: magsearch run --resume {out}", soft_wrap=True)
