"""Reader of GROGU's text files, which magnopy reads too: name.magnopy.txt of grogupy's save_magnopy.

The file states its convention: c21 and c22 of

    E = c21 sum_i s_i . A_i s_i + c22 sum s_i . J_ij s_j

whether the second sum counts pairs twice, and whether s_i are unit vectors. Sections are found by their titles, as
magnopy does (Rybakov et al., magnopy 0.6, io/_grogu.py); J_ij s_j belongs to the row i j with the cell of j.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.formats.build import assemble, quadratic
from magsearch.formats.table import numbers, wholes
from magsearch.formats.text_file import TextFile
from magsearch.formatting import counted
from magsearch.model.bonds import ROUNDING, Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.notes import Note

__all__ = ["CONVENTIONS", "NAME", "ORDER", "read", "recognises"]

NAME = "GROGU and magnopy, text"
ORDER = 4
CONVENTIONS = """\
E = c21 sum_i s_i.A s_i + c22 sum s_i.J s_j with the factors, spins and counting that the file states (GROGU: 1, 1/2,
unit spins, each pair twice): the coupling of a pair is - 2 c22 x J (counted once: - c22 x J), the anisotropy - c21 x A;
J > 0 is antiferromagnetic. Moments are 2 x the spin."""
TITLE = re.compile(r"magnetic\s+sites", re.IGNORECASE)
YES, NO = ("1", "true", "yes"), ("0", "false", "no")
VECTOR = ("x", "y", "z")


@dataclass(frozen=True)
class Convention:
    """Meaning of the numbers of a file; the defaults are GROGU's.

    twice    whether the sum has each pair in both directions
    unit     whether spins have unit length
    onsite   c21
    pairs    c22
    """

    twice: bool = True
    unit: bool = True
    onsite: float = 1.0
    pairs: float = 0.5


@dataclass(frozen=True)
class Lines:
    """Lines of a file that are not empty, without comments, with their numbers."""

    path: Path
    rows: list[tuple[int, list[str]]]

    def after(self, *words: str) -> Lines | None:
        """Return the lines after a title with all these words; None if there is none."""
        for k, (_, row) in enumerate(self.rows):
            if all(word in " ".join(row).lower() for word in words):
                return Lines(self.path, self.rows[k + 1 :])
        return None

    def needed(self, *words: str) -> Lines:
        """Return the lines after a title with all these words. InputError if there is none."""
        if (found := self.after(*words)) is None:
            raise InputError(f"has no section with {' '.join(words)} in its title", self.path)
        return found

    def row(self, k: int, what: str) -> tuple[int, list[str]]:
        """Return a line. InputError where the file ends before."""
        if k >= len(self.rows):
            last = self.rows[-1][0] if self.rows else None
            raise InputError(f"ends here; expected {what}", self.path, last)
        return self.rows[k]

    def matrix(self, k: int) -> NDArray[np.float64]:
        """Return the three lines from k as a matrix."""
        rows = [self.row(k + n, "three rows of a matrix") for n in range(3)]
        return np.array([numbers(row, VECTOR, self.path, line) for line, row in rows])

    def count(self, k: int) -> int:
        """Return the number at the end of a line: Number of sites 2."""
        line, row = self.row(k, "a number of entries")
        (value,) = wholes(row[-1:], ("number",), self.path, line)
        return value


def recognises(path: Path, text: str) -> bool:
    """Return whether the text has the titles of GROGU's sites and of its exchange."""
    return TITLE.search(text) is not None and "Exchange tensor (meV)" in text


def read(file: TextFile) -> Hamiltonian:
    """Read the Hamiltonian of a file; raises InputError, with file and line, for invalid input."""
    path = file.path
    rows = [(n, line.split("#")[0].split()) for n, line in enumerate(file.text.splitlines(), start=1)]
    lines = Lines(path, [(n, row) for n, row in rows if row and not set("".join(row)) <= {"=", "-"}])
    convention, notes = _convention(lines)
    cell = lines.needed("cell", "(ang)").matrix(0)
    names, positions, spins = _sites(lines.needed("magnetic", "sites"))
    if not np.isfinite(spins).all():
        if not convention.unit:
            raise InputError("has a site without a spin, which couplings are multiplied with", path)
        notes.append(f"{path}: {counted(np.isnan(spins).sum(), 'site', 'have')} no spin: moments are 1 mu_B there")
    length = np.ones(len(names)) if convention.unit else spins
    tensors = dict(_onsite(lines.needed("intra-atomic", "tensor"), names))
    bonds, added = _bonds(lines.needed("exchange", "tensor"), names, convention, length)
    if added:
        told = f"{path}: {counted(added, 'pair', 'are')} listed in one direction; the other has the transpose"
        notes.append(Note(told, harmless=True))
    anisotropy = [
        term for atom, A in tensors.items() for term in quadratic(-convention.onsite * length[atom] ** 2 * A, atom)
    ]
    return assemble(
        path,
        cell,
        positions,
        bonds,
        species=[_element(name) for name in names],
        moments=np.where(np.isnan(spins), 1.0, 2 * spins),
        anisotropy=anisotropy,
        notes=notes,
    )


def _element(name: str) -> str:
    """Return the chemical symbol in the name of a site: 3Fe(l:2)."""
    found = re.search(r"[A-Z][a-z]?", name)
    return found.group() if found else name


