"""TB2J's exchange.out: text in meV, rounded to four decimals (J, D) and three (the anisotropic exchange).

Sections are found by their titles, rows by their form, so that every version from 0.2 to 0.9 reads alike: labels like
[Experimental!] and [Testing!] come and go, and so do commas inside of brackets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.errors import InputError
from magsearch.formats.build import assemble, quadratic
from magsearch.formats.table import numbers, read_text, wholes
from magsearch.formats.tb2j import CONVENTIONS
from magsearch.hamiltonian import Hamiltonian, UniaxialAnisotropy

__all__ = ["CONVENTIONS", "NAME", "read", "recognises"]

NAME = "TB2J, exchange.out"
VECTOR = ("x", "y", "z")
ROW = re.compile(r"\s*(\S+)\s+(\S+)\s+\(([^()]*)\)\s+(\S+)\s+\(([^()]*)\)")  # i j (R) J (vector) distance
LABELLED = re.compile(r"\s*(?:\[[^\]]*\]\s*)?(J_iso|DMI|J_ani|Jprime)\s*:(.*)")
AWAY = (
    0.1  # angstrom, by which a printed vector may differ from that of the atoms: positions have three decimals at least
)


@dataclass(frozen=True)
class Atom:
    name: str
    position: list[float]  # angstrom
    moment: float  # Bohr magnetons


@dataclass
class Row:
    """One ordered pair: everything in meV, as TB2J counts it."""

    line: int
    i: str
    j: str
    R: list[int]
    vector: list[float]
    J: float
    D: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    Jani: list[list[float]] = field(default_factory=lambda: [[0.0] * 3] * 3)

    @property
    def matrix(self) -> NDArray[np.float64]:
        return exchange_matrix(self.J) + dmi_matrix(self.D) + np.array(self.Jani)


def recognises(path: Path, text: str) -> bool:
    return "Cell (Angstrom):" in text


def read(path: Path) -> Hamiltonian:
    """The Hamiltonian of an exchange.out. InputError, with file and line, for what is wrong."""
    lines = read_text(path).splitlines()
    cell = np.array([_row(lines, _title(path, lines, "Cell (Angstrom):") + k, path) for k in (1, 2, 3)])
    atoms = _atoms(path, lines)
    rows, unused = _rows(path, lines)
    A = _single_ion(path, lines, atoms)
    spins = [name for name in atoms if name in {row.i for row in rows} | set(A)]  # in the order of the file
    bonds = _bonds(path, rows, atoms, spins, cell)
    notes = [f"{path}: J and D are printed to 1e-4 meV, Jani to 1e-3; exchange.xml and TB2J.pickle hold more digits"]
    if unused:
        notes.append(f"{path}: not used: {', '.join(unused)}")
    quiet = [name for name in atoms if name not in spins]
    if quiet:
        notes.append(f"{path}: atoms without couplings are left out: {', '.join(quiet)}")
    anisotropy = [
        UniaxialAnisotropy(term.K, term.axis, term.K4, (spins.index(name),)) for name in A for term in A[name]
    ]
    return assemble(
        path,
        cell,
        [atoms[name].position for name in spins],
        bonds,
        species=[name.rstrip("0123456789") for name in spins],
        moments=[atoms[name].moment for name in spins],
        anisotropy=anisotropy,
        notes=notes,
    )


def _title(path: Path, lines: list[str], title: str) -> int:
    """The index of the line that begins with a title."""
    for k, text in enumerate(lines):
        if text.strip().startswith(title):
            return k
    raise InputError(f"has no line '{title}'", path)


def _row(lines: list[str], k: int, path: Path, columns: tuple[str, ...] = VECTOR) -> list[float]:
    """Numbers of the line with index k; brackets and commas are blanks."""
    if k >= len(lines):
        raise InputError(f"ends here; expected {' '.join(columns)}", path, len(lines))
    return numbers(_bare(lines[k]).split(), columns, path, k + 1)


def _bare(text: str) -> str:
    return re.sub(r"[()\[\],]", " ", text)


def _atoms(path: Path, lines: list[str]) -> dict[str, Atom]:
    """Every atom of the cell by its name; the moment is the length of the printed vector."""
    start = _title(path, lines, "Atoms:")
    atoms: dict[str, Atom] = {}
    moments: tuple[str, ...] = ()
    for k in range(start + 1, len(lines)):
        tokens = lines[k].split()
        if not tokens or tokens[0] == "Total" or tokens[0][0] in "=-":
            if atoms:
                break
            continue
        if "w_charge" in tokens:
            moments = tuple(tokens[tokens.index("w_charge") + 1 :])
        elif tokens[0][0] != "(" and moments:
            if tokens[0] in atoms:
                raise InputError(f"atom {tokens[0]} is listed twice", path, k + 1)
            x, y, z, _, *m = numbers(tokens[1:], ("x", "y", "z", "charge", *moments), path, k + 1)
            atoms[tokens[0]] = Atom(tokens[0], [x, y, z], float(np.linalg.norm(m)))
    if not atoms:
        raise InputError(
            "has no atoms; expected a line with w_charge and the moments, and a row for each", path, start + 1
        )
    return atoms


def _single_ion(path: Path, lines: list[str], atoms: dict[str, Atom]) -> dict[str, list[UniaxialAnisotropy]]:
    """Single-ion anisotropy by the atom's name: three rows of a matrix, or (before 0.9.13) k1 (x, y, z)."""
    found: dict[str, list[UniaxialAnisotropy]] = {}
    starts = [k for k, text in enumerate(lines) if text.strip().startswith("Single Ion Anisotropy")]
    for start in starts:
        for k in range(start + 1, len(lines)):
            tokens = _bare(lines[k]).split()
            if lines[k].strip().startswith(("Exchange:", "Orbitals used")):
                break
            if not tokens or tokens[0] not in atoms:
                continue
            if "(" in lines[k]:
                K, x, y, z = numbers(tokens[1:], ("k1", *VECTOR), path, k + 1)
                if K and not np.any([x, y, z]):
                    raise InputError("the axis (0, 0, 0) has no direction", path, k + 1)
                terms = [UniaxialAnisotropy(K, (x, y, z))] if K else []
            else:
                A = [numbers(tokens[1:], VECTOR, path, k + 1), _row(lines, k + 1, path), _row(lines, k + 2, path)]
                terms = quadratic(A, 0)
            if tokens[0] in found:
                raise InputError(f"atom {tokens[0]} has a second anisotropy; expected one", path, k + 1)
            found[tokens[0]] = terms
    return {name: terms for name, terms in found.items() if terms}


