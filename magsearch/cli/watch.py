"""The command ``magsearch watch``: follow a run or a scan through its file."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Annotated, Protocol, TypeVar

import typer
from rich.console import Console
from rich.live import Live

from magsearch import storage
from magsearch.cli.arguments import ResultFile
from magsearch.console import live, model, scan_live
from magsearch.errors import InputError
from magsearch.search.stopping import Reason

PATIENCE = 20  # failed reads in a row before giving up: a slow file system may hide the file for a while


class Ending(Protocol):
    """Run or scan that is followed."""

    @property
    def stopped(self) -> Reason | None:
        """Reason why it ended; None while it is under way."""

    @property
    def written(self) -> float:
        """When its file was written last, seconds since 1970."""


Seen = TypeVar("Seen", bound=Ending)


def watch(
    run_file: ResultFile,
    every: Annotated[float, typer.Option(min=0.1, help="Polling interval in seconds.")] = 2.0,
) -> None:
    """Follow a run or a scan through its file until it ends.

    This works on every machine that can read the file. Ctrl-C stops watching, not the run. A run updates its file with
    every checkpoint (table [storage] of the input sets how often), a scan whenever a column is complete.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    console, scanned = model.console(), storage.is_scan(run_file)
    what = "scan" if scanned else "run"
    try:
        ended = _scan(console, run_file, every) if scanned else _run(console, run_file, every)
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ended.written))
        console.print(f"the {what} has finished at {at}: {ended.stopped}", soft_wrap=True)
        console.print(f"results    magsearch show {shlex.quote(str(run_file))}", soft_wrap=True)
    except KeyboardInterrupt:
        console.print(f"stopped watching; the {what} has not finished, and continues if it was under way")


def _run(console: Console, path: Path, every: float) -> Ending:
    """Follow a run and return its end."""
    if not console.is_terminal:
        shown = 0
        for seen in looks(path, every):
            for number in range(shown, len(seen.history)):
                console.print(live.line(seen.history, number), soft_wrap=True)
            shown = len(seen.history)
        return seen
    with Live(console=console, auto_refresh=False) as picture:
        for seen in looks(path, every):
            limits = None if seen.stopped else live.Limits(seen.generations, seen.limit)
            doing = str(seen.stopped or _file_of(seen.written))
            picture.update(live.table(seen.history, limits, seen.seconds, doing), refresh=True)
    return seen


def _scan(console: Console, path: Path, every: float) -> Ending:
    """Follow a scan and return its end."""
    known: dict[str, scan_live.Found] = {}  # by the line about it, in the order in which they were seen
    if not console.is_terminal:
        for seen in scan_looks(path, every):
            found = scan_live.lines(seen.record)
            for line in (line for line in found if line not in known):
                console.print(line, soft_wrap=True)
            known |= found
        return seen
    with Live(console=console, auto_refresh=False) as picture:
        for seen in scan_looks(path, every):
            found = scan_live.lines(seen.record)
            known = {line: found[line] for line in (known | found) if line in found}
            doing = str(seen.stopped or _file_of(seen.written))
            picture.update(scan_live.table(seen, list(known.values()), doing), refresh=True)
    return seen


def _file_of(moment: float) -> str:
    return f"file of {time.strftime('%H:%M:%S', time.localtime(moment))}"


def looks(path: Path, every: float) -> Iterator[storage.Glance]:
    """Yield the run after each replacement of its file, the last time when it has ended.

    InputError for a file that is not there or not a run at first, or cannot be read for a while later on.
    """
    return _looks(path, every, storage.glance, identity)


def scan_looks(path: Path, every: float) -> Iterator[scan_live.Sight]:
    """Yield a scan after each replacement of its file and after each part that is written beside it."""
    return _looks(path, every, scan_live.sight, lambda path: (identity(path), tuple(storage.scan.parts(path))))


def _looks(path: Path, every: float, look: Callable[[Path], Seen], marks: Callable[[Path], Hashable]) -> Iterator[Seen]:
    known, failed = None, 0
    seen = None
    while seen is None or not seen.stopped:
        if seen is not None:
            time.sleep(every)
        try:
            now = marks(path)
            if now == known:
                continue
            seen = look(path)
        except InputError:
            failed += 1
            if seen is None or failed > PATIENCE:
                raise
            continue
        known, failed = now, 0
        yield seen


def identity(path: Path) -> tuple[int, int, int]:
    """Return an identifier that changes when a file is replaced; opening it updates a network file system's view."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise InputError(os.strerror(error.errno or 0).lower(), path) from None
    try:
        found = os.fstat(handle)
    finally:
        os.close(handle)
    return found.st_ino, found.st_mtime_ns, found.st_size
