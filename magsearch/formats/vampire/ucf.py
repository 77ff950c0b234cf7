"""Parser of VAMPIRE's unit cell file, line by line as in VAMPIRE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.formats.table import number, numbers, wholes
from magsearch.formats.text_file import TextFile
from magsearch.formatting import counted
from magsearch.model.bonds import ROUNDING, Bonds, exchange_matrix

# type of exchange: numbers per row, whether the material's exchange matrix multiplies them; older files have a digit
TYPES = {
    "isotropic": (1, False), "vectorial": (3, False), "tensorial": (9, False),
    "tensor": (9, False),  # of older versions of TB2J; VAMPIRE does not know it
    "normalised-isotropic": (1, True), "normalised-vectorial": (3, True), "normalised-tensorial": (9, True),
    "0": (1, False), "1": (3, False), "2": (9, False), "-1": (0, True),
}  # fmt: skip
EDGE = 0.01  # fractions of the cell by which atoms may be outside of it: those of TB2J's files are, by rounding
LINK = ("id", "i", "j", "dx", "dy", "dz")


@dataclass(frozen=True)
class UnitCell:
    """Contents of a .ucf file.

    cell        [3, 3] rows, angstrom
    positions   [atom, 3] fractions of the cell
    material    [atom], from 0
    links       [bond, 5] i, j and the cells from i to j
    J           [bond, 3, 3] joule or, if ``normalised``, factors of the materials' exchange matrices
    line        [bond] line in the file
    normalised  whether J are factors
    notes       what is unusual in the file
    biquadratic of atoms, B 1 as matrices in joule
    """

    cell: NDArray[np.float64]
    positions: NDArray[np.float64]
    material: list[int]
    links: NDArray[np.int64]
    J: NDArray[np.float64]
    line: list[int]
    normalised: bool
    notes: tuple[str, ...] = ()
    biquadratic: Bonds = field(default_factory=Bonds.none)


class Reader:
    """Iteration over the lines of a file; headings may have blank lines and comments above them, rows may not."""

    def __init__(self, file: TextFile):
        self.path, self.lines, self.at = file.path, file.text.splitlines(), 0

    def heading(self, what: str) -> list[str]:
        """Return the words of the next heading; raises InputError at the end of the file. what: for the error."""
        found = self.optional_heading()
        if found is None:
            raise InputError(f"ends here; expected {what}", self.path, max(len(self.lines), 1))
        return found

    def optional_heading(self) -> list[str] | None:
        """Return the words of the next line that contains no #; None at the end of the file."""
        while self.at < len(self.lines):
            text = self.lines[self.at]
            self.at += 1
            if "#" not in text and text.strip():
                return text.split()
        return None

    def row(self, what: str) -> list[str]:
        """Return the words of the next line; raises InputError at the end of the file. what: for the error."""
        if self.at >= len(self.lines):
            raise InputError(f"ends here; expected {what}", self.path, max(len(self.lines), 1))
        self.at += 1
        return self.lines[self.at - 1].split()

    def numbers(self, tokens: list[str], columns: Sequence[str]) -> list[float]:
        """Parse words of the current line as numbers, one for each column; raises InputError otherwise."""
        return numbers(tokens, columns, self.path, self.at)

    def wholes(self, tokens: list[str], columns: Sequence[str]) -> list[int]:
        """Parse words of the current line as integers, one for each column; raises InputError otherwise."""
        return wholes(tokens, columns, self.path, self.at)

    def error(self, message: str) -> InputError:
        """Return an error about the current line."""
        return InputError(message, self.path, self.at)


def recognises(path: Path, text: str) -> bool:
    """Return whether, besides comments, four lines of three numbers begin the text, then one of one or two integers."""
    heads = [line.split() for line in text.splitlines() if "#" not in line and line.strip()][:5]
    if len(heads) < 5 or any(len(head) != 3 for head in heads[:4]) or len(heads[4]) > 2:
        return False
    try:
        return all(np.isfinite(number(token)) for head in heads for token in head) and heads[4][0].isdigit()
    except ValueError:
        return False


