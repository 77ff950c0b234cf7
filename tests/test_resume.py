"""Runs that are stopped in any way and resumed end with results bitwise identical to those of undisturbed ones."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from processes import LEADER, MODEL, datasets, differences, done, fill, launcher, start

from magsearch import storage
from magsearch.search.stopping import Converged, GenerationsSpent, Stored
from magsearch.storage import integrity

OFTEN = ("--set", "storage.seconds=0", "--set", "storage.share=1.0")  # a checkpoint after every generation
LONG = MODEL.replace("generations = 12", "generations = 18").replace("every = 2\n", LEADER)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An input, with its run beside it."""
    path = tmp_path_factory.mktemp("undisturbed") / "in.toml"
    path.write_text(LONG)
    done("run", path, "-o", path.with_suffix(".h5"), *OFTEN)
    return path


def whole(run: Path) -> bool:
    """Whether a file can be read, all of it."""
    storage.read_states(run)
    return len(datasets(run)) > 30


@pytest.mark.parametrize(
    ("parts", "most"),
    [(True, 4), *(pytest.param(parts, 10, marks=pytest.mark.slow) for parts in (False, True))],
)
def test_run_that_is_killed_again_and_again_ends_as_if_nothing_had_been(undisturbed, parts, most, tmp_path):
    """SIGKILL several times at moments of every kind: start, search, writing, polish."""
    chance, kills, begun = random.Random(parts), 0, 0
    out, finished = tmp_path / "out.h5", []
    settings = (*OFTEN, "--set", f"storage.gather={0 if parts else 1000}")
    while kills < most or begun:
        arguments = ("run", "--resume", out) if out.exists() else ("run", undisturbed, "-o", out, *settings)
        run = start(*arguments)
        assert run.stdout is not None
        begun = 1
        if kills < most:
            lines = chance.choice([0, 7, 8, 9, 10, 12, 16, 20, 25])
            for _ in zip(range(lines), run.stdout, strict=False):
                pass
            time.sleep(chance.uniform(0, 0.05))
            run.kill()
        log = run.communicate(timeout=60)[0]
        if run.returncode == -signal.SIGKILL:
            kills += 1
            if out.exists():
                assert whole(out)
            continue
        assert run.returncode == 0, log
        assert differences(undisturbed.with_suffix(".h5"), out) <= {"config/settings"}
        finished.append(out)
        begun, out = 0, tmp_path / f"out{len(finished)}.h5"
    assert finished
    assert kills == most


@pytest.mark.parametrize("name", [*(pytest.param(s, marks=pytest.mark.slow) for s in ("SIGUSR1", "SIGTERM")), "SIGINT"])
def test_signal_stops_a_run_which_goes_on(undisturbed, name, tmp_path):
    out = tmp_path / "out.h5"
    run = start("run", undisturbed, "-o", out)  # no checkpoint is due: the signal makes one
    assert run.stdout is not None
    for line in run.stdout:
        if line.startswith("generation    8 "):
            break
    run.send_signal(getattr(signal, name))
    log = run.communicate(timeout=60)[0]
    assert run.returncode == 75, log
    told = re.search(rf"stopped by {name} after (\d+) generations; resume with: magsearch run --resume (\S+)", log)
    assert told, log
    assert Path(told[2]) == out
    assert len(storage.read(out).history) == int(told[1]) >= 8
    assert "Traceback" not in log
    log = done("run", "--resume", out)
    assert f"resuming   after {told[1]} generations" in log
    assert differences(undisturbed.with_suffix(".h5"), out) <= {"config/settings"}


