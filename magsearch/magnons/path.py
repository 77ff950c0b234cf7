"""Paths through reciprocal space: labelled points, and the wave vectors between them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError, unknown
from magsearch.model.lattice import Lattice

SAME = 1e-4  # relative difference of two products of cell vectors that count as equal
GAMMA = ("Γ", "GAMMA", "Gamma")  # other names of G
Points = dict[str, tuple[float, float, float]]

CUBIC: Points = {"G": (0, 0, 0), "X": (0, 0.5, 0), "M": (0.5, 0.5, 0), "R": (0.5, 0.5, 0.5)}
TETRAGONAL: Points = {
    "G": (0, 0, 0), "X": (0, 0.5, 0), "M": (0.5, 0.5, 0), "Z": (0, 0, 0.5), "R": (0, 0.5, 0.5), "A": (0.5, 0.5, 0.5),
}  # fmt: skip
ORTHORHOMBIC: Points = {
    "G": (0, 0, 0), "X": (0.5, 0, 0), "Y": (0, 0.5, 0), "S": (0.5, 0.5, 0), "Z": (0, 0, 0.5), "U": (0.5, 0, 0.5),
    "T": (0, 0.5, 0.5), "R": (0.5, 0.5, 0.5),
}  # fmt: skip
HEXAGONAL: Points = {
    "G": (0, 0, 0), "M": (0.5, 0, 0), "K": (1 / 3, 1 / 3, 0), "A": (0, 0, 0.5), "L": (0.5, 0, 0.5),
    "H": (1 / 3, 1 / 3, 0.5),
}  # fmt: skip
ACUTE: Points = {**HEXAGONAL, "K": (2 / 3, 1 / 3, 0), "H": (2 / 3, 1 / 3, 0.5)}  # 60 degrees between a and b
FCC: Points = {
    "G": (0, 0, 0), "X": (0.5, 0, 0.5), "W": (0.5, 0.25, 0.75), "K": (0.375, 0.375, 0.75), "L": (0.5, 0.5, 0.5),
    "U": (0.625, 0.25, 0.625),
}  # fmt: skip
BCC: Points = {"G": (0, 0, 0), "H": (0.5, -0.5, 0.5), "P": (0.25, 0.25, 0.25), "N": (0, 0, 0.5)}

# Lattices by the products of their cell vectors: (a.b, b.c, a.c) in units of a^2, whether b = a and c = a (None: any).
# Labels and paths: Setyawan & Curtarolo, Comput. Mater. Sci. 49, 299 (2010)
LATTICES: tuple[tuple[tuple[float, float, float], bool | None, bool | None, Points, str, str], ...] = (
    ((0, 0, 0), True, True, CUBIC, "G-X-M-G-R-X|M-R", "G-X-M-G"),
    ((0, 0, 0), True, None, TETRAGONAL, "G-X-M-G-Z-R-A-Z", "G-X-M-G"),
    ((0, 0, 0), None, None, ORTHORHOMBIC, "G-X-S-Y-G-Z-U-R-T-Z", "G-X-S-Y-G"),
    ((-0.5, 0, 0), True, None, HEXAGONAL, "G-M-K-G-A-L-H-A", "G-M-K-G"),
    ((0.5, 0, 0), True, None, ACUTE, "G-M-K-G-A-L-H-A", "G-M-K-G"),
    ((0.5, 0.5, 0.5), True, True, FCC, "G-X-W-K-G-L-U-W-L", "G-X-W-K-G-L-U-W-L"),
    ((-1 / 3, -1 / 3, -1 / 3), True, True, BCC, "G-H-N-G-P-H|P-N", "G-H-N-G-P-H|P-N"),
)


@dataclass(frozen=True, eq=False)
class Path:
    """Wave vectors along straight lines between labelled points.

    q         [q, 3] in reciprocal vectors of the crystal as it was given
    distance  [q] 1/angstrom along the path; a break adds nothing
    corners   [corner] numbers of the wave vectors at the labelled points
    labels    [corner]
    """

    q: NDArray[np.float64]
    distance: NDArray[np.float64]
    corners: NDArray[np.int64]
    labels: tuple[str, ...]


def special_points(lattice: Lattice, dimension: int = 3) -> tuple[Points, str]:
    """Return the labelled points of a lattice, in reciprocal vectors, and a path through them ("G-X|M-R").

    Of the lattices in ``LATTICES``; all others are left to ASE, whose labels are those of the same authors.

    dimension   number of axes along which the magnons move: 1, the first axis; 2, the first two; or 3

    Raises InputError where ASE is needed and missing.
    """
    if dimension == 1:
        return {"G": (0, 0, 0), "X": (0.5, 0, 0)}, "G-X"
    G = lattice.given_cell @ lattice.given_cell.T
    a = G[0, 0]
    for (ab, bc, ac), equal_b, equal_c, points, path, planar in LATTICES:
        same = np.abs([G[0, 1] / a - ab, G[1, 2] / a - bc, G[0, 2] / a - ac]).max() < SAME
        for equal, length in ((equal_b, G[1, 1]), (equal_c if dimension == 3 else None, G[2, 2])):
            same &= equal is None or (abs(length / a - 1) < SAME) == equal
        if same:
            return points, path if dimension == 3 else planar
    try:
        from ase.cell import Cell
    except ImportError:
        raise InputError(
            "labels of this lattice are known to ASE alone (pip install ase); give points as '0,0,0;0.5,0,0'", "--path"
        ) from None
    band = Cell(lattice.given_cell).bandpath(npoints=0, pbc=[True, True, dimension == 3])
    found: Points = {name: (float(x), float(y), float(z)) for name, (x, y, z) in band.special_points.items()}
    return found, "|".join("-".join(_labels(part, found)) for part in band.path.split(","))


def _labels(text: str, points: Points) -> list[str]:
    """Return the labels of a path as ASE writes it, GXM1."""
    found: list[str] = []
    while text:
        name = max((name for name in points if text.startswith(name)), key=len)
        found.append(name)
        text = text[len(name) :]
    return found


def path_of(given: str | None, lattice: Lattice, count: int, dimension: int = 3) -> Path:
    """Return a path given as labels, "G-M-K-G" ("|" is a break), or as points, "0,0,0; 1/2,0,0".

    given      None: the usual path of the lattice
    count      number of wave vectors, at least two for every line
    dimension  as for ``special_points``

    Raises InputError for labels that the lattice does not have, and for what are no points.
    """
    if given is not None and ("," in given or ";" in given):
        lines = [[(_name(q), q) for q in map(_point, given.split(";"))]]
    else:
        points, usual = special_points(lattice, dimension)
        lines = []
        for part in (given or usual).split("|"):
            names = ["G" if name.strip() in GAMMA else name.strip() for name in part.split("-")]
            for name in names:
                if name not in points:
                    raise InputError(f"{unknown('point', name, points)}; or give points as '0,0,0;0.5,0,0'", "--path")
            lines.append([(name, np.array(points[name])) for name in names])
    if any(len(line) < 2 for line in lines):
        raise InputError(f"{given!r} has a single point; expected at least two, as G-M or '0,0,0;0.5,0,0'", "--path")
    return _along(lines, lattice, count)


def _point(text: str) -> NDArray[np.float64]:
    """Return "1/2, 0, 0" as numbers."""
    try:
        q = [float(Fraction(part.strip())) for part in text.split(",")]
    except (ValueError, ZeroDivisionError, OverflowError):
        q = []
    if len(q) != 3 or not np.isfinite(q).all() or np.abs(q).max() > 1e6:
        raise InputError(f"{text.strip()!r} is not a wave vector; expected three numbers, as 1/2,0,0", "--path")
    return np.array(q)


def _name(q: NDArray[np.float64]) -> str:
    return " ".join(f"{x:.4g}" for x in q + 0.0)


def _along(lines: list[list[tuple[str, NDArray[np.float64]]]], lattice: Lattice, count: int) -> Path:
    """Return the wave vectors on lines between labelled points, as evenly as their lengths allow."""
    lengths = [
        [float(np.linalg.norm((b[1] - a[1]) @ lattice.given_reciprocal)) for a, b in pairwise(line)] for line in lines
    ]
    total = sum(map(sum, lengths))
    if total == 0:
        raise InputError("the points are all the same; expected different ones", "--path")
    q, distance, corners, labels, at = list[NDArray[np.float64]](), list[float](), list[int](), list[str](), 0.0
    for line, each in zip(lines, lengths, strict=True):
        corners.append(len(q))
        labels.append(line[0][0])
        q.append(line[0][1])
        distance.append(at)
        for (_, a), (label, b), length in zip(line, line[1:], each, strict=False):
            steps = max(1, round((count - 1) * length / total))
            for n in range(1, steps + 1):
                q.append(a + (b - a) * (n / steps))
                distance.append(at + length * (n / steps))
            at += length
            corners.append(len(q) - 1)
            labels.append(label)
    return Path(np.array(q), np.array(distance), np.array(corners), tuple(labels))
