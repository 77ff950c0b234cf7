"""What a Hamiltonian accepts, what it refuses and with which words, and its Fourier transform."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import oracle
import pytest
import scipy.constants
from models import MODELS, bloch, exchange, shell_bonds
from numpy.testing import assert_allclose, assert_array_equal
from random_models import random_model

from magsearch import units
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy

SQUARE = Lattice.named("square", (4, 3, 1))
BONDS = shell_bonds(SQUARE, exchange(1.0))
MATRIX = np.random.default_rng(0).normal(size=(3, 3))


def test_units_are_those_of_nature():
    """To 1e-7 where a constant is measured: CODATA's adjustments of 2018 and 2022 differ by up to 1.4e-9."""
    e = scipy.constants.elementary_charge
    assert pytest.approx(1e3 * scipy.constants.physical_constants["Bohr magneton in eV/T"][0], rel=1e-7) == units.MU_B
    assert pytest.approx(1e3 * scipy.constants.Boltzmann / e, rel=1e-8) == units.K_B
    assert pytest.approx(scipy.constants.Rydberg * scipy.constants.h * scipy.constants.c / e, rel=1e-9) == units.MRY
    assert pytest.approx(1e3 / e, rel=1e-12) == units.JOULE
    assert pytest.approx(1e10 * scipy.constants.physical_constants["Bohr radius"][0], rel=1e-7) == units.BOHR


# -- couplings -------------------------------------------------------------------------------------------------------


def test_couplings_that_are_not_reciprocal_are_named_with_their_source():
    bonds = Bonds([0, 0], [0, 0], [[1, 0, 0], [-1, 0, 0]], [MATRIX, MATRIX], ("dmfile:4", "dmfile:5"))
    with pytest.raises(ValueError, match=r"dmfile:[45]: bond 0 -> 0, cells \(-?1, 0, 0\).*transpose"):
        Hamiltonian(SQUARE, bonds)
    per_site = Bonds([3], [7], [[0, 0, 0]], [MATRIX], ("defects:2",))
    with pytest.raises(ValueError, match="defects:2: bond 3 -> 7"):
        Hamiltonian(SQUARE, BONDS, site_bonds=per_site)


def test_an_atom_has_no_bond_with_itself():
    """The sum runs over i != j: such a line of an input is a mistake, and the message says which."""
    bonds = Bonds([0], [0], [[0, 0, 0]], [np.eye(3)], ("jfile:7",))
    with pytest.raises(ValueError, match="jfile:7: bond 0 -> 0"):
        Hamiltonian(SQUARE, bonds)


def test_rounding_is_averaged_and_noted():
    rounded = MATRIX.T + 1e-5 * np.abs(MATRIX).max()
    model = Hamiltonian(
        SQUARE, Bonds([0, 0], [0, 0], [[1, 0, 0], [-1, 0, 0]], [MATRIX, rounded]), notes=("read from x",)
    )
    assert_allclose(model.bonds.J, model.bonds.J[::-1].swapaxes(1, 2), rtol=0, atol=0)
    assert model.notes[0] == "read from x"
    assert "rounding" in model.notes[1]


def test_exact_couplings_are_not_called_rounded():
    for name, model in MODELS.items():
        assert not model.notes, name
        assert not model.disordered().notes, name


def test_atoms_that_do_not_exist_are_named():
    with pytest.raises(ValueError, match=r"jfile:1: bond 0 -> 1.*atoms 0 to 0"):
        Hamiltonian(SQUARE, Bonds([0], [1], [[0, 0, 0]], [MATRIX], ("jfile:1",)))
    with pytest.raises(ValueError, match="bond -1 -> 0"):
        Hamiltonian(SQUARE, Bonds([-1], [0], [[0, 0, 0]], [MATRIX]))
    with pytest.raises(ValueError, match=r"bond 2 -> 12.*sites 0 to 11"):
        Hamiltonian(SQUARE, BONDS, site_bonds=Bonds.pairs([2], [12], MATRIX[None]))


# -- moments, anisotropy, field, vacancies ---------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_moments_must_be_positive_and_the_wrong_one_is_named(bad):
    lattice = Lattice.named("kagome", (2, 2, 1))
    with pytest.raises(ValueError, match="moment 2 "):
        Hamiltonian(lattice, Bonds.none(), np.array([1.0, 1.0, bad]))


def test_moments_are_of_all_atoms_or_of_all_sites():
    lattice = Lattice.named("kagome", (2, 2, 1))
    for right in (2.0, np.array([1.0, 2.0, 3.0]), np.arange(1.0, 13.0)):
        Hamiltonian(lattice, Bonds.none(), right)
    assert_array_equal(Hamiltonian(lattice, Bonds.none(), [1.0, 2.0, 3.0]).site_moments, [1, 2, 3] * 4)
    with pytest.raises(ValueError, match="4 moments for 3 atoms and 12 sites"):
        Hamiltonian(lattice, Bonds.none(), np.ones(4))


