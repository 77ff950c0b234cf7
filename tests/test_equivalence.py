"""Copies of a texture are recognised and counted, and nothing else is taken for a copy."""

from dataclasses import replace

import numpy as np
import pytest
from models import MODELS, bloch, exchange, shell_bonds
from oracle import random_textures
from random_models import model_of_further_terms, random_model
from scipy.spatial.transform import Rotation
from symmetric import ASIDE, EASY, EASY_X, UP, along_z, copy, diagonal, spiral, square

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.bonds import dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy
from magsearch.observables.fingerprint import fingerprint, same
from magsearch.symmetry.equivalence import Equivalence, best_overlap, best_turn

EVERY = [
    *MODELS.values(),
    *(random_model(seed) for seed in range(100)),
    *(model_of_further_terms(seed) for seed in range(8)),
]
Z = np.array([0.0, 0.0, 1.0])


def wave(lattice, *parts):
    """sum of vector * cos(2 pi k . cell) over (vector, k in cells of the reciprocal lattice), brought to length 1."""
    cell = np.repeat(lattice.coordinates, lattice.atoms, axis=0)
    s = sum(np.cos(2 * np.pi * cell @ np.array(k))[:, None] * np.array(vector) for vector, k in parts)
    return s / np.linalg.norm(s, axis=1)[:, None]


# -- copies are recognised ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", EVERY)
def test_copies_are_recognised_and_others_are_not(model):
    random, equivalence, evaluator = np.random.default_rng(2), Equivalence(model), Evaluator(model, Cpu(), np.float64)
    texture, other = random_textures(model, 2)
    for moved in (copy(model, texture, random) for _ in range(4)):
        assert equivalence.distance(texture, moved) < 1e-9
        nearest = equivalence.nearest(moved, texture)
        assert np.allclose(nearest, texture, atol=1e-9)
    energy = evaluator.energies(np.stack([texture, other]))
    if abs(energy[0] - energy[1]) > 1e-6 * evaluator.stiffness:  # no symmetry changes the energy
        assert not equivalence.same(texture, other)


@pytest.mark.parametrize("axes", [np.zeros((0, 3)), [[0.6, 0, 0.8]], np.eye(3)])
def test_no_turn_overlaps_more_than_the_best(axes):
    random, axes = np.random.default_rng(3), np.array(axes)
    M = random.normal(size=(50, 3, 3))
    best = best_overlap(M, axes, 0.0)
    for matrix, most in zip(M, best, strict=True):
        turn = best_turn(matrix, axes)
        assert np.allclose(turn @ turn.T, np.eye(3))
        assert np.linalg.det(turn) == pytest.approx(1)
        assert (turn * matrix).sum() == pytest.approx(most)
        for angle in random.uniform(-np.pi, np.pi, size=(30, len(axes))):
            tried = Rotation.from_rotvec(angle @ axes).as_matrix() if len(axes) else np.eye(3)
            assert (tried * matrix).sum() <= most + 1e-12


