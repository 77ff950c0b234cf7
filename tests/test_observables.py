"""Topological charge, magnetisation, structure factor and fingerprints against what they must be on paper."""

import numpy as np
import pytest

import magsearch as ms
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.reciprocal import wave_vectors
from magsearch.model.triangulation import plane_frame, triangles
from magsearch.observables.fingerprint import fingerprint, same
from magsearch.observables.magnetization import magnetization
from magsearch.observables.structure_factor import peaks, structure_factor
from magsearch.observables.topological_charge import charge_density, likeness, rough, topological_charge
from magsearch.symmetry.space_group import operations

LEFT_HANDED = np.array([[0.18301, 0.68301, 0], [0.68301, 0.18301, 0], [0, 0, 1]])  # triangular, as read from a file


def planar(name, n=(24, 24), periodic=(True, True, False)):
    size = (*n, 1)
    if name == "left-handed triangular":
        return Lattice(LEFT_HANDED, [[0, 0, 0]], size, periodic)
    if name == "skewed square":
        return Lattice([[1, 0, 0], [3, 1, 0], [0, 0, 1]], [[0, 0, 0]], size, periodic)
    return Lattice.named(name, size, periodic=periodic)


PLANES = ["square", "triangular", "left-handed triangular", "kagome", "honeycomb", "skewed square"]


def nearest_image(lattice, centre):
    """Vectors [site, 3] to each site from the closest periodic image of a point."""
    box = lattice.cell * np.array(lattice.size)[:, None]
    away = lattice.positions - centre
    shifts = np.stack(np.meshgrid(*[range(-5, 6)] * 2, [0]), axis=-1).reshape(-1, 3) @ box
    images = away[:, None] + shifts
    return images[np.arange(len(away)), np.linalg.norm(images, axis=2).argmin(axis=1)]


def skyrmion(lattice, vorticity=1, helicity=0.0, scale=0.8):
    """A skyrmion whose core points down in an up background, [site, 3]."""
    centre = lattice.positions.mean(axis=0) + np.array([0.137, 0.071, 0])
    x, y, _ = nearest_image(lattice, centre).T
    r, phi = np.hypot(x, y), np.arctan2(y, x)
    box = lattice.cell[:2] * np.array(lattice.size[:2])[:, None]
    radius = scale * min(np.linalg.norm(v) for v in (*box, box[0] - box[1], box[0] + box[1])) / 2
    theta = np.pi * (1 - r / radius).clip(0)  # pi in the middle, 0 outside
    psi = vorticity * phi + helicity
    return np.stack([np.sin(theta) * np.cos(psi), np.sin(theta) * np.sin(psi), np.cos(theta)], axis=1)


def smooth_random(lattice, seed, modes=2):
    """A random texture of long waves, everywhere of unit length, [site, 3]."""
    rng = np.random.default_rng(seed)
    s = np.zeros((lattice.sites, 3))
    for h in range(-modes, modes + 1):
        for k in range(-modes, modes + 1):
            q = (np.array([h, k, 0]) / lattice.size) @ lattice.reciprocal
            phase = lattice.positions @ q
            s += np.cos(phase)[:, None] * rng.normal(size=3) + np.sin(phase)[:, None] * rng.normal(size=3)
    return s / np.linalg.norm(s, axis=1)[:, None]


def random_spins(lattice, seed=0):
    s = np.random.default_rng(seed).normal(size=(lattice.sites, 3))
    return s / np.linalg.norm(s, axis=1)[:, None]


