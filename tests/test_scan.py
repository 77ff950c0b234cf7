"""Scans in processes of their own: one outcome on any number of ranks, and whatever happens on the way."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from command import refused
from processes import datasets, differences, done, launcher, start

from magsearch import storage
from magsearch.console.scan import summary

MODEL = """\
[model]
lattice = "square"
size = [8, 8, 1]

[[model.exchange]]
J = 1.0

[[model.dmi]]
D = 1.0
direction = "bloch"

[[model.anisotropy]]
K = 0.2

[search]
generations = 2
window = 100
replicas = 4
elites = 2
seed = 3

[islands]
count = 2

[scan]
field = [0.0, 6.0, 13.0, 20.0]
temperature = [0, 4]
sweeps = 40
ladders = 2
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An input; its scan in one process is beside it."""
    path = tmp_path_factory.mktemp("alone") / "in.toml"
    path.write_text(MODEL)
    done("scan", path, "-o", path.with_suffix(".h5"))
    return path


def points(path: Path) -> list[dict]:
    """As scripts see them."""
    return summary(storage.read_scan(path))["points"]


def test_scan_lists_its_points_with_settings_label_and_champion(alone):
    found = json.loads(done("show", alone.with_suffix(".h5"), "--json"))["points"]
    assert [(p["settings"]["field"][2], p["settings"]["temperature"]) for p in found] == [
        (b, t) for b in (0.0, 6.0, 13.0, 20.0) for t in (0.0, 4.0)
    ]
    cold = [p for p in found if p["settings"]["temperature"] == 0]
    labels = [p["label"] for p in cold]
    assert labels[0] == "spiral"
    assert labels[-1] == "ferromagnet"
    assert cold[-1]["champion"]["energy_per_site"] == pytest.approx(-2.2 - 5.7883818060e-2 * 20, abs=1e-6)
    assert cold[-1]["champion"]["magnetization"] == pytest.approx([0, 0, 1], abs=1e-6)
    assert abs(cold[-1]["champion"]["charge"]) < 1e-6
    assert all(p["champion"]["torque"] < 1e-5 for p in cold)
    warm = found[1]["champion"]
    assert warm["error"]["energy_per_site"] > 0
    assert warm["energy_per_site"] > cold[0]["champion"]["energy_per_site"]
    assert "spiral" in done("show", alone.with_suffix(".h5"))


def test_minima_are_those_of_runs(alone):
    assert "expected a run" in done("show", alone.with_suffix(".h5"), "--minima", code=2)


def test_file_can_be_read_with_h5py_alone(alone):
    with h5py.File(alone.with_suffix(".h5")) as file:
        assert file["points/temperature"][()].tolist() == [0, 4] * 4
        assert file["points/field"][3].tolist() == [0, 0, 6]
        assert file["points/label"][-3].decode() == "ferromagnet"
        assert file["points/energy_per_site"].attrs["unit"] == "meV per site"
        spins = file["columns/00002/minima/spins"][0]
        assert np.allclose(np.linalg.norm(spins, axis=1), 1)
        assert file["model/positions"].shape == (64, 3)


@pytest.mark.parametrize("ranks", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(4, marks=pytest.mark.slow)])
def test_scan_on_ranks_equals_the_scan_on_one(alone, ranks, tmp_path):
    """Minima, thermal averages and labels are bitwise identical."""
    out = tmp_path / "out.h5"
    log = done("scan", alone, "-o", out, ranks=ranks)
    assert differences(alone.with_suffix(".h5"), out) == set()
    names = datasets(out)
    assert {"columns/00000/minima/spins", "columns/00003/states/averages", "points/label"} <= names.keys()
    assert log.count("field (0, 0, 13) T: ") == 1
    assert not Path(f"{out}.parts").exists()


@pytest.mark.slow
def test_more_ranks_than_columns_share_the_islands(alone, tmp_path):
    one, four = tmp_path / "one.h5", tmp_path / "four.h5"
    few = ("--set", "scan.field=[13.0,20.0]", "--set", "scan.temperature=[0]")
    done("scan", alone, "-o", one, *few)
    log = done("scan", alone, "-o", four, *few, ranks=4)
    assert "2 teams on 4 ranks" in log
    assert differences(one, four) == set()


@pytest.mark.slow
def test_points_that_are_added_on_ranks_are_the_same(alone, tmp_path):
    pytest.importorskip("sklearn")
    one, two = tmp_path / "one.h5", tmp_path / "two.h5"
    more = ("--set", "scan.temperature=[0]", "--set", "scan.refine=3", "--set", "scan.at_once=2")
    done("scan", alone, "-o", one, *more)
    done("scan", alone, "-o", two, *more, ranks=2)
    assert differences(one, two) == set()
    rounds = [p["round"] for p in points(one)]
    assert rounds == [0] * 4 + [1, 1, 2]


def test_neighbours_seed_what_is_searched_later(alone):
    """The first generation of the columns between begins with what the others found; no column is worse than them."""
    record = storage.read_scan(alone.with_suffix(".h5"))
    labels = {m.label for column in record.columns for m in column.minima or ()}
    assert {"spiral", "ferromagnet"} <= labels
    for column in record.columns:
        assert "ferromagnet" in {m.label for m in column.minima or ()}, "followed over the whole scan"
        energies = [m.energy for m in column.minima or ()]
        assert energies == sorted(energies)
        assert all("field" in m.slopes for m in column.minima or ())


# -- whatever happens on the way ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_scan_that_is_killed_again_and_again_ends_as_if_nothing_had_been(alone, tmp_path):
    """SIGKILL five times at moments of every kind; what was found before is not computed again."""
    chance, out, kills = random.Random(1), tmp_path / "out.h5", 0
    while True:
        arguments = ("--resume", out) if out.exists() else (alone, "-o", out)
        scan = start("scan", *arguments)
        assert scan.stdout is not None
        if kills < 5:
            for _ in zip(range(chance.choice([0, 5, 6, 7, 9])), scan.stdout, strict=False):
                pass
            time.sleep(chance.uniform(0, 0.1))
            scan.kill()
        log = scan.communicate(timeout=60)[0]
        if scan.returncode == -signal.SIGKILL:
            kills += 1
            continue
        assert scan.returncode == 0, log
        break
    assert kills > 2
    assert differences(alone.with_suffix(".h5"), out) == set()


@pytest.mark.parametrize("ranks", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_signal_stops_a_scan_which_goes_on(alone, ranks, tmp_path):
    """What is found but not joined yet is in parts beside the file; show knows of it."""
    out = tmp_path / "out.h5"
    scan = start("scan", alone, "-o", out, ranks=ranks)
    assert scan.stdout is not None
    for line in scan.stdout:
        if "field (0, 0, 13) T: " in line:
            break
    known = storage.read_scan(out)
    scan.send_signal(signal.SIGUSR1)
    log = scan.communicate(timeout=60)[0]
    assert scan.returncode == 75, log
    assert known.stopped is None
    assert any(column.minima for column in known.columns)
    assert f"SIGUSR1; resume with: magsearch scan --resume {out}" in log
    log = done("scan", "--resume", out)
    assert "Traceback" not in log
    assert differences(alone.with_suffix(".h5"), out) == set()


@pytest.mark.slow
def test_signal_to_one_rank_stops_all(alone, tmp_path):
    out, script = tmp_path / "out.h5", tmp_path / "told.py"
    script.write_text("""
