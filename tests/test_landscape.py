"""Paths, saddle points and rates: answers on paper, laws that hold for every saddle point, and the graph of minima."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import h5py
import numpy as np
import pytest
from command import printed
from models import bloch, clusters_of_spins, disordered, exchange, open_film, shell_bonds
from random_models import random_clusters, random_tensors, random_waves
from scipy import sparse

from magsearch import storage
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.landscape import bands, catalogue, drift, paths, saddles, trust
from magsearch.landscape.bands import Bands
from magsearch.landscape.determinants import Determinants
from magsearch.landscape.effort import Effort
from magsearch.landscape.explore import TIGHT, Explorer
from magsearch.landscape.landscape import Landscape, Minimum, Saddle, Transition, trees
from magsearch.landscape.rates import Rates
from magsearch.landscape.tasks import Crossing, joined
from magsearch.minima import modes
from magsearch.minima.hessian import Hessian, dense, matrix
from magsearch.minima.sparsity import Sparsity
from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.observables.topological_charge import topological_charge
from magsearch.relaxation.relax import relax
from magsearch.storage.landscape import read, write
from magsearch.symmetry.equivalence import Equivalence
from magsearch.units import HBAR, K_B, MU_B

UP = np.array([0.0, 0.0, 1.0])


def precise(model: Hamiltonian) -> Evaluator:
    return Evaluator(model, Cpu(), np.float64)


def one_spin(*easy: UniaxialAnisotropy) -> Hamiltonian:
    return Hamiltonian(Lattice.cluster([[0, 0, 0]]), Bonds.none(), 3.0, easy)


def pair(J: float, K: float) -> Hamiltonian:
    bond = Bonds.pairs(np.array([0]), np.array([1]), exchange_matrix(np.array([J])))
    lattice = Lattice.cluster([[0, 0, 0], [1, 0, 0]])
    return Hamiltonian(lattice, Bonds.none(), 2.0, (UniaxialAnisotropy(K),), site_bonds=bond)


def chiral(size: int) -> Hamiltonian:
    """A skyrmion of Bloch type in a field that aligns the rest."""
    lattice = Lattice.named("square", (size, size, 1))
    return Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.9)), 1.0, field=(0, 0, 0.55 / MU_B))


def skyrmion(evaluator: Evaluator, radius: float = 5.0) -> np.ndarray:
    """The skyrmion that a seed relaxes to."""
    lattice = evaluator.hamiltonian.lattice
    middle = lattice.positions.mean(axis=0) + np.array([0.1, 0.07, 0.0])
    x, y, _ = (lattice.positions - middle).T
    theta, phi = np.pi * np.clip(1 - np.hypot(x, y) / radius, 0, 1), np.arctan2(y, x)
    found = []
    for helicity in (np.pi / 2, -np.pi / 2):
        angle = phi + helicity
        s = np.stack([np.sin(theta) * np.cos(angle), np.sin(theta) * np.sin(angle), np.cos(theta)], axis=1)
        found.append(s)
    relaxed = relax(TIGHT, evaluator, np.array(found))
    kept = [k for k in range(2) if abs(topological_charge(lattice, relaxed.textures[k])) > 0.5]
    assert kept
    return np.asarray(relaxed.textures[min(kept, key=lambda k: relaxed.energy[k])])


def saddle_between(evaluator: Evaluator, start: np.ndarray, end: np.ndarray, images: int = 9) -> saddles.Stationary:
    path, _ = paths.geodesic(start, end, images)
    band = bands.relax(Bands(images), evaluator, path[None])
    top = band.peaks(0)[0]
    (found,) = saddles.follow(evaluator, band.paths[0, top][None], band.tangent(0, top)[None])
    assert found is not None
    return found


# -- on paper ------------------------------------------------------------------------------------------------------


def test_lifetime_of_one_uniaxial_spin_is_browns():
    """Brown, Phys. Rev. 130, 1677 (1963): a well loses 2 K g' a / (1 + a^2) sqrt(s / pi) exp(-s), s = K/kT."""
    K, kelvin, damping = 2.0, 2.0, 0.3
    model = one_spin(UniaxialAnisotropy(K))
    saddle = saddle_between(precise(model), UP[None], -UP[None])
    theory = Rates(precise(model), Equivalence(model), kelvin, damping)
    rate = theory.rate(kelvin, theory.state(UP[None]), theory.state(saddle.spins, True), saddle.mode, sides=2)
    s, gyration = K / (K_B * kelvin), 2.0 / (HBAR * 3.0)
    brown = 2 * K * gyration * damping / (1 + damping**2) * np.sqrt(s / np.pi) * np.exp(-s)
    assert rate.barrier == pytest.approx(K, abs=1e-8)
    assert rate.per_second == pytest.approx(brown, rel=1e-8)


