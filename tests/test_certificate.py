"""A run and its lower bound: computed where it takes seconds, stored, shown, and a reason to stop."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from command import printed, refused
from models import MODELS, exchange, shell_bonds
from numpy.testing import assert_array_equal
from records import stored

from magsearch import storage
from magsearch.bounds.luttinger_tisza import lower_bound, takes_seconds
from magsearch.engine.cpu import Cpu
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.runs import run as batch
from magsearch.search.archipelago import Archipelago
from magsearch.search.history import History
from magsearch.search.island import GeneticTunneling
from magsearch.search.stopping import Converged, GapClosed, GenerationsSpent, Proven, Stop

MODEL = """\
[model]
lattice = "triangular"
size = [6, 6, 1]

[[model.exchange]]
J = -1.0

[search]
replicas = 8
generations = 40
elites = 2
"""
EASY = MODEL.replace("[search]", "[[model.anisotropy]]\nK = 0.3\n\n[search]")


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "in.toml"
    path.write_text(MODEL)
    return path


def run(capsys: Any, toml: Path, *settings: str) -> Path:
    out = toml.with_suffix(".h5")
    printed(capsys, "run", toml, "-o", out, "--overwrite", *(a for s in settings for a in ("--set", s)))
    return out


@pytest.mark.parametrize("name", ["square_bloch", "kagome_tensor", "icosahedron", "disordered"])
def test_a_bound_is_stored_and_read_again(tmp_path, name):
    model = MODELS[name]
    for bound in (None, lower_bound(model)):
        storage.write(tmp_path / "run.h5", stored(model, bound=bound))
        assert storage.read(tmp_path / "run.h5").bound == bound
    with h5py.File(tmp_path / "run.h5") as file:
        assert file["bound/per_site"].attrs["unit"] == "meV per site"
        assert all({"unit", "axes"} <= set(values.attrs) for values in file["bound"].values())


def test_a_run_ends_within_the_gap_of_its_bound(capsys, toml):
    out = run(capsys, toml, "search.gap=1e-4")
    record = storage.read(out)
    assert record.bound == lower_bound(record.hamiltonian)
    assert record.stopped.code == GapClosed.code
    assert len(record.history) < 10
    shown = json.loads(printed(capsys, "show", out, "--json"))["bound"]
    assert shown["bound_per_site"] == pytest.approx(-1.5, abs=1e-10)
    assert 0 <= shown["gap"] < 1e-9
    assert shown["tight"] is True
    text = printed(capsys, "show", out)
    assert "bound -1.50000000 meV per site: lower bound of the energy in this supercell" in text
    assert "the champion is a ground state of this box, which is proven" in text


def test_a_gap_that_stays_open_is_told_and_ends_nothing(capsys, toml):
    """With an easy axis the bound is an ellipse's, - 3/2 - K, and the ground state, - 1 - K/3 - 1 / (2 - 2K/3)."""
    toml.write_text(EASY)
    out = run(capsys, toml, "search.gap=1e-4", "search.generations=2")
    shown = json.loads(printed(capsys, "show", out, "--json"))["bound"]
    assert shown["gap"] == pytest.approx(1.8 - 1.1 - 1 / 1.8, abs=1e-6)
    assert shown["tight"] is False
    assert "the ground state of this box is at most this much below the champion" in printed(capsys, "show", out)
    assert storage.read(out).stopped.code == GenerationsSpent.code


def test_a_run_that_goes_on_keeps_its_bound(capsys, toml, monkeypatch):
    out = run(capsys, toml, "search.generations=1")
    before = storage.read(out).bound
    assert before is not None
    monkeypatch.setattr(batch, "lower_bound", lambda hamiltonian: pytest.fail("computed again"))
    printed(capsys, "run", "--resume", out, "--set", "search.generations=9", "--set", "search.gap=1e-4")
    assert storage.read(out).bound == before
    assert storage.read(out).stopped.code == GapClosed.code


