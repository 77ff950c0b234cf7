"""Bosonic Bogoliubov transformation: the frequencies and modes of a quadratic form of bosons.

    H = 1/2 sum_q Psi^+ H(q) Psi,    Psi = (a_q, a^+_-q),    Psi = M (b_q, b^+_-q),    M^+ H M = diag(w_q, w_-q)

with M g M^+ = g = diag(1, -1): Colpa, Physica A 93, 327 (1978). He factorises H = F^+ F by Cholesky's method, which
needs a positive definite matrix. Goldstone modes make H singular, so that F is taken from its eigenvalues h and
eigenvectors V here, as h^1/2 V^+; these also tell whether H is positive. Eigenvalues below ``FLOOR`` of the largest one
are raised to it: the energy of a Goldstone mode is at most about FLOOR^1/2 of the highest one instead of zero, and its
intensity is finite.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-14  # of the largest eigenvalue of H(q)


class Bosons(NamedTuple):
    """Modes of quadratic forms of bosons.

    energies   [q, mode] in the unit of the form, lowest first
    modes      [q, 2 modes, mode]: Psi = sum of ``modes`` b_q + terms with b^+_-q
    stiffness  [q, 2 modes] eigenvalues of the form, lowest first
    """

    energies: NDArray[np.float64]
    modes: NDArray[np.complex128]
    stiffness: NDArray[np.float64]


def bogoliubov(H: NDArray[np.complex128]) -> Bosons:
    """Return the modes of forms H [q, 2 modes, 2 modes], Hermitian and not negative."""
    n = H.shape[-1] // 2
    h, V = np.linalg.eigh(H)
    kept = np.maximum(h, FLOOR * np.abs(h).max(axis=1, keepdims=True, initial=1e-300))
    F = np.sqrt(kept)[:, :, None] * V.conj().swapaxes(1, 2)
    g = np.repeat([1.0, -1.0], n)
    energies, U = np.linalg.eigh((F * g) @ F.conj().swapaxes(1, 2))
    energies, U = energies[:, n:], U[:, :, n:]  # n are positive, by the inertia of g
    energies = np.maximum(energies, 0.0)
    modes = (V / np.sqrt(kept)[:, None, :]) @ (U * np.sqrt(energies)[:, None, :])
    return Bosons(energies, modes, h)