def test_without_damping_a_uniaxial_spin_never_leaves():
    """Precession about the axis does not change the energy."""
    model = one_spin(UniaxialAnisotropy(2.0))
    saddle = saddle_between(precise(model), UP[None], -UP[None])
    theory = Rates(precise(model), Equivalence(model), 2.0)
    rate = theory.rate(2.0, theory.state(UP[None]), theory.state(saddle.spins, True), saddle.mode, sides=2)
    assert rate.per_second < 1e-4


@pytest.mark.parametrize("damping", [None, 1e-9])
def test_rate_of_a_biaxial_spin(damping):
    """2 saddle points at +-y: 2 (g' / 2 pi) sqrt(h1 h2) exp(-K/kT), h = 2 K, 2 K + 2 K'; Langer's limit is the same."""
    K, hard, kelvin = 2.0, 0.7, 3.0
    model = one_spin(UniaxialAnisotropy(K), UniaxialAnisotropy(-hard, (1, 0, 0)))
    saddle = saddle_between(precise(model), UP[None], -UP[None])
    assert abs(saddle.spins[0, 1]) == pytest.approx(1, abs=1e-12)
    theory = Rates(precise(model), Equivalence(model), kelvin, damping)
    rate = theory.rate(kelvin, theory.state(UP[None]), theory.state(saddle.spins, True), saddle.mode, sides=2)
    frequency = 2.0 / (HBAR * 3.0) * np.sqrt(2 * K * (2 * K + 2 * hard)) / (2 * np.pi)
    assert rate.per_second == pytest.approx(2 * frequency * np.exp(-K / (K_B * kelvin)), rel=1e-8)


@pytest.mark.parametrize(("K", "soft"), [(2.0, 0), (0.05, 2)])
def test_modes_that_are_too_soft_for_the_theory_are_counted(K, soft):
    """At 3 K, thermal motion turns a spin with h = 2 K by sqrt(kT / h) = 0.25 and 1.6 radians."""
    state = Rates(precise(one_spin(UniaxialAnisotropy(K))), Equivalence(one_spin()), 3.0).state(UP[None])
    np.testing.assert_allclose(state.reach, 1 / (2 * K), rtol=1e-9)
    assert state.soft(3.0) == soft


def test_two_spins_turn_one_after_the_other():
    """Of E = -J s.s' - K (z^2 + z'^2), J < K, the saddle point has the spins at a right angle, and energy -K."""
    J, K = 0.6, 1.7
    model = pair(J, K)
    saddle = saddle_between(precise(model), np.array([UP, UP]), np.array([UP, -UP]), 11)
    assert saddle.energy == pytest.approx(-K, abs=1e-8)
    assert saddle.spins[0] @ saddle.spins[1] == pytest.approx(0, abs=1e-8)
    angle = np.arccos(np.clip(saddle.spins[:, 2], -1, 1))
    assert np.abs(np.sin(2 * angle)) == pytest.approx(J / K, abs=1e-8)


def test_two_spins_turn_together_with_a_damped_rate_on_paper():
    """J > K: eigenvalues 2 K and 2 K + 2 J, both twice, at the minimum; -2 K, 2 J - 2 K, 2 J, 0 at the saddle."""
    J, K, kelvin, damping = 4.0, 1.5, 4.0, 0.2
    model = pair(J, K)
    start = np.array([UP, UP])
    saddle = saddle_between(precise(model), start, -start)
    theory = Rates(precise(model), Equivalence(model), kelvin, damping)
    top, kT, g = theory.state(saddle.spins, True), K_B * kelvin, 2.0 / (HBAR * 2.0)
    rate = theory.rate(kelvin, theory.state(start), top, saddle.mode, sides=2)
    growth = g * damping / (1 + damping**2) * 2 * K
    ratio = np.sqrt((2 * K * (2 * K + 2 * J)) ** 2 / (2 * K * (2 * J - 2 * K) * 2 * J))
    expected = growth / (2 * np.pi) * ratio * 2 * np.pi * 2**0.5 / np.sqrt(2 * np.pi * kT) * np.exp(-2 * K / kT)
    assert top.determinant.negative == 1
    assert rate.per_second == pytest.approx(expected, rel=1e-8)


# -- paths ---------------------------------------------------------------------------------------------------------


def test_a_geodesic_has_equal_steps_and_its_ends():
    rng = np.random.default_rng(1)
    start, end = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in rng.normal(size=(2, 20, 3)))
    end[3] = -start[3]
    path, antiparallel = paths.geodesic(start, end, 7)
    assert antiparallel == 1
    np.testing.assert_array_equal(path[[0, -1]], [start, end])
    np.testing.assert_allclose(np.linalg.norm(path, axis=2), 1, atol=1e-14)
    turned = [np.arccos(np.clip((a * b).sum(axis=1), -1, 1)) for a, b in pairwise(path)]
    np.testing.assert_allclose(turned, np.broadcast_to(turned[0], (6, 20)), atol=1e-7)
    np.testing.assert_allclose(6 * turned[0], np.arccos(np.clip((start * end).sum(axis=1), -1, 1)), atol=1e-6)


