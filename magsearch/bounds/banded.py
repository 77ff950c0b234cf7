"""Banded Cholesky factorisation of S = Lambda - M for large clusters.

The spins are ordered by the reverse Cuthill-McKee algorithm (Cuthill & McKee, Proc. 24th Nat. Conf. ACM, 157 (1969)),
which makes S a band matrix; LAPACK factorises the band. The error of the factorisation is bounded as in
``positivity``.
"""

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
    """Band matrix S at q = 0 of a quadratic form, for any multipliers."""

    form: QuadraticForm

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """Row in the band of every row of M, [order]."""
        return np.argsort(reverse_cuthill_mckee(sparse.csr_matrix(self.form.uniform), symmetric_mode=True))

    @cached_property
    def minus_M(self) -> NDArray[np.float64]:
        """Band of - M in LAPACK's lower storage, [diagonal, order], meV."""
        entries = sparse.coo_array(self.form.uniform)
        row, column = self.place[entries.row], self.place[entries.col]
        low = row >= column
        below, column = (row - column)[low], column[low]
        band = np.zeros((below.max(initial=0) + 1, self.form.order), order="F")
        band[below, column] = -entries.data[low]
        return band

    def factor(self, values: NDArray[np.float64], shift: float) -> NDArray[np.float64] | None:
        """Return the Cholesky factor of S + shift 1, [diagonal, order]; None if the factorisation fails.

        values  multipliers [spin], meV
        shift   meV
        """
        band = self.minus_M.copy(order="F")
        band[0, self.place] += np.repeat(values + shift, self.form.components)
        factor, failed = lapack.dpbtrf(band, lower=1, overwrite_ab=1)
        return None if failed else factor

    def solve(self, factor: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (S + shift 1)^-1 x, given the Cholesky factor of S + shift 1; x [order]."""
        permuted = np.empty_like(x)
        permuted[self.place] = x
        return np.asarray(lapack.dpbtrs(factor, permuted, lower=1)[0][self.place]).reshape(x.shape)

    def error(self, values: NDArray[np.float64], shift: float = 0.0) -> float:
        """Return an upper bound, in meV, of how far below zero a factorised S + shift 1 can have eigenvalues.

        The bound of ``positivity.factorisation_error`` with the lengths of the rows of the band.
        """
        width = len(self.minus_M)
        diagonal = self.form.scale + float(np.abs(values).max()) + shift
        return UNIT * (width + 16) * min(2 * width, self.form.order) * diagonal

    def least_shift(self, values: NDArray[np.float64], first: float) -> tuple[float, NDArray[np.float64]]:
        """Return the least of first, 4 first, 16 first, ... (meV) for which S + shift 1 factorises, and the factor."""
        shift = first
        while (factor := self.factor(values, shift)) is None:
            shift *= LOOSER
        return shift, factor

    def prove(self, values: NDArray[np.float64]) -> Proof:
        """Prove that S + shift 1 is positive semidefinite, with a shift as small as rounding permits."""
        shift, _ = self.least_shift(values, self.error(values) + self.form.rounding())
        return Proof(shift + self.error(values, shift) + self.form.rounding(), "S factorised")
