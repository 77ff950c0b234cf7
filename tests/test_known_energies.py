"""Energies that can be worked out on paper, of textures that can be written down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models import GOLDEN, exchange, icosahedron_edges, icosahedron_positions, shell_bonds, square_bloch
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

from magsearch.engine.evaluator import Evaluator
from magsearch.engine.path import cost
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy
from magsearch.units import MU_B

UP, DOWN = np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, -1.0])


def per_site(model: Hamiltonian, texture: Any, device: Any) -> float:
    """Energy per site in meV; both paths must agree on it."""
    texture = np.broadcast_to(texture, (model.lattice.sites, 3))
    energy = Evaluator(model, device, np.float64, "direct").energies(texture)[0]
    if np.isfinite(cost(model, device).fourier):
        assert Evaluator(model, device, np.float64, "fourier").energies(texture)[0] == pytest.approx(energy, rel=1e-12)
    return float(energy / model.lattice.sites)


def nearest(name: str, size: tuple[int, int, int], *J: float) -> Hamiltonian:
    lattice = Lattice.named(name, size)
    return Hamiltonian(lattice, shell_bonds(lattice, *map(exchange, J)))


def angle(model: Hamiltonian, wave: Any) -> np.ndarray:
    """2 pi (k1 n1 + k2 n2 + k3 n3) in every cell, for one atom per cell; ``wave`` in reciprocal vectors."""
    return 2 * np.pi * (model.lattice.coordinates @ wave)


def spiral(phase: np.ndarray, first: Any, second: Any) -> np.ndarray:
    return np.cos(phase)[:, None] * first + np.sin(phase)[:, None] * second


X, Y, Z = np.eye(3)


# -- collinear and coplanar states -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "neighbours"),
    [("chain", 2), ("square", 4), ("triangular", 6), ("honeycomb", 3), ("kagome", 4), ("cubic", 6), ("bcc", 8),
     ("fcc", 12), ("diamond", 4), ("pyrochlore", 6)],
)  # fmt: skip
def test_ferromagnet_has_half_the_sum_of_its_couplings(device, name, neighbours):
    size = {
        "chain": (5, 1, 1),
        "square": (3, 4, 1),
        "triangular": (4, 4, 1),
        "honeycomb": (3, 2, 1),
        "kagome": (2, 3, 1),
    }
    model = nearest(name, size.get(name, (2, 3, 4)), 1.3)
    assert per_site(model, [0.0, 0.6, -0.8], device) == pytest.approx(-0.5 * neighbours * 1.3)


@pytest.mark.parametrize(
    ("name", "size", "wave", "energy"),
    [
        ("square", (4, 6, 1), (0.5, 0.5, 0), -2.0),  # checkerboard: four antiparallel neighbours
        ("cubic", (2, 4, 2), (0.5, 0.5, 0.5), -3.0),
        ("bcc", (2, 2, 2), (0.5, 0.5, 0.5), -4.0),  # each primitive vector leads to the other sublattice
        ("fcc", (2, 4, 2), (0.5, 0.5, 0), -2.0),  # first kind: eight antiparallel, four parallel neighbours
    ],
)
def test_antiferromagnets_on_bravais_lattices(device, name, size, wave, energy):
    model = nearest(name, size, -1.0)
    assert per_site(model, np.cos(angle(model, wave))[:, None] * UP, device) == pytest.approx(energy)


@pytest.mark.parametrize("name", ["honeycomb", "diamond"])
def test_antiferromagnets_on_two_sublattices(device, name):
    model = nearest(name, (2, 3, 1) if name == "honeycomb" else (2, 3, 2), -1.0)
    neighbours = {"honeycomb": 3, "diamond": 4}[name]
    assert per_site(model, np.tile([UP, DOWN], (model.lattice.cells, 1)), device) == pytest.approx(-0.5 * neighbours)


def test_triangular_antiferromagnet_turns_by_120_degrees(device):
    """cos 120 = -1/2 on six bonds, each shared by two."""
    model = nearest("triangular", (6, 3, 1), -1.0)
    assert per_site(model, spiral(angle(model, (1 / 3, 1 / 3, 0)), X, Z), device) == pytest.approx(-1.5)


def test_kagome_antiferromagnet_turns_by_120_degrees_in_every_cell(device):
    model = nearest("kagome", (3, 4, 1), -1.0)
    turn = 2 * np.pi * np.arange(3) / 3
    assert per_site(model, np.tile(spiral(turn, X, Y), (12, 1)), device) == pytest.approx(-1.0)


def test_pyrochlore_antiferromagnet_all_in_all_out(device):
    """Four spins along the corners of a tetrahedron add up to zero: cos = -1/3 on six bonds, each shared by two."""
    model = nearest("pyrochlore", (2, 2, 3), -1.0)
    inward = model.lattice.basis.mean(axis=0) - model.lattice.basis
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    assert per_site(model, np.tile(inward, (12, 1)), device) == pytest.approx(-1.0)


def test_stripes_win_on_the_square_lattice_where_second_neighbours_dominate(device):
    """J1 = -1, J2 < 0: Neel has 2 J1 - 2 J2, the stripe 2 J2; they cross at J2 = J1 / 2."""
    for J2 in (-0.3, -0.5, -0.8):
        model = nearest("square", (4, 4, 1), -1.0, J2)
        neel = per_site(model, np.cos(angle(model, (0.5, 0.5, 0)))[:, None] * UP, device)
        stripe = per_site(model, np.cos(angle(model, (0.5, 0, 0)))[:, None] * UP, device)
        assert neel == pytest.approx(-2 - 2 * J2)
        assert stripe == pytest.approx(2 * J2)
        assert np.sign(round(stripe - neel, 9)) == np.sign(round(J2 + 0.5, 9))


# -- spirals ---------------------------------------------------------------------------------------------------------


def okubo(q: Any, J1: float = 1.0, J3: float = -3.0) -> Any:
    """Energy per site of a spiral along a bond of the triangular lattice, turning by q from neighbour to neighbour."""
    return -J1 * (np.cos(q) + 2 * np.cos(q / 2)) - J3 * (np.cos(2 * q) + 2 * np.cos(q))


def test_spirals_of_the_triangular_j1_j3_model(device):
    """Okubo, Chung & Kawamura, Phys. Rev. Lett. 108, 017206 (2012): J1 ferromagnetic, J3 = -3 J1."""
    model = nearest("triangular", (13, 26, 1), 1.0, 0.0, -3.0)
    for m in range(7):
        phase = angle(model, (m / 13, -m / 26, 0))  # q along x; the second cell vector goes back by half a step
        assert per_site(model, spiral(phase, X, Y), device) == pytest.approx(okubo(2 * np.pi * m / 13), abs=1e-11)


def test_best_spiral_of_the_triangular_j1_j3_model():
    """Over all wave vectors the largest eigenvalue of J(q) belongs to q / 2 pi = 0.305877122, E = -5.155409727586."""
    model = nearest("triangular", (1, 1, 1), 1.0, 0.0, -3.0)
    best = minimize_scalar(
        lambda k: -0.5 * np.linalg.eigvalsh(model.fourier([2 * np.pi * k, 0, 0])[0])[-1],
        bounds=(0.2, 0.4),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert best.x == pytest.approx(0.305877122, abs=1e-6)
    assert best.fun == pytest.approx(-5.155409727586, abs=1e-9)
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 60)] * 2, [0.0]), axis=-1).reshape(-1, 3) @ model.lattice.reciprocal
    assert -0.5 * np.linalg.eigvalsh(model.fourier(grid)).max() >= best.fun - 1e-9


@pytest.mark.parametrize(
    ("D", "first", "second"), [(X, Y, Z), (Y, Z, X), (Z, X, Y)], ids=["helix", "cycloid", "in plane"]
)
def test_dmi_spiral_has_the_sense_of_its_vector(device, D, first, second):
    """s turns from `first` to `second` about D = first x second: E(q) = - J cos q - |D| sin q per bond."""
    J, strength = 1.0, 0.7
    lattice = Lattice.named("chain", (12, 1, 1))
    matrix = exchange_matrix(J) + dmi_matrix(strength * D)
    model = Hamiltonian(lattice, Bonds.pairs([0], [0], matrix[None], [[1, 0, 0]]))
    for m in range(-5, 6):
        q = 2 * np.pi * m / 12
        expected = -J * np.cos(q) - strength * np.sin(q)
        assert per_site(model, spiral(angle(model, (m / 12, 0, 0)), first, second), device) == pytest.approx(expected)


def test_helix_of_a_bloch_magnet_in_a_field(device):
    """Square lattice, D along the bonds, q = (k, 0): E = - J (cos q + 1) - D sin q; the field sees no mean spin."""
    model = square_bloch()
    q = 2 * np.pi / 6
    expected = -1.0 * (np.cos(q) + 1) - 0.4 * np.sin(q)
    assert per_site(model, spiral(angle(model, (1 / 6, 0, 0)), Y, Z), device) == pytest.approx(expected)
    mirrored = -1.0 * (np.cos(q) + 1) + 0.4 * np.sin(q)
    assert per_site(model, spiral(angle(model, (-1 / 6, 0, 0)), Y, Z), device) == pytest.approx(mirrored)


# -- one site --------------------------------------------------------------------------------------------------------


def test_zeeman_energy_of_a_moment_along_the_field(device):
    """One Bohr magneton in one tesla: 0.0578838 meV."""
    model = Hamiltonian(Lattice.named("square", (2, 2, 1)), Bonds.none(), 3.0, field=(0, 0, 10))
    assert per_site(model, UP, device) == pytest.approx(-30 * 0.057883818, rel=1e-7)
    assert per_site(model, DOWN, device) == pytest.approx(30 * 0.057883818, rel=1e-7)
    assert pytest.approx(0.057883818, rel=1e-7) == MU_B


def test_easy_axis_and_hard_axis(device):
    axis = np.array([1.0, 2.0, 2.0]) / 3
    across = np.array([2.0, -2.0, 1.0]) / 3
    lattice = Lattice.named("cubic", (2, 1, 2))
    model = Hamiltonian(lattice, Bonds.none(), anisotropy=(UniaxialAnisotropy(0.7, (1, 2, 2), K4=0.2),))
    assert per_site(model, axis, device) == pytest.approx(-0.9)
    assert per_site(model, -axis, device) == pytest.approx(-0.9)
    assert per_site(model, across, device) == pytest.approx(0, abs=1e-14)
    assert per_site(model, (axis + across) / 2**0.5, device) == pytest.approx(-0.7 / 2 - 0.2 / 4)


def test_cubic_anisotropy_on_edges_faces_and_diagonals(device):
    """0 along a cube axis, Kc/4 along a face diagonal, Kc/3 along the space diagonal, in any frame."""
    c, s = np.cos(0.3), np.sin(0.3)
    for frame in (np.eye(3), np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])):
        model = Hamiltonian(
            Lattice.named("cubic", (1, 1, 1)),
            Bonds.none(),
            anisotropy=(CubicAnisotropy(1.2, tuple(map(tuple, frame))),),
        )
        for direction, energy in (
            ((0, 0, 1), 0.0),
            ((0, 1, 0), 0.0),
            ((1, -1, 0), 0.3),
            ((1, 1, 1), 0.4),
            ((-1, 1, 1), 0.4),
        ):
            along = direction / np.linalg.norm(direction) @ frame
            assert per_site(model, along, device) == pytest.approx(energy, abs=1e-14)


# -- clusters --------------------------------------------------------------------------------------------------------


def test_icosahedron_with_antiferromagnetic_edges(device):
    """The ground state is the positions with sqrt 5 -> - sqrt 5: cos = - 1 / sqrt 5 on each of the 30 edges.

    E = -13.4164079 meV for J = -1 meV: Schmidt & Luban, J. Phys. A 36, 6351 (2003).
    """
    edges = icosahedron_edges(-1.0)
    assert len(edges) == 60
    model = Hamiltonian(Lattice.cluster(icosahedron_positions(GOLDEN)), Bonds.none(), site_bonds=edges)
    s = icosahedron_positions(-1 / GOLDEN)
    s /= np.linalg.norm(s, axis=1, keepdims=True)
    assert 12 * per_site(model, s, device) == pytest.approx(-30 / 5**0.5, rel=1e-13)
    assert 12 * per_site(model, s, device) == pytest.approx(-13.4164079, abs=1e-6)  # ten times the last digit printed
    assert_allclose(np.cross(s, Evaluator(model, device, np.float64).field(s)), 0, atol=1e-14)  # at rest


def test_antiferromagnetic_triangle_and_tetrahedron(device):
    """n spins that add up to zero: the energy of a complete graph is J n / 2."""
    for n, directions in ((3, spiral(2 * np.pi * np.arange(3) / 3, X, Y)),
                          (4, np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 3**0.5)):  # fmt: skip
        i, j = np.triu_indices(n, 1)
        bonds = Bonds.pairs(i, j, exchange_matrix(-np.ones(len(i))))
        model = Hamiltonian(
            Lattice.cluster(np.random.default_rng(n).normal(size=(n, 3))), Bonds.none(), site_bonds=bonds
        )
        assert n * per_site(model, directions, device) == pytest.approx(-n / 2)


def test_one_dmi_bond_prefers_a_right_angle_of_its_own_sense(device):
    """E = - D . (s_0 x s_1)."""
    pair = Lattice.cluster([[0, 0, 0], [1, 0, 0]])
    model = Hamiltonian(pair, Bonds.none(), site_bonds=Bonds.pairs([0], [1], dmi_matrix(0.9 * Z)[None]))
    assert 2 * per_site(model, [X, Y], device) == pytest.approx(-0.9)
    assert 2 * per_site(model, [Y, X], device) == pytest.approx(0.9)
    assert 2 * per_site(model, [X, X], device) == pytest.approx(0, abs=1e-15)
