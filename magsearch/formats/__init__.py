"""File formats of models and spins, recognised by their content.

Each format is a module with a NAME, its CONVENTIONS in a few lines, ``recognises`` and ``read``, and converts to the
convention of model/hamiltonian.py. Every module of this package that has an ORDER is a format: recognisers are asked in
this order, those first that look for a signature which no other format has. A new one needs no entry anywhere.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from magsearch.errors import InputError, printable
from magsearch.formats import objects, structure, toml
from magsearch.formats.spins import KINDS, kind_of, read_spins, write_restart, write_spins
from magsearch.formats.tb2j import pickled
from magsearch.formats.text_file import Choices, TextFile
from magsearch.formats.writing import TARGETS, write
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.notes import like

__all__ = [
    "FORMATS",
    "KINDS",
    "TARGETS",
    "Choices",
    "Format",
    "ModelFile",
    "crystal",
    "kind_of",
    "opened",
    "read",
    "read_spins",
    "write",
    "write_restart",
    "write_spins",
]  # fmt: skip


class Format(Protocol):
    """Reader of one file format.

    NAME         name of the program and the file
    CONVENTIONS  the energy that the numbers of the file stand for, and their conversion, in a few lines
    ORDER        place among the recognisers
    """

    NAME: str
    CONVENTIONS: str
    ORDER: int

    def recognises(self, path: Path, text: str) -> bool:
        """Return whether a file is of this format."""

    def read(self, file: TextFile) -> Hamiltonian:
        """Return the Hamiltonian in a file. InputError, with file and line, for what is wrong."""


def found() -> tuple[Format, ...]:
    """Return the formats of all modules of this package, in the order in which their recognisers are asked."""
    modules = [import_module(module.name) for module in pkgutil.walk_packages(__path__, f"{__name__}.")]
    formats = [cast(Format, module) for module in modules if hasattr(module, "ORDER")]
    return tuple(sorted(formats, key=lambda known: (known.ORDER, known.NAME)))


CHOICES = Choices()
FORMATS: tuple[Format, ...] = found()
CONVENTIONS = {known.NAME: known.CONVENTIONS for known in FORMATS}  # what the numbers of each format mean, by its NAME


@dataclass(frozen=True)
class ModelFile:
    """A file of a model, read once, and its format."""

    file: TextFile
    format: Format

    @property
    def text(self) -> str:
        """The text that is stored with a run; empty for a pickle."""
        return "" if self.format is pickled else self.file.text

    @property
    def tables(self) -> dict[str, Any]:
        """The tables of magsearch's own TOML; none for other formats. InputError where it is not TOML."""
        return self.file.tables if self.format is toml else {}

    def hamiltonian(self, choices: Choices = CHOICES) -> Hamiltonian:
        """Return the Hamiltonian.

        InputError, with file and line, for what is wrong; its notes say what was not used and what is worth knowing.
        """
        if self.format is pickled and not choices.unpickle:
            raise InputError(
                "is a pickle, which can run any command when it is read; if you trust it, add "
                "--set model.unpickle=true, or read exchange.xml, which holds the same numbers",
                self.file.path,
            )
        with np.errstate(over="ignore", invalid="ignore"):  # what overflowed is refused where it should be finite
            file = self.file if choices == self.file.choices else replace(self.file, choices=choices)
            hamiltonian = self.format.read(file)
        notes = tuple(like(printable(note), note) for note in hamiltonian.notes)  # they quote the file
        return hamiltonian if notes == hamiltonian.notes else replace(hamiltonian, notes=notes)


def opened(path: str | Path) -> ModelFile:
    """Return a file of a model and its format, which its content tells. Raises InputError for any other file."""
    file = TextFile.read(path)
    for known in FORMATS:
        if known.recognises(file.path, file.text):
            return ModelFile(file, known)
    if structure.kind_by_name(file.path):
        told = f'expected structure = "{file.path.name}" in the [model] table of a .toml (magsearch docs formats)'
        raise InputError(f"is a crystal structure, without couplings; {told}", path)
    names = "; ".join(known.NAME for known in FORMATS)
    raise InputError(f"is not a model in a supported format; expected one of: {names}", path)


def crystal(path: str | Path, magnetic: Sequence[str]) -> Hamiltonian:
    """Return the crystal in a structure file without couplings; ``magnetic`` names elements or labels of sites.

    InputError for a file that is no structure, and for names that it does not have.
    """
    return objects.crystal(Path(path), magnetic)


def read(model: Any, **keys: Any) -> Hamiltonian:
    """Return the Hamiltonian in a file of any of the FORMATS, as ``ModelFile.hamiltonian`` does, or of an object.

    model  name of a file; ase.Atoms or pymatgen's Structure; SpinIO of TB2J
    keys   of a structure: those of a [model] table (size, magnetic, exchange, symmetry, ...); of others: fields of
           ``Choices``: unpickle, unmerged, jprime, unfolded
    """
    if isinstance(model, str | Path):
        return opened(model).hamiltonian(Choices(**keys))
    return objects.read(model, keys)
