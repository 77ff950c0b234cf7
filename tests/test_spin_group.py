"""Spin-space groups: energies do not change, the groups are groups, and they have the orders that can be counted."""

from dataclasses import replace

import numpy as np
import pytest
from models import MODELS, bloch
from oracle import random_textures
from random_models import model_of_further_terms, random_model
from scipy.spatial.transform import Rotation
from symmetric import ASIDE, EASY, EASY_X, TILTED, UP, along_z, copy, diagonal, square

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.bonds import Bonds
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy
from magsearch.symmetry.equivalence import Equivalence
from magsearch.symmetry.space_group import operations
from magsearch.symmetry.spin_group import any_angle, spin_group

EVERY = [
    *MODELS.values(),
    *(random_model(seed) for seed in range(20)),
    *(model_of_further_terms(seed) for seed in range(8)),
    *(pytest.param(random_model(seed), marks=pytest.mark.slow) for seed in range(20, 60)),
]


@pytest.mark.parametrize("model", EVERY)
def test_energy_is_invariant_under_every_operation(model):
    random, evaluator = np.random.default_rng(1), Evaluator(model, Cpu(), np.float64)
    texture = random_textures(model, 1)[0]
    energy = evaluator.energies(np.stack([texture, *(copy(model, texture, random) for _ in range(12))]))
    assert np.abs(energy - energy[0]).max() <= 1e-12 * evaluator.stiffness * model.lattice.sites


@pytest.mark.parametrize("model", EVERY)
def test_the_identity_comes_first(model):
    sites, turns = spin_group(model).maps[0]
    assert np.array_equal(sites, np.arange(model.lattice.sites))
    assert np.array_equal(turns[0], np.eye(3))


@pytest.mark.parametrize("model", EVERY)
def test_operations_of_the_crystal_are_among_them(model):
    texture, equivalence = random_textures(model, 1)[0], Equivalence(model)
    assert all(equivalence.distance(operation(texture), texture) < 1e-9 for operation in operations(model))


# couplings, anisotropy, field: operations modulo translations and continuous rotations, and the axes of the latter
GROUPS = [
    # eight ways to map the square on itself; spins may be reversed
    (square(), 8 * 2, 3),
    (square(field=UP), 8 * 2, 1),  # a field leaves mirrors of the spins that contain it
    # mirrors that contain the axis, and the one that is normal to it
    (square(anisotropy=(EASY,)), 8 * 4, 1),
    (square(anisotropy=(EASY_X,)), 8 * 4, 1),  # the sites turn, the spins do not
    (square(anisotropy=(EASY,), field=UP), 8 * 2, 1),
    (square(anisotropy=(EASY,), field=ASIDE), 8 * 4, 0),  # y -> -y and z -> -z
    (square(anisotropy=(EASY,), field=TILTED), 8 * 2, 0),  # y -> -y
    (square(anisotropy=(EASY, UniaxialAnisotropy(-0.2, (1.0, 0, 0)))), 8 * 8, 0),  # every sign of x, y, z
    (square(diagonal(1.0, 0.7, 0.4)), 8 * 8, 0),
    (square(anisotropy=(CubicAnisotropy(0.3),)), 8 * 48, 0),
    (square(anisotropy=(CubicAnisotropy(0.3),), field=UP), 8 * 8, 0),
    (square(bloch(1.0, 0.4)), 8 * 2, 0),
    (square(bloch(1.0, 0.4), field=UP), 8, 0),
    (square(bloch(1.0, 0.4), field=TILTED), 2, 0),  # and a half turn about x with time reversed
    (square(bloch(1.0, 0.4), size=(4, 6, 1)), 4 * 2, 0),
    (square(along_z(1.0, 0.3)), 4 * 2, 1),  # D keeps its sign under z -> -z
]


@pytest.mark.parametrize(("model", "order", "axes"), GROUPS)
def test_orders_of_groups(model, order, axes):
    group = spin_group(model)
    assert (group.order, len(group.axes)) == (order, axes)


