"""Topologies are graphs of islands: which islands receive from which."""

from __future__ import annotations

from typing import Any

import pytest

from magsearch.search.topology import Complete, Isolated, RandomGraph, Ring, Torus

COUNTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 30)
EVERY: list[Any] = [Ring(), Torus(), Complete(), Isolated(), RandomGraph(), RandomGraph(3, seed=4)]


def reached(topology: Any, islands: int) -> set[int]:
    """Islands that receive from island 0, over any number of steps."""
    found, before = {0}, set()
    while found != before:
        before = set(found)
        found |= {island for island in range(islands) if set(topology.neighbours(island, islands)) & before}
    return found


@pytest.mark.parametrize("topology", EVERY, ids=repr)
@pytest.mark.parametrize("islands", COUNTS)
def test_an_island_receives_from_other_islands_that_exist(topology, islands):
    for island in range(islands):
        sources = topology.neighbours(island, islands)
        assert island not in sources
        assert set(sources) <= set(range(islands))
        assert set(sources) == set(topology.neighbours(island, islands)), "asked twice, answered alike"


@pytest.mark.parametrize("topology", [t for t in EVERY if t != Isolated()], ids=repr)
@pytest.mark.parametrize("islands", COUNTS)
def test_news_reaches_every_island(topology, islands):
    assert reached(topology, islands) == set(range(islands))


@pytest.mark.parametrize("islands", COUNTS)
def test_ring_has_two_neighbours_next_door(islands):
    for island in range(islands):
        away = {min((n - island) % islands, (island - n) % islands) for n in Ring().neighbours(island, islands)}
        assert away == ({1} if islands > 1 else set())
        assert len(Ring().neighbours(island, islands)) == min(2, islands - 1)


def test_torus_of_twelve_is_four_rows_of_three():
    """3 4 5 around 0 1 2 and so on: island 4 in the middle of its neighbours."""
    assert Torus().neighbours(4, 12) == {1, 7, 3, 5}
    assert Torus().neighbours(0, 12) == {9, 3, 2, 1}


@pytest.mark.parametrize("islands", [9, 12, 16, 30])
def test_torus_is_regular_and_mutual(islands):
    sources = [Torus().neighbours(island, islands) for island in range(islands)]
    assert {len(n) for n in sources} == {4}
    assert all(island in sources[other] for island in range(islands) for other in sources[island])


def test_torus_of_a_prime_number_is_a_ring():
    assert all(Torus().neighbours(k, 7) == Ring().neighbours(k, 7) for k in range(7))


def test_random_graphs_are_of_their_degree_and_their_seed():
    graphs = [[frozenset(RandomGraph(3, seed).neighbours(k, 20)) for k in range(20)] for seed in (1, 2)]
    assert graphs[0] != graphs[1]
    for graph in graphs:
        assert max(len(sources) for sources in graph) == 3
        listeners = [sum(k in sources for sources in graph) for k in range(20)]
        assert max(listeners) <= 3
