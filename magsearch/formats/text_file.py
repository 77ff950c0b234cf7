"""A file of text that is read once, and carried along."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from magsearch.errors import InputError
from magsearch.formats.table import read_text


@dataclass(frozen=True)
class Choices:
    """Choices of the user where a file can be read in more than one way, ``--set model.KEY``.

    unpickle  whether TB2J.pickle, which is a program, may be read
    unmerged  whether the component of J_ani along the moments of a single calculation of TB2J is kept or left out
    jprime    whether TB2J's Jprime and B are read as bilinear and biquadratic exchange, instead of J_iso
    unfolded  whether atoms that UppASD moves into the cell along open axes stay where they are listed
    """

    unpickle: bool = False
    unmerged: Literal["keep", "drop"] = "keep"
    jprime: bool = False
    unfolded: bool = False


@dataclass(frozen=True)
class TextFile:
    """A file, its text, and how to read it."""

    path: Path
    text: str
    choices: Choices = Choices()

    @classmethod
    def read(cls, path: str | Path) -> TextFile:
        """Read a file. InputError where there is none."""
        return cls(Path(path), read_text(path))

    @cached_property
    def tables(self) -> dict[str, Any]:
        """The tables of a TOML file. InputError, with the line, where it is not TOML."""
        try:
            return tomllib.loads(self.text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            reason, _, where = str(error).partition(" (at line ")  # the only place where tomllib gives the line
            line = where.split(",")[0]
            raise InputError(f"not valid TOML: {reason}", self.path, int(line) if line.isdigit() else None) from None
