"""The command ``magsearch check``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np
import typer
from rich.console import Console

from magsearch.checks import Finding, examine
from magsearch.cli.arguments import InputFile, Json, Settings, Strict, read_input
from magsearch.config import TABLES, Input
from magsearch.console import model
from magsearch.errors import InputError
from magsearch.formatting import counted
from magsearch.model.notes import harmless

DOUBTFUL = 1  # exit code where something looks wrong


def check(input_file: InputFile, settings: Settings = None, strict: Strict = False, as_json: Json = False) -> None:
    """Check an input for what is left out or looks wrong.

    Also prints what was read. Looks for wrong units and signs, missing bonds, couplings lost at open boundaries, boxes
    that are too small, periodic vacuum, and more. Exit code 1: something looks wrong; 2: the input cannot be read.
    """
    try:
        given = read_input(input_file, settings, strict)
    except InputError as error:
        if not as_json:
            raise
        print(json.dumps({"input": str(input_file), "error": str(error)}, indent=1))
        raise typer.Exit(2) from None
    found, notes = examine(given.hamiltonian), given.hamiltonian.remarks
    if as_json:
        result = {
            "input": str(input_file),
            "error": None,
            "read": _read(given),
            "notes": [{"text": str(note), "harmless": harmless(note)} for note in notes],
            "findings": [{"code": one.code, "text": one.text, "hint": one.hint} for one in found.findings],
            "not_checked": list(found.skipped),
        }
        print(json.dumps(result, indent=1))
    else:
        console = model.console()
        _print_read(console, input_file, given)
        _print_list(console, "left out, changed or guessed", [note for note in notes if not harmless(note)])
        _print_list(console, "worth knowing", [note for note in notes if harmless(note)])
        _print_list(console, "not checked", found.skipped)
        _print_findings(console, found.findings)
    if found.findings:
        raise typer.Exit(DOUBTFUL)


def _read(given: Input) -> dict[str, Any]:
    """Return what was read as plain values."""
    hamiltonian, lattice = given.hamiltonian, given.hamiltonian.lattice
    moments = np.atleast_1d(hamiltonian.moments)
    return {
        "format": given.format,
        "size": list(lattice.size),
        "periodic": list(lattice.periodic),
        "cell": lattice.cell.tolist(),
        "atoms": [
            {
                "species": species,
                "position": place.tolist(),
                "moment": float(moments[k]) if len(moments) == lattice.atoms else None,  # None: one for each site
            }
            for k, (species, place) in enumerate(zip(lattice.species, lattice.basis, strict=True))
        ],
        "vacancies": len(hamiltonian.vacancies),
        "shells": model.shells_of(hamiltonian),
        "site_couplings": 0 if hamiltonian.site_bonds is None else len(hamiltonian.site_bonds) // 2,
        "anisotropy": [str(term) for term in hamiltonian.anisotropy],
        "other_terms": [term.name for term in hamiltonian.others],
        "field": list(hamiltonian.field),
        "settings": _settings(given),
    }


def _settings(given: Input) -> dict[str, Any]:
    """Return the settings that are not their defaults, by dotted key."""
    defaults = {name: table() for name, table in TABLES.items()}
    return {
        f"{name}.{key}": getattr(getattr(given, name), key)
        for name, table in TABLES.items()
        for key in table.KEYS
        if getattr(getattr(given, name), key) != getattr(defaults[name], key)
    }


def _print_read(console: Console, path: Any, given: Input) -> None:
    hamiltonian, lattice = given.hamiltonian, given.hamiltonian.lattice
    console.print(f"file       {path} ({given.format})", soft_wrap=True)
    model.summary(console, hamiltonian)
    kinds = list(dict.fromkeys(lattice.species))
    atoms = ", ".join(f"{lattice.species.count(kind)} of {kind}" for kind in kinds)
    console.print(f"atoms      {atoms}; spins are unit vectors, moments enter with the field alone", soft_wrap=True)
    terms = [type(term).__name__ for term in hamiltonian.anisotropy]
    terms = [f"{terms.count(name)} {name}" for name in dict.fromkeys(terms)]
    terms += [term.name for term in hamiltonian.others]
    if terms:
        console.print(f"terms      {', '.join(terms)}", soft_wrap=True)
    simple = (bool, int, float, str)
    changed = [f"{key}={value}" if isinstance(value, simple) else key for key, value in _settings(given).items()]
    console.print(f"settings   {', '.join(changed) or 'all have their defaults'}", soft_wrap=True)
    if shells := model.shells_of(hamiltonian):
        model.shells(console, shells)


def _print_list(console: Console, title: str, texts: Sequence[str]) -> None:
    if texts:
        console.print(f"{title}:")
        for text in texts:
            _print_wrapped(console, f"- {text}")


def _print_findings(console: Console, findings: Sequence[Finding]) -> None:
    if not findings:
        console.print("nothing looks wrong", style="green")
        return
    console.print(
        f"{counted(len(findings), 'thing')} {'looks' if len(findings) == 1 else 'look'} wrong:", style="yellow"
    )
    for one in findings:
        _print_wrapped(console, f"- {one.code}: {one.text};", style="yellow")
        _print_wrapped(console, f"  {one.hint}")


def _print_wrapped(console: Console, text: str, style: str | None = None) -> None:
    """Print a text in lines that are indented like its first one, whole where the width of the terminal is unknown."""
    if not console.is_terminal:
        console.print(text, style=style, soft_wrap=True)
        return
    for line in wrap(text, console.width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False):
        console.print(line, style=style, soft_wrap=True)