@pytest.mark.parametrize("model", [model for model, _, axes in GROUPS if axes == 0] + [MODELS["cubic_easy_axes"]])
def test_operations_form_a_group(model):
    """Two after one another are a third, up to a translation; on a texture without symmetry all are different."""
    group, lattice = spin_group(model), model.lattice
    texture = random_textures(model, 1)[0]

    def seen(spins):
        """The lexically first of all translated copies."""
        grid = spins.reshape(*lattice.grid, -1).round(6) + 0.0
        shifts = np.ndindex(lattice.grid)
        return min(np.roll(grid, shift, axis=(0, 1, 2)).tobytes() for shift in shifts)

    every = [(sites, turn) for sites, turns in group.maps for turn in turns]
    known = {seen(texture[sites] @ turn.T) for sites, turn in every}
    assert len(known) == group.order
    for sites, turn in every[:: max(1, len(every) // 5)]:
        for others, other in every[:: max(1, len(every) // 12)]:
            assert seen((texture[others] @ other.T)[sites] @ turn.T) in known


@pytest.mark.parametrize(
    ("model", "axes"),
    [
        (square(), np.eye(3)),
        (replace(square(), bonds=Bonds.none()), np.eye(3)),
        (square(field=TILTED), [[0.6, 0, 0.8]]),
        (square(anisotropy=(UniaxialAnisotropy(1e-6),)), [[0, 0, 1]]),  # weak, but there
        (square(anisotropy=(UniaxialAnisotropy(0.0, (0, 1.0, 0), K4=0.1),)), [[0, 1, 0]]),
        (square(along_z(1.0, 0.3)), [[0, 0, 1]]),
        (square(along_z(1.0, 0.3), field=UP), [[0, 0, 1]]),
        (square(along_z(1.0, 0.3), field=ASIDE), np.zeros((0, 3))),
        (square(diagonal(1.0, 1.0, 0.4)), [[0, 0, 1]]),
        (square(bloch(1.0, 1e-6)), np.zeros((0, 3))),
        (square(anisotropy=(CubicAnisotropy(1e-3),)), np.zeros((0, 3))),
        (MODELS["icosahedron"], [[0, 0, 1]]),
        (MODELS["disordered"], np.zeros((0, 3))),
    ],
)
def test_axes_about_which_all_spins_may_be_turned(model, axes):
    found, expected = any_angle(model), np.reshape(axes, (-1, 3))
    assert found.shape == expected.shape
    assert np.allclose(found.T @ found, expected.T @ expected, atol=1e-12)


def test_disorder_leaves_the_sites_alone():
    model = replace(square(anisotropy=(EASY,)), vacancies=(3,))
    group = spin_group(model)
    assert [len(turns) for _, turns in group.maps] == [4]
    assert group.shifts == (False, False, False)
    assert len(group.axes) == 1


@pytest.mark.parametrize(
    ("coupling", "order"), [(bloch(1.0, 0.4), 8 * 2), (diagonal(1.0, 1.0, 0.6), 8 * 4)], ids=["bloch", "easy plane"]
)
def test_couplings_that_are_symmetric_but_for_rounding_keep_the_crystal(coupling, order):
    """Couplings of density functional theory: sites exchanged, time reversed; only continuous rotations are lost."""
    exact = square(coupling)
    noise = np.random.default_rng(0).normal(size=exact.bonds.J.shape)
    noisy = replace(exact, bonds=exact.bonds.with_matrices(exact.bonds.J + 1e-5 * noise))
    group = spin_group(noisy)
    assert (group.order, len(group.axes)) == (order, 0)


def test_a_spin_frame_of_its_own_does_not_change_the_order():
    """Nothing says that the principal axes of the couplings are those of the crystal."""
    frame = Rotation.random(random_state=5).as_matrix()
    matrix = frame @ np.diag([1.0, 0.7, 0.4]) @ frame.T
    assert spin_group(square(lambda _: matrix)).order == 8 * 8
