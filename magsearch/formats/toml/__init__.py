"""magsearch's own input files: a [model] table; docs/formats.md explains every key."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from magsearch.errors import InputError
from magsearch.formats.table import read_text
from magsearch.formats.toml.model import Model, hamiltonian
from magsearch.model.hamiltonian import Hamiltonian

__all__ = ["CONVENTIONS", "NAME", "Model", "hamiltonian", "read", "read_tables", "recognises"]

NAME = "magsearch, TOML"
ORDER = 1
CONVENTIONS = """\
E = - sum over pairs (each pair once) [J s_i.s_j + D_ij.(s_i x s_j) + s_i.matrix s_j]
    - sum_i [K (s_i.n)^2 + K4 (s_i.n)^4] + sum_i Kc (x^2 y^2 + y^2 z^2 + z^2 x^2) - mu_B sum_i m_i B.s_i,
in meV (or the file's unit) and tesla: couplings are those of a pair; K > 0 is an easy axis."""


def recognises(path: Path, text: str) -> bool:
    """By its suffix, or by a [model] table."""
    return Path(path).suffix == ".toml" or any(line.split() == ["[model]"] for line in text.splitlines())


def read(path: Path) -> Hamiltonian:
    """The Hamiltonian of a file's [model] table. InputError, with file and line, for what is wrong."""
    tables = read_tables(path)
    if not isinstance(tables.get("model"), dict):
        raise InputError("has no [model] table", path)
    return hamiltonian(tables["model"], read_text(path), path)


def read_tables(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML file. InputError, with the line, where it is not TOML."""
    try:
        return tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason, _, where = str(error).partition(" (at line ")
        line = where.split(",")[0]
        raise InputError(f"not valid TOML: {reason}", path, int(line) if line.isdigit() else None) from None
