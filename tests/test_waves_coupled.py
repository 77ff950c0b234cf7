"""Couplings at wave vectors: laws on random models, known ground states, exact averages, bounds, files."""

from __future__ import annotations

import itertools
from dataclasses import replace

import h5py
import numpy as np
import oracle
import pytest
from models import exchange, shell_bonds
from numpy.testing import assert_allclose, assert_array_equal
from random_models import random_model, random_waves

from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import InputError
from magsearch.formats.expression import CannotExpress, Expression
from magsearch.minima.hessian import Hessian
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.term import UnsupportedTerm
from magsearch.model.terms.waves import WaveCouplings
from magsearch.observables.energy_density import energy_density
from magsearch.observables.topological_charge import topological_charge
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.relax import relax
from magsearch.search.supercells.supercell import own_supercell
from magsearch.storage import model as stored
from magsearch.symmetry.space_group import operations
from magsearch.thermal.sampling import averages, sample
from magsearch.units import K_B


def coupled(q, J, K=0.0, A=None, D=(0.0, 0.0, 0.0)) -> WaveCouplings:
    """Waves with the same constants."""
    n = len(q)
    every = [np.broadcast_to(part, (n, *shape)) for part, shape in ((np.eye(3) if A is None else A, (3, 3)), (D, (3,)))]
    return WaveCouplings(np.array(q), np.full(n, J), np.full(n, K), *every)


def model_with_waves(seed: int) -> Hamiltonian:
    """Any lattice, open edges, vacancies, disorder, with bonds; some with dipoles or clusters."""
    while True:
        model = random_model(seed)
        if model.lattice.sites > 4:
            pair = SpinProducts.biquadratic([0], [0], [[1, 0, 0]], [0.3])
            more = ((), (Dipole(),), (pair,))[seed % 3]
            if more == (pair,) and model.lattice.size[0] == 1:
                more = ()
            return replace(model, others=(*more, random_waves(seed, model.lattice)))
        seed += 1000


def square(K: float, size: int = 8, **more) -> Hamiltonian:
    """Wave vectors (1/4, 0) and (0, 1/4)."""
    lattice = Lattice.named("square", (size, size, 1))
    return Hamiltonian(lattice, Bonds.none(), others=(coupled([[0.25, 0, 0], [0, 0.25, 0]], 1.0, K),), **more)


@pytest.mark.parametrize("seed", range(9))
def test_energy_field_and_second_derivatives(target, real, seed):
    model = model_with_waves(seed)
    s = oracle.random_textures(model, 3)
    evaluator, loose = Evaluator(model, target, real), 2e-5 if real == np.float32 else 1e-11
    scale = model.stiffness
    alone = replace(model, others=(model.waves,))  # the oracle has no dipoles
    energy, field = oracle.energy(alone, s), oracle.field(alone, s)
    if model.dipole is not None:
        bare = Evaluator(
            replace(model, others=(model.dipole,), bonds=Bonds.none(), site_bonds=None, anisotropy=(), field=(0, 0, 0)),
            Cpu(),
            np.float64,
        )
        energy, field = energy + bare.energies(s), field + bare.field(s)
    elif model.products:
        energy, field = oracle.energy(model, s), oracle.field(model, s)
    assert_allclose(evaluator.energies(s), energy, atol=loose * scale * model.n_spins)
    assert_allclose(energy_density(evaluator, s).sum(axis=-1), energy, atol=loose * scale * model.n_spins)
    assert_allclose(evaluator.field(s)[:, model.occupied], field[:, model.occupied], atol=loose * scale)
    whole = oracle.energies(alone, s)["wave_vectors"]
    assert_allclose(model.waves.energies(model, s).sum(axis=-1), whole, atol=1e-11 * scale * model.n_spins)
    v, h = oracle.tangential(np.random.default_rng(7).normal(size=s.shape), s), 1e-5
    exact = Evaluator(model, Cpu(), np.float64)
    ahead, behind = ((s + sign * h * v) / np.sqrt(1 + h * h * (v * v).sum(-1, keepdims=True)) for sign in (1, -1))
    slopes = [oracle.tangential(exact.field(x), x) for x in (ahead, behind)]
    H = -oracle.tangential(slopes[0] - slopes[1], s) / (2 * h) * model.occupied[:, None]
    assert_allclose(Hessian(evaluator, s)(v), H, atol=(1e-4 if real == np.float32 else 1e-7) * scale)


