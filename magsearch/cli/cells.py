"""The command ``magsearch cells``."""

from __future__ import annotations

import json
from typing import Annotated

import numpy as np
import typer
from rich.box import SIMPLE
from rich.table import Table

from magsearch.cli.arguments import InputFile, Json, Settings, Strict, read_input
from magsearch.console import model
from magsearch.errors import InputError
from magsearch.formatting import vector
from magsearch.model.cells import in_given_cells
from magsearch.search.supercells.ranking import ranked, soft_modes


def cells(
    input_file: InputFile,
    settings: Settings = None,
    strict: Strict = False,
    sites: Annotated[int, typer.Option(min=1, help="Maximum number of sites per supercell.")] = 400,
    as_json: Json = False,
) -> None:
    """List supercells commensurate with the softest modes of J(q).

    Lists supercells, straight or sheared, that are commensurate with one soft mode (a spiral), or with all symmetric
    ones at once (a skyrmion lattice or another multiple-q state), better than every smaller supercell.
    """
    given = read_input(input_file, settings, strict)
    crystal = in_given_cells(given.hamiltonian)
    try:
        modes = soft_modes(crystal)
        found = ranked(crystal, sites, modes)
    except ValueError as error:
        raise InputError(str(error), input_file) from None
    cell = crystal.lattice.cell
    if as_json:
        result = {
            "soft_modes": {"fractions": modes.h.tolist(), "energy_per_site": modes.energy},
            "boxes": [
                {"sites": r.supercell.sites, "vectors": r.supercell.H.tolist(), "one": r.one, "all": r.all}
                for r in found
            ],
        }  # fmt: skip
        print(json.dumps(result, indent=1))
        return
    console = model.console()
    model.describe(console, given.hamiltonian)
    for h in modes.h:
        length = np.linalg.norm(h @ crystal.lattice.reciprocal)
        period = f"period {2 * np.pi / length:.5g} angstrom" if length > 0 else "uniform"
        console.print(f"soft mode  {vector(h)} of the reciprocal vectors, {period}", soft_wrap=True)
    if crystal.edged:
        console.print("soft modes are those of the infinite crystal, without its open edges", soft_wrap=True)
    table = Table(box=SIMPLE, padding=(0, 1))
    for heading in ("sites", "vectors (cells)", "edges (angstrom)", "one mode", "all modes"):
        table.add_column(heading, justify="left" if "(" in heading else "right")
    for record in found:
        edges = np.linalg.norm(record.supercell.H @ cell, axis=1)
        axes = [axis for axis in range(3) if (record.supercell.H[axis] != np.eye(3)[axis]).any()]
        table.add_row(
            str(record.supercell.sites),
            " ".join(str(tuple(record.supercell.H[axis].tolist())).replace(" ", "") for axis in axes) or "one cell",
            " ".join(f"{edges[axis]:.4g}" for axis in axes),
            f"{record.one:.2e}",
            f"{record.all:.2e}",
        )
    console.print(table)
    console.print(
        "one mode, all modes: energy that the softest modes lose in this supercell, meV per site", soft_wrap=True
    )
