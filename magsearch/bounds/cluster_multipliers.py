"""Optimal multipliers of large clusters by low-rank factorisation (Burer & Monteiro).

The dual problem of the optimal multipliers is the lowest energy of correlations X, positive semidefinite, with
tr X_aa = 1 for every spin. With X = V V^T and ``rank`` columns, it is the ground state of spins V_a with c x rank
components: smooth, and without spurious local minima once the rank is large enough (Burer & Monteiro, Math. Program.
95, 329 (2003); Boumal, Voroninski & Bandeira, Commun. Pure Appl. Math. 73, 581 (2020)). It is relaxed by Newton's
method, lambda_a = V_a . (M V + h)_a. While S = Lambda - M has a negative eigenvalue, its eigenvector is appended as
another column. In a field the first column is the uniform part m of the spins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from magsearch.bounds.banded import Band
from magsearch.bounds.quadratic_form import QuadraticForm

EXACT = 1e-11  # eigenvalues of S above minus this, in units of form.scale, are not negative
COLUMNS = 100  # largest number of appended columns
NEWTON = 100  # largest number of Newton steps at one rank
CG = 300  # largest number of conjugate-gradient iterations of one step


def cluster_multipliers(form: QuadraticForm, watch: Callable[[], None] = lambda: None) -> NDArray[np.float64]:
    """Return the optimal multipliers lambda [spin] in meV of a form without wave vectors.

    S = Lambda - M is positive semidefinite up to rounding; ``Band.prove`` has the rigorous shift.

    watch  called repeatedly
    """
    spins, band = _Spins(form, watch), Band(form)
    V = spins.start()
    for _ in range(COLUMNS):
        V, values = spins.relaxed(V)
        shift, factor = band.least_shift(values, EXACT * form.scale)
        if shift <= EXACT * form.scale:
            break
        inverse = LinearOperator((form.order, form.order), lambda x, f=factor: band.solve(f, x), dtype=float)
        _, softest = eigsh(inverse, k=1, which="LA", v0=np.random.default_rng(0).normal(size=form.order), tol=1e-3)
        V = spins.with_column(V, softest[:, 0].reshape(form.n_spins, form.components), values)
    return values


@dataclass(frozen=True, eq=False)
class _Spins:
    """Relaxation of V [spin, component, column] with |V_a| = 1 in f = - <V, M V> - 2 h . V_0."""

    form: QuadraticForm
    watch: Callable[[], None]

    def start(self) -> NDArray[np.float64]:
        V = np.random.default_rng(0).normal(size=(self.form.n_spins, self.form.components, 2))
        return _unit(V)

    def M(self, V: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.form.uniform @ V.reshape(self.form.order, -1)).reshape(V.shape)

    def field(self, V: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return - 1/2 times the gradient of f."""
        b = self.M(V)
        b[:, :, 0] += self.form.field
        return b

    def energy(self, V: NDArray[np.float64]) -> float:
        return -float((V * self.M(V)).sum() + 2 * (self.form.field * V[:, :, 0]).sum())

    def relaxed(self, V: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return V at a minimum of f, and the multipliers [spin].

        Truncated Newton steps by conjugate gradients; the Hessian of f is P S P with the tangent projector P.
        """
        tolerance = 1e-14 * self.form.scale * np.sqrt(self.form.n_spins)
        before = np.inf
        for _ in range(NEWTON):
            b = self.field(V)
            values = (V * b).sum(axis=(1, 2))
            force = b - values[:, None, None] * V
            size = float(np.linalg.norm(force))
            if size <= tolerance or (size < 1e-9 * self.form.scale and size > 0.9 * before):
                break
            before = size
            step = self.newton(V, values, force)
            now, fraction = self.energy(V), 1.0
            slope = 2 * float((force * step).sum())
            while fraction > 1e-4 and self.energy(
                _unit(V + fraction * step)
            ) > now - 1e-4 * fraction * slope + 1e-14 * abs(now):
                fraction /= 2
            V = _unit(V + fraction * step)
        return V, values

    def newton(self, V, values, force):
        """Return the step W with P S W = force, or a descent direction of negative curvature."""
        W, residual = np.zeros_like(V), force.copy()
        p, size2 = residual.copy(), float((residual**2).sum())
        goal = size2 * min(0.25, size2 / self.form.scale**2)
        for _ in range(CG):
            self.watch()
            product = _tangent(V, values[:, None, None] * p - self.M(p))  # P S p
            curvature = float((p * product).sum())
            if curvature <= 1e-13 * self.form.scale * float((p**2).sum()):
                if not W.any():
                    W = p / self.form.scale
                break
            W += size2 / curvature * p
            residual -= size2 / curvature * product
            new = float((residual**2).sum())
            if new <= goal:
                break
            p, size2 = residual + new / size2 * p, new
        longest = float(np.sqrt((W**2).sum(axis=(1, 2))).max())
        return W / max(1.0, longest)

    def with_column(self, V, u, values):
        """Append a column along u to V, of the length that lowers the energy most."""
        trial = [_unit(np.concatenate([V, length * u[:, :, None]], axis=2)) for length in np.geomspace(1e-4, 3, 20)]
        return min(trial, key=self.energy)


def _unit(V: NDArray[np.float64]) -> NDArray[np.float64]:
    return V / np.sqrt((V**2).sum(axis=(1, 2), keepdims=True))


def _tangent(V: NDArray[np.float64], W: NDArray[np.float64]) -> NDArray[np.float64]:
    return W - (V * W).sum(axis=(1, 2), keepdims=True) * V
