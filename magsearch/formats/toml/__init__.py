"""magsearch's own input files: a [model] table; docs/settings.md lists its keys, docs/formats.md explains them."""

from __future__ import annotations

from pathlib import Path

from magsearch.errors import InputError
from magsearch.formats.text_file import TextFile
from magsearch.model.hamiltonian import Hamiltonian

__all__ = ["CONVENTIONS", "NAME", "read", "recognises"]

NAME = "magsearch, TOML"
ORDER = 1
CONVENTIONS = """\
E = - sum over pairs (each pair once) [J s_i.s_j + D_ij.(s_i x s_j) + s_i.matrix s_j]
    - sum_i [K (s_i.n)^2 + K4 (s_i.n)^4] + sum_i Kc (x^2 y^2 + y^2 z^2 + z^2 x^2) - mu_B sum_i m_i B.s_i
    + sum_i B O_k^q(s_i) (Stevens operators of unit vectors)
    - sum over pairs B (s_i.s_j)^2 - sum over clusters [K (s_i.s_j)(s_k.s_l) + T s_i.(s_j x s_k)]
    - sum over clusters (s_i.A s_j)(s_k.B s_l) + dipole-dipole energy of all moments
    + 2 sum_Q [- J X - i D.(S_Q x S_-Q) + K X^2 / N], X = S_Q.matrix S_-Q, S_Q = N^-1/2 sum_i s_i exp(-i Q.r_i),
in meV (or the file's unit) and tesla: couplings are those of a pair; K > 0 is an easy axis."""


def recognises(path: Path, text: str) -> bool:
    """Return whether a file is magsearch's own TOML: by its suffix, or by a [model] table."""
    return Path(path).suffix == ".toml" or any(line.split() == ["[model]"] for line in text.splitlines())


def read(file: TextFile) -> Hamiltonian:
    """Return the Hamiltonian of a file's [model] table. InputError, with file and line, for what is wrong."""
    from magsearch.formats.toml.model import hamiltonian  # with pydantic, which other formats do not need

    if not isinstance(file.tables.get("model"), dict):
        raise InputError("has no [model] table", file.path)
    return hamiltonian(file.tables["model"], file.text, file.path)
