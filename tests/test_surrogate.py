"""Surrogates of energies, and where they say a scan should look next."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from magsearch.errors import InputError
from magsearch.scan.refine import Branches, next_point
from magsearch.scan.surrogate import GaussianProcess, RandomFeatures, surrogate

pytest.importorskip("sklearn")
MODELS = {"gaussian-process": GaussianProcess(), "random-features": RandomFeatures()}


@pytest.fixture(params=list(MODELS))
def model(request):
    return MODELS[request.param]


def bent(x):
    """An energy, and its slopes."""
    lean = np.arange(1, x.shape[1] + 1) / x.shape[1]
    return -((x @ lean) ** 2) - np.cos(x[:, 0]), -2 * (x @ lean)[:, None] * lean + np.sin(x[:, :1]) * (lean == lean[0])


@pytest.mark.parametrize("coordinates", [1, 2])
def test_energies_are_reproduced_and_predicted_within_their_errors(model, coordinates):
    x = np.random.default_rng(1).random((8, coordinates))
    energy, slope = bent(x)
    predicted = model.fitted(x, energy, slope)
    mean, deviation = predicted(x)
    assert np.abs(mean - energy).max() < 1e-3 * np.ptp(energy)
    elsewhere = np.random.default_rng(2).random((200, coordinates))
    mean, deviation = predicted(elsewhere)
    wrong = np.abs(mean - bent(elsewhere)[0])
    assert wrong.max() < 0.03 * np.ptp(energy)
    assert (wrong < 4 * deviation + 1e-3 * np.ptp(energy)).mean() > 0.95
    assert deviation.max() > 2 * predicted(x)[1].max(), "less is known where nothing was measured"


def test_more_points_are_no_worse(model):
    """A smooth energy with exact slopes, grids of 3 x 3 to 9 x 9: a ridge that grows with the data would spoil it."""
    elsewhere = np.random.default_rng(2).random((200, 2))
    wrong = []
    for n in (3, 5, 7, 9):
        x = np.stack(np.meshgrid(*[np.linspace(0, 1, n)] * 2), axis=-1).reshape(-1, 2)
        found, _ = model.fitted(x, *bent(x))(elsewhere)
        wrong.append(np.sqrt(((found - bent(elsewhere)[0]) ** 2).mean()) / np.ptp(bent(x)[0]))
    assert wrong[0] < 0.012  # slopes of the wrong sign: 0.1
    assert max(wrong[1:]) < 2e-3  # slopes that are wrong by a tenth: 5e-3
    assert wrong[-1] < min(6e-4, 0.5 * wrong[0])


def test_slopes_help(model):
    x = np.array([[0.0], [0.5], [1.0]])
    energy, slope = bent(x)
    elsewhere = np.linspace(0, 1, 101)[:, None]
    wrong = [
        np.abs(model.fitted(x, energy, known)(elsewhere)[0] - bent(elsewhere)[0]).max()
        for known in (slope, np.full_like(slope, np.nan))
    ]
    assert wrong[0] < 0.5 * wrong[1]


def test_directions_in_which_nothing_happens_are_left_out():
    """Eight settings, of which two combinations matter: features have two inputs, and predict from twenty points."""
    random = np.random.default_rng(3)
    axes = np.linalg.qr(random.normal(size=(8, 2)))[0]

    def energy(x):
        z = x @ axes
        return np.sin(2 * z[:, 0]) + z[:, 1] ** 2

    def slopes(x):
        z = x @ axes
        return np.outer(2 * np.cos(2 * z[:, 0]), axes[:, 0]) + np.outer(2 * z[:, 1], axes[:, 1])

    x, elsewhere = random.random((20, 8)), random.random((300, 8))
    features = RandomFeatures()
    found = features.directions(slopes(x))
    assert found.shape == (8, 2)
    assert np.linalg.norm(found @ found.T - axes @ axes.T) < 1e-6
    mean, _ = features.fitted(x, energy(x), slopes(x))(elsewhere)
    everything, _ = RandomFeatures(kept=1.0).fitted(x, energy(x), np.full((20, 8), np.nan))(elsewhere)
    wrong = np.abs(mean - energy(elsewhere)).mean()
    assert wrong < 0.02 * np.ptp(energy(x))
    assert wrong < 0.2 * np.abs(everything - energy(elsewhere)).mean()


def test_features_are_sparse_and_the_same_every_time(model):
    x = np.random.default_rng(1).random((6, 2))
    where = np.random.default_rng(2).random((5, 2))
    first, again = (model.fitted(x, *bent(x))(where) for _ in range(2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])


def test_a_gaussian_process_without_its_library_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'magsearch\[refine\]'"):
        GaussianProcess().fitted(np.zeros((1, 1)), np.zeros(1), np.zeros((1, 1)))


def test_few_coordinates_are_a_gaussian_process_and_many_are_features():
    assert isinstance(surrogate(None, 3), GaussianProcess)
    assert isinstance(surrogate(None, 4), RandomFeatures)
    assert isinstance(surrogate("gaussian-process", 9), GaussianProcess)


# -- where to look next ------------------------------------------------------------------------------------------------


def two_phases(x, boundary):
    """Phases a and b that cross where ``boundary`` = sum of coordinates squared."""
    x = np.asarray(x, dtype=float)
    a, b = -np.ones(len(x)), -1 + boundary - (x**2).sum(axis=1)
    return Branches(x, {"a": a, "b": b}, {"a": np.zeros_like(x), "b": -2 * x})


def test_the_next_point_comes_close_to_the_boundary(model):
    x, doubt = next_point(two_phases([[0.0], [1.0]], 0.37), model)
    assert x[0] == pytest.approx(np.sqrt(0.37), abs=0.25)
    assert doubt > 0


def test_points_that_follow_bring_the_boundary_closer(model):
    points = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    doubts = []
    for _ in range(6):
        x, doubt = next_point(two_phases(points, 0.5), model)
        points.append(x.tolist())
        doubts.append(doubt)
    assert doubts[-1] < 0.5 * doubts[0]
    radius = np.linalg.norm(points[4:], axis=1)
    assert np.abs(radius - np.sqrt(0.5)).mean() < 0.2, "near the boundary"
    angle = np.arctan2(*np.array(points[4:]).T)
    assert np.ptp(angle) > 0.5, "all along it"


def test_without_a_boundary_the_emptiest_place_is_next(model):
    alone = Branches(np.array([[0.0], [0.2], [1.0]]), {"a": np.zeros(3)}, {"a": np.zeros((3, 1))})
    x, doubt = next_point(alone, model)
    assert x[0] == pytest.approx(0.6, abs=1e-3)
    assert doubt == 0


def test_a_point_that_is_expected_is_not_asked_for_twice(model):
    branches = two_phases([[0.0], [0.4], [1.0]], 0.37)
    first, _ = next_point(branches, model)
    second, _ = next_point(branches.with_prediction(model, first), model)
    assert abs(second[0] - first[0]) > 1e-4  # where the prediction is ignored, both are equal
