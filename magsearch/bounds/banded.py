"""Cholesky factors of a large cluster's S = Lambda - M: a band once the spins are numbered by Cuthill & McKee."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack
from scipy.sparse.csgraph import reverse_cuthill_mckee

from magsearch.bounds.positivity import LOOSER, UNIT, Proof
from magsearch.bounds.quadratic_form import QuadraticForm


@dataclass(frozen=True, eq=False)
class Band:
    """S at q = 0 of a form, for any multipliers."""

    form: QuadraticForm

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """New row of every row of M."""
        return np.argsort(reverse_cuthill_mckee(sparse.csr_matrix(self.form.uniform), symmetric_mode=True))

    @cached_property
    def minus_M(self) -> NDArray[np.float64]:
        """[diagonal, order], as LAPACK stores the lower half of a band."""
        entries = sparse.coo_array(self.form.uniform)
        row, column = self.place[entries.row], self.place[entries.col]
        low = row >= column
        below, column = (row - column)[low], column[low]
        band = np.zeros((below.max(initial=0) + 1, self.form.order), order="F")
        band[below, column] = -entries.data[low]
        return band

    def factor(self, values: NDArray[np.float64], shift: float) -> NDArray[np.float64] | None:
        """The Cholesky factor of S + shift 1; None where it has none."""
        band = self.minus_M.copy(order="F")
        band[0, self.place] += np.repeat(values + shift, self.form.components)
        factor, failed = lapack.dpbtrf(band, lower=1, overwrite_ab=1)
        return None if failed else factor

    def solve(self, factor: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
        """(S + shift 1)^-1 x."""
        turned = np.empty_like(x)
        turned[self.place] = x
        return np.asarray(lapack.dpbtrs(factor, turned, lower=1)[0][self.place]).reshape(x.shape)

    def error(self, values: NDArray[np.float64], shift: float = 0.0) -> float:
        """Factorised, S + shift 1 is at most this much below zero, meV: as a dense matrix, but rows are short."""
        width = len(self.minus_M)
        diagonal = self.form.scale + float(np.abs(values).max()) + shift
        return UNIT * (width + 16) * min(2 * width, self.form.order) * diagonal

    def least_shift(self, values: NDArray[np.float64], first: float) -> tuple[float, NDArray[np.float64]]:
        """The first of first, 4 first, 16 first, ... for which S + shift 1 is positive, and the factor."""
        shift = first
        while (factor := self.factor(values, shift)) is None:
            shift *= LOOSER
        return shift, factor

    def prove(self, values: NDArray[np.float64]) -> Proof:
        """S + shift 1 is positive."""
        shift, _ = self.least_shift(values, self.error(values) + self.form.rounding())
        return Proof(shift + self.error(values, shift) + self.form.rounding(), "S factorised")
