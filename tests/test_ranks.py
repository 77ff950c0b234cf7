"""Islands on ranks: the same search on any number of them, and one fate for all."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import COMMAND, LEADER, MODEL, datasets, differences, done, launcher, start

from magsearch import storage
from magsearch.search.archipelago import owners


@pytest.mark.parametrize("islands", [1, 3, 4, 10])
@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 7])
def test_islands_are_divided_evenly_and_in_order(islands, ranks):
    found = owners(islands, ranks)
    counts = [found.count(rank) for rank in range(ranks)]
    assert len(found) == islands
    assert found == sorted(found)
    assert max(counts) - min(counts) <= 1


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both schemes, each run in one process without MPI: name -> input; the run is beside it."""
    folder = tmp_path_factory.mktemp("alone")
    inputs = {"exchange": MODEL, "leader": MODEL.replace("every = 2\n", "") + LEADER}
    for name, text in inputs.items():
        (folder / f"{name}.toml").write_text(text)
        done("run", folder / f"{name}.toml", "-o", folder / f"{name}.h5")
    return {name: folder / f"{name}.toml" for name in inputs}


@pytest.mark.parametrize(
    ("scheme", "ranks"),
    [
        ("exchange", 2),  # the leader's scheme: test_populations_in_parts_make_no_difference
        *(
            pytest.param(*both, marks=pytest.mark.slow)
            for both in (("exchange", 1), ("exchange", 4), ("leader", 1), ("leader", 2), ("leader", 4))
        ),
    ],
)  # fmt: skip
def test_same_seed_same_run_on_any_number_of_ranks(alone, scheme, ranks, tmp_path):
    """Champions, elites, histories, migrations and the stored populations are bitwise identical."""
    out = tmp_path / "out.h5"
    log = done("run", alone[scheme], "-o", out, ranks=ranks)
    assert differences(alone[scheme].with_suffix(".h5"), out) == set()
    names = datasets(out)
    assert {"elites/spins", "history/best", "history/migrations/kept", "checkpoint/texture"} <= names.keys()
    stored = storage.read(out)
    assert len(stored.history.migrations) > 0
    assert len(stored.layout) == ranks
    assert log.count("generation    3 ") == 1, "one rank speaks for all"


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [3, 6])
@pytest.mark.parametrize("scheme", ["exchange", "leader"])
def test_uneven_and_idle_ranks_make_no_difference(alone, scheme, ranks, tmp_path):
    out = tmp_path / "out.h5"
    log = done("run", alone[scheme], "-o", out, ranks=ranks)
    assert differences(alone[scheme].with_suffix(".h5"), out) == set()
    assert ("2 of 6 ranks have nothing to do" in log) == (ranks == 6)


def test_populations_in_parts_make_no_difference(alone, tmp_path):
    """Nor does the number of ranks that resume them, whose layout is printed."""
    out = tmp_path / "out.h5"
    log = done("run", alone["leader"], "-o", out, "--set", "storage.gather=0", ranks=2)
    assert log.count("generation    3 ") == 1, "one rank speaks for all"
    assert differences(alone["leader"].with_suffix(".h5"), out) == {"config/settings"}
    assert len(list(Path(f"{out}.parts").glob("*.h5"))) == 2
    log = done("run", "--resume", out, "--set", "search.generations=14", ranks=3)
    assert "generation   13 " in log
    assert "4 islands on 3 ranks and 1 node" in log
    lines = re.findall(r"rank (\d) on \S+: islands ([\d to]+), cpu", log)
    assert lines == [("0", "0 to 1"), ("1", "2"), ("2", "3")]


def test_wrong_input_is_told_once_by_all_ranks(alone, tmp_path):
    out = tmp_path / "out.h5"
    log = done("run", alone["exchange"], "-o", out, "--set", "search.sede=3", ranks=2, code=2)
    assert log.count("unknown key 'sede'") == 1
    assert "Traceback" not in log
    out.write_bytes(b"years of work")
    assert done("run", alone["exchange"], "-o", out, ranks=2, code=2).count("exists") == 1
    assert out.read_bytes() == b"years of work"


@pytest.mark.slow
def test_wrong_places_are_told_once_by_all_ranks(alone, tmp_path):
    log = done("run", tmp_path / "none.toml", ranks=2, code=2)
    assert log.count("No such file") == 1
    log = done("run", alone["exchange"], "-o", tmp_path / "none" / "out.h5", ranks=2, code=2)
    assert log.count("does not exist") == 1
    assert "generation" not in log


FAULT = """
import sys
from magsearch import cli, errors
from magsearch.search import island
breeding = island.Island.breeding
def third(self):
    if self.generation == 3 and self.number == 3:
        raise {error}
    return breeding(self)
island.Island.breeding = third
cli.main()
"""


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        ("ArithmeticError('the kernel is upset')", 1, r"rank 1 on \S+ failed:\n(.|\n)*the kernel is upset"),
        pytest.param(
            "errors.InputError('device lost', 'cuda:1')",
            2,
            r"magsearch: rank 1 on \S+: cuda:1: device lost\n",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_error_on_one_rank_ends_all_with_its_message(alone, error, code, told, tmp_path):
    script, out = tmp_path / "fault.py", tmp_path / "out.h5"
    script.write_text(FAULT.format(error=error))
    arguments = ["run", str(alone["exchange"]), "-o", str(out), "--set", "storage.generations=1"]
    ended = subprocess.run(
        [*launcher(2), sys.executable, str(script), *arguments], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == code
    assert re.search(told, ended.stderr)
    done("run", "--resume", out)  # the last checkpoint is good
    assert differences(alone["exchange"].with_suffix(".h5"), out) <= {"config/settings"}


def processes_below(parent: int) -> dict[int, str]:
    """Descendants of a process and their command lines."""
    found, below = {}, {parent}
    table = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                table.append((int(entry.name), int(fields[1]), (entry / "cmdline").read_text()))
            except OSError:
                continue
    for pid, above, command in sorted(table):
        if above in below:
            below.add(pid)
            found[pid] = command
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
def test_killed_rank_ends_all_and_the_last_checkpoint_is_good(alone, tmp_path):
    out = tmp_path / "out.h5"
    run = start("run", alone["leader"], "-o", out, "--set", "storage.generations=1", ranks=2)
    assert run.stdout is not None
    for line in run.stdout:
        if line.startswith("generation    4 "):
            break
    ranks = [pid for pid, command in processes_below(run.pid).items() if COMMAND[-1] in command]
    python = [pid for pid in ranks if "mpiexec" not in Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]]
    os.kill(python[-1], signal.SIGKILL)
    run.communicate(timeout=60)
    assert run.returncode != 0
    assert storage.read(out).resumable
    done("run", "--resume", out)
    assert differences(alone["leader"].with_suffix(".h5"), out) <= {"config/settings"}


def test_several_processes_without_mpi_are_told_so(alone, tmp_path):
    """A launcher says that it started two processes, but mpi4py is not there, or does not see them."""
    script = "import sys; sys.modules['mpi4py'] = None; from magsearch.cli import main; main()"
    arguments = ["run", str(alone["exchange"]), "-o", str(tmp_path / "out.h5")]
    for place, told in (("0", "pip install 'magsearch[mpi]'"), ("1", "")):
        env = {**os.environ, "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": place}
        ended = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, env=env)
        assert ended.returncode == 2
        assert told in ended.stderr
        assert bool(ended.stderr) == bool(told)
    launcher(2)
    log = done(*arguments, env={"SLURM_STEP_NUM_TASKS": "2"}, code=2)
    assert "MPI sees one" in log
