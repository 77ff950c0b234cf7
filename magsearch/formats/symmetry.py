"""The point groups that UppASD's keyword ``sym`` stands for (subroutine get_symops of its neighbourmap.f90)."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray


def operations(sym: int) -> NDArray[np.float64]:
    """Orthogonal matrices [operation, 3, 3] on Cartesian vectors.

    0: identity; 1: the 48 of the cube; 2: the 8 of the square, z unchanged; 3: the 24 of a hexagonal prism with x as an
    axis. ValueError for others.
    """
    if sym == 0:
        return np.eye(3)[None]
    if sym == 1:
        return np.array([np.diag(s) @ np.eye(3)[list(p)] for p in permutations(range(3)) for s in _signs(3)])
    if sym == 2:
        flips = [np.diag([*s, 1.0]) for s in _signs(2)]
        swap = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])
        return np.array([f @ m for m in (np.eye(3), swap) for f in flips])
    if sym == 3:
        c, s = 0.5, np.sqrt(0.75)
        turns = [np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) for a in _sixths()]
        turns = [np.where(np.isclose(np.abs(t), c), np.sign(t) * c, np.where(np.isclose(np.abs(t), s), np.sign(t) * s, np.rint(t))) for t in turns]
        return np.array([np.diag([1.0, y, z]) @ t for t in turns for y, z in _signs(2)])
    raise ValueError(f"sym is {sym}; expected 0, 1, 2 or 3")


def _signs(count: int) -> list[tuple[float, ...]]:
    return list(product((1.0, -1.0), repeat=count))


def _sixths() -> NDArray[np.float64]:
    return np.arange(6) * np.pi / 3
