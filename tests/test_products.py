"""Products of spins of several sites: laws on random clusters, known ground states, exact averages, files."""

from __future__ import annotations

import itertools
from dataclasses import replace

import h5py
import numpy as np
import oracle
import pytest
from models import MODELS, exchange, shell_bonds
from numpy.testing import assert_allclose, assert_array_equal
from random_models import model_with_clusters, random_clusters

from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import InputError
from magsearch.formats.expression import Expression
from magsearch.minima.hessian import Hessian
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.tensor_products import TensorProducts
from magsearch.observables.energy_density import energy_density
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.relax import relax
from magsearch.search.supercells.supercell import Supercell
from magsearch.storage import model as stored
from magsearch.symmetry.space_group import operations, space_operations
from magsearch.thermal.sampling import averages, sample
from magsearch.units import K_B

TRIANGLE = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
CHIRAL = SpinProducts.chirality([0, 0, 1], [[0, 0, 0], [1, 0, 0], [0, 1, 0]], [0.45])
EVERY = replace(MODELS["clusters_of_spins"], others=(*MODELS["clusters_of_spins"].others, CHIRAL))


def pair(B: float, **more) -> Hamiltonian:
    lattice = Lattice.cluster([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    return Hamiltonian(lattice, Bonds.none(), others=(SpinProducts.biquadratic([0], [1], [[0, 0, 0]], [B]),), **more)


def triangular(size: int, J1: float, J2: float, b: float) -> Hamiltonian:
    """E = sum over pairs of J1 s.s, J2 s.s and b (s.s)^2."""
    lattice = Lattice.named("triangular", (size, size, 1))
    near = [[1, 0, 0], [0, 1, 0], [1, 1, 0]]
    assert_allclose(np.linalg.norm(near @ lattice.cell, axis=1), lattice.shells(1)[0].distance)
    squares = SpinProducts.biquadratic([0] * 3, [0] * 3, near, [-b] * 3)
    return Hamiltonian(lattice, shell_bonds(lattice, exchange(-J1), exchange(-J2)), others=(squares,))


@pytest.mark.parametrize("seed", range(12))
def test_energy_field_and_second_derivatives(target, real, seed):
    model = model_with_clusters(seed)
    s = oracle.random_textures(model, 3)
    evaluator, loose = Evaluator(model, target, real), 2e-5 if real == np.float32 else 1e-11
    energy, scale = oracle.energy(model, s), model.stiffness
    assert_allclose(evaluator.energies(s), energy, atol=loose * scale * model.n_spins)
    assert_allclose(energy_density(evaluator, s).sum(axis=-1), energy, atol=loose * scale * model.n_spins)
    assert_allclose(sum(t.energies(model, s).sum(axis=-1) for t in model.terms), energy, atol=1e-11 * scale * len(s))
    field = evaluator.field(s)[:, model.occupied]
    assert_allclose(field, oracle.field(model, s)[:, model.occupied], atol=loose * scale)
    v, h = oracle.tangential(np.random.default_rng(7).normal(size=s.shape), s), 1e-5
    ahead, behind = ((s + sign * h * v) / np.sqrt(1 + h * h * (v * v).sum(-1, keepdims=True)) for sign in (1, -1))
    slopes = [oracle.tangential(oracle.field(model, x), x) for x in (ahead, behind)]
    H = -oracle.tangential(slopes[0] - slopes[1], s) / (2 * h)
    assert_allclose(Hessian(evaluator, s)(v), H, atol=(1e-4 if real == np.float32 else 1e-7) * scale)


def test_tensors_are_the_general_form(tmp_path):
    """Biquadratic, ring exchange and DMI times exchange as pairs of matrices; symmetry, files."""
    lattice = Lattice.named("square", (4, 4, 1))
    ring = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    orders = np.array([[0, 1, 2, 3], [1, 2, 3, 0], [0, 2, 1, 3]])
    A = 0.3 * np.array([1.0, 1.0, -1.0])[:, None, None] * np.eye(3)
    tensors = TensorProducts(np.zeros((3, 4), int), ring[orders], A, np.tile(np.eye(3), (3, 1, 1)))
    plain = SpinProducts.four_spin([0] * 4, ring, 0.3, "ring")
    one, other = (Hamiltonian(lattice, Bonds.none(), others=(term,)) for term in (plain, tensors))
    s = oracle.random_textures(one, 3)
    assert_allclose(Evaluator(other, Cpu(), np.float64).energies(s), oracle.energy(one, s), atol=1e-12)
    assert len(operations(one)) == len(operations(other))
    D = np.array([0.2, -0.5, 0.4])
    chiral = TensorProducts([[0] * 4], [ring], [dmi_matrix(D)], [np.eye(3)])
    model = Hamiltonian(lattice, shell_bonds(lattice, exchange(0.3)), others=(chiral,))
    i, j, k, l = (s[:, cell[0] + 4 * cell[1]] for cell in ring)  # noqa: E741
    first = oracle.energy(
        replace(model, lattice=replace(lattice, periodic=(False,) * 3, size=(2, 2, 1))), np.stack([i, j, l, k], axis=1)
    ) - oracle.energy(
        Hamiltonian(replace(lattice, periodic=(False,) * 3, size=(2, 2, 1)), model.bonds),
        np.stack([i, j, l, k], axis=1),
    )
    assert_allclose(first, -(np.cross(i, j) @ D) * (k * l).sum(-1), atol=1e-12)
    for operation in operations(model):
        assert_allclose(oracle.energy(model, operation(s)), oracle.energy(model, s), atol=1e-9)
    with h5py.File(tmp_path / "run.h5", "w") as file:
        stored.write(file.create_group("model"), model)
        assert_array_equal(oracle.energy(stored.read(file["model"]), s), oracle.energy(model, s))
    import tomllib

    from magsearch.formats.toml import model as toml
    from magsearch.formats.toml import writing

    (text,) = writing.texts(model, tmp_path / "model.toml")[0].values()
    read = toml.hamiltonian(tomllib.loads(text)["model"], text, "model.toml")
    assert_allclose(oracle.energy(read, s), oracle.energy(model, s), rtol=1e-12)


def test_oracles_field_is_minus_the_gradient_of_its_energy():
    model, h = EVERY, 1e-4
    s = oracle.random_textures(model, 2)
    for site, axis in itertools.product((0, 3, 9), range(3)):
        step = np.zeros_like(s[0])
        step[site, axis] = h
        slope = (oracle.energy(model, s + step) - oracle.energy(model, s - step)) / (2 * h)
        assert_allclose(-slope, oracle.field(model, s)[:, site, axis], atol=1e-6)


def test_forms_agree_with_their_formulas():
    """Four spins of a cluster; the ring form is the real part of a product of quaternions."""
    lattice, sites, nowhere = Lattice.cluster(np.eye(4)[:, :3]), np.arange(4), np.zeros((4, 3), int)
    s = oracle.random_textures(Hamiltonian(lattice, Bonds.none()), 50)
    i, j, k, l = np.moveaxis(s, 1, 0)  # noqa: E741
    ij, kl, jk, li, ik, jl = ((a * b).sum(-1) for a, b in ((i, j), (k, l), (j, k), (l, i), (i, k), (j, l)))
    for form, value in {"product": ij * kl, "ring": ij * kl + jk * li - ik * jl}.items():
        model = Hamiltonian(lattice, Bonds.none(), others=(SpinProducts.four_spin(sites, nowhere, 0.7, form),))
        assert_allclose(Evaluator(model, Cpu(), np.float64).energies(s), -0.7 * value, atol=1e-14)
        assert np.abs(value).max() <= 1
    chiral = SpinProducts.chirality(sites[:3], nowhere[:3], [0.7])
    found = Evaluator(Hamiltonian(lattice, Bonds.none(), others=(chiral,)), Cpu(), np.float64).energies(s)
    assert_allclose(found, -0.7 * (i * np.cross(j, k)).sum(-1), atol=1e-14)


def test_ferromagnet_has_minus_half_the_pairs():
    for name, pairs in (("square", 2), ("triangular", 3), ("fcc", 6)):
        lattice = Lattice.named(name, (3, 3, 3 if name == "fcc" else 1))
        shell = lattice.shells(1)[0]
        term = SpinProducts.biquadratic(shell.i, shell.j, shell.offset, np.full(len(shell.i), 0.2))  # both directions
        model = Hamiltonian(lattice, Bonds.none(), others=(term,))
        up = np.tile([0.0, 0.6, 0.8], (lattice.sites, 1))
        assert Evaluator(model, Cpu(), np.float64).energies(up)[0] == pytest.approx(-0.4 * pairs * lattice.sites)


@pytest.mark.parametrize(("name", "size"), [("square", (4, 4, 1)), ("honeycomb", (3, 3, 1)), ("fcc", (3, 3, 3))])
def test_symmetries_of_the_lattice_keep_the_energy(name, size):
    """Random clusters of every kind with all their images; one chirality ties half of the turns to time reversal."""
    lattice = Lattice.named(name, size)
    bare = Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)))
    spaces = list(space_operations(bare)[1])
    parts = [
        replace(term, atoms=g.image[term.atoms], cells=term.cells @ g.W + g.cells[term.atoms])
        for term in random_clusters(3, lattice, 1)
        for g in spaces
    ]
    model = replace(bare, others=SpinProducts.joined(parts))
    found, s = operations(model), oracle.random_textures(model, 2)
    assert len(found) == len(operations(bare)) // 2
    evaluator = Evaluator(model, Cpu(), np.float64)
    energies = [evaluator.energies(operation(s)) for operation in found]
    assert_allclose(energies, np.tile(evaluator.energies(s), (len(found), 1)), atol=1e-9 * model.stiffness)


