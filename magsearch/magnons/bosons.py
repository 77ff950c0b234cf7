"""Bosonic Bogoliubov transformation: the frequencies and modes of a quadratic form of bosons.

    H = 1/2 sum_q Psi^+ H(q) Psi,    Psi = (a_q, a^+_-q),    Psi = M (b_q, b^+_-q),    M^+ H M = diag(w_q, w_-q)

with M g M^+ = g = diag(1, -1): Colpa, Physica A 93, 327 (1978). H = F^+ F is factorised by Cholesky's method, and
F g F^+ is Hermitian with the energies as its positive eigenvalues. Where Goldstone modes make H singular, Cholesky's
method fails; F is then h^1/2 V^+ from the eigenvalues h and eigenvectors V of H, which also tell whether H is positive.
Eigenvalues below ``FLOOR`` of the largest one are raised to it: the energy of a Goldstone mode is at most about
FLOOR^1/2 of the highest one instead of zero, and its intensity is finite.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-14  # of the largest eigenvalue of H(q)


class Bosons(NamedTuple):
    """Modes of quadratic forms of bosons.

    energies  [q, mode] in the unit of the form, lowest first
    modes     [q, 2 modes, mode]: Psi = sum of ``modes`` b_q + terms with b^+_-q
    lowest    [q] lowest eigenvalue of the form as a fraction of the largest one; 0 where it is above 0
    """

    energies: NDArray[np.float64]
    modes: NDArray[np.complex128]
    lowest: NDArray[np.float64]


def bogoliubov(H: NDArray[np.complex128]) -> Bosons:
    """Return the modes of forms H [q, 2 modes, 2 modes], Hermitian and not negative."""
    n = H.shape[-1] // 2
    F, inverse, lowest = _factors(H)
    energies, U = np.linalg.eigh((F * np.repeat([1.0, -1.0], n)) @ F.conj().swapaxes(1, 2))
    energies, U = np.maximum(energies[:, n:], 0.0), U[:, :, n:]  # n are positive, by the inertia of g
    return Bosons(energies, inverse @ (U * np.sqrt(energies)[:, None, :]), lowest)


def _factors(
    H: NDArray[np.complex128],
) -> tuple[NDArray[np.complex128], NDArray[np.complex128], NDArray[np.float64]]:
    """Return F with H = F^+ F, its inverse, and ``Bosons.lowest``."""
    try:
        upper = np.asarray(np.linalg.cholesky(H).conj().swapaxes(1, 2), dtype=np.complex128)
        return upper, np.asarray(np.linalg.inv(upper)), np.zeros(len(H))
    except np.linalg.LinAlgError:
        h, V = np.linalg.eigh(H)
    largest = np.maximum(np.abs(h).max(axis=1, initial=0.0), 1e-300)
    root = np.sqrt(np.maximum(h, FLOOR * largest[:, None]))
    F = np.asarray(root[:, :, None] * V.conj().swapaxes(1, 2), dtype=np.complex128)
    return F, np.asarray(V / root[:, None, :]), np.minimum(h[:, 0] / largest, 0.0)
