"""File formats of models and spins, recognised by their content.

Each format is a module with a NAME, its CONVENTIONS in a few lines, ``recognises`` and ``read``, and converts to the
convention of model/hamiltonian.py. Every module of this package that has an ORDER is a format: recognisers are asked in
this order, those first that look for a signature which no other format has. A new one needs no entry anywhere.
"""

from __future__ import annotations

import pkgutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from magsearch.errors import InputError, printable
from magsearch.formats import toml
from magsearch.formats.spins import KINDS, kind_of, read_spins, write_restart, write_spins
from magsearch.formats.table import read_text
from magsearch.formats.tb2j import pickled
from magsearch.formats.writing import TARGETS, write
from magsearch.model.hamiltonian import Hamiltonian

__all__ = [
    "FORMATS", "KINDS", "TARGETS", "Format", "is_toml", "kind_of", "read", "read_spins", "read_toml", "recognise",
    "source_text", "write", "write_restart", "write_spins",
]  # fmt: skip


class Format(Protocol):
    """Reader of one file format.

    NAME         name of the program and the file
    CONVENTIONS  the energy that the numbers of the file stand for, and their conversion, in a few lines
    """

    NAME: str
    CONVENTIONS: str
    ORDER: int

    def recognises(self, path: Path, text: str) -> bool:
        """Return whether a file with this text has the format."""

    def read(self, path: Path) -> Hamiltonian:
        """Read the Hamiltonian; raises InputError, with file and line, for invalid or unsupported input."""


def found() -> tuple[Format, ...]:
    """Return the formats of all modules of this package, in the order in which their recognisers are asked."""
    modules = [import_module(module.name) for module in pkgutil.walk_packages(__path__, f"{__name__}.")]
    formats = [cast(Format, module) for module in modules if hasattr(module, "ORDER")]
    return tuple(sorted(formats, key=lambda known: (known.ORDER, known.NAME)))


FORMATS: tuple[Format, ...] = found()


def recognise(path: str | Path) -> Format:
    """Return the format of a model's file, recognised by its content; raises InputError for any other file."""
    path = Path(path)
    text = read_text(path)
    for known in FORMATS:
        if known.recognises(path, text):
            return known
    names = "; ".join(known.NAME for known in FORMATS)
    raise InputError(f"is not a model in a supported format; expected one of: {names}", path)


def read(path: str | Path, unpickle: bool = False) -> Hamiltonian:
    """Read the Hamiltonian from a file in any of the FORMATS.

    unpickle  allow TB2J.pickle; reading a pickle can execute code

    Keywords that were not used and other remarks are in the Hamiltonian's notes. Raises InputError, with file and line,
    for invalid or unsupported input.
    """
    path = Path(path)
    found = recognise(path)
    if found is pickled and not unpickle:
        raise InputError(
            "is a pickle, and reading one can execute code; if you trust it, add --set model.unpickle=true, "
            "or read exchange.xml, which contains the same numbers",
            path,
        )
    with np.errstate(over="ignore", invalid="ignore"):  # infinite numbers are refused by the checks of the Hamiltonian
        hamiltonian = found.read(path)
    notes = tuple(printable(note) for note in hamiltonian.notes)  # they quote the file
    return hamiltonian if notes == hamiltonian.notes else replace(hamiltonian, notes=notes)


def source_text(path: str | Path) -> str:
    """Return the text of a model's file, to be stored with a run; empty for a pickle."""
    return "" if recognise(path) is pickled else read_text(path)


def is_toml(path: str | Path, text: str) -> bool:
    """Return whether a file is magsearch's own TOML, by its suffix or a [model] table."""
    return toml.recognises(Path(path), text)


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return the tables of a TOML file; raises InputError, with the line, if it is not valid TOML."""
    return toml.read_tables(path)
