"""Optimal multipliers of the generalised Luttinger-Tisza method for given wave vectors, by an interior-point method.

    min sum_a lambda_a + h . S(0)^-1 h    with S(q) = Lambda - M(q) positive at the wave vectors

The problem is convex, and is the dual of Luttinger & Tisza's weak constraint with a multiplier for each sublattice
(Lyons & Kaplan, Phys. Rev. 120, 1580 (1960)). Newton steps follow the central path of the barrier
- t sum_q log det S(q), t -> 0 (Boyd & Vandenberghe, Convex Optimization (2004), chapter 11). The derivative with
respect to lambda_a vanishes where

    |m_a|^2 + t sum_q tr [S(q)^-1]_aa = 1,    m = S(0)^-1 h:

the squared length of every sublattice, that of the uniform part m plus that of the waves, is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.bounds.quadratic_form import QuadraticForm

SMALLEST = 1e-13  # last t, in units of the couplings
FASTER = 10.0  # factor by which t is reduced
NEWTON = 60  # largest number of Newton steps for each t


def best_multipliers(
    form: QuadraticForm, k: NDArray[np.float64], watch: Callable[[], None] = lambda: None
) -> NDArray[np.float64]:
    """Return the multipliers lambda [spin] in meV that are optimal for the waves k alone.

    k      [q, 3] in units of the reciprocal vectors; k[0] = 0
    watch  called repeatedly
    """
    M: NDArray[Any] = form.matrices(k)
    if not k.any():
        M = M.real.copy()
    path = _Path(form, M, watch)
    largest = np.linalg.eigvalsh(M)[:, -1].max()
    values = np.full(form.n_spins, largest + form.scale)
    t = form.scale / len(M) / form.components
    while True:
        values = path.centre(values, t)
        if t <= SMALLEST * form.scale:
            return values
        t /= FASTER


@dataclass(frozen=True, eq=False)
class _Path:
    """Central path of f(lambda) = sum lambda + h . S(0)^-1 h - t sum_q log det S(q); M [q, order, order]."""

    form: QuadraticForm
    M: NDArray[Any]
    watch: Callable[[], None]

    def S(self, values: NDArray[np.float64]) -> NDArray[Any]:
        return shifted(self.form, self.M, values)

    def value(self, values: NDArray[np.float64], t: float) -> float:
        """Return f; infinite where S is not positive."""
        try:
            root = np.linalg.cholesky(self.S(values))
        except np.linalg.LinAlgError:
            return np.inf
        h = self.form.field.ravel()
        half = np.linalg.solve(root[0], h)
        return float(values.sum() + np.vdot(half, half).real - 2 * t * np.log(np.einsum("qii->qi", root).real).sum())

    def centre(self, values: NDArray[np.float64], t: float) -> NDArray[np.float64]:
        """Minimise f at fixed t by Newton's method with backtracking."""
        n, c = self.form.n_spins, self.form.components
        now = self.value(values, t)
        for _ in range(NEWTON):
            self.watch()
            inverse = np.linalg.inv(self.S(values)).reshape(-1, n, c, n, c)
            m = np.einsum("acbd,bd->ac", inverse[0].real, self.form.field)
            length = (m**2).sum(axis=1) + t * np.einsum("qacac->a", inverse).real
            curvature = t * np.einsum("qacbd,qacbd->ab", inverse, inverse.conj()).real
            curvature += 2 * np.einsum("ac,acbd,bd->ab", m, inverse[0].real, m)
            step = np.linalg.solve(curvature, length - 1)
            decrease = float(step @ (length - 1))
            if decrease <= 1e-8 * t:
                break
            fraction = 1.0
            while (then := self.value(values + fraction * step, t)) > now - 1e-3 * fraction * decrease:
                fraction /= 2
                if fraction < 1e-6:
                    return values
            values, now = values + fraction * step, then
        return values


def shifted(form: QuadraticForm, M: NDArray[Any], values: NDArray[np.float64]) -> NDArray[Any]:
    """Return S = Lambda - M, [q, order, order], for matrices M [q, order, order] and multipliers [spin], meV."""
    S = -M
    np.einsum("qii->qi", S)[:] += np.repeat(values, form.components)
    return S
