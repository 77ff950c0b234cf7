"""VAMPIRE's built-in crystals with couplings of nearest neighbours (src/unitcell of its source)."""

from __future__ import annotations

import numpy as np

from magsearch.errors import unknown
from magsearch.formats.vampire.ucf import UnitCell
from magsearch.model.lattice import Lattice

HALF, THIRD = 0.5, 1 / 3
# edges in units of the lattice constant, positions in fractions of the edges
CRYSTALS = {
    "sc": ((1.0, 1.0, 1.0), [(0, 0, 0)]),
    "bcc": ((1.0, 1.0, 1.0), [(0, 0, 0), (HALF, HALF, HALF)]),
    "fcc": ((1.0, 1.0, 1.0), [(0, 0, 0), (HALF, HALF, 0), (HALF, 0, HALF), (0, HALF, HALF)]),
    "hcp": (
        (1.0, 3**-0.5, 8**0.5 / 3),
        [(0, 0, 0), (HALF, HALF, 0), (THIRD, 0, HALF), (HALF + THIRD, HALF, HALF)],
    ),
}


def built_in(name: str, edges: tuple[float, float, float]) -> UnitCell:
    """Return a crystal by its name with its nearest neighbours, each with a factor 1 of the exchange matrix.

    edges  unit-cell-size along x, y and z, angstrom; the shape of the crystal is given in units of these

    Raises ValueError for an unknown crystal.
    """
    if name not in CRYSTALS:
        raise ValueError(unknown("crystal", name, CRYSTALS))
    shape, positions = CRYSTALS[name]
    cell = np.diag(np.array(shape) * edges)
    fractions = np.array(positions, dtype=np.float64)
    (shell,) = Lattice(np.diag(shape), fractions @ np.diag(shape), (3, 3, 3)).shells(1)
    links = np.column_stack([shell.i, shell.j, shell.offset])
    unit = np.broadcast_to(np.eye(3), (len(links), 3, 3)).copy()
    return UnitCell(cell, fractions, [0] * len(fractions), links, unit, [0] * len(links), True)
