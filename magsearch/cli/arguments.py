"""Arguments that several commands share, and the objects that they name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from magsearch import config
from magsearch.cli import completion
from magsearch.cli.streams import say
from magsearch.config import ENDINGS, Input
from magsearch.engine.choice import choose
from magsearch.engine.device import Device
from magsearch.errors import InputError
from magsearch.model.hamiltonian import Hamiltonian

InputFile = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="Model: .toml, inpsd.dat (UppASD), .out (TB2J), .cfg (Spirit), .ucf or input (VAMPIRE), .magnopy.txt "
        "(GROGU); or OUT.h5.",
    ),
]
RunFile = Annotated[Path, typer.Argument(metavar="OUT.h5", help="File of a run.")]
Replacing = Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists where -o is not given.")]
ResultFile = Annotated[Path, typer.Argument(metavar="OUT.h5", help="File of a run or a scan.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting: model.size=[64,64,1], model.field=2.7, search.seed=3, ... (repeatable).",
        autocompletion=completion.settings,
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Refuse an INPUT of which something would be left out, changed or guessed (notes)."),
]
DeviceName = Annotated[
    str,
    typer.Option(
        "--device", help="Device: auto, cpu, cuda or cuda:N.", autocompletion=completion.one_of(("auto", "cpu", "cuda"))
    ),
]
XAxis = Annotated[str | None, typer.Option("--x", help="Axis of a scan: field, temperature, model.moment, ...")]
YAxis = Annotated[str | None, typer.Option("--y", help="Second axis of the diagram. Default: none, curves over x.")]
HeldAt = Annotated[
    list[str] | None, typer.Option("--at", metavar="NAME=VALUE", help="Fix another setting at this value (repeatable).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def changed(settings: list[str] | None, strict: bool) -> list[str]:
    """Return the settings of the command line, --strict among them."""
    return [*(settings or []), *(["model.strict=true"] if strict else [])]


def read_input(path: Path, settings: list[str] | None, strict: bool) -> Input:
    """Return the input in a file of a model, or the input of a run or a scan, with the settings of the command line."""
    overrides = changed(settings, strict)
    if path.suffix not in ENDINGS:
        return config.read(path, overrides)
    from magsearch import storage  # imports h5py

    scanned = storage.read_scan(path) if storage.is_scan(path) else None
    record, model = (scanned, scanned.model) if scanned else (storage.read(path), None)
    given = config.again(str(path), record.input_text, record.hamiltonian, record.settings, (), model)
    return config.as_model(given, overrides)


def texture_of(name: str, hamiltonian: Hamiltonian, strict: bool) -> NDArray[np.float64]:
    """Return the spins [site, 3] of a file, an elite of a run, or the champion of a scan's column.

    Notes on what the file has besides are printed, or errors where ``strict``.
    """
    from magsearch.runs import textures  # imports h5py

    spins, notes = textures.noted(name, hamiltonian, strict)
    for note in notes:
        say(f"note: {note}", err=True)
    return spins[0]


def beside(results: Path, out: Path | None, ending: str, overwrite: bool) -> Path:
    """Return the name of a picture or page: the given one, else that of the results with an ending in place of theirs.

    Raises InputError if the latter exists and may not be overwritten.
    """
    if out is not None:
        return out
    made = results.with_name(results.stem + ending)
    if made.exists() and not overwrite:
        raise InputError("exists and would be replaced; -o names another file, --overwrite replaces this one", made)
    return made


def named_after(input_file: Path | None, resume: Path | None, besides: bool, what: str) -> str:
    """Return the default name of a new run or scan: that of its input, or of the folder of inpsd.dat.

    Empty for one that is resumed. InputError if neither an input nor a file to resume is given, or if options of a new
    one are given ``besides``.
    """
    if resume is not None:
        if besides or input_file is not None:
            raise InputError(f"{resume} contains its input; expected only --set and --device with it", "--resume")
        return ""
    if input_file is None:
        raise InputError(f"missing INPUT; expected one, or --resume FILE to resume a {what}", what)
    return input_file.resolve().parent.name if input_file.name == "inpsd.dat" else input_file.stem


def expect_model(path: Path, command: str) -> None:
    """Raise InputError if the input of a new run or scan is the file of one."""
    if path.suffix in ENDINGS:
        told = f"is a file of results; resume it with magsearch {command} --resume {path}, or write its model with"
        raise InputError(f"{told} magsearch convert {path} MODEL.toml", path)


def device_named(name: str) -> Device:
    """Return the device of a name; raises InputError if it is missing."""
    try:
        device = choose(name)
    except RuntimeError as error:
        raise InputError(str(error), f"--device {name}") from None
    if device.note:
        say(f"note: {device.note}", err=True)
    return device


def needs(library: str, extra: str) -> None:
    """Raise InputError with the command that installs it if the library of an extra is missing."""
    if find_spec(library) is None:
        raise InputError(f"needs {library}: pip install 'magsearch[{extra}]'", f"magsearch {extra}")
