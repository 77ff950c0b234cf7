"""Phases that cross along a row: models whose energies are known as functions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from magsearch.phases.column import Column, Minimum, lowest
from magsearch.phases.crossings import Row, crossings, curve
from magsearch.phases.portrait import Portrait

FIGURES = Portrait(0.0, (0.0, 0.0, 1.0), 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, ())
LABELS = {  # figures that a label is given for
    "ferromagnet": FIGURES,
    "disordered": replace(FIGURES, magnetization=(0.0, 0.0, 0.1)),
    "antiferromagnet": replace(FIGURES, magnetization=(0.0, 0.0, 0.0), staggered=1.0),
}
SPINS = np.array([[0.0, 0.0, 1.0]])


def minimum(label, energy, slope=None):
    return Minimum(SPINS, energy, 0.0, LABELS[label], "made", {} if slope is None else {"field": slope})


def row(x, **branches):
    """Each branch: its energy and slope as functions, and where it is known."""
    columns = []
    for k, value in enumerate(x):
        own = [minimum(label, E(value), dE(value)) for label, (E, dE, known) in branches.items() if known(value)]
        columns.append(Column(k, {}, minima=lowest(own)))
    return Row.of("field", list(x), columns)


def everywhere(x):
    return True


BOWL = (lambda x: -0.3 * x - 0.1 * x**2, lambda x: -0.3 - 0.2 * x, everywhere)  # concave, as branches of minima are
FLAT = (lambda x: -0.2 - 0.25 * x, lambda x: -0.25, everywhere)
CROSSING = (-0.05 + np.sqrt(0.05**2 + 4 * 0.1 * 0.2)) / 0.2  # of 0.1 x^2 + 0.05 x - 0.2


@pytest.mark.parametrize("x", [(0, 3), (0, 1, 3), (0, 0.7, 1.7, 3), np.linspace(0, 3, 20)])
def test_branches_of_second_order_cross_where_they_do(x):
    """Cubics with exact slopes are exact; the bracket holds the crossing, and closes as points come closer."""
    found = crossings(row(x, antiferromagnet=FLAT, ferromagnet=BOWL))
    assert len(found) == 1
    crossing = found[0]
    assert (crossing.before, crossing.after) == ("antiferromagnet", "ferromagnet")
    assert crossing.at == pytest.approx(CROSSING)
    assert crossing.energy == pytest.approx(FLAT[0](CROSSING))
    assert crossing.low <= crossing.at <= crossing.high
    assert crossing.high - crossing.low < 0.6 * np.diff(x).max()


@pytest.mark.parametrize("columns", [4, 8, 16, 64])
def test_bracket_closes_with_the_square_of_the_distance(columns):
    """Chord and tangents lie within |E''| h^2 / 8 of a branch, and the gap's slope is 0.29 at the crossing."""
    (crossing,) = crossings(row(np.linspace(0, 3, columns + 1), antiferromagnet=FLAT, ferromagnet=BOWL))
    assert crossing.high - crossing.low < 1.5 * (2 * 0.2 / 8) * (3 / columns) ** 2 / 0.29


def test_a_phase_that_is_lowest_between_two_columns_is_not_missed():
    between = (lambda x: -0.12 - 0.42 * x, lambda x: -0.42, everywhere)  # nowhere the lowest but around 0.6
    steep = (lambda x: 0.3 - 0.9 * x, lambda x: -0.9, everywhere)
    flat = (lambda x: -0.2 - 0.25 * x, lambda x: -0.25, everywhere)
    x = np.array([0.0, 0.6, 2.0])
    found = crossings(row(x, antiferromagnet=flat, disordered=between, ferromagnet=steep))
    assert [(c.before, c.after) for c in found] == [("antiferromagnet", "disordered"), ("disordered", "ferromagnet")]
    assert [c.at for c in found] == pytest.approx([0.08 / 0.17, 0.42 / 0.48])


def test_a_branch_that_ends_is_drawn_out_by_its_slope():
    """The first phase is unstable at the last column: its tangent says where it would have crossed."""
    ending = (FLAT[0], FLAT[1], lambda x: x < 1)
    (crossing,) = crossings(
        row((0.0, 3.0), antiferromagnet=ending, ferromagnet=(lambda x: -0.4 * x, lambda x: -0.4, everywhere))
    )
    assert crossing.at == pytest.approx(0.2 / 0.15)
    assert crossing.high == 3.0, "nothing bounds it from above"


def test_without_slopes_branches_are_lines():
    columns = [
        Column(k, {}, minima=lowest([minimum("antiferromagnet", a), minimum("ferromagnet", f)]))
        for k, (a, f) in enumerate([(0.0, 1.0), (0.0, -1.0)])
    ]
    (crossing,) = crossings(Row.of("field", [2.0, 4.0], columns))
    assert (crossing.at, crossing.low, crossing.high) == (3.0, 2.0, 4.0)


def test_one_phase_crosses_nothing_and_columns_that_are_not_searched_do_not_count():
    made = row((0.0, 1.0, 2.0), ferromagnet=FLAT)
    assert crossings(made) == []
    empty = Row.of("field", [0.0, 1.0], [made.columns[0], replace(made.columns[1], minima=None)])
    assert len(empty.columns) == 1
    assert crossings(empty) == []


def test_curves_go_through_the_columns_with_their_slopes():
    made = row((0.0, 1.0, 3.0), antiferromagnet=FLAT, ferromagnet=BOWL)
    x, energy = curve(made, "ferromagnet")
    assert np.allclose(energy, BOWL[0](x))
    x, energy = curve(row((1.0,), ferromagnet=FLAT), "ferromagnet")
    assert (x.tolist(), energy.tolist()) == ([1.0], [FLAT[0](1.0)])