def test_a_skyrmion_shrinks_about_its_centre():
    evaluator = precise(chiral(14))
    lattice, s = evaluator.hamiltonian.lattice, skyrmion(evaluator)
    end = np.tile(UP, (lattice.sites, 1))
    path = paths.shrunk(evaluator.hamiltonian, s, end, 12)
    assert path is not None
    np.testing.assert_allclose(paths.centre(lattice, s, end)[:2], lattice.positions.mean(axis=0)[:2], atol=1.0)
    up = path[:, :, 2].mean(axis=1)
    assert (np.diff(up) > -1e-12).all()
    assert paths.shrunk(evaluator.hamiltonian, -end, end, 5) is None, "no centre"


def test_a_skyrmion_leaves_through_the_edges_of_a_flake():
    lattice = Lattice.named("square", (12, 10, 1), periodic=(False, True, False))
    model = Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.9)), 1.0, field=(0, 0, 0.55 / MU_B))
    end = np.tile(UP, (lattice.sites, 1))
    middle, one = lattice.positions.mean(axis=0)[None], np.array([1])
    start = catalogue.planted(model, end, middle, np.array([4.0]), one, np.array([np.pi / 2]))
    found = paths.expelled(model, start, end, 13)
    assert len(found) == 2, "one for each side of the open axis"
    for path, way in zip(found, (-1, 1), strict=True):
        np.testing.assert_array_equal(path[[0, -1]], [start, end])
        np.testing.assert_allclose(np.linalg.norm(path, axis=2), 1, atol=1e-12)
        down = np.array([lattice.positions[image[:, 2] < 0, 0].mean() for image in path[:5]])
        np.testing.assert_allclose(np.diff(down)[:2], way, atol=1e-9)  # 12 cells in 12 steps
        assert (np.diff(path[:, :, 2].sum(axis=1)) > -1e-9).all()
    assert not paths.expelled(chiral(8), start[:64], end[:64], 5), "no edges"


def cores(model: Hamiltonian, *places: tuple[float, float]) -> np.ndarray:
    """Skyrmions at places in cells of a square lattice, not relaxed."""
    n, centres = len(places), np.array([(*place, 0.0) for place in places])
    background = np.tile(UP, (model.lattice.sites, 1))
    return catalogue.planted(model, background, centres, np.full(n, 3.6), np.full(n, 1), np.full(n, np.pi / 2))


def test_separate_parts_move_straight_to_their_new_places():
    """One stays, one crosses the periodic edge; parts are found on both sides of it."""
    model = chiral(20)
    start, end = cores(model, (5, 5), (17, 12)), cores(model, (5, 5), (1, 14))
    path = drift.drifted(model, start, end, 5)
    assert path is not None
    np.testing.assert_array_equal(path[[0, -1]], [start, end])
    np.testing.assert_allclose(np.linalg.norm(path, axis=2), 1, atol=1e-12)
    for image, place in zip(path, ((17, 12), (18, 12.5), (19, 13), (0, 13.5), (1, 14)), strict=True):
        found = drift.parts(model.lattice, image)[:, :2]
        away = [np.abs((found - at + 10) % 20 - 10).max(axis=1).min() for at in ((5, 5), place)]
        assert len(found) == 2
        assert max(away) < 0.51
    assert drift.drifted(model, start, cores(model, (5, 5)), 5) is None, "another number of parts"


def test_two_skyrmions_are_one_minimum_at_any_distance_at_which_they_do_not_feel_each_other():
    model = chiral(24)
    evaluator = precise(model)
    textures = np.array([cores(model, (4, 4), (16, 16)), cores(model, (4, 4), (13.5, 15)), cores(model, (4, 4))])
    s = np.asarray(relax(TIGHT, evaluator, textures).textures)
    explorer = Explorer(evaluator)
    assert not explorer.minima.equivalence.same(s[0], s[1])
    assert explorer.one(s[0], s[1])
    assert not explorer.one(s[0], s[2])


# -- copies of one minimum -----------------------------------------------------------------------------------------


def test_a_biaxial_magnet_reverses_through_both_sides():
    """2 saddle points at +-y lead to its only copy. Two spins turn together, as one of twice the moment and constants.

    Turning against each other has the stiffness 2 J more than together: in the well 2 (K + J) and 2 (K + K' + J), at
    the saddle point 2 (J - K) and 2 (K' + J).
    """
    J, K, hard, kelvin = 50.0, 2.0, 0.7, 3.0
    model = replace(pair(J, K), anisotropy=(UniaxialAnisotropy(K), UniaxialAnisotropy(-hard, (1, 0, 0))))
    explorer = Explorer(precise(model), copies=True)
    *_, landscape = explorer.explore(explorer.begin(np.tile(UP, (1, 2, 1))))
    assert landscape.tried == ((0, 0),)
    assert [saddle.ends for saddle in landscape.saddles] == [(0, 0)]
    assert landscape.escape(0) == (pytest.approx(2 * K, abs=1e-8), 0)
    landscape = explorer.rates(landscape, (kelvin,))
    against = (K + J) * (K + hard + J) / ((J - K) * (hard + J))
    frequency = 2.0 / (HBAR * 2.0) * np.sqrt(2 * K * (2 * K + 2 * hard) * against) / (2 * np.pi)
    rate = 2 * frequency * np.exp(-2 * K / (K_B * kelvin))
    assert 1 / landscape.lifetime(0, kelvin) == pytest.approx(rate, rel=1e-6)


