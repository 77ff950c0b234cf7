"""The command ``magsearch magnons``: what it prints, draws, stores and refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from command import here, printed
from numpy.testing import assert_allclose

import magsearch as ms
from magsearch import storage

TRIANGULAR = """
[model]
lattice = "triangular"
size = [3, 3, 1]
moment = 2.0

[[model.exchange]]
J = -1.0

[search]
generations = 2
replicas = 8
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the triangular antiferromagnet."""
    folder = tmp_path_factory.mktemp("magnons")
    (folder / "in.toml").write_text(TRIANGULAR)
    ms.search(folder / "in.toml", seed=1, device="cpu", progress=False, store=folder / "run.h5")
    return folder / "run.h5"


@pytest.fixture(autouse=True)
def _coarse(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("magsearch.magnons.spectrum.DIRECTIONS", 20)
    monkeypatch.setattr("magsearch.magnons.spectrum.LENGTHS", 5)


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    shutil.copy(finished, tmp_path / "run.h5")
    return tmp_path / "run.h5"


def test_what_is_printed_is_what_is_stored(run, capsys):
    before = storage.read(run)
    options = ("--points", 30, "--mesh", 4, 4, 1, "--powder", 3, "--json")
    found = json.loads(printed(capsys, "magnons", run, *options))
    assert found["labels"] == ["G", "M", "K", "G"]
    assert (found["zero_modes"], found["gapless"], found["spins"]) == (3, 3, 3)
    assert_allclose(np.max(found["energies"]), 3 * 1.125**0.5, rtol=1e-2)
    kept = storage.read(run).magnons
    assert_allclose(kept.energies, found["energies"], rtol=0)
    assert_allclose(kept.density.states, found["density"]["states"], rtol=0)
    assert_allclose(kept.powder.intensities, found["powder"]["intensities"], rtol=0)
    assert kept.path.labels == ("G", "M", "K", "G")
    after = storage.read(run)
    assert not after.damaged
    assert_allclose(after.elites[0].spins, before.elites[0].spins, rtol=0)


def test_a_second_time_takes_the_place_of_the_first(run, capsys):
    printed(capsys, "magnons", run, "--points", 10, "--mesh", 2, 2, 1)
    printed(capsys, "magnons", run, "--points", 10, "--path", "0,0,0;1/2,0,0", "--spiral")
    kept = storage.read(run).magnons
    assert kept.density is None
    assert_allclose(np.abs(kept.k), [1 / 3, 1 / 3, 0], atol=1e-9)
    assert kept.energies.shape == (10, 3)


def test_a_picture_is_drawn(run, capsys):
    out = run.with_name("bands.png")
    text = printed(capsys, "magnons", run, "--points", 20, "--mesh", 3, 3, 1, "-o", out)
    assert out.read_bytes().startswith(b"\x89PNG")
    assert "3 zero modes of the Hessian, 3 gapless bands" in text


def test_damage_is_seen(run, capsys):
    printed(capsys, "magnons", run, "--points", 10)
    with h5py.File(run, "r+") as file:
        file["magnons/energies"][0, 0] += 1
    stored = storage.read(run)
    assert stored.magnons is None
    assert len(stored.damaged) == 1, "the rest is intact"
    assert stored.damaged[0].startswith("magnons")


def test_a_run_that_is_written_again_keeps_them(run, capsys):
    printed(capsys, "magnons", run, "--points", 10)
    stored = storage.read(run)
    storage.write(run, stored)
    assert_allclose(storage.read(run).magnons.energies, stored.magnons.energies, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--path", "G-Q"), "unknown point 'Q'"),
        (("--path", "G"), "single point"),
        (("--path", "0,0;1,0"), "not a wave vector"),
        (("--path", "0,0,0;1/0,0,0"), "not a wave vector"),
        (("--path", "0,0,0;0,0,0"), "all the same"),
        (("--g", "0"), "--g: is 0; expected a positive number"),
        (("--width", "nan"), "--width: is nan"),
        (("--powder", "-1"), "--powder: is -1"),
        (("--mesh", "0", "1", "1"), "--mesh: is 0 1 1"),
        (("--mesh", "9999", "9999", "9999"), "--mesh: is 9999 9999 9999"),
        (("--ion", "Fe3"), "expected SPECIES=ION"),
        (("--ion", "Fe=Fe3"), "unknown species 'Fe'"),
        (("--ion", "A=Fe9"), "unknown ion 'Fe9'"),
        (("--elite", "99"), "has elites 0 to"),
        (("-o", "bands.txt"), "unsupported image format"),
    ],
)
def test_what_makes_no_sense_is_refused(run, capsys, options, message):
    code, _, err = here(capsys, "magnons", run, *options)
    assert code == 2
    assert message in err
    assert storage.read(run).magnons is None


def test_what_is_not_a_run_is_refused(tmp_path, capsys):
    code, _, err = here(capsys, "magnons", tmp_path / "none.h5")
    assert code == 2
    assert "no such file" in err
