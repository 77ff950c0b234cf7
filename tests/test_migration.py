"""Migration: who sends to whom, what arrives, and what followers make of their leaders."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from models import MODELS
from numpy.testing import assert_allclose, assert_array_equal
from oracle import energy, random_textures

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.observables.fingerprint import fingerprint
from magsearch.operators.crystal import Crystal
from magsearch.operators.seeds import RandomSpins
from magsearch.parallel.ranks import Ranks
from magsearch.randomness import Consumer, Draws
from magsearch.search.alignment import Alignment
from magsearch.search.candidate import Candidate, packed, unpacked
from magsearch.search.generation import State
from magsearch.search.island import GeneticTunneling, Island
from magsearch.search.migration import Leader, Migrants, Migration, Role, Route
from magsearch.search.topology import Complete, Isolated, Ring


def candidates(hamiltonian: Hamiltonian, count: int, seed: int = 0, **rest: Any) -> list[Candidate]:
    """Distinct candidates of their true energies, best first, in single precision as the search has them."""
    textures = random_textures(hamiltonian, count, seed).astype(np.float32)
    made = [
        Candidate(t, e, 0.1, "HeatPatch", 2, fingerprint(hamiltonian.lattice, t, e), **rest)
        for t, e in ((t, float(energy(hamiltonian, t))) for t in textures)
    ]
    return sorted(made, key=lambda c: c.energy)


# -- schemes -----------------------------------------------------------------------------------------------------------


def test_elites_travel_every_so_many_generations():
    due = [generations for generations in range(13) if Migration(every=4).due(generations)]
    assert due == [4, 8, 12]
    assert [g for g in range(5) if Migration(every=1).due(g)] == [2, 3, 4], "once everyone knows how the first one went"


def test_exchange_follows_its_topology():
    assert {(r.source, r.target) for r in Migration(Ring()).routes(np.zeros(4))} == {
        (0, 1), (1, 2), (2, 3), (3, 0), (1, 0), (2, 1), (3, 2), (0, 3),
    }  # fmt: skip
    assert len(Migration(Complete()).routes(np.zeros(5))) == 20
    assert Migration(Isolated()).routes(np.zeros(5)) == []


def test_any_object_with_neighbours_is_a_topology():
    class Star:
        def neighbours(self, island: int, islands: int) -> list[int]:
            return [] if island == 0 else [0]

    assert Migration(Star()).routes(np.zeros(3)) == [Route(0, 1), Route(0, 2)]


def test_followers_receive_the_best_of_their_group_and_the_best_of_all():
    best = np.array([-1.0, -3.0, -2.0, -5.0, -4.0, -4.5])  # groups 0 1 2 and 3 4 5
    routes = Leader(Isolated(), groups=2).routes(best)
    group = {(r.source, r.target) for r in routes if r.role == Role.GROUP_LEADER}
    everyone = {(r.source, r.target) for r in routes if r.role == Role.GLOBAL_LEADER}
    assert group == {(1, 0), (1, 2), (3, 4), (3, 5)}
    assert everyone == {(3, 0), (3, 1), (3, 2), (3, 4), (3, 5)}


@pytest.mark.parametrize("groups", [1, 2, 3, 5, 9])
def test_nobody_leads_itself_however_many_groups_there_are(groups):
    routes = Leader(Ring(), groups=groups).routes(np.random.default_rng(0).normal(size=5))
    assert all(route.source != route.target for route in routes)
    counts = Counter((route.target, route.role) for route in routes if route.role != Role.MIGRANTS)
    assert max(counts.values()) == 1


def test_pull_is_that_of_the_role():
    scheme = Leader(group_pull=0.4, global_pull=0.2)
    assert (scheme.pull(Role.GROUP_LEADER), scheme.pull(Role.GLOBAL_LEADER)) == (0.4, 0.2)


# -- candidates as numbers ---------------------------------------------------------------------------------------------


def test_candidates_arrive_as_they_left(model):
    sent = candidates(model, 3, refined=True, island=7)
    arrived = unpacked(packed(sent, model.lattice.sites), Cpu(), model.lattice)
    for one, other in zip(sent, arrived, strict=True):
        assert_array_equal(one.spins, other.spins)
        for name in ("energy", "torque", "origin", "generation", "fingerprint", "refined", "island"):
            a, b = getattr(one, name), getattr(other, name)
            assert a == b or name == "fingerprint"
        assert repr(one.fingerprint) == repr(other.fingerprint)  # nan where the charge is not defined


def test_migrants_within_a_rank_arrive_by_its_routes():
    hamiltonian = MODELS["kagome_tensor"]
    held = {island: candidates(hamiltonian, 4, seed=island) for island in range(3)}
    migrants = Migrants(Ranks(), [0, 0, 0], Cpu(), hamiltonian.lattice, elites=2)
    routes = [Route(0, 1), Route(1, 2), Route(1, 0, Role.GLOBAL_LEADER)]
    migrants.send(routes, held.__getitem__)
    arrived = dict(migrants.receive())
    assert {route: [c.energy for c in elites] for route, elites in arrived.items()} == {
        route: [c.energy for c in held[route.source][:2]] for route in routes
    }
    assert migrants.receive() == [], "they arrive once"


# -- islands -----------------------------------------------------------------------------------------------------------


def island(hamiltonian: Hamiltonian, **settings: Any) -> Island:
    chosen = GeneticTunneling(**{"replicas": 6, "elites": 3} | settings)
    return Island(Crystal(hamiltonian, Cpu()), Evaluator(hamiltonian, Cpu()), chosen)


def test_migrants_replace_the_worst_where_they_are_better():
    hamiltonian = MODELS["left_handed"]
    home = island(hamiltonian)
    home.merge(candidates(hamiltonian, 6, seed=1))
    before = [c.energy for c in home.candidates]
    newcomers = candidates(hamiltonian, 4, seed=2)
    kept = home.merge(newcomers)
    after = [c.energy for c in home.candidates]
    assert after == sorted([*before, *(c.energy for c in newcomers)])[:6]
    assert kept == sum(c.energy in after for c in newcomers)
    assert home.merge(newcomers) == 0, "known minima are no news"


def test_offspring_of_a_follower_are_drawn_towards_the_leader():
    hamiltonian = MODELS["square_bloch"]
    follower = island(hamiltonian, seeds=((RandomSpins(), 1.0),))
    leader = candidates(hamiltonian, 1, seed=3)[0]
    alignment = Alignment(follower.crystal, leader.spins)

    def overlap(textures: np.ndarray) -> float:
        return float((alignment.onto(textures) * textures).sum(axis=2).mean())

    overlaps = [overlap(np.stack([child.spins for child in follower._offspring(0)]))]
    for pull in (0.2, 0.6, 1.0):
        follower.follow([(leader, pull)])
        drawn = np.stack([child.spins for child in follower._offspring(0)])
        assert_allclose(np.linalg.norm(drawn, axis=2), 1, atol=1e-6)
        overlaps.append(overlap(drawn))
    assert (np.diff(overlaps) > 0.01).all()
    assert overlaps[-1] == pytest.approx(1, abs=1e-6), "a pull of one makes a copy"


def test_leaders_lead_one_generation():
    hamiltonian = MODELS["square_bloch"]
    follower = island(hamiltonian)
    follower.follow([(candidates(hamiltonian, 1)[0], 0.5)])
    follower.breed()
    assert follower.state.leaders == ()


def test_drawn_offspring_do_not_depend_on_which_copy_of_the_leader_is_sent():
    hamiltonian = MODELS["square_bloch"]
    follower = island(hamiltonian, seeds=((RandomSpins(), 1.0),))
    leader = candidates(hamiltonian, 1, seed=3)[0]
    drawn = []
    moved = follower.crystal.moved(leader.spins[None, None], Draws(1, Consumer.OFFSPRING))[0, 0]
    assert (moved != leader.spins).any()
    for copy in (leader.spins, moved):
        follower.follow([(Candidate(copy, 0.0, 0.0, "", 0, leader.fingerprint), 0.5)])
        drawn.append(np.stack([child.spins for child in follower._offspring(0)]))
    assert_allclose(drawn[0], drawn[1], atol=1e-6)


def test_interrupted_generation_leaves_the_state_as_it_was():
    class Enough(Exception):
        pass

    hamiltonian = MODELS["kagome_tensor"]
    whole, looks = island(hamiltonian), list[int]()
    whole.breed()
    whole.watch = lambda: looks.append(1)
    whole.breed()
    for patience in (0, len(looks) // 2, len(looks) - 1):
        home, calls = island(hamiltonian), iter(range(10**9))
        home.breed()
        before = home.state

        def watch(calls: Any = calls, patience: int = patience) -> None:
            if next(calls) >= patience:
                raise Enough

        home.watch = watch
        with pytest.raises(Enough):
            home.breed()
        assert home.state is before
        assert isinstance(before, State)
