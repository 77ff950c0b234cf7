"""Proof that S(q) is positive as a sum of squares, for S soft on lines, planes or everywhere.

For these (spin liquids, spiral surfaces), dividing the zone as in ``positivity`` does not terminate. But if the
couplings of S stay within a small patch of cells, it may be distributed over all patches of the crystal,

    s* S s = sum over all translations of v* G v,    v = the spins of one patch,

and S(q) is positive everywhere if the one real Gram matrix G is: a trigonometric polynomial as a sum of squares
(Dumitrescu, Positive Trigonometric Polynomials and Signal Processing Applications (2007)). An example is the kagome
antiferromagnet, whose energy is the sum of (s_1 + s_2 + s_3)^2 over triangles.

Many G add up to one S. The one for which S + shift 1 is a sum of squares with the least shift is found by following the
central path of shift - t log det G (Boyd & Vandenberghe, Convex Optimization (2004), chapter 11).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from magsearch.bounds.positivity import LOOSER, UNIT, Proof, factorisation_error, positive
from magsearch.bounds.quadratic_form import QuadraticForm

LARGEST = 48  # largest number of rows of G
SMALLEST = 1e-13  # last t, in units of the first


def prove_sum_of_squares(form: QuadraticForm, values: NDArray[np.float64], tolerance: float) -> Proof | None:
    """Prove that S + shift 1 is a sum of squares of patches, with the shift ``tolerance`` or the least possible.

    values     multipliers [spin], meV
    tolerance  meV

    Returns None if a patch that contains every bond is too large.
    """
    reach = np.abs(form.offset).max(axis=0)
    rows = int(np.prod(reach + 1)) * form.order
    if rows > LARGEST:
        return None
    number, energy, diagonal = _pairs(form, values, reach)
    G, shift = _gram_matrix(number, energy, rows // form.order, tolerance / 4)
    shift = max(shift, 0.0)
    energy[diagonal] += shift
    lift = factorisation_error(rows, float(np.abs(G).max())) + UNIT * rows * form.scale
    while not positive((G + lift * np.eye(rows))[None]):
        lift *= LOOSER
    missed = float(np.abs(energy - np.bincount(number.ravel(), G.ravel())).sum())
    cells = rows // form.order
    error = factorisation_error(rows, float(np.abs(G).max()) + lift) + UNIT * rows * form.scale
    total = shift + missed + cells * (lift + error) + form.rounding()
    return Proof(total, f"S(q) a sum of squares on patches of {cells} cells")


def _gram_matrix(
    number: NDArray[np.intp], energy: NDArray[np.float64], cells: int, enough: float
) -> tuple[NDArray[np.float64], float]:
    """Return a positive G [row, row] whose translations add up to S + shift 1, and the shift in meV.

    The shift is at most ``enough``, or the least possible.
    """
    rows = len(number)
    times = np.bincount(number.ravel())
    G0 = (energy / times)[number]
    p, q = np.triu_indices(rows)
    first = np.unique(number[p, q], return_index=True)[1]  # one element represents all equivalent ones
    others = np.delete(np.arange(len(p)), first)
    move = np.zeros((len(others) + 1, rows, rows))  # directions that do not change the sum of translations
    v, like = np.arange(len(others)), first[number[p[others], q[others]]]
    for sign, element in ((1.0, others), (-1.0, like)):
        move[v, p[element], q[element]] = move[v, q[element], p[element]] = sign
    move[-1] = np.eye(rows) / cells  # the shift
    x, t = np.zeros(len(move)), float(np.abs(energy).max())
    x[-1] = cells * (t - np.linalg.eigvalsh(G0)[0])
    smallest = SMALLEST * t
    while x[-1] > enough and t > smallest:
        t /= 8
        for _ in range(50):
            root = np.linalg.inv(np.linalg.cholesky(G0 + np.tensordot(x, move, axes=1)))
            white = (root @ move @ root.T).reshape(len(move), -1)
            R = np.linalg.qr(white.T, mode="r")  # curvature R^T R
            slope = -np.einsum("vii->v", white.reshape(move.shape))
            slope[-1] += 1 / t
            whitened = solve_triangular(R, -slope, trans="T")
            decrement = float(np.linalg.norm(whitened))
            x += solve_triangular(R, whitened) / (1 + decrement if decrement > 0.25 else 1.0)  # G stays positive
            if decrement < 1e-4:
                break
    return G0 + np.tensordot(x, move, axes=1), float(x[-1])


def _pairs(
    form: QuadraticForm, values: NDArray[np.float64], reach: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """Enumerate the pairs of components of the patch's spins up to translations, and sum the elements of S for each.

    The patch has the cells 0 ... reach. Returned are number [row, row], equal for pairs that are translations of each
    other; energy [number], the sum of the elements of S over all of them in a cell; and the numbers of the squares.
    """
    order, c = form.order, form.components
    cells = np.stack(np.meshgrid(*[np.arange(n + 1) for n in reach], indexing="ij"), axis=-1).reshape(
        -1, form.dimension
    )
    row = np.arange(len(cells) * order)
    cell, component = np.divmod(row, order)

    def key(offset: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return an integer for each pair, equal for (p, q) and (q, p)."""
        there, back = (np.ravel_multi_index(tuple((o + reach).T), 2 * reach + 1) for o in (offset, -offset))
        return np.minimum((there * order + first) * order + second, (back * order + second) * order + first)

    p, q = (index.ravel() for index in np.meshgrid(row, row, indexing="ij"))
    keys, number = np.unique(key(cells[cell[q]] - cells[cell[p]], component[p], component[q]), return_inverse=True)
    a, b = (index.ravel() for index in np.meshgrid(range(c), range(c), indexing="ij"))
    first, second = (form.i[:, None] * c + a).ravel(), (form.j[:, None] * c + b).ravel()
    bonds = np.searchsorted(keys, key(np.repeat(form.offset, len(a), axis=0), first, second))
    energy = np.bincount(bonds, -form.J[:, a, b].ravel(), minlength=len(keys)).astype(np.float64)
    every = np.arange(order)
    diagonal = np.searchsorted(keys, key(np.zeros((order, form.dimension), dtype=np.int64), every, every))
    energy[diagonal] += np.repeat(values, c)
    return number.reshape(len(row), len(row)), energy, diagonal