def test_a_minimum_without_copies_has_no_barrier():
    """A field singles out up; about it, all turns leave the texture as it is."""
    model = replace(pair(1.0, 0.5), field=(0.0, 0.0, 1.0))
    explorer = Explorer(precise(model), copies=True)
    landscape = explorer.begin(np.tile(UP, (1, 2, 1)))
    assert list(explorer.explore(landscape)) == []
    assert landscape.escape(0) is None


# -- saddle points -------------------------------------------------------------------------------------------------


def test_the_collapse_of_a_skyrmion_is_a_saddle_point_between_the_two():
    evaluator = precise(chiral(14))
    model, s = evaluator.hamiltonian, skyrmion(evaluator)
    explorer = Explorer(evaluator)
    *_, landscape = explorer.explore(explorer.begin(np.array([s, np.tile(UP, (model.lattice.sites, 1))])))
    assert len(landscape.minima) == 2
    assert landscape.components() == [[0, 1]]
    saddle = min(landscape.saddles, key=lambda saddle: saddle.energy)
    assert saddle.ends == (0, 1)
    assert saddle.torque < 1e-6 * evaluator.stiffness
    values = np.linalg.eigvalsh(dense(evaluator, saddle.spins)[0])
    assert (values < 0).sum() == 1
    assert saddle.modes[0] == pytest.approx(values[0], abs=1e-8)
    barriers = landscape.barriers()
    higher, lower = (0, 1) if landscape.minima[0].energy > landscape.minima[1].energy else (1, 0)
    assert 0 < barriers[higher, lower] < barriers[lower, higher]
    assert barriers[0, 1] + landscape.minima[0].energy == pytest.approx(saddle.energy, abs=1e-9)
    assert landscape.escape(0) == (barriers[0, 1], landscape.saddles.index(saddle))


@pytest.mark.parametrize("field", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("angle", [1.0, 2.5, 3.0])
def test_a_saddle_point_is_found_far_along_a_soft_mode(field, angle):
    """E = -K sz^2 - h sx is -h at the saddle point; behind it along the equator both modes are negative."""
    model = Hamiltonian(
        Lattice.cluster([[0, 0, 0]]), Bonds.none(), 1.0, (UniaxialAnisotropy(2.0),), field=(field / MU_B, 0, 0)
    )
    guess = np.array([[np.cos(angle), np.sin(angle), 0.05]]) / (1 + 0.05**2) ** 0.5
    (found,) = saddles.follow(precise(model), guess[None], UP[None, None])
    assert found is not None
    assert found.energy == pytest.approx(-field, abs=1e-12)
    np.testing.assert_allclose(found.modes[:2], [-4 + field, field], rtol=1e-6)


def test_a_step_is_newtons_with_one_mode_reversed_unless_the_trust_region_ends_it():
    lattice = Lattice.named("square", (6, 5, 1))
    model = Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.3)), 1.0, field=(0, 0, 2.0 / MU_B))
    evaluator, rng = precise(model), np.random.default_rng(5)
    s = UP + 1e-5 * rng.normal(size=(30, 3))
    s /= np.linalg.norm(s, axis=1, keepdims=True)
    H, basis = dense(evaluator, s)
    values, c = np.linalg.eigh(H)
    assert (values > 0).all()
    force = (basis * evaluator.field(s)).sum(axis=(1, 2))
    lengths = []
    for radius in (1.0, 1e-6):
        few = np.array([radius]), np.array([1e-8])
        found = trust.step(evaluator, s[None], s[None], *few, lambda: None, Effort())
        mode = (basis * found.mode[0]).sum(axis=(1, 2))
        image = force - 2 * (force @ mode) * mode
        newton = np.tensordot(c @ (c.T @ image / values), basis, 1)
        lengths.append(np.linalg.norm(found.moved[0]))
        assert found.bounded[0] == (radius < np.linalg.norm(newton))
        if not found.bounded[0]:
            np.testing.assert_allclose(found.moved[0], newton, atol=1e-7 * np.linalg.norm(newton))
            assert found.error(evaluator.field(found.spins))[0] < 1e-3
    assert lengths[1] == pytest.approx(1e-6, rel=1e-6)
    assert lengths[1] < lengths[0]


