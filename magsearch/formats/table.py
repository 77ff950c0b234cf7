"""Files that hold one row of numbers a line, as Fortran programs write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.errors import InputError

LARGEST = 1e60  # of a number in any unit; products of a few such numbers are finite


def number(token: str) -> float:
    """A number as Fortran reads it (1.0d-3 included). ValueError where it is none."""
    try:
        return float(token)
    except ValueError:
        return float(token.lower().replace("d", "e"))


def sensible(values: ArrayLike) -> NDArray[np.bool_]:
    """Which numbers are finite, and not so large that calculating with them overflows."""
    return np.abs(np.asarray(values)) <= LARGEST


def read_text(path: str | Path) -> str:
    """The text of a file; InputError where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from None
    except ValueError:
        raise InputError("is no name that a file can have", path) from None


def read_bytes(path: str | Path, count: int = -1) -> bytes:
    """The first bytes of a file, or all; InputError where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read(count)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from None
    except ValueError:
        raise InputError("is no name that a file can have", path) from None


def numbers(tokens: Sequence[str], columns: Sequence[str], path: str | Path, line: int) -> list[float]:
    """The first tokens of a line as finite numbers, one for each column. InputError where they are not."""
    found = tokens[: len(columns)]
    try:
        values = [number(token) for token in found]
    except ValueError:
        values = []
    if len(values) < len(columns) or not all(abs(v) <= LARGEST for v in values):  # nor nan
        told = " ".join(found)[:200]
        raise InputError(f"'{told}'; expected {len(columns)} numbers: {' '.join(columns)}", path, line)
    return values


def wholes(tokens: Sequence[str], columns: Sequence[str], path: str | Path, line: int) -> list[int]:
    """The same for whole numbers, smaller than 2^31."""
    values = numbers(tokens, columns, path, line)
    if any(v != int(v) or abs(v) >= 2**31 for v in values):
        told = " ".join(tokens[: len(columns)])[:200]
        raise InputError(f"'{told}'; expected whole numbers: {' '.join(columns)}", path, line)
    return [int(v) for v in values]


@dataclass(frozen=True, eq=False)
class Table:
    """The leading numbers of every row of a file; what follows them on a line is comment.

    path    the file
    values  [row, column]
    line    [row], counted from 1
    """

    path: Path
    values: NDArray[np.float64]
    line: NDArray[np.int64]

    @classmethod
    def read(cls, path: Path, columns: tuple[str, ...], skip: int = 0) -> Table:
        """The columns of the given names, below the first ``skip`` lines; a line that begins with #, % or ! is comment.

        InputError, with the line, for a row that lacks a column or holds something else than finite numbers.
        """
        rows, lines = [], []
        for line, text in enumerate(read_text(path).splitlines(), start=1):
            tokens = text.split()[: len(columns)]
            if line <= skip or not tokens or tokens[0][0] in "#%!":
                continue
            try:
                rows.append([number(token) for token in tokens])
            except ValueError:
                raise InputError(
                    f"'{' '.join(tokens)}' is not all numbers; expected {' '.join(columns)}", path, line
                ) from None
            if len(tokens) < len(columns):
                raise InputError(f"{len(tokens)} columns; expected {' '.join(columns)}", path, line)
            lines.append(line)
        if not rows:
            raise InputError(f"holds no rows; expected {' '.join(columns)}", path)
        table = cls(path, np.array(rows), np.array(lines))
        wrong = ~sensible(table.values)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise table.error(row, f"{columns[column]} is {table.values[row, column]}; expected a finite number")
        return table

    def error(self, row: int, message: str) -> InputError:
        return InputError(message, self.path, int(self.line[row]))

    def indices(self, column: int, count: int, what: str) -> NDArray[np.int64]:
        """A column that counts ``what`` from 1 to ``count``, counted from 0 here. InputError outside that range."""
        given = self.values[:, column]
        wrong = (given != np.rint(given)) | (given < 1) | (given > count)
        if wrong.any():
            row = int(wrong.argmax())
            raise self.error(row, f"{what} {given[row]:g} does not exist; expected a whole number from 1 to {count}")
        return given.astype(np.int64) - 1
