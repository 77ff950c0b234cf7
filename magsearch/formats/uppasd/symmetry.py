"""Point groups selected by UppASD's keyword ``sym`` (subroutine get_symops of its neighbourmap.f90)."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray


def operations(sym: int) -> NDArray[np.float64]:
    """Return the operations of a point group as orthogonal matrices on Cartesian vectors, [operation, 3, 3].

    sym  0 the identity; 1 the 48 operations of the cube; 2 the 8 of the square, which conserve z; 3 the 24 of a
         hexagonal prism with an edge or a corner along x

    Raises ValueError for any other number.
    """
    if sym == 0:
        return np.eye(3)[None]
    if sym == 1:
        turns = [np.eye(3)[list(axes)] for axes in permutations(range(3))]
        mirrors = product((1.0, -1.0), repeat=3)
    elif sym == 2:
        turns = [np.eye(3), np.eye(3)[[1, 0, 2]]]
        mirrors = product((1.0, -1.0), (1.0, -1.0), (1.0,))
    elif sym == 3:
        turns = [_about_z(k * np.pi / 3) for k in range(6)]
        mirrors = product((1.0,), (1.0, -1.0), (1.0, -1.0))
    else:
        raise ValueError(f"sym is {sym}; expected 0, 1, 2 or 3")
    return np.array([np.diag(signs) @ turn for signs in mirrors for turn in turns])


def _about_z(angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
