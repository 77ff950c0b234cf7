"""Reader of VAMPIRE's unit cell file (.ucf) with the material file that belongs to it."""

from __future__ import annotations

from pathlib import Path

from magsearch.errors import InputError
from magsearch.formats.text_file import TextFile
from magsearch.formats.vampire import CONVENTIONS, main
from magsearch.formats.vampire.crystal import assemble_crystal
from magsearch.formats.vampire.ucf import read_cell, recognises
from magsearch.formatting import counted
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.notes import Note

__all__ = ["CONVENTIONS", "NAME", "ORDER", "read", "recognises"]

NAME = "VAMPIRE, unit cell file"
ORDER = 6


def read(file: TextFile) -> Hamiltonian:
    """Read the Hamiltonian from a .ucf and its .mat; raises InputError, with file and line, for invalid input.

    The .mat has the same name, or is named beside this .ucf in VAMPIRE's ``input``, or is the only one in the folder.
    """
    note = Note(
        f"{file.path}: a .ucf has no boundaries and no field: all axes are periodic; read VAMPIRE's input to have them",
        about="periodic",
    )
    return assemble_crystal(file.path, read_cell(file), _materials_beside(file.path), notes=[note])


def _materials_beside(ucf: Path) -> Path | None:
    same = ucf.with_suffix(".mat")
    if same.is_file():
        return same
    beside = ucf.parent / "input"
    if beside.is_file():
        named = main.files(TextFile.read(beside))
        if named is not None and named.ucf.name == ucf.name:
            return named.mat
    others = sorted(ucf.parent.glob("*.mat"))
    if len(others) == 1:
        return others[0]
    if others:
        told = (
            f"{counted(len(others), 'material file')} beside it, {others[0].name} and others; expected "
            f"{same.name} or one"
        )
        raise InputError(told, ucf)
    return None
