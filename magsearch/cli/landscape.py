"""The command ``magsearch landscape``: barriers, lifetimes and the disconnectivity tree of the minima of a run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated

import typer

from magsearch.cli.arguments import DeviceName, Json, RunFile, device_named
from magsearch.console import landscape as tables
from magsearch.console import model
from magsearch.errors import InputError, Interrupted
from magsearch.parallel.ranks import AGAIN, is_launched
from magsearch.parallel.signals import Signals
from magsearch.runs.landscape import Exploration, summary
from magsearch.runs.landscape import landscape as explore
from magsearch.runs.launch import enough_memory


def landscape(
    run_file: RunFile,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Picture of the disconnectivity tree: .png, .pdf or .svg. Default: none."),
    ] = None,
    temperature: Annotated[
        list[float] | None,
        typer.Option(metavar="T", help="Temperature of rates and lifetimes, kelvin (repeatable). Default: none."),
    ] = None,
    damping: Annotated[
        float | None,
        typer.Option(
            help="Gilbert damping of the rates (Langer). Default: transition-state theory, which does not depend on it."
        ),
    ] = None,
    minima: Annotated[int, typer.Option(min=1, help="Number of elites to begin with, best first.")] = 16,
    neighbours: Annotated[
        int, typer.Option(min=1, help="Number of nearest minima with which each one is connected.")
    ] = 2,
    most: Annotated[int, typer.Option(min=1, help="Largest number of minima, with those met on the way.")] = 64,
    images: Annotated[int, typer.Option(min=3, help="Number of images of a path, with both ends.")] = 16,
    again: Annotated[bool, typer.Option("--again", help="Discard the stored landscape and start over.")] = False,
    device: DeviceName = "auto",
    as_json: Json = False,
) -> None:
    """Find barriers and lifetimes of the minima of a run.

    Relaxes paths between the elites and converges their saddle points. The landscape is stored in OUT.h5 and continued
    from there when the command is given again. SIGTERM, SIGUSR1 and Ctrl-C end it with exit code 75 after what is known
    has been stored.
    """
    kelvins = tuple(sorted(set(temperature or ())))
    if not all(0 < kelvin < math.inf for kelvin in kelvins):
        raise InputError(f"{min(kelvins):g} is not a temperature; expected positive numbers", "--temperature")
    if damping is not None and not 0 < damping < math.inf:
        raise InputError(f"is {damping:g}; expected a positive number", "--damping")
    if is_launched():
        raise InputError("runs in one process; start it without mpiexec", "magsearch landscape")
    console = model.console(stderr=as_json)
    signals, on = Signals(enforced=True), device_named(device)

    def watch() -> None:
        if signals():
            raise Interrupted

    settings = Exploration(minima, neighbours, most, images, kelvins, damping)
    try:
        with enough_memory(on):
            record = explore(
                run_file, settings, on, watch, lambda line: console.print(f"landscape  {line}", soft_wrap=True), again
            )
    except Interrupted:
        signals.ignore()
        console.print(
            f"{signals.name}: what is known is stored; continue with: magsearch landscape {run_file}", soft_wrap=True
        )
        raise typer.Exit(AGAIN) from None
    signals.ignore()
    found = record.landscape
    assert found is not None
    if out is not None:
        from magsearch.plots import tree

        try:
            tree.page_of(record.hamiltonian.lattice, found, Path(record.input_path).name, out)
        except ValueError as error:
            raise error if isinstance(error, InputError) else InputError(str(error), out) from None
    if as_json:
        print(json.dumps(summary(record), indent=1))
    else:
        tables.show(console, found)
        if out is not None:
            console.print(str(out), soft_wrap=True)
