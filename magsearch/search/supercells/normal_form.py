"""Diagonal forms of supercells, H = P diag(D) Q with P and Q of determinant 1 or -1, and short cell vectors Q a.

The cells of the crystal modulo H are a group, a product of cyclic ones of orders D, which the rows of Q generate.
"""

from __future__ import annotations

from itertools import product
from math import gcd

import numpy as np
from numpy.typing import NDArray

from magsearch.model.integers import hermite, inverse
from magsearch.model.lattice import SAME_PLACE, shortest

Whole = NDArray[np.int64]
NEAR = 4  # shortest cell vectors along each axis among which a generator is looked for
MOST = 2**31  # cells: products of two numbers below it do not overflow


def short_form(H: Whole, cell: NDArray[np.float64], axes: tuple[int, ...]) -> tuple[Whole, Whole]:
    """Return D [3] and Q [3, 3] of a supercell H with short cell vectors Q a.

    Along three free axes, the pairwise reduction of ``short_cells`` may end far from the shortest: where a vector stays
    longer than the edges of the supercell, one of the shortest generators is taken instead.
    """
    D, Q = diagonalized(H)
    Q = short_cells(D, Q, cell, axes)
    if len(axes) < 3 or abs(round(np.linalg.det(H))) > MOST:
        return D, Q
    length = float(np.linalg.norm(Q @ cell, axis=1).max())
    if length > np.linalg.norm(shortest(H @ cell)[0], axis=1).max() * (1 + SAME_PLACE):
        other = generated(H, cell)
        if other is not None and np.linalg.norm(other[1] @ cell, axis=1).max() < length:
            return other
    return D, Q


def diagonalized(H: Whole) -> tuple[Whole, Whole]:
    """Return D [k] > 0 and Q [k, k] of H = P diag(D) Q, P and Q of whole numbers with determinant 1 or -1.

    Euclid's algorithm on rows (P, which is not needed) and columns. A matrix that is diagonal already has Q = 1.
    """
    A, Q = np.array(H, dtype=object), np.eye(len(H), dtype=object)
    for k in range(len(A)):
        while True:
            below = [
                (abs(A[i, j]), i, j) for i in range(k, len(A)) for j in range(k, len(A)) if A[i, j] and k in (i, j)
            ]
            below = below or [(abs(A[i, j]), i, j) for i in range(k, len(A)) for j in range(k, len(A)) if A[i, j]]
            _, i, j = min(below)
            A[[k, i]] = A[[i, k]]
            A[:, [k, j]], Q[[k, j]] = A[:, [j, k]], Q[[j, k]]
            for other in range(k + 1, len(A)):
                A[other] -= A[other, k] // A[k, k] * A[k]
                times = A[k, other] // A[k, k]
                A[:, other] -= times * A[:, k]  # and Q takes the opposite, on its rows
                Q[k] += times * Q[other]
            if not A[k, k + 1 :].any() and not A[k + 1 :, k].any():
                break
    return np.abs(np.diag(A)).astype(np.int64), Q.astype(np.int64)


def short_cells(D: Whole, Q: Whole, cell: NDArray[np.float64], axes: tuple[int, ...]) -> Whole:
    """Return Q with rows as short as whole multiples of the others can make them, D Q spanning the same supercells.

    Row i may change by multiples of D_j / gcd(D_i, D_j) of row j: then D_i Q_i changes by multiples of D_j Q_j.
    """
    Q = Q.copy()
    for _ in range(1000):
        changed = False
        for i, j in ((i, j) for i in axes for j in axes if i != j):
            step = int(D[j]) // gcd(int(D[i]), int(D[j])) * Q[j]
            by = step @ cell
            times = int(np.rint((Q[i] @ cell) @ by / (by @ by) * (1 - SAME_PLACE)))
            if times:
                changed = True
                Q[i] -= times * step
        if not changed:
            break
    return Q


def generated(H: Whole, cell: NDArray[np.float64]) -> tuple[Whole, Whole] | None:
    """Return D and Q whose last row is a short vector of the highest order there is; None if none is near.

    Modulo that vector g the crystal is a plane of rows, and H a supercell of it. What spans the plane is completed by
    multiples of g so that D Q is in H, and short.
    """
    common = int(np.gcd.reduce(H.ravel()))
    H = H // common
    adjoint, det = _adjoint(H), abs(round(np.linalg.det(H)))
    highest = det // int(np.gcd.reduce(adjoint.ravel()))  # the 2 x 2 minors have the common divisor of the other order
    near = np.array(list(product(range(-NEAR, NEAR + 1), repeat=3)))
    near = near[np.gcd.reduce(near, axis=1) == 1] @ shortest(cell, np.eye(3, dtype=np.int64))[1]
    near = near[np.argsort(np.linalg.norm(near @ cell, axis=1), kind="stable")]
    order = det // np.gcd(np.gcd.reduce(near @ adjoint % det, axis=1), det)
    if not (order == highest).any():
        return None
    g = near[int((order == highest).argmax())]
    W = _completed(g)
    back = inverse(W)
    length = float(np.linalg.norm(g @ cell))
    along = g @ cell / length
    rows = back[:2] @ cell
    D, Q = diagonalized(hermite(H @ W[:, :2]))
    Q = short_cells(D, Q, rows - np.outer(rows @ along, along), (0, 1))
    found = []
    for d, q in zip(D.tolist(), Q @ back[:2], strict=True):
        turns = np.arange(highest) * (g @ adjoint % det)[:, None] % det  # of the multiples of g, [3, multiple]
        s = int((turns == (d * (q @ adjoint) % det)[:, None]).all(axis=0).argmax())  # d q - s g is in H
        step = highest // d
        at = -(s // d) % step
        at -= step * round((at + q @ cell @ along / length) / step)
        found.append(q + at * g)
    return common * np.array([*D, highest]), np.array([*found, g])


def _adjoint(H: Whole) -> Whole:
    """Return |det H| H^-1, up to the sign."""
    a, b, c = H
    return np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)


def _completed(g: Whole) -> Whole:
    """Return W of determinant 1 or -1 with g W = (0, 0, 1) or its opposite, for g [3] without common divisor."""
    W, v = np.eye(3, dtype=np.int64), g.copy()
    while np.count_nonzero(v) > 1:
        least = min(np.flatnonzero(v), key=lambda k: abs(v[k]))
        for k in range(3):
            if k != least:
                times = v[k] // v[least]
                v[k] -= times * v[least]
                W[:, k] -= times * W[:, least]
    k = int(np.flatnonzero(v)[0])
    W[:, [k, 2]] = W[:, [2, k]]
    return W
