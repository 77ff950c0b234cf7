"""The stationary texture closest to that of a magnetic cell, over spins and, for a spiral, the angles between cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.magnons.expansion import Expansion

SOFT = 1e-6  # of the stiffest coupling: modes that are much softer are not moved along to the minimum
TORQUE = 1e-6  # of the stiffest coupling, at a minimum
FARTHEST = 0.1  # radians that a spin may move to the minimum of the magnetic cell
STEPS = 50  # of Newton's method


class NotAMinimum(InputError):
    """The energy falls along a wave about the texture."""


def relaxed(expansion: Expansion, turning: bool = False) -> Expansion:
    """Return the expansion about the closest stationary texture of the magnetic cell, by Newton's method.

    turning   relax the angles of a spiral between the cells as well

    Raises NotAMinimum where there is none close by.
    """
    N, moved = expansion.n_spins, 0.0
    scale = max(expansion.hamiltonian.stiffness, 1e-300)
    best = expansion
    if turning:
        expansion = best = _descended(expansion)
    for _ in range(STEPS):
        force = _slopes(expansion, turning)
        size = float(np.abs(force).max(initial=0.0))
        if size <= 1e-14 * scale:
            return expansion
        h, u = np.linalg.eigh(_curvature(expansion, turning))
        step = np.asarray(-u @ (h / (h**2 + (SOFT * scale) ** 2) * (u.T @ force)), dtype=np.float64)
        new = expansion.displaced(step[: 2 * N].reshape(N, 2))
        if turning:
            new = new.turned(new.cell.turns + step[2 * N :])
        moved += float(np.abs(step[: 2 * N]).max(initial=0.0))
        if moved > FARTHEST and not turning:
            raise NotAMinimum(f"the texture is not a minimum: its largest torque is {size:.2g} meV; relax it first")
        better = float(np.abs(_slopes(new, turning)).max(initial=0.0))
        if better >= size:  # rounding
            break
        expansion = best = new
    size = float(np.abs(_slopes(best, turning)).max(initial=0.0))
    if size > TORQUE * scale:
        raise NotAMinimum(f"the texture is not a minimum: its largest torque is {size:.2g} meV; relax it first")
    return best


def _slopes(expansion: Expansion, turning: bool) -> NDArray[np.float64]:
    """Return the derivatives of the energy, [2 spins] meV, with those with the turns, [3], where ``turning``."""
    return np.concatenate([expansion.torque.ravel(), expansion.slope if turning else np.zeros(0)])


def _curvature(expansion: Expansion, turning: bool) -> NDArray[np.float64]:
    """Return the second derivatives of the energy; those with the turns from differences of first ones."""
    K = expansion.stiffness(np.zeros((1, 3)))[0].real
    if not turning:
        return K
    n, h = len(K), 1e-4
    H = np.zeros((n + 3, n + 3))
    H[:n, :n] = K
    for k in range(3):
        there, back = (expansion.turned(expansion.cell.turns + sign * h * np.eye(3)[k]) for sign in (1, -1))
        H[:, n + k] = (_slopes(there, True) - _slopes(back, True)) / (2 * h)
    H[n:, :n] = H[:n, n:].T
    H[n:, n:] = 0.5 * (H[n:, n:] + H[n:, n:].T)
    return H


def _descended(expansion: Expansion) -> Expansion:
    """Return the expansion at a minimum over spins and turns, by BFGS's method."""
    from scipy.optimize import minimize

    N = expansion.n_spins

    def at(x: NDArray[np.float64]) -> Expansion:
        return expansion.displaced(x[: 2 * N].reshape(N, 2)).turned(expansion.cell.turns + x[2 * N :])

    def value(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        new = at(x)
        v = expansion.spins + np.einsum("iu,iux->ix", x[: 2 * N].reshape(N, 2), expansion.frames)
        length = np.linalg.norm(v, axis=1, keepdims=True)
        across = new.gradient - np.einsum("ix,ix->i", new.gradient, new.spins)[:, None] * new.spins
        return new.energy, np.concatenate(
            [np.einsum("iux,ix->iu", expansion.frames, across / length).ravel(), new.slope]
        )

    scale = max(expansion.hamiltonian.stiffness, 1e-300)
    found = minimize(value, np.zeros(2 * N + 3), jac=True, method="BFGS", options={"gtol": 1e-8 * scale})
    return at(found.x)
