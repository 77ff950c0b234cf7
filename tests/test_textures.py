"""Textures from files, and searches that begin with them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from command import printed, refused
from models import MODELS

from magsearch.engine.cpu import Cpu
from magsearch.errors import InputError
from magsearch.runs import textures
from magsearch.search.archipelago import Archipelago
from magsearch.search.candidate import GIVEN
from magsearch.search.island import GeneticTunneling
from magsearch.search.stopping import Stop

HAMILTONIAN = MODELS["square_bloch"]


def searched(seeds=(), generations: int = 6, replicas: int = 16) -> Archipelago:
    island = GeneticTunneling(replicas=replicas, seed=4)
    search = Archipelago(HAMILTONIAN, Cpu(), [island] * 2, stop=Stop(generations, window=1000), seeds=seeds)
    search.run()
    return search


def test_a_search_that_begins_with_a_minimum_is_no_worse_than_it():
    best = searched().champion
    again = searched([best.spins], generations=1, replicas=2)
    assert again.champion.energy <= best.energy + 1e-6 * abs(best.energy)
    assert GIVEN in again.history.operators
    assert GIVEN not in searched(generations=1, replicas=2).history.operators


def test_textures_are_read_from_runs_and_files(tmp_path, capsys):
    path, out = tmp_path / "in.toml", tmp_path / "run.h5"
    path.write_text('[model]\nlattice = "square"\nsize = [6, 6, 1]\nfield = 9.0\n[[model.exchange]]\nJ = 1.0\n')
    few = ["--set", "search.generations=1", "--set", "search.replicas=4"]
    printed(capsys, "run", path, "-o", out, *few)
    from magsearch import config

    hamiltonian = config.read(path).hamiltonian
    every = textures.read(str(out), hamiltonian)
    assert np.array_equal(textures.read(f"{out}:0", hamiltonian)[0], every[0])
    np.save(tmp_path / "spins.npy", every[0])
    (own,) = textures.read(str(tmp_path / "spins.npy"), hamiltonian)
    assert np.allclose(own, every[0])
    told = printed(capsys, "run", path, "-o", tmp_path / "b.h5", *few, "--seeds", f"{out}:0", "--json")
    champion = json.loads(told)["champion"]
    assert champion["energy_per_site"] == pytest.approx(-2 - 9 * 5.7883818060e-2, abs=1e-7)
    with pytest.raises(InputError, match=r"has 36 spins; the lattice has"):
        textures.read(str(out), MODELS["large_film"])
    with pytest.raises(InputError, match=r"has elites 0 to"):
        textures.read(f"{out}:99", hamiltonian)


def test_a_run_that_goes_on_takes_no_seeds(tmp_path, capsys):
    told = refused(capsys, "run", "--resume", tmp_path / "run.h5", "--seeds", tmp_path / "a.npy")
    assert "expected only --set and --device with it" in told
