"""The order in which sites are visited: every site once, and nobody beside a neighbour."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import oracle
import pytest
from models import disordered, exchange, shell_bonds, triangular_j1_j3
from numpy.testing import assert_allclose, assert_array_equal

from magsearch.engine.neighbours import Neighbours
from magsearch.engine.sweep_order import PARTS, SweepOrder, colours
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice


def square(n: int) -> Hamiltonian:
    lattice = Lattice.named("square", (n, n, 1))
    return Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)))


def test_lists_are_those_of_the_oracle(model):
    """Every ordered pair with its matrix, sorted by site."""
    lists = Neighbours.of(model)
    i, j, J = oracle.walk(model)
    assert_array_equal(np.bincount(i, minlength=model.lattice.sites), np.diff(lists.start))
    mine = np.column_stack([lists.site, lists.neighbour, lists.matrices[lists.coupling].reshape(-1, 9).round(12)])
    theirs = np.column_stack([i, j, J.reshape(-1, 9).round(12)])
    assert_allclose(mine[np.lexsort(mine.T[::-1])], theirs[np.lexsort(theirs.T[::-1])], atol=1e-12)


def test_bonds_with_oneself_are_taken_out_and_summed(model):
    lists = Neighbours.of(model)
    others, own = lists.without_themselves()
    assert (others.site != others.neighbour).all()
    i, j, J = oracle.walk(model)
    expected = np.zeros((model.lattice.sites, 3, 3))
    np.add.at(expected, i[i == j], J[i == j])
    assert_allclose(own, expected, atol=1e-12)
    assert len(others.neighbour) == (i != j).sum()


@pytest.mark.parametrize("stretch", [1, 7, 256])
def test_every_spin_is_visited_once_and_no_parts_of_a_colour_touch(model, stretch):
    lists = Neighbours.of(model).without_themselves()[0]
    order = SweepOrder.of(lists, stretch, model.occupied)
    assert_array_equal(np.sort(order.sites), np.flatnonzero(model.occupied))
    assert order.part[-1] == len(order.sites)
    assert order.colour[-1] == len(order.part) - 1
    assert order.width == max(np.diff(order.colour))
    part_of, colour_of = np.full((2, model.lattice.sites), -1)
    for c, (first, last) in enumerate(pairwise(order.colour)):
        for p in range(first, last):
            part_of[order.sites[order.part[p] : order.part[p + 1]]] = p
            colour_of[order.sites[order.part[p] : order.part[p + 1]]] = c
    i, j, _ = oracle.walk(model)
    assert not ((colour_of[i] == colour_of[j]) & (part_of[i] != part_of[j])).any()
    if stretch == 1:
        assert not (colour_of[i] == colour_of[j])[i != j].any()


def test_sublattices_that_are_known(model):
    """Two colours for an even square lattice, and rows of it; no more than the coordination plus one of any model."""
    assert [len(group) for group in colours(Neighbours.of(square(8)), 1)] == [32, 32]
    assert [len(group) for group in colours(Neighbours.of(square(32)), 64)] == [8, 8]
    lists = Neighbours.of(model).without_themselves()[0]
    assert len(colours(lists, 1)) <= np.diff(lists.start).max(initial=0) + 1


def test_long_lists_need_few_colours_of_long_stretches():
    """All within a distance of five: hundreds of colours site by site, few in stretches of rows."""
    lattice = Lattice.named("square", (40, 40, 1))
    shells = len([s for s in lattice.shells(20) if s.distance <= 5])
    lists = Neighbours.of(Hamiltonian(lattice, shell_bonds(lattice, *[exchange(1.0)] * shells)))
    assert len(colours(lists, 1)) > 20
    assert len(colours(lists, 160)) <= 4


def test_many_sites_share_a_part_where_there_are_more_than_a_machine_needs():
    model = square(128)
    order = SweepOrder.of(Neighbours.of(model), 1, model.occupied)
    assert PARTS < 8192
    assert_array_equal(np.diff(order.colour), [4096, 4096])
    assert_array_equal(np.diff(order.part), 2)


def test_vacancies_are_left_out_and_edges_cut_stretches_short():
    model = disordered()
    order = SweepOrder.of(Neighbours.of(model), 6, model.occupied)
    assert set(order.sites) == set(range(20)) - {3, 11, 12}
    order = SweepOrder.of(Neighbours.of(triangular_j1_j3()), 256, np.ones(340, bool))
    assert sorted(np.diff(order.part)) == [84, 256]