def test_signal_to_one_rank_stops_all_of_them_in_the_same_generation(undisturbed, tmp_path):
    """Rank 1 receives it: the others leave their generation at once; the run is resumed on another number of ranks."""
    out, script = tmp_path / "out.h5", tmp_path / "told.py"
    script.write_text("""
import os, signal
from magsearch import cli
from magsearch.search import island
breeding = island.Island.breeding
def told(self):
    if self.generation == 8 and self.number == 3:
        os.kill(os.getpid(), signal.SIGUSR1)
    return breeding(self)
island.Island.breeding = told
cli.main()
""")
    command = [*launcher(2), sys.executable, str(script), "run", str(undisturbed), "-o", str(out)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 75, ended.stdout + ended.stderr
    assert re.search("SIGUSR1 after (7|8) generations", ended.stdout)  # another may have been a generation behind
    done("run", "--resume", out)
    assert differences(undisturbed.with_suffix(".h5"), out) <= {"config/settings"}


def test_signal_under_mpiexec_reaches_the_run(undisturbed, tmp_path):
    out = tmp_path / "out.h5"
    run = start("run", undisturbed, "-o", out, ranks=2)
    assert run.stdout is not None
    for line in run.stdout:
        if line.startswith("generation    8 "):
            break
    run.send_signal(signal.SIGUSR1)
    log = run.communicate(timeout=60)[0]
    assert run.returncode == 75, log
    done("run", "--resume", out)
    assert differences(undisturbed.with_suffix(".h5"), out) <= {"config/settings"}


def test_second_interrupt_ends_a_run_at_once(undisturbed, tmp_path):
    """Ctrl-C twice: the user does not want to wait for a checkpoint."""
    script = """
import os, signal, time
from magsearch import cli
from magsearch.runs import run as batch
def slow(*_):
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
batch.Run.go = slow
cli.main()
"""
    command = [sys.executable, "-c", script, "run", str(undisturbed), "-o", str(tmp_path / "out.h5")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ended.returncode not in (0, 75)


def test_a_run_of_another_version_is_resumed_with_a_note(undisturbed, tmp_path):
    out = tmp_path / "out.h5"
    done("run", undisturbed, "-o", out, "--set", "search.generations=2")
    with h5py.File(out, "a") as file:
        file.attrs["magsearch"] = "0.0.1"
        integrity.seal(file, alone=True)
    log = done("run", "--resume", out, "--set", "search.generations=3").replace("\n", " ")
    assert "written by magsearch 0.0.1; this is" in log
    assert "whose results may differ" in log


def test_run_that_spent_its_generations_can_be_extended(undisturbed, tmp_path):
    out = tmp_path / "out.h5"
    done("run", undisturbed, "-o", out, "--set", "search.generations=10")
    assert storage.read(out).stopped == Stored("10 generations done", GenerationsSpent.code)
    log = done("run", "--resume", out, "--set", "search.generations=18")
    assert "generation   10 " in log
    assert "generation    9 " not in log
    assert differences(undisturbed.with_suffix(".h5"), out) <= {"config/settings"}


def test_run_whose_elites_vary_no_more_keeps_no_populations(tmp_path):
    path = tmp_path / "in.toml"
    path.write_text(MODEL.replace("window = 100", "window = 3\ndeviation = 1.0"))
    done("run", path, "-o", tmp_path / "out.h5")
    assert storage.read(tmp_path / "out.h5").stopped.code == Converged.code
    log = done("run", "--resume", tmp_path / "out.h5", code=2)
    assert "has ended" in log


def test_limit_keeps_a_finished_file_small(undisturbed, tmp_path):
    sizes = {}
    for limit in (10.0, 0.004, 0.001):  # megabytes: everything, two elites of 64 sites, less than one
        out = tmp_path / f"{limit}.h5"
        done("run", undisturbed, "-o", out, "--set", "search.generations=1", "--set", f"storage.limit={limit}")
        stored = storage.read(out)
        sizes[limit] = (stored.resumable, len(stored.elites))
    assert sizes[10.0] == (True, 3)
    assert sizes[0.004] == (False, 2)
    assert sizes[0.001] == (False, 1)


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "no such file"), (b"", "HDF5"), (b"# prose", "HDF5"), ("foreign", "not a run of magsearch")],
)
def test_files_that_no_run_can_go_on_from(content, told, tmp_path):
    path = tmp_path / "out.h5"
    if content == "foreign":
        with h5py.File(path, "w") as file:
            file["x"] = np.zeros(3)
    elif content is not None:
        path.write_bytes(content)
    log = done("run", "--resume", path, code=2)
    assert told in log
    assert "Traceback" not in log


def test_resume_takes_no_input_besides(undisturbed, tmp_path):
    run = undisturbed.with_suffix(".h5")
    assert "contains its input" in done("run", undisturbed, "--resume", run, code=2)
    assert "missing INPUT" in done("run", code=2)
    assert "cannot change" in done("run", "--resume", run, "--set", "search.seed=2", code=2)


def test_full_disk_in_the_middle_leaves_the_last_checkpoint_good(undisturbed, small_disk):
    """The disk is full for a while: the run warns, continues, and loses nothing."""
    out, ballast = small_disk / "out.h5", small_disk / "ballast"
    run = start("run", undisturbed, "-o", out, *OFTEN)
    assert run.stdout is not None
    log = []
    for line in run.stdout:
        log.append(line)
        if line.startswith("generation    5 "):
            fill(ballast)
        if "generation   12 " in line:
            assert whole(out)
            ballast.unlink()
    assert run.wait(timeout=60) == 0
    warnings = [line for line in log if "warning" in line and "No space left on device" in line]
    assert warnings
    assert "the previous checkpoint is intact" in warnings[0]
    assert differences(undisturbed.with_suffix(".h5"), out) == set()
    assert sorted(os.listdir(small_disk)) == ["out.h5", "out.xdmf"]


def test_disk_that_stays_full_ends_the_run_with_a_message_and_a_good_checkpoint(undisturbed, small_disk, tmp_path):
    out, ballast = small_disk / "out.h5", small_disk / "ballast"
    run = start("run", undisturbed, "-o", out, *OFTEN)
    assert run.stdout is not None
    for line in run.stdout:
        if line.startswith("generation    5 "):
            fill(ballast)
            break
    log = run.communicate(timeout=60)[0]
    assert run.returncode == 2
    assert "cannot be written: No space left on device" in log
    assert "Traceback" not in log
    assert whole(out)
    ballast.unlink()
    done("run", "--resume", out)
    assert differences(undisturbed.with_suffix(".h5"), out) <= {"config/settings"}