@pytest.mark.parametrize("path", ["direct", "fourier"])
def test_either_path_adds_the_waves(target, real, path):
    lattice = Lattice.named("triangular", (6, 6, 1))
    waves = coupled([[1 / 3, 0, 0], [1 / 6, 0.5, 0]], 0.7, 0.4, D=(0.1, 0.2, 0.3))
    model = Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0), exchange(-0.4)), others=(waves,))
    s, loose = oracle.random_textures(model, 5), 1e-4 if real == np.float32 else 1e-11
    evaluator = Evaluator(model, target, real, path)
    assert_allclose(evaluator.energies(s), oracle.energy(model, s), atol=loose)
    assert_allclose(evaluator.field(s), oracle.field(model, s), atol=loose)
    if target.name == "cpu":
        found = relax(LBFGS(), evaluator, s)
        assert_allclose(found.energy, oracle.energy(model, found.textures.astype(float)), atol=loose)
        assert found.torque.max() < 1e-3


def test_oracles_field_is_minus_the_gradient_of_its_energy():
    lattice = Lattice.named("honeycomb", (4, 3, 1))
    model, h = Hamiltonian(lattice, Bonds.none(), others=(random_waves(3, lattice),)), 1e-4
    s = oracle.random_textures(model, 2)
    for site, axis in itertools.product((0, 3, 9), range(3)):
        step = np.zeros_like(s[0])
        step[site, axis] = h
        slope = (oracle.energy(model, s + step) - oracle.energy(model, s - step)) / (2 * h)
        assert_allclose(-slope, oracle.field(model, s)[:, site, axis], atol=1e-5)


def test_spirals_have_the_energy_of_their_wave():
    """S_Q of a spiral is N^1/2 / 2, so that E / N = 2 (- J / 2 + K / 4), less D along its axis where it turns back."""
    model = square(0.3)
    x = 2 * np.pi * model.waves.phases(model.lattice)[:, 0]
    for sense in (1, -1):
        s = np.stack([np.cos(x), sense * np.sin(x), 0 * x], axis=1)
        assert Evaluator(model, Cpu(), np.float64).energies(s)[0] / 64 == pytest.approx(-1 + 0.15)
        chiral = replace(model, others=(coupled([[0.25, 0, 0]], 1.0, D=(0, 0, 0.2)),))
        assert Evaluator(chiral, Cpu(), np.float64).energies(s)[0] / 64 == pytest.approx(-1 + 0.2 * sense)


@pytest.mark.parametrize("seed", range(6))
def test_bonds_are_the_bilinear_part_and_the_bound_is_never_above(seed):
    model = model_with_waves(3 * seed)  # no dipoles, no clusters
    model = replace(model, others=(model.waves,))
    plain = replace(model, others=(replace(model.waves, K=np.zeros(len(model.waves))),))
    i, j, J = plain.waves.on_sites(plain)
    s = oracle.random_textures(model, 3)
    pairs = -0.5 * np.einsum("...px,pxy,...py->...", s[..., i, :], J, s[..., j, :])
    assert_allclose(pairs, oracle.energies(plain, s)["wave_vectors"], atol=1e-11 * model.stiffness * model.n_spins)
    found = relax(LBFGS(), Evaluator(model, Cpu(), np.float64), oracle.random_textures(model, 16))
    assert lower_bound(model).per_site <= found.energy.min() / model.n_spins + 1e-12


