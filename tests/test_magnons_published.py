"""Spin waves of models in the literature: bands that are known in closed form, and the stripes of FeI2."""

from __future__ import annotations

import numpy as np
from models import exchange, shell_bonds
from numpy.testing import assert_allclose

from magsearch.magnons.spin_waves import SpinWaves
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.units import MU_B

S = 1.5


def test_diamond_antiferromagnet():
    """CoRh2O4, Ge et al., Phys. Rev. B 96, 064413 (2017): w = z |J| S [1 - |gamma|^2]^1/2 with z = 4.

    Couplings of magsearch are those of unit vectors, J S^2.
    """
    lattice = Lattice.named("diamond", (1, 1, 1))
    h = Hamiltonian(lattice, shell_bonds(lattice, exchange(-0.63)), moments=2 * S)
    first = h.bonds.i == 0
    apart = lattice.basis[1] - lattice.basis[0] + h.bonds.offset[first] @ lattice.cell
    q = np.random.default_rng(2).uniform(-1, 1, size=(5, 3))
    gamma = np.exp(1j * (q @ lattice.reciprocal) @ apart.T).mean(axis=1)
    signs = np.where(np.arange(lattice.atoms) % 2, -1.0, 1.0)
    waves = SpinWaves.about(h, signs[:, None] * np.array([0, 0, 1.0]))
    assert len(apart) == 4
    assert_allclose(
        waves.energies(q), (4 * 0.63 * np.sqrt(1 - np.abs(gamma) ** 2) / S)[:, None].repeat(2, 1), rtol=1e-10
    )


def test_kitaev_ferromagnet_in_a_field_along_111():
    """McClarty et al., Phys. Rev. B 98, 060404 (2018): H = - K sum s^c s'^c, all spins along [111].

    With s^c = n^c (1 - a* a / S) + (z^c a* + conj(z^c) a) / (2 S)^1/2 for tangents z = e_1 + i e_2, bosons have the
    energy K / S + g mu_B B on an atom, hop by - K / 3 S, and are created in pairs by - K (z^c)^2 / 2 S on a bond c.
    """
    K, B, n = 0.8, 2.0, np.ones(3) / 3**0.5
    lattice = Lattice.named("honeycomb", (1, 1, 1))
    shell = lattice.shells(1)[0]
    first = shell.i == 0
    apart = lattice.basis[1] - lattice.basis[0] + shell.offset[first] @ lattice.cell
    matrices = [K * np.diag(axis) for axis in np.eye(3)]
    bonds = Bonds.pairs(shell.i[first], shell.j[first], np.array(matrices), shell.offset[first])
    h = Hamiltonian(lattice, bonds, moments=2 * S, field=tuple(B * n))
    q = np.random.default_rng(3).uniform(-1, 1, size=(4, 3))
    z = np.array([1, -1, 0]) / 2**0.5 + 1j * np.array([1, 1, -2]) / 6**0.5
    assert np.allclose(np.cross(z.real, z.imag), n)
    waves = SpinWaves.about(h, np.tile(n, (2, 1)))
    for k, energies in zip(q, waves.energies(q), strict=True):
        phase = np.exp(1j * apart @ (k @ lattice.reciprocal))
        hop, pair, back = -K / (3 * S) * phase.sum(), -K / (2 * S) * z**2 @ phase, -K / (2 * S) * z**2 @ phase.conj()
        A = np.array([[0, hop], [np.conj(hop), 0]]) + (K / S + 2 * MU_B * B) * np.eye(2)
        P = np.array([[0, pair], [back, 0]])
        form = np.block([[A, P], [P.conj().T, A]])
        expected = np.linalg.eigvals(np.diag([1, 1, -1, -1]) @ form).real
        assert_allclose(energies, np.sort(expected)[2:], rtol=1e-10)