import os, signal
from magsearch import cli
from magsearch.scan import scan
searched = scan.Scan._searched
def told(self, task):
    if self.ranks.rank == 1:
        os.kill(os.getpid(), signal.SIGUSR1)
    return searched(self, task)
scan.Scan._searched = told
cli.main()
""")
    command = [*launcher(3), sys.executable, str(script), "scan", str(alone), "-o", str(out)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    assert ended.returncode == 75, ended.stdout + ended.stderr
    done("scan", "--resume", out, ranks=2)
    assert differences(alone.with_suffix(".h5"), out) == set()


def test_scan_that_ended_can_be_refined(alone, tmp_path):
    pytest.importorskip("sklearn")
    out = tmp_path / "out.h5"
    shutil.copy(alone.with_suffix(".h5"), out)
    log = done("scan", "--resume", out, "--set", "scan.refine=1")
    found = points(out)
    assert [p["round"] for p in found] == [0] * 8 + [1] * 2
    assert "field (0, 0, 13) T: " not in log, "nothing is searched twice"
    assert all(p["label"] for p in found)


# -- job arrays --------------------------------------------------------------------------------------------------------


def test_tasks_of_an_array_make_the_same_scan(alone, tmp_path):
    """Each in its turn, asked again while it says that others have to do theirs."""
    out, codes = tmp_path / "out.h5", {}
    for turn in range(8):
        for task in (1, 0):
            scan = start("scan", alone, "-o", out, "--points", f"{task}/2")
            log = scan.communicate(timeout=120)[0]
            codes[turn, task] = scan.returncode
            assert scan.returncode in (0, 75), log
            assert ("run this one again" in log) == (scan.returncode == 75)
        if codes[turn, 0] == 0:
            break
    assert codes[0, 1] == 75
    assert turn < 6
    assert differences(alone.with_suffix(".h5"), out) == set()
    done("scan", alone, "-o", out, "--points", "1/2")  # nothing is left to do


@pytest.mark.slow
def test_tasks_of_an_array_side_by_side(alone, tmp_path):
    out = tmp_path / "out.h5"
    for _ in range(8):
        tasks = [start("scan", alone, "-o", out, "--points", f"{task}/2") for task in range(2)]
        logs = [task.communicate(timeout=120)[0] for task in tasks]
        assert all(task.returncode in (0, 75) for task in tasks), logs
        if all(task.returncode == 0 for task in tasks):
            break
    assert differences(alone.with_suffix(".h5"), out) == set()


def test_tasks_of_another_scan_are_refused(alone, tmp_path):
    out = tmp_path / "out.h5"
    shutil.copy(alone.with_suffix(".h5"), out)
    log = done("scan", alone, "-o", out, "--points", "1/3", "--set", "search.seed=9", code=2)
    assert "is another scan" in log


# -- what is wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "missing INPUT"),
        (("IN", "--points", "3/3"), "is no share; expected I/N"),
        (("IN", "--points", "0/2", "--overwrite"), "share one file"),
        (("IN", "-o", "OUT"), "exists; choose another name"),
        (("IN", "--resume", "OUT"), "contains its input"),
        (("--resume", "OUT", "--set", "scan.field=[1]"), r"scan.field cannot change .* scan.refine, scan.at_once and"),
        (("IN", "--set", "scan.field=[]", "--set", "scan.temperature=[]"), "nothing to scan"),
        (("--resume", "IN"), "in.toml"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(alone, arguments, told, capsys):
    names = {"IN": alone, "OUT": alone.with_suffix(".h5")}
    log = refused(capsys, "scan", *(names.get(argument, argument) for argument in arguments))
    assert re.search(told, log), log


def test_runs_and_scans_are_told_apart(alone, tmp_path, capsys):
    assert "is a scan, not a run" in refused(capsys, "plot", alone.with_suffix(".h5"), "-o", tmp_path / "a.png")
    run = tmp_path / "run.h5"
    done("run", alone, "-o", run, "--set", "search.generations=1")
    for command in (("phases", run), ("scan", "--resume", run)):
        assert "is a run, not a scan" in refused(capsys, *command)
