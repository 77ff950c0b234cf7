"""The command ``magsearch textures``: a catalogue of minima by topological charge."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from magsearch import storage
from magsearch.cli.arguments import DeviceName, InputFile, Json, Settings, Strict, read_input
from magsearch.config import ENDINGS
from magsearch.console import model
from magsearch.console import run as results
from magsearch.errors import InputError, Interrupted
from magsearch.parallel.interruption import Interruption
from magsearch.parallel.ranks import AGAIN, launched
from magsearch.parallel.signals import Signals
from magsearch.runs.catalogue import textures as find
from magsearch.runs.launch import device_of, enough_memory, together
from magsearch.storage import summary


def textures(
    input_file: InputFile,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="NEW.h5", help="File of the catalogue, a run.")],
    charges: Annotated[
        str, typer.Option(metavar="Q,Q...", help="Topological charges, whole numbers.")
    ] = "0,-1,1,-2,2,-3,3",
    count: Annotated[int, typer.Option("--seeds", min=1, help="Number of seeds of each charge.")] = 16,
    each: Annotated[int, typer.Option(min=1, help="Largest number of minima of each charge.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 1,
    settings: Settings = None,
    strict: Strict = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing NEW.h5.")] = False,
    device: DeviceName = "auto",
    as_json: Json = False,
) -> None:
    """List the metastable textures of a model by topological charge.

    Plants cores of every charge in the uniform texture, relaxes them, and stores the distinct minima as the elites of a
    run, which magsearch landscape takes. If INPUT is the file of a run, its elites and populations are seeds as well.
    Under mpiexec or srun, relaxations are divided among the ranks.
    """
    wanted, ranks, signals = charges_of(charges), launched(), Signals(enforced=True)
    given = read_input(input_file, settings, strict)
    harvest = input_file if input_file.suffix in ENDINGS and not storage.is_scan(input_file) else None
    console = model.console(stderr=as_json, quiet=ranks.rank > 0)
    interruption, record = Interruption(ranks, signals), None
    ranks.watch = interruption.look

    def say(line: str) -> None:
        console.print(f"textures   {line}", soft_wrap=True)

    with together(ranks):
        on = ranks.on_all(lambda: device_of(device, ranks))
        with enough_memory(on), suppress(Interrupted):
            record = find(given, out, wanted, count, each, seed, on, harvest, overwrite, interruption.watch, say, ranks)
        stopped, names = ranks.broadcast(record is None), ranks.gather(signals.name)
        ranks.settle()
    signals.ignore()
    if stopped:
        console.print(f"{next(filter(None, names), '')}: nothing is stored; start again", soft_wrap=True)
        raise typer.Exit(AGAIN)
    if ranks.rank > 0:
        return
    assert record is not None
    if as_json:
        print(json.dumps(summary.summary(record), indent=1))
    else:
        results.show(console, record)
        console.print(f"barriers   magsearch landscape {out}", soft_wrap=True)


def charges_of(given: str) -> list[int]:
    """Return the charges of a comma-separated list; raises InputError unless all are whole numbers."""
    try:
        found = [int(part) for part in given.split(",")]
    except ValueError:
        found = []
    if not found or max(map(abs, found)) > 100:
        raise InputError(f"{given!r} is not a list of charges; expected whole numbers, as 0,-1,1", "--charges")
    return list(dict.fromkeys(found))
