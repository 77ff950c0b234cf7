"""Dipole-dipole interaction: known lattice sums, and direct sums that share nothing with Ewald's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import oracle
import pytest
from models import bloch, shell_bonds
from numpy.testing import assert_allclose
from programs import spirit_energies
from scipy.special import zeta

from magsearch import config, formats
from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.engine.path import choose_path, cost
from magsearch.engine.sweep_order import SweepPlan
from magsearch.errors import InputError, SettingError
from magsearch.minima.hessian import Hessian, dense
from magsearch.model.bonds import Bonds
from magsearch.model.ewald import Ewald
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.soft_waves import softest_waves
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.model.terms.term import UnsupportedTerm
from magsearch.observables.energy_density import energy_density
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.relax import relax
from magsearch.storage import model as stored
from magsearch.symmetry.space_group import operations
from magsearch.symmetry.spin_group import spin_group
from magsearch.thermal.sampling import averages, sample
from magsearch.units import DIPOLE, K_B, MRY, MU_B

ORIGIN = np.zeros((1, 3))
TIN_FOIL = np.zeros((3, 3))
CHAIN, SQUARE, CUBE = np.eye(3)[:1], np.eye(3)[:2], np.eye(3)
BODY = 0.5 * (np.ones((3, 3)) - 2 * np.eye(3))
FACE = 0.5 * (np.ones((3, 3)) - np.eye(3))
SKEW = np.array([[1.0, 0.1, 0.0], [0.3, 1.2, 0.1], [0.2, 0.4, 0.9]])


def dipoles(lattice: Lattice, moments=1.0, bonds: Bonds | None = None, **more) -> Hamiltonian:
    N = more.pop("demagnetising", (0.0, 0.0, 0.0))
    return Hamiltonian(lattice, Bonds.none() if bonds is None else bonds, moments, others=(Dipole(N),), **more)


def tensor(r: np.ndarray) -> np.ndarray:
    """(3 r r - r^2) / r^5 of vectors [..., 3], zero at r = 0."""
    x = np.linalg.norm(r, axis=-1)[..., None, None]
    x = np.where(x < 1e-9, np.inf, x)
    return 3 * r[..., :, None] * r[..., None, :] / x**5 - np.eye(3) / x**3


def matrix(model: Hamiltonian) -> np.ndarray:
    """J_ij of all sites from the tensors of the term, [site, 3, site, 3] meV."""
    i, j, row, matrices = model.dipole.on_sites(model)
    J = np.zeros((model.lattice.sites, 3, model.lattice.sites, 3))
    J[i, :, j] = matrices[row]
    return J


def random_spins(model: Hamiltonian, replicas: int = 3) -> np.ndarray:
    return oracle.random_textures(model, replicas)


def energy(model: Hamiltonian, s: np.ndarray) -> np.ndarray:
    return oracle.energy(model, s) - 0.5 * np.einsum("...ix,ixjy,...jy->...", s, matrix(model), s)


def field(model: Hamiltonian, s: np.ndarray) -> np.ndarray:
    return oracle.field(model, s) + np.einsum("ixjy,...jy->...ix", matrix(model), s)


ROD = Lattice(np.diag([1.4, 1.0, 1.2]), [[0, 0, 0], [0.4, 0.5, 0.2]], (4, 2, 3), (True, False, False))
FILM = Lattice(SKEW, [[0, 0, 0], [0.4, 0.5, 0.6]], (4, 3, 2), (True, True, False))
BULK = Lattice(SKEW, [[0, 0, 0], [0.4, 0.5, 0.6]], (3, 4, 2))
OPEN = Lattice(SKEW, [[0, 0, 0], [0.4, 0.5, 0.6]], (3, 1, 2), (False, False, False))
LAYER = Lattice(SKEW, [[0, 0, 0], [0.4, 0.5, 0.6]], (5, 4, 1), (True, True, False))
LATTICES = {"rod": ROD, "film": FILM, "bulk": BULK, "open": OPEN, "layer": LAYER}
MODELS = {
    name: dipoles(
        lattice, (2.0, 3.0), shell_bonds(lattice, bloch(0.2, 0.1)), field=(1.0, 2.0, -1.0),
        anisotropy=(UniaxialAnisotropy(0.1, (1, 2, 0.5), 0.05),),
    )
    for name, lattice in LATTICES.items()
}  # fmt: skip
EXTRA = Bonds.pairs([0, 3, 7], [5, 4, 9], np.random.default_rng(3).normal(size=(3, 3, 3)))
MODELS["defects"] = replace(MODELS["film"], vacancies=(2, 11, 30), site_bonds=EXTRA)
MODELS["alloy"] = replace(MODELS["bulk"], moments=np.random.default_rng(4).uniform(0.5, 3, 48), vacancies=(1,))


# -- the sums ----------------------------------------------------------------------------------------------------------


def test_the_unit_is_that_of_two_bohr_magnetons_at_one_angstrom():
    """mu_0 mu_B^2 / (4 pi A^3), CODATA 2018: 0.0536815 meV; a dipole makes 0.92740 T at 1 angstrom."""
    assert_allclose(DIPOLE, 0.05368151, rtol=1e-7)
    assert_allclose(DIPOLE / MU_B, 0.927401, rtol=1e-6)


KNOWN = {  # cell, wave vector, eigenvalue, digits of the source
    # the fields of Lorentz: 4 pi / 3 M in a cubic lattice, tin foil; of a sphere, none
    "cubic, uniform": (CUBE, [0, 0, 0], 4 * np.pi / 3, 1e-12),
    "bcc, uniform": (BODY, [0, 0, 0], 2 * 4 * np.pi / 3, 1e-12),
    "fcc, uniform": (FACE, [0, 0, 0], 4 * 4 * np.pi / 3, 1e-12),
    # Luttinger & Tisza, Phys. Rev. 70, 954 (1946), table III: 5.351 for the columns of the simple cubic lattice
    "cubic, columns": (CUBE, [0, np.pi, np.pi], 2 * 2.676788684, 1e-9),
    # the microvortex of the square lattice: Belobrov, Gekht & Ignatchenko, JETP 57, 636 (1983)
    "square, stripes": (SQUARE, [0, np.pi, 0], 2 * 2.549436, 4e-7),
    "chain, uniform": (CHAIN, [0, 0, 0], 4 * zeta(3), 1e-12),
    "chain, alternating": (CHAIN, [np.pi, 0, 0], 2 * 0.75 * zeta(3), 1e-12),
}


@pytest.mark.parametrize("name", KNOWN)
def test_largest_eigenvalue_of_known_sums(name):
    cell, q, value, digits = KNOWN[name]
    T = Ewald(cell, TIN_FOIL).sums(ORIGIN, [q])[0, 0]
    assert np.linalg.eigvalsh(T)[-1] == pytest.approx(value, rel=digits)


@pytest.mark.parametrize("dimension", [0, 1, 2, 3])
def test_no_sum_depends_on_the_splitting(dimension):
    cell, d = SKEW[:dimension], [[0, 0, 0], [0.3, -0.2, 0.5], [1.3, 2.0, -4.0], [0.1, 0.0, 0.02]]
    d = d[1:] if dimension == 0 else d
    q = [[0, 0, 0], [0.3, 2.0, -1.0], [1e-3, 0, 2e-4], [40.0, -30.0, 7.0]]
    few, many = (Ewald(cell, TIN_FOIL, splitting).sums(d, q) for splitting in (0.5, 1.4))
    assert_allclose(few, many, rtol=1e-10, atol=1e-10)


def test_sums_along_a_line_and_in_an_open_box_are_direct_sums():
    """Terms beyond 4000 periods are 1e-8 of the sum and are known: they fall as 1 / n^3."""
    d, n = np.array([0.3, 0.2, 0.7]), np.arange(-4000, 4001)
    direct = tensor(d + n[:, None] * CHAIN).sum(axis=0) + np.diag([2, -1, -1]) / 4000.5**2
    assert_allclose(Ewald(CHAIN, TIN_FOIL).sums([d], ORIGIN)[0, 0], direct, atol=1e-10)
    assert_allclose(Ewald(CUBE[:0], TIN_FOIL).sums([d], ORIGIN)[0, 0], tensor(d), rtol=1e-14)


def test_a_film_is_a_direct_sum():
    """Of a skew plane, within a smooth edge; beyond it a continuous film, from which lattices differ by exp(-80)."""
    d, plane, radius, width = np.array([0.2, 0.1, 0.8]), SKEW[:2], 80.0, 2.5
    normal = np.cross(*plane)
    area = np.linalg.norm(normal)
    normal /= area
    n = np.stack(np.meshgrid(*[np.arange(-200, 201)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    r = d + n @ plane
    z = d @ normal

    def outside(rho: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-(rho - radius) / width))

    rho = np.linalg.norm(r - z * normal, axis=1)
    near = rho < radius + 30 * width
    direct = np.einsum("r,rxy->xy", 1 - outside(rho[near]), tensor(r[near]))
    x = np.linspace(0, 4_000, 400_001)
    R = np.hypot(x, z)
    weight = 2 * np.pi / area * outside(x) * x / R**3
    along = np.trapezoid(weight * (1.5 * x**2 / R**2 - 1), x) + np.pi / area / x[-1]
    across = np.trapezoid(weight * (3 * z**2 / R**2 - 1), x) - 2 * np.pi / area / x[-1]
    N = np.outer(normal, normal)
    assert_allclose(
        Ewald(plane, TIN_FOIL).sums([d], ORIGIN)[0, 0], direct + along * (np.eye(3) - N) + across * N, atol=1e-9
    )


@pytest.mark.parametrize("shape", [(1 / 3, 1 / 3, 1 / 3), (0.2, 0.3, 0.5), (0, 0, 1)])
def test_demagnetising_factors_are_those_of_the_mean_field(shape):
    """- N 4 pi M in the units of mu_B / A^3, whatever the texture."""
    lattice = replace(BULK, periodic=(True, True, True))
    tin, cut = dipoles(lattice, (2.0, 3.0)), dipoles(lattice, (2.0, 3.0), demagnetising=shape)
    s, m = random_spins(tin), np.tile([2.0, 3.0], 24)
    volume = abs(np.linalg.det(SKEW)) * 24
    M = np.einsum("i,rix->rx", m, s)
    more = 2 * np.pi / volume * DIPOLE * (M**2) @ np.array(shape)
    assert_allclose(energy(cut, s), energy(tin, s) + more, rtol=1e-12)


def test_a_film_is_a_crystal_of_films_far_apart():
    """With N = (0, 0, 1), which takes away the field between the films; the rest falls as exp(- 2 pi d / a)."""
    film = Lattice(np.diag([1.0, 1.2, 6.0]), [[0, 0, 0], [0.4, 0.3, 0.8]], (4, 3, 1), (True, True, False))
    tall = replace(film, periodic=(True, True, True), cell=np.diag([1.0, 1.2, 40.0]))
    s = random_spins(dipoles(film))
    assert_allclose(energy(dipoles(tall, demagnetising=(0, 0, 1)), s), energy(dipoles(film), s), rtol=1e-9)


def test_a_rod_is_a_film_of_rods_far_apart():
    """Dipoles of zero mean across: what is left falls as exp(- 2 pi d / a), and as d^-4 of the mean along."""
    rod = Lattice(np.diag([1.0, 5.0, 6.0]), [[0, 0, 0], [0.4, 0.3, 0.8]], (4, 1, 1), (True, False, False))
    wide = replace(rod, periodic=(True, True, False), cell=np.diag([1.0, 60.0, 6.0]))
    s = random_spins(dipoles(rod))
    s[:, 4:] = -s[:, :4]
    assert_allclose(energy(dipoles(wide), s), energy(dipoles(rod), s), rtol=1e-4)


@pytest.mark.parametrize("lattice", [ROD, FILM, BULK, LAYER])
def test_a_box_and_the_same_box_twice_have_one_energy_per_site(lattice):
    """Also where the box is a supercell with sheared vectors."""
    s = random_spins(dipoles(lattice), 1)[0]
    double = replace(lattice, size=(2 * lattice.size[0], *lattice.size[1:]))
    grid = s.reshape(*lattice.grid, lattice.atoms, 3)
    twice = np.concatenate([grid, grid], axis=2).reshape(-1, 3)
    assert energy(dipoles(double), twice) == pytest.approx(2 * energy(dipoles(lattice), s), rel=1e-11)


def test_layers_of_a_film_may_be_cells_or_atoms():
    cells = Lattice.named("cubic", (4, 3, 3), periodic=(True, True, False))
    atoms = Lattice(np.diag([1, 1, 9.0]), [[0, 0, 0], [0, 0, 1], [0, 0, 2]], (4, 3, 1), (True, True, False))
    s = random_spins(dipoles(cells))
    same = s.reshape(3, 3, 3, 4, 3).transpose(0, 2, 3, 1, 4).reshape(3, -1, 3)
    assert_allclose(energy(dipoles(atoms), same), energy(dipoles(cells), s), rtol=1e-12)


def test_an_open_box_is_the_sum_over_pairs():
    model, m = dipoles(OPEN, (2.0, 3.0)), np.tile([2.0, 3.0], 6)
    s, r = random_spins(model), OPEN.positions
    T = tensor(r[None] - r[:, None]) * (m[:, None] * m)[..., None, None]
    assert_allclose(energy(model, s), -0.5 * DIPOLE * np.einsum("rix,ijxy,rjy->r", s, T, s), rtol=1e-12)


# -- what the rest of the code makes of them ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("path", ["direct", "fourier"])
def test_energy_and_field_on_every_path(target, real, name, path):
    model = MODELS[name]
    if path == "fourier" and np.isinf(cost(model, target).fourier):
        pytest.skip("no Fourier path")
    s, rtol = random_spins(model, 18), 2e-5 if real == np.float32 else 1e-11
    evaluator = Evaluator(model, target, real, path)
    total, b = energy(model, s), field(model, s) * model.occupied[:, None]
    assert_allclose(evaluator.energies(s), total, rtol=rtol, atol=rtol * np.abs(total).max())
    found = evaluator.field(s) * model.occupied[:, None]
    assert_allclose(found, b, atol=rtol * np.abs(b).max())
    assert_allclose(energy_density(evaluator, s).sum(axis=-1), total, atol=2 * rtol * np.abs(total).max())


@pytest.mark.parametrize("name", MODELS)
def test_the_term_knows_its_energy_and_its_part_of_the_whole(name):
    model = MODELS[name]
    s = random_spins(model)
    own = energy(model, s) - oracle.energy(model, s)
    assert_allclose(model.dipole.energies(model, s).sum(axis=-1), own, atol=1e-12)
    part = model.parts()["dipole"]
    assert_allclose(Evaluator(part, Cpu(), np.float64).energies(s), own, atol=1e-11)
    assert not part.bonds


def test_field_is_minus_the_gradient():
    model, h = MODELS["film"], 1e-5
    s, step = random_spins(model, 1)[0], np.random.default_rng(1).normal(size=(48, 3))
    evaluator = Evaluator(model, Cpu(), np.float64)
    slope = (energy(model, s + h * step) - energy(model, s - h * step)) / (2 * h)
    assert -(evaluator.field(s) * step).sum() == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize("name", ["film", "layer", "alloy"])
def test_hessian(target, real, name):
    model, t = MODELS[name], 1e-5
    s = random_spins(model, 2)
    v = oracle.tangential(np.random.default_rng(7).normal(size=s.shape), s)

    def gradient(x: np.ndarray) -> np.ndarray:
        x = x / np.linalg.norm(x, axis=-1, keepdims=True).clip(1e-9)
        return -oracle.tangential(field(model, x), x)

    H = oracle.tangential((gradient(s + t * v) - gradient(s - t * v)) / (2 * t), s) * model.occupied[:, None]
    found = Hessian(Evaluator(model, target, real), s)(v) * model.occupied[:, None]
    assert_allclose(found, H, atol=(3e-5 if real == np.float32 else 1e-7) * np.abs(H).max())


@pytest.mark.parametrize("name", ["bulk", "layer", "film"])
def test_waves_are_those_of_the_box(name):
    """The softest waves of J(q) by Ewald's sums at q, against eigenvalues of the matrix of all pairs."""
    model = replace(MODELS[name], anisotropy=(), bonds=Bonds.none())
    if name == "film":
        model = replace(model, lattice=replace(model.lattice, size=(4, 3, 1)))
    J = matrix(model).reshape(3 * model.lattice.sites, -1)
    assert softest_waves(model, 1).energy[0] == pytest.approx(-0.5 * np.linalg.eigvalsh(J)[-1], rel=1e-11)


