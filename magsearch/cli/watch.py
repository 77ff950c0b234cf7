"""The command ``magsearch watch``: a run that goes on elsewhere, seen through its file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live

from magsearch import live, screen, storage
from magsearch.cli.arguments import RunFile
from magsearch.errors import InputError

PATIENCE = 20  # failed looks in a row before the file is given up: a slow file system may hold it back for a while


def watch(
    run_file: RunFile,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds from one look to the next.")] = 2.0,
) -> None:
    """Follow a run from anywhere that sees its file, until the run has ended; Ctrl-C ends the watching alone.

    The file is as old as the last checkpoint of the run ([storage] says how often those are).
    """
    console = screen.console()
    try:
        if not console.is_terminal:
            shown = 0
            for seen in looks(run_file, every):
                for number in range(shown, len(seen.history)):
                    console.print(live.line(seen.history, number), highlight=False, soft_wrap=True)
                shown = len(seen.history)
        else:
            with Live(console=console, auto_refresh=False) as picture:
                for seen in looks(run_file, every):
                    limits = live.Limits(seen.generations, seen.limit)
                    doing = seen.stopped or f"file of {time.strftime('%H:%M:%S', time.localtime(seen.written))}"
                    picture.update(live.table(seen.history, limits, seen.seconds, doing), refresh=True)
        console.print(f"stopped: {seen.stopped}", highlight=False, soft_wrap=True)
    except KeyboardInterrupt:
        console.print("the run goes on", highlight=False)


def looks(path: Path, every: float) -> Iterator[storage.Glance]:
    """The run after each replacement of its file, the last time when it has ended.

    InputError for a file that is not there or not a run at first, or cannot be read for a while later on.
    """
    known, failed = None, 0
    seen = None
    while seen is None or not seen.stopped:
        if seen is not None:
            time.sleep(every)
        try:
            now = identity(path)
            if now == known:
                continue
            seen = storage.glance(path)
        except InputError:
            failed += 1
            if seen is None or failed > PATIENCE:
                raise
            continue
        known, failed = now, 0
        yield seen


def identity(path: Path) -> tuple[int, int, int]:
    """What changes when a file is replaced; by opening it, for which a network file system must ask its server."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise InputError(os.strerror(error.errno or 0).lower(), path) from None
    try:
        found = os.fstat(handle)
    finally:
        os.close(handle)
    return found.st_ino, found.st_mtime_ns, found.st_size
