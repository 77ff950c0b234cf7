"""S(q) as a sum of squares: the proof where S is soft on lines, planes or everywhere (spin liquids, spiral surfaces).

There no cutting of the zone ends. But where S joins the cells of a small patch only, it may be shared out over all
patches of the crystal,

    s* S s = sum over all translations of v* G v,    v = the spins of one patch,

and then S(q) is positive everywhere if the one real matrix G is. The kagome antiferromagnet is the example: its
energy is the sum of (s_1 + s_2 + s_3)^2 over triangles.

Many G add up to the same S. The one for which S + shift 1 = sum of squares with the least shift is found by following
the central path of shift - t log det G.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from magsearch.bounds.positivity import LOOSER, UNIT, Proof, factorisation_error, positive
from magsearch.bounds.quadratic_form import QuadraticForm

LARGEST = 48  # rows of G at the most
SMALLEST = 1e-13  # last t, in units of the first


def prove_squares(form: QuadraticForm, values: NDArray[np.float64], tolerance: float) -> Proof | None:
    """S + shift 1 is a sum of squares of patches, with the shift ``tolerance`` if it can be, else the least.

    None where a patch that holds every bond is too large.
    """
    reach = np.abs(form.offset).max(axis=0)
    rows = int(np.prod(reach + 1)) * form.order
    if rows > LARGEST:
        return None
    number, energy, diagonal = _pairs(form, values, reach)
    G, shift = _share(number, energy, rows // form.order, tolerance / 4)
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


def _share(
    number: NDArray[np.intp], energy: NDArray[np.float64], cells: int, enough: float
) -> tuple[NDArray[np.float64], float]:
    """G [row, row], positive, whose translations add up to S + shift 1, and the shift: ``enough`` or the least, meV."""
    rows = len(number)
    times = np.bincount(number.ravel())
    G0 = (energy / times)[number]
    p, q = np.triu_indices(rows)
    first = np.unique(number[p, q], return_index=True)[1]  # one element stands for all that are alike
    others = np.delete(np.arange(len(p)), first)
    move = np.zeros((len(others) + 1, rows, rows))  # directions in which the sum of translations stays as it is
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
            turned = solve_triangular(R, -slope, trans="T")
            decrement = float(np.linalg.norm(turned))
            x += solve_triangular(R, turned) / (1 + decrement if decrement > 0.25 else 1.0)  # G stays positive
            if decrement < 1e-4:
                break
    return G0 + np.tensordot(x, move, axes=1), float(x[-1])


def _pairs(
    form: QuadraticForm, values: NDArray[np.float64], reach: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """Which pairs of components of the patch's spins are translations of each other, and what S holds of each.

    The patch has the cells 0 ... reach. number [row, row] is the same for pairs that are alike, energy [number] the sum
    of the elements of S over all of them in a cell; diagonal, the numbers of squares.
    """
    order, c = form.order, form.components
    cells = np.stack(np.meshgrid(*[np.arange(n + 1) for n in reach], indexing="ij"), axis=-1).reshape(
        -1, form.dimension
    )
    row = np.arange(len(cells) * order)
    cell, component = np.divmod(row, order)

    def key(offset: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
        """A number for a pair, the same from both ends."""
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
