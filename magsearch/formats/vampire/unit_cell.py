"""Reader of VAMPIRE's unit cell file (.ucf) with the material file that belongs to it."""

from __future__ import annotations

from pathlib import Path

from magsearch.errors import InputError
from magsearch.formats.vampire import CONVENTIONS, main
from magsearch.formats.vampire.crystal import assemble_crystal
from magsearch.formats.vampire.ucf import recognises
from magsearch.model.hamiltonian import Hamiltonian

__all__ = ["CONVENTIONS", "NAME", "ORDER", "read", "recognises"]

NAME = "VAMPIRE, unit cell file"
ORDER = 5


def read(path: Path) -> Hamiltonian:
    """Read the Hamiltonian from a .ucf and its .mat.

    The material file is the one of the same name, else the one that VAMPIRE's ``input`` in the same folder names
    together with this .ucf, else the only one in the folder. Raises InputError, with file and line, for invalid or
    unsupported input.
    """
    note = f"{path}: a .ucf has neither boundaries nor field: all axes are periodic; VAMPIRE's input file has both"
    return assemble_crystal(path, _materials_beside(path), notes=[note])


def _materials_beside(ucf: Path) -> Path:
    same = ucf.with_suffix(".mat")
    if same.is_file():
        return same
    beside = ucf.parent / "input"
    if beside.is_file():
        named = main.files(beside)
        if named is not None and named.ucf.name == ucf.name:
            return named.mat
    others = sorted(ucf.parent.glob("*.mat"))
    if len(others) == 1:
        return others[0]
    raise InputError(f"has no material file with the moments; expected {same.name} in the same folder", ucf)
