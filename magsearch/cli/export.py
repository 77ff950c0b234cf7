"""The command ``magsearch export``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from magsearch import output
from magsearch.cli import completion
from magsearch.cli.arguments import Json, Settings, Strict, read_input, texture_of
from magsearch.cli.streams import say
from magsearch.console import model as console
from magsearch.errors import InputError, unknown
from magsearch.export.cell import TOLERANCE
from magsearch.export.structure import CELLS, magnetic_structure
from magsearch.export.writing import FORMATS, format_of, write
from magsearch.runs.textures import elite_of


def export(
    source: Annotated[str, typer.Argument(metavar="RUN.h5", help="OUT.h5[:elite], SCAN.h5[:column], or a texture.")],
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--format", help=f"Format: {', '.join(FORMATS)} (repeatable).", autocompletion=completion.one_of(FORMATS)
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="PATH", help="File. Default: the name of the run.")
    ] = None,
    cell: Annotated[
        str,
        typer.Option(
            help="Cell in the file: magnetic, the smallest after which the texture repeats, or box.",
            autocompletion=completion.one_of(CELLS),
        ),
    ] = "magnetic",
    tolerance: Annotated[
        float, typer.Option(help="Deviation of spins that count as equal, fraction of their length.")
    ] = TOLERANCE,
    elements: Annotated[
        str | None, typer.Option(metavar="LABEL=ELEMENT,...", help="Elements of the species: A=Fe or Fe1=Fe,Fe2=Fe.")
    ] = None,
    align: Annotated[
        bool,
        typer.Option("--align", help="Rotate all spins to the orientation with the most symmetries, if it is free."),
    ] = False,
    model: Annotated[
        Path | None, typer.Option(metavar="INPUT", help="Model of a texture that is not in a run.")
    ] = None,
    settings: Settings = None,
    strict: Strict = False,
    overwrite: Annotated[bool, typer.Option(help="Replace existing files.")] = False,
    as_json: Json = False,
) -> None:
    """Write a texture as a magnetic structure for other codes.

    Prints magnetic cell, propagation vectors and magnetic space group; without --format and -o nothing is written.
    """
    for kind in kinds or ():
        if kind not in FORMATS:
            raise InputError(unknown("format", kind, FORMATS), "--format")
    if cell not in CELLS:
        raise InputError(f"is {cell!r}; expected {' or '.join(CELLS)}", "--cell")
    path, elite = elite_of(source)
    if elite is None and model is None:
        raise InputError("says nothing of the lattice of its spins; give the model they belong to with --model", source)
    targets = _targets(kinds, out, path)
    hamiltonian = read_input(model or path, settings, strict).hamiltonian
    texture = texture_of(source, hamiltonian, strict)
    found = magnetic_structure(hamiltonian, texture, cell, tolerance, _elements(elements), align)
    files = write(found, targets, overwrite)
    if as_json:
        print(json.dumps(found.as_json() | {"files": [str(file) for file in files]}, indent=1))
        return
    console.table_of(console.console(), found.rows())
    for note in found.notes:
        say(f"note: {note}", err=True)
    say(*files)


def _targets(kinds: list[str] | None, out: Path | None, source: Path) -> list[tuple[str, Path]]:
    """Return the formats and the files that they are written to."""
    if out is not None:
        if kinds and len(kinds) > 1:
            raise InputError("is one file; expected one --format with it", "--out")
        return [(kinds[0] if kinds else format_of(output.target(out)), out)]
    return [(kind, Path(f"{source.name.split('.')[0]}{FORMATS[kind][1]}")) for kind in kinds or ()]


def _elements(given: str | None) -> dict[str, str]:
    """Return the elements by species of A=Fe,B=Co."""
    found = dict[str, str]()
    for part in given.split(",") if given else ():
        label, equals, symbol = (text.strip() for text in part.partition("="))
        if not (label and equals and symbol):
            raise InputError(f"{part!r} is not LABEL=ELEMENT; expected, for example, A=Fe", "--elements")
        found[label] = symbol
    return found
