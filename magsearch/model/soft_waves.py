"""The softest waves of a model: the lowest modes of the Luttinger-Tisza matrix among the wave vectors of the box.

Unit spins in a mode of J(q) + 2 A with the eigenvalue w, A the quadratic anisotropy, have the energy - w / 2 per site
(Luttinger & Tisza, Phys. Rev. 70, 954 (1946)).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice

AT_ONCE = 64 * 2**20  # bytes of J(q) that are held at a time
LARGE = 1000  # components of J(q), of which few eigenvectors are computed
ROUNDING = 1e-13  # of the largest coupling: imaginary parts below are none
ACCURACY = 1e-10  # of these eigenvalues, relative


@dataclass(frozen=True, eq=False)
class Waves:
    """Plane waves s(r) = Re[u exp(i q.T)] commensurate with the box, softest first.

    index    [wave, 3]              integers (k1, k2, k3) with q = sum_a k_a b_a / n_a
    energy   [wave]                 meV per site of a unit wave, - 1/2 of an eigenvalue of J(q) + 2 A
    vector   [wave, atom, 3]        complex amplitude u on the atoms of the basis
    """

    index: NDArray[np.int64]
    energy: NDArray[np.float64]
    vector: NDArray[np.complex128]

    @cached_property
    def together(self) -> NDArray[np.bool_]:
        """Which waves have the same q, [wave, wave]."""
        return (self.index[:, None] == self.index).all(axis=2)


def grid_indices(lattice: Lattice) -> NDArray[np.int64]:
    """Return the indices (k1, k2, k3) of all wave vectors of the box, centred on zero, [cell, 3].

    Along open axes k = 0 only.
    """
    axes = [
        (np.arange(n) + n // 2) % n - n // 2 if p else np.zeros(1, int)
        for n, p in zip(lattice.size, lattice.periodic, strict=True)
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def softest_waves(hamiltonian: Hamiltonian, count: int = 64, watch: Callable[[], None] = lambda: None) -> Waves:
    """Return the ``count`` softest modes of J(q) + 2 A among the wave vectors of the box; A quadratic anisotropy.

    With ``LARGE`` components or more per q, and ``count`` at most a quarter of them, Lanczos is used: the softest mode
    is found then, but stiffer ones may stand in the place of degenerate others. ``watch`` is called repeatedly.
    """
    lattice = hamiltonian.lattice
    index, bands = grid_indices(lattice), 3 * lattice.atoms
    q = (index / np.array(lattice.size)) @ lattice.reciprocal
    some = _few if bands >= LARGE and 4 * count <= bands else _all
    top, wave, u = np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros((0, bands), dtype=np.complex128)
    for part in np.array_split(np.arange(len(q)), 1 if some is _few else 1 + len(q) * 16 * bands**2 // AT_ONCE):
        for k, values, vectors in some(hamiltonian, q[part], count):
            watch()
            top = np.concatenate([top, values])
            wave = np.concatenate([wave, part[k]])
            u = np.concatenate([u, vectors])
            best = np.argsort(-top, kind="stable")[:count]
            top, wave, u = top[best], wave[best], u[best]
    return Waves(index[wave], -0.5 * top, u.reshape(len(u), lattice.atoms, 3))


Modes = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.complex128]]


def _all(hamiltonian: Hamiltonian, q: NDArray[np.float64], count: int) -> Iterator[Modes]:
    """Yield some modes of each q: its number [mode], eigenvalues of J(q) + 2 A, eigenvectors [mode, component]."""
    J = _softness(hamiltonian, q)
    values, vectors = np.linalg.eigh(J)  # ascending: the last is the softest
    values, vectors = values[:, : -count - 1 : -1], vectors[:, :, : -count - 1 : -1].swapaxes(1, 2)
    yield np.repeat(np.arange(len(q)), values.shape[1]), values.ravel(), vectors.reshape(-1, J.shape[1])


def _few(hamiltonian: Hamiltonian, q: NDArray[np.float64], count: int) -> Iterator[Modes]:
    """Yield the same for large cells, by Lanczos; see ``softest_waves``."""
    from scipy.sparse.linalg import ArpackNoConvergence, eigsh

    for k in range(len(q)):
        J = _sparse(hamiltonian, q[k]) if hamiltonian.dipole is None else _softness(hamiltonian, q[k : k + 1])[0]
        start = np.random.default_rng(0).normal(size=J.shape[0])
        try:
            values, vectors = eigsh(J, count, which="LA", v0=start, tol=ACCURACY)
        except ArpackNoConvergence as error:  # flat bands: those that were found
            values, vectors = error.eigenvalues, error.eigenvectors
        if not len(values):
            ((_, values, rows),) = _all(hamiltonian, q[k : k + 1], count)
            vectors = rows.T
        yield np.full(len(values), k), values, vectors.T


def _softness(hamiltonian: Hamiltonian, q: NDArray[np.float64]) -> NDArray[Any]:
    """Return J(q) + 2 A, [q, component, component] meV."""
    J, atom = hamiltonian.fourier(q), np.arange(hamiltonian.lattice.atoms)
    J.reshape(len(q), len(atom), 3, len(atom), 3)[:, atom, :, atom] += 2 * hamiltonian.quadratic[:, None]
    return _real(J)


def _sparse(hamiltonian: Hamiltonian, q: NDArray[np.float64]) -> Any:
    """Return J(q) + 2 A of bonds at one q [3], a sparse matrix [component, component] meV."""
    from scipy.sparse import csr_array

    atom, (a, b, J) = np.arange(hamiltonian.lattice.atoms), hamiltonian.fourier_blocks(q)
    blocks = _real(np.concatenate([J[0], 2 * hamiltonian.quadratic]))
    x, y = np.indices((3, 3))
    rows = 3 * np.concatenate([a, atom])[:, None, None] + x
    columns = 3 * np.concatenate([b, atom])[:, None, None] + y
    there = blocks != 0
    return csr_array((blocks[there], (rows[there], columns[there])), shape=(3 * len(atom), 3 * len(atom)))


def _real(J: NDArray[np.complex128]) -> NDArray[Any]:
    """Return real numbers where they are real but for rounding: q and -q are one."""
    return J.real if np.abs(J.imag).max(initial=0) <= ROUNDING * np.abs(J).max(initial=0) else J
