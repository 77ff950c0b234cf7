"""Second-order expansion of the energy about a texture, in its magnetic cell, for every term of a model.

Spins of the cell are displaced in their tangent planes, s_i = n_i + x_i e_i1 + y_i e_i2 + O(x^2), where e_1, e_2 and n
are right-handed. The matrix of the quadratic form at wave vector q is the Hessian of the energy on the spheres,

    K_ij(q) = sum_T exp(i q.T) e_i . d^2 E / ds_0i ds_Tj . e_j + delta_ij (n_i . b_i),    b_i = - dE/ds_i,

with T the vectors between magnetic cells; ``minima.hessian`` has it in the box. In the frame of a spiral the spins of a
cell T are turned by an angle that is linear in T, and so are their tangent planes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.magnons import couplings
from magsearch.magnons.cell import RepeatedCell
from magsearch.model.ewald import Ewald
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.sphere import frames, rotations
from magsearch.model.terms.bilinear import Bilinear
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.forms import curvature, gradient
from magsearch.model.terms.products import PAIRINGS, SpinProducts
from magsearch.model.terms.single_ion import SingleIon
from magsearch.model.terms.term import UnsupportedTerm
from magsearch.model.terms.zeeman import Zeeman
from magsearch.units import DIPOLE, MU_B

Blocks = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Expansion:
    """The energy of a model about the texture of a cell that repeats without end along periodic axes.

    hamiltonian  the model
    cell         the magnetic cell; its spins are where the energy is expanded
    sites        [spin] sites of the cell that carry a spin
    """

    hamiltonian: Hamiltonian
    cell: RepeatedCell
    sites: NDArray[np.int64]

    @classmethod
    def of(cls, hamiltonian: Hamiltonian, cell: RepeatedCell) -> Expansion:
        """Return the expansion about the texture of a cell. UnsupportedTerm for a term without second derivatives."""
        for term in hamiltonian.terms:
            if not isinstance(term, Bilinear | SingleIon | Zeeman | SpinProducts | Dipole):
                raise UnsupportedTerm(term, "spin-wave theory", "its second derivatives are not known")
            if isinstance(term, Dipole) and cell.turns.any():
                raise UnsupportedTerm(term, "the frame of a spiral", "dipoles tie the spins to the lattice")
        occupied = np.linalg.norm(cell.spins, axis=1) > 0
        return cls(hamiltonian, cell, np.flatnonzero(occupied))

    @property
    def n_spins(self) -> int:
        """Number of spins of the magnetic cell."""
        return len(self.sites)

    @cached_property
    def spins(self) -> NDArray[np.float64]:
        """Directions of the spins, [spin, 3]."""
        return self.cell.spins[self.sites]

    @cached_property
    def moments(self) -> NDArray[np.float64]:
        """Moments of the spins, [spin] Bohr magnetons."""
        lattice = self.cell.lattice
        where = np.ravel_multi_index(tuple(self.cell.cells.T), lattice.size, order="F")
        sites = (where[:, None] * lattice.atoms + np.arange(lattice.atoms)).ravel()
        return np.asarray(self.hamiltonian.site_moments[sites[self.sites]])

    @cached_property
    def frames(self) -> NDArray[np.float64]:
        """Tangent vectors e_1, e_2 of every spin, [spin, 2, 3], right-handed with it."""
        found = frames(self.spins)
        hand = np.einsum("ix,ix->i", np.cross(found[:, 0], found[:, 1]), self.spins)
        found[:, 1] *= np.sign(hand)[:, None]
        return found

    def displaced(self, u: NDArray[np.float64]) -> Expansion:
        """Return the expansion about spins moved by u [spin, 2] in their tangent planes."""
        spins = self.cell.spins.copy()
        moved = self.spins + np.einsum("iu,iux->ix", u, self.frames)
        spins[self.sites] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        return self._at(replace(self.cell, spins=spins))

    def turned(self, turns: NDArray[np.float64]) -> Expansion:
        """Return the expansion with other angles between the cells, [vector] radians."""
        return self._at(replace(self.cell, turns=np.asarray(turns, dtype=np.float64)))

    def _at(self, cell: RepeatedCell) -> Expansion:
        """Return the expansion about another texture of the same cell, without listing its couplings again."""
        new = replace(self, cell=cell)
        for name in ("pairs", "clusters", "moments"):
            new.__dict__[name] = getattr(self, name)
        return new

    @cached_property
    def pairs(self) -> couplings.Pairs:
        """Bilinear couplings of the spins."""
        return couplings.pairs(self.hamiltonian, self.cell, self._numbers)

    @cached_property
    def clusters(self) -> couplings.Clusters:
        """Products of several spins."""
        return couplings.clusters(self.hamiltonian, self.cell, self._numbers)

    @property
    def _numbers(self) -> NDArray[np.int64]:
        """Spin of each site, [site + 1], -1 without one and for the last entry."""
        numbers = np.full(len(self.cell.spins) + 1, -1)
        numbers[self.sites] = np.arange(self.n_spins)
        return numbers

    def _rotated(self, T: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the rotations of the cells T [..., 3], [..., 3, 3]."""
        return rotations(self.cell.axis, T @ self.cell.turns)

    @cached_property
    def _expanded(self) -> tuple[NDArray[np.float64], list[Blocks], float, NDArray[np.float64]]:
        """Gradient [spin, 3] meV, blocks of second derivatives, energy of the cell, its slope with the turns [vector].

        Dipoles are in none of them.
        """
        s, N = self.spins, self.n_spins
        g, blocks, slope = np.zeros((N, 3)), list[Blocks](), np.zeros(3)
        pairs = self.pairs
        R = self._rotated(pairs.T)
        M = -pairs.J @ R
        seen = np.einsum("pxy,py->px", M, s[pairs.j])
        np.add.at(g, pairs.i, seen)
        energy = 0.5 * np.einsum("px,px->", s[pairs.i], seen)
        turning = np.einsum("pxy,py->px", R, s[pairs.j])
        turning = np.einsum("px,pxy,py->p", s[pairs.i], -pairs.J, np.cross(self.cell.axis, turning))
        slope += 0.5 * turning @ pairs.T
        blocks.append((pairs.i, pairs.j, pairs.T, M))
        for part in (self._onsite, self._field):
            own, first, second = part(s)
            energy += own
            g += first
            here = np.arange(N)
            blocks.append((here, here, np.zeros((N, 3), dtype=np.int64), second))
        own, of_clusters = self._products(g, slope, blocks)
        return g, blocks, float(energy + own + of_clusters), slope

    def _onsite(self, s: NDArray[np.float64]) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Return energy, gradient [spin, 3] and second derivatives [spin, 3, 3] of the anisotropy."""
        entries = SingleIon(self.hamiltonian.anisotropy, self.cell.lattice.atoms).entries
        entries = entries.of(self.cell.atoms[self.sites])
        energy = -np.einsum("ix,ixy,iy->", s, entries.A, s)
        first, second = -2 * np.einsum("ixy,iy->ix", entries.A, s), -2 * entries.A
        for degree, form in entries.polynomials.items():
            for k in np.flatnonzero(form.any(axis=1)):
                slope = gradient(degree, form[k], s[k])
                energy += s[k] @ slope / degree
                first[k] += slope
                second[k] = second[k] + curvature(degree, form[k], s[k])
        return float(energy), first, second

    def _field(self, s: NDArray[np.float64]) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Return energy, gradient [spin, 3] and second derivatives [spin, 3, 3] in the magnetic field."""
        first = -MU_B * self.moments[:, None] * np.array(self.hamiltonian.field)
        return float((first * s).sum()), first, np.zeros((len(s), 3, 3))

    def _products(
        self, g: NDArray[np.float64], slope: NDArray[np.float64], blocks: list[Blocks]
    ) -> tuple[float, float]:
        """Add the derivatives of products of spins to a gradient, a slope and blocks; return the energy.

        It has two parts: products of four spins, and chiralities.
        """
        clusters, four, three = self.clusters, 0.0, 0.0
        if not len(clusters.i):
            return four, three
        R = self._rotated(clusters.T)  # [cluster, 4, 3, 3]
        s = np.einsum("cnxy,cny->cnx", R, self.spins[clusters.i])
        first, second = np.zeros((len(s), 4, 3)), np.zeros((len(s), 4, 4, 3, 3))
        for n, ((p, q), (r, t)) in enumerate(PAIRINGS):
            K = -clusters.constants[:, n]
            pq, rt = (s[:, p] * s[:, q]).sum(axis=1), (s[:, r] * s[:, t]).sum(axis=1)
            four += float((K * pq * rt).sum())
            for (a, b), other in (((p, q), rt), ((q, p), rt), ((r, t), pq), ((t, r), pq)):
                first[:, a] += (K * other)[:, None] * s[:, b]
                second[:, a, b] += (K * other)[:, None, None] * np.eye(3)
            for (a, b), (c, d) in (((p, q), (r, t)), ((r, t), (p, q))):
                for one, partner in ((a, b), (b, a)):
                    for two, its in ((c, d), (d, c)):
                        second[:, one, two] += K[:, None, None] * s[:, partner, :, None] * s[:, its, None, :]
        T = -clusters.constants[:, 3]
        three = float((T * (s[:, 0] * np.cross(s[:, 1], s[:, 2])).sum(axis=1)).sum())
        for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            first[:, a] += T[:, None] * np.cross(s[:, b], s[:, c])
            second[:, a, b] -= T[:, None, None] * _cross(s[:, c])  # s_a . (s_b x s_c) = - s_a . (s_c x s_b)
            second[:, a, c] += T[:, None, None] * _cross(s[:, b])
        slope += np.einsum("cnx,cnx,cnv->v", first, np.cross(self.cell.axis, s), clusters.T.astype(np.float64))
        for a in range(4):
            np.add.at(g, clusters.i[:, a], np.einsum("cyx,cy->cx", R[:, a], first[:, a]))
            for b in range(4):
                if a != b:
                    M = np.einsum("cyx,cyz,czw->cxw", R[:, a], second[:, a, b], R[:, b])
                    blocks.append((clusters.i[:, a], clusters.i[:, b], clusters.T[:, b] - clusters.T[:, a], M))
        return four, three

    def _dipoles(self, q: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return J(q) of the dipoles between the spins of the cell, [q, spin, 3, spin, 3] meV; q in 1/angstrom."""
        dipole, lattice, N = self.hamiltonian.dipole, self.cell.lattice, self.n_spins
        assert dipole is not None
        periodic = np.array(lattice.periodic)
        ewald = Ewald((self.cell.vectors @ lattice.cell)[periodic], np.diag(dipole.demagnetising))
        a, b = np.triu_indices(N)
        r, m = self.cell.positions[self.sites], self.moments
        T = DIPOLE * (m[a] * m[b])[:, None, None] * ewald.sums(r[b] - r[a], q)
        J = np.zeros((len(q), N, 3, N, 3), dtype=np.complex128)
        J[:, a, :, b] = T.swapaxes(0, 1)
        J[:, b, :, a] = T.conj().swapaxes(2, 3).swapaxes(0, 1)
        return J

    @cached_property
    def _uniform(self) -> NDArray[np.float64]:
        """J(0) of the dipoles, [spin, 3, spin, 3] meV."""
        return self._dipoles(np.zeros((1, 3)))[0].real

    @cached_property
    def gradient(self) -> NDArray[np.float64]:
        """dE/ds of every spin, [spin, 3] meV: minus the field that it feels."""
        g = self._expanded[0]
        return g if self.hamiltonian.dipole is None else g - np.einsum("ixjy,jy->ix", self._uniform, self.spins)

    @property
    def energy(self) -> float:
        """Energy of the magnetic cell, meV."""
        energy = self._expanded[2]
        if self.hamiltonian.dipole is not None:
            energy -= 0.5 * np.einsum("ix,ixjy,jy->", self.spins, self._uniform, self.spins)
        return float(energy)

    @property
    def slope(self) -> NDArray[np.float64]:
        """Derivatives of the energy with the turns of the cell, [vector] meV."""
        return self._expanded[3]

    @property
    def torque(self) -> NDArray[np.float64]:
        """Derivatives of the energy in the tangent planes, [spin, 2] meV."""
        return np.asarray(np.einsum("iux,ix->iu", self.frames, self.gradient))

    @cached_property
    def _by_vector(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Any]:
        """Vectors between cells [vector, 3], ends of the coupled pairs, their blocks [4 pairs, vector] in meV."""
        from scipy import sparse

        blocks = self._expanded[1]
        i, j, T, M = (np.concatenate(part) for part in zip(*blocks, strict=True))
        here = np.arange(self.n_spins)
        held = -np.einsum("ix,ix->i", self.spins, self.gradient)
        i, j = np.concatenate([i, here]), np.concatenate([j, here])
        T = np.concatenate([T, np.zeros((len(here), 3), dtype=np.int64)])
        M = np.concatenate([M, held[:, None, None] * np.eye(3)])
        local = np.einsum("pux,pxy,pvy->puv", self.frames[i], M, self.frames[j])
        vectors, vector = np.unique(T, axis=0, return_inverse=True)
        pair, row = np.unique(i * self.n_spins + j, return_inverse=True)
        rows = (4 * row.reshape(-1, 1) + np.arange(4)).ravel()
        table = (local.ravel(), (rows, np.repeat(vector.reshape(-1), 4)))
        by_vector = sparse.csr_array(table, shape=(4 * len(pair), len(vectors)))
        return vectors, pair // self.n_spins, pair % self.n_spins, by_vector

    def stiffness(self, q: ArrayLike) -> NDArray[np.complex128]:
        """Return K(q), [q, 2 spins, 2 spins] meV, Hermitian; q [q, 3] in reciprocal vectors of the crystal given."""
        q = np.asarray(q, dtype=np.float64).reshape(-1, 3)
        vectors, i, j, by_vector = self._by_vector
        N = self.n_spins
        summed = by_vector @ np.exp(2j * np.pi * (vectors @ self.cell.given) @ q.T)
        K = np.zeros((len(q), N, 2, N, 2), dtype=np.complex128)
        K[:, i, :, j] = summed.reshape(len(i), 2, 2, len(q)).transpose(0, 3, 1, 2)
        if self.hamiltonian.dipole is not None:
            J = self._dipoles(q @ self.cell.lattice.given_reciprocal)
            K -= np.einsum("iux,qixjy,jvy->qiujv", self.frames, J, self.frames, optimize=True)
        square = K.reshape(len(q), 2 * N, 2 * N)
        return np.asarray(0.5 * (square + square.conj().swapaxes(1, 2)))


def _cross(v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrices of v x, [..., 3, 3]."""
    return np.asarray(np.cross(v[..., None, :], np.eye(3)).swapaxes(-1, -2))