def _rows(path: Path, lines: list[str]) -> tuple[list[Row], list[str]]:
    """The couplings, and what else is written about them (which is not used)."""
    rows: list[Row] = []
    unused: set[str] = set()
    for k in range(_title(path, lines, "Exchange:") + 1, len(lines)):
        text = lines[k]
        if head := ROW.match(text):
            i, j, R, J, vector = head.groups()
            cells = wholes(_bare(R).split(), ("R1", "R2", "R3"), path, k + 1)
            there = numbers(_bare(vector).split(), VECTOR, path, k + 1)
            rows.append(Row(k + 1, i, j, cells, there, numbers([J], ("J",), path, k + 1)[0]))
        elif rows and (labelled := LABELLED.match(text)):
            label, rest = labelled.groups()
            if label == "J_iso":
                (rows[-1].J,) = numbers(rest.split(), ("J_iso",), path, k + 1)
            elif label == "DMI":
                rows[-1].D = numbers(_bare(rest).split(), ("Dx", "Dy", "Dz"), path, k + 1)
            elif label == "J_ani":
                first = k if _bare(rest).split() else k + 1
                top = rest if first == k else lines[first] if first < len(lines) else ""
                rows[-1].Jani = [
                    numbers(_bare(top).split(), VECTOR, path, first + 1),
                    _row(lines, first + 1, path),
                    _row(lines, first + 2, path),
                ]
            else:
                unused.add("biquadratic Jprime and B")
        elif "NJt" in text:
            unused.add("DMI_NJt and Jani_NJt")
        elif text.startswith(("Orbital contributions", "dJ/dx", "d2J/dx2")):
            unused.add(text.split(":")[0].split("(")[0].strip().lower())
    if not rows:
        raise InputError("has no couplings below 'Exchange:'; expected rows i j (R) J (vector) distance", path)
    return rows, sorted(unused)


def _bonds(path: Path, rows: list[Row], atoms: dict[str, Atom], spins: list[str], cell: NDArray[np.float64]) -> Bonds:
    """Rows as bonds. InputError where R and the printed vector lead to different places, or a pair is listed twice."""
    lines: dict[tuple[str | int, ...], int] = {}
    for row in rows:
        for name in (row.i, row.j):
            if name not in atoms:
                raise InputError(f"there is no atom {name}; known are {', '.join(atoms)}", path, row.line)
        if row.j not in spins:
            raise InputError(f"couples {row.j}, which has no couplings of its own; expected both ways", path, row.line)
        if row.i == row.j and not any(row.R):
            raise InputError("couples an atom to itself; expected two sites", path, row.line)
        earlier = lines.setdefault((row.i, row.j, *row.R), row.line)
        if earlier != row.line:
            raise InputError(f"this pair has a coupling on line {earlier}; expected one", path, row.line)
        vector = np.array(row.R) @ cell + atoms[row.j].position - np.array(atoms[row.i].position)
        if np.abs(vector - row.vector).max() > AWAY:
            told = "({:.3f}, {:.3f}, {:.3f})".format(*vector)
            raise InputError(f"the vector is printed as {tuple(row.vector)}, atoms and R give {told}", path, row.line)
    index = {name: k for k, name in enumerate(spins)}
    return Bonds(
        np.array([index[row.i] for row in rows]),
        np.array([index[row.j] for row in rows]),
        np.array([row.R for row in rows]),
        2 * np.array([row.matrix for row in rows]),
        tuple(f"{path}:{row.line}" for row in rows),
    )