def _convention(lines: Lines) -> tuple[Convention, list[str]]:
    """Return the convention that a file states, with a note where it states none."""
    section = lines.after("hamiltonian", "convention")
    if section is None:
        told = "no convention: that of GROGU is used, E = sum_i s.A s + 1/2 sum of all ordered pairs s.J s, unit spins"
        return Convention(), [f"{lines.path}: {told}"]
    return Convention(
        _flag(section, "double", "counting"),
        _flag(section, "normalized", "spins"),
        _factor(section, "intra-atomic", "factor"),
        _factor(section, "exchange", "factor"),
    ), []


def _entry(section: Lines, words: tuple[str, ...]) -> tuple[int, list[str]]:
    for line, row in section.rows[:4]:
        if len(row) > len(words) and all(word in " ".join(row).lower() for word in words):
            return line, row
    where = section.rows[0][0] if section.rows else None
    raise InputError(f"has no line '{' '.join(words)}' in the convention", section.path, where)


def _flag(section: Lines, *words: str) -> bool:
    line, row = _entry(section, words)
    if row[-1].lower() not in (*YES, *NO):
        raise InputError(f"{' '.join(words)} is '{row[-1]}'; expected true or false", section.path, line)
    return row[-1].lower() in YES


def _factor(section: Lines, *words: str) -> float:
    line, row = _entry(section, words)
    (value,) = numbers(row[-1:], ("factor",), section.path, line)
    return value


def _sites(section: Lines) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Return names, positions [site, 3] in angstrom and spins [site]; nan for a site that has None."""
    names, positions, spins = [], [], []
    for k in range(section.count(0)):
        line, row = section.row(2 + k, "a site: name, x, y, z, s")  # below the heads of the columns
        if row[0] in names:
            raise InputError(f"site {row[0]} is listed twice", section.path, line)
        names.append(row[0])
        positions.append(numbers(row[1:], VECTOR, section.path, line))
        none = row[4:5] == ["None"]
        spins.append(np.nan if none else numbers(row[4:], ("s",), section.path, line)[0])
        if not none and spins[-1] <= 0:
            raise InputError(f"the spin of {row[0]} is {spins[-1]:g}; expected a positive number", section.path, line)
    if not names:
        raise InputError("has no sites", section.path)
    return names, np.array(positions), np.array(spins)


def _site(name: str, names: list[str], section: Lines, line: int) -> int:
    if name not in names:
        raise InputError(f"unknown site {name}; expected one of {', '.join(names)}", section.path, line)
    return names.index(name)


def _onsite(section: Lines, names: list[str]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield the tensor of each site, [3, 3] meV."""
    seen = set()
    for k in range(len(names)):
        line, row = section.row(5 * k, "the name of a site, and its tensor")
        atom = _site(row[0], names, section, line)
        if atom in seen:
            raise InputError(f"site {row[0]} has a second tensor; expected one", section.path, line)
        seen.add(atom)
        yield atom, section.matrix(5 * k + 2)


def _bonds(section: Lines, names: list[str], convention: Convention, length: NDArray[np.float64]) -> tuple[Bonds, int]:
    """Return the couplings, both directions, and how many pairs are listed in one alone; length [site] of the spins.

    InputError for a pair that is listed twice, or whose two directions differ by more than rounding.
    """
    listed: dict[tuple[int, ...], tuple[int, NDArray[np.float64]]] = {}
    for k in range(section.count(0)):
        line, row = section.row(2 + 5 * k, "a pair: name, name, i, j, k")
        i, j = (_site(name, names, section, line) for name in (*row, "", "")[:2])
        key = (i, j, *wholes(row[2:], ("i", "j", "k"), section.path, line))
        if i == j and not any(key[2:]):
            raise InputError("couples a site to itself; expected two sites", section.path, line)
        if key in listed:
            raise InputError(f"repeats the pair of line {listed[key][0]}; expected each once", section.path, line)
        listed[key] = line, section.matrix(2 + 5 * k + 2)
    if not listed:
        raise InputError("has no pairs", section.path)
    largest = max(np.abs(J).max() for _, J in listed.values())
    factor = -convention.pairs * (2 if convention.twice else 1)
    rows, matrices, source, added = [], [], [], 0
    for key, (line, J) in listed.items():
        back = (key[1], key[0], *(-n for n in key[2:]))
        if back in listed and not convention.twice:
            told = f"is the reverse of line {listed[back][0]}, but the convention counts each pair once"
            raise InputError(told, section.path, max(line, listed[back][0]))
        if back in listed:
            if np.abs(listed[back][1] - J.T).max() > ROUNDING * largest:
                told = f"is not the transpose of the tensor of line {listed[back][0]}, which is its reverse"
                raise InputError(told, section.path, line)
            J = 0.5 * (J + listed[back][1].T)
        both = [(key, J)] if back in listed else [(key, J), (back, J.T)]
        added += convention.twice and back not in listed
        scale = factor * length[key[0]] * length[key[1]]
        for one, matrix in both:
            rows.append(one)
            matrices.append(scale * matrix)
            source.append(f"{section.path}:{line}")
    ends = np.array(rows)
    return Bonds(ends[:, 0], ends[:, 1], ends[:, 2:], np.array(matrices), tuple(source)), added
