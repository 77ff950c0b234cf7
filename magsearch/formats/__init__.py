"""Models and spins in files, by what is written in them. Each format converts to the convention of hamiltonian.py."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from magsearch.errors import InputError
from magsearch.formats import toml, uppasd
from magsearch.formats.inpsd import Inpsd
from magsearch.formats.spins import read_spins, write_restart
from magsearch.formats.table import read_text
from magsearch.hamiltonian import Hamiltonian

__all__ = ["read", "read_spins", "read_toml", "write_restart"]


def read(path: str | Path) -> Hamiltonian:
    """The Hamiltonian in a file: magsearch's own TOML with a [model] table, or UppASD's inpsd.dat.

    InputError, with file and line, for what is wrong.
    """
    path = Path(path)
    text = read_text(path)
    if is_toml(path, text):
        tables = read_toml(path)
        if not isinstance(tables.get("model"), dict):
            raise InputError("has no [model] table", path)
        return toml.hamiltonian(tables["model"], text, path)
    if {"ncell", "cell"} & Inpsd.read(path).entries.keys():
        return uppasd.read(path)
    raise InputError("is no model; expected a .toml file with a [model] table, or UppASD's inpsd.dat", path)


def is_toml(path: str | Path, text: str) -> bool:
    """Whether a file is magsearch's own TOML: by its suffix, or by a [model] table."""
    return Path(path).suffix == ".toml" or any(line.split() == ["[model]"] for line in text.splitlines())


def read_toml(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML file. InputError, with the line, where it is not TOML."""
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        reason, _, where = str(error).partition(" (at line ")
        line = where.split(",")[0]
        raise InputError(f"not valid TOML: {reason}", path, int(line) if line.isdigit() else None) from None
