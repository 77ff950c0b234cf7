"""Static structure factor and Fourier modes of a texture."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.lattice import Lattice
from magsearch.model.reciprocal import wave_vectors

PEAKS = 6  # Fourier weights that a fingerprint keeps


def sublattice_modes(lattice: Lattice, spins: ArrayLike) -> NDArray[np.complex128]:
    """Return sum_R s_R exp(-i q . R) over all cells R for each atom of the basis, [..., n3, n2, n1, atom, 3]."""
    s = lattice.textures(spins)
    return np.fft.fftn(s.reshape(*s.shape[:-2], *lattice.grid, lattice.atoms, 3), axes=(-5, -4, -3))


def structure_factor(lattice: Lattice, spins: ArrayLike, q: ArrayLike | None = None) -> NDArray[np.float64]:
    """Return the static structure factor |sum_i s_i exp(-i q . r_i)|^2 / N of N spins at positions r_i, [..., q].

    q [q..., 3] in 1/angstrom must be commensurate with the lattice, in any zone; by default ``wave_vectors(lattice)``,
    so that the result is [..., n3, n2, n1]. A ferromagnet has N at q = 0. Raises ValueError for an incommensurate q.
    """
    q = wave_vectors(lattice) if q is None else np.asarray(q, dtype=np.float64)
    size, extended = np.array(lattice.size), np.array(lattice.size) > 1
    turns = q @ lattice.cell.T / (2 * np.pi) * size  # [q..., 3], integers along extended axes
    h = np.rint(turns).astype(np.int64)
    if np.abs(turns - h)[..., extended].max(initial=0) > 1e-3:
        raise ValueError("q is not commensurate with the lattice: q . a_k n_k / 2 pi must be an integer")
    x, y, z = np.moveaxis(np.where(extended, h % size, 0), -1, 0)
    modes = sublattice_modes(lattice, spins)[..., z, y, x, :, :]  # [..., q..., atom, 3]
    amplitude = np.einsum("...a,...ac->...c", np.exp(-1j * q @ lattice.basis.T), modes)
    return (np.abs(amplitude) ** 2).sum(axis=-1) / max(_spins_per_texture(spins), 1)


def peaks(lattice: Lattice, spins: ArrayLike, count: int = PEAKS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ``count`` highest peaks of one texture's structure factor: q [count, 3] in 1/angstrom, S [count]."""
    S = structure_factor(lattice, spins).ravel()
    largest = np.argsort(-S, kind="stable")[:count]
    return wave_vectors(lattice).reshape(-1, 3)[largest], S[largest]


def _spins_per_texture(spins: ArrayLike) -> int:
    s = np.asarray(spins)
    return int((s.reshape(-1, *s.shape[-2:])[0] != 0).any(axis=-1).sum())
