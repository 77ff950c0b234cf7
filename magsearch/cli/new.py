"""The command ``magsearch new``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from magsearch import output
from magsearch.cli.completion import one_of
from magsearch.cli.streams import say
from magsearch.errors import InputError, unknown
from magsearch.formats.toml.example import COUPLINGS, example
from magsearch.model.lattice import NAMED


def new(
    out: Annotated[Path, typer.Argument(metavar="[OUT.toml]", help="File to write; it must not exist.")] = Path(
        "model.toml"
    ),
    lattice: Annotated[
        str, typer.Option(help=f"Lattice: {', '.join(NAMED)}.", autocompletion=one_of(NAMED))
    ] = "triangular",
    couplings: Annotated[
        str,
        typer.Option(
            help="How couplings are written: shells (by distance) or tensors (J, D and a matrix for each bond).",
            autocompletion=one_of(COUPLINGS),
        ),
    ] = "shells",
    sublattices: Annotated[
        bool, typer.Option("--sublattices", help="Write out the basis, a species and a moment for each atom.")
    ] = False,
) -> None:
    """Write an example input with comments, as a start for your own.

    It has a lattice, exchange, Dzyaloshinskii-Moriya interaction, anisotropy and a field, and runs as it is.
    """
    if lattice not in NAMED:
        raise InputError(unknown("lattice", lattice, NAMED), "--lattice")
    if couplings not in COUPLINGS:
        raise InputError(unknown("choice", couplings, COUPLINGS), "--couplings")
    if out.suffix != ".toml":
        raise InputError("expected a name that ends in .toml", out)
    if out.exists() or out.is_symlink():
        raise InputError("exists; choose another name", out)
    output.write({out: example(lattice, couplings, sublattices, str(out)).encode()})
    say(f"wrote {out}; magsearch check {out} describes it, magsearch run {out} searches its ground state")