def test_the_mode_of_a_step_is_as_accurate_as_it_is_asked_for():
    """Where it is not, the force along soft modes is reversed in part, and sliding saddle points are not found."""
    evaluator = precise(chiral(16))
    path = paths.shrunk(evaluator.hamiltonian, skyrmion(evaluator), np.tile(UP, (256, 1)), 10)
    assert path is not None
    s, along = path[7], path[8] - path[6]
    hessian, values = Hessian(evaluator, s[None]), np.linalg.eigvalsh(dense(evaluator, s)[0])
    assert values[0] < -0.1
    assert len(s) > modes.DENSE
    for accuracy in (0.1, 1e-3):
        mode, value = trust.softest(hessian, along[None], np.array([accuracy]), Effort())
        v = evaluator.textures(mode)[0]
        missed = np.linalg.norm(hessian(v[None])[0] - value.flat[0] * v)
        assert missed <= 1.01 * accuracy * abs(value.flat[0]) + modes.zero(evaluator)
        assert value.flat[0] == pytest.approx(values[0], rel=accuracy)


def test_the_negative_mode_of_a_saddle_point_is_an_eigenvector():
    """Rates depend on it to first order; the softest modes of large systems are found to 3 % only."""
    evaluator = precise(chiral(15))
    _, saddle = collapse(evaluator)
    assert evaluator.sites > modes.DENSE
    image = Hessian(evaluator, saddle.spins[None])(saddle.mode[None])[0]
    assert np.linalg.norm(image - saddle.modes[0] * saddle.mode) < 2e-6 * abs(saddle.modes[0])
    assert saddle.modes[0] == pytest.approx(np.linalg.eigvalsh(dense(evaluator, saddle.spins)[0])[0], rel=1e-9)


def test_a_band_is_relaxed_on_only_where_saddle_points_do_not_join_its_ends(monkeypatch):
    """Saddle points that are lost the first time are found after more iterations."""
    evaluator = precise(chiral(14))
    s, end = skyrmion(evaluator), np.tile(UP, (196, 1))
    path = paths.shrunk(evaluator.hamiltonian, s, end, 10)
    assert path is not None
    explorer, follow, times = Explorer(evaluator, Bands(10, 60, 20)), saddles.follow, []

    def lost(*arguments):
        times.append(len(arguments[1]))
        return [None] * len(arguments[1]) if len(times) == 1 else follow(*arguments)

    few = Crossing(path[None])(explorer)
    monkeypatch.setattr(saddles, "follow", lost)
    more = Crossing(path[None])(explorer)
    assert len(times) == 2
    for crossed in (few, more):
        assert joined(explorer, path, [sides for _, sides in crossed.found])
        assert crossed.found[0][0].energy == pytest.approx(few.found[0][0].energy, abs=1e-6)
    assert few.evaluations < 8 * 60 < more.evaluations


def test_every_machine_relaxes_the_same_band(device):
    model = chiral(6)
    rng = np.random.default_rng(3)
    path, _ = paths.geodesic(*(v / np.linalg.norm(v, axis=1, keepdims=True) for v in rng.normal(size=(2, 36, 3))), 7)
    path = np.array([path, path[::-1]])
    found = [bands.relax(Bands(7, 5, 2), Evaluator(model, on, np.float64), path) for on in (Cpu(), device)]
    np.testing.assert_allclose(found[1].paths, found[0].paths, atol=1e-9)
    np.testing.assert_allclose(found[1].energies, found[0].energies, atol=1e-9)
    np.testing.assert_allclose(found[1].energies[1], found[1].energies[0, ::-1], atol=1e-9)
    guess = found[0].paths[:1, 3]
    steps = [
        trust.step(
            Evaluator(model, on, np.float64), guess, guess, np.ones(1), np.full(1, 1e-3), lambda: None, Effort()
        ).spins
        for on in (Cpu(), device)
    ]
    np.testing.assert_allclose(steps[1], steps[0], atol=1e-7)


# -- determinants --------------------------------------------------------------------------------------------------


def rods(size: tuple[int, int, int]) -> Evaluator:
    """Easy axis along z."""
    lattice = Lattice.named("square", size)
    return precise(Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)), anisotropy=(UniaxialAnisotropy(0.2),)))


def test_a_sparse_hessian_has_the_elements_of_the_dense_one():
    """With vacancies, on-site terms, an open edge, clusters of four spins and pairs of matrices."""
    some, lattice = disordered(), clusters_of_spins().lattice
    matrices = replace(clusters_of_spins(), others=(random_tensors(1, lattice),))
    diluted = replace(some, others=(*random_clusters(2, some.lattice, 1), random_tensors(2, some.lattice)))
    for model in (some, clusters_of_spins(), open_film(), matrices, diluted):
        evaluator = precise(model)
        s = np.random.default_rng(9).normal(size=(evaluator.sites, 3))
        s = s / np.linalg.norm(s, axis=1, keepdims=True) * model.occupied[:, None]
        found = Sparsity.of(model)
        assert found is not None
        H = found.matrix(evaluator, s)
        np.testing.assert_allclose(H.toarray(), matrix(evaluator, s), atol=1e-12 * evaluator.stiffness)


