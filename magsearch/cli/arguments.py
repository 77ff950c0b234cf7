"""What several commands take, and what their arguments name."""

from __future__ import annotations

import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from magsearch.engine.device import Device, choose
from magsearch.errors import InputError
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.runs import textures

InputFile = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="A model: .toml, UppASD's inpsd.dat, a file of TB2J, Spirit's .cfg, VAMPIRE's .ucf or input.",
    ),
]
RunFile = Annotated[Path, typer.Argument(metavar="OUT.h5", help="The file of a run.")]
ResultFile = Annotated[Path, typer.Argument(metavar="OUT.h5", help="The file of a run or a scan.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="model.size=[64,64,1], model.field=2.7, search.seed=3, ... (repeatable)."
    ),
]
DeviceName = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
XAxis = Annotated[str | None, typer.Option("--x", help="Of a scan: field, temperature, model.moment, ...")]
YAxis = Annotated[str | None, typer.Option("--y", help="The other axis of a diagram; none: curves over x.")]
HeldAt = Annotated[
    list[str] | None, typer.Option("--at", metavar="NAME=VALUE", help="Hold another setting there (repeatable).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def texture_of(name: str, hamiltonian: Hamiltonian) -> NDArray[np.float64]:
    """Spins [site, 3] from a file, an elite of a run, or the champion of a scan's column; warnings become notes."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        spins = textures.read(name, hamiltonian)[0]
    for warning in said:
        print(f"note: {warning.message}", file=sys.stderr)
    return spins


def named_after(input_file: Path | None, resume: Path | None, besides: bool, what: str) -> str:
    """How the file of a new run or scan is called where nothing else is said: as its input, or the folder of inpsd.dat.

    Empty for one that goes on. InputError where there is neither an input nor a file to go on with, or where what
    belongs to a new one is given ``besides``.
    """
    if resume is not None:
        if besides or input_file is not None:
            raise InputError(f"{resume} has its input in it; only --set and --device go with it", "--resume")
        return ""
    if input_file is None:
        raise InputError(f"an INPUT is missing; or --resume FILE to go on with a {what}", what)
    return input_file.resolve().parent.name if input_file.name == "inpsd.dat" else input_file.stem


def device_named(name: str) -> Device:
    try:
        return choose(name)
    except RuntimeError as error:
        raise InputError(str(error), f"--device {name}") from None


def needs(library: str, extra: str) -> None:
    """InputError, with what to do about it, where a library of an extra is not installed."""
    if find_spec(library) is None:
        raise InputError(f"needs {library}: pip install 'magsearch[{extra}]'", f"magsearch {extra}")
