"""Text files with one row of numbers per line, as Fortran programs write them; errors name file and line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.errors import InputError
from magsearch.formatting import counted

LARGEST = 1e60  # largest number in any unit; products of a few such numbers are finite


def number(token: str) -> float:
    """Parse a number as Fortran does (1.0d-3 included); raises ValueError if it is not a number.

    Python's float also reads 1_50 and the digits of other scripts, which no code writes.
    """
    if "_" in token or not token.isascii():
        raise ValueError(f"{token} is not a number")
    try:
        return float(token)
    except ValueError:
        return float(token.lower().replace("d", "e"))


def is_number(token: str) -> bool:
    """Return whether ``number`` can parse a word."""
    try:
        number(token)
    except ValueError:
        return False
    return True


def is_index(token: str) -> bool:
    """Return whether a text is a whole number of up to nine digits, and of those alone."""
    return token.isascii() and token.isdigit() and len(token) < 10


def sensible(values: ArrayLike) -> NDArray[np.bool_]:
    """Return which numbers are finite and at most LARGEST, so that products of a few do not overflow."""
    return np.abs(np.asarray(values)) <= LARGEST


def read_text(path: str | Path) -> str:
    """Return the text of a file; raises InputError if it cannot be read."""
    try:
        if not Path(path).is_char_device():  # /dev/zero has no end
            return Path(path).read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from None
    except ValueError:
        raise InputError("is not a valid file name", path) from None
    raise InputError("is a device; expected a file", path)


def read_bytes(path: str | Path, count: int = -1) -> bytes:
    """Return the first ``count`` bytes of a file, or all; raises InputError if it cannot be read."""
    try:
        if not Path(path).is_char_device():
            with open(path, "rb") as file:
                return file.read(count)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from None
    except ValueError:
        raise InputError("is not a valid file name", path) from None
    raise InputError("is a device; expected a file", path)


def numbers(tokens: Sequence[str], columns: Sequence[str], path: str | Path, line: int) -> list[float]:
    """Parse the first tokens of a line as finite numbers, one for each column; raises InputError otherwise."""
    found = tokens[: len(columns)]
    try:
        values = [number(token) for token in found]
    except ValueError:
        values = []
    if len(values) < len(columns) or not all(abs(v) <= LARGEST for v in values):  # nor nan
        told = " ".join(found)[:200]
        raise InputError(f"'{told}'; expected {counted(len(columns), 'number')}: {' '.join(columns)}", path, line)
    return values


def wholes(tokens: Sequence[str], columns: Sequence[str], path: str | Path, line: int) -> list[int]:
    """Parse the first tokens of a line as integers below 2^31, one for each column; raises InputError otherwise."""
    values = numbers(tokens, columns, path, line)
    if any(v != int(v) or abs(v) >= 2**31 for v in values):
        told = " ".join(tokens[: len(columns)])[:200]
        raise InputError(f"'{told}'; expected whole numbers: {' '.join(columns)}", path, line)
    return [int(v) for v in values]


@dataclass(frozen=True, eq=False)
class Table:
    """Leading numbers of every row of a file; anything after them on a line is a comment.

    path    the file
    values  [row, column]
    line    [row] number of the line, from 1
    """

    path: Path
    values: NDArray[np.float64]
    line: NDArray[np.int64]

    @classmethod
    def read(cls, path: Path, columns: tuple[str, ...], skip: int = 0) -> Table:
        """Read columns with the given names below the first ``skip`` lines; #, % or ! begin a line of comment.

        Raises InputError, with the line, for a row with missing columns or with anything but finite numbers.
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
                raise InputError(f"{counted(len(tokens), 'column')}; expected {' '.join(columns)}", path, line)
            lines.append(line)
        if not rows:
            raise InputError(f"has no rows; expected {' '.join(columns)}", path)
        table = cls(path, np.array(rows), np.array(lines))
        wrong = ~sensible(table.values)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise table.error(row, f"{columns[column]} is {table.values[row, column]}; expected a finite number")
        return table

    def error(self, row: int, message: str) -> InputError:
        """Return an error about a row of the table, with file and line."""
        return InputError(message, self.path, int(self.line[row]))

    def indices(self, column: int, count: int, what: str) -> NDArray[np.int64]:
        """Return a column of indices 1 ... ``count`` as indices [row] from 0; raises InputError outside of the range.

        what  what the column counts, for the error
        """
        given = self.values[:, column]
        wrong = (given != np.rint(given)) | (given < 1) | (given > count)
        if wrong.any():
            row = int(wrong.argmax())
            raise self.error(row, f"{what} {given[row]:g} does not exist; expected a whole number from 1 to {count}")
        return given.astype(np.int64) - 1
