"""Signals are obeyed within a second, whatever the process does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import processes
import pytest
from command import MODEL, printed

from magsearch import storage
from magsearch.parallel.signals import CAUGHT

SLOW = 5.0  # seconds that a loaded machine may take; the computations below take minutes

PROGRAM = """
import os, signal, sys, time
import numpy as np
from magsearch.parallel.signals import Signals
signals = Signals(enforced=True)
print(flush=True)
{work}
"""
MATRIX = "a = np.random.default_rng(1).normal(size=(500, 500)); a += a.T"
DEAF = {
    "a loop that does not look": "end = time.monotonic() + 100\nwhile time.monotonic() < end: pass",
    "LAPACK": f"{MATRIX}\nfor _ in range(100000): np.linalg.eigh(a)",
    "LAPACK of SciPy, which keeps Python from running": (
        "from scipy.linalg import eigh\na = np.random.default_rng(1).normal(size=(2500, 2500)); a += a.T\neigh(a)"
    ),
    "a system call": "time.sleep(100); time.sleep(100)",
}


def started(work: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(work=work)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGUSR1"])
@pytest.mark.parametrize("work", DEAF)
@pytest.mark.spread(2)
def test_a_signal_that_nobody_looks_at_ends_the_process(work, name):
    process = started(DEAF[work])
    begin = time.monotonic()
    process.send_signal(getattr(signal, name))
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 75
    assert told == f"magsearch: {name}: ended amid a computation; what has been stored before is complete\n"
    assert time.monotonic() - begin < SLOW


def test_a_signal_that_is_noticed_is_left_to_the_program():
    work = "while not signals(): time.sleep(0.01)\ntime.sleep(2)\nprint(signals.name)\nsys.exit(3)"
    process = started(work)
    process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=60)
    assert told == ("SIGTERM\n", "")
    assert process.returncode == 3


def test_a_signal_while_the_process_ends_changes_nothing(tmp_path: Path):
    """Python has given up its handlers then."""
    (tmp_path / "in.toml").write_text(processes.MODEL.replace("generations = 12", "generations = 1"))
    program = "import os, signal, sys; sys.argv = ['magsearch', 'run', 'in.toml']\nfrom magsearch import cli\n"
    program += (
        "class Last:\n    def __del__(self, kill=os.kill, own=os.getpid(), number=signal.SIGINT): kill(own, number)\n"
    )
    program += "sys.last = Last()\ncli.main()\n"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=tmp_path, timeout=100)
    assert ended.returncode == 0


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_second_signal_ends_the_process_at_once(name):
    process = started("while not signals(): time.sleep(0.01)\nprint(flush=True)\ntime.sleep(100); time.sleep(100)")
    process.send_signal(getattr(signal, name))
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(getattr(signal, name))
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + getattr(signal, name)
    assert told == f"magsearch: {name}: ended at once\n"


def test_a_signal_that_terminal_and_launcher_both_deliver_is_one():
    work = "while not signals(): time.sleep(0.01)\nprint(flush=True)\ntime.sleep(2)\nsys.exit(3)"
    process = started(work, {"PMI_SIZE": "2", "PMI_RANK": "0"})
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 3


def test_a_run_in_this_process_leaves_its_signals_as_they_were(tmp_path: Path, capsys):
    """Processes that tests start later would inherit ignored ones."""
    (tmp_path / "in.toml").write_text(MODEL)
    before = [signal.getsignal(number) for number in CAUGHT]
    printed(capsys, "run", tmp_path / "in.toml", "-o", tmp_path / "out.h5")
    assert [signal.getsignal(number) for number in CAUGHT] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_a_command_without_anything_to_store_ends_by_the_signal(tmp_path: Path):
    """Also inside of a library that never returns to Python."""
    program = "import sys\nsys.argv = ['magsearch', 'info', 'in.toml']\nfrom magsearch import cli\n"
    program += "from magsearch.cli import info\nimport numpy as np\n"
    program += f"def deaf(*_):\n    {MATRIX}\n    print(flush=True)\n    for _ in range(100000): np.linalg.eigh(a)\n"
    program += "info.read_input = deaf\ncli.main()\n"
    for name in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
        )
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(name)
        assert process.communicate(timeout=60)[1] == b""
        assert process.returncode == -name


ENDED = "magsearch: another rank is amid a computation; what has been stored before is complete"


def test_a_signal_to_one_rank_ends_all_while_another_computes(tmp_path: Path):
    """Rank 0 is inside of LAPACK, which keeps Python from running, and has received nothing."""
    (tmp_path / "in.toml").write_text(processes.MODEL)
    (tmp_path / "told.py").write_text("""
import os, pathlib, signal, sys, time
import numpy as np
from scipy.linalg import eigh
from magsearch import cli
from magsearch.search.island import Island
breeding, flag = Island.breeding, pathlib.Path("deaf")
def deaf(self):
    if self.generation == 2 and self.number in (0, 3):
        if self.number == 0:
            a = np.random.default_rng(1).normal(size=(2500, 2500))
            flag.touch()
            eigh(a + a.T)
        while not flag.exists(): time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGUSR1)
        print(time.time(), file=sys.stderr, flush=True)
    return breeding(self)
Island.breeding = deaf
cli.main()
""")
    command = [*processes.launcher(2), sys.executable, "told.py", "run", "in.toml"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    late = time.time() - float(ended.stderr.splitlines()[0])
    assert ended.returncode == 75
    assert ENDED in ended.stderr.splitlines()
    assert late < SLOW, "eigh takes longer"
    assert storage.read(tmp_path / "in.h5").resumable
