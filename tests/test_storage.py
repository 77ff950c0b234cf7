"""run.h5: what is written is read again, whole or not at all, by anyone and at any time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from models import MODELS
from numpy.testing import assert_array_equal
from oracle import energies, random_textures
from processes import done
from records import made_early, stored

from magsearch import storage
from magsearch.config.input import Input
from magsearch.config.search import SearchTable
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import InputError
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.observables.fingerprint import fingerprint
from magsearch.runs import record
from magsearch.search.archipelago import Archipelago
from magsearch.search.candidate import Candidate
from magsearch.search.generation import State
from magsearch.search.island import GeneticTunneling
from magsearch.search.stopping import Stop, Stored
from magsearch.storage import Record
from magsearch.storage import history as stored_history
from magsearch.storage.summary import summary


def random_states(hamiltonian: Hamiltonian, islands: int = 3) -> dict[int, State]:
    """Islands with different numbers of candidates, one of them with none, and leaders."""
    textures = random_textures(hamiltonian, 5 * islands).astype(np.float32).reshape(islands, 5, -1, 3)
    e = iter(np.random.default_rng(4).normal(size=5 * islands))

    def candidate(texture: np.ndarray, k: int) -> Candidate:
        energy = float(next(e))
        print_ = fingerprint(hamiltonian.lattice, texture, energy)
        return Candidate(texture, energy, 0.5 * k, "HeatPatch", k, print_, refined=k % 2 == 0, island=k)

    states = {}
    for island in range(islands):
        made = [candidate(texture, k) for k, texture in enumerate(textures[island])]
        led = ((made[4], 0.3), (made[3], 0.1)) if island == 1 else ()
        states[island] = State(4, tuple(made[: 2 * island]), led)
    return states


def assert_same_candidates(one: Candidate, other: Candidate) -> None:
    for field in fields(Candidate):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            assert_array_equal(a, b)
        else:
            assert repr(a) == repr(b), field.name  # nan is nan


def assert_same_states(a: Mapping[int, State], b: Mapping[int, State]) -> None:
    assert a.keys() == b.keys()
    for island in a:
        assert a[island].generation == b[island].generation
        assert [pull for _, pull in a[island].leaders] == [pull for _, pull in b[island].leaders]
        everyone = [[*state.candidates, *(leader for leader, _ in state.leaders)] for state in (a[island], b[island])]
        for one, other in zip(*everyone, strict=True):
            assert one.spins.dtype == other.spins.dtype == np.float32
            assert_same_candidates(one, other)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.h5"


# -- what is written is read again -------------------------------------------------------------------------------------


def test_hamiltonian_has_the_same_energies_after_reading(model, path):
    storage.write(path, stored(model))
    again = storage.read(path).hamiltonian
    textures = random_textures(model, 4, seed=2)
    before, after = energies(model, textures), energies(again, textures)
    for term in before:
        assert_array_equal(before[term], after[term])
    assert_array_equal(*(Evaluator(h, Cpu(), np.float64).energies(textures) for h in (model, again)))
    for name in ("cell", "basis", "size", "periodic", "species", "positions"):
        assert_array_equal(getattr(again.lattice, name), getattr(model.lattice, name))
    for name in ("field", "vacancies", "notes", "anisotropy", "uniform"):
        assert getattr(again, name) == getattr(model, name)
    assert_array_equal(again.moments, model.moments)


def test_record_is_the_same_after_reading(path):
    given = stored(replace(MODELS["kagome_tensor"], notes=("a note", "naïve")))
    storage.write(path, given)
    again = storage.read(path)
    for f in fields(Record):
        a, b = getattr(given, f.name), getattr(again, f.name)
        if f.name == "history":
            assert (a.operators, a.elites, a.islands, a.seconds) == (b.operators, b.elites, b.islands, b.seconds)
            for name in stored_history.COLUMNS:
                assert_array_equal(a[name], b[name])
            assert_array_equal(a.levels, b.levels)
            assert_array_equal(a.migrations, b.migrations)
        elif f.name == "elites":
            for one, other in zip(a, b, strict=True):
                assert_same_candidates(one, other)
        elif f.name != "hamiltonian":
            assert a == b


def test_record_of_a_run_that_just_began_is_readable(path):
    storage.write(path, stored(MODELS["square_bloch"], 0, 0, stopped=None), {0: State(), 1: State()})
    again = storage.read(path)
    assert (again.elites, len(again.history), again.stopped, again.resumable) == ((), 0, None, True)
    assert_same_states(storage.read_states(path), {0: State(), 1: State()})
    assert summary(again)["champion"] is None


# -- populations -------------------------------------------------------------------------------------------------------


def in_parts(path: Path, states: Mapping[int, State], ranks: Sequence[Sequence[int]], sites: int) -> storage.Parts:
    made = [
        storage.write_part(path, rank, 4, {island: states[island] for island in islands}, sites)
        for rank, islands in enumerate(ranks)
    ]
    return storage.Parts(made, list(states))


@pytest.mark.spread(4)
def test_populations_are_the_same_after_reading(model, path):
    states = random_states(model)
    storage.write(path, stored(model), states)
    assert_same_states(storage.read_states(path), states)
    assert_same_states(storage.read_states(path, [2]), {2: states[2]})
    assert storage.read(path).resumable


@pytest.mark.parametrize("ranks", [[[0, 1, 2]], [[0, 1], [2]], [[0], [1], [2], []]])
def test_populations_in_parts_are_those_in_one_file(ranks, path, monkeypatch):
    hamiltonian = MODELS["kagome_tensor"]
    states, sites = random_states(hamiltonian), hamiltonian.lattice.sites
    whole = path.with_name("whole.h5")
    storage.write(whole, stored(hamiltonian), states)
    storage.write(path, stored(hamiltonian), in_parts(path, states, ranks, sites))
    assert storage.in_parts(path)
    assert not storage.in_parts(whole)
    monkeypatch.chdir("/")  # parts are found beside the file, wherever one stands
    assert_same_states(storage.read_states(path), states)
    assert_same_states(storage.read_states(path, [0, 2]), {k: states[k] for k in (0, 2)})
    with h5py.File(path) as one, h5py.File(whole) as other:
        for name in other["checkpoint"]:
            assert_array_equal(one["checkpoint"][name], other["checkpoint"][name])


def test_old_parts_go_once_the_file_shows_the_new_ones(path):
    hamiltonian = MODELS["square_bloch"]
    states, sites = random_states(hamiltonian), hamiltonian.lattice.sites
    for ranks in ([[0, 1], [2]], [[0], [1, 2]], [[0, 1, 2]]):
        storage.write(path, stored(hamiltonian), in_parts(path, states, ranks, sites))
        assert len(list(Path(f"{path}.parts").glob("*.h5"))) == len(ranks)
    storage.write(path, stored(hamiltonian))
    assert sorted(os.listdir(path.parent)) == ["run.h5", "run.xdmf"]


def test_parts_of_a_writing_that_failed_leave_the_file_as_it_was(path, monkeypatch):
    hamiltonian = MODELS["square_bloch"]
    states, sites = random_states(hamiltonian), hamiltonian.lattice.sites
    storage.write(path, stored(hamiltonian), in_parts(path, states, [[0, 1], [2]], sites))
    later = {island: replace(state, generation=5, candidates=state.candidates[:1]) for island, state in states.items()}
    storage.write_part(path, 0, 5, later, sites)
    assert_same_states(storage.read_states(path), states)
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(InputError, match="No space left"):
        storage.write_part(path, 1, 5, later, sites)
    assert_same_states(storage.read_states(path), states)


def test_missing_part_is_an_input_error_that_names_it(path):
    hamiltonian = MODELS["square_bloch"]
    states, sites = random_states(hamiltonian), hamiltonian.lattice.sites
    storage.write(path, stored(hamiltonian), in_parts(path, states, [[0, 1], [2]], sites))
    gone = sorted(Path(f"{path}.parts").glob("*.h5"))[1]
    gone.unlink()
    with pytest.raises(InputError, match=gone.name):
        storage.read_states(path)
    assert len(storage.read(path).elites) == 3  # the rest can be read


def test_run_without_populations_cannot_go_on(path):
    storage.write(path, stored(MODELS["one_cell"]))
    assert not storage.read(path).resumable
    with pytest.raises(InputError, match="no populations"):
        storage.read_states(path)


# -- details -----------------------------------------------------------------------------------------------------------


def test_numbers_of_numpy_in_an_anisotropy_can_be_stored(path):
    easy = UniaxialAnisotropy(
        np.float64(0.5), tuple(np.array([0.0, 1.0, 1.0])), np.float32(0.25), atoms=(np.int64(1), np.int32(0))
    )
    storage.write(path, stored(replace(MODELS["kagome_tensor"], anisotropy=(easy,))))
    assert storage.read(path).hamiltonian.anisotropy == (easy,)


def test_input_text_of_any_length_is_kept(path):
    text = "# a comment\n" * 20000  # more than fits in an attribute
    storage.write(path, stored(MODELS["one_cell"], input_text=text))
    assert storage.read(path).input_text == text


# -- others can read it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fcc_every_anisotropy", "disordered", "icosahedron"])
def test_every_array_says_its_unit_and_axes(name, path):
    storage.write(path, stored(MODELS[name]), random_states(MODELS[name]))
    seen = []

    def visit(where: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape:
            seen.append(where)
            assert isinstance(item.attrs["unit"], str), where
            assert len(item.attrs["axes"].split(", ")) == item.ndim, where

    with h5py.File(path) as file:
        file.visititems(visit)
        assert {"schema", "magsearch", "device", "command"} <= set(file.attrs)
    assert {"elites/spins", "elites/energy", "model/positions", "history/best", "checkpoint/texture"} <= set(seen)


def test_stored_energy_per_site_counts_spins_not_vacancies(path):
    hamiltonian = MODELS["disordered"]
    storage.write(path, stored(hamiltonian))
    with h5py.File(path) as file:
        assert_array_equal(file["elites/energy_per_site"], file["elites/energy"][()] / (20 - 3))


# -- whole or not at all -----------------------------------------------------------------------------------------------


def refuse(*_: Any, **__: Any) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_failing_write_leaves_the_old_file_and_nothing_else(function, path, monkeypatch):
    storage.write(path, stored(MODELS["square_bloch"], stopped=Stored("before")))
    before = path.read_bytes()
    monkeypatch.setattr(os, function, refuse)
    with pytest.raises(InputError, match="No space left"):
        storage.write(path, stored(MODELS["square_bloch"], stopped=Stored("after")))
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert sorted(os.listdir(path.parent)) == ["run.h5", "run.xdmf"]


def test_full_disk_leaves_the_old_file_and_nothing_else(path):
    storage.write(path, stored(MODELS["large_film"]))
    before = path.read_bytes()
    script = f"""