def test_waves_of_a_crystal_are_those_of_the_term():
    """J(q) at the wave vectors of the box is the transform of the couplings of all pairs."""
    lattice = Lattice.named("honeycomb", (4, 3, 1))
    model = Hamiltonian(lattice, Bonds.none(), others=(random_waves(5, lattice),))
    term = model.waves
    model = replace(model, others=(replace(term, K=0 * term.K),))
    bonds = model.waves.bonds(model)
    index = np.stack(np.meshgrid(range(4), range(3), [0], indexing="ij"), axis=-1).reshape(-1, 3)
    q = index / np.array(lattice.size) @ lattice.reciprocal
    phase = np.exp(1j * q @ (bonds.offset @ lattice.cell).T)
    J = np.zeros((12, 2, 3, 2, 3), dtype=complex)
    for k, (a, b) in enumerate(zip(bonds.i, bonds.j, strict=True)):
        J[:, a, :, b] += phase[:, k, None, None] * bonds.J[k]
    assert_allclose(model.fourier(q), J.reshape(12, 6, 6), atol=1e-12)


def test_one_q_without_k_and_two_with_it():
    """K > 0 shares the weight among Q1 and Q2 (Hayami et al., PRB 95, 224424 (2017)); K < 0 keeps it in one."""
    for K in (-0.2, 0.0, 0.3):
        model = square(K)
        found = relax(LBFGS(), Evaluator(model, Cpu(), np.float64), oracle.random_textures(model, 32))
        bound = lower_bound(model)
        lowest = found.energy.min() / model.n_spins
        assert bound.per_site <= lowest + 1e-12
        s = found.textures[int(found.energy.argmin())]
        weight = np.array([np.linalg.norm(S) ** 2 for *_, S in oracle.waves(model, s)]) / model.n_spins
        if K > 0:
            assert lowest < -1 + K / 2 - 0.01  # below the spiral, above the bound of equal weights
            assert bound.per_site == pytest.approx(-1 + K / 4, abs=1e-9)
            assert weight.min() > 0.1
        else:
            assert lowest == pytest.approx(-1 + K / 2, abs=1e-9)
            assert bound.per_site == pytest.approx(-1 + K / 2, abs=1e-9)
        if K < 0:
            assert_allclose(np.sort(weight), [0, 0.5], atol=1e-6)


@pytest.mark.parametrize(("B", "charge"), [(0.0, 2), (10.4, 1)])
def test_skyrmions_of_an_itinerant_magnet(B, charge):
    """Three Q of length pi / 3 on the triangular lattice, K = J / 2, in three cells (PRB 95, 224424 (2017))."""
    lattice = Lattice.named("triangular", (12, 12, 1))
    q = np.array([[2, -1, 0], [1, 1, 0], [-1, 2, 0]]) / 12
    assert_allclose(np.linalg.norm(q @ lattice.reciprocal, axis=1), np.pi / 3)
    model = Hamiltonian(lattice, Bonds.none(), field=(0, 0, B), others=(coupled(q, 1.0, 0.5),))
    found = relax(LBFGS(), Evaluator(model, Cpu(), np.float64), oracle.random_textures(model, 64))
    s = found.textures[int(found.energy.argmin())]
    assert abs(topological_charge(lattice, s)) == pytest.approx(3 * charge, abs=1e-6)
    weight = [np.linalg.norm(S) ** 2 for *_, S in oracle.waves(model, s)]
    assert_allclose(weight, weight[0], rtol=1e-4)
    gap = found.energy.min() / model.n_spins - lower_bound(model).per_site
    assert 0 <= gap < 0.04


