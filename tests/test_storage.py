"""run.h5: what is written is read again, whole or not at all, by anyone and at any time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from models import MODELS
from numpy.testing import assert_array_equal
from oracle import energies, random_textures

from magsearch import record, storage
from magsearch.config import Input, SearchTable
from magsearch.device import Cpu
from magsearch.errors import InputError
from magsearch.evaluator import Evaluator
from magsearch.hamiltonian import Hamiltonian, UniaxialAnisotropy
from magsearch.island import GeneticTunneling
from magsearch.search import Search, Stop
from magsearch.storage import Elite, Record


def stored(hamiltonian: Hamiltonian, elites: int = 3, generations: int = 4, **rest: Any) -> Record:
    """A record full of random numbers."""
    rng = np.random.default_rng(5)
    spins = random_textures(hamiltonian, elites)
    history = {name: rng.normal(size=generations) for name in storage.HISTORY_UNITS}
    counts = [{name: rng.integers(9, size=generations) for name in ("PatchSplice", "HeatPatch")} for _ in range(2)]
    made = tuple(
        Elite(s, *rng.normal(size=1), rng.normal(size=3), *rng.normal(size=2), f"operator {k}", k)
        for k, s in enumerate(spins)
    )
    values: dict[str, Any] = {
        "hamiltonian": hamiltonian, "input_path": "in.toml", "input_text": "# Grüße\n[model]\n",
        "settings": {"search": {"seed": 2}}, "history": history, "offspring": counts[0], "successes": counts[1],
        "elites": made, "stopped": "4 generations done", "seconds": 1.25, "device": "CPU",
        "created": "2026-01-01T00:00:00", "version": "0.1", "command": "magsearch run",
    }  # fmt: skip
    return Record(**values | rest)


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
        if f.name in ("history", "offspring", "successes"):
            assert a.keys() == b.keys()
            for name in a:
                assert_array_equal(a[name], b[name])
        elif f.name == "elites":
            for one, other in zip(a, b, strict=True):
                for g in fields(Elite):
                    assert_array_equal(getattr(one, g.name), getattr(other, g.name))
        elif f.name != "hamiltonian":
            assert a == b


def test_record_of_a_run_that_just_began_is_readable(path):
    nothing = {name: np.zeros(0) for name in storage.HISTORY_UNITS}
    storage.write(path, stored(MODELS["square_bloch"], 0, 0, history=nothing, offspring={}, successes={}, stopped=""))
    again = storage.read(path)
    assert (again.elites, again.offspring, again.stopped) == ((), {}, "")
    assert record.summary(again)["champion"] is None


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
    storage.write(path, stored(MODELS[name]))
    seen = []

    def visit(where: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape:
            seen.append(where)
            assert isinstance(item.attrs["unit"], str), where
            assert len(item.attrs["axes"].split(", ")) == item.ndim, where

    with h5py.File(path) as file:
        file.visititems(visit)
        assert {"schema", "magsearch", "device", "command"} <= set(file.attrs)
    assert {"elites/spins", "elites/energy", "model/positions", "history/best"} <= set(seen)


def test_stored_energy_per_site_counts_spins_not_vacancies(path):
    hamiltonian = MODELS["disordered"]
    storage.write(path, stored(hamiltonian))
    with h5py.File(path) as file:
        assert_array_equal(file["elites/energy_per_site"], file["elites/energy"][()] / (20 - 3))


# -- whole or not at all -----------------------------------------------------------------------------------------------


def refuse(*_: Any, **__: Any) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("owner", "function"), [(os, "replace"), (os, "fsync"), (h5py, "File"), (h5py.File, "flush")])
def test_failing_write_leaves_the_old_file_and_nothing_else(owner, function, path, monkeypatch):
    storage.write(path, stored(MODELS["square_bloch"], stopped="before"))
    before = path.read_bytes()
    monkeypatch.setattr(owner, function, refuse)
    with pytest.raises(OSError, match="No space left"):
        storage.write(path, stored(MODELS["square_bloch"], stopped="after"))
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["run.h5"]


def test_full_disk_leaves_the_old_file_and_nothing_else(path):
    storage.write(path, stored(MODELS["large_film"]))
    before = path.read_bytes()
    script = f"""
import resource, signal
from magsearch import storage
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) // 2},) * 2)
run = storage.read({str(path)!r})
try:
    storage.write({str(path)!r}, run)
except OSError:
    print("refused")
"""
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)  # HDF5 does not get over it
    assert other.stdout == "refused\n", other.stderr
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["run.h5"]


def test_write_replaces_what_was_there(path):
    for stopped in ("", "now"):
        storage.write(path, stored(MODELS["one_cell"], stopped=stopped))
        assert storage.read(path).stopped == stopped
    assert os.listdir(path.parent) == ["run.h5"]


def test_open_file_remains_readable_while_it_is_replaced(path):
    storage.write(path, stored(MODELS["one_cell"], stopped="first"))
    with h5py.File(path) as open_:
        storage.write(path, stored(MODELS["one_cell"], stopped="second"))
        assert open_.attrs["stopped"] == "first"
    assert storage.read(path).stopped == "second"


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
    with pytest.raises(InputError, match="HDF5"):
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


def test_other_schema_is_an_input_error(path):
    storage.write(path, stored(MODELS["one_cell"]))
    with h5py.File(path, "a") as file:
        file.attrs["schema"] = storage.SCHEMA + 1
    with pytest.raises(InputError, match=f"schema {storage.SCHEMA + 1}"):
        storage.read(path)


@pytest.mark.parametrize("missing", ["model", "elites/energy", "history/best", "config/text", "model/bonds/J"])
def test_missing_part_is_an_input_error(missing, path):
    storage.write(path, stored(MODELS["square_bloch"]))
    with h5py.File(path, "a") as file:
        del file[missing]
    with pytest.raises(InputError):
        storage.read(path)


# -- a run -------------------------------------------------------------------------------------------------------------


def test_second_process_reads_a_run_while_it_goes_on(path):
    hamiltonian = MODELS["disordered"]
    search = Search(hamiltonian, Cpu(), GeneticTunneling(replicas=8, elites=2), Stop(3, window=9))
    given = Input(Path("in.toml"), "", hamiltonian, SearchTable())
    seen = []
    for _ in search.run():
        storage.write(path, record.record(given, search, "", record.now()))
        shown = subprocess.run(
            [sys.executable, "-c", "from magsearch.cli import main; main()", "show", str(path), "--json"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        seen.append(json.loads(shown.stdout))
    assert [one["generations"] for one in seen] == [1, 2, 3]
    assert all(one["stopped"] is None for one in seen)
    assert seen[-1]["champion"]["energy_per_site"] == pytest.approx(search.history[-1].best)

    storage.write(path, record.record(given, search, search.stopped, record.now()))
    last = storage.read(path)
    assert last.stopped == "3 generations done"
    assert [e.energy for e in last.elites] == [c.energy for c in search.elites]
    assert_array_equal(last.history["best"], [g.best for g in search.history])
    total = sum(int(counts.sum()) for counts in last.offspring.values())
    assert total == 3 * 8
    for elite in last.elites:  # the stored spins have the stored energy
        spins = elite.spins[None]
        assert Evaluator(last.hamiltonian, Cpu(), np.float64).energies(spins)[0] == pytest.approx(
            elite.energy, rel=1e-12
        )
        assert elite.torque < 1e-8
