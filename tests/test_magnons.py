"""Spin waves: known dispersions, numbers published by Sunny, the Hessian, and laws of intensities."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import oracle
import pytest
from models import exchange, shell_bonds
from numpy.testing import assert_allclose
from scipy.linalg import expm

from magsearch import config
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.magnons.cell import RepeatedCell, repeated_cell, spiral_cell
from magsearch.magnons.expansion import Expansion
from magsearch.magnons.form_factors import J0, form_factor
from magsearch.magnons.path import path_of, special_points
from magsearch.magnons.spectrum import broadened, density, form_factors, powder
from magsearch.magnons.spin_waves import SpinWaves
from magsearch.magnons.stationary import NotAMinimum
from magsearch.minima import modes
from magsearch.minima.hessian import Hessian, dense
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.single_ion import CubicAnisotropy, StevensOperator, UniaxialAnisotropy
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.relax import relax
from magsearch.relaxation.step_control import Fixed
from magsearch.thermal.stochastic_llg import StochasticLLG
from magsearch.units import DIPOLE, MU_B

S = 2.5  # of most models here: moments of 5 mu_B and g = 2
UP = np.array([0.0, 0.0, 1.0])
INPUTS = Path(__file__).parent.parent / "inputs" / "atlas"


def q_points(count: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, size=(count, 3))


def uniform(lattice: Lattice, direction: np.ndarray = UP) -> np.ndarray:
    return np.tile(direction, (lattice.sites, 1))


def waved(lattice: Lattice, k: tuple[float, float, float], offsets: np.ndarray | float = 0.0) -> np.ndarray:
    """Spins in the plane xy, turned by 2 pi k from cell to cell; offsets [atom] in radians."""
    angle = 2 * np.pi * (lattice.coordinates @ np.array(k))[:, None] + np.zeros(lattice.atoms) + offsets
    return np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1).reshape(-1, 3)


def model(name: str, size: tuple[int, int, int], *J: float, **more) -> Hamiltonian:
    lattice = Lattice.named(name, size)
    return Hamiltonian(lattice, shell_bonds(lattice, *map(exchange, J)), moments=2 * S, **more)


# -- known dispersions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chain", "square", "cubic", "fcc"])
def test_ferromagnet(name):
    """Bloch (1930): hbar w = [J(0) - J(q)] / S, with anisotropy 2 K / S, and g mu_B B in a field."""
    h = model(name, (2, 1, 1), 1.3, -0.2, anisotropy=(UniaxialAnisotropy(0.3),), field=(0, 0, 4.0))
    q = q_points()
    J = np.trace(h.fourier(q @ h.lattice.reciprocal), axis1=1, axis2=2).real / 3
    J0 = np.trace(h.fourier(np.zeros((1, 3)))[0]).real / 3
    w = (J0 - J + 2 * 0.3) / S + 2 * MU_B * 4.0
    assert_allclose(SpinWaves.about(h, uniform(h.lattice)).energies(q)[:, 0], w, rtol=1e-10)


def test_another_g_factor_scales_the_spins():
    h = model("cubic", (1, 1, 1), 1.0)
    q = q_points()
    one, other = (SpinWaves.about(h, uniform(h.lattice), g).energies(q) for g in (2.0, 1.0))
    assert_allclose(other, one / 2, rtol=1e-10)


def test_cubic_antiferromagnet():
    """Anderson, Phys. Rev. 86, 694 (1952): hbar w = [J(0)^2 - J(q)^2]^1/2 / S, twice."""
    h = model("cubic", (2, 2, 2), -1.3)
    q = q_points()
    J = 2 * 1.3 * np.cos(2 * np.pi * q).sum(axis=1)
    waves = SpinWaves.about(h, waved(h.lattice, (0.5, 0.5, 0.5)))
    assert waves.n_spins == 2
    assert_allclose(waves.energies(q), np.sqrt((6 * 1.3) ** 2 - J**2)[:, None].repeat(2, 1) / S, rtol=1e-10)


def test_easy_axis_antiferromagnet():
    """MnF2: two sublattices, body-centred; Keffer & Kittel, Phys. Rev. 85, 329 (1952), with their field along the axis.

    hbar w = {[z J + 2 K]^2 - [z J gamma(q)]^2}^1/2 / S -+ g mu_B B, gamma = cos x/2 cos y/2 cos z/2 of the cube.
    """
    lattice = Lattice(np.diag([4.87, 4.87, 3.31]), [[0, 0, 0], [2.435, 2.435, 1.655]], (1, 1, 1))
    centre = np.array([(x, y, z) for x in (0, -1) for y in (0, -1) for z in (0, -1)])
    bonds = Bonds.pairs(np.zeros(8, int), np.ones(8, int), exchange_matrix(np.full(8, -0.5)), centre)
    h = Hamiltonian(lattice, bonds, 2 * S, (UniaxialAnisotropy(0.2),), field=(0, 0, 1.5))
    q = q_points()
    gamma = np.cos(np.pi * q).prod(axis=1)
    w = np.sqrt((8 * 0.5 + 0.4) ** 2 - (8 * 0.5 * gamma) ** 2) / S
    waves = SpinWaves.about(h, np.array([UP, -UP]))
    split = 2 * MU_B * 1.5
    assert_allclose(waves.energies(q), np.stack([w - split, w + split], axis=1), rtol=1e-10)
    assert (waves.zero_modes().hessian, waves.zero_modes().bands) == (0, 0)


@pytest.mark.parametrize("spiral", [False, True])
def test_triangular_antiferromagnet(spiral):
    """Jolicoeur & Le Guillou, Phys. Rev. B 40, 2727 (1989): w = 3 J [(1 - g)(1 + 2 g)]^1/2 / S at q, q + K, q - K."""
    h = model("triangular", (3, 3, 1), -0.7)
    q = q_points()
    shifted = [q + shift * np.array([1 / 3, 1 / 3, 0]) for shift in (-1, 0, 1)]

    def w(p):
        turns = np.stack([p[:, 0], p[:, 1], p[:, 0] + p[:, 1]], axis=1)
        gamma = np.cos(2 * np.pi * turns).mean(axis=1)
        return 3 * 0.7 * np.sqrt((1 - gamma) * (1 + 2 * gamma)) / S

    waves = SpinWaves.about(h, waved(h.lattice, (1 / 3, 1 / 3, 0)), spiral=spiral)
    assert waves.n_spins == (1 if spiral else 3)
    expected = np.sort(np.stack([w(p) for p in shifted], axis=1), axis=1)
    assert_allclose(np.sort(waves.bands(q).energies, axis=1), expected, rtol=1e-10)


def honeycomb(D: float) -> Hamiltonian:
    """A ferromagnet with DMI across hexagons along z, clockwise for one sublattice and anticlockwise for the other."""
    lattice = Lattice.named("honeycomb", (1, 1, 1))
    second = lattice.shells(2)[1]
    turn = np.array([(1, 0, 0), (0, 1, 0), (-1, -1, 0)])
    sense = [1 if (offset == turn).all(axis=1).any() else -1 for offset in second.offset]
    sense = np.array(sense) * np.where(second.i == 0, 1, -1)
    dmi = np.array([dmi_matrix(D * UP * sign) for sign in sense])
    bonds = shell_bonds(lattice, exchange(1.0)) + Bonds(second.i, second.j, second.offset, dmi)
    return Hamiltonian(lattice, bonds, 2 * S)


def test_dmi_opens_a_gap_at_the_corners_of_the_honeycomb_zone():
    """Owerre, J. Phys.: Condens. Matter 28, 386001 (2016): w = {3 J +- [J^2 |f|^2 + m^2]^1/2} / S.

    At K the gap is 6 3^1/2 D / S.
    """
    D, h = 0.1, honeycomb(0.1)
    q = np.concatenate([[[1 / 3, 1 / 3, 0]], q_points()])
    x, y = 2 * np.pi * q[:, 0], 2 * np.pi * q[:, 1]
    f = np.sqrt(3 + 2 * (np.cos(x) + np.cos(y) + np.cos(x + y)))
    m = 2 * D * (np.sin(x) + np.sin(y) - np.sin(x + y))
    root = np.sqrt(f**2 + m**2)
    found = SpinWaves.about(h, uniform(h.lattice)).energies(q)
    assert_allclose(found, np.stack([3 - root, 3 + root], axis=1) / S, rtol=1e-10)
    assert found[0, 1] - found[0, 0] == pytest.approx(6 * np.sqrt(3) * D / S, rel=1e-10)


def chain(J: float, D: float, K: float, size: int = 1) -> Hamiltonian:
    lattice = Lattice.named("chain", (size, 1, 1))
    return Hamiltonian(
        lattice,
        shell_bonds(lattice, lambda _: exchange_matrix(J) + dmi_matrix(D * UP)),
        2 * S,
        (UniaxialAnisotropy(K),),
    )


def test_dmi_along_the_moments_makes_waves_nonreciprocal():
    """Melcher, Phys. Rev. Lett. 30, 125 (1973): w = [2 J (1 - cos q) + 2 D sin q + 2 K] / S for moments along z.

    Moments precess anticlockwise about the field that they feel, dm/dt = - gamma m x B: a wave exp(i q r - i w t) then
    is a screw m_x + i m_y = exp(- i q r + i w t), whose DMI energy is + D sin q.
    """
    h, q = chain(1.0, 0.3, 0.4), q_points()
    x = 2 * np.pi * q[:, 0]
    for direction, sign in ((UP, 1), (-UP, -1)):
        w = (2 * (1 - np.cos(x)) + sign * 2 * 0.3 * np.sin(x) + 2 * 0.4) / S
        assert_allclose(SpinWaves.about(h, uniform(h.lattice, direction)).energies(q)[:, 0], w, rtol=1e-10)


def test_biquadratic_antiferromagnet():
    """The cubic Neel state of J s.s' + B (s.s')^2 has the waves of an antiferromagnet with J - 2 B."""
    J, B = 1.0, -0.3
    lattice = Lattice.named("cubic", (2, 2, 2))
    square = SpinProducts.biquadratic([0] * 3, [0] * 3, np.eye(3, dtype=int), [-B] * 3)
    h = Hamiltonian(lattice, shell_bonds(lattice, exchange(-J)), 2 * S, others=(square,))
    q = q_points()
    gamma = np.cos(2 * np.pi * q).sum(axis=1) / 3
    w = 6 * (J - 2 * B) * np.sqrt(1 - gamma**2) / S
    found = SpinWaves.about(h, waved(lattice, (0.5, 0.5, 0.5))).energies(q)
    assert_allclose(found, np.stack([w, w], axis=1), rtol=1e-10)


# -- numbers of Sunny (test/test_lswt.jl and test/test_spiral.jl of SunnySuite/Sunny.jl 0.9) ---------------------------


def langasite() -> Hamiltonian:
    return config.read(INPUTS / "langasite.toml", ["model.moment=5.0"]).hamiltonian


OTHER_HAND = np.array([[0.41568, 0.56382, -0.76414]])  # the input is the mirror image of Sunny's crystal: z is -z


def test_langasite_in_a_box_of_seven_cells():
    """Test "SW15-Langasite": energies of SpinW, and intensities of S_xx and S_zz (21 bands, highest first)."""
    h = langasite()
    waves = SpinWaves.about(h, waved(h.lattice, (0, 0, 1 / 7), np.array([0, 2, 4]) * np.pi / 3))
    bands = waves.bands(OTHER_HAND)
    energies = [
        2.6267, 2.6541, 2.8177, 2.8767, 3.2458, 3.3172, 3.4727, 3.7767, 3.8202, 3.8284, 3.8749, 3.9095, 3.9422, 3.9730,
        4.0113, 4.0794, 4.2785, 4.4605, 4.6736, 4.7564, 4.7865,
    ]  # fmt: skip
    assert_allclose(bands.energies[0], energies, atol=1e-3)
    xx, zz = (np.abs(bands.amplitudes[0][::-1, axis] / 2) ** 2 for axis in (0, 2))
    inplane = {1: 0.2999830079, 6: 0.5954018134, 8: 1.3708506016, 12: 0.0734875342, 15: 0.0577275935, 20: 0.0338873034}
    along = {3: 0.3591387785, 9: 0.0511743697, 17: 6.1733740706}
    assert_allclose(xx, [inplane.get(n, 0.0) for n in range(21)], atol=1e-7)
    assert_allclose(zz, [along.get(n, 0.0) for n in range(21)], atol=1e-7)


def test_langasite_as_an_incommensurate_spiral():
    """Test "Langasite": energy per cell, propagation vector, energies and intensities of SpinW."""
    h = langasite()
    waves = SpinWaves.about(h, waved(h.lattice, (0, 0, 1 / 7), np.array([0, 2, 4]) * np.pi / 3), spiral=True)
    assert waves.n_spins == 3
    assert waves.energy_per_site == pytest.approx(-16.356697120589477 / 3, rel=1e-12)
    assert_allclose(np.abs(waves.cell.k), [0, 0, 0.14264604656200577], atol=1e-8)
    energies = [4.7564, 4.0113, 3.31724, 4.4605, 3.9095, 2.8767, 3.9422, 3.8202, 2.6267]
    intensities = [
        0.484724856017038, 0.962074686407910, 0.0932786148844105, 0.137966379056292, 0.0196590925454593,
        2.37155695274281, 2.21507666401705, 0.118744173882554, 0.0547564956435423,
    ]  # fmt: skip
    bands, order = waves.bands(OTHER_HAND), np.argsort(energies)
    own = np.argsort(bands.energies[0])
    assert_allclose(bands.energies[0, own], np.array(energies)[order], atol=1e-3)
    assert_allclose(bands.intensities[0, own] / 4, np.array(intensities)[order], atol=2e-3)
    goldstone = waves.bands([waves.cell.k, -waves.cell.k]).energies.min(axis=1)
    assert_allclose(goldstone, 0, atol=1e-5)


def test_canted_antiferromagnet():
    """Test "Canted AFM" of test_spiral.jl: no quantum corrections, s = 3/2, hard axis and field along z."""
    s, J, D, h = 1.5, 1.0, 0.54, 0.76
    lattice = Lattice.named("square", (2, 2, 1))
    bonds = shell_bonds(lattice, exchange(-J * s**2))
    model = Hamiltonian(lattice, bonds, 2 * s, (UniaxialAnisotropy(-D * s**2),), field=(0, 0, h / (2 * MU_B)))
    theta = np.arccos(h / (2 * s * (4 * J + D)))
    texture = np.sin(theta) * waved(lattice, (0.5, 0.5, 0)) + np.cos(theta) * UP
    q = np.array([[0.12, 0.23, 0.34]])
    Jq = 2 * J * (np.cos(2 * np.pi * q[0, 0]) + np.cos(2 * np.pi * q[0, 1]))
    expected = [
        np.sqrt(
            4 * J * s * (4 * J * s + 2 * D * s * np.sin(theta) ** 2) + np.cos(2 * theta) * (Jq * s) ** 2
            + sign * 2 * s * Jq * (4 * J * s * np.cos(theta) ** 2 + D * s * np.sin(theta) ** 2)
        )
        for sign in (1, -1)
    ]  # fmt: skip
    assert_allclose(SpinWaves.about(model, texture).energies(q)[0], np.sort(expected), rtol=1e-10)


def test_dipoles_on_a_chain():
    """Test "Dipole-dipole": s = g = 1, mu_0 = 1 and mu_B = 1; energy, energies and intensities."""
    lattice = Lattice(np.diag([10.0, 10.0, 1.0]), [[0, 0, 0]], (1, 1, 1))
    h = Hamiltonian(lattice, Bonds.none(), 1.0, others=(Dipole(),))
    unit = DIPOLE * 4 * np.pi
    waves = SpinWaves.about(h, uniform(lattice), g=1.0)
    assert waves.energy_per_site / unit == pytest.approx(-0.1913132980155851, rel=1e-9)
    bands = waves.bands([[0, 0, 0], [0, 0, 0.5], [0, 0.5, 0.5]])
    expected = [0.5689399140467553, 0.23914164251944922, 0.23914164251948083]
    assert_allclose(bands.energies[:, 0] / unit, expected, atol=1e-7)
    assert_allclose(bands.intensities[:, 0], [2 / 3, 1, 201 / 202], rtol=1e-6)


def test_dipoles_on_the_body_centred_lattice():
    """Test "Dipole-dipole", second half: meV, moments of 2 mu_B along (1, 2, 3), the primitive cell and the cube."""
    direction = np.array([1, 2, 3]) / np.sqrt(14)
    primitive = Lattice.named("bcc", (1, 1, 1))
    cube = Lattice(np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], (1, 1, 1))
    q = 2 * np.pi * np.array([[0.5, -0.1, 0.3]])
    for lattice, expected in ((primitive, [0.9206655245623366]), (cube, [0.9206655245623366, 1.3236778041378718])):
        h = Hamiltonian(lattice, Bonds.none(), 2.0, others=(Dipole(),))
        waves = SpinWaves.about(h, uniform(lattice, direction))
        assert waves.energy_per_site == pytest.approx(-0.89944235377, rel=1e-7)
        assert_allclose(waves.energies(q @ np.linalg.inv(lattice.reciprocal))[0], expected, rtol=1e-7)


# -- the Hessian, the equation of motion -------------------------------------------------------------------------------


def everything(size: tuple[int, int, int], periodic: tuple[bool, bool, bool] = (True, True, True)) -> Hamiltonian:
    """A model with every kind of term, and no symmetry."""
    random = np.random.default_rng(1)
    lattice = Lattice([[3, 0, 0], [0.5, 2.5, 0], [0.3, 0.2, 4]], [[0, 0, 0], [1, 1.2, 2]], size, periodic)
    i, j = [0, 0, 1, 0, 1], [1, 0, 1, 1, 1]
    offset = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 1), (1, -1, 0), (2, 0, 0)])
    bonds = Bonds.pairs(np.array(i), np.array(j), random.normal(size=(5, 3, 3)), offset)
    nowhere, right = (0, 0, 0), (1, 0, 0)
    products = SpinProducts.joined(
        [
            SpinProducts.biquadratic([0], [1], [nowhere], [0.7]),
            SpinProducts.four_spin([[0, 1, 0, 1]], [[nowhere, nowhere, right, right]], [0.4], "ring"),
            SpinProducts.chirality([[0, 1, 0]], [[nowhere, nowhere, (0, 1, 0)]], [0.3]),
        ]
    )
    anisotropy = (
        UniaxialAnisotropy(0.3, (1, 1, 0), K4=0.2), CubicAnisotropy(0.4, atoms=(1,)), StevensOperator(6, -3, 0.1),
        StevensOperator(4, 2, 0.1),
    )  # fmt: skip
    return Hamiltonian(lattice, bonds, np.array([2.0, 3.0]), anisotropy, (1.0, 2.0, -3.0), others=(*products, Dipole()))


def hessian(h: Hamiltonian, texture: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(dense(Evaluator(h, Cpu(), np.float64), texture)[0])


def test_the_form_at_all_wave_vectors_of_a_box_is_the_hessian_of_the_box():
    """All terms of a texture that repeats in every cell: the eigenvalues of all K(q) are those of the box."""
    h = everything((3, 2, 2))
    texture = np.tile(oracle.random_textures(everything((1, 1, 1)), 1)[0], (h.lattice.cells, 1))
    expansion = Expansion.of(h, repeated_cell(h, texture))
    assert expansion.n_spins == 2
    K = expansion.stiffness(h.lattice.coordinates / np.array(h.lattice.size))
    assert_allclose(np.sort(np.linalg.eigvalsh(K).ravel()), hessian(h, texture), atol=1e-11)
    energy = Evaluator(h, Cpu(), np.float64).energies(texture[None])[0]
    assert expansion.energy * h.lattice.cells == pytest.approx(energy, rel=1e-12)


@pytest.mark.parametrize("kind", ["open edges", "vacancies", "per-site couplings"])
def test_the_form_at_q_0_is_the_hessian_of_the_box(kind):
    h = everything((3, 2, 2), (True, True, kind != "open edges"))
    if kind == "vacancies":
        h = replace(h, vacancies=(3, 8))
    if kind == "per-site couplings":
        h = replace(h, others=()).disordered()
    texture = oracle.random_textures(h, 1)[0]
    K = Expansion.of(h, repeated_cell(h, texture)).stiffness(np.zeros((1, 3)))[0]
    assert_allclose(np.linalg.eigvalsh(K), hessian(h, texture), atol=1e-11)


def test_couplings_between_given_sites_lead_to_the_closest_image():
    """Where couplings are listed by site, the waves are those of the crystal folded into the box."""
    h = chain(1.0, 0.3, 0.4, size=4)
    q = np.array([[0.07, 0, 0]])
    plain, listed = (SpinWaves.about(of, uniform(h.lattice)) for of in (h, h.disordered()))
    folded = plain.energies(q + np.arange(4)[:, None] / 4 * np.array([1, 0, 0]))
    assert_allclose(listed.energies(q)[0], np.sort(folded.ravel()), rtol=1e-10)


def test_frequencies_are_those_of_the_landau_lifshitz_equation():
    """The project's integrator, with damping a: ds/dt = - s x (s x b) - s x b / a in time units of 1 / meV.

    A small displacement follows exp(t [- K + G K / a]) with G the rotation by 90 degrees; without the first part its
    frequencies are w S / a with the energies w of the magnons of equal spins, in the sense that makes waves of DMI
    nonreciprocal.
    """
    h, damping = chain(1.0, 0.3, 0.4, size=3), 0.5
    waves = SpinWaves.about(h, uniform(h.lattice))
    q = np.array([[n / 3, 0, 0] for n in (0, 1, 2)])
    G = np.array([[0, -1], [1, 0]])  # x' = - dE/dy, y' = dE/dx
    for each, K in zip(waves.energies(q)[:, 0], waves.expansion.stiffness(q), strict=True):
        assert np.linalg.eigvals(G @ K).imag.min() == pytest.approx(-each * S, rel=1e-10)  # exp(i q r - i w t)
    cells, still = h.lattice.coordinates, np.zeros(3)
    box = Expansion.of(h, RepeatedCell(h.lattice, np.diag(h.lattice.size), cells, uniform(h.lattice), UP, still))
    frames, K, G = box.frames, box.stiffness(np.zeros((1, 3)))[0].real, np.kron(np.eye(3), G)
    evaluator = Evaluator(h, Cpu(), np.float64)
    u = 1e-4 * np.random.default_rng(2).normal(size=(3, 2))
    texture = uniform(h.lattice) + np.einsum("iu,iux->ix", u, frames)
    texture /= np.linalg.norm(texture, axis=1, keepdims=True)
    step, count = 0.01, 400
    method = StochasticLLG(0.0, Convergence(0.0, count, None), damping, Fixed(step))
    after = relax(method, evaluator, texture[None], key=(1, 2)).textures[0]
    time = count * step / (evaluator.stiffness * np.hypot(1, 1 / damping))
    expected = expm(time * (-K + G @ K / damping)) @ u.ravel()
    found = np.einsum("iux,ix->iu", frames, after).ravel()
    assert np.abs(found - expected).max() < 2e-3 * np.abs(u).max()
    assert np.abs(expected - u.ravel()).max() > 0.5 * np.abs(u).max()


# -- zero modes, and what is no minimum --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "size", "J", "k", "zero", "gapless"),
    [
        ("square", (2, 2, 1), 1.0, (0, 0, 0), 2, 1),
        ("square", (2, 2, 1), -1.0, (0.5, 0.5, 0), 2, 2),
        ("triangular", (3, 3, 1), -1.0, (1 / 3, 1 / 3, 0), 3, 3),
    ],
)
def test_zero_modes_are_the_global_rotations(name, size, J, k, zero, gapless):
    """Two conjugate rotations of a ferromagnet share one quadratic mode (Nielsen & Chadha 1976)."""
    h = model(name, size, J)
    texture = waved(h.lattice, k)
    waves = SpinWaves.about(h, texture)
    found = waves.zero_modes()
    assert (found.hessian, found.bands) == (zero, gapless)
    rotations = modes.rotations(Hessian(Evaluator(h, Cpu(), np.float64), texture[None]), texture[None])
    assert (rotations != 0).any(axis=(2, 3)).sum() == zero
    energies = waves.energies([[0, 0, 0]])[0]
    assert (energies < 1e-5).sum() == gapless


def test_what_is_no_minimum_is_refused():
    h = model("square", (2, 2, 1), -1.0)
    with pytest.raises(NotAMinimum, match="not a minimum: a wave with q"):
        SpinWaves.about(h, uniform(h.lattice)).energies([[0.5, 0.5, 0]])
    bent = uniform(h.lattice)
    bent[0] = [0.6, 0, 0.8]
    with pytest.raises(NotAMinimum, match="torque"):
        SpinWaves.about(h, bent)


def test_a_minimum_of_a_box_that_is_too_small_is_refused():
    """J1 = 1, J2 = - 1: a spiral with cos q = 1 / 4, and a box of four cells has none that is as low."""
    h = model("chain", (4, 1, 1), 1.0, -1.0)
    waves = SpinWaves.about(h, waved(h.lattice, (0.25, 0, 0)))
    with pytest.raises(NotAMinimum, match="not of the infinite crystal"):
        waves.energies([[0.02, 0, 0]])
    spiral = SpinWaves.about(h, waved(h.lattice, (0.25, 0, 0)), spiral=True)
    assert np.cos(2 * np.pi * spiral.cell.k[0]) == pytest.approx(0.25, abs=1e-10)
    assert spiral.energies(q_points(20)).min() > 0


def test_a_cell_that_does_not_fit_into_memory_is_refused(monkeypatch):
    h = everything((3, 2, 2))
    monkeypatch.setattr("magsearch.magnons.spin_waves.memory", lambda: 10_000)
    with pytest.raises(ValueError, match="repeats after 24 spins"):
        SpinWaves.about(h, oracle.random_textures(h, 1)[0])


def test_a_spiral_needs_an_axis():
    h = model("chain", (4, 1, 1), 1.0)
    with pytest.raises(ValueError, match="collinear"):
        spiral_cell(h, uniform(h.lattice))
    tilted = replace(h, anisotropy=(UniaxialAnisotropy(1.0), UniaxialAnisotropy(0.5, (1, 0, 0))))
    with pytest.raises(ValueError, match="no axis"):
        spiral_cell(tilted, waved(h.lattice, (0.25, 0, 0)))


# -- cells -------------------------------------------------------------------------------------------------------------


def test_the_smallest_cell_of_a_texture():
    lattice = Lattice.named("square", (4, 6, 1))
    h = Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)))
    cell = repeated_cell(h, waved(lattice, (0.5, 1 / 3, 0)))
    assert abs(np.linalg.det(cell.vectors)) == pytest.approx(6)
    assert len(cell.cells) == 6
    again = cell.spins.reshape(6, 1, 3)[cell.home(lattice.coordinates)[0]]
    assert_allclose(again.reshape(-1, 3), waved(lattice, (0.5, 1 / 3, 0)), atol=1e-12)
    one = spiral_cell(h, waved(lattice, (0.5, 1 / 3, 0)))
    assert len(one.cells) == 1
    assert_allclose(np.abs(one.k), [0.5, 1 / 3, 0], atol=1e-12)


# -- intensities -------------------------------------------------------------------------------------------------------


def spectra(waves: SpinWaves, q: np.ndarray) -> np.ndarray:
    bands, energies = waves.bands(q), np.linspace(0, 3, 100)
    return np.array([broadened(e, i, energies, 0.1) for e, i in zip(bands.energies, bands.intensities, strict=True)])


@pytest.mark.parametrize("name", ["box", "spiral"])
def test_intensities_do_not_depend_on_the_cell(name):
    """The smallest cell, the whole box, and the frame of the spiral give one spectrum at any q, in any zone."""
    h = model("triangular", (3, 3, 1), -0.7, anisotropy=(UniaxialAnisotropy(-0.3),))
    texture, q = waved(h.lattice, (1 / 3, 1 / 3, 0)), 3 * q_points(4)
    one = SpinWaves.about(h, texture)
    if name == "spiral":
        other = SpinWaves.about(h, texture, spiral=True)
    else:
        cell = one.cell
        cells = np.array([(x, y, 0) for x in range(3) for y in range(3)])
        spins = cell.spins.reshape(-1, 1, 3)[cell.home(cells)[0]].reshape(-1, 3)
        whole = RepeatedCell(h.lattice, np.diag(h.lattice.size), cells, spins, cell.axis, cell.turns)
        other = SpinWaves(Expansion.of(h, whole), np.full(9, 2.0))
    assert_allclose(spectra(other, q), spectra(one, q), rtol=1e-8, atol=1e-10)


def test_a_ferromagnet_scatters_by_g_squared_s():
    """Sum over components g^2 S; half of it, for q in the plane, is perpendicular to q for each component."""
    h = model("cubic", (1, 1, 1), 1.0)
    bands = SpinWaves.about(h, uniform(h.lattice)).bands([[0.3, 0, 0], [0, 0, 0.2], [0, 0, 0]])
    assert_allclose((np.abs(bands.amplitudes) ** 2).sum(axis=(1, 2)), 4 * S, rtol=1e-8)
    assert_allclose(bands.intensities[:, 0], 4 * S * np.array([0.5, 1, 2 / 3]), rtol=1e-8)


def test_density_of_states_is_normalised_and_powder_is_an_average():
    h = model("cubic", (1, 1, 1), 1.0, anisotropy=(UniaxialAnisotropy(1.0),))
    waves = SpinWaves.about(h, uniform(h.lattice))
    found = density(waves, (6, 6, 6))
    assert np.trapezoid(found.states, found.energies) == pytest.approx(1, abs=1e-3)
    averaged = powder(waves, 2.0)
    total = np.trapezoid(averaged.intensities, averaged.energies, axis=1)
    assert_allclose(total, 4 * S * 2 / 3, rtol=1e-2)  # 1 - (q x)^2 / q^2 is two thirds on average


def test_form_factors():
    """Of every ion 1 at q = 0, and less farther out."""
    for ion in J0:
        assert form_factor(ion, 0.0) == pytest.approx(1.0, abs=0.01), ion
        assert 0 < form_factor(ion, 2.0) < 1, ion


def test_intensities_fall_as_the_square_of_the_form_factor():
    h = model("cubic", (1, 1, 1), 1.0)
    waves, q = SpinWaves.about(h, uniform(h.lattice)), q_points()
    factor = form_factors(waves, {"A": "Fe3"})
    expected = waves.bands(q).intensities * form_factor("Fe3", 2 * np.pi * np.linalg.norm(q, axis=1))[:, None] ** 2
    assert_allclose(waves.bands(q, factor).intensities, expected, rtol=1e-10)


# -- paths -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("acute", [False, True])
def test_corners_of_the_hexagonal_zone(acute):
    cell = np.array([[1, 0, 0], [0.5 if acute else -0.5, np.sqrt(0.75), 0], [0, 0, 2]])
    points, _ = special_points(Lattice(cell, [[0, 0, 0]], (1, 1, 1)))
    B = 2 * np.pi * np.linalg.inv(cell).T
    assert np.linalg.norm(points["K"] @ B) == pytest.approx(4 * np.pi / 3)
    assert np.linalg.norm(points["M"] @ B) == pytest.approx(2 * np.pi / np.sqrt(3))


@pytest.mark.parametrize("name", ["cubic", "fcc", "bcc", "triangular"])
def test_labels_are_those_of_ase(name):
    """Up to the point group: the same lengths."""
    cells = pytest.importorskip("ase.cell")
    lattice = Lattice.named(name, (1, 1, 1))
    cell = lattice.cell if name != "triangular" else lattice.cell * [[1], [1], [1.7]]
    points, _ = special_points(Lattice(cell, [[0, 0, 0]], (1, 1, 1)))
    theirs = cells.Cell(cell).bandpath(npoints=0).special_points
    B = 2 * np.pi * np.linalg.inv(cell).T
    assert set(points) <= set(theirs)
    for label, point in points.items():
        assert np.linalg.norm(point @ B) == pytest.approx(np.linalg.norm(theirs[label] @ B)), label


def test_a_path_is_even_and_breaks_add_nothing():
    lattice = Lattice.named("cubic", (1, 1, 1))
    path = path_of("G-X|M-R", lattice, 41)
    assert path.labels == ("G", "X", "M", "R")
    assert_allclose(path.distance[path.corners], np.array([0, np.pi, np.pi, 2 * np.pi]))
    assert_allclose(path.q[path.corners], [[0, 0, 0], [0, 0.5, 0], [0.5, 0.5, 0], [0.5, 0.5, 0.5]])
    assert_allclose(np.diff(path.distance)[np.diff(path.distance) > 0], 2 * np.pi / 40)
    assert path_of("0,0,0; 1/3,1/3,0", lattice, 10).labels == ("0 0 0", "0.3333 0.3333 0")
