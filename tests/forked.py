"""Commands in forks of this process, which need no second to import, and faults at their file operations."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from magsearch.cli import COMMANDS, main

TOO_LONG, FOREIGN = 998, 70  # exit codes: of a command that does not end, and of an exception that is not ours
OBEYED = 5.0  # seconds within which a signal must be obeyed, on a machine with other work
CREATING = os.O_CREAT | os.O_WRONLY | os.O_RDWR
CHANGES = ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")  # events of sys.audit
REMOVALS = ("os.remove", "os.rmdir", "os.truncate")


@dataclass
class Tally:
    """What a driver has tried, and what went wrong.

    trials     how many
    codes      how often commands ended with each exit code
    late       seconds after which each signal was obeyed
    failures   what went wrong, in words
    """

    trials: int = 0
    codes: dict[int, int] = field(default_factory=dict)
    late: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def ended(self, code: int) -> None:
        """Count the end of a command."""
        self.codes[code] = self.codes.get(code, 0) + 1

    def expect(self, right: bool, words: str) -> None:
        """Note what went wrong, and print it."""
        if not right:
            self.failures.append(words)
            print(words, flush=True)


@cache
def preload() -> None:
    """Import all commands and what they import late, so that forks begin at once."""
    for name, _ in COMMANDS.values():
        import_module(f"magsearch.cli.{name}")
    for late in ("matplotlib.backends.backend_agg", "scipy.spatial", "magsearch._kernels_baseline"):
        import_module(late)


@dataclass
class Command:
    """A command in a process of its own.

    output   files of its standard output and error
    """

    pid: int
    begun: float
    output: tuple[Any, Any]

    def ended(self, seconds: float = 60, number: int = signal.SIGKILL) -> tuple[int, str, str]:
        """Wait for its end; return its exit code (negative: that of a signal), and what it printed.

        After these seconds it is sent a signal; where that is not SIGKILL, it must end ``OBEYED`` seconds later.
        """
        code = self._waited(seconds)
        if code is None and number != signal.SIGKILL:
            os.kill(self.pid, number)
            code = self._waited(time.monotonic() - self.begun + OBEYED)
        if code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            code = TOO_LONG
        texts = []
        for file in self.output:
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
            file.close()
        return code, texts[0], texts[1]

    def _waited(self, seconds: float) -> int | None:
        """Return the exit code, None if it has not ended this long after its beginning."""
        while time.monotonic() - self.begun < seconds:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        return None


def carry_out(
    arguments: Sequence[object], prepare: Callable[[], object] = lambda: None, work: Callable[[], object] = main
) -> NoReturn:
    """Run a command, or other ``work``, in a fork whose standard streams are in place, and end the fork.

    prepare   called before
    """
    code = FOREIGN
    try:
        gc.freeze()  # files of the parent are not closed here: their numbers may be those of other files by then
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        sys.argv = ["magsearch", *map(str, arguments)]
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
        sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr
        prepare()
        try:
            work()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def begin(arguments: Sequence[object], prepare: Callable[[], object] = lambda: None) -> Command:
    """Start a command in a fork of this process; ``prepare`` is called in it before."""
    output = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return Command(pid, time.monotonic(), output)
    for number, file in enumerate(output, start=1):
        os.dup2(file.fileno(), number)
    carry_out(arguments, prepare)


def ran(
    arguments: Sequence[object], prepare: Callable[[], object] = lambda: None, seconds: float = 60
) -> tuple[int, str, str]:
    """Run a command in a fork of this process; return its exit code, and what it printed."""
    return begin(arguments, prepare).ended(seconds)


# -- faults ------------------------------------------------------------------------------------------------------------


class Faults:
    """Count what a process changes in a folder, and fail at one of these operations.

    at       number of the operation, from 0; None: only count
    reason   error of the system; 0: kill the process, writes being done by half

    An operation opens a file for writing, writes, synchronises, renames, links, removes, makes or truncates.
    With a reason, files are still removed and truncated: full disks let that be done.
    """

    def __init__(self, folder: Path, at: int | None = None, reason: int = 0, counted: int | None = None):
        self.folder, self.at, self.reason, self.counted, self.done = str(folder), at, reason, counted, 0

    def __call__(self) -> None:
        """Install in this process, until its end."""
        write, fsync = os.write, os.fsync

        def writing(handle: int, data: Any) -> int:
            if self._inside(handle) and self._now():
                if not self.reason:
                    write(handle, bytes(data)[: len(data) // 2])
                self._fail()
            return write(handle, data)

        def synchronising(handle: int) -> None:
            if self._inside(handle) and self._now():
                self._fail()
            fsync(handle)

        os.write, os.fsync = writing, synchronising
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        opens = event == "open" and isinstance(arguments[2], int) and arguments[2] & CREATING
        if not opens and event not in CHANGES:
            return
        if self.reason and event in REMOVALS:
            return
        if self._inside(arguments[0]) and self._now():
            self._fail()

    def _inside(self, what: Any) -> bool:
        try:
            path = os.readlink(f"/proc/self/fd/{what}") if isinstance(what, int) else os.path.abspath(os.fspath(what))
        except (OSError, TypeError):
            return False
        return os.fsdecode(path).startswith(self.folder)

    def _now(self) -> bool:
        now, self.done = self.done == self.at, self.done + 1
        if self.counted is not None:
            os.pwrite(self.counted, b"%9d" % self.done, 0)
        return now

    def _fail(self) -> None:
        if not self.reason:
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(self.reason, os.strerror(self.reason))


def operations(folder: Path, arguments: Sequence[object]) -> int:
    """Return how many operations of ``Faults`` a command makes in a folder."""
    with tempfile.TemporaryFile() as counted:
        assert ran(arguments, Faults(folder, counted=counted.fileno()))[0] == 0
        return int(os.pread(counted.fileno(), 9, 0) or 0)


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
