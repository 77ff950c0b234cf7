"""What several commands take, and what their arguments name."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from magsearch import textures
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
    """Spins [site, 3] from a file, an elite of a run, or the champion of a scan's column; warnings become notes."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        spins = textures.read(name, hamiltonian)[0]
    for warning in said:
        print(f"note: {warning.message}", file=sys.stderr)
    return spins


def device_named(name: str) -> Device:
    try:
        return choose(name)
    except RuntimeError as error:
        raise InputError(str(error), f"--device {name}") from None
