"""The driver that runs and scans share: begin or resume, the device of each rank, signals, writing, the exit code."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from magsearch import output
from magsearch.console import model
from magsearch.engine.choice import choose
from magsearch.engine.device import Device, exhausted
from magsearch.errors import InputError
from magsearch.parallel.ranks import AGAIN, Ranks
from magsearch.parallel.signals import Signals
from magsearch.search.stopping import Reason, Signalled
from magsearch.storage import xdmf

Start = TypeVar("Start")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, eq=False)
class Launch:
    """The processes of a run or scan, and how they are spoken to.

    ranks     all of them
    device    where this rank evaluates
    signals   those that this rank has received
    console   for messages; quiet on all ranks but the first
    silent    whether no rank prints anything
    """

    ranks: Ranks
    device: Device
    signals: Signals
    console: Console
    silent: bool = False

    def say(self, line: str) -> None:
        """Print a line, on rank 0."""
        self.console.print(line, soft_wrap=True)

    def note(self, line: str) -> None:
        """Print a line that deserves attention, on rank 0."""
        self.console.print(f"note       {line}", style="yellow", soft_wrap=True)

    def resumed(self, written_by: str) -> None:
        """Print a note if what is resumed was written by another version of magsearch."""
        if written_by != version("magsearch"):
            self.note(f"written by magsearch {written_by}; this is {version('magsearch')}, whose results may differ")

    def signalled(self) -> Signalled:
        """Return the signal that one of the ranks received. Collective."""
        names = self.ranks.broadcast(self.ranks.gather(self.signals.name))
        return Signalled(next((name for name in names if name), "SIGTERM"))

    def write_or_warn(self, write: Callable[[], None]) -> None:
        """Write a checkpoint; print a warning if that fails: the run does not need it."""
        try:
            write()
        except InputError as error:
            warn(self.console, f"{error}; the previous checkpoint is intact")


def warn(console: Console, line: str) -> None:
    """Print a warning."""
    console.print(f"warning    {line}", style="red", soft_wrap=True)


def carry_out(
    begin: Callable[[ExitStack], Start],
    work: Callable[[Launch, Start], Outcome],
    device: str | Device,
    ranks: Ranks,
    signals: Signals,
    stderr: bool = False,
    silent: bool = False,
) -> Outcome:
    """Begin on rank 0, work on all ranks, and return what this rank's work returns.

    An InputError that all ranks know of is raised on all of them; any other error ends all ranks.

    begin     makes what the work starts from, and holds what is released at the end; called on rank 0
    work      called on every rank
    device    name of a device, or the device of this rank
    stderr    whether messages go to the standard error
    silent    whether there are none
    """
    with together(ranks), ExitStack() as held:
        start = ranks.on_first(lambda: begin(held))
        here = ranks.on_all(lambda: device_of(device, ranks) if isinstance(device, str) else device)
        console = model.console(stderr, quiet=silent or ranks.rank > 0)
        launch = Launch(ranks, here, signals, console, silent)
        if here.note:
            launch.note(here.note)
        with enough_memory(here):
            outcome = work(launch, start)
        ranks.settle()
    return outcome


@contextmanager
def together(ranks: Ranks) -> Iterator[None]:
    """End all ranks on an error that only one of them knows of."""
    try:
        yield
    except InputError as error:
        if ranks.size > 1 and not error.everywhere:
            print(f"magsearch: rank {ranks.rank} on {ranks.host}: {error}", file=sys.stderr, flush=True)
            ranks.abort(2)
        raise
    except Exception:
        if ranks.size > 1:
            print(f"magsearch: rank {ranks.rank} on {ranks.host} failed:", file=sys.stderr)
            traceback.print_exc()
            sys.stderr.flush()
            ranks.abort(1)
        raise


def expect_room(needed: int, device: Device) -> None:
    """Raise InputError if a population that needs at least so many bytes does not fit into the free memory of a GPU."""
    memory = device.memory()
    if memory is not None and needed > memory[0]:
        free, total = (f"{n / 1e9:.3g} GB" for n in memory)
        raise InputError(
            f"a population needs at least {needed / 1e9:.3g} GB; {free} of {total} are free: choose fewer replicas "
            "(search.replicas)", device.name,
        )  # fmt: skip


@contextmanager
def enough_memory(device: Device) -> Iterator[None]:
    """Raise InputError in one line where the memory of a device, or of the host, is exhausted."""
    try:
        yield
    except Exception as error:
        if not exhausted(error):
            raise
        left = device.memory()
        where = device.name if left is None else f"{device.name}, {left[1] / 1e9:.3g} GB"
        why = " ".join(str(error).split())
        raise InputError(f"out of memory ({why}); choose fewer replicas (search.replicas)", where) from None


def device_of(name: str, ranks: Ranks) -> Device:
    """Return the device of a rank: of several GPUs, the one of its place on its node. Raises InputError if none."""
    if ranks.size > 1:  # before the kernels are loaded
        os.environ.setdefault("OMP_NUM_THREADS", str(ranks.threads))
    try:
        return choose(name, *ranks.local)
    except RuntimeError as error:
        raise InputError(str(error), f"--device {name}") from None


def exit_code(reason: Reason) -> int:
    """Return the exit code of a command that ended for a reason."""
    return 0 if reason.ended else AGAIN


def claim(held: ExitStack, out: Path, share: str = "") -> None:
    """Keep other processes from writing the file of a run or scan until ``held`` is closed.

    Raises InputError if another process is writing it, and if its names belong to something else.

    share   what this process writes of a scan that several write
    """
    if not out.parent.is_dir():
        raise InputError(f"the folder {out.parent} does not exist; create it, or choose another name", out)
    held.enter_context(output.claimed(out, share))
    xdmf.expect_ours(output.target(out))


def expect_free(out: Path, overwrite: bool, what: str) -> None:
    """Raise InputError if a new run or scan (``what``) cannot be stored under a name."""
    if out.suffix == ".xdmf":
        raise InputError(f"belongs to viewers, written beside the {what}; choose another name, as .h5", out)
    if out.exists() and not overwrite:
        raise InputError(
            f"exists; choose another name, overwrite it (--overwrite), or resume its {what} (--resume)", out
        )


def expect_exists(out: Path) -> None:
    """Raise InputError if the file that is to be resumed is missing."""
    if not out.exists():
        raise InputError("no such file", out)


def command_line(before: str = "") -> str:
    """Return the command line of this process, below those that it resumes."""
    return "\n".join([*([before] if before else []), shlex.join(sys.argv)])
