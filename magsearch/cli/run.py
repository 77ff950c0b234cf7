"""The command ``magsearch run``."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from magsearch import storage
from magsearch.cli.arguments import DeviceName, Json, Settings, Strict, changed, expect_model, named_after
from magsearch.console import run as results
from magsearch.errors import Interrupted
from magsearch.formatting import counted
from magsearch.parallel.ranks import launched
from magsearch.parallel.signals import Signals
from magsearch.runs import beginning
from magsearch.runs.launch import Launch, carry_out, exit_code
from magsearch.runs.run import Run
from magsearch.search.stopping import Reason
from magsearch.storage import summary


def run(
    input_file: Annotated[
        Path | None, typer.Argument(metavar="INPUT", help="Model in any format (magsearch docs formats).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File of the run. Default: the name of INPUT with .h5.")
    ] = None,
    settings: Settings = None,
    strict: Strict = False,
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

    def begin(held: ExitStack) -> beginning.Beginning:
        return _beginning(input_file, out, changed(settings, strict), resume, overwrite, seeds or [], strict, held)

    def work(launch: Launch, start: beginning.Beginning) -> Reason:
        try:
            current = Run(launch, start)
        except Interrupted as early:
            signalled = launch.signalled()
            launch.say(f"{signalled} {early}")
            return signalled
        reason = current.go()
        if launch.ranks.rank == 0 and current.out is not None:
            _report(launch.console, current.record or storage.read(current.out), current.out, reason, as_json)
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
    overwrite: bool,
    seeds: list[str],
    strict: bool,
    held: ExitStack,
) -> beginning.Beginning:
    name = named_after(input_file, resume, bool(out or overwrite or seeds), "run")
    if resume is not None:
        return beginning.resume(resume, settings, held)
    assert input_file is not None
    expect_model(input_file, "run")
    return beginning.begin(input_file, out or Path(name).with_suffix(".h5"), settings, overwrite, seeds, strict, held)


def _report(console: Console, stored: storage.Record, out: Path, reason: Reason, as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary.summary(stored), indent=1))
    else:
        results.show(console, stored)
        results.following(console, out)
    if not reason.ended:
        done = len(stored.history)
        console.print(
            f"{reason} after {counted(done, 'generation')}; resume with: magsearch run --resume {out}", soft_wrap=True
        )