def test_one_cluster_leaves_few_symmetries_and_all_of_them_restore_the_others():
    lattice = Lattice.named("square", (4, 4, 1))
    bonds = shell_bonds(lattice, exchange(1.0))
    plaquette = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]

    def order(*terms: SpinProducts) -> int:
        return len(operations(Hamiltonian(lattice, bonds, others=SpinProducts.joined(terms))))

    full = order()
    assert order(SpinProducts.four_spin([0] * 4, plaquette, 0.3, "ring")) == full
    assert order(SpinProducts.biquadratic([0], [0], [[1, 0, 0]], [0.3])) == full // 2
    both = SpinProducts.biquadratic([0, 0], [0, 0], [[1, 0, 0], [0, 1, 0]], [0.3, 0.3])
    assert order(both) == full
    # three spins of a plaquette: any operation goes with time reversal, or without
    corners = np.array([[plaquette[(n + m) % 4] for m in range(3)] for n in range(4)])
    chiral = SpinProducts.chirality(np.zeros((4, 3), int), corners, [0.2] * 4)
    assert order(chiral) == full // 2


def test_heat_bath_has_exact_averages(target, real):
    """A pair: u = s . s' is distributed as exp(B u^2 / kT) on -1 ... 1; five standard errors."""
    sweeps, warmup = (1500, 200) if target.name == "cpu" else (400, 100)
    u, weight = np.polynomial.legendre.leggauss(60)
    for B in (1.0, -1.5):
        model, kT = pair(B), 0.5
        (point,) = averages(sample(Evaluator(model, target, real), [kT / K_B], sweeps, warmup, 32, (1, 7)))
        p = weight * np.exp(B * u**2 / kT)
        assert abs(point.energy.mean - (p @ (-B * u**2)) / p.sum() / 2) < 5 * point.energy.error
        assert 0 < point.energy.error < 0.02


