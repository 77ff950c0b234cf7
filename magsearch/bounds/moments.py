"""Moment matrices of a few unit vectors up to fourth order: the second level of Lasserre's hierarchy on a patch.

A polynomial of spins is written in monomials with at most one factor z per spin, since z^2 = 1 - x^2 - y^2. With the
vector v of all monomials up to second order (1, s_i, s_i s_i, s_i s_j), any polynomial v.G v with a positive matrix G
is positive for all spins, and the moment matrix <v v^T> is positive for any distribution of spins (Lasserre, SIAM J.
Optim. 11, 796 (2001)).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from magsearch.bounds.positivity import LOOSER, UNIT, factorisation_error, positive

Monomial = tuple[tuple[int, int, int], ...]  # exponents of x, y, z of every spin
Polynomial = dict[Any, float]  # coefficient of each monomial
ONE, LINEAR = (0, 0, 0), ((1, 0, 0), (0, 1, 0), (0, 0, 1))
QUADRATIC = ((2, 0, 0), (1, 1, 0), (1, 0, 1), (0, 2, 0), (0, 1, 1))  # z^2 is not independent


@cache
def reduced(x: int, y: int, z: int) -> tuple[tuple[tuple[int, int, int], float], ...]:
    """Expand the monomial of one unit vector with exponents x, y, z in monomials with at most one factor z.

    Returns pairs of exponents and coefficient.
    """
    if z < 2:
        return (((x, y, z), 1.0),)
    total: dict[tuple[int, int, int], float] = {}
    for factor, (a, b) in ((1.0, (0, 0)), (-1.0, (2, 0)), (-1.0, (0, 2))):
        for monomial, value in reduced(x + a, y + b, z - 2):
            total[monomial] = total.get(monomial, 0.0) + factor * value
    return tuple(total.items())


def multiplied(one: Monomial, other: Monomial) -> dict[Monomial, float]:
    """Expand the product of two monomials of several spins: the coefficient of each reduced monomial."""
    factors = [reduced(*(int(a + b) for a, b in zip(s, t, strict=True))) for s, t in zip(one, other, strict=True)]
    total: dict[Monomial, float] = {}
    for choice in product(*factors):
        monomial = tuple(m for m, _ in choice)
        total[monomial] = total.get(monomial, 0.0) + float(np.prod([value for _, value in choice]))
    return {monomial: value for monomial, value in total.items() if value}


@dataclass(frozen=True, eq=False)
class Moments:
    """Moment matrices <v v^T> as a linear function, map y + constant, of the independent moments y.

    Their elements are those of the upper triangles, column after column, off-diagonal ones times sqrt 2, as in
    Clarabel, one matrix after the other.

    sizes     rows of each matrix
    traces    upper bound of the trace of each for unit vectors
    number    index in y of each monomial; the monomial 1 is not among them
    map       [element, y]
    constant  [element]
    rounding  of the map and the constants: bound of the error of sum_elements x (map y + constant) for |y| <= 1, as a
              multiple of sum |x|
    """

    sizes: tuple[int, ...]
    traces: tuple[float, ...]
    number: dict[Any, int]
    map: sparse.csc_array
    constant: NDArray[np.float64]
    rounding: float = 0.0

    @classmethod
    def of(cls, matrices: Sequence[tuple[int, Callable[[int, int], Polynomial], float]], one: Any) -> Moments:
        """Collect the moments of matrices, each given by its size, its elements (p, q) and a bound of its trace.

        ``one`` is the monomial 1.
        """
        number: dict[Any, int] = {}
        row, column, value = [], [], []
        constant = np.zeros(sum(size * (size + 1) // 2 for size, _, _ in matrices))
        element = 0
        for size, at, _ in matrices:
            for q in range(size):  # upper triangle by columns, as Clarabel stores a positive matrix
                for p in range(q + 1):
                    scale = 1.0 if p == q else np.sqrt(2.0)
                    for monomial, factor in at(p, q).items():
                        if monomial == one:
                            constant[element] += scale * factor
                        else:
                            row.append(element)
                            column.append(number.setdefault(monomial, len(number)))
                            value.append(scale * factor)
                    element += 1
        shape = (len(constant), len(number))
        sizes, traces = tuple(size for size, _, _ in matrices), tuple(trace for *_, trace in matrices)
        return cls(sizes, traces, number, sparse.csc_array((value, (row, column)), shape=shape), constant)

    def matrices(self, elements: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return the matrices [size, size] with these elements."""
        ends = np.cumsum([size * (size + 1) // 2 for size in self.sizes])[:-1]
        return [symmetric_matrix(part, size) for part, size in zip(np.split(elements, ends), self.sizes, strict=True)]


@cache
def moments(spins: int, odd: bool) -> Moments:
    """Return the moment matrix of a number of spins, with or without the moments of odd order.

    Moments of odd order vanish by symmetry where s and -s have equal energy: without a field.
    """
    vector: list[Monomial] = [(ONE,) * spins]

    def with_factors(factors: dict[int, tuple[int, int, int]]) -> Monomial:
        return tuple(factors.get(spin, ONE) for spin in range(spins))

    vector += [with_factors({i: a}) for i in range(spins) for a in (*(LINEAR if odd else ()), *QUADRATIC)]
    vector += [with_factors({i: a, j: b}) for i, j in combinations(range(spins), 2) for a in LINEAR for b in LINEAR]
    largest = 1 + 2 * spins + spins * (spins - 1) / 2  # of |v|^2
    return Moments.of([(len(vector), lambda p, q: multiplied(vector[p], vector[q]), largest)], vector[0])


def symmetric_matrix(elements: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the matrix [size, size] with these elements of its upper triangle: by columns, off-diagonal / sqrt 2."""
    matrix = np.zeros((size, size))
    row, column, scale = triangle(size)
    matrix[row, column] = matrix[column, row] = elements / scale
    return matrix


def triangle(size: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return row, column and scale (1, or sqrt 2 off the diagonal) of the elements of an upper triangle, by columns."""
    column, row = np.tril_indices(size)  # the lower triangle by rows is the upper one by columns
    return row, column, np.where(row == column, 1.0, np.sqrt(2.0))


def squares_below(
    of: Moments, squares: NDArray[np.float64], fixed: NDArray[np.int64], wanted: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Make matrices G, as a solver returns them, a proof that a polynomial is nowhere below a number.

    squares  the elements of G, meV
    fixed    moments of which the coefficients of the polynomial are ``wanted``, meV

    Returns the coefficients [moment] of the polynomial, those of ``fixed`` up to errors that the number makes good, and
    the number. G is projected on the matrices that have the coefficients. What is left of them (each moment is at most
    one), and a negative eigenvalue of G, are subtracted.
    """
    columns = of.map[:, fixed]
    missing = of.map.T[fixed] @ squares - wanted
    squares = squares - columns @ np.linalg.solve((columns.T @ columns).toarray(), missing)
    sums = of.map.T @ squares
    below = -float(of.constant @ squares) - float(np.abs(sums[fixed] - wanted).sum())
    below -= UNIT * len(squares) * float(np.abs(squares).max(initial=0.0)) * 2 * of.map.shape[1]
    below -= of.rounding * 2 * float(np.abs(squares).sum())
    for matrix, trace in zip(of.matrices(squares), of.traces, strict=True):
        size, largest = len(matrix), float(np.abs(matrix).max(initial=0.0))
        lift = factorisation_error(size, largest)
        while not positive(matrix + lift * np.eye(size)):
            lift *= LOOSER
        below -= (lift + factorisation_error(size, largest + lift)) * trace
    return sums, below
