"""Lattices of whole numbers: the Hermite normal form of the vectors that span one. Products of whole numbers.

Cohen, A Course in Computational Algebraic Number Theory (1993), section 2.4. Whole numbers of Python do not overflow.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray


def hermite(vectors: ArrayLike) -> NDArray[np.int64]:
    """Return the basis [dimension, n] in Hermite normal form of the lattice that vectors [vector, n] span.

    Row k begins with at least k zeros. Its first number is positive, and those above it are from 0 up to less than it.
    """
    found = np.asarray(vectors, dtype=np.int64)
    rows = [list(map(int, row)) for row in np.unique(found, axis=0) if row.any()]
    basis: list[list[int]] = []
    for column in range(found.shape[1]):
        rows.sort(key=lambda row: abs(row[column]) or np.inf)
        while sum(row[column] != 0 for row in rows) > 1:
            pivot = rows[0]
            rows[1:] = [_less(row, pivot, column) for row in rows[1:]]
            rows.sort(key=lambda row: abs(row[column]) or np.inf)
        if rows and rows[0][column]:
            sign = 1 if rows[0][column] > 0 else -1
            pivot = [sign * x for x in rows.pop(0)]
            basis = [*(_less(row, pivot, column) for row in basis), pivot]
    return np.array(basis, dtype=np.int64).reshape(-1, found.shape[1])


def lower_hermite(vectors: ArrayLike) -> NDArray[np.int64]:
    """Return ``hermite`` with the axes in the opposite order: lower triangular for vectors that span all axes."""
    return hermite(np.asarray(vectors)[:, ::-1])[::-1, ::-1]


def _less(row: list[int], pivot: list[int], column: int) -> list[int]:
    times = row[column] // pivot[column]
    return [x - times * p for x, p in zip(row, pivot, strict=True)]


def unimodular(Q: ArrayLike) -> bool:
    """Return whether a matrix [3, 3] of whole numbers has the determinant 1 or -1."""
    return abs(_adjoint(Q)[1]) == 1


def inverse(Q: ArrayLike) -> NDArray[np.int64]:
    """Return the inverse of a ``unimodular`` matrix [3, 3], without rounding however large its numbers are."""
    columns, det = _adjoint(Q)
    if abs(det) != 1:
        raise ValueError(f"the determinant is {det}; expected 1 or -1")
    return det * np.array(columns, dtype=np.int64).T


def _adjoint(Q: ArrayLike) -> tuple[list[list[int]], int]:
    """Return the columns of the adjoint of a matrix [3, 3], and its determinant."""
    a, b, c = (list(map(int, row)) for row in np.asarray(Q))
    columns = [_cross(b, c), _cross(c, a), _cross(a, b)]
    return columns, sum(x * y for x, y in zip(a, columns[0], strict=True))


def _cross(a: list[int], b: list[int]) -> list[int]:
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def factors(most: int, count: int) -> Iterator[tuple[int, ...]]:
    """Yield all ``count`` positive whole numbers whose product is at most ``most``, smaller products first."""
    for total in range(1, most + 1):
        yield from _factored(total, count)


def _factored(total: int, count: int) -> Iterator[tuple[int, ...]]:
    if count == 1:
        yield (total,)
        return
    for first in (n for n in range(1, total + 1) if total % n == 0):
        for others in _factored(total // first, count - 1):
            yield (first, *others)
