"""Settings as coordinates, neighbours among them, and who is searched first."""

from __future__ import annotations

import numpy as np
import pytest

from magsearch.phases.column import Column
from magsearch.scan.space import Space, depths, neighbours


def fields(*values, **more):
    return [{"model.field": [0.0, 0.0, float(b)], **more} for b in values]


def graph(points) -> list[list[int]]:
    return neighbours(np.array(points, dtype=float))


def test_along_one_axis_the_next_ones_are_neighbours_however_far():
    assert graph([[0], [1], [5], [100]]) == [[1], [0, 2], [1, 3], [2]]
    assert graph([[5], [0], [100], [1]]) == [[2, 3], [3], [0], [0, 1]], "whatever their order"


def test_on_a_grid_those_one_step_away_are_neighbours():
    points = [(x, 100 * y) for x in range(4) for y in range(3)]
    for place, near in enumerate(graph(points)):
        steps = [abs(points[n][0] - points[place][0]) + abs(points[n][1] - points[place][1]) / 100 for n in near]
        assert steps == [1.0] * len(near)
        x, y = points[place][0], points[place][1] / 100
        assert len(near) == (x > 0) + (x < 3) + (y > 0) + (y < 2)


def test_neighbours_are_mutual_and_nobody_is_cut_off():
    points = np.random.default_rng(4).random((30, 3))
    found = graph(points)
    assert all(one in found[other] for one, near in enumerate(found) for other in near)
    assert depths(found).count(0) == 1


def test_every_other_column_is_first():
    assert depths(graph([[x] for x in range(6)])) == [0, 1, 2, 3, 4, 5]
    points = [(x, y) for x in range(3) for y in range(4)]
    assert [depth % 2 for depth in depths(graph(points))] == [(x + y) % 2 for x, y in points]


def test_fields_along_one_direction_are_one_coordinate():
    settings = [{"model.field": [0.3 * b, 0.0, 0.4 * b]} for b in (2.0, -1.0, 0.0)]
    space = Space.of(settings)
    assert space.names == ("field",)
    assert space.direction == pytest.approx((0.6, 0, 0.8))
    assert [space.coordinates(s)[0] for s in settings] == pytest.approx([1.0, -0.5, 0.0])


def test_other_fields_are_their_components():
    space = Space.of([{"model.field": [0.0, 1.0, 2.0]}, {"model.field": [3.0, 1.0, 5.0]}])
    assert space.names == ("field.x", "field.z")


@pytest.mark.parametrize(
    "settings",
    [
        [{"model.field": [0.3 * b, 0.0, 0.4 * b]} for b in (2.0, -1.0, 0.0)],
        [{"model.field": [0.0, 1.0, 2.0], "search.seed": 3}, {"model.field": [3.0, 1.0, 5.0], "search.seed": 3}],
        [{"model.moment": 1.0, "model.dmi.0.D": 2.0}, {"model.moment": 2.0, "model.dmi.0.D": 3.0}],
    ],
)
def test_coordinates_and_settings_are_two_ways_to_say_it(settings):
    space = Space.of(settings)
    for one in settings:
        made = space.settings(settings[0], space.coordinates(one))
        assert made.keys() == one.keys()
        for key, value in one.items():
            assert np.allclose(made[key], value)


def test_only_numbers_of_the_model_are_exchanged_over():
    """Seeds, sizes and lattices set families apart; a field does not."""
    settings = [*fields(1, 2), *fields(1, 2)]
    for k, own in enumerate(settings):
        own["search.seed"] = k // 2
    space = Space.of(settings)
    columns = [Column(k, own) for k, own in enumerate(settings)]
    assert space.names == ("field",)
    assert space.families(columns) == [[0, 1], [2, 3]]
    assert space.graph(columns) == [[1], [0], [3], [2]]
    for key, values in (("model.size", ([4, 4, 1], [6, 6, 1])), ("model.lattice", ("square", "triangular"))):
        apart = Space.of([{key: value} for value in values])
        assert apart.names == ()
        assert apart.family({key: values[0]}) != apart.family({key: values[1]})
