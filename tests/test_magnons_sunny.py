"""Spin waves of large and of anisotropic magnetic cells against numbers of Sunny's tests (SunnySuite/Sunny.jl 0.9).

test/test_lswt.jl has the numbers; textures are given there to six digits. Its mode :dipole multiplies anisotropies of
second and fourth order by 1 - 1 / 2S and by c_4 = 1 - 3 / S + 11 / 4 S^2 - 3 / 4 S^3.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from models import exchange, shell_bonds
from numpy.testing import assert_allclose

from magsearch.magnons.form_factors import form_factor
from magsearch.magnons.spin_waves import SpinWaves
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy
from magsearch.units import K_B, MU_B

DATA = Path(__file__).parent / "data" / "sunny"
ENERGIES = {  # of bands at the three wave vectors, counted through, highest first
    107: 8.464621970889235, 89: 2.965829202488746, 118: 6.539681848582543, 140: 2.524276472373584,
    112: 7.536305768861917, 16: 7.21157510322424, 103: 9.267100207705882, 75: 5.603801899767303,
    142: 2.2012141464553636, 18: 6.933800585478572,
}  # fmt: skip
INTENSITIES = dict(zip((9, 147, 131, 41, 15, 96, 48, 105, 129, 17), (  # S_xx, S_yy and S_zz with the form factor of Cr4
    (1.22529407e-05, 4.29402926e-05, 3.36345695e-05),
    (2.38490682e-03, 1.37535755e-04, 1.59279709e-03),
    (3.34394881e-05, 1.30758240e-03, 6.68962470e-04),
    (3.71215929e-04, 4.23545617e-04, 9.30786061e-04),
    (2.90772990e-06, 2.26730296e-05, 3.35498004e-06),
    (4.79789862e-05, 1.58423496e-05, 2.79118475e-05),
    (4.51118810e-03, 2.66463733e-03, 3.85096525e-04),
    (1.12875275e-05, 1.55529058e-04, 3.97942379e-05),
    (9.45730867e-05, 7.99470558e-06, 1.23229294e-04),
    (2.41140752e-06, 4.06204176e-06, 3.23987630e-06),
), strict=True))  # fmt: skip


def test_a_lattice_of_skyrmions_with_49_spins_in_a_cell():
    """Test "3Q Pyrochlore": triangular J1-J3 in a field, three q at once, a noncoplanar texture.

    g = - 1 there: spins along the moments, which precess the other way than those of electrons, so that q is - q.
    """
    J3 = 1.6234898018587323
    lattice = Lattice([[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, 10]], [[0, 0, 0]], (7, 7, 1))
    bonds = shell_bonds(lattice, exchange(1.0), exchange(0.0), exchange(-J3))
    easy = UniaxialAnisotropy(0.066 / 2)
    h = Hamiltonian(lattice, bonds, moments=2.0, field=(0, 0, 2 * J3 / (2 * MU_B)), anisotropy=(easy,))
    waves = SpinWaves.about(h, np.loadtxt(DATA / "skyrmions.txt"))
    assert waves.n_spins == 49
    q = -np.array([[0.0391, 0.0415, 0.5530], [0.2360, 0.7492, 0.9596], [0.1131, 0.7654, 0.2810]])
    found = waves.bands(q, lambda length: form_factor("Cr4", length)[:, None])
    energies, amplitudes = found.energies[:, ::-1].ravel(), found.amplitudes[:, ::-1].reshape(-1, 3)
    assert_allclose(energies[np.array([*ENERGIES]) - 1], [*ENERGIES.values()], atol=1e-6)
    squares = np.abs(amplitudes[np.array([*INTENSITIES]) - 1] / 2) ** 2  # of spins, not of moments
    assert_allclose(squares, [*INTENSITIES.values()], atol=1e-8)


def test_four_sublattices_with_anisotropic_exchange_and_a_cubic_anisotropy():
    """Test "Intensities": fcc, spins along the four diagonals, J + K across the plane of each bond."""
    S, J, K, D, a = 2.5, 22.06 * K_B, 0.15 * K_B, 25 / 24, 8.289
    places = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    lattice = Lattice(a * np.eye(3), a * places, (1, 1, 1))
    found = []
    for i, j, *offset in product(range(4), range(4), *[(-1, 0, 1)] * 3):
        r = places[j] - places[i] + offset
        if np.isclose(r @ r, 0.5):
            found.append((i, j, offset, -(S**2) * (J * np.eye(3) + K * np.diag(np.isclose(r, 0)))))
    i, j, offsets, matrices = (np.array(part) for part in zip(*found, strict=True))
    c4 = 1 - 3 / S + 11 / (4 * S**2) - 3 / (4 * S**3)
    cubic = CubicAnisotropy(-2 * D * c4 * S**4)  # x^4 + y^4 + z^4 = 1 - 2 (x^2 y^2 + y^2 z^2 + z^2 x^2)
    h = Hamiltonian(lattice, Bonds(i, j, offsets, matrices), moments=2 * S, anisotropy=(cubic,))
    texture = np.array([[1, 1, 1], [1, -1, -1], [-1, -1, 1], [-1, 1, -1]]) / 3**0.5
    bands = SpinWaves.about(h, texture).bands([[0.8, 0.6, 0.1]])
    total = (np.abs(bands.amplitudes[0]) ** 2).sum(axis=-1)[::-1]
    assert total[0] == pytest.approx(0, abs=1e-9)
    assert_allclose(total[1:], [18.78918915723918, 19.679676835786527, 16.76890645406461], rtol=1e-8)
