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
AFFORDED = 16 * 2**20  # bytes of J(q) up to which the paramagnet is computed, in less than a second
EXCESS = 0.02  # distance of the paramagnet from its order, in units of the ordering temperature
LARGE = 1000  # components of J(q), of which few eigenvectors are computed
ROUNDING = 1e-13  # of the largest coupling: what differs by less is equal
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

    Of q and -q one is computed, since J(-q) is the conjugate of J(q). Where couplings do not depend on the direction
    of spins, a component is an atom, and every mode stands for three.
    """
    lattice, isotropic = hamiltonian.lattice, _isotropic(hamiltonian)
    index, opposite = grid_indices(lattice), _opposite(lattice)
    bands = _components(lattice, isotropic)
    wanted = -(-count // 3) if isotropic else count
    own = np.flatnonzero(np.arange(len(index)) <= opposite)
    q = (index / np.array(lattice.size)) @ lattice.reciprocal
    some = _few if bands >= LARGE and 4 * wanted <= bands else _all
    top, wave, u = np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros((0, bands), dtype=np.complex128)
    for part in np.array_split(own, 1 if some is _few else 1 + len(own) * 16 * bands**2 // AT_ONCE):
        for k, values, vectors in some(hamiltonian, q[part], wanted, isotropic):
            watch()
            top = np.concatenate([top, values])
            wave = np.concatenate([wave, part[k]])
            u = np.concatenate([u, vectors])
            best = np.argsort(-top, kind="stable")[:wanted]
            top, wave, u = top[best], wave[best], u[best]
    paired = np.stack([wave, opposite[wave]], axis=1).ravel()  # q and -q in turn
    there = np.ones(len(paired), dtype=bool)
    there[1::2] = wave != opposite[wave]
    top, wave, u = np.repeat(top, 2)[there], paired[there], np.stack([u, u.conj()], axis=1).reshape(-1, bands)[there]
    if isotropic:
        top, wave = np.repeat(top, 3), np.repeat(wave, 3)
        u = (u[:, None, :, None] * np.eye(3)[:, None]).reshape(-1, 3 * bands)
    return Waves(index[wave][:count], -0.5 * top[:count], u[:count].reshape(-1, lattice.atoms, 3))


def paramagnet(hamiltonian: Hamiltonian, index: NDArray[Any], largest: float | None = None) -> NDArray[Any]:
    """Return matrices F(q) that give white noise the correlations of the paramagnet, [wave, component, component].

    They are upper triangular, in units of 1 / sqrt(meV).

    F F^H is proportional to [w + EXCESS (w - w0) - J(q) - 2 A]^-1, the covariance of the spherical model (Berlin & Kac,
    Phys. Rev. 86, 821 (1952)) a little above its ordering temperature; w is the largest eigenvalue of J(q) + 2 A and
    w0 the mean one of 2 A. A component is an atom where couplings do not depend on the direction of spins, else a spin
    component of one. Where J(q) would take more than ``AFFORDED`` bytes, F = 1: independent spins.

    index     [wave, 3] integers (k1, k2, k3), also along open axes, where J(q) is that of the infinite crystal
    largest   w, meV, if it is known
    """
    lattice, isotropic = hamiltonian.lattice, _isotropic(hamiltonian)
    bands = _components(lattice, isotropic)
    if len(index) * 16 * bands**2 > AFFORDED:
        return np.ones((len(index), 1, 1))
    J = _softness(hamiltonian, (index / np.array(lattice.size)) @ lattice.reciprocal, isotropic)
    if largest is None:
        largest = float(np.linalg.eigvalsh(J)[:, -1].max())
    mean = 2 * float(np.trace(hamiltonian.quadratic, axis1=1, axis2=2).mean()) / 3
    above = max(largest - mean, 1e-6 * abs(largest)) or 1.0  # the last: of a model without couplings
    root = np.linalg.cholesky((largest + EXCESS * above) * np.eye(bands) - J)
    return np.linalg.inv(root).conj().swapaxes(1, 2)


def _opposite(lattice: Lattice) -> NDArray[np.int64]:
    """Return the number of -q for each q of ``grid_indices``, [cell]."""
    along = [n if p else 1 for n, p in zip(lattice.size, lattice.periodic, strict=True)]
    numbers = np.arange(np.prod(along)).reshape(along)
    for axis in range(3):
        numbers = np.roll(np.flip(numbers, axis), 1, axis)
    return numbers.ravel()


def _isotropic(hamiltonian: Hamiltonian) -> bool:
    """Return whether J(q) + 2 A is a multiple of the unit matrix for each pair of atoms."""
    blocks = np.concatenate([hamiltonian.present.J, hamiltonian.quadratic])
    plain = hamiltonian.dipole is None and hamiltonian.waves is None
    return plain and bool((blocks == blocks[:, :1, :1] * np.eye(3)).all())


def _components(lattice: Lattice, isotropic: bool) -> int:
    """Return the number of rows of J(q): an atom each where couplings are isotropic, else a spin component."""
    return lattice.atoms if isotropic else 3 * lattice.atoms


Modes = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.complex128]]


def _all(hamiltonian: Hamiltonian, q: NDArray[np.float64], count: int, isotropic: bool) -> Iterator[Modes]:
    """Yield some modes of each q: its number [mode], eigenvalues of J(q) + 2 A, eigenvectors [mode, component]."""
    J, number = _softness(hamiltonian, q, isotropic), np.arange(len(q))
    if count < len(q):  # eigenvectors take longer than eigenvalues
        every = np.linalg.eigvalsh(J)
        least = np.partition(every.ravel(), -count)[-count]
        number = np.flatnonzero(every[:, -1] >= least - ROUNDING * np.abs(every).max())  # with those that are as soft
        J = J[number]
    values, vectors = np.linalg.eigh(J)  # ascending: the last is the softest
    values, vectors = values[:, : -count - 1 : -1], vectors[:, :, : -count - 1 : -1].swapaxes(1, 2)
    yield np.repeat(number, values.shape[1]), values.ravel(), vectors.reshape(-1, J.shape[1])


def _few(hamiltonian: Hamiltonian, q: NDArray[np.float64], count: int, isotropic: bool) -> Iterator[Modes]:
    """Yield the same for large cells, by Lanczos; see ``softest_waves``."""
    from scipy.sparse.linalg import ArpackNoConvergence, eigsh

    for k in range(len(q)):
        sparse = hamiltonian.dipole is None
        J = _sparse(hamiltonian, q[k], isotropic) if sparse else _softness(hamiltonian, q[k : k + 1], isotropic)[0]
        start = np.random.default_rng(0).normal(size=J.shape[0])
        try:
            values, vectors = eigsh(J, count, which="LA", v0=start, tol=ACCURACY)
        except ArpackNoConvergence as error:  # flat bands: those that were found
            values, vectors = error.eigenvalues, error.eigenvectors
        if not len(values):
            ((_, values, rows),) = _all(hamiltonian, q[k : k + 1], count, isotropic)
            vectors = rows.T
        yield np.full(len(values), k), values, vectors.T


def _softness(hamiltonian: Hamiltonian, q: NDArray[np.float64], isotropic: bool) -> NDArray[Any]:
    """Return J(q) + 2 A, [q, component, component] meV."""
    atoms = np.arange(hamiltonian.lattice.atoms)
    if isotropic:
        a, b, blocks = hamiltonian.fourier_blocks(q)
        J = np.zeros((len(q), len(atoms), len(atoms)), dtype=np.complex128)
        J[:, a, b] = blocks[..., 0, 0]
        J[:, atoms, atoms] += 2 * hamiltonian.quadratic[:, 0, 0]
    else:
        J = hamiltonian.fourier(q)
        J.reshape(len(q), len(atoms), 3, len(atoms), 3)[:, atoms, :, atoms] += 2 * hamiltonian.quadratic[:, None]
    return _real(J)


def _sparse(hamiltonian: Hamiltonian, q: NDArray[np.float64], isotropic: bool) -> Any:
    """Return J(q) + 2 A of bonds at one q [3], a sparse matrix [component, component] meV."""
    from scipy.sparse import csr_array

    atom, (a, b, J) = np.arange(hamiltonian.lattice.atoms), hamiltonian.fourier_blocks(q)
    size = 1 if isotropic else 3
    blocks = _real(np.concatenate([J[0], 2 * hamiltonian.quadratic]))[:, :size, :size]
    x, y = np.indices((size, size))
    rows = size * np.concatenate([a, atom])[:, None, None] + x
    columns = size * np.concatenate([b, atom])[:, None, None] + y
    there = blocks != 0
    shape = size * len(atom), size * len(atom)
    return csr_array((blocks[there], (rows[there], columns[there])), shape=shape)


def _real(J: NDArray[np.complex128]) -> NDArray[Any]:
    """Return real numbers where they are real but for rounding: q and -q are one."""
    return J.real if np.abs(J.imag).max(initial=0) <= ROUNDING * np.abs(J).max(initial=0) else J