def test_heat_bath_is_exact_where_products_are_linear(target):
    """Three spins with a chirality: averages over the solid angle of the third are sinh; quadrature of the others."""
    lattice = Lattice.cluster(TRIANGLE)
    model = Hamiltonian(
        lattice, Bonds.none(), others=(SpinProducts.chirality([0, 1, 2], np.zeros((3, 3), int), [1.0]),)
    )
    evaluator = Evaluator(model, target, np.float64)
    assert evaluator.sweep_plan.linear
    assert not Evaluator(pair(1.0), target).sweep_plan.linear
    kT, (angle, weight) = 0.4, np.polynomial.legendre.leggauss(80)
    a = np.sqrt(1 - angle**2) / kT  # |s1 x s2| / kT
    Z, mean = weight @ (np.sinh(a) / a), weight @ (np.cosh(a) - np.sinh(a) / a)
    sweeps, warmup = (1500, 200) if target.name == "cpu" else (400, 100)
    (point,) = averages(sample(evaluator, [kT / K_B], sweeps, warmup, 32, (1, 7)))
    assert abs(point.energy.mean + kT * mean / Z / 3) < 5 * point.energy.error
    assert 0 < point.energy.error < 0.02


@pytest.mark.parametrize(("b", "energy"), [(0.05, -1.283333333333), (-0.05, -1.45)])
def test_triple_and_single_q_states_of_the_triangular_lattice(b, energy):
    """Four tetrahedral sublattices where collinear spins cost energy, rows of them where they gain it."""
    model = triangular(4, 1.0, 0.3, b)
    found = relax(LBFGS(), Evaluator(model, Cpu(), np.float64), oracle.random_textures(model, 24))
    lowest = found.energy.min() / model.n_spins
    assert lowest == pytest.approx(energy, abs=1e-6)
    for of in ("box", "crystal"):
        assert -1e-9 < energy - lower_bound(model, of).per_site < 1e-8  # proven


def test_tangents_raise_the_bound_of_squares():
    """A pair with J and b u^2 has - J^2 / 4 b where |J| < 2 b; no texture lies below, in a field or with vacancies."""
    for J, b in ((-0.4, 1.0), (0.6, 0.5), (-3.0, 1.0)):
        bonds = Bonds.pairs([0], [1], exchange_matrix(np.array([J])))
        model = replace(pair(-b), bonds=bonds)
        lowest = -J * J / 4 / b if abs(J) < 2 * b else b - abs(J)
        assert -1e-9 < lowest / 2 - lower_bound(model).per_site < 1e-8
    model = replace(triangular(4, 1.0, 0.3, 0.2), field=(0.0, 0.0, 9.0))
    for some in (model, replace(model, vacancies=(3, 7))):
        found = relax(LBFGS(), Evaluator(some, Cpu(), np.float64), oracle.random_textures(some, 24))
        assert lower_bound(some).per_site <= found.energy.min() / some.n_spins + 1e-12


