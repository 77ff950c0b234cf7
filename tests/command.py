"""The command line run by tests: in this process or in one of its own, and what it prints."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from magsearch.parallel.signals import CAUGHT

MODEL = """\
[model]
lattice = "square"
size = [6, 5, 1]
moment = 2.0
field = [0.0, 0.0, 3.0]

[[model.exchange]]
J = [1.0, -0.2]

[[model.dmi]]
D = 0.4
direction = "bloch"

[[model.anisotropy]]
K = 0.1

[search]
generations = 2
replicas = 6
elites = 3
minima = 3
seconds = 60
"""


def magsearch(*arguments: Any, code: int = 0, where: Path | None = None, env: dict[str, str] | None = None) -> Any:
    """The command in a process of its own."""
    command = [sys.executable, "-c", "from magsearch.cli import main; main()", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=where, env=env, timeout=120)
    assert done.returncode == code, done.stderr + done.stdout
    return done


def printed(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """What the command prints, run in this process: a process of its own takes a second to begin."""
    code, out, err = here(capsys, *arguments)
    assert code == 0, err
    return out


def ended(*arguments: Any) -> int:
    """The exit code of the command, run in this process.

    A run ignores signals from its end on, and so would what this process starts: their handlers are put back.
    """
    from magsearch.cli import main

    before, handlers = sys.argv, {number: signal.getsignal(number) for number in CAUGHT}
    sys.argv = ["magsearch", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
        signal.set_wakeup_fd(-1)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return 0


def here(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    code = ended(*arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def refused(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """The one line on stderr of a command that exits with 2."""
    code, out, err = here(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("magsearch: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def stopped(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    """The last line on stderr of a command that exits with 2, maybe after it has described its model."""
    code, _, err = here(capsys, *arguments)
    assert code == 2, err
    assert "Traceback" not in err
    return err.splitlines()[-1]