# -- triangles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANES)
def test_triangles_tile_the_torus(name):
    lattice = planar(name, (8, 7))
    corners = triangles(lattice)
    assert len(corners) == 2 * lattice.sites  # Euler: V - E + F = 0 with 3 F = 2 E
    edges = corners[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    directed = set(map(tuple, edges.tolist()))
    assert len(directed) == len(edges)  # every edge once in each direction: one triangle on either side
    assert directed == {(b, a) for a, b in directed}


@pytest.mark.parametrize("name", PLANES)
def test_triangles_are_counterclockwise_and_cover_the_area(name):
    lattice = planar(name, (8, 7), periodic=(False, False, False))
    corners = triangles(lattice)
    a, b, c = lattice.positions[corners].transpose(1, 0, 2)
    areas = 0.5 * np.cross(b - a, c - a)[:, 2]
    assert (areas > 0).all()
    periodic = len(triangles(planar(name, (8, 7))))
    assert 0 < len(corners) < periodic
    if name in ("square", "triangular", "left-handed triangular"):  # whole cells between the corner sites
        assert areas.sum() == pytest.approx(7 * 6 * abs(np.linalg.det(lattice.cell[:2, :2])))


def test_a_chain_has_no_triangles():
    lattice = Lattice([[1, 0, 0], [0, 9, 0], [0, 0, 9]], [[0, 0, 0]], (12, 1, 1), (True, False, False))
    assert triangles(lattice).shape == (0, 3)
    assert topological_charge(lattice, random_spins(lattice)) == 0


def test_a_plane_of_x_and_z_has_its_normal_along_y():
    lattice = Lattice(np.eye(3), [[0, 0, 0]], (6, 1, 5), (True, False, True))
    assert np.allclose(plane_frame(lattice)[2], [0, 1, 0])
    assert len(triangles(lattice)) == 2 * lattice.sites


# -- topological charge ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANES)
@pytest.mark.parametrize("helicity", [0.0, np.pi / 2, 2.0])
def test_a_skyrmion_has_charge_minus_one_and_an_antiskyrmion_plus_one(name, helicity):
    n = (40, 120) if name == "skewed square" else (24, 24)
    lattice = planar(name, n)
    assert topological_charge(lattice, skyrmion(lattice, 1, helicity)) == pytest.approx(-1, abs=1e-9)
    assert topological_charge(lattice, skyrmion(lattice, -1, helicity)) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("name", PLANES)
def test_charge_is_a_whole_number_on_the_torus(name):
    lattice = planar(name)
    textures = np.stack([smooth_random(lattice, seed) for seed in range(4)] + [random_spins(lattice)])
    charge = topological_charge(lattice, textures)
    assert charge.shape == (5,)
    assert np.allclose(charge, charge.round(), atol=1e-9)
    assert charge.any()


@pytest.mark.parametrize("name", PLANES)
def test_charge_is_a_whole_number_in_single_precision_too(name):
    lattice = planar(name)
    s = smooth_random(lattice, 1)
    assert topological_charge(lattice, s.astype(np.float32)) == pytest.approx(topological_charge(lattice, s), abs=1e-9)


def test_charge_is_odd_under_time_reversal_and_under_a_mirror():
    lattice = planar("square", (32, 32))
    s = smooth_random(lattice, 1)
    charge = topological_charge(lattice, s)
    assert abs(charge) >= 1
    assert topological_charge(lattice, -s) == pytest.approx(-charge, abs=1e-9)
    mirrored = s.reshape(32, 32, 3)[:, ::-1].reshape(-1, 3)  # x -> -x of the places, spins as they are
    assert topological_charge(lattice, mirrored) == pytest.approx(-charge, abs=1e-9)


@pytest.mark.parametrize("name", PLANES)
def test_charge_is_invariant_under_translation_and_global_rotation(name):
    lattice = planar(name)
    s = random_spins(lattice)
    charge = topological_charge(lattice, s)
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    rotation *= np.linalg.det(rotation)
    assert topological_charge(lattice, s[lattice.translation((3, 5, 0))]) == pytest.approx(charge, abs=1e-9)
    assert topological_charge(lattice, s @ rotation.T) == pytest.approx(charge, abs=1e-9)


def test_sheets_add_up_and_layers_are_averaged():
    single = planar("square")
    s = skyrmion(single)
    bilayer = Lattice(np.diag([1, 1, 3.0]), [[0, 0, 0], [0.5, 0.5, 1]], (24, 24, 1), (True, True, False))
    assert topological_charge(bilayer, np.repeat(s, 2, axis=0)) == pytest.approx(-2, abs=1e-9)
    stack = Lattice(np.eye(3), [[0, 0, 0]], (24, 24, 3), (True, True, True))
    up = np.broadcast_to([0, 0, 1.0], s.shape)
    assert topological_charge(stack, np.concatenate([s, s, s])) == pytest.approx(-1, abs=1e-9)
    assert topological_charge(stack, np.concatenate([s, up, up])) == pytest.approx(-1 / 3, abs=1e-9)


def test_triangles_that_touch_a_vacancy_carry_no_charge():
    lattice = planar("triangular")
    s = random_spins(lattice)
    density = charge_density(lattice, s)
    s[100] = 0
    touched = (triangles(lattice) == 100).any(axis=1)
    assert touched.sum() == 6
    assert (charge_density(lattice, s)[touched] == 0).all()
    assert np.array_equal(charge_density(lattice, s)[~touched], density[~touched])


# -- magnetisation -----------------------------------------------------------------------------------------------------


def test_magnetization_leaves_vacancies_out_and_weights_by_moments():
    s = np.array([[0, 0, 1.0], [1, 0, 0], [0, 0, 0]])
    assert np.allclose(magnetization(s), [0.5, 0, 0.5])
    assert np.allclose(magnetization(s, [3.0, 1.0, 0.0]), [0.25, 0, 0.75])
    assert np.allclose(magnetization(s, np.array([True, False, False])), [0, 0, 1])
    assert np.allclose(magnetization(np.stack([s, -s])), [[0.5, 0, 0.5], [-0.5, 0, -0.5]])


# -- structure factor --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["square", "triangular", "left-handed triangular", "kagome", "honeycomb"])
def test_structure_factor_is_the_sum_over_all_sites(name):
    lattice = planar(name, (5, 4))
    s = random_spins(lattice)
    q = wave_vectors(lattice)
    q = np.concatenate([q.reshape(-1, 3), q.reshape(-1, 3) + [2, -1, 0] @ lattice.reciprocal])  # and another zone
    amplitude = np.exp(-1j * q @ lattice.positions.T) @ s
    expected = (np.abs(amplitude) ** 2).sum(axis=1) / lattice.sites
    assert np.allclose(structure_factor(lattice, s, q), expected, atol=1e-10)
    both = structure_factor(lattice, np.stack([s, s]))
    assert both.shape == (2, *lattice.grid)
    assert np.allclose(both[1].ravel(), expected[: lattice.cells], atol=1e-10)


def test_structure_factor_in_three_dimensions_is_the_sum_over_all_sites():
    lattice = Lattice.named("diamond", (3, 4, 5), constant=5.4)
    s, q = random_spins(lattice), wave_vectors(lattice).reshape(-1, 3)
    amplitude = np.exp(-1j * q @ lattice.positions.T) @ s
    assert np.allclose(structure_factor(lattice, s).ravel(), (np.abs(amplitude) ** 2).sum(axis=1) / lattice.sites)


def test_structure_factor_obeys_the_sum_rule():
    lattice = planar("triangular", (9, 8))
    assert structure_factor(lattice, random_spins(lattice)).sum() == pytest.approx(lattice.sites)


@pytest.mark.parametrize("name", PLANES)
def test_a_ferromagnet_has_all_its_weight_at_q_zero(name):
    lattice = planar(name, (6, 5))
    s = np.tile([0.36, 0.48, 0.8], (lattice.sites, 1))
    S = structure_factor(lattice, s)
    assert S[0, 0, 0] == pytest.approx(lattice.sites)
    if lattice.atoms == 1:
        assert S.sum() == pytest.approx(lattice.sites)
    s[[3, 8]] = 0
    assert structure_factor(lattice, s)[0, 0, 0] == pytest.approx(lattice.sites - 2)  # N counts spins, not vacancies


def test_an_incommensurate_wave_vector_is_refused():
    lattice = planar("square", (8, 8))
    with pytest.raises(ValueError, match="not commensurate"):
        structure_factor(lattice, random_spins(lattice), [0.1, 0, 0])


@pytest.mark.parametrize("name", PLANES)
def test_wave_vectors_lie_in_the_first_zone(name):
    lattice = planar(name, (9, 8))
    q = wave_vectors(lattice).reshape(-1, 3)
    shifts = np.stack(np.meshgrid(*[range(-6, 7)] * 2, [0]), axis=-1).reshape(-1, 3) @ lattice.reciprocal
    assert (np.linalg.norm(q[:, None] + shifts, axis=2).min(axis=1) >= np.linalg.norm(q, axis=1) - 1e-9).all()
    assert np.allclose(q[0], 0)


@pytest.mark.parametrize("name", ["square", "left-handed triangular", "kagome"])
def test_a_spiral_peaks_at_plus_and_minus_q_only(name):
    lattice = planar(name)
    wave = (np.array([3, 2, 0]) / lattice.size) @ lattice.reciprocal
    phase = lattice.positions @ wave
    s = np.stack([np.cos(phase), np.sin(phase), 0 * phase], axis=1)
    q, S = peaks(lattice, s, 3)
    assert np.allclose(S, [lattice.sites / 2, lattice.sites / 2, 0], atol=1e-9)
    assert np.allclose(q[0], -q[1])
    assert np.allclose(np.abs(q[0] @ wave), wave @ wave)


# -- fingerprints ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANES)
def test_fingerprint_is_invariant_under_translation_and_time_reversal(name):
    lattice = planar(name)
    s = smooth_random(lattice, 2)
    mark = fingerprint(lattice, s, -123.0)
    assert mark.energy == pytest.approx(-123.0 / lattice.sites)
    assert same(mark, fingerprint(lattice, s[lattice.translation((4, 7, 0))], -123.0), tolerance=1e-9)
    assert same(mark, fingerprint(lattice, -s, -123.0), tolerance=1e-9)


@pytest.mark.parametrize("rough", [False, True])
def test_fingerprint_is_invariant_under_a_rotation_of_the_crystal(rough):
    lattice = planar("square", (16, 16))
    s = random_spins(lattice) if rough else skyrmion(lattice, scale=1.0)
    quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    turned = np.rot90(s.reshape(16, 16, 3), k=-1).reshape(-1, 3) @ quarter.T
    mark = fingerprint(lattice, s, 0)
    assert np.isnan(mark.charge) == rough
    assert same(mark, fingerprint(lattice, turned, 0), tolerance=1e-9)


@pytest.mark.parametrize("name", ["square", "triangular", "kagome", "honeycomb"])
def test_fingerprint_is_invariant_under_the_symmetry_operations_of_a_hamiltonian(name):
    lattice = planar(name, (16, 16))
    shell = lattice.shells(1)[0]
    along = lattice.basis[shell.j] - lattice.basis[shell.i] + shell.offset @ lattice.cell
    J = exchange_matrix(1.0) + dmi_matrix(np.cross([0, 0, 0.3], along))
    found = operations(Hamiltonian(lattice, Bonds(shell.i, shell.j, shell.offset, J)))
    assert len(found) == (16 if name == "square" else 24)
    s = skyrmion(lattice, helicity=0.7, scale=1.0)
    mark = fingerprint(lattice, s, 0)
    assert all(same(mark, fingerprint(lattice, operation(s), 0), tolerance=1e-9) for operation in found)


def test_a_collinear_antiferromagnet_has_no_charge_whatever_the_rounding():
    lattice = planar("square")
    x, y, _ = lattice.coordinates.T
    s = np.where((x + y) % 2, 1, -1)[:, None] * np.array([0.36, 0.48, 0.8])
    for seed in range(3):
        noisy = s + 1e-7 * np.random.default_rng(seed).normal(size=s.shape)
        assert topological_charge(lattice, noisy) == 0
        assert same(fingerprint(lattice, s, 0), fingerprint(lattice, noisy, 0))


def test_the_charge_of_120_degree_order_means_nothing_that_of_a_slow_spiral_does():
    lattice = Lattice.named("triangular", (12, 12, 1))
    for turns, expected in ((4, True), (1, False)):  # along both axes: 120 degrees from site to site, and 30
        phase = 2 * np.pi * turns / 12 * lattice.coordinates[:, :2].sum(axis=1)
        spins = np.stack([np.cos(phase), np.sin(phase), 0 * phase], axis=1)
        assert rough(lattice, spins) == expected
    assert likeness(lattice, np.tile([0.0, 0.6, 0.8], (144, 1))) == pytest.approx(1)
    assert not rough(Lattice.named("chain", (6, 1, 1)), np.eye(3)[[0, 1, 2, 0, 1, 2]])


def test_a_glass_has_no_charge_though_most_of_its_planes_have_one_atom():
    """2000 atoms at random in one cell: nearly all planes hold an atom and its images, which are alike in any state."""
    rng = np.random.default_rng(1)
    lattice = Lattice(12.6 * np.eye(3), rng.uniform(0, 12.6, (2000, 3)), (1, 1, 1))
    spins = rng.normal(size=(2000, 3))
    spins /= np.linalg.norm(spins, axis=1, keepdims=True)
    assert rough(lattice, spins)
    assert not rough(lattice, np.broadcast_to(spins[0], spins.shape))


def test_fingerprints_tell_different_textures_apart():
    lattice = planar("triangular")
    up = np.broadcast_to([0, 0, 1.0], (lattice.sites, 3))
    textures = [up, skyrmion(lattice), smooth_random(lattice, 1), smooth_random(lattice, 2)]
    marks = [fingerprint(lattice, s, 0.0) for s in textures]
    for k, a in enumerate(marks):
        assert [same(a, b) for b in marks] == [k == m for m in range(len(marks))]
    assert not same(marks[0], fingerprint(lattice, up, 1.0))


@pytest.mark.parametrize("shape", [(5, 3), (36, 2), (36,), (2, 3, 36)])
@pytest.mark.parametrize(
    "measure",
    [ms.topological_charge, ms.structure_factor, ms.nearest_correlation, ms.chirality, ms.sublattice_charges,
     ms.hedgehogs, ms.hopf_index],
)  # fmt: skip
def test_spins_of_another_shape_are_refused_with_the_shape_that_was_expected(measure, shape):
    solid = measure in (ms.hedgehogs, ms.hopf_index)  # a plane has neither
    lattice = Lattice.named("cubic", (3, 3, 4)) if solid else Lattice.named("square", (6, 6, 1))
    with pytest.raises(ValueError, match=r"expected \[\.\.\., 36 sites, 3\]"):
        measure(lattice, np.zeros(shape))
