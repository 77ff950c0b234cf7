"""Repeat the spins of a smaller cell, such as the magnetic cell of a texture, over the box of a lattice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.model.lattice import Lattice

WHOLE = 1e-3  # largest deviation of the periods of the box from whole multiples of those of the cell
NEAR = 0.01  # largest distance of a position from its site, in units of the shortest distance between sites


def tiled(
    path: Path,
    lattice: Lattice,
    cell: NDArray[np.float64],
    positions: NDArray[np.float64],
    vectors: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the vectors of a cell repeated over the box, [site, 3]; zeros where the cell has no atom.

    cell       [3, 3] periods of the file in rows, angstrom, in the frame of the lattice
    positions  [atom, 3] Cartesian, angstrom
    vectors    [atom, 3]

    Raises InputError without atoms, where the box is not a multiple of the cell, and where an atom of the cell is on no
    site.
    """
    from scipy.spatial import KDTree

    if not len(positions):
        raise InputError("has no moments", path)
    inverse = np.linalg.inv(cell)
    times = lattice.box @ inverse
    if np.abs(times - np.rint(times)).max() > WHOLE:
        raise InputError(
            f"the box of {' x '.join(map(str, lattice.size))} cells is not a multiple of the cell of the file; "
            "expected periods of the box that are whole multiples of it (--set model.size)",
            path,
        )
    places = lattice.positions
    apart = KDTree(places).query(places, k=2)[0][:, 1].min() if len(places) > 1 else np.inf
    own = positions @ inverse % 1.0 % 1.0  # twice: a tiny negative number becomes 1, then 0
    _, atom = KDTree(own, boxsize=1.0).query(places @ inverse % 1.0 % 1.0)
    off = (places - positions[atom]) @ inverse
    distance = np.linalg.norm((off - np.rint(off)) @ cell, axis=1)
    close = distance <= NEAR * min(apart, np.linalg.norm(cell, axis=1).min())
    missing = np.setdiff1d(np.arange(len(positions)), atom[close])
    if len(missing):
        told = "({:g}, {:g}, {:g})".format(*positions[missing[0]])
        raise InputError(f"positions differ from those of the lattice: no site is at {told} A", path)
    return np.where(close[:, None], vectors[atom], 0.0)