def test_waves_and_dipoles_join_all_spins():
    """Their Hessians are not sparse, whatever else is in the model and however large the box is."""
    lattice = Lattice.named("square", (8, 8, 1))
    for term in (random_waves(1, lattice), Dipole()):
        model = Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)), others=(random_tensors(1, lattice), term))
        evaluator, s = precise(model), np.random.default_rng(9).normal(size=(64, 3))
        s /= np.linalg.norm(s, axis=1, keepdims=True)
        determinants = Determinants(evaluator)
        assert determinants.sparsity is None
        values = np.linalg.eigvalsh(dense(evaluator, s)[0])
        found = determinants.of(s, np.zeros((0, 64, 3)))
        assert found.negative == (values < 0).sum()
        assert found.log == pytest.approx(np.log(np.abs(values)).sum(), abs=1e-9)


@pytest.mark.parametrize("size", [(5, 4, 1), (12, 10, 1)])  # dense, sparse
def test_determinants_are_products_of_eigenvalues(size):
    """Of a texture with a global rotation as zero mode and a negative mode; the error is what is missing."""
    evaluator = rods(size)
    sites = evaluator.sites
    s = np.tile((1.0, 0.0, 0.0), (sites, 1))  # across the easy axis: uniform rotation towards it, and about it
    about = np.tile((0.0, 1.0, 0.0), (sites, 1)) / sites**0.5
    values = np.linalg.eigvalsh(dense(evaluator, s)[0])
    kept = values[np.abs(values) > 1e-9]
    determinants = Determinants(evaluator)
    assert (determinants.sparsity is None) == (sites < 50)
    found = determinants.of(s, about[None])
    assert found.dimension == len(kept) == 2 * sites - 1
    assert found.negative == (kept < 0).sum() >= 1
    assert found.log == pytest.approx(np.log(np.abs(kept)).sum(), abs=1e-9)
    with pytest.raises(ValueError, match="singular"):
        determinants.of(s, np.zeros((0, sites, 3)))


def test_the_error_of_a_determinant_is_true(monkeypatch):
    """Factors of a matrix that has been changed differ by about the error that is stated."""
    evaluator = rods((12, 10, 1))
    s, none = np.tile(UP, (120, 1)), np.zeros((0, 120, 3))
    right = Determinants(evaluator).of(s, none)
    expected = np.log(np.linalg.eigvalsh(dense(evaluator, s)[0])).sum()
    assert abs(right.log - expected) <= 3 * right.error + 1e-12 * 240
    assert right.error < 1e-10
    exactly, rng = Sparsity.matrix, np.random.default_rng(1)

    def changed(*arguments):
        H = exactly(*arguments).tocoo()
        return (H + 1e-6 * sparse.diags_array(rng.normal(size=H.shape[0]))).tocsc()

    monkeypatch.setattr(Sparsity, "matrix", changed)
    wrong = Determinants(evaluator).of(s, none)
    assert 0.1 * wrong.error < abs(wrong.log - expected) < 3 * wrong.error
    monkeypatch.setattr(Sparsity, "matrix", lambda *arguments: 1.1 * exactly(*arguments))
    with pytest.raises(ValueError, match="uncertain"):
        Determinants(evaluator).of(s, none)


def collapse(evaluator: Evaluator, radius: float = 5.0, images: int = 12) -> tuple[np.ndarray, saddles.Stationary]:
    """A skyrmion and the saddle point of its collapse."""
    s, end = skyrmion(evaluator, radius), np.tile(UP, (evaluator.sites, 1))
    path = paths.shrunk(evaluator.hamiltonian, s, end, images)
    assert path is not None
    band = bands.relax(Bands(images), evaluator, path[None])
    top = band.peaks(0)[0]
    (saddle,) = saddles.follow(evaluator, band.paths[0, top][None], band.tangent(0, top)[None])
    assert saddle is not None
    return s, saddle