@pytest.mark.parametrize("seed", range(8))
def test_bounds_are_never_above_relaxed_textures(seed):
    model = model_with_clusters(seed)
    found = relax(BarzilaiBorwein(), Evaluator(model, Cpu(), np.float64), oracle.random_textures(model, 16))
    assert lower_bound(model).per_site <= found.energy.min() / model.n_spins + 1e-9


def test_least_energies_of_clusters_are_attained():
    """The bound of four different spins is their minimum; constants of any sign."""
    lattice, random = Lattice.cluster(np.eye(4)[:, :3]), np.random.default_rng(3)
    for _ in range(6):
        term = SpinProducts("four_spin", np.arange(4), np.zeros((4, 3), int), [*random.normal(size=3), 0.0])
        model = Hamiltonian(lattice, Bonds.none(), others=(term,))
        found = relax(LBFGS(), Evaluator(model, Cpu(), np.float64), oracle.random_textures(model, 32))
        assert found.energy.min() == pytest.approx(term.least[0], abs=1e-6)
    assert pair(-1.0).others[0].least[0] == 0
    assert pair(1.0).others[0].least[0] == -1


def test_supercells_keep_the_energy():
    model = replace(EVERY, anisotropy=())
    one, other = Supercell(model, np.diag([2, 2, 1])), Supercell(model, np.array([[2, 2, 0], [0, 4, 0], [0, 0, 1]]))
    s = oracle.random_textures(one.hamiltonian, 1)[0]
    larger = one.repeated(s, other)
    assert oracle.energy(other.hamiltonian, larger) == pytest.approx(2 * oracle.energy(one.hamiltonian, s))


def test_files_keep_the_term(tmp_path):
    from magsearch.formats.toml import model as toml
    from magsearch.formats.toml import writing

    model = EVERY
    s = oracle.random_textures(model, 3)
    with h5py.File(tmp_path / "run.h5", "w") as file:
        stored.write(file.create_group("model"), model)
        again = stored.read(file["model"])
    assert [term.name for term in again.others] == ["biquadratic", "four_spin", "chirality"]
    assert_array_equal(oracle.energy(again, s), oracle.energy(model, s))
    import tomllib

    (text,) = writing.texts(model, tmp_path / "model.toml")[0].values()
    read = toml.hamiltonian(tomllib.loads(text)["model"], text, "model.toml")
    assert {t.name: len(t) for t in read.others} == {"biquadratic": 6, "four_spin": 3, "chirality": 1}
    assert_allclose(oracle.energy(read, s), oracle.energy(model, s), rtol=1e-12)
    for target in ("UppASD", "Spirit"):
        with pytest.raises(InputError, match=f"{target} cannot express the term 'biquadratic'"):
            Expression.of(model, target)


def test_clusters_that_open_edges_cut_are_counted():
    ring = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    for size, left, message in (
        ((5, 3, 1), 8, "cut 7 of 15"),
        ((5, 1, 1), 0, "1 of 1 clusters of a cell exist nowhere"),
    ):
        lattice = Lattice.named("square", size, periodic=(False, False, False))
        model = Hamiltonian(lattice, Bonds.none(), others=(SpinProducts.four_spin([0] * 4, ring, 0.5, "ring"),))
        assert len(oracle.clusters(model)) == left == len(model.products[0].on_sites(model)[0])
        assert any(message in note for note in model.remarks)
        assert Evaluator(model, Cpu(), np.float64).energies(np.ones((lattice.sites, 3)) / 3**0.5) == pytest.approx(
            -0.5 * left
        )


def test_wrong_clusters_are_refused():
    lattice, sites = Lattice.named("square", (4, 4, 1)), np.zeros((4, 3), int)
    wrong = {
        "a spin with itself": SpinProducts.four_spin([0] * 4, sites, 1.0),
        "atoms 0 to 0": SpinProducts.biquadratic([0], [1], [[0, 0, 0]], [1.0]),
        "finite": SpinProducts.biquadratic([0], [0], [[1, 0, 0]], [np.nan]),
        "three different sites": SpinProducts.chirality([0, 0, 0], [[0, 0, 0], [1, 0, 0], [1, 0, 0]], [1.0]),
    }
    for message, term in wrong.items():
        with pytest.raises(ValueError, match=message):
            Hamiltonian(lattice, Bonds.none(), others=(term,))
