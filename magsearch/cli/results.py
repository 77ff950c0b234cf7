"""The commands ``magsearch show`` and ``magsearch plot``: what a run or a scan has found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from magsearch import record, screen, storage
from magsearch.cli.arguments import Json, RunFile
from magsearch.errors import InputError
from magsearch.scan import overview
from magsearch.textures import elite_in


def show(run_file: RunFile, as_json: Json = False) -> None:
    """Champion and elites of a run, or the points of a scan. Works while the run or the scan goes on."""
    if storage.is_scan(run_file):
        scanned = storage.read_scan(run_file)
        if as_json:
            print(json.dumps(overview.summary(scanned), indent=1))
        else:
            overview.show(screen.console(), scanned)
        return
    stored = storage.read(run_file)
    if as_json:
        print(json.dumps(record.summary(stored), indent=1))
    else:
        screen.show(screen.console(), stored)


def plot(
    run_file: RunFile,
    out: Annotated[Path, typer.Option("-o", "--out", help="png, pdf or svg.")],
    elite: Annotated[int, typer.Option(help="Which elite; 0 is the champion.")] = 0,
) -> None:
    """Draw a texture, its structure factor in the Brillouin zone, and the convergence of the run."""
    stored = storage.read(run_file)
    chosen = elite_in(stored, run_file, elite)
    per_site = chosen.energy / stored.hamiltonian.spins
    title = (
        f"{Path(stored.input_path).name}, B = {record.vector(stored.hamiltonian.field, 2)} T: "
        f"{per_site:.6f} meV per site, Q = {chosen.charge + 0.0:.1f}"
    )
    from magsearch import plots

    try:
        plots.summary(stored.hamiltonian.lattice, chosen.spins, stored.history.overall(), title, out)
    except (OSError, ValueError) as error:
        raise InputError(str(error), out) from None
    print(out)