def test_symmetries_leave_the_energy():
    """Six turns for a star of three, fewer where a matrix ties the spins to the lattice or a wave is missing."""
    lattice = Lattice.named("triangular", (6, 6, 1))
    star = np.array([[1 / 3, 0, 0], [0, 1 / 3, 0], [-1 / 3, 1 / 3, 0]])
    q = star if _closed(star, lattice) else np.array([[1 / 3, 0, 0], [0, 1 / 3, 0], [1 / 3, 1 / 3, 0]])
    counts = []
    for part, D in ((q, (0, 0, 0)), (q[:1], (0, 0, 0)), (q, (0, 0, 0.3))):
        model = Hamiltonian(lattice, Bonds.none(), others=(coupled(part, 1.0, 0.2, D=D),))
        s = oracle.random_textures(model, 1)[0]
        energy, found = oracle.energy(model, s), operations(model)
        for operation in found:
            assert oracle.energy(model, operation(s)) == pytest.approx(float(energy), abs=1e-9)
        counts.append(len(found))
    assert counts[0] == 24
    assert counts[1] < 24
    assert counts[2] < 24


def _closed(q: np.ndarray, lattice: Lattice) -> bool:
    """Whether three wave vectors have equal lengths."""
    return bool(np.ptp(np.linalg.norm(q @ lattice.reciprocal, axis=1)) < 1e-9)


def test_a_box_twice_has_twice_the_energy_and_no_other_is_chosen():
    model = square(0.3)
    with pytest.raises(ValueError, match="wave vectors"):
        _ = own_supercell(model).diagonal
    twice = model.with_size((16, 8, 1))
    s = oracle.random_textures(model, 1)[0]
    tiled = np.tile(s.reshape(8, 8, 3), (1, 2, 1)).reshape(-1, 3)
    assert oracle.energy(twice, tiled) == pytest.approx(2 * oracle.energy(model, s))


def pair(K: float, A=None) -> Hamiltonian:
    """Two spins with Q.r = 0 and pi / 2: X = A (s.s + s'.s') / 2 + ..., and both parts of a wave."""
    lattice = Lattice.cluster([[0.0, 0.0, 0.0], [0.25, 0.0, 0.0], [0.6, 0.0, 0.0]])
    return Hamiltonian(lattice, Bonds.none(), others=(coupled([[1.0, 0, 0]], 1.0, K, A),))


@pytest.mark.parametrize(("K", "axis"), [(0.0, 1.0), (1.5, 1.0), (-1.0, 1.0), (0.8, 2.0)])
def test_heat_bath_has_exact_averages(K, axis):
    """Three spins: averages with weights exp(- E / kT) of random textures; five standard errors."""
    model, kT = pair(K, np.diag([1.0, 1.0, axis])), 0.5
    evaluator = Evaluator(model, Cpu(), np.float64)
    assert evaluator.sweep_plan.linear == (K == 0 and axis == 1)
    (point,) = averages(sample(evaluator, [kT / K_B], 1500, 200, 32, (1, 7)))
    E = oracle.energy(model, oracle.random_textures(model, 400_000, seed=3))
    weight = np.exp(-(E - E.min()) / kT)
    mean = weight @ E / weight.sum() / 3
    error = np.sqrt(weight**2 @ (E / 3 - mean) ** 2) / weight.sum()
    assert abs(point.energy.mean - mean) < 5 * np.hypot(point.energy.error, error)
    assert 0 < point.energy.error < 0.02


def test_sweeps_keep_the_energy_of_their_changes(target, real):
    """With bonds, anisotropy and a biquadratic pair, energies that follow changes are those summed anew."""
    from sweeping import contact

    from magsearch.thermal.heat_bath import energies, run

    lattice = Lattice.named("square", (8, 4, 1))
    waves = coupled([[0.25, 0, 0], [0.125, 0.25, 0]], 1.0, 0.4, D=(0, 0, 0.3))
    pairs = SpinProducts.biquadratic([0], [0], [[1, 0, 0]], [0.3])
    model = Hamiltonian(lattice, shell_bonds(lattice, exchange(0.5)), field=(0, 0, 2.0), others=(pairs, waves))
    motion = contact(model, target, real, 8, 5.0)
    run(motion, 5, 1)
    s = np.asarray(motion.evaluator.device.host(motion.textures()), dtype=float)
    assert_allclose(energies(motion), oracle.energy(model, s), atol=2e-3 if real == np.float32 else 1e-9)


