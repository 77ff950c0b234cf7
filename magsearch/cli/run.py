"""The command ``magsearch run``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from magsearch import storage
from magsearch.cli.arguments import DeviceName, Json, Settings, named_after
from magsearch.console import model
from magsearch.console import run as results
from magsearch.errors import Interrupted
from magsearch.parallel.ranks import launched
from magsearch.parallel.signals import Signals
from magsearch.runs import run as batch
from magsearch.storage import summary


def run(
    input_file: Annotated[
        Path | None, typer.Argument(metavar="INPUT", help="Model in any format of docs/formats.md.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File of the run. Default: the name of INPUT with .h5.")
    ] = None,
    settings: Settings = None,
    device: DeviceName = "auto",
    resume: Annotated[
        Path | None, typer.Option(metavar="OUT.h5", help="Resume a stopped run, instead of INPUT.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing OUT.h5.")] = False,
    seeds: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Initial textures: a file of spins, OUT.h5 or SCAN.h5 (repeatable)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Search for the ground state of a model.

    The best textures and the history are stored in OUT.h5 during the run. Under mpiexec or srun, the islands of the
    search are divided among the ranks. SIGTERM, SIGUSR1 and Ctrl-C end a run with exit code 75 after its state has
    been stored.
    """
    signals, ranks = Signals(), launched()
    with batch.together(ranks):
        console = model.console(stderr=as_json, quiet=ranks.rank > 0)
        start = ranks.on_first(lambda: _beginning(input_file, out, settings or [], resume, overwrite, seeds or []))
        on = ranks.on_all(lambda: batch.device(device, ranks))
        try:
            start = batch.in_best_box(start, on, ranks, signals, console)
        except Interrupted:
            told = f"{batch.heard(ranks, signals)} while boxes were compared: nothing is stored yet, begin again"
            console.print(told, soft_wrap=True)
            ranks.settle()
            raise typer.Exit(batch.AGAIN) from None
        ended_by = batch.Run(ranks, start, on, signals, console).go()
        if ranks.rank == 0:
            _report(console, start.out, ended_by, as_json)
        ranks.settle()
    if ended_by:
        raise typer.Exit(batch.AGAIN)


def _beginning(
    input_file: Path | None,
    out: Path | None,
    settings: list[str],
    resume: Path | None,
    overwrite: bool,
    seeds: list[str],
) -> batch.Beginning:
    name = named_after(input_file, resume, bool(out or overwrite or seeds), "run")
    if resume is not None:
        return batch.resume(resume, settings)
    assert input_file is not None
    return batch.begin(input_file, out or Path(name).with_suffix(".h5"), settings, overwrite, seeds)


def _report(console: Console, out: Path, ended_by: str, as_json: bool) -> None:
    stored = storage.read(out)
    if as_json:
        print(json.dumps(summary.summary(stored), indent=1))
    else:
        results.show(console, stored)
    if ended_by:
        done = len(stored.history)
        console.print(f"{ended_by} after {done} generations; go on with: magsearch run --resume {out}", soft_wrap=True)
