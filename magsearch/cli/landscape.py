"""The command ``magsearch landscape``: barriers, lifetimes and the disconnectivity tree of the minima of a run."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from magsearch.cli.arguments import DeviceName, Json, RunFile
from magsearch.console import landscape as tables
from magsearch.console import model
from magsearch.errors import InputError, Interrupted
from magsearch.parallel.interruption import Interruption
from magsearch.parallel.ranks import AGAIN, launched
from magsearch.parallel.signals import Signals
from magsearch.runs.landscape import Exploration, summary
from magsearch.runs.landscape import landscape as explore
from magsearch.runs.launch import device_of, enough_memory, together


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
    copies: Annotated[
        bool,
        typer.Option("--copies", help="Connect each minimum also with a symmetric copy of it, as for a reversal."),
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Discard the stored landscape and start over.")] = False,
    device: DeviceName = "auto",
    as_json: Json = False,
) -> None:
    """Find barriers and lifetimes of the minima of a run.

    Relaxes paths between the elites and converges their saddle points. Minima that symmetries map onto each other count
    once: --copies looks for the barriers between them. The landscape is stored in OUT.h5 and continued from there when
    the command is given again. SIGTERM, SIGUSR1 and Ctrl-C end it with exit code 75 after what is known has been
    stored. Under mpiexec or srun, paths and rates are divided among the ranks.
    """
    kelvins = tuple(sorted(set(temperature or ())))
    if not all(0 < kelvin < math.inf for kelvin in kelvins):
        raise InputError(f"{min(kelvins):g} is not a temperature; expected positive numbers", "--temperature")
    if damping is not None and not 0 < damping < math.inf:
        raise InputError(f"is {damping:g}; expected a positive number", "--damping")
    ranks, signals = launched(), Signals(enforced=True)
    console = model.console(stderr=as_json, quiet=ranks.rank > 0)
    interruption = Interruption(ranks, signals)
    ranks.watch = interruption.look

    def say(line: str) -> None:
        console.print(f"landscape  {line}", soft_wrap=True)

    settings, record = Exploration(minima, neighbours, most, images, copies, kelvins, damping), None
    with together(ranks):
        on = ranks.on_all(lambda: device_of(device, ranks))
        with enough_memory(on), suppress(Interrupted):
            record = explore(run_file, settings, on, interruption.watch, say, again, ranks)
        stopped, names = ranks.broadcast(record is None), ranks.gather(signals.name)
        ranks.settle()
    signals.ignore()
    if stopped:
        name = next(filter(None, names), "")
        console.print(f"{name}: what is known is stored; continue with: magsearch landscape {run_file}", soft_wrap=True)
        raise typer.Exit(AGAIN)
    if ranks.rank > 0:
        return
    assert record is not None
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