def test_what_cannot_be_done_is_said():
    model = square(0.3)
    with pytest.raises(UnsupportedTerm, match="infinite crystal"):
        lower_bound(model, "crystal")
    with pytest.raises(CannotExpress, match="wave_vectors"):
        Expression.of(model, "Spirit")


def test_files_keep_the_term(tmp_path):
    model = model_with_waves(3)
    model = replace(model, others=(model.waves,))
    with h5py.File(tmp_path / "run.h5", "w") as file:
        stored.write(file.create_group("model"), model)
        again = stored.read(file["model"]).waves
    for part in ("q", "J", "K", "A", "D"):
        assert_array_equal(getattr(again, part), getattr(model.waves, part))


HEAD = '[model]\nlattice = "triangular"\nsize = [6, 6, 1]\n[[model.q]]\n'


def read(tmp_path, text: str) -> Hamiltonian:
    from magsearch import config

    (tmp_path / "in.toml").write_text(text)
    return config.read(tmp_path / "in.toml").hamiltonian


def test_inputs_ask_for_stars(tmp_path):
    model = read(tmp_path, HEAD + "Q = [0.333333333, 0, 0]\nJ = 1\nK = 0.3\nstar = 6\n")
    assert len(model.waves) == 3
    assert np.ptp(np.linalg.norm(model.waves.q @ model.lattice.reciprocal, axis=1)) < 1e-9
    assert len(operations(model)) == 24
    chiral = read(tmp_path, HEAD + "Q = [0.5, 0, 0]\nJ = 1\nmatrix = [[1, 0.2, 0], [0.2, 2, 0], [0, 0, 1]]\nstar = 3\n")
    assert len(chiral.waves) == 3
    assert_allclose(chiral.waves.A.sum(axis=0), np.diag([4.5, 4.5, 3]), atol=1e-12)
    helix = read(tmp_path, HEAD + "Q = [0.333333333, 0, 0]\nJ = 1\nD = [0.2, 0, 0]\nstar = 6\n")
    assert_allclose(helix.waves.D.sum(axis=0)[2], 0)
    from magsearch.formats.toml.writing import texts

    (written,) = texts(helix, tmp_path / "again.toml")[0].values()
    again = read(tmp_path, written)
    s = oracle.random_textures(helix, 1)[0]
    assert oracle.energy(again, s) == pytest.approx(float(oracle.energy(helix, s)), abs=1e-9)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("Q = [0.2, 0, 0]\nJ = 1\n", r"in.toml:4: Q = \[0.2, 0.0, 0.0\]: does not repeat after the 6 cells of axis 1; "
         "expected a multiple of 5"),
        ("Q = [0.141421, 0, 0]\nJ = 1\n", "a fraction of at most 200 cells"),
        ("Q = [0.5, 0, 0]\n", "J is missing"),
        ("Q = [0.5, 0, 0]\nJ = 1\n[[model.q]]\nQ = [0.5, 1, 0]\nJ = 2\n", "in.toml:7: .*is listed before"),
        ("Q = [0.5, 0, 0]\nJ = 1\nmatrix = [[1, 1, 0], [0, 1, 0], [0, 0, 1]]\n", "must be symmetric"),
        ("Q = [0.5, 0, 0]\nJ = 1\nstar = 6\nD = [0, 0, 1]\nK = nan\n", "in.toml"),
        ("Q = [0.333333333, 0, 0]\nJ = 1\nstar = 2\nD = [0, 0, 1]\n", "onto itself"),
        ("Q = [0.5, 0, 0]\nJ = 1\naxis = [0, 0, 0]\n", "axis has no length"),
    ],
)  # fmt: skip
def test_wrong_inputs_are_refused_by_line(tmp_path, lines, told):
    with pytest.raises(InputError, match=told):
        read(tmp_path, HEAD + lines)