@pytest.mark.parametrize("axis", [(0, 0, 0), (np.nan, 0, 1), (np.inf, 0, 0), (0, 1), (1,), (0, 0, 1, 0)])
def test_an_axis_without_direction_is_refused(axis):
    with pytest.raises(ValueError, match="axis"):
        Hamiltonian(SQUARE, BONDS, anisotropy=(UniaxialAnisotropy(1.0, axis),))


def test_the_length_of_an_axis_does_not_matter():
    short, long = (
        Hamiltonian(SQUARE, BONDS, anisotropy=(UniaxialAnisotropy(0.8, (0, 3 * k, 4 * k), 0.3),)) for k in (1e-3, 50)
    )
    s = oracle.random_textures(short, 1)[0]
    assert_allclose(short.terms[1].energies(short, s), long.terms[1].energies(long, s), rtol=1e-14)


@pytest.mark.parametrize(
    "axes", [((1, 0, 0), (0, 1, 0), (0, 0.1, 1)), ((2, 0, 0), (0, 2, 0), (0, 0, 2)), ((1, 0, 0), (0, 1, 0))]
)
def test_cube_axes_must_be_orthogonal_unit_vectors(axes):
    with pytest.raises(ValueError, match="cube axes"):
        Hamiltonian(SQUARE, BONDS, anisotropy=(CubicAnisotropy(1.0, axes),))


def test_parallel_axes_and_equal_cubes_share_an_entry_of_the_kernels_rows():
    turned = ((0, 1, 0), (-1, 0, 0), (0, 0, 1))
    tilted = ((0.6, 0.8, 0), (-0.8, 0.6, 0), (0, 0, 1))
    along, across = UniaxialAnisotropy(0, (0, 0, -2), 1.0), UniaxialAnisotropy(0, (1, 0, 0), 1.0)

    def entries(*terms):
        entries = Hamiltonian(SQUARE, BONDS, anisotropy=terms).terms[1].entries
        return entries.uniaxial[0].tolist(), entries.cubes[0].tolist()

    assert entries(UniaxialAnisotropy(0, K4=1.0), along) == ([[2.0]], [[]])
    assert entries(UniaxialAnisotropy(0, K4=1.0), across) == ([[1.0, 1.0]], [[]])
    assert entries(CubicAnisotropy(1.0), CubicAnisotropy(2.0, turned)) == ([[]], [[3.0]])
    assert entries(CubicAnisotropy(1.0), CubicAnisotropy(2.0, tilted)) == ([[]], [[1.0, 2.0]])
    assert entries(CubicAnisotropy(1.0), CubicAnisotropy(-1.0, turned)) == ([[]], [[]])


@pytest.mark.parametrize("atom", [1, -1])
def test_an_anisotropy_of_an_atom_that_does_not_exist_is_refused(atom):
    with pytest.raises(ValueError, match=f"atom {atom}"):
        Hamiltonian(SQUARE, BONDS, anisotropy=(UniaxialAnisotropy(1.0, atoms=(atom,)),))


@pytest.mark.parametrize(
    "term", [UniaxialAnisotropy(np.nan), UniaxialAnisotropy(0, K4=np.inf), CubicAnisotropy(np.nan)]
)
def test_anisotropy_constants_must_be_finite(term):
    with pytest.raises(ValueError, match="finite"):
        Hamiltonian(SQUARE, BONDS, anisotropy=(term,))


@pytest.mark.parametrize("field", [(0, 0), (0, 0, np.nan), (0, 0, 0, 1)])
def test_a_field_is_three_finite_numbers(field):
    with pytest.raises(ValueError, match="field"):
        Hamiltonian(SQUARE, BONDS, field=field)


def test_vacancies_are_sites_of_the_lattice():
    for wrong in ((-1,), (12,)):
        with pytest.raises(ValueError, match="sites 0 to 11"):
            Hamiltonian(SQUARE, BONDS, vacancies=wrong)
    model = Hamiltonian(SQUARE, BONDS, 2.0, vacancies=(5, 2, 5))
    assert model.vacancies == (2, 5)
    assert not model.uniform
    assert_array_equal(np.flatnonzero(~model.occupied), [2, 5])
    assert_array_equal(model.site_moments[[2, 5, 6]], [0, 0, 2])
    assert not np.isin(model.vacancies, [model.directed.i, model.directed.j]).any()


# -- the same model, otherwise written -------------------------------------------------------------------------------


def test_directed_bonds_are_those_of_the_oracle(model):
    """Both lists give every pair of sites the same total matrix, and ``directed`` is sorted by site."""
    n = model.lattice.sites
    totals = []
    for i, j, J in (oracle.walk(model), (model.directed.i, model.directed.j, model.directed.J)):
        total = np.zeros((n, n, 3, 3))
        np.add.at(total, (i, j), J)
        totals.append(total)
    assert_allclose(totals[1], totals[0], atol=1e-13)
    assert_allclose(totals[1], totals[1].transpose(1, 0, 3, 2), atol=1e-13)
    assert (np.diff(model.directed.i) >= 0).all()