import resource, signal
from magsearch import InputError, storage
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) // 2},) * 2)
run = storage.read({str(path)!r})
try:
    storage.write({str(path)!r}, run)
except InputError:
    print("refused")
"""
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (other.stdout, other.returncode) == ("refused\n", 0), other.stderr
    assert path.read_bytes() == before
    assert sorted(os.listdir(path.parent)) == ["run.h5", "run.xdmf"]


def test_write_replaces_what_was_there(path):
    for stopped in (None, Stored("now", "now-code")):
        storage.write(path, stored(MODELS["one_cell"], stopped=stopped))
        assert storage.read(path).stopped == stopped
    assert sorted(os.listdir(path.parent)) == ["run.h5", "run.xdmf"]


def test_open_file_remains_readable_while_it_is_replaced(path):
    storage.write(path, stored(MODELS["one_cell"], stopped=Stored("first")))
    with h5py.File(path) as open_:
        storage.write(path, stored(MODELS["one_cell"], stopped=Stored("second")))
        assert open_.attrs["stopped"] == "first"
    assert storage.read(path).stopped == Stored("second")


# -- files that are no runs --------------------------------------------------------------------------------------------


def test_files_that_are_no_runs_are_input_errors(path):
    with pytest.raises(InputError, match="no such file"):
        storage.read(path)
    path.write_text("# a text file\n")
    with pytest.raises(InputError, match="HDF5"):
        storage.read(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="HDF5"):
        storage.read(path)
    with pytest.raises(InputError, match="is a folder"):
        storage.read(path.parent)
    with h5py.File(path, "w") as file:
        file["spins"] = np.zeros(3)
    with pytest.raises(InputError, match="not a run of magsearch"):
        storage.read(path)


def test_truncated_file_is_an_input_error(path):
    storage.write(path, stored(MODELS["square_bloch"]))
    whole = path.read_bytes()
    for part in np.linspace(0, len(whole) - 1, 25, dtype=int):
        path.write_bytes(whole[:part])
        with pytest.raises(InputError):
            storage.read(path)


def test_a_file_that_does_not_count_its_minima_can_be_read(path):
    """Written before version 0.1 had them."""
    storage.write(path, stored(MODELS["one_cell"]))
    made_early(path)
    with h5py.File(path, "a") as file:
        for name in ("label", "degeneracy", "continuous"):
            del file["elites"][name]
    assert [(e.phase, e.degeneracy) for e in storage.read(path).elites] == 3 * [("", None)]


def test_other_schema_is_an_input_error(path):
    storage.write(path, stored(MODELS["one_cell"]))
    with h5py.File(path, "a") as file:
        file.attrs["schema"] = storage.SCHEMA + 1
    with pytest.raises(InputError, match=f"schema {storage.SCHEMA + 1}"):
        storage.read(path)


@pytest.mark.parametrize("missing", ["model", "elites/energy", "history/best", "config/text", "model/bonds/J"])
def test_missing_part_is_an_input_error(missing, path):
    storage.write(path, stored(MODELS["square_bloch"]))
    made_early(path)
    with h5py.File(path, "a") as file:
        del file[missing]
    with pytest.raises(InputError):
        storage.read(path)


# -- a run -------------------------------------------------------------------------------------------------------------


def test_second_process_reads_a_run_while_it_goes_on(path):
    hamiltonian = MODELS["disordered"]
    search = Archipelago(hamiltonian, Cpu(), GeneticTunneling(replicas=8, elites=2), stop=Stop(3, window=9))
    given = Input(Path("in.toml"), "", hamiltonian, SearchTable())
    about = {"created": record.now(), "command": "magsearch run"}
    seen = []
    for _ in search.generations():
        storage.write(path, record.record(given, search, search.collected(), None, **about))
        seen.append(json.loads(done("show", path, "--json")))
    assert [one["generations"] for one in seen] == [1, 2, 3]
    assert all(one["stopped"] is None for one in seen)
    assert seen[-1]["champion"]["energy_per_site"] == pytest.approx(search.history["best"][-1, 0])

    storage.write(path, record.record(given, search, search.elites, search.stopped, **about))
    last = storage.read(path)
    assert last.stopped == Stored("3 generations done", "generations-spent")
    assert [e.energy for e in last.elites] == [c.energy for c in search.elites]
    assert_array_equal(last.history["best"], search.history["best"])
    beside = 3 * 8 - last.history["offspring"].sum()  # rough candidates that were refined with the offspring
    assert 0 <= beside <= 2
    for elite in last.elites:  # the stored spins have the stored energy
        spins = elite.spins[None]
        assert Evaluator(last.hamiltonian, Cpu(), np.float64).energies(spins)[0] == pytest.approx(
            elite.energy, rel=1e-12
        )
        assert elite.torque < 1e-8 * search.islands[0].evaluator.stiffness
