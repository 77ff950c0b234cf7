"""The command ``magsearch convert``."""

from __future__ import annotations

from os.path import isdir
from pathlib import Path
from typing import Annotated

import typer

from magsearch import formats
from magsearch.cli import completion
from magsearch.cli.arguments import Settings, Strict, read_input, texture_of
from magsearch.cli.streams import say
from magsearch.errors import InputError, unknown
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.runs.textures import elite_of

FORMATS = (*formats.TARGETS, *formats.KINDS)


def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="Model, texture, OUT.h5[:elite] or SCAN.h5[:column].")],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="Model: .toml, a folder or inpsd.dat (UppASD), .out (TB2J), .cfg (Spirit), .ucf (VAMPIRE). "
            "Texture: .ovf, .npy, .xyz, .restart.",
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            help=f"Format, if the name of OUT does not tell it: {', '.join(FORMATS)}.",
            autocompletion=completion.one_of(FORMATS),
        ),
    ] = None,
    model: Annotated[Path | None, typer.Option(metavar="INPUT", help="Model of the texture IN.")] = None,
    settings: Settings = None,
    strict: Strict = False,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing OUT.")] = False,
) -> None:
    """Write a model or a texture in the format of another code.

    A term that the format cannot express is an error.
    """
    if to is not None and to not in FORMATS:
        raise InputError(unknown("format", to, FORMATS), "--to")
    path, elite = elite_of(source)
    spins = to in formats.KINDS or (to is None and formats.kind_of(out) is not None)
    if model and not spins:
        raise InputError(f"belongs to spins, and {out} is to be a model", "--model")
    if spins and model is None and elite is None:
        raise InputError("says nothing of the lattice of its spins; give the model they belong to with --model", source)
    hamiltonian = _model(model or path, settings, strict)
    if spins:
        formats.write_spins(out, texture_of(source, hamiltonian, strict), hamiltonian, to, overwrite)
        say(out)
        return
    files, notes = formats.write(hamiltonian, out, to, overwrite)
    for note in (*hamiltonian.remarks, *notes):
        say(f"note: {note}", err=True)
    say(*files)


def _model(path: Path, settings: list[str] | None, strict: bool) -> Hamiltonian:
    """Read the model of a file, a folder of UppASD, a run or a scan."""
    return read_input(path / "inpsd.dat" if isdir(path) else path, settings, strict).hamiltonian