def read_cell(file: TextFile) -> UnitCell:
    """Parse a unit cell file; raises InputError, with file and line, for invalid input."""
    reader = Reader(file)
    xyz = ("x", "y", "z")
    lengths = np.array(reader.numbers(reader.heading("the lengths of the cell"), xyz))
    shape = np.array([reader.numbers(reader.heading("three cell vectors"), xyz) for _ in range(3)])
    head = reader.heading("the number of atoms")
    (count,) = reader.wholes(head, ("the number of atoms",))
    if count < 1:
        raise reader.error(f"{count} atoms; expected at least 1")
    rows, material = [], []
    first = reader.at + 1
    for _ in range(count):
        tokens = reader.row("a row for each atom: id x y z material")
        rows.append(reader.numbers(tokens, ("id", *xyz)))
        if not all(-EDGE <= x <= 1 + EDGE for x in rows[-1][1:]):
            place = tuple(rows[-1][1:])
            raise reader.error(f"the position {place} is outside of the cell; expected numbers from 0 to 1")
        material += reader.wholes(tokens[4:5], ("material",))
    atoms = np.array(rows)
    notes = _odd_atoms(file.path, atoms, first)
    links, J, line, normalised = _links(reader, count, notes)
    biquadratic = _biquadratic(reader, count)
    if (rest := reader.optional_heading()) is not None:
        raise reader.error(f"'{' '.join(rest)[:60]}' follows the interactions; expected the end of the file")
    return UnitCell(
        _cell(lengths, shape), atoms[:, 1:], material, links, J, line, normalised, tuple(notes), biquadratic
    )


def _odd_atoms(path: Path, atoms: NDArray[np.float64], first: int) -> list[str]:
    """Return notes on atoms [atom, id x y z] outside of the cell and on ids; first: the line of the first row."""
    notes: list[str] = []
    outside = np.flatnonzero(((atoms[:, 1:] < 0) | (atoms[:, 1:] > 1)).any(axis=1))
    if len(outside):
        where = ", ".join(f"{x:.6g}" for x in atoms[outside[0], 1:])
        notes.append(
            f"{path}: {counted(len(outside), 'atom', 'are')} outside of the cell, for example on line "
            f"{first + outside[0]} ({where}); the positions are kept, but VAMPIRE refuses the file"
        )
    renumbered = np.flatnonzero(atoms[:, 0] != np.arange(len(atoms)))
    if len(renumbered):
        k = int(renumbered[0])
        notes.append(
            f"{path}: {counted(len(renumbered), 'atom', 'have')} an id that is not the place in the list, for example "
            f"{atoms[k, 0]:g} on line {first + k}; interactions refer to places, counted from 0, as in VAMPIRE"
        )
    return notes


