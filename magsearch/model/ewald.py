"""Lattice sums of the tensor grad grad 1/r = (3 r r - r^2) / r^5 of two dipoles, by Ewald's method.

    T(q, d) = sum_R grad grad (1 / |d + R|) exp(i q.R),    R: lattice vectors along 0, 1, 2 or 3 periodic directions

without the dipole itself (d + R = 0). With 1/r = 2 pi^-1/2 int_0^inf exp(-r^2 t^2) dt, the part from the splitting
parameter eta on is summed over R; the part up to eta is summed over k = G - q after a Fourier transform along the
periodic directions. The transforms are known functions in three dimensions (Ewald, Ann. Phys. 369, 253 (1921)) and two
(Parry, Surf. Sci. 49, 433 (1975); de Leeuw & Perram, Mol. Phys. 37, 1313 (1979)); in one they are incomplete Bessel
functions (Porto, J. Phys. A 33, 6211 (2000)), integrated numerically here. In three dimensions the sum at q = 0 depends
on the shape of the crystal: k k / k^2 becomes the demagnetising tensor N, zero with tin-foil boundaries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.lattice import SAME_PLACE, shortest
from magsearch.model.triangulation import combinations

CUT = 6.2  # eta r and k / 2 eta at which sums are cut: exp(-CUT^2) = 2e-17
NUMBERS = 4_000_000  # numbers in memory at once
NODES, WEIGHTS = np.polynomial.legendre.leggauss(160)


@dataclass(frozen=True, eq=False)
class Ewald:
    """Sums over the lattice of ``cell`` [dimension, 3], linearly independent vectors in angstrom.

    demagnetising  N [3, 3], for three dimensions only
    splitting      eta in units of pi^1/2 / (length of a cell); no result depends on it
    """

    cell: NDArray[np.float64]
    demagnetising: NDArray[np.float64]
    splitting: float = 0.7

    @property
    def dimension(self) -> int:
        """Number of periodic directions."""
        return len(self.cell)

    @cached_property
    def volume(self) -> float:
        """Volume, area or length of the cell."""
        return math.sqrt(np.linalg.det(self.cell @ self.cell.T)) if self.dimension else 1.0

    @cached_property
    def eta(self) -> float:
        """Splitting parameter in 1/angstrom; 0 without periodic directions: everything is summed directly."""
        d = self.dimension
        return float(self.splitting * np.sqrt(np.pi) / self.volume ** (1 / d)) if d else 0.0

    @cached_property
    def reciprocal(self) -> NDArray[np.float64]:
        """Short reciprocal vectors within the span of the cell, [dimension, 3]."""
        return shortest(2 * np.pi * np.linalg.pinv(self.cell).T)[0] if self.dimension else np.zeros((0, 3))

    def near(self, displacements: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Return the part that is summed over lattice vectors R, term by term.

        displacements  d [pair, 3], angstrom

        It is R [term, dimension] in cells, the pair of each term, and its tensor [term, 3, 3]. The tensor of a dipole
        with itself takes away what the other part has too much.
        """
        from scipy.special import erfc

        d, dimension = np.asarray(displacements, dtype=np.float64).reshape(-1, 3), self.dimension
        if not dimension:
            R, pair, r = np.zeros((len(d), 0), dtype=np.int64), np.arange(len(d)), d
        else:
            first = np.rint(d @ np.linalg.pinv(self.cell)).astype(np.int64)
            inside = d - first @ self.cell
            along = np.linalg.norm(inside @ np.linalg.pinv(self.cell) @ self.cell, axis=1).max(initial=0.0)
            n = combinations(self.cell, CUT / self.eta + along)
            r = (inside[:, None] + n @ self.cell).reshape(-1, 3)
            R = (n - first[:, None]).reshape(-1, dimension)
            pair = np.repeat(np.arange(len(d)), len(n))
            kept = np.linalg.norm(r, axis=1) <= CUT / self.eta
            R, pair, r = R[kept], pair[kept], r[kept]
        length = np.linalg.norm(r, axis=1)
        itself = length <= SAME_PLACE * (self.volume ** (1 / dimension) if dimension else 1.0)
        x = np.where(itself, 1.0, length)
        gauss = 2 * self.eta / np.sqrt(np.pi) * np.exp(-((self.eta * x) ** 2))
        A = -(erfc(self.eta * x) / x**3 + gauss / x**2)
        C = 3 * erfc(self.eta * x) / x**5 + gauss * (2 * self.eta**2 + 3 / x**2) / x**2
        A = np.where(itself, 4 * self.eta**3 / (3 * np.sqrt(np.pi)), A)
        C = np.where(itself, 0.0, C)
        return R, pair, A[:, None, None] * np.eye(3) + C[:, None, None] * r[:, :, None] * r[:, None, :]

    def far(self, displacements: ArrayLike, q: ArrayLike) -> NDArray[np.complex128]:
        """Return the part that is summed over k = G - q, [q, pair, 3, 3]; d [pair, 3] in angstrom, q [q, 3]."""
        d, q = np.asarray(displacements, dtype=np.float64).reshape(-1, 3), np.asarray(q, dtype=np.float64)
        T = np.zeros((len(q), len(d), 3, 3), dtype=np.complex128)
        if not self.dimension:
            return T
        h = q @ np.linalg.pinv(self.reciprocal)
        inside = (h - np.rint(h)) @ self.reciprocal
        inside[np.linalg.norm(inside, axis=1) <= SAME_PLACE * np.linalg.norm(self.reciprocal, axis=1).min()] = 0.0
        G = combinations(self.reciprocal, 2 * CUT * self.eta + np.linalg.norm(inside, axis=1).max(initial=0.0))
        transform = (self._in_line, self._in_plane, self._in_space)[self.dimension - 1]
        across = d - d @ np.linalg.pinv(self.cell) @ self.cell
        few = max(1, NUMBERS // (9 * len(G) * len(d)))
        for begin in range(0, len(q), few):
            k = (G @ self.reciprocal)[None] - inside[begin : begin + few, None]  # [q, G, 3]
            phase = np.exp(1j * k @ d.T)  # [q, G, pair]
            T[begin : begin + few] = np.einsum("qgp,qgpxy->qpxy", phase, transform(k, across))
        return T

    def _in_space(self, k: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return - 4 pi / V k k / k^2 exp(-k^2 / 4 eta^2), [q, G, 1, 3, 3]; N for k k / k^2 at k = 0."""
        square = (k**2).sum(axis=-1)[..., None, None]
        uniform = square == 0
        kk = k[..., :, None] * k[..., None, :] / np.where(uniform, 1.0, square)
        kk = np.where(uniform, self.demagnetising, kk)
        return np.asarray(-4 * np.pi / self.volume * (kk * np.exp(-square / (4 * self.eta**2)))[:, :, None])

    def _in_plane(self, k: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return - k k phi + i (k n + n k) phi' + n n phi'', [q, G, pair, 3, 3], at the heights of ``across``.

        phi(z) = pi / A k [exp(k z) erfc(k / 2 eta + eta z) + exp(-k z) erfc(k / 2 eta - eta z)]; at k = 0 all vanish
        but phi''.
        """
        from scipy.special import erfcx

        normal = np.cross(*self.cell)
        normal /= np.linalg.norm(normal)
        z, length = across @ normal, np.linalg.norm(k, axis=-1)[..., None]
        a, b = length / (2 * self.eta), self.eta * np.abs(z)
        gauss = np.exp(-(a**2) - b**2)
        up = gauss * erfcx(a + b)  # exp(k |z|) erfc(a + b), which may be a large number times a small one
        below = gauss * erfcx(np.abs(a - b))
        down = np.where(a >= b, below, 2 * np.exp(-length * np.abs(z)) - below)
        even, odd = np.pi / self.volume * (up + down), np.pi / self.volume * np.sign(z) * (up - down)
        second = length * even - 4 * np.sqrt(np.pi) * self.eta / self.volume * gauss
        unit = (k / np.where(length == 0, 1.0, length))[:, :, None]  # [q, G, 1, 3]
        kk, kn = unit[..., :, None] * unit[..., None, :], unit[..., :, None] * normal
        phi, slope, curved = (x[..., None, None] for x in (length * even, length * odd, second))
        return np.asarray(-phi * kk + 1j * slope * (kn + kn.swapaxes(-1, -2)) + curved * np.outer(normal, normal))

    def _in_line(self, k: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the derivatives of phi(rho) exp(i k z), [q, G, pair, 3, 3], at the distances of ``across``.

        phi(rho) = 2 / L int_0^eta exp(-k^2 / 4 t^2 - rho^2 t^2) dt / t. The logarithm of t is integrated over, from
        where the integrand vanishes.
        """
        along = self.cell[0] / self.volume
        kz, square = k @ along, (across**2).sum(axis=1)
        least = np.minimum(self.eta * 1e-9, 1e-9 / np.sqrt(np.maximum(square.max(initial=0.0), 1e-300)))
        low = np.log(np.clip(np.abs(kz) / (2 * 6.5), least, self.eta))
        half = 0.5 * (np.log(self.eta) - low)
        integrals = np.zeros((3, *kz.shape, len(square)))
        for node, weight in zip(NODES, WEIGHTS, strict=True):
            t = np.exp(low + half * (1 + node))
            value = (weight * half * np.exp(-((kz / (2 * t)) ** 2)))[..., None] * np.exp(-square * t[..., None] ** 2)
            for n in range(3):
                integrals[n] += 2 / self.volume * value * t[..., None] ** (2 * n)
        zero, one, two = (x[..., None, None] for x in integrals)
        kz = kz[..., None, None, None]
        mixed = across[:, :, None] * along
        perpendicular = np.eye(3) - np.outer(along, along)
        T = -(kz**2) * zero * np.outer(along, along) - 2j * kz * one * (mixed + mixed.swapaxes(1, 2))
        return np.asarray(T - 2 * one * perpendicular + 4 * two * across[:, :, None] * across[:, None, :])

    def sums(self, displacements: ArrayLike, q: ArrayLike) -> NDArray[np.complex128]:
        """Return T(q, d), [q, pair, 3, 3] in angstrom^-3; d [pair, 3] in angstrom, q [q, 3] in 1/angstrom."""
        d, q = np.asarray(displacements, dtype=np.float64).reshape(-1, 3), np.asarray(q, dtype=np.float64)
        T = self.far(d, q)
        R, pair, tensor = self.near(d)
        for k in range(len(d)):
            of = pair == k
            T[:, k] += np.tensordot(np.exp(1j * q @ (R[of] @ self.cell).T), tensor[of], axes=1)
        return T