def padded(texture: np.ndarray, small: Lattice, large: Lattice) -> np.ndarray:
    """A texture of a small box in the middle of a large one, which points up around it."""
    begin = np.array([(large.size[0] - small.size[0]) // 2, (large.size[1] - small.size[1]) // 2, 0])
    found = np.tile(UP, (large.sites, 1))
    x, y, _ = (small.coordinates + begin).T
    found[y * large.size[0] + x] = texture
    return found


@pytest.mark.parametrize("sizes", [(14, 28), pytest.param((28, 56), marks=pytest.mark.slow)])
def test_the_rate_of_a_skyrmion_does_not_depend_on_the_size_of_the_box(sizes):
    """Its two translations are integrated over the box, in which it may collapse at every site."""
    rates, small = [], precise(chiral(sizes[0]))
    textures = collapse(small)
    for size in sizes:
        evaluator = precise(chiral(size))
        place = [
            padded(t, small.hamiltonian.lattice, evaluator.hamiltonian.lattice)
            for t in (textures[0], textures[1].spins)
        ]
        mode = padded(textures[1].mode, small.hamiltonian.lattice, evaluator.hamiltonian.lattice)
        (saddle,) = saddles.follow(evaluator, place[1][None], mode[None])
        assert saddle is not None
        theory = Rates(evaluator, Equivalence(evaluator.hamiltonian), 5.0)
        assert theory.determinants.sparsity is not None
        s = np.asarray(relax(TIGHT, evaluator, place[0][None]).textures)[0]
        well, top = theory.state(s), theory.state(saddle.spins, True)
        assert len(well.zero_modes) == 2
        rate = theory.rate(5.0, well, top, saddle.mode)
        assert rate.error < 1e-8
        rates.append(rate.per_second)
    assert rates[1] == pytest.approx(rates[0], rel=0.05)


def test_a_soliton_of_the_exchange_model_approaches_belavin_and_polyakov():
    """Its energy is 4 pi J (JETP Lett. 22, 245 (1975)); the lattice takes away a part that falls with 1/radius^2."""
    J, missing = 1.0, []
    for radius in (3.0, 6.0, 12.0):
        half = round(10 * radius)
        lattice = Lattice.named("square", (2 * half, 2 * half, 1), periodic=(False, False, False))
        x, y, _ = (lattice.positions - lattice.positions.mean(axis=0)).T
        square = x**2 + y**2
        soliton = np.stack([2 * radius * x, 2 * radius * y, square - radius**2], axis=1)
        soliton /= (square + radius**2)[:, None]
        evaluator = precise(Hamiltonian(lattice, shell_bonds(lattice, exchange(J))))
        ferromagnet = np.tile(UP, (lattice.sites, 1))
        energy = np.subtract(*evaluator.energies(np.array([soliton, ferromagnet])))
        outside = 4 * J * radius**2 * (np.pi / 2 + 1) / half**2  # int 4 J R^2 / r^4 beyond the square
        missing.append(1 - (energy + outside) / (4 * np.pi * J))
    assert 0 < missing[2] < 5e-3
    np.testing.assert_allclose(np.array(missing[:-1]) / missing[1:], 4, rtol=0.1)


@pytest.mark.slow
def test_the_collapse_of_a_skyrmion_approaches_belavin_and_polyakov_on_fine_lattices():
    """D ~ a and B ~ a^2: the saddle point is above the ferromagnet by 4 pi J (1 - c a^(2/3)).

    A soliton of radius R has 4 pi J (1 - c (a/R)^2) by exchange, and less by -R D: the highest is at R ~ a (J/D)^(1/3).
    """
    heights = []
    for a in (0.5, 0.25, 0.125):
        size = round(14 / a)
        lattice = Lattice.named("square", (size, size, 1))
        field = (0, 0, 0.55 * a**2 / MU_B)
        evaluator = precise(Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.9 * a)), 1.0, field=field))
        _, saddle = collapse(evaluator, 5.0 / a, 24)
        heights.append((saddle.energy - evaluator.energies(np.tile(UP, (1, size**2, 1)))[0]) / (4 * np.pi))
    assert (np.diff(heights) > 0).all()
    assert heights[-1] > 0.65
    extrapolated = [(2 ** (2 / 3) * fine - coarse) / (2 ** (2 / 3) - 1) for coarse, fine in pairwise(heights)]
    assert abs(extrapolated[1] - 1) < abs(extrapolated[0] - 1) < 0.35
    assert extrapolated[1] == pytest.approx(1, abs=0.12)


# -- the graph -----------------------------------------------------------------------------------------------------


def graph(energies: list[float], joins: list[tuple[int, int, float]]) -> Landscape:
    spins, mode = np.zeros((1, 3)), np.zeros((1, 3))
    minima = tuple(Minimum(spins, e, 0.0, "") for e in energies)
    return Landscape(minima, tuple(Saddle(spins, e, 0.0, np.zeros(1), mode, (i, j)) for i, j, e in joins))


def test_the_lowest_of_all_paths_counts():
    """0 - 2 is 5 high directly, but 4 by way of 1; 3 is on its own."""
    found = graph([0.0, 1.0, 2.0, 0.5], [(0, 2, 5.0), (0, 1, 4.0), (1, 2, 3.0)])
    np.testing.assert_array_equal(found.passes()[:3, :3], [[0, 4, 4], [4, 1, 3], [4, 3, 2]])
    assert np.isinf(found.passes()[3, :3]).all()
    assert found.barriers()[2, 0] == 2.0
    assert found.components() == [[0, 1, 2], [3]]
    roots = trees(found)
    assert [root.leaves for root in roots] == [(0, 1, 2), (3,)]
    assert roots[0].energy == 4.0
    assert roots[0].branches[1].energy == 3.0


