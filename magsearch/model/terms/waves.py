"""Couplings at wave vectors, bilinear and biquadratic: effective models of itinerant magnets.

    E = 2 sum_Q [- J S_Q . A S_-Q - i D . (S_Q x S_-Q) + K / N (S_Q . A S_-Q)^2],
    S_Q = N^-1/2 sum_i s_i exp(-i Q.r_i) = N^-1/2 (C - i S)

over the listed Q, each of which stands for Q and -Q; N spins at r_i. With X = (C.A C + S.A S) / N the bracket is
- J X + 2 D . (C x S) / N + K X^2 / N. S. Hayami & Y. Motome, J. Phys.: Condens. Matter 33, 443001 (2021); S. Hayami,
R. Ozawa & Y. Motome, Phys. Rev. B 95, 224424 (2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from magsearch.model.bonds import BondError, Bonds, dmi_matrix
from magsearch.model.lattice import Lattice
from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.model.terms.term import Below, Sites, Space

CLOSE = 1e-6  # of a reciprocal vector: wave vectors that differ less are one
LONGEST = 200  # cells: periods that an error names
ROUNDING = 1e-13  # of the couplings: bound of what sums over pairs round
HALVINGS = 60  # of the interval in which a multiplier lies


@dataclass(frozen=True, eq=False)
class WaveCouplings:
    """The couplings at wave vectors Q, of all spins alike.

    q       [wave, 3] reciprocal vectors: the phase of an atom is 2 pi q . f with f its position in cell vectors
    J       [wave] meV; positive for waves of Q
    K       [wave] meV; positive for states of several Q
    A       [wave, 3, 3] symmetric, dimensionless: anisotropy of both
    D       [wave, 3] meV; spirals e1 cos Q.r - e2 sin Q.r with e1 x e2 along D are lowest
    source  where each was read, for error messages; may be empty
    """

    q: NDArray[np.float64]
    J: NDArray[np.float64]
    K: NDArray[np.float64]
    A: NDArray[np.float64]
    D: NDArray[np.float64]
    source: tuple[str, ...] = ()

    name: ClassVar[str] = "wave_vectors"
    unit: ClassVar[str] = "meV"

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        for key, shape in (("q", (3,)), ("J", ()), ("K", ()), ("A", (3, 3)), ("D", (3,))):
            set_(self, key, np.array(getattr(self, key), dtype=np.float64).reshape(-1, *shape))
        if not len(self.q) == len(self.J) == len(self.K) == len(self.A) == len(self.D):
            raise ValueError("q, J, K, A and D must have one entry for each wave vector")

    def __len__(self) -> int:
        return len(self.q)

    @property
    def _isotropic(self) -> bool:
        return np.array_equal(self.A, self.A[:, :1, :1] * np.eye(3))

    @property
    def linear_in_spin(self) -> bool:
        """Whether the energy is linear in each spin, the others held."""
        return self._isotropic and not self.K.any()

    @property
    def spin_orbit(self) -> bool:
        """Whether some A is more than a number, or some D is not zero."""
        return not self._isotropic or bool(self.D.any())

    def check(self, sites: Sites) -> None:
        """Raise BondError for numbers that are not finite, and wave vectors that do not fit or are listed twice."""
        numbers = np.concatenate([part.reshape(len(self), -1) for part in (self.q, self.J, self.K, self.A, self.D)], 1)
        self._refuse(~np.isfinite(numbers).all(axis=1), "the numbers must be finite")
        self._refuse((self.A.swapaxes(1, 2) != self.A).any(axis=(1, 2)), "the matrix must be symmetric")
        lattice = sites.lattice
        size, periodic = np.array(lattice.size), np.array(lattice.periodic)
        wrong = (np.abs(self.q * size - np.rint(self.q * size)) > CLOSE * size) & periodic
        for k, axis in np.argwhere(wrong)[:1]:
            cells = Fraction(float(self.q[k, axis])).limit_denominator(LONGEST)
            fits = abs(float(cells) - self.q[k, axis]) <= CLOSE
            expected = f"a multiple of {cells.denominator}" if fits else f"a fraction of at most {LONGEST} cells"
            self._refuse(
                wrong.any(axis=1),
                f"does not repeat after the {size[axis]} cells of axis {axis + 1}; expected {expected}",
            )
        q = self._exact(lattice)
        for k in range(len(self)):
            again = [self._sign(lattice, q[k], q[other]) for other in range(k)]
            self._refuse((np.arange(len(self)) == k) & any(again), "is listed before; expected one of Q and -Q, once")

    def _refuse(self, wrong: Any, message: str) -> None:
        if wrong.any():
            k = int(wrong.argmax())
            source = self.source[k] if self.source else ""
            where = f"{source}: " if source else ""
            raise BondError(f"{where}Q = {[round(x, 9) for x in self.q[k].tolist()]}: {message}", source)

    def _exact(self, lattice: Lattice) -> NDArray[np.float64]:
        """Return the wave vectors of the box that ``q`` is, to the last digit: 0.333333 of 6 cells is 1/3."""
        size = np.array(lattice.size)
        return np.where(lattice.periodic, np.rint(self.q * size) / size, self.q)

    def _sign(self, lattice: Lattice, one: NDArray[np.float64], other: NDArray[np.float64]) -> int:
        """Return 1 where two wave vectors have the same phases but for a common one, -1 for opposite ones, else 0."""
        fractions = _fractions(lattice)
        for sign in (1, -1):
            difference = one - sign * other
            phases = (fractions - fractions[0]) @ difference
            if _whole(difference[_several(lattice)]).all() and _whole(phases).all():
                return sign
        return 0

    def phases(self, lattice: Lattice) -> NDArray[np.float64]:
        """Return Q.r of every site in turns, [site, wave]."""
        place = (lattice.coordinates[:, None] + _fractions(lattice)).reshape(-1, 3)
        return np.asarray(place @ self._exact(lattice).T % 1.0)

    def waves(self, sites: Sites) -> NDArray[np.float64]:
        """Return cos and sin of Q.r of every site, [site, wave, 2]; zeros at vacancies."""
        turns = 2 * np.pi * self.phases(sites.lattice)
        return np.where(sites.occupied[:, None, None], np.stack([np.cos(turns), np.sin(turns)], axis=2), 0.0)

    def energies(self, sites: Sites, spins: NDArray[Any]) -> NDArray[np.float64]:
        """Return - s.b / 2 of the bilinear part and - s.b / 4 of the other, [..., site] meV."""
        s, waves, n = np.asarray(spins, dtype=np.float64), self.waves(sites), max(int(sites.occupied.sum()), 1)
        C, S = np.einsum("iwp,...ix->p...wx", waves, s)
        AC, AS = (np.einsum("wxy,...wy->...wx", self.A, part) for part in (C, S))
        X = (C * AC + S * AS).sum(axis=-1) / n
        both = self.J[:, None] * np.stack([AC, AS]) - np.stack([np.cross(S, self.D), np.cross(self.D, C)])
        four = -2 * (self.K / n * X)[..., None] * np.stack([AC, AS])
        field = 4 / n * (0.5 * both + 0.25 * four)
        return np.asarray(-np.einsum("...ix,iwp,p...wx->...i", s, waves, field))

    def fill(self, entries: OnsiteEntries) -> bool:
        """Add nothing: kernels sum the waves of a replica."""
        return True

    def stiffness(self, sites: Sites) -> NDArray[np.float64]:
        """Return sum_Q 4 (|J| |A| + |D|) + 16 |K| |A|^2, [site] meV.

        The field of a wave is at most 4 (|J| |A| + |D|) + 8 |K| |A|^2, and K curves the energy by 16 |K| |A|^2 more
        along a wave; a bond does so by 2 |J|, and counts |J|.
        """
        A = np.linalg.norm(self.A, ord=2, axis=(1, 2))
        held = 4 * (np.abs(self.J) * A + np.linalg.norm(self.D, axis=1)) + 16 * np.abs(self.K) * A**2
        return np.where(sites.occupied, held.sum(), 0.0)

    def quadratic(self, sites: Sites) -> NDArray[np.float64]:
        """Return zeros: what a spin has by itself is part of J(q)."""
        return np.zeros((sites.lattice.atoms, 3, 3))

    def invariant_under(
        self, sites: Sites, space: Space, turns: NDArray[np.float64], tolerance: float
    ) -> NDArray[np.bool_]:
        """Return whether every wave finds one with P A P^T, P D, J and K, [turn]; D changes sign with Q."""
        lattice = sites.lattice
        q, fractions, axes = self._exact(lattice), _fractions(lattice), _several(lattice)
        constants = np.stack([self.J, self.K], axis=1)
        most = tolerance * max(np.abs(constants).max(initial=0), np.abs(self.D).max(initial=0))
        kept = np.ones(len(turns), dtype=bool)
        det = np.linalg.det(turns)
        for k in range(len(self)):
            before = space.W @ q[k]  # the wave that Q becomes: phases of where the sites came from
            moved = (space.cells + fractions[space.image]) @ q[k]
            for other, sign in product(range(len(self)), (1, -1)):
                phases = moved - sign * fractions @ q[other]
                if _whole((before - sign * q[other])[axes]).all() and _whole(phases - phases[0]).all():
                    break
            else:
                return np.zeros(len(turns), dtype=bool)
            # spins of the wave `other` go where those of the wave k are
            A = turns @ self.A[other] @ turns.swapaxes(1, 2)
            D = sign * det[:, None] * (turns @ self.D[other])
            kept &= np.abs(constants[other] - constants[k]).max() <= most
            kept &= np.abs(A - self.A[k]).max(axis=(1, 2)) <= tolerance * np.abs(self.A).max()
            kept &= np.abs(D - self.D[k]).max(axis=1) <= most
        return kept

    def directions(self, sites: Sites) -> NDArray[np.float64]:
        """Return A of every wave, and the matrices of D x."""
        return np.concatenate([self.A, _cross(self.D[self.D.any(axis=1)])])

    def turns(self, sites: Sites) -> NDArray[np.float64]:
        """Return none: matrices suggest no more than the frames that are tried in any case."""
        return np.zeros((0, 3, 3))

    def fourier(self, sites: Sites, q: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return J(q) of the bilinear part, [q, atom, 3, atom, 3] meV: zero but at Q and -Q, within ``CLOSE``."""
        lattice, fractions, axes = sites.lattice, _fractions(sites.lattice), _several(sites.lattice)
        turns = np.asarray(q) @ lattice.cell.T / (2 * np.pi)
        J = np.zeros((len(turns), lattice.atoms, 3, lattice.atoms, 3), dtype=np.complex128)
        for exact, J_Q, A, turn in zip(self._exact(lattice), self.J, self.A, _cross(self.D), strict=True):
            for sign in (1, -1):
                at = _whole((turns - sign * exact)[:, axes]).all(axis=1)
                phase = np.exp(2j * np.pi * sign * fractions @ exact)
                matrix = 2 / lattice.atoms * (J_Q * A + 1j * sign * turn)
                J[at] += np.einsum("a,xy,b->axby", phase, matrix, phase.conj())
        return J

    def below(self, lattice: Lattice) -> tuple[NDArray[np.float64], float]:
        """Return J' [wave] and a constant, meV per site: the bilinear part with J', and the constant, are never above.

        K X^2 / N is at least its tangent K (2 t X - t^2 N) where K > 0, and, where K < 0, at least its secant between
        the least and the largest X, which |S_Q|^2 + |S_-Q|^2 <= N bounds. The t are those that are best for J and K
        alone.
        """
        q = self._exact(lattice)
        share = np.where([self._standing(lattice, one) for one in q], 1.0, 2.0)  # |S_Q|^2 times this is at most N
        A = np.linalg.eigvalsh(self.A)
        low, high = np.minimum(A[:, 0], 0) / share, np.maximum(A[:, 2], 0) / share
        slope = np.where(self.K < 0, low + high, 0.0)
        constant = np.where(self.K < 0, -2 * self.K * low * high, 0.0)
        top, up = np.maximum(A[:, 2], 0), self.K > 0
        gain = 2 * (self.J - self.K * slope) * top  # of |S_Q|^2 / N, its slope at zero

        def filled(level: float) -> NDArray[np.float64]:
            bend = 4 * self.K * top**2
            return np.where(up & (bend > 0), np.maximum(gain - level * share, 0) / np.where(bend > 0, bend, 1), 0.0)

        first, last = max(0.0, (gain / share)[~up].max(initial=0.0)), (np.abs(gain) / share).max(initial=0.0)
        if (share * filled(first)).sum() > 1:
            for _ in range(HALVINGS):
                middle = 0.5 * (first + last)
                first, last = (middle, last) if (share * filled(middle)).sum() > 1 else (first, middle)
        t = filled(first) * top
        slope, constant = np.where(up, 2 * t, slope), np.where(up, -2 * self.K * t**2, constant)
        return self.J - self.K * slope, float(constant.sum())

    def _standing(self, lattice: Lattice, q: NDArray[np.float64]) -> bool:
        """Return whether Q and -Q are one wave vector."""
        return self._sign(lattice, q, -q) == 1

    def bonds(self, sites: Sites) -> Bonds:
        """Return the bilinear form below the energy as couplings of a cell with all of the box, its own atoms too."""
        lattice = sites.lattice
        ranges = [
            np.arange(n) - (n - 1) // 2 if periodic else np.arange(1 - n, n)
            for n, periodic in zip(lattice.size, lattice.periodic, strict=True)
        ]
        cells = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
        atom = np.arange(lattice.atoms)
        i, j, k = (part.ravel() for part in np.meshgrid(atom, atom, np.arange(len(cells)), indexing="ij"))
        fractions = _fractions(lattice)
        phase = (cells[k] + fractions[j] - fractions[i]) @ self._exact(lattice).T
        return Bonds(i, j, cells[k], self._matrices(sites, phase))

    def on_sites(self, sites: Sites) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Return ``bonds`` for all ordered pairs of occupied sites: i, j [pair], matrices [pair, 3, 3] meV."""
        where, phase = np.flatnonzero(sites.occupied), self.phases(sites.lattice)
        i, j = (pair.ravel() for pair in np.meshgrid(where, where, indexing="ij"))
        return i, j, self._matrices(sites, phase[j] - phase[i])

    def _matrices(self, sites: Sites, phase: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the couplings J_ij of spins whose phases differ by ``phase`` [pair, wave] turns, [pair, 3, 3] meV."""
        J, turns, n = self.below(sites.lattice)[0], 2 * np.pi * (phase - np.rint(phase)), int(sites.occupied.sum())
        even = np.einsum("pw,w,wxy->pxy", np.cos(turns), 4 / n * J, self.A)
        return np.asarray(even + np.einsum("pw,wxy->pxy", np.sin(turns), 4 / n * _cross(self.D)))

    def relaxed_below(self, sites: Sites) -> Below:
        """Return the constant of the form whose bonds are ``bonds``, less what these round; exact without K."""
        J, constant = self.below(sites.lattice)
        below = Below.nothing(sites)
        size = np.abs(J) * np.linalg.norm(self.A, ord=2, axis=(1, 2)) + np.linalg.norm(self.D, axis=1)
        rounded = ROUNDING * (4 * size.sum() + abs(constant))
        per_site = np.where(sites.occupied, constant - rounded, 0.0)
        return Below(below.A, below.field, below.constant + per_site, not self.K.any())


def _fractions(lattice: Lattice) -> NDArray[np.float64]:
    """Return the positions of the atoms in cell vectors, [atom, 3]."""
    return np.asarray(lattice.basis @ np.linalg.inv(lattice.cell))


def _several(lattice: Lattice) -> NDArray[np.bool_]:
    """Return the axes along which cells follow one another: along others a wave has the phases of the atoms alone."""
    return np.asarray(np.array(lattice.periodic) | (np.array(lattice.size) > 1))


def _whole(turns: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which numbers are whole, within ``CLOSE``."""
    return np.asarray(np.abs(turns - np.rint(turns)) <= CLOSE)


def _cross(D: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrices of D x, [..., 3, 3], for D [..., 3]."""
    return dmi_matrix(D).swapaxes(-1, -2)
