"""Parser of statements like ``material[1]:exchange-matrix[2] = 1e-21 !J`` in VAMPIRE's main and material files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from magsearch.errors import InputError
from magsearch.formats.table import numbers
from magsearch.formatting import counted
from magsearch.units import JOULE, MRY, MU_B

STATEMENT = re.compile(r"([\w-]+)(?:\[(\d{1,6})\])?:([\w-]+)(?:\[(\d{1,6})\])?(?:=([^!=]*))?(?:!(.*))?", re.ASCII)
ENERGY = {"": JOULE, "J": JOULE, "J/atom": JOULE, "J/link": JOULE, "zJ": 1e-21 * JOULE, "erg": 1e-7 * JOULE, "eV": 1e3}
ENERGY |= {"meV": 1.0, "mRyd": MRY, "Ryd": 1e3 * MRY, "Ht": 2e3 * MRY}  # meV
MOMENT = {"muB": 1.0, "": JOULE / MU_B, "J/T": JOULE / MU_B, "Amm": JOULE / MU_B}  # Bohr magnetons
MOMENT |= {"erg/G": 1e-3 * JOULE / MU_B, "erg/Oe": 1e-3 * JOULE / MU_B, "eV/T": 1e3 / MU_B}
LENGTH = {"": 1.0, "A": 1.0, "pm": 1e-2, "nm": 10.0, "um": 1e4, "mm": 1e7, "cm": 1e8, "m": 1e10}  # angstrom
FIELD = {"": 1.0, "T": 1.0, "mT": 1e-3, "uT": 1e-6, "Oe": 1e-4, "kOe": 0.1}  # tesla


@dataclass(frozen=True)
class Statement:
    """Statement key[index]:word[sub] = value !unit; missing index and sub are 0."""

    path: Path
    line: int
    key: str
    index: int
    word: str
    sub: int
    value: str
    unit: str

    def error(self, message: str) -> InputError:
        """Return an error about the statement, with file and line."""
        return InputError(f"{self.key}:{self.word} {message}", self.path, self.line)

    def numbers(self, counts: Sequence[int], units: dict[str, float]) -> list[float]:
        """Return the numbers of the value, separated by commas and converted with ``units``.

        Raises InputError unless there are as many as one of ``counts``, with a unit of ``units``.
        """
        tokens = self.value.split(",") if self.value else []
        if len(tokens) not in counts:
            expected = " or ".join(str(count) for count in counts)
            raise self.error(f"has {counted(len(tokens), 'number')}; expected {expected}")
        if self.unit not in units:
            raise self.error(f"has the unit '{self.unit[:20]}'; expected {', '.join(u for u in units if u)}")
        return [units[self.unit] * v for v in numbers(tokens, [self.word] * len(tokens), self.path, self.line)]

    def number(self, units: dict[str, float]) -> float:
        """Return the value as one number, converted with ``units``; raises InputError for anything else."""
        return self.numbers((1,), units)[0]

    def direction(self) -> tuple[float, float, float]:
        """Return the value as a vector, not normalised; raises InputError if its norm is zero."""
        x, y, z = self.numbers((3,), {"": 1.0})
        if not np.linalg.norm([x, y, z]):  # also if the squares of small numbers underflow
            raise self.error("has no direction")
        return x, y, z


def statements(path: Path, content: str) -> list[Statement]:
    """Return the statements of a file, without blanks, tabs, quotes and # comments; raises InputError for the rest."""
    found = []
    for line, text in enumerate(content.splitlines(), start=1):
        bare = re.sub(r"[\s\"]", "", text.split("#")[0])
        if not bare:
            continue
        match = STATEMENT.fullmatch(bare)
        if match is None:
            raise InputError(f"'{text.strip()[:80]}'; expected key:word = value !unit", path, line)
        key, index, word, sub, value, unit = match.groups(default="")
        found.append(Statement(path, line, key, int(index or 0), word, int(sub or 0), value, unit))
    return found


def repetitions(path: Path, found: Sequence[Statement]) -> list[str]:
    """Return a note if statements are given again with another value; the last one counts."""
    last: dict[tuple[str, int, str, int], Statement] = {}
    again: list[tuple[Statement, Statement]] = []
    for statement in found:
        key = (statement.key, statement.index, statement.word, statement.sub)
        earlier = last.get(key, statement)
        if (earlier.value, earlier.unit) != (statement.value, statement.unit):
            again.append((earlier, statement))
        last[key] = statement
    if not again:
        return []
    first, second = again[0]
    return [
        f"{path}: {counted(len(again), 'statement', 'are')} given again with another value, for example "
        f"{first.key}:{first.word} of line {first.line} on line {second.line}; the last one counts"
    ]
