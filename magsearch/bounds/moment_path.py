"""Least combination of moments by an interior-point method, with the sum of squares that proves it.

    min energy . y    with every matrix M(y) of ``Moments`` positive

Newton steps follow the central path of energy . y - t log det M(y), t -> 0 (Boyd & Vandenberghe, Convex Optimization
(2004), chapter 11), from the moments of independent spins with random directions, which are in the interior. On the
path t M^-1 is the matrix of a sum of squares that has the coefficients of the energy. Next to the path, what is missing
of them is added in the form - t M^-1 dM M^-1 of a Newton step, which hardly costs positivity, and again for the
rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from magsearch.bounds.moments import Moments, squares_below, triangle

FASTER = 8.0  # factor by which t is reduced
CENTRED = 1e-2  # Newton decrement at which a centre is found
ENOUGH = 1e-11  # of the energies: the bound is not raised by less
NEWTON = 60  # largest number of Newton steps for each t
REFINEMENTS = 3  # of the coefficients of the sum of squares
SHORTER = 0.6  # factor of a step that leaves the interior or does not descend


def least(
    of: Moments, energy: NDArray[np.float64], start: NDArray[np.float64], watch: Callable[[], None] = lambda: None
) -> tuple[float, float]:
    """Return a proven lower bound of the energy, and by how much it is below the energy of the last moments.

    energy  coefficients [moment], meV
    start   moments [moment] at which all matrices are positive definite
    watch   called repeatedly
    """
    path, y, best, every = _Path(of, energy), start, -np.inf, np.arange(len(energy))
    t = unit = float(np.abs(energy).max()) or 1.0
    while True:
        try:
            y, squares = path.centre(y, t, watch)
        except np.linalg.LinAlgError:  # the curvature is no longer positive: rounding
            return best, float(energy @ y) - best
        below = squares_below(of, squares, every, energy)[1]
        gain, best = below - best, max(below, best)
        if gain < ENOUGH * unit:  # rounding outweighs t
            return best, float(energy @ y) - best
        t /= FASTER


@dataclass(frozen=True, eq=False)
class _Matrix:
    """One matrix, constant + sum of y times its derivatives; the moments that it has."""

    constant: NDArray[np.float64]
    derivative: NDArray[np.float64]
    moment: NDArray[np.int64]

    def at(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.constant + self.along(y)

    def along(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.tensordot(y[self.moment], self.derivative, axes=1)


class _Path:
    """Central path of energy . y - t sum log det M(y)."""

    def __init__(self, of: Moments, energy: NDArray[np.float64]):
        self.of, self.energy, self.matrices = of, energy, list[_Matrix]()
        ends = np.cumsum([0, *(size * (size + 1) // 2 for size in of.sizes)])
        for constant, size, first, end in zip(of.matrices(of.constant), of.sizes, ends, ends[1:], strict=False):
            part = of.map[first:end]
            moment = np.unique(part.nonzero()[1]).astype(np.int64)
            row, column, scale = triangle(size)
            derivative = np.zeros((len(moment), size, size))
            derivative[:, row, column] = derivative[:, column, row] = part[:, moment].toarray().T / scale
            self.matrices.append(_Matrix(constant, derivative, moment))

    def value(self, y: NDArray[np.float64], t: float) -> float:
        """Return the function in units of t; infinite where a matrix is not positive."""
        try:
            roots = [np.linalg.cholesky(matrix.at(y)) for matrix in self.matrices]
        except np.linalg.LinAlgError:
            return np.inf
        return float(self.energy @ y / t) - 2 * sum(float(np.log(np.diag(root)).sum()) for root in roots)

    def step(self, y: NDArray[np.float64], t: float) -> tuple[NDArray[np.float64], float, Any]:
        """Return Newton's step, the decrement, and the factor of the curvature."""
        slope, curvature = self.energy / t, np.zeros((len(y), len(y)))
        for matrix in self.matrices:
            root = np.linalg.inv(np.linalg.cholesky(matrix.at(y)))
            white = root @ matrix.derivative @ root.T
            slope[matrix.moment] -= np.einsum("mii->m", white)
            white = white.reshape(len(white), -1)
            curvature[np.ix_(matrix.moment, matrix.moment)] += white @ white.T
        curvature[np.diag_indices(len(y))] *= 1 + 1e-14
        factor = cho_factor(curvature)
        step = -cho_solve(factor, slope)
        return step, float(np.sqrt(max(-step @ slope, 0.0))), factor

    def centre(
        self, y: NDArray[np.float64], t: float, watch: Callable[[], None]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return y on the path, and the elements of the sum of squares."""
        for _ in range(NEWTON):
            watch()
            step, decrement, factor = self.step(y, t)
            if decrement < CENTRED:
                break
            now, fraction = self.value(y, t), 1.0
            while self.value(y + fraction * step, t) > now - 0.1 * fraction * decrement**2 and fraction > 1e-6:
                fraction *= SHORTER
            if fraction <= 1e-6:  # rounding
                break
            y = y + fraction * step
        inverses = [np.linalg.inv(matrix.at(y)) for matrix in self.matrices]
        squares = t * _elements(inverses)
        for _ in range(REFINEMENTS):
            missing = self.energy - self.of.map.T @ squares
            change = cho_solve(factor, missing)
            sides = zip(self.matrices, inverses, strict=True)
            squares += _elements([inverse @ matrix.along(change) @ inverse for matrix, inverse in sides])
        return y, squares


def _elements(matrices: list[NDArray[Any]]) -> NDArray[np.float64]:
    """Return the elements of symmetric matrices as in ``Moments``."""
    parts = []
    for matrix in matrices:
        row, column, scale = triangle(len(matrix))
        parts.append(scale * 0.5 * (matrix + matrix.T)[row, column])
    return np.concatenate(parts)
