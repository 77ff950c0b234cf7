"""What several commands take, and what their arguments name."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from magsearch import formats, storage
from magsearch.device import Device, choose
from magsearch.errors import InputError
from magsearch.hamiltonian import Hamiltonian

InputFile = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="A model: .toml, UppASD's inpsd.dat, a file of TB2J, Spirit's .cfg, VAMPIRE's .ucf or input.",
    ),
]
RunFile = Annotated[Path, typer.Argument(metavar="OUT.h5", help="The file of a run.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="model.size=[64,64,1], model.field=2.7, search.seed=3, ... (repeatable)."
    ),
]
DeviceName = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def texture_of(name: str, hamiltonian: Hamiltonian) -> NDArray[np.float64]:
    """Spins [site, 3] from a file, or from an elite of a run: OUT.h5, OUT.h5:3."""
    path, elite = elite_of(name)
    if elite is None:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            spins = formats.read_spins(path, hamiltonian.lattice, hamiltonian.vacancies)
        for warning in said:
            print(f"note: {warning.message}", file=sys.stderr)
        return spins
    chosen = elite_in(storage.read(path), path, elite).spins
    if len(chosen) != hamiltonian.lattice.sites:
        raise InputError(f"has {len(chosen)} spins; the lattice has {hamiltonian.lattice.sites} sites", path)
    return chosen


def elite_of(name: str) -> tuple[Path, int | None]:
    """OUT.h5:3 as a path and the number of an elite, 0 where none is named; None for other files."""
    path, colon, elite = name.rpartition(":")
    if not (colon and path.endswith((".h5", ".hdf5")) and elite.isdigit()):
        path, elite = name, "0"
    return Path(path), int(elite) if path.endswith((".h5", ".hdf5")) else None


def elite_in(stored: storage.Record, path: Path, elite: int) -> storage.Elite:
    if not 0 <= elite < len(stored.elites):
        raise InputError(
            f"has elites 0 to {len(stored.elites) - 1}, not {elite}" if stored.elites else "has no elites yet", path
        )
    return stored.elites[elite]


def device_named(name: str) -> Device:
    try:
        return choose(name)
    except RuntimeError as error:
        raise InputError(str(error), f"--device {name}") from None
