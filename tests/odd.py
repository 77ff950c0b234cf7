"""Odd environments and arguments for every command: it works, or it ends with one line and exit code 2."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

from forked import Tally, begin
from lines import FOLDER, LINES, furnish
from lines import of as lines_of
from processes import COMMAND

from magsearch.cli import COMMANDS, load

WORDS = [
    "", " ", "-", "--", "---", "-1", "0", "1", "2", "1e400", "nan", "inf", "-inf", "1_0", '\u0663', "x", "x" * 300,
    "x" * 5000, ".", "..", "/", "/dev/null", "/dev/zero", "/dev/full", "/proc/self/mem", "/root/x/y", "in.toml",
    "run.h5", "scan.h5", "out.h5", "out.png", "out.html", "out.toml", "out.vtu", "out.npy", "no.toml", "no/out.h5",
    "folder", "in.toml/x", '\x1b[2J', "[red]", '\udcff', "a=b", "=", "search.seed=", "search.seed=1",
    "search.replicas=1e9", "search.replicas=-1", "search.generations=1", "search.generations=0", "search.sites=4",
    "model.size=[0,0,0]", "model.size=[1,1,1]", "model.size=[9999999,9999999,1]", "model.moment=nan", "scan.field=[]",
    "scan.field=[0,1]", "scan.temperature=[0]", 'search.cells="auto"', 'search.path="x"', "storage.limit=0",
    "storage.seconds=-1", "islands.count=0", "islands.count=99999999", "model=1", "model.exchange=[]",
    "search.operators={}", "cpu", "cuda", "gpu:7", "auto", "svg", "1,1,1", "0.5,0,0", "json", "random", "spiral",
    "ferromagnet", "texture", "elites", "progress",
]  # fmt: skip
STRANGE = ["--unknown", "-x", "--top", "--port", "--serve", "--version", "-h"]  # options that commands do not have
VARIABLES = {
    "OMP_NUM_THREADS": ["", "0", "-1", "x", "1.5", "1,2", "9" * 50, "2", "٣", "64"],
    "OPENBLAS_NUM_THREADS": ["", "0", "x", "2"],
    "MAGSEARCH_ISA": ["", "sse", "baseline", "avx2", "AVX2", "\x1b"],
    "HOME": ["", "/nonexistent", "/dev/null", "relative"],
    "TMPDIR": ["", "/nonexistent", "/dev/null"],
    "LANG": ["C", "xx_YY", "tr_TR.UTF-8", "\x1b"],
    "LC_ALL": ["C", "POSIX", "xx_YY", "de_DE.ISO-8859-1"],
    "PYTHONIOENCODING": ["ascii", "latin-1", "utf-16", "utf-8:strict"],
    "PYTHONUTF8": ["0", "1"],
    "TERM": ["", "dumb", "xterm", "x" * 300],
    "COLUMNS": ["", "0", "1", "-5", "x", "100000"],
    "LINES": ["0", "x"],
    "NO_COLOR": ["1"],
    "FORCE_COLOR": ["1", "x"],
    "MPLBACKEND": ["", "nonsense", "TkAgg", "agg"],
    "MPLCONFIGDIR": ["/nonexistent", "/dev/null"],
    "XDG_CACHE_HOME": ["/nonexistent", "/dev/null"],
    "PMI_SIZE": ["", "0", "-1", "x", "1", "٣", "2"],
    "OMPI_COMM_WORLD_SIZE": ["1", "x"],
    "PMI_RANK": ["5", "x", "-1"],
    "SLURM_STEP_NUM_TASKS": ["", "x", "1"],
    "CUDA_VISIBLE_DEVICES": ["", "7", "x"],
    "PYTHONOPTIMIZE": ["2"],
    "PYTHONWARNINGS": ["error::DeprecationWarning:magsearch", "ignore", "nonsense"],
    "HDF5_USE_FILE_LOCKING": ["TRUE", "FALSE", "x"],
    "HDF5_DISABLE_VERSION_CHECK": ["0", "2"],
}
LONG = {"run", "scan", "tc", "loop", "landscape", "textures", "sample", "magnons", "bound", "watch", "view"}
BUSY = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # processes for each core
ALLOWED = 20 * BUSY  # seconds of a command; those of LONG must then obey a signal


def _place(folder: Path) -> None:
    furnish(folder)
    (folder / "folder").mkdir()


def _line(chance: random.Random, name: str = "") -> list[str]:
    """Return a line that works in a sound environment, one of this command."""
    line = chance.choice([line for line in (lines_of(name) if name else LINES) if FOLDER not in line.out])
    return line.of(out=f"new{chance.choice(line.out)}" if line.out else "")


@cache
def _flags(command: str) -> list[str]:
    """Return the options of a command, and some that it does not have."""
    return [*(name for option in load(command).params for name in option.opts if name.startswith("-")), *STRANGE]


def _judge(what: str, code: int, err: str, tally: Tally) -> None:
    tally.trials += 1
    tally.ended(code)
    right = (0, 1, 2) if what.startswith("magsearch ['check'") else (0, 2, 75)  # 1: something looks wrong
    tally.expect(code in right, f"{what}: exit code {code}: {err[-2000:]}")
    tally.expect("Traceback" not in err, f"{what}: {err[-2000:]}")
    tally.expect("\x1b" not in err.replace("\x1b[", "", 0) or "FORCE_COLOR" in what, f"{what}: raw control characters")


def arguments(seconds: float, seed: int, most: int = 10**9) -> Tally:
    """Give random arguments to every command."""
    chance, tally, begun = random.Random(seed), Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        while time.monotonic() - begun < seconds and tally.trials < most:
            if tally.trials % 20 == 0:
                _place(folder)
            command = chance.choice(list(COMMANDS))
            line = _line(chance, command)
            if chance.random() < 0.4:
                line = [command, *chance.choices(line[1:], k=min(len(line) - 1, 2))]
            for _ in range(chance.randint(0, 4)):
                flag, word = chance.choice(_flags(command)), chance.choice(WORDS)
                line[1:1] = chance.choice([[flag, word], [word], [flag], ["--set", word]])
            if chance.random() < 0.2 and len(line) > 1:
                line[chance.randrange(1, len(line))] = chance.choice(WORDS)
            line = [word for word in line if "\0" not in word]
            begun_at, command_of = time.monotonic(), begin(line, _limited)
            code, _, err = command_of.ended(ALLOWED, signal.SIGTERM if command in LONG else signal.SIGKILL)
            if command in LONG and time.monotonic() - begun_at > ALLOWED:
                tally.expect(code in (75, -signal.SIGTERM), f"magsearch {line} after SIGTERM: exit code {code}: {err}")
                code, err = 75, ""
            _judge(f"magsearch {line}", code, err, tally)
        os.chdir("/")
    return tally


def _limited() -> None:
    """Allow a minute of computing time."""
    resource.setrlimit(resource.RLIMIT_CPU, (60, 65))


def environments(seconds: float, seed: int, most: int = 10**9) -> Tally:
    """Run commands in processes of their own, with a few odd variables, streams or limits."""
    chance, tally, begun = random.Random(seed), Tally(), time.monotonic()
    sound = {
        key: value for key, value in os.environ.items() if key in ("PATH", "PYTHONPATH", "OMP_NUM_THREADS", "HOME")
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        while time.monotonic() - begun < seconds and tally.trials < most:
            _place(folder)
            line, env, odd = _line(chance), dict(sound), []
            for variable in chance.sample(list(VARIABLES), chance.randint(1, 4)):
                env[variable] = chance.choice(VARIABLES[variable])
                odd.append(f"{variable}={env[variable]}")
            if chance.random() < 0.1:
                del env["HOME"]
                odd.append("no HOME")
            closed = chance.choice([None] * 8 + [0, 1, 2])
            if closed is not None:
                odd.append(f"stream {closed} closed")
            begin = time.monotonic()
            try:
                ended = subprocess.run(
                    [*COMMAND, *line], env=env, cwd=folder, capture_output=True, timeout=60 * BUSY,
                    preexec_fn=(lambda: os.close(closed)) if closed is not None else None,  # noqa: B023
                )  # fmt: skip
                code, err = ended.returncode, ended.stderr.decode(errors="replace")
            except subprocess.TimeoutExpired:
                code, err = 998, f"took over {time.monotonic() - begin:.0f} s"
            _judge(f"magsearch {line} with {odd}", code, err, tally)
    return tally