# -- copies are counted ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["square_bloch", "cubic_easy_axes", "large_film", "box_within_range", "left_handed"])
def test_copies_are_those_that_all_operations_make(name):
    """Of textures with and without symmetry, by making all of them."""
    model = MODELS[name]
    lattice, group = model.lattice, Equivalence(model).group
    half = random_textures(model, 1)[0].reshape(*lattice.grid, lattice.atoms, 3)
    half[..., : (lattice.size[0] + 1) // 2, :, :] = Z
    for texture in (np.tile(Z, (lattice.sites, 1)), wave(lattice, (Z, (1 / lattice.size[0], 0, 0))), half):
        s = texture.reshape(-1, 3)
        made = set()
        for sites, turns in group.maps:
            for turn in turns:
                grid = ((s[sites] @ turn.T).round(6) + 0.0).reshape(*lattice.grid, -1)
                made |= {np.roll(grid, shift, axis=(0, 1, 2)).tobytes() for shift in np.ndindex(lattice.grid)}
        assert Equivalence(model).copies(s) == len(made)


def triangular(*couplings, **rest):
    lattice = Lattice.named("triangular", (6, 6, 1))
    return Hamiltonian(lattice, shell_bonds(lattice, *couplings), **rest)


def haldane(J, D):
    """D along z whose sign alternates from bond to bond of a site: chirality is fixed."""

    def coupling(along):
        return exchange_matrix(J) + dmi_matrix([0, 0, D * np.sign(np.cos(3 * np.arctan2(along[1], along[0])))])

    return coupling


def up(model, axis=Z):
    return np.tile(np.array(axis) / np.linalg.norm(axis), (model.lattice.sites, 1))


SQUARE, TRIANGULAR = Lattice.named("square", (4, 4, 1)), Lattice.named("triangular", (6, 6, 1))
STRIPE = (0.5, 0, 0)
CORNERS = (0.5, 0, 0), (0, 0.5, 0), (0.5, 0.5, 0)  # the three middles of the zone's edges
EASY_PLANE = UniaxialAnisotropy(-0.5)
CUBE = Hamiltonian(Lattice.named("cubic", (3, 3, 3)), shell_bonds(Lattice.named("cubic", (3, 3, 3)), exchange(1.0)))
XY, YX = ((1.0, 0, 0), (0, 1.0, 0)), ((0, 1.0, 0), (1.0, 0, 0))

# what, model, texture, copies, dimensions of the continuum made by global rotations
KNOWN = [
    ("ferromagnet, easy axis", square(anisotropy=(EASY,)), up(square()), 2, 0),
    ("in a field along it", square(anisotropy=(EASY,), field=UP), up(square()), 1, 0),
    ("ferromagnet, isotropic", square(), up(square()), 1, 2),
    ("ferromagnet, isotropic, in a field", square(field=UP), up(square()), 1, 0),
    ("canted from its axis by a field", square(anisotropy=(EASY,), field=ASIDE), up(square(), (0.6, 0, 0.8)), 2, 0),
    ("ferromagnet, easy plane", square(anisotropy=(EASY_PLANE,)), up(square(), (1, 0, 0)), 1, 1),
    ("ferromagnet, Bloch DMI", square(bloch(1.0, 0.1)), up(square(), (1, 0, 0)), 4, 0),
    ("ferromagnet, XYZ couplings", square(diagonal(1.0, 0.7, 0.4)), up(square(), (1, 0, 0)), 2, 0),
    ("cube edges", replace(CUBE, anisotropy=(CubicAnisotropy(0.3),)), up(CUBE), 6, 0),
    ("cube diagonals", replace(CUBE, anisotropy=(CubicAnisotropy(-0.3),)), up(CUBE, (1, 1, 1)), 8, 0),
    ("checkerboard, easy axis", square(anisotropy=(EASY,)), wave(SQUARE, (Z, (0.5, 0.5, 0))), 2, 0),
    ("stripe, easy axis", square(anisotropy=(EASY,)), wave(SQUARE, (Z, STRIPE)), 4, 0),
    ("stripe, easy axis in the plane", square(anisotropy=(EASY_X,)), wave(SQUARE, ((1, 0, 0), STRIPE)), 4, 0),
    ("stripe, isotropic", square(), wave(SQUARE, (Z, STRIPE)), 2, 2),
    ("one q", triangular(exchange(-1.0), exchange(-0.5)), wave(TRIANGULAR, (Z, STRIPE)), 3, 2),
    (
        "three q: the tetrahedral order of either handedness",
        triangular(exchange(-1.0), exchange(-0.5)),
        wave(TRIANGULAR, *zip(np.eye(3), CORNERS, strict=True)),
        2, 3,
    ),
    ("120 degrees, isotropic", triangular(exchange(-1.0)), spiral(TRIANGULAR, (1 / 3, 1 / 3, 0)), 1, 3),
    (
        "120 degrees, easy plane: two chiralities",
        triangular(exchange(-1.0), anisotropy=(EASY_PLANE,)),
        spiral(TRIANGULAR, (1 / 3, 1 / 3, 0)),
        2, 1,
    ),
    ("120 degrees, D along z", triangular(haldane(-1.0, 0.2)), spiral(TRIANGULAR, (1 / 3, 1 / 3, 0)), 1, 1),
    ("spiral, D along z", square(along_z(1.0, 1.0)), spiral(SQUARE, (0.25, 0.25, 0)), 1, 1),
]  # fmt: skip


@pytest.mark.parametrize(("model", "texture", "copies", "turns"), [k[1:] for k in KNOWN], ids=[k[0] for k in KNOWN])
def test_known_degeneracies(model, texture, copies, turns):
    equivalence = Equivalence(model)
    assert (equivalence.copies(texture), equivalence.free_turns(texture)) == (copies, turns)


def test_a_spin_turned_over_is_at_home_on_every_site():
    """However many others there are: one in ten thousand counts."""
    model = square(size=(100, 100, 1), anisotropy=(EASY,), field=UP)
    texture = up(model)
    texture[7] *= -1
    assert Equivalence(model).copies(texture) == 10_000
    assert not Equivalence(model).same(texture, up(model))


# -- pairs that are the same, and pairs that are not -------------------------------------------------------------------


def test_one_q_and_three_q_are_two():
    model = triangular(exchange(-1.0), exchange(-0.5))
    one, three = (np.array(known[2]) for known in KNOWN if known[0].startswith(("one q", "three q")))
    assert not Equivalence(model).same(one, three)
    assert Equivalence(model).same(one, wave(TRIANGULAR, ((0.6, 0, 0.8), CORNERS[1])))
    assert Equivalence(model).same(three, -three)


def test_chiralities_are_one_where_spins_turn_over_and_two_where_a_dmi_knows_them():
    left, right = (spiral(TRIANGULAR, (1 / 3, 1 / 3, 0), *plane) for plane in (XY, YX))
    assert Equivalence(triangular(exchange(-1.0))).same(left, right)
    assert Equivalence(triangular(exchange(-1.0), anisotropy=(EASY_PLANE,))).same(left, right)
    assert not Equivalence(triangular(haldane(-1.0, 0.2))).same(left, right)


def skyrmions(lattice, helicity, radius=4.0):
    """A skyrmion in the middle of the box, core down; helicity pi / 2 and - pi / 2 are the two Bloch ones."""
    away = lattice.positions - lattice.positions[lattice.sites // 2 + lattice.size[0] // 2]
    away -= np.rint(away @ np.linalg.inv(lattice.box)) @ lattice.box
    r, phi = np.hypot(*away[:, :2].T), np.arctan2(away[:, 1], away[:, 0]) + helicity
    theta = np.pi * np.clip(1 - r / (2 * radius), 0, 1)
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)


def test_a_skyrmion_lattice_is_the_same_wherever_it_lies_and_its_mirror_image_is_not():
    model = square(bloch(1.0, 0.5), size=(18, 18, 1), field=UP)
    equivalence, texture = Equivalence(model), skyrmions(Lattice.named("square", (18, 18, 1)), np.pi / 2)
    mirrored = skyrmions(model.lattice, -np.pi / 2)
    assert equivalence.same(texture, texture[model.lattice.translation((5, -3, 0))])
    assert equivalence.copies(texture) == 18 * 18
    assert not equivalence.same(texture, mirrored)
    alike = [fingerprint(model.lattice, s, 0.0) for s in (texture, mirrored)]
    assert same(*alike)  # but for the energy, their figures agree
    no_dmi = Equivalence(square(size=(18, 18, 1), field=UP))
    assert no_dmi.same(texture, mirrored)


def test_vacancies_hold_textures_where_they_are():
    model = replace(square(anisotropy=(EASY,)), vacancies=(3,))
    texture = up(model) * model.occupied[:, None]
    texture[5] *= -1
    moved = up(model) * model.occupied[:, None]
    moved[6] *= -1
    assert not Equivalence(model).same(texture, moved)
    assert Equivalence(model).same(texture, -texture)
    assert Equivalence(model).copies(texture) == 2
