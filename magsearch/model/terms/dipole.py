"""Dipole-dipole interaction of all magnetic moments, periodic along none, one, two or three axes.

    E = - 1/2 sum_ij m_i m_j s_i . T_ij s_j,    T_ij = mu_0 mu_B^2 / 4 pi  sum_R grad grad 1 / |r_j + R - r_i|

R runs over the periods of the box along its periodic axes: the images of the whole box, of the spin itself too. The
sums are Ewald's (``magsearch.model.ewald``); along open axes there is nothing beyond the box. In three dimensions the
energy of a uniform magnetisation depends on the shape of the crystal, which ``demagnetising`` stands for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import SettingError
from magsearch.model.bonds import Bonds
from magsearch.model.ewald import NUMBERS, Ewald
from magsearch.model.lattice import Lattice
from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.model.terms.term import Below, Sites, Space
from magsearch.units import DIPOLE

FEW = 256  # tensors that are compared before all are
ERROR = 1e-13  # of the largest tensor: bound of what the sums neglect and round


@dataclass(frozen=True)
class Dipole:
    """Interaction of the magnetic moments of all sites as point dipoles.

    demagnetising   factors N_x, N_y, N_z of the crystal's shape: their sum is 1, a third each for a sphere. Zeros stand
                    for tin-foil boundaries. They count for boxes with three periodic axes alone
    """

    demagnetising: tuple[float, float, float] = (0.0, 0.0, 0.0)

    name: ClassVar[str] = "dipole"
    unit: ClassVar[str] = "1"
    linear_in_spin: ClassVar[bool] = True
    spin_orbit: ClassVar[bool] = True

    def check(self, sites: Sites) -> None:
        """Raise SettingError for factors of no shape, or of a box that is not periodic along three axes."""
        N = np.array(self.demagnetising)
        if N.shape != (3,) or not ((N >= 0) & (N <= 1)).all() or (N.any() and abs(N.sum() - 1) > 1e-6):
            raise SettingError(
                "dipole.demagnetising",
                f"demagnetising is {self.demagnetising}; expected three factors that add up to 1, or three zeros",
            )
        if N.any() and not all(sites.lattice.periodic):
            raise SettingError(
                "dipole.demagnetising",
                "demagnetising factors are for boxes that are periodic along three axes; open axes have edges",
            )

    def summary(self, lattice: Lattice) -> str:
        """Return along which axes the sums are periodic, and the shape of the crystal, in a few words."""
        axes = sum(lattice.periodic)
        if not axes:
            return "all pairs of an open box"
        sums = f"lattice sums along {axes} {'axis' if axes == 1 else 'axes'}"
        if axes < 3:
            return sums
        if not any(self.demagnetising):
            return f"{sums}, tin-foil boundary"
        return f"{sums}, demagnetising factors {' '.join(f'{N:.4g}' for N in self.demagnetising)}"

    def tensors(self, lattice: Lattice) -> NDArray[np.float64]:
        """Return T of moments of 1 Bohr magneton, [k3, k2, k1, atom i, atom j, 3, 3] meV; read only.

        k counts cells from i to j: modulo n along periodic axes, modulo 2 n - 1 along open ones.
        """
        return _tensors(self.demagnetising, lattice)

    def couplings(self, sites: Sites) -> NDArray[np.float64]:
        """Return J_ij = m_i m_j T_ij, as ``tensors``, for moments that are equal in all cells."""
        m = np.asarray(sites.moments)
        return self.tensors(sites.lattice) * np.outer(m, m)[:, :, None, None]

    def bonds(self, sites: Sites) -> Bonds:
        """Return the couplings of a cell with all atoms of the box, images of the atoms themselves included.

        Their offsets are those of the closest cells along periodic axes; moments must be equal in all cells.
        """
        lattice, J = sites.lattice, self.couplings(sites)
        z, y, x, i, j = np.indices(J.shape[:5]).reshape(5, -1)
        length, size = np.array(J.shape[2::-1]), np.array(lattice.size)
        k = np.stack([x, y, z], axis=1)
        offset = np.where(k > length // 2, k - length, k) if len(k) else k
        exists = ((np.abs(offset) < size) | np.array(lattice.periodic)).all(axis=1)
        return Bonds(i[exists], j[exists], offset[exists], J.reshape(-1, 3, 3)[exists])

    def on_sites(
        self, sites: Sites
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Return all ordered pairs i, j [pair] of occupied sites, sorted by i, a row of matrices for each, and these.

        The matrices J_ij = m_i m_j T_ij are [row, 3, 3] meV; pairs share them where moments are equal in all cells.
        """
        lattice, where = sites.lattice, np.flatnonzero(sites.occupied)
        shape = self.tensors(lattice).shape[:5]
        i, j = (pair.ravel() for pair in np.meshgrid(where, where, indexing="ij"))
        cell = lattice.coordinates
        k = (cell[j // lattice.atoms] - cell[i // lattice.atoms]) % np.array(shape[2::-1])
        index = (k[:, 2], k[:, 1], k[:, 0], i % lattice.atoms, j % lattice.atoms)
        row = np.ravel_multi_index(index, shape)
        if np.shape(sites.moments) == (lattice.atoms,):
            return i, j, row, self.couplings(sites).reshape(-1, 3, 3)
        m = sites.site_moments
        J = self.tensors(lattice).reshape(-1, 3, 3)[row] * (m[i] * m[j])[:, None, None]
        return i, j, np.arange(len(i)), J

    def energies(self, sites: Sites, spins: NDArray[Any]) -> NDArray[np.float64]:
        """Return - 1/2 m_i s_i . sum_j T_ij m_j s_j, [..., site] meV."""
        lattice, T = sites.lattice, self.tensors(sites.lattice)
        n3, n2, n1 = lattice.grid
        moments = sites.site_moments[:, None] * np.asarray(spins, dtype=np.float64)
        cells = moments.reshape(-1, *lattice.grid, lattice.atoms, 3)
        J = np.fft.fftn(T, axes=(0, 1, 2)).conj()
        waves = np.fft.fftn(cells, T.shape[:3], axes=(1, 2, 3))
        field = np.fft.ifftn(np.einsum("zyxabij,rzyxbj->rzyxai", J, waves), axes=(1, 2, 3)).real
        field = field[:, :n3, :n2, :n1].reshape(moments.shape)
        return np.asarray(-0.5 * np.einsum("...ix,...ix->...i", moments, field))

    def fourier(self, sites: Sites, q: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return J(q), [q, atom, 3, atom, 3] meV; an atom has the mean moment of all its sites.

        It is that of infinitely many cells along periodic axes, of the cells of the box along open ones.
        """
        lattice = sites.lattice
        m = sites.site_moments.reshape(lattice.cells, lattice.atoms).mean(axis=0)
        a, b, layer = _displacements(lattice)
        d = lattice.basis[b] - lattice.basis[a] + layer @ lattice.cell
        T = DIPOLE * _ewald(self.demagnetising, lattice).sums(d, q)
        T *= (m[a] * m[b])[:, None, None] * np.exp(1j * q @ (layer @ lattice.cell).T)[:, :, None, None]
        J = np.zeros((len(q), lattice.atoms, 3, lattice.atoms, 3), dtype=np.complex128)
        for k in range(len(a)):
            J[:, a[k], :, b[k]] += T[:, k]
            if a[k] != b[k]:
                J[:, b[k], :, a[k]] += T[:, k].conj().swapaxes(1, 2)
        return J

    def fill(self, entries: OnsiteEntries) -> bool:
        """Add nothing: kernels read dipoles as a convolution, or from lists of all pairs."""
        return True

    def stiffness(self, sites: Sites) -> NDArray[np.float64]:
        """Return m_i sum_j m_j |T_ij| with the largest m_j and the Frobenius norm, [site] meV."""
        lattice, T = sites.lattice, self.tensors(sites.lattice)
        held = np.sqrt((T**2).sum(axis=(5, 6))).sum(axis=(0, 1, 2, 4))
        return np.asarray(sites.site_moments * sites.site_moments.max(initial=0.0) * np.tile(held, lattice.cells))

    def quadratic(self, sites: Sites) -> NDArray[np.float64]:
        """Return zeros: images of a spin are part of J(q)."""
        return np.zeros((sites.lattice.atoms, 3, 3))

    def invariant_under(
        self, sites: Sites, space: Space, turns: NDArray[np.float64], tolerance: float
    ) -> NDArray[np.bool_]:
        """Return whether moments find equal ones and tensors their images, T_g(i)g(j) = P T_ij P^T, [turn]."""
        lattice, T, moments = sites.lattice, self.tensors(sites.lattice), np.asarray(sites.moments)
        if sites.uniform and np.abs(moments[space.image] - moments).max() > tolerance * moments.max():
            return np.zeros(len(turns), dtype=bool)
        z, y, x, i, j = np.indices(T.shape[:5]).reshape(5, -1)
        length, periodic = np.array(T.shape[2::-1]), np.array(lattice.periodic)
        k = np.stack([x, y, z], axis=1)
        k = np.where(~periodic & (k >= lattice.size), k - length, k)
        there = k @ space.W + space.cells[j] - space.cells[i]
        if ((np.abs(there) >= lattice.size) & ~periodic).any():
            return np.zeros(len(turns), dtype=bool)  # some sites would leave by an open edge
        u, v, w = (there % length).T
        images, own = T[w, v, u, space.image[i], space.image[j]], T.reshape(-1, 3, 3)
        size = np.abs(own).max(axis=(1, 2), initial=0.0)
        kept, most = np.ones(len(turns), dtype=bool), tolerance * size.max(initial=0.0)
        order = np.argsort(-size, kind="stable")
        for some in (order[:FEW], order[FEW:]):
            for n in np.flatnonzero(kept):
                kept[n] = np.abs(turns[n] @ own[some] @ turns[n].T - images[some]).max(initial=0.0) <= most
        return kept

    def directions(self, sites: Sites) -> NDArray[np.float64]:
        """Return the tensors of all pairs."""
        return self.tensors(sites.lattice).reshape(-1, 3, 3)

    def turns(self, sites: Sites) -> NDArray[np.float64]:
        """Return none: tensors suggest no more than the frames that are tried in any case."""
        return np.zeros((0, 3, 3))

    def relaxed_below(self, sites: Sites) -> Below:
        """Return the bonds of the form less an upper bound of the error of the sums."""
        T, m = self.tensors(sites.lattice), sites.site_moments
        neglected = 0.5 * 3 * ERROR * np.abs(T).max(initial=0.0) * m * m.sum()
        below = Below.nothing(sites)
        return Below(below.A, below.field, below.constant - neglected, below.exact)


def _ewald(demagnetising: tuple[float, float, float], lattice: Lattice) -> Ewald:
    return Ewald(lattice.cell[list(lattice.periodic)], np.diag(demagnetising))


def _displacements(lattice: Lattice) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return atoms a <= b and cells [pair, 3] along open axes: all displacements within a column of the box."""
    ranges = [range(1 - n, n) if not p else range(1) for n, p in zip(lattice.size, lattice.periodic, strict=True)]
    layers = np.array(list(product(*ranges)), dtype=np.int64)
    a, b = np.triu_indices(lattice.atoms)
    return np.repeat(a, len(layers)), np.repeat(b, len(layers)), np.tile(layers, (len(a), 1))


@lru_cache(maxsize=8)
def _tensors(demagnetising: tuple[float, float, float], lattice: Lattice) -> NDArray[np.float64]:
    """Return ``Dipole.tensors``: near parts where they belong, far parts at the wave vectors of the box."""
    ewald, periodic = _ewald(demagnetising, lattice), np.array(lattice.periodic)
    size = np.array(lattice.size)
    length = np.where(periodic, size, 2 * size - 1)
    grid = np.where(periodic, size, 1)[::-1]
    z, y, x = np.indices(tuple(grid)).reshape(3, -1)
    h = np.stack([x, y, z], axis=1)[:, periodic] / size[periodic]
    q = h @ (2 * np.pi * np.linalg.pinv(lattice.cell[periodic]).T) if periodic.any() else np.zeros((1, 3))
    T = np.zeros((*length[::-1], lattice.atoms, lattice.atoms, 3, 3))
    a, b, layer = _displacements(lattice)
    few = max(1, NUMBERS // (9 * len(q)))
    for begin in range(0, len(a), few):
        i, j, k = (of[begin : begin + few] for of in (a, b, layer))
        d = lattice.basis[j] - lattice.basis[i] + k @ lattice.cell
        far = ewald.far(d, q).reshape(*grid, len(d), 3, 3)
        values = np.fft.fftn(far, axes=(0, 1, 2), norm="forward").real
        R, pair, tensor = ewald.near(d)
        cell = np.zeros((len(R), 3), dtype=np.int64)
        cell[:, periodic] = R % size[periodic]
        np.add.at(values, (cell[:, 2], cell[:, 1], cell[:, 0], pair), tensor)
        w, v, u = np.indices(tuple(grid))[..., None] + (k % length).T[::-1, None, None, None]
        T[w, v, u, i, j] = values
        mirrored = i != j
        w, v, u = (-n[..., mirrored] % m for n, m in zip((w, v, u), T.shape, strict=False))
        T[w, v, u, j[mirrored], i[mirrored]] = values[..., mirrored, :, :].swapaxes(-1, -2)
    opposite = np.roll(T[::-1, ::-1, ::-1], 1, axis=(0, 1, 2)).swapaxes(3, 4).swapaxes(5, 6)
    T = 0.5 * DIPOLE * (T + opposite)  # reciprocal to the last digit
    T.flags.writeable = False
    return T
