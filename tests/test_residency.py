"""The population stays on the device: what is kept alive there, and what crosses to the host."""

from __future__ import annotations

import gc
import shutil
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from models import square_bloch
from numpy.testing import assert_array_equal
from simulated import simulated

from magsearch.engine.cpu import Cpu
from magsearch.engine.device import Device
from magsearch.engine.evaluator import Evaluator
from magsearch.operators.crystal import Crystal
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import Convergence
from magsearch.search import lockstep
from magsearch.search.archipelago import Archipelago
from magsearch.search.candidate import Candidate, compact, given, on_host
from magsearch.search.island import GeneticTunneling, Island
from magsearch.search.migration import Migration
from magsearch.search.stopping import Stop

MODEL = square_bloch()
SETTINGS = GeneticTunneling(replicas=12, elites=3, seed=2)


@pytest.fixture(params=["cpu", "simulated"])
def machine(request: pytest.FixtureRequest) -> Device:
    if request.param == "cpu":
        return Cpu()
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("no C++ compiler to simulate a GPU with")
    return simulated()


def searching(device: Device, islands: int = 1, **more: Any) -> Archipelago:
    every = [replace(SETTINGS, seed=k + 1, replicas=SETTINGS.replicas + k) for k in range(islands)]
    return Archipelago(MODEL, device, every, stop=Stop(generations=5), path="direct", **more)


def arrays(candidates: Any) -> dict[int, Any]:
    """The arrays of which textures of candidates are rows."""
    bases = [one.spins if one.spins.base is None else one.spins.base for one in candidates]
    return {id(base): base for base in bases}


def test_no_candidate_keeps_a_generation_alive(machine, monkeypatch):
    """Of every array that a relaxation returned nothing is left: candidates are the rows of one compact array."""
    returned: list[Any] = []

    def watched(*arguments: Any, **named: Any) -> Any:
        found = relax(*arguments, **named)
        base = found.textures if found.textures.base is None else found.textures.base
        returned.append(weakref.ref(base))
        return found

    relax = lockstep.relax
    monkeypatch.setattr(lockstep, "relax", watched)
    island: Island = searching(machine).islands[0]
    for _ in range(4):
        island.breed()
        gc.collect()
        assert [ref for ref in returned if ref() is not None] == []
        (base,) = arrays(island.candidates).values()
        assert base.nbytes == len(island.candidates) * MODEL.lattice.sites * 3 * 4
        assert all(isinstance(one.spins, machine.xp.ndarray) for one in island.candidates)
    assert len(returned) == 4


def test_migrants_and_leaders_keep_no_other_population_alive(machine):
    search = searching(machine, 3, migration=Migration(every=2))
    for _ in search.generations():
        for island in search.islands:
            assert len(arrays(island.candidates)) == 1
    one, other = search.islands[:2]
    one.follow([(other.candidates[0], 0.5)])
    leader = one.state.leaders[0][0]
    (base,) = arrays([leader]).values()
    assert base.nbytes == MODEL.lattice.sites * 3 * 4
    assert_array_equal(machine.host(leader.spins), machine.host(other.candidates[0].spins))


def test_what_leaves_a_search_is_on_the_host(machine):
    search = searching(machine, 2)
    elites = search.run()
    stored = search.states
    every = [*elites, *search.collected(), *(c for state in stored.values() for c in state.candidates)]
    assert all(isinstance(candidate.spins, np.ndarray) for candidate in every)
    again = searching(machine, 2)
    again.resume(stored, search.history, 0.0)
    for island, known in zip(again.islands, search.islands, strict=True):
        for one, same in zip(island.candidates, known.candidates, strict=True):
            assert isinstance(one.spins, machine.xp.ndarray)
            assert_array_equal(machine.host(one.spins), machine.host(same.spins))


def test_many_candidates_come_to_the_host_in_one_transfer(machine, monkeypatch):
    random = np.random.default_rng(1).normal(size=(7, MODEL.lattice.sites, 3)).astype(np.float32)
    candidates = compact(machine, [given(texture) for texture in random])
    transfers, host = [], type(machine).host

    def counted(self: Device, values: Any) -> Any:
        transfers.append(values.shape)
        return host(self, values)

    monkeypatch.setattr(type(machine), "host", counted)
    found: list[Candidate] = on_host(machine, [candidates[4], given(random[0]), *candidates[:4]])
    assert_array_equal([one.spins for one in found], random[[4, 0, 0, 1, 2, 3]])
    assert transfers == ([] if machine.name == "cpu" else [(5, MODEL.lattice.sites, 3)])


def test_a_relaxation_moves_numbers_to_the_host_not_textures():
    """At most two per cent of the bytes of the textures that it relaxes."""
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("no C++ compiler to simulate a GPU with")
    device, model = simulated(), MODEL.with_size((48, 48, 1))
    evaluator = Evaluator(model, device, np.float32, "direct")
    textures = device.array(np.random.default_rng(3).normal(size=(64, model.lattice.sites, 3)), np.float32)
    textures /= device.xp.sqrt((textures * textures).sum(axis=2, keepdims=True))
    lockstep.relax(SETTINGS.minimizer, evaluator, textures)  # couplings come into being
    with device.xp.counts.during() as counted:
        lockstep.relax(SETTINGS.minimizer, evaluator, textures)
    assert 0 < counted.bytes["to device"] + counted.bytes["to host"] < 0.02 * textures.nbytes


def test_a_generation_moves_numbers_to_the_host_not_textures():
    """At most two per cent of the bytes of the textures of 64 replicas, after the tables of operators were made."""
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("no C++ compiler to simulate a GPU with")
    device, model = simulated(), MODEL.with_size((96, 96, 1))
    short = BarzilaiBorwein(Convergence(steps=3, variance=None))
    settings = GeneticTunneling(replicas=64, minimizer=short, refinement=short)
    island = Island(Crystal(model, device), Evaluator(model, device, np.float32, "direct"), settings)
    for _ in range(3):
        island.breed()
    with device.xp.counts.during() as counted:
        island.breed()
    textures = 64 * model.lattice.sites * 3 * 4
    assert 0 < counted.bytes["to device"] + counted.bytes["to host"] < 0.02 * textures
