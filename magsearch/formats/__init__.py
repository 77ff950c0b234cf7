"""Models and spins in files, told apart by what is written in them.

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
    NAME: str
    CONVENTIONS: str
    ORDER: int

    def recognises(self, path: Path, text: str) -> bool: ...

    def read(self, path: Path) -> Hamiltonian: ...


def found() -> tuple[Format, ...]:
    """Return the formats of all modules of this package, in the order in which their recognisers are asked."""
    modules = [import_module(module.name) for module in pkgutil.walk_packages(__path__, f"{__name__}.")]
    formats = [cast(Format, module) for module in modules if hasattr(module, "ORDER")]
    return tuple(sorted(formats, key=lambda known: (known.ORDER, known.NAME)))


FORMATS: tuple[Format, ...] = found()


def recognise(path: str | Path) -> Format:
    """The format of a file, by its content. InputError where it is no model."""
    path = Path(path)
    text = read_text(path)
    for known in FORMATS:
        if known.recognises(path, text):
            return known
    names = "; ".join(known.NAME for known in FORMATS)
    raise InputError(f"is no model; expected one of: {names}", path)


def read(path: str | Path, unpickle: bool = False) -> Hamiltonian:
    """The Hamiltonian in a file of any of the FORMATS; ``unpickle`` allows TB2J.pickle, which is a program.

    InputError, with file and line, for what is wrong; what was not used, and what is worth knowing, is in its notes.
    """
    path = Path(path)
    found = recognise(path)
    if found is pickled and not unpickle:
        raise InputError(
            "is a pickle, and reading one can run what it says; where you trust it, add --set model.unpickle=true, "
            "or read exchange.xml, which holds the same numbers",
            path,
        )
    with np.errstate(over="ignore", invalid="ignore"):  # what overflowed is refused where it should be finite
        hamiltonian = found.read(path)
    notes = tuple(printable(note) for note in hamiltonian.notes)  # they quote the file
    return hamiltonian if notes == hamiltonian.notes else replace(hamiltonian, notes=notes)


def source_text(path: str | Path) -> str:
    """The text of a model's file, to be kept with a run; nothing for a pickle."""
    return "" if recognise(path) is pickled else read_text(path)


def is_toml(path: str | Path, text: str) -> bool:
    """Whether a file is magsearch's own TOML: by its suffix, or by a [model] table."""
    return toml.recognises(Path(path), text)


def read_toml(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML file. InputError, with the line, where it is not TOML."""
    return toml.read_tables(path)