def test_a_run_does_without_a_bound(capsys, toml, monkeypatch):
    """Where it is not wanted, where it would take long, and where something goes wrong: the rest is as ever."""
    for why in ("search.bound=false", "long", "wrong"):
        with monkeypatch.context() as patched:
            if why == "long":
                patched.setattr(batch, "takes_seconds", lambda hamiltonian: False)
            if why == "wrong":
                patched.setattr(batch, "lower_bound", lambda hamiltonian, watch: 1 / 0)
            settings = [why] if "=" in why else []
            out = toml.with_suffix(".h5")
            printed_text = printed(
                capsys, "run", toml, "-o", out, "--overwrite", "--set", "search.generations=2",
                *(a for s in settings for a in ("--set", s)),
            )  # fmt: skip
        assert storage.read(out).bound is None
        assert json.loads(printed(capsys, "show", out, "--json"))["bound"] is None
        said = {"long": "no lower bound: it would take long", "wrong": "no lower bound: ZeroDivisionError"}.get(why)
        assert said in printed_text if said else "bound" not in printed_text


def test_a_gap_needs_a_bound(capsys, toml):
    assert "search.bound is false" in refused(
        capsys, "run", toml, "-o", toml.with_suffix(".h5"), "--set", "search.gap=1", "--set", "search.bound=false"
    )


def test_energies_are_compared_with_the_bound_over_all_islands():
    history = History((), 1, 2)
    history.rows = [np.zeros(2, history.row_type), np.zeros(2, history.row_type)]
    history.rows[0]["best"], history.rows[1]["best"] = (-1.0, -1.1), (-1.45, -1.2)
    history.levels = [np.array([-1.1]), np.array([-1.45])]
    bound = lower_bound(
        Hamiltonian(Lattice.named("chain", (4, 1, 1)), shell_bonds(Lattice.named("chain", (4, 1, 1)), exchange(1.5)))
    )
    assert bound.per_site == pytest.approx(-1.5)
    stop = Stop(window=9, gap=0.1, bound=bound)
    assert stop.reason(history, 1, 1, 1.0) is None
    assert stop.reason(history, 2, 2, 1.0) == GapClosed(0.1)
    assert replace(stop, gap=0.01).reason(history, 2, 2, 1.0) is None
    assert Stop(window=9, gap=0.1).reason(history, 2, 2, 1.0) is None


def test_a_proven_champion_ends_a_run_unless_more_minima_are_asked_for(capsys, toml):
    record = storage.read(run(capsys, toml))
    assert record.stopped.code == Proven.code
    assert len(record.history) < record.settings["search"]["window"]  # by its window it could not have ended yet
    assert record.bound.reached(record.elites[0].energy_per_site)
    assert storage.read(run(capsys, toml, "search.minima=2")).stopped.code == Converged.code


def test_a_proven_run_that_was_killed_before_its_polish_ends_without_another_generation(capsys, toml, monkeypatch):
    """The checkpoint that is written when the proof is known is where it is resumed."""
    out, copy = toml.with_suffix(".h5"), toml.with_name("killed.h5")
    polished = Archipelago._polished

    def kept(search: Archipelago) -> list[Any]:
        if not copy.exists():
            shutil.copy(out, copy)
        return polished(search)

    monkeypatch.setattr(Archipelago, "_polished", kept)
    whole = storage.read(run(capsys, toml))
    printed(capsys, "run", "--resume", copy)
    again = storage.read(copy)
    assert again.stopped == whole.stopped
    assert len(again.history) == len(whole.history)
    for one, other in zip(again.elites, whole.elites, strict=True):
        assert_array_equal(one.spins, other.spins)


@pytest.mark.parametrize("islands", [1, 3])
def test_only_a_bound_that_is_attained_ends_a_search(islands):
    """An easy axis of 2e-6 meV keeps the champion 1e-6 meV above the bound: less than a search can tell."""
    lattice = Lattice.named("triangular", (6, 6, 1))
    bonds = shell_bonds(lattice, exchange(-1.0))
    for K, reason in ((0.0, Proven), (2e-6, GenerationsSpent)):
        model = Hamiltonian(lattice, bonds, anisotropy=(UniaxialAnisotropy(K),))
        stop = Stop(generations=6, window=7, bound=lower_bound(model))
        search = Archipelago(model, Cpu(), [GeneticTunneling(replicas=8, elites=2)] * islands, stop=stop)
        search.run()
        assert isinstance(search.stopped, reason)
        assert stop.bound.reached(search.champion.energy_per_site) == (K == 0)
        assert stop.provable(search.history, len(search.history), search.evaluator.stiffness)


def test_what_takes_long_is_known_beforehand():
    lattice = Lattice.named("square", (3000, 3000, 1), periodic=(False, False, False))
    sheet = Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)))
    assert not takes_seconds(sheet)
    assert takes_seconds(sheet.with_size((20, 20, 1)))
    assert all(takes_seconds(model) for model in MODELS.values() if model.n_spins)
