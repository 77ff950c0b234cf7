"""Linear spin-wave theory about a minimum of the energy.

The energy is a function of unit vectors s_i along the magnetic moments m_i = g S_i mu_B. The angular momentum of a
moment is - hbar S_i s_i, since electrons have g > 0, and the Landau-Lifshitz equation is hbar S_i ds_i/dt = - s_i x b_i
with b_i = - dE/ds_i. In tangent planes with e_1 x e_2 = s it is

    hbar S x' = - dE/dy,    hbar S y' = dE/dx:    [Y, X] = i for X = S^1/2 x, Y = S^1/2 y,    a = (Y + i X) / 2^1/2

a is the boson of Holstein & Primakoff, Phys. Rev. 58, 1098 (1940), to second order. The quadratic form of the energy
(``expansion``) therefore becomes H(q) = W^+ K(q) W with (x, y) = W (a, a^+), and its modes (``bosons``) have the
frequencies of the linearised Landau-Lifshitz equation. A ferromagnet with isotropic couplings has

    hbar w(q) = [J(0) - J(q)] / S = g mu_B / m [J(0) - J(q)],    J(q) = sum_j J_0j exp(i q.r_j)

With J_ij = S^2 j_ij for a Hamiltonian - 1/2 sum j_ij S_i.S_j it is S [j(0) - j(q)]. Anisotropies are classical: no
factor 1 - 1 / 2S and the like is applied to K or to Stevens operators. Waves are exp(i q.r - i w t).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.limits import memory
from magsearch.magnons.bosons import bogoliubov
from magsearch.magnons.cell import RepeatedCell, repeated_cell, spiral_cell
from magsearch.magnons.expansion import Expansion
from magsearch.magnons.stationary import NotAMinimum, relaxed
from magsearch.model.hamiltonian import Hamiltonian

MEV_PER_THZ = 4.135667696923859  # h in meV / THz, CODATA 2018
WORKING = 2**27  # bytes of matrices in a batch of wave vectors
MATRICES = 8  # of one wave vector that are in memory at once
ZERO = 1e-7  # of the largest eigenvalue of K(0): smaller ones are zero modes
UNSTABLE = 1e-6  # of the largest eigenvalue of H(q): below minus this, one is negative


@dataclass(frozen=True, eq=False)
class Bands:
    """Spin waves at wave vectors.

    q            [q, 3] in reciprocal vectors of the crystal as it was given, as all wave vectors here
    energies     [q, band] meV: of every spin of the magnetic cell, lowest first; of a spiral those at q - k, then those
                 at q + k, and at q
    intensities  [q, band] mu_B^2 per cell of the crystal: one-magnon scattering of neutrons, sum over components of
                 moments perpendicular to q
    amplitudes   [q, band, 3] mu_B: <0| M_q |magnon>, per square root of the cells of the crystal
    """

    q: NDArray[np.float64]
    energies: NDArray[np.float64]
    intensities: NDArray[np.float64]
    amplitudes: NDArray[np.complex128]


@dataclass(frozen=True)
class ZeroModes:
    """Modes of zero energy at q = 0.

    hessian   zero eigenvalues of the Hessian of the magnetic cell
    bands     bands that are gapless at q = 0: two zero modes that are conjugate to each other share one
    """

    hessian: int
    bands: int


@dataclass(frozen=True, eq=False)
class SpinWaves:
    """Linear spin-wave theory about a texture.

    expansion   of the energy about the texture, in its magnetic cell
    g           [spin] g factors: moments are m = g S
    """

    expansion: Expansion
    g: NDArray[np.float64]

    @classmethod
    def about(cls, hamiltonian: Hamiltonian, texture: ArrayLike, g: float = 2.0, spiral: bool = False) -> SpinWaves:
        """Return the spin-wave theory about a texture [site, 3], in the smallest cell after which it repeats.

        The texture is relaxed within that cell by Newton's method, which moves spins by rounding if it has converged.

        g        of all moments: their spins are S = m / g
        spiral   use the smallest cell after which the texture repeats turned about an axis, in the infinite crystal:
                 the angle per cell is relaxed too, so that the spiral may be incommensurate

        Raises NotAMinimum if it is no stationary state, ValueError for ``spiral`` where the model or the texture has no
        such axis and for a magnetic cell whose matrices do not fit into memory, UnsupportedTerm for a term whose second
        derivatives are not known.
        """
        if not g > 0:
            raise ValueError(f"g is {g:g}; expected a positive number")
        cell = (spiral_cell if spiral else repeated_cell)(hamiltonian, texture)
        expansion = Expansion.of(hamiltonian, cell)
        needed, most = MATRICES * 16 * (2 * expansion.n_spins) ** 2, memory()
        if needed > most:
            raise ValueError(
                f"the texture repeats after {expansion.n_spins} spins: spin waves need {needed / 1e9:.3g} GB, this "
                f"process may use {most / 1e9:.3g} GB"
            )
        expansion = relaxed(expansion, spiral)
        return cls(expansion, np.full(expansion.n_spins, float(g)))

    @property
    def cell(self) -> RepeatedCell:
        """The magnetic cell."""
        return self.expansion.cell

    @property
    def n_spins(self) -> int:
        """Number of spins of the magnetic cell, and of its bands."""
        return self.expansion.n_spins

    @cached_property
    def S(self) -> NDArray[np.float64]:
        """Lengths of the spins, m / g, [spin]."""
        return np.asarray(self.expansion.moments / self.g)

    @property
    def energy_per_site(self) -> float:
        """Energy of the texture, meV per spin."""
        return self.expansion.energy / self.n_spins

    @cached_property
    def _W(self) -> NDArray[np.complex128]:
        """X and Y of a spin as sums of a and a^+, [2, 2]."""
        return np.array([[-1j, 1j], [1.0, 1.0]]) / np.sqrt(2)

    def bosonic(self, q: ArrayLike) -> NDArray[np.complex128]:
        """Return H(q), [q, 2 spins, 2 spins] meV, of (a_q, a^+_-q); q [q, 3] in reciprocal vectors of the crystal."""
        N, root = self.n_spins, np.sqrt(np.repeat(self.S, 2))
        K = (self.expansion.stiffness(q) / np.outer(root, root)).reshape(-1, N, 2, N, 2)
        H = np.einsum("ua,qiujv,vb->qaibj", self._W.conj(), K, self._W, optimize=True)
        return np.asarray(H.reshape(-1, 2 * N, 2 * N))

    def batches(self, q: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
        """Yield the wave vectors q [q, 3] in parts whose matrices fit into little memory."""
        few = max(1, int(WORKING / (6 * 16 * (2 * self.n_spins) ** 2)))
        for begin in range(0, len(q), few):
            yield q[begin : begin + few]

    def _modes(self, q: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
        """Return energies [q, spin] meV and components of the moments in the tangent planes, [q, spin, 2, mode] mu_B.

        Raises NotAMinimum where the energy falls along a wave.
        """
        energies, modes, lowest = bogoliubov(self.bosonic(q))
        worst = int(lowest.argmin())
        if lowest[worst] < -UNSTABLE:
            raise NotAMinimum(self._why(q[worst], float(lowest[worst])))
        a = modes.reshape(len(q), 2, self.n_spins, -1)
        moment = self.g * np.sqrt(self.S)
        return energies, np.asarray(np.einsum("ua,qaim,i->qium", self._W, a, moment, optimize=True))

    def _why(self, q: NDArray[np.float64], lowest: float) -> str:
        """Return why a texture is no minimum; ``lowest``: negative eigenvalue of H(q) as a fraction of the largest."""
        where = f"q = ({', '.join(f'{x:.4g}' for x in q)})"
        falls = f"lowers the energy (H(q) has an eigenvalue of {lowest:.2g} of its largest one)"
        fits = np.abs(q * self.cell.lattice.size - np.rint(q * self.cell.lattice.size)).max() < 1e-6
        if fits or self.cell.turns.any():
            return f"the texture is not a minimum: a wave with {where} {falls}"
        return (
            f"the texture is a minimum of its box, not of the infinite crystal: a wave with {where}, which does not fit"
            f" into the box, {falls}; magsearch cells lists boxes that fit better, --spiral relaxes a spiral's period"
        )

    def energies(self, q: ArrayLike, watch: Callable[[], None] = lambda: None) -> NDArray[np.float64]:
        """Return the energies of the magnons of the magnetic cell, [q, spin] meV, lowest first.

        In the frame of a spiral they are those of the turning frame. q as for ``bosonic``; ``watch`` is called often.
        """
        q = np.asarray(q, dtype=np.float64).reshape(-1, 3)
        found = [np.empty((0, self.n_spins))]
        for part in self.batches(q):
            watch()
            found.append(self._modes(part)[0])
        return np.concatenate(found)

    def bands(
        self,
        q: ArrayLike,
        form_factor: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
        watch: Callable[[], None] = lambda: None,
    ) -> Bands:
        """Return energies and neutron intensities at q [q, 3], in reciprocal vectors of the crystal, in any zone.

        form_factor   from |q| [q] in 1/angstrom to the form factor of each atom of the basis, [q, atom]; None: 1
        watch         called often; an exception that it raises ends the computation
        """
        q = np.asarray(q, dtype=np.float64).reshape(-1, 3)
        found = []
        for part in self.batches(q):
            watch()
            found.append(self._bands(part, form_factor))
        return Bands(*(np.concatenate([getattr(part, name) for part in found]) for name in Bands.__dataclass_fields__))

    def _bands(
        self, q: NDArray[np.float64], form_factor: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None
    ) -> Bands:
        """Return the bands at wave vectors of one batch."""
        cell, where = self.cell, self.expansion.sites
        Q = q @ cell.lattice.given_reciprocal
        phase = np.exp(-1j * Q @ cell.positions[where].T)  # [q, spin]
        length = np.linalg.norm(Q, axis=1)
        if form_factor is not None:
            phase = phase * form_factor(length)[:, cell.atoms[where]]
        parts = []
        for shift, projected in self._branches():
            # in the turning frame the moments of cell T are those of the mode, turned by the angle of the cell
            energies, moments = self._modes(q - shift)
            amplitude = np.einsum("qi,iux,qium->qmx", phase, self.expansion.frames, moments, optimize=True)
            parts.append((energies, amplitude @ projected.T))
        energies = np.concatenate([part[0] for part in parts], axis=1)
        amplitudes = np.concatenate([part[1] for part in parts], axis=1) / np.sqrt(len(cell.cells))
        return Bands(q, energies, perpendicular(amplitudes, Q), amplitudes)

    def _branches(self) -> list[tuple[NDArray[np.float64], NDArray[np.complex128]]]:
        """Return the wave vectors [3] and projectors [3, 3] by which the turning frame takes part in the crystal's."""
        n, k = self.cell.axis, self.cell.k
        if not self.cell.turns.any():
            return [(np.zeros(3), np.eye(3, dtype=np.complex128))]
        cross = np.cross(n, np.eye(3)).T
        plane = np.eye(3) - np.outer(n, n)
        return [
            (k, np.asarray(0.5 * (plane - 1j * cross))), (-k, np.asarray(0.5 * (plane + 1j * cross))),
            (np.zeros(3), np.outer(n, n).astype(np.complex128)),
        ]  # fmt: skip

    def zero_modes(self) -> ZeroModes:
        """Count the modes of zero energy at q = 0."""
        K = self.expansion.stiffness(np.zeros((1, 3)))[0].real
        values, u = np.linalg.eigh(K)
        zero = u[:, np.abs(values) <= ZERO * np.abs(values).max(initial=1e-300)]
        weight = np.repeat(self.S, 2)[:, None]
        x, y = zero[0::2] * weight[0::2], zero[1::2]
        conjugate = x.T @ y
        pairs = np.linalg.matrix_rank(conjugate - conjugate.T, tol=1e-6 * float(self.S.max(initial=1.0))) // 2
        return ZeroModes(zero.shape[1], zero.shape[1] - int(pairs))


def perpendicular(amplitudes: NDArray[np.complex128], Q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sum_ab (delta_ab - q_a q_b / q^2) A_a A_b^*, [q, band], of amplitudes A [q, band, 3]; Q [q, 3] Cartesian.

    At q = 0 it is averaged over directions of q: two thirds of |A|^2.
    """
    square = (np.abs(amplitudes) ** 2).sum(axis=-1)
    length = np.linalg.norm(Q, axis=1)[:, None]
    along = np.einsum("qmx,qx->qm", amplitudes, Q) / np.where(length > 0, length, 1.0)
    return np.asarray(np.where(length > 0, square - np.abs(along) ** 2, 2 / 3 * square))