def _cell(lengths: NDArray[np.float64], shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cell vectors as rows, angstrom: each length times a row of the shape.

    TB2J divides the columns by the lengths instead, which is recognised by the lengths of the vectors. (VAMPIRE itself
    places atoms as if the cell were orthogonal with these lengths.)
    """
    rows, columns = lengths[:, None] * shape, shape * lengths
    if np.allclose(np.linalg.norm(columns, axis=1), lengths, rtol=1e-4) and not np.allclose(
        np.linalg.norm(rows, axis=1), lengths, rtol=1e-4
    ):
        return columns
    return rows


def _links(
    reader: Reader, atoms: int, notes: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64], list[int], bool]:
    """Return the interactions, couplings, lines and whether they are normalised; appends to the notes."""
    head = reader.heading("the number of interactions and their type")
    (count,) = reader.wholes(head, ("the number of interactions",))
    kind = head[1] if len(head) > 1 else "missing"
    if kind not in TYPES:
        raise reader.error(f"the type of exchange is {kind[:40]}; expected {', '.join(TYPES)}")
    width, normalised = TYPES[kind]
    columns = [*LINK, *("J",) * width]
    if kind == "tensor":
        told = "the type of exchange 'tensor', which VAMPIRE does not know, is read as tensorial"
        notes.append(f"{reader.path}:{reader.at}: {told}")
    links, values, line = [], [], []
    imaginary: dict[int, float] = {}  # largest imaginary part by line
    for _ in range(count):
        tokens = reader.row("a row for each interaction: id i j dx dy dz J ...")
        if any("j" in token for token in tokens[6:]):
            tokens, imaginary[reader.at] = _real(tokens)
        links.append(_link(reader, tokens, atoms))
        values.append(reader.numbers(tokens, columns)[6:])
        line.append(reader.at)
    J = np.array(values).reshape(len(links), width)
    if imaginary:
        worst = max(imaginary, key=lambda at: imaginary[at])
        if imaginary[worst] > ROUNDING * np.abs(J).max():
            told = f"a number has the imaginary part {imaginary[worst]:.3g}; expected real couplings"
            raise InputError(told, reader.path, worst)
        notes.append(
            f"{reader.path}: {counted(len(imaginary), 'interaction', 'are')} printed with complex numbers, for "
            f"example on line {next(iter(imaginary))}, as by some versions of TB2J; real parts are read (imaginary "
            f"parts: up to {imaginary[worst]:.1e} J)"
        )
    if width < 9:  # the diagonal: three numbers, one for all, or none where the material gives it
        J = (J if width else np.ones((len(links), 1)))[:, :, None] * np.eye(3)
    return np.array(links, dtype=np.int64).reshape(-1, 5), J.reshape(-1, 3, 3), line, normalised


def _link(reader: Reader, tokens: list[str], atoms: int) -> list[int]:
    """Return i, j and the cells between them of the current line."""
    _, i, j, *offset = reader.wholes(tokens, LINK)
    if not (0 <= i < atoms and 0 <= j < atoms):
        raise reader.error(f"couples atoms {i} and {j}; expected 0 to {atoms - 1}")
    if i == j and not any(offset):
        raise reader.error("couples a site to itself; expected two sites")
    return [i, j, *offset]


def _biquadratic(reader: Reader, atoms: int) -> Bonds:
    """Return the biquadratic interactions that may follow the others; VAMPIRE computes isotropic ones only."""
    head = reader.optional_heading()
    if head is None:
        return Bonds.none()
    if len(head) > 2:
        told = "expected the number of biquadratic interactions and their type"
        raise reader.error(f"'{' '.join(head)[:60]}' follows the interactions; {told}")
    (count,) = reader.wholes(head, ("the number of biquadratic interactions",))
    kind = head[1] if len(head) > 1 else "missing"
    if count and kind not in ("isotropic", "0"):
        raise reader.error(f"the type of biquadratic interactions is {kind[:40]}; expected isotropic")
    links, values, where = [], [], []
    for _ in range(count):
        tokens = reader.row("a row for each biquadratic interaction: id i j dx dy dz J")
        links.append(_link(reader, tokens, atoms))
        values.append(reader.numbers(tokens, [*LINK, "J"])[6])
        where.append(f"{reader.path}:{reader.at}")
    ends = np.array(links, dtype=np.int64).reshape(-1, 5)
    return Bonds(ends[:, 0], ends[:, 1], ends[:, 2:], exchange_matrix(np.array(values)), tuple(where))


def _real(tokens: list[str]) -> tuple[list[str], float]:
    """Return the words of a line with the real parts of complex numbers, and the largest imaginary part."""
    found, largest = list(tokens), 0.0
    for k, token in enumerate(tokens):
        try:
            value = complex(token) if "j" in token else None
        except ValueError:
            continue
        if value is not None:
            found[k], largest = repr(value.real), max(largest, abs(value.imag))
    return found, largest
