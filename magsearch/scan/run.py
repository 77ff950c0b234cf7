"""A scan from its input to its file, on however many ranks, and whatever happens to them on the way."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from magsearch import config, storage
from magsearch.config.input import Input
from magsearch.console import model
from magsearch.engine.device import Device
from magsearch.errors import InputError, Interrupted
from magsearch.formatting import fixed
from magsearch.parallel.ranks import Ranks
from magsearch.parallel.signals import Signals
from magsearch.phases.column import Column, describe
from magsearch.runs import record
from magsearch.scan import plan
from magsearch.scan.scan import Scan, Share
from magsearch.storage import ScanRecord
from magsearch.storage.scan import Kind, sweep_columns, with_parts

LATER = {"scan": ("refine", "at_once", "surrogate")}  # what a scan that goes on may change
WAITING = "waiting"  # for other jobs


@dataclass(frozen=True, eq=False)
class Beginning:
    """Where a scan begins: an input, and what is there already."""

    given: Input
    out: Path
    before: ScanRecord
    share: Share = field(default_factory=Share)


def begin(input_file: Path, out: Path, settings: Sequence[str], overwrite: bool, share: Share | None) -> Beginning:
    """A new scan; one of several jobs goes on with what the others have done. InputError for what is wrong."""
    given = config.read(input_file, settings)
    if out.suffix == ".xdmf":
        raise InputError("is what a viewer opens, written beside a scan; give the scan another name, as .h5", out)
    new = _new(given, plan.columns(given))
    if share is not None:
        before = storage.read_scan(out) if out.exists() else with_parts(out, new)
        if before.name != new.name:
            raise InputError("is another scan: its input, settings or magsearch differ", out)
        return Beginning(given, out, before, share)
    if out.exists() and not overwrite:
        raise InputError("exists; give another -o, or --overwrite; a scan that was stopped goes on with --resume", out)
    sweep_columns(out)
    return Beginning(given, out, new)


def resume(out: Path, settings: Sequence[str]) -> Beginning:
    """A scan that goes on."""
    before = storage.read_scan(out)
    given = config.again(
        before.input_path, before.input_text, before.hamiltonian, before.settings, settings, before.model, LATER
    )
    command = f"{before.command}\n{shlex.join(sys.argv)}"
    return Beginning(given, out, replace(before, command=command, settings=given.as_json()))


def _new(given: Input, columns: Sequence[Column]) -> ScanRecord:
    """A scan of which nothing is there yet. Jobs that share a scan give it the same name."""
    settings = given.as_json()
    identity = json.dumps([version("magsearch"), given.text, settings, given.model, given.hamiltonian.field])
    return ScanRecord(
        name=hashlib.sha256(identity.encode()).hexdigest()[:16], hamiltonian=given.hamiltonian,
        input_path=str(given.path), input_text=given.text, settings=settings, model=given.model, columns=tuple(columns),
        followed=0, stopped="", seconds=0.0, device="", created=record.now(), version=version("magsearch"),
        command=shlex.join(sys.argv),
    )  # fmt: skip


class ScanRun:
    """One scan under way on all ranks; rank 0 keeps the file, the first rank of every team says what it has found."""

    def __init__(self, ranks: Ranks, start: Beginning, device: Device, signals: Signals, console: Any):
        self.ranks, self.start, self.console, self.signals = ranks, start, console, signals
        self.out, self.begun = start.out, time.monotonic()
        self.scan = Scan(
            start.given, start.before.columns, start.before.followed, device, ranks, signals, self._keep, self._tell,
            start.share, self._reread,
        )  # fmt: skip
        self.own = model.console(console.stderr, quiet=self.scan.team.rank > 0)
        before = start.before
        points = sum(len(column.temperatures) for column in before.columns)
        model.describe(console, before.hamiltonian)
        self._say(f"scan       {points} points in {len(before.columns)} columns: {_axes(before.columns)}")
        if ranks.size > 1:
            self._say(f"layout     {max(self.scan.teams) + 1} teams on {ranks.size} ranks")
        if done := sum(column.done for column in before.columns):
            self._say(f"going on   {done} of {len(before.columns)} columns are done")
        self._write("")
        self._say(f"storing    {self.out}")

    def go(self) -> str:
        """Scan to the end. The signal that ended it early, or ``WAITING`` for other jobs; else empty.

        InputError where the file cannot be written at the end; in between, it is said.
        """
        try:
            while step := self.scan.step():
                if step == "wait":
                    return WAITING
                if step in ("follow", "place"):
                    self._try_to_write()
        except Interrupted:
            self._try_to_write()
            names = self.ranks.broadcast(self.ranks.gather(self.signals.name))
            return next((name for name in names if name), "SIGTERM")
        self._write("all points done")
        return ""

    def _keep(self, column: Column, kind: Kind) -> None:
        """On the first rank of the team that has found it."""
        try:
            storage.write_column(self.out, self.start.before.name, column, kind)
        except OSError as error:
            self._warn(f"column {column.number} is not stored yet: {error.strerror or error}")
        where = describe(column.settings)
        if kind == "minima" and column.minima:
            best = column.minima[0]
            self._tell(
                f"{where}: {best.label}, {best.per_site:.7f} meV per site, charge {fixed(best.portrait.charge, 2)}, "
                f"{column.generations} generations, {column.seconds[0]:.1f} s"
            )
        for state in column.states or () if kind == "states" else ():
            note = "" if state.agreed else f" (from {state.begun}; other beginnings disagree)"
            self._tell(f"{where}, {state.averages.kelvin:g} K: {state.label}{note}")

    def _reread(self, columns: Sequence[Column]) -> Sequence[Column]:
        """With what other jobs have found; on rank 0."""
        if self.start.share.of == 1:
            return columns
        found = with_parts(self.out, replace(self.start.before, columns=tuple(columns)))
        if self.start.share.one > 0 and self.out.exists():
            found = storage.read_scan(self.out)
            self.scan.followed = found.followed
        return found.columns

    def _try_to_write(self) -> None:
        try:
            self._write("")
        except InputError as error:
            self._warn(f"{error}; what the file held before is still good")

    def _write(self, stopped: str) -> None:
        """Replace the file by what is there, on rank 0; of several jobs, the first one does."""

        def write() -> None:
            before, scan = self.start.before, self.scan
            if self.start.share.one > 0:
                return
            state = replace(
                before, columns=tuple(scan.columns), followed=scan.followed, stopped=stopped,
                seconds=before.seconds + time.monotonic() - self.begun, device=scan.device.description,
            )  # fmt: skip
            try:
                storage.write_scan(self.out, state)
            except OSError as error:
                raise InputError(f"cannot be written: {error.strerror or error}", self.out) from None

        self.ranks.on_first(write)

    def _say(self, line: str) -> None:
        """Rank 0 speaks for all."""
        self.console.print(line, highlight=False, soft_wrap=True)

    def _tell(self, line: str) -> None:
        """Every team speaks for itself."""
        self.own.print(line, highlight=False, soft_wrap=True)

    def _warn(self, line: str) -> None:
        self.own.print(f"warning    {line}", style="red", highlight=False, soft_wrap=True)


def _axes(columns: Sequence[Column]) -> str:
    """How many values each setting has."""
    counts = {
        key: len({repr(column.settings[key]) for column in columns if key in column.settings})
        for key in dict.fromkeys(key for column in columns for key in column.settings)
    }
    kelvin = {t for column in columns for t in column.temperatures}
    words = [f"{count} of {key}" for key, count in counts.items()]
    return ", ".join([*words, *([f"{len(kelvin)} temperatures"] if len(kelvin) > 1 else [])])
