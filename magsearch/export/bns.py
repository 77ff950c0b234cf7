"""Symbols of the 1651 magnetic space groups in the notation of Belov, Neronova and Smirnova, by UNI number from 1.

spglib has the operations of these groups (K. Shinohara, A. Togo & I. Tanaka, Acta Cryst. A 79, 390 (2023)), but not
their symbols. These follow from the operations and the Hermann-Mauguin symbols of the 230 space groups:

- Without time reversal (type I) the symbol is that of the space group, and 1' is added to it for grey groups (II).
- Where half of the operations reverse time, but no translation does (III), a prime marks each element of the symbol
  that does. Operations that differ by a translation agree in that, so that their matrices suffice.
- Where a translation reverses time (IV), an index of the lattice says which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

GROUPS = 1651
E_GLIDES = {39: "Abm2", 41: "Aba2", 64: "Cmca", 67: "Cmma", 68: "Ccca"}  # BNS symbols are older than the letter e
EXCHANGED = {  # spglib has these with two equivalent axes exchanged: Pcc'2' for Pc'c2'
    101: "P2'2'2", 178: "Pc'c2'", 235: "Pb'a2'", 256: "Pn'n2'", 265: "Cm'm2'", 280: "Cc'c2'", 319: "Fm'm2'",
    324: "Fd'd2'", 329: "Im'm2'",
}  # fmt: skip
ELEMENT = re.compile(r"(?P<order>-?\d)(?P<screw>_\d)?|/?(?P<plane>[a-z])")
# of the elements of a symbol, in vectors of the cell, by the number of the first space group of the crystal system
DIRECTIONS = {
    195: ((1, 0, 0), (1, 1, 1), (1, -1, 0)),
    143: ((0, 0, 1), (1, 0, 0), (1, -1, 0)),
    75: ((0, 0, 1), (1, 0, 0), (1, -1, 0)),
    16: ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    3: ((0, 1, 0),),
    1: ((0, 0, 0),),
}
TRACES = {1: 3, 2: -1, 3: 0, 4: 1, 6: 2}  # of rotations, by their order
HALVES = {  # translations by half a vector, half a diagonal of a face, and half of that of the cell
    "a": (1, 0, 0), "b": (0, 1, 0), "c": (0, 0, 1), "A": (0, 1, 1), "B": (1, 0, 1), "C": (1, 1, 0), "I": (1, 1, 1),
}  # fmt: skip


@lru_cache(GROUPS)
def symbol(uni: int) -> str:
    """Return the symbol of a UNI number: P4_2'/mnm' for 1159. Raises ImportError without spglib."""
    import spglib

    kind: Any = spglib.get_magnetic_spacegroup_type(uni)
    number, name = int(kind.number), _hermann_mauguin()[int(kind.number)]
    if kind.type == 1:
        return name
    if kind.type == 2:
        return name + "1'"
    data: Any = spglib.get_magnetic_symmetry_from_database(uni)
    W, w, time = data["rotations"], data["translations"], np.asarray(data["time_reversals"], dtype=bool)
    if uni in EXCHANGED:
        return EXCHANGED[uni]
    if kind.type == 3:
        return name[0] + "".join(_primed(name[1:], number, W, time))
    moved = (np.round(2 * w[time & (np.eye(3) == W).all(axis=(1, 2))]) % 2).tolist()
    index = next(letter for letter, half in HALVES.items() if list(half) in moved)
    if number <= 2 or name[0] == "F":
        index = "S"
    elif name[0] == "R":
        index = "I"
    return f"{name[0]}_{index}{name[1:]}"


@lru_cache(1)
def _hermann_mauguin() -> dict[int, str]:
    """Return the symbols of the space groups in their standard settings, by number."""
    import spglib

    kinds: list[Any] = [spglib.get_spacegroup_type(hall) for hall in range(1, 531)]
    return {int(kind.number): kind.international_short for kind in reversed(kinds)} | E_GLIDES


def _primed(elements: str, number: int, W: NDArray[np.intc], time: NDArray[np.bool_]) -> Iterator[str]:
    """Yield the elements of a symbol, with a prime behind those that reverse time.

    W     [operation, 3, 3] in vectors of the cell
    time  [operation] whether they reverse time
    """
    directions = iter(DIRECTIONS[max(first for first in DIRECTIONS if first <= number)])
    sign = np.linalg.det(W).round()
    R = sign[:, None, None] * W
    along: tuple[int, ...] = ()
    for element in ELEMENT.finditer(elements):
        if not element[0].startswith("/"):  # a plane across the axis before it
            along = next(directions)
        order = int(element["order"] or -2)  # a mirror is an inversion times a rotation by a half turn
        fits = (sign == np.sign(order)) & (np.trace(R, axis1=1, axis2=2) == TRACES[abs(order)])
        fits &= (R @ np.array(along) == along).all(axis=1)
        yield element[0] + ("'" if time[fits].any() else "")