# -- the command ---------------------------------------------------------------------------------------------------


def test_a_file_that_does_not_say_which_rates_are_rough_is_read(tmp_path):
    spins = np.array([[[0.0, 0.0, 1.0]], [[0.0, 0.0, -1.0]]])
    minima = tuple(Minimum(one, 0.0, 0.0, "") for one in spins)
    top = Saddle(np.array([[1.0, 0.0, 0.0]]), 1.0, 0.0, np.array([-1.0]), np.array([[0.0, 0.0, 1.0]]), (0, 1))
    given = Landscape(minima, (top,), (), (Transition(0, 1, 0, 30.0, 1e9, 0.0, 1e6, soft=2),))
    with h5py.File(tmp_path / "landscape.h5", "w") as file:
        write(file, given)
        assert read(file, 1).transitions == given.transitions
        del file["rates/soft"]
        assert read(file, 1).transitions == (replace(given.transitions[0], soft=0),)


def test_a_catalogue_and_its_landscape_are_stored_and_continued(tmp_path, capsys):
    """A skyrmion and the uniform texture of the chiral magnet, and the collapse between them."""
    toml, run = tmp_path / "model.toml", tmp_path / "catalogue.h5"
    toml.write_text(
        '[model]\nlattice = "square"\nsize = [14, 14, 1]\nfield = 9.5\n'
        '[[model.exchange]]\nJ = 1.0\n[[model.dmi]]\nshell = 1\nD = 0.9\ndirection = "bloch"\n'
    )
    line = ("textures", toml, "-o", run, "--charges", "0,-1", "--seeds", "3", "--json")
    found = json.loads(printed(capsys, *map(str, line)))
    charges = [round(elite["charge"], 9) for elite in found["elites"]]
    assert set(charges) == {0, -1}
    assert all(elite["stability"] != "saddle" for elite in found["elites"])
    record = storage.read(run)
    evaluator = precise(record.hamiltonian)
    for elite in record.elites:
        assert elite.energy == pytest.approx(evaluator.energies(elite.spins)[0])
        assert elite.torque < 1e-6 * evaluator.stiffness
    picture = tmp_path / "tree.png"
    line = ("landscape", run, "--json", "--temperature", "20", "--minima", "2", "-o", picture)
    found = json.loads(printed(capsys, *map(str, line)))
    stored = storage.read(run).landscape
    assert stored is not None
    assert picture.stat().st_size > 1000
    assert sorted(one["charge"] for one in found["minima"]) == pytest.approx([-1, 0])
    assert found["barriers"][1][0] == pytest.approx(
        min(stored.saddles, key=lambda s: s.energy).energy - stored.minima[1].energy
    )
    out, back = (next(r for r in found["rates"] if (r["start"], r["end"]) == pair) for pair in ((0, 1), (1, 0)))
    assert out["saddle"] == back["saddle"]
    assert 0 < found["minima"][1]["lifetimes"]["20"] < 1 / (0.99 * back["per_second"])
    again = json.loads(printed(capsys, *map(str, line)))
    assert again == found, "nothing is left to do"
    assert len(storage.read(run).elites) == len(record.elites)


@pytest.mark.parametrize("charge", [-3, -2, -1, 1, 2, 3])
def test_seeds_have_the_charge_that_is_asked_for(charge):
    model = chiral(40)
    for up in (UP, -UP):
        textures = catalogue.seeds(model, np.tile(up, (1600, 1)), charge, 4, 9.0, 1)
        np.testing.assert_allclose(topological_charge(model.lattice, textures), charge, atol=1e-9)


# -- the report ----------------------------------------------------------------------------------------------------


def test_a_report_shows_tree_barriers_and_lifetimes():
    section = pytest.importorskip(
        "magsearch.report.landscape", reason="no bokeh: pip install 'magsearch[report]'"
    ).section
    found = graph([0.0, 1.0, 2.0, 0.5], [(0, 2, 5.0), (0, 1, 4.0), (1, 2, 3.0)])
    rates = (Transition(0, 1, 1, 30.0, 1e9, 1e-12, 1e6), Transition(1, 0, 1, 30.0, 1e9, 1e-12, 2e6, soft=1))
    shown = section(Lattice.cluster([[0, 0, 0]]), replace(found, transitions=rates)).body
    assert shown.count("data:image/png;base64,") == 1
    assert "lifetime, 30 K" in shown
    assert ">1 us<" in shown
    assert ">~500 ns<" in shown
    assert "~: rough" in shown
    rows = [row.replace('<td class="number">', "").split("</td>") for row in shown.split("<tr>")]
    assert ["2", "2.0000", "1.0000", "", ""] in [row[:5] for row in rows], "from 2 to 0 by way of 1"
    assert "no path was found between these groups of minima: 0, 1, 2; 3" in shown