def test_disorder_written_out_has_the_same_energies(model):
    s = oracle.random_textures(model, 3)
    scale = np.linalg.norm(oracle.field(model, s), axis=-1).sum(-1)
    written = model.disordered()
    assert len(written.bonds) == 0
    for name, energy in oracle.energies(model, s).items():
        assert (np.abs(oracle.energies(written, s)[name] - energy) < 1e-13 * scale).all(), name


def test_with_size_keeps_the_crystal():
    model = MODELS["kagome_tensor"].with_size((2, 5, 3))
    assert model.lattice.size == (2, 5, 3)
    assert model.lattice.periodic == MODELS["kagome_tensor"].lattice.periodic
    assert_array_equal(model.bonds.J, MODELS["kagome_tensor"].bonds.J)
    with pytest.raises(ValueError, match="cannot be resized"):
        MODELS["disordered"].with_size((2, 2, 1))


def test_parts_add_up_to_the_whole(model):
    """Exchange is symmetric, DMI antisymmetric, and together they are the couplings."""
    terms = model.parts()
    J, odd, even = model.bonds.J, terms["dmi"].bonds.J, terms["exchange"].bonds.J
    assert_allclose(odd, -odd.swapaxes(1, 2), atol=1e-15)
    assert_allclose(even, even.swapaxes(1, 2), atol=1e-15)
    assert_allclose(odd + even, J, atol=1e-14)
    assert terms["zeeman"].field == model.field
    assert terms["anisotropy"].anisotropy == model.anisotropy


# -- reciprocal space ------------------------------------------------------------------------------------------------

PERIODIC = [name for name, model in MODELS.items() if model.uniform and len(model.bonds)]


@pytest.mark.parametrize("name", PERIODIC)
def test_fourier_couplings_are_hermitian_and_periodic(name):
    model = MODELS[name]
    q = np.random.default_rng(0).normal(size=(5, 3)) @ model.lattice.reciprocal
    J = model.fourier(q)
    assert J.shape == (5, 3 * model.lattice.atoms, 3 * model.lattice.atoms)
    assert_allclose(J, J.conj().swapaxes(1, 2), atol=1e-12)
    assert_allclose(J, model.fourier(-q).conj(), atol=1e-12)
    assert_allclose(J, model.fourier(q + [1, -2, 1] @ model.lattice.reciprocal), atol=1e-10)


@pytest.mark.parametrize("seed", range(30))
def test_fourier_couplings_are_the_sum_over_bonds(seed):
    model = random_model(seed)
    q = np.random.default_rng(0).normal(size=(3, 3)) @ model.lattice.reciprocal
    expected = np.zeros((3, model.lattice.atoms, 3, model.lattice.atoms, 3), dtype=complex)
    bonds = model.present
    for i, j, offset, J in zip(bonds.i, bonds.j, bonds.offset, bonds.J, strict=True):
        expected[:, i, :, j] += np.exp(1j * q @ (offset @ model.lattice.cell))[:, None, None] * J
    found = model.fourier(q)
    assert_allclose(found, expected.reshape(found.shape), atol=1e-12)


@pytest.mark.parametrize("name", ["square_bloch", "kagome_tensor", "honeycomb_dmi", "left_handed", "prime_box"])
def test_fourier_couplings_give_the_energy_of_a_plane_wave(name):
    """s_a(T) = Re[u_a exp(i q.T)] has E = - cells/4 u* J(q) u, at every q of the box but those with q = -q."""
    model = replace(MODELS[name], anisotropy=(), field=(0, 0, 0))
    lattice = model.lattice
    rng = np.random.default_rng(1)
    for step in ([1, 0, 0], [1, 1, 0], [-1, 1, 0]):
        q = (np.array(step) / lattice.size) @ lattice.reciprocal
        u = rng.normal(size=3 * lattice.atoms) + 1j * rng.normal(size=3 * lattice.atoms)
        phase = np.exp(1j * (lattice.coordinates @ lattice.cell) @ q)
        wave = (phase[:, None] * u).real.reshape(lattice.sites, 3)
        if np.isclose(phase**2, 1).all():
            continue
        expected = -0.25 * lattice.cells * (u.conj() @ model.fourier(q)[0] @ u).real
        assert oracle.energy(model, wave) == pytest.approx(expected, rel=1e-11, abs=1e-11)


def test_left_and_right_handed_models_are_mirror_images():
    """D -> -D is undone by a mirror of space, under which positions are vectors and spins axial vectors."""
    lattice = Lattice.named("square", (5, 4, 1))
    right, left = (Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, D), exchange(0.2))) for D in (0.4, -0.4))
    s = oracle.random_textures(right, 4)
    flipped = s.reshape(4, 1, 4, 5, 3)[:, :, :, ::-1].reshape(s.shape) * [1, -1, -1]  # x -> -x; spins are axial
    assert_allclose(oracle.energy(left, flipped), oracle.energy(right, s), rtol=1e-12)
    assert not np.allclose(oracle.energy(right, flipped), oracle.energy(right, s))