def test_the_fourier_path_is_taken_where_the_box_is_periodic():
    paths = {name: choose_path(model, Cpu) for name, model in MODELS.items()}
    assert {name for name, path in paths.items() if path == "fourier"} == {"bulk", "layer"}


@pytest.mark.parametrize("name", ["bulk", "film", "layer"])
def test_symmetries_leave_the_energy(name):
    """Of a tetragonal crystal with dipoles, whatever turns the spins against the lattice is no symmetry."""
    lattice = {
        "bulk": Lattice(np.diag([1, 1, 1.3]), [[0, 0, 0], [0.5, 0.5, 0.65]], (2, 2, 3)),
        "film": Lattice(np.diag([1, 1, 1.3]), ORIGIN, (3, 3, 2), (True, True, False)),
        "layer": Lattice(np.diag([1, 1, 9.0]), [[0, 0, 0], [0.5, 0.5, 0.65]], (2, 2, 1), (True, True, False)),
    }[name]
    model = dipoles(lattice)
    s = random_spins(model, 1)[0]
    found, group = operations(model), spin_group(model)
    assert len(found) >= 2 * (16 if name != "layer" else 8)
    assert len(group.axes) == 0
    for operation in found:
        assert energy(model, operation(s)) == pytest.approx(energy(model, s), rel=1e-10)
    for sites, turns in group.maps:
        for turn in turns:
            assert energy(model, s[sites] @ turn.T) == pytest.approx(energy(model, s), rel=1e-10)


