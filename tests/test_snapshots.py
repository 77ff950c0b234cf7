"""Textures over the generations of a search: which are kept, that they are the champions, and what viewers see."""

from __future__ import annotations

import signal
from pathlib import Path

import h5py
import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from processes import MODEL as LARGE
from processes import differences, done, start
from viewers import array, read

import magsearch as ms
from magsearch.errors import InputError
from magsearch.search.snapshots import Snapshot, Snapshots

MODEL = LARGE.replace("[8, 8, 1]", "[6, 4, 1]").replace("generations = 12", "generations = 8")
EVERY = ["--set", "storage.textures=2"]


def run(folder: Path, name: str, *words: str, ranks: int = 0) -> Path:
    source, out = folder / "model.toml", folder / name
    source.write_text(MODEL)
    done("run", source, "-o", out, *EVERY, *words, ranks=ranks)
    return out


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four islands over eight generations that keeps every second champion."""
    return run(tmp_path_factory.mktemp("snapshots"), "run.h5")


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 300))
def test_their_number_is_bounded_and_they_are_equally_far_apart(every, most, generations):
    rule, found = Snapshots(every, most), tuple[Snapshot, ...]()
    for n in range(1, generations + 1):
        if rule.due(n):
            found = rule.kept((*found, Snapshot(n, np.empty(0), 0.0, 0.0)), n)
        assert len(found) <= most
    numbers = [one.generation for one in found]
    if generations >= every:
        assert len(numbers) >= most // 2 or numbers == list(range(every, generations + 1, every))
        assert set(np.diff([0, *numbers]).tolist()) <= {rule.interval(numbers[-1])}


def test_none_is_kept_unless_they_are_asked_for():
    assert not any(Snapshots().due(n) for n in range(1, 50))


def test_they_are_the_champions_of_their_generations(kept):
    result = ms.load(kept)
    best = result.history["best"].min(axis=1)
    assert [one.generation for one in result.textures] == [2, 4, 6, 8]
    for one in result.textures:
        assert one.energy / result.model.n_spins == pytest.approx(best[one.generation - 1], rel=1e-12)
        assert oracle.energy(result.model, one.spins.astype(np.float64)) == pytest.approx(one.energy, rel=1e-5)
        assert_allclose(np.linalg.norm(one.spins, axis=1), 1, atol=1e-6)
    assert result.champion.energy <= result.textures[-1].energy + 1e-3


def test_two_ranks_keep_the_same_to_the_bit(kept, tmp_path):
    assert differences(kept, run(tmp_path, "run.h5", ranks=2)) == set()


def test_a_resumed_run_keeps_what_an_undisturbed_one_keeps(kept, tmp_path):
    out = run(tmp_path, "run.h5", "--set", "search.generations=5")
    done("run", "--resume", out, "--set", "search.generations=8")
    with h5py.File(kept) as one, h5py.File(out) as other:
        for name in one["textures"]:
            assert_array_equal(one[f"textures/{name}"][()], other[f"textures/{name}"][()])


@pytest.mark.slow
def test_a_signal_to_two_ranks_loses_none_of_them(kept, tmp_path):
    """Ranks are a generation apart, but not where a texture is kept."""
    (tmp_path / "model.toml").write_text(MODEL)
    out = tmp_path / "run.h5"
    process = start("run", tmp_path / "model.toml", "-o", out, *EVERY, ranks=2)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("generation    3 "):
            break
    process.send_signal(signal.SIGUSR1)
    log = process.communicate(timeout=60)[0]
    assert process.returncode in (0, 75), log  # 0: it had ended before
    if process.returncode == 75:
        done("run", "--resume", out)
    assert {name for name in differences(kept, out) if name.startswith("textures")} == set()


def test_the_limit_leaves_them_out_before_elites(kept, tmp_path):
    before = ms.load(kept)
    limit = 1.5e-6 * 24 * len(before.elites) * before.model.lattice.sites  # MB: of elites with two numbers of spins
    out = run(tmp_path, "run.h5", "--set", f"storage.limit={limit}")
    assert len(ms.load(out).elites) == len(before.elites)
    assert ms.load(out).textures == ()


def test_generations_are_the_time_steps_of_viewers(kept):
    pytest.importorskip("vtkmodules.vtkIOXdmf2", reason="no VTK to read with: pip install vtk")
    for one in ms.load(kept).textures:
        (grid,) = read(kept.with_suffix(".generations.xdmf"), one.generation)
        assert_allclose(array(grid.GetPointData(), "spin"), one.spins)
        assert_allclose(array(grid.GetFieldData(), "topological charge"), one.charge)


def test_a_run_without_them_leaves_no_description_of_others(tmp_path):
    model = tmp_path / "model.toml"
    model.write_text(MODEL)
    how = {"store": tmp_path / "run.h5", "generations": 2, "progress": False, "overwrite": True}
    ms.search(model, checkpoints={"textures": 1}, **how)
    assert (tmp_path / "run.generations.xdmf").exists()
    ms.search(model, **how)
    assert not (tmp_path / "run.generations.xdmf").exists()
    (tmp_path / "run.generations.xdmf").write_text("of somebody else")
    with pytest.raises(InputError, match="does not describe"):
        ms.search(model, **how)
    assert (tmp_path / "run.generations.xdmf").read_text() == "of somebody else"


def test_they_are_labelled_by_their_generation(kept):
    pytest.importorskip("xarray")
    labelled = ms.load(kept).to_xarray()
    assert labelled.textures_spins.dims == ("textures_generation", "site", "xyz")
    assert labelled.textures_generation.values.tolist() == [2, 4, 6, 8]