def test_a_chain_of_dipoles_can_be_turned_about_itself():
    (axis,) = spin_group(dipoles(Lattice.named("chain", (6, 1, 1)))).axes
    assert_allclose(np.abs(axis), [1, 0, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("lattice", "per_site"),
    [
        (Lattice.named("cubic", (4, 4, 4)), -2.676788684),
        (Lattice.named("fcc", (4, 4, 4)), -2 * np.pi / 3 * 4),
        (Lattice.named("square", (6, 6, 1)), -2.549436),
        (Lattice.named("chain", (7, 1, 1)), -2 * zeta(3)),
    ],
)
def test_ground_states_are_found_and_proven(lattice, per_site):
    """Luttinger & Tisza's own lattices: the bound is attained."""
    model = dipoles(lattice, 3.0)
    unit = 9 * DIPOLE
    bound = lower_bound(model)
    assert bound.per_site == pytest.approx(per_site * unit, rel=4e-7)
    lowest = relax(BarzilaiBorwein(), Evaluator(model, Cpu(), np.float64), random_spins(model, 48)).energy.min()
    assert bound.reached(lowest / model.n_spins)
    assert bound.per_site <= lowest / model.n_spins


@pytest.mark.parametrize("name", MODELS)
def test_a_bound_is_below_every_relaxed_texture(name):
    model = MODELS[name]
    lowest = relax(BarzilaiBorwein(), Evaluator(model, Cpu(), np.float64), random_spins(model, 16)).energy.min()
    bound = lower_bound(model).per_site
    assert bound <= lowest / model.n_spins + 1e-12
    assert bound > 1.15 * lowest / model.n_spins


def test_no_bound_of_the_infinite_crystal_is_claimed():
    with pytest.raises(UnsupportedTerm, match="infinite crystal cannot handle the term 'dipole'"):
        lower_bound(MODELS["bulk"], of="crystal")


def test_heat_bath_lists_all_pairs():
    """Two dipoles of 9 mu_B, exact averages by quadrature over both spheres; five standard errors."""
    pair = dipoles(Lattice.cluster([[0, 0, 0], [0, 0, 3.0]]), 9.0)
    g, kelvin = 81 * DIPOLE / 27, 1.5
    z, w = np.polynomial.legendre.leggauss(40)
    phi = 2 * np.pi * (np.arange(32) + 0.5) / 32
    a, b, p = np.meshgrid(z, z, phi, indexing="ij")
    across = np.sqrt((1 - a * a) * (1 - b * b)) * np.cos(p)
    E = g * (across - 2 * a * b)
    weight = w[:, None, None] * w[None, :, None] * np.exp(-E / (K_B * kelvin))
    exact = (weight * E).sum() / weight.sum() / 2
    (point,) = averages(sample(Evaluator(pair, Cpu(), np.float64), [kelvin], 2000, 200, 32, (1, 7)))
    assert point.energy.error < 0.02 * abs(exact)
    assert abs(point.energy.mean - exact) < 5 * point.energy.error


def test_heat_bath_refuses_more_pairs_than_it_can_list():
    large = dipoles(Lattice.named("square", (70, 70, 1)))
    with pytest.raises(UnsupportedTerm, match="at most 4096 spins, and this box has 4900"):
        SweepPlan.of(large, Cpu(), np.float32)


def test_modes_of_a_ferromagnetic_layer():
    """Dipoles of a triangular lattice are ferromagnetic in its plane, where uniform spins have no easy direction."""
    model = dipoles(Lattice.named("triangular", (4, 4, 1)))
    s = np.tile([1.0, 0.0, 0.0], (16, 1))
    values = np.linalg.eigvalsh(dense(Evaluator(model, Cpu(), np.float64), s)[0])
    assert values[0] == pytest.approx(0, abs=1e-12)  # a uniform turn in the plane
    assert values[1] > 1e-3 * values[-1]


# -- inputs and files --------------------------------------------------------------------------------------------------

INPUT = """[model]
lattice = "cubic"
size = [2, 2, 2]
constant = 4.0
moment = 3.0
{dipole}
"""


def read(tmp_path, dipole: str, *overrides: str) -> Hamiltonian:
    (tmp_path / "model.toml").write_text(INPUT.format(dipole=dipole))
    return config.read(tmp_path / "model.toml", overrides).hamiltonian


def test_inputs_ask_for_dipoles(tmp_path):
    assert read(tmp_path, "").dipole is None
    assert read(tmp_path, "dipole = false").dipole is None
    assert read(tmp_path, "dipole = true").dipole == Dipole()
    table = "[model.dipole]\ndemagnetising = [0.25, 0.25, 0.5]"
    assert read(tmp_path, table).dipole == Dipole((0.25, 0.25, 0.5))
    assert read(tmp_path, table, "model.dipole=false").dipole is None
    assert read(tmp_path, "", "model.dipole=true").dipole == Dipole()
    assert read(tmp_path, "dipole = true", "model.dipole.demagnetising=[0, 0, 1]").dipole == Dipole((0.0, 0.0, 1.0))


@pytest.mark.parametrize(
    ("dipole", "told"),
    [
        ("[model.dipole]\ndemagnetizing = [0, 0, 1]", r"model.toml:7: unknown key 'demagnetizing'; did you mean"),
        ("[model.dipole]\ndemagnetising = [0, 1, 1]", r"model.toml:7: .*expected three factors that add up to 1"),
        ("periodic = [true, true, false]\n[model.dipole]\ndemagnetising = [0, 0, 1]", "model.toml:8: .*three axes"),
        ("dipole = 3", r"model.toml:6: dipole is 3; expected true or false or a table"),
    ],
)
def test_wrong_inputs_are_refused_by_line(tmp_path, dipole, told):
    with pytest.raises(InputError, match=told):
        read(tmp_path, dipole)


def test_senseless_factors_are_refused():
    for wrong in ((0.5, 0.5, 0.5), (-1.0, 1.0, 1.0), (np.nan, 0.0, 0.0)):
        with pytest.raises(SettingError, match="three factors"):
            dipoles(BULK, demagnetising=wrong)


def test_files_keep_dipoles(tmp_path):
    model = dipoles(BULK, (2.0, 3.0), demagnetising=(0.25, 0.25, 0.5))
    with h5py.File(tmp_path / "run.h5", "w") as file:
        stored.write(file.create_group("model"), model)
        assert stored.read(file["model"]).others == model.others


def test_written_models_are_read_back(tmp_path):
    model = dipoles(BULK, (2.0, 3.0), demagnetising=(0.25, 0.25, 0.5))
    formats.write(model, tmp_path / "again.toml")
    s = random_spins(model)
    assert_allclose(energy(formats.read(tmp_path / "again.toml"), s), energy(model, s), rtol=1e-12)


# -- other codes -------------------------------------------------------------------------------------------------------

INPSD = """simid dipoles
ncell 4 3 2
BC {edges}
cell 1.000000 0.000000 0.000000
     -0.500000 0.866025 0.000000
     0.000000 0.000000 1.000000
alat 3.0e-10
maptype 2
posfile ./posfile
momfile ./momfile
exchange ./jfile
do_dip {method}
"""


def uppasd(tmp_path, edges: str, method: int) -> Hamiltonian:
    for name, text in {
        "inpsd.dat": INPSD.format(edges=edges, method=method),
        "posfile": "1 1 0 0 0\n2 1 0.5 0.288675 0.7\n",
        "momfile": "1 1 2.5 0 0 1\n2 1 2.5 0 0 1\n",
        "jfile": "1 1 1 0 0 1.0\n1 1 -1 0 0 1.0\n",
    }.items():
        (tmp_path / name).write_text(text)
    return formats.read(tmp_path / "inpsd.dat")


@pytest.mark.parametrize("method", [1, 3])
def test_an_open_box_has_the_energy_that_uppasd_printed(tmp_path, method):
    """UppASD 6.1 (commit d8d6663), do_dip 1, totenergy at iteration 0: -0.000311440472 mRy per atom."""
    model = uppasd(tmp_path, "0 0 0", method)
    s = np.loadtxt(Path(__file__).parent / "data" / "uppasd-dipoles.restart")[:, 4:]
    assert model.dipole.energies(model, s).mean() / MRY == pytest.approx(-0.000311440472, abs=1e-12)
    assert not any("dipoles" in note for note in model.notes)


def test_images_that_another_code_leaves_out_are_told(tmp_path):
    (note,) = (note for note in uppasd(tmp_path, "P P 0", 1).notes if "dipoles" in note)
    assert note.endswith("inpsd.dat:12: UppASD sums dipoles over the box; here over all its images along a, b")
    path = tmp_path / "periodic.cfg"
    path.write_text("n_basis_cells 3 3 1\nboundary_conditions 1 1 0\nddi_method fft\nddi_n_periodic_images 9 8 0\n")
    (note,) = (note for note in formats.read(path).notes if "dipoles" in note)
    assert "Spirit sums dipoles over the box and 9 8 0 images of it on each side; here over all" in note


@pytest.mark.parametrize("name", ["open", "twin"])
def test_spirit_agrees_on_open_boxes(tmp_path, name):
    lattice = OPEN if name == "open" else replace(OPEN, cell=3 * SKEW, basis=3 * OPEN.basis, size=(4, 3, 2))
    model = dipoles(lattice, (2.0, 3.0), Bonds.pairs([0], [1], [0.01 * np.eye(3)]))
    formats.write(model, tmp_path / "model.cfg")
    s = random_spins(model)
    assert spirit_energies(tmp_path / "model.cfg", s) == pytest.approx(energy(model, s), rel=1e-6)
    assert formats.read(tmp_path / "model.cfg").others == (Dipole(),)


def test_spirit_with_more_and_more_images_approaches_the_film(tmp_path):
    """The field of the images that are left out falls as 1 / n."""
    lattice = Lattice(3 * SKEW, [[0, 0, 0], [0.4, 0.5, 0.6]], (4, 3, 1), (True, True, False))
    film = dipoles(lattice, (2.0, 3.0), Bonds.pairs([0], [1], [0.01 * np.eye(3)]))
    formats.write(replace(film, lattice=replace(lattice, periodic=(False,) * 3)), tmp_path / "model.cfg")
    text = (tmp_path / "model.cfg").read_text().replace("boundary_conditions 0 0 0", "boundary_conditions 1 1 0")
    s, off = random_spins(film), []
    for n in (10, 20, 40):
        (tmp_path / "film.cfg").write_text(f"{text}\nddi_n_periodic_images {n} {n} 0\n")
        off.append(spirit_energies(tmp_path / "film.cfg", s) - energy(film, s))
    assert_allclose(off[1] / off[0], 0.5, atol=0.03)
    assert_allclose(off[2] / off[1], 0.5, atol=0.03)


@pytest.mark.parametrize(("target", "name"), [("UppASD", "inpsd.dat"), ("Spirit", "model.cfg")])
def test_writers_refuse_periodic_dipoles(tmp_path, target, name):
    model = dipoles(FILM, 2.0, shell_bonds(FILM, bloch(0.2, 0.1)))
    with pytest.raises(InputError, match=f"{target} cannot express the term 'dipole'"):
        formats.write(model, tmp_path / name)
    apart = replace(model, lattice=replace(FILM, periodic=(False,) * 3))
    formats.write(apart, tmp_path / name)
    assert formats.read(tmp_path / name).dipole == Dipole()
