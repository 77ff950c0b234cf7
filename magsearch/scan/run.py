"""A scan from its input to its file, on any number of ranks, begun or resumed, and stopped by whatever it is."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from magsearch import config, storage
from magsearch.config.input import Input
from magsearch.console import model
from magsearch.errors import InputError, Interrupted
from magsearch.formatting import counted, fixed
from magsearch.output import marked_folder
from magsearch.phases.column import Column, describe
from magsearch.runs import record
from magsearch.runs.launch import Launch, claim, command_line, expect_exists, expect_free, warn
from magsearch.scan import plan
from magsearch.scan.scan import Scan, Share
from magsearch.search.stopping import Completed, Reason
from magsearch.storage import ScanRecord
from magsearch.storage.checkpoint import parts_folder
from magsearch.storage.scan import Kind, sweep_columns, with_parts


@dataclass(frozen=True)
class Waiting(Reason):
    """The points left belong to other jobs of an array."""

    code = "waiting"
    ended = False

    def __str__(self) -> str:
        return "the points left belong to other jobs"


@dataclass(frozen=True, eq=False)
class Beginning:
    """The start of a scan.

    given    the input
    out      where the scan is stored
    before   what is there already
    share    of the columns that this job computes
    """

    given: Input
    out: Path
    before: ScanRecord
    share: Share = field(default_factory=Share)


def begin(
    input_file: Path, out: Path, settings: Sequence[str], overwrite: bool, share: Share | None, held: ExitStack
) -> Beginning:
    """Return the start of a new scan; one of several jobs joins the scan that the others have begun.

    Raises InputError for what is wrong with the input, if ``out`` exists, and if another process writes it.
    """
    return new_scan(config.read(input_file, settings), out, overwrite, held, share)


def new_scan(
    given: Input, out: Path, overwrite: bool, held: ExitStack, share: Share | None = None, command: str | None = None
) -> Beginning:
    """Return the start of a new scan of an input; ``command`` is stored as what began it.

    Its file is claimed until ``held`` closes. Raises InputError as ``begin`` does.
    """
    claim(held, out, f"{share.one}-of-{share.of}" if share is not None else "")
    expect_free(out, overwrite or share is not None, "scan")
    new = _new(given, plan.columns(given), command or command_line())
    if share is not None:
        before = storage.read_scan(out) if out.exists() else with_parts(out, new)
        if before.name != new.name:
            raise InputError("is another scan: its input, settings or magsearch differ", out)
        return Beginning(given, out, before, share)
    marked_folder(parts_folder(out), f"parts of {out.name}")
    sweep_columns(out)
    return Beginning(given, out, new)


def resume(out: Path, settings: Sequence[str], held: ExitStack) -> Beginning:
    """Return the start of a scan that resumes from its file, claimed until ``held`` closes.

    Raises InputError for what is wrong.
    """
    expect_exists(out)
    claim(held, out)
    before = storage.read_scan(out)
    given = config.again(
        before.input_path, before.input_text, before.hamiltonian, before.settings, settings, before.model, ["scan"]
    )
    before = replace(before, command=command_line(before.command), settings=given.as_json())
    return Beginning(given, out, before)


def _new(given: Input, columns: Sequence[Column], command: str) -> ScanRecord:
    """Return a scan without results. Jobs that share a scan give it the same name."""
    settings = given.as_json()
    identity = json.dumps([version("magsearch"), given.text, settings, given.model, given.hamiltonian.field])
    return ScanRecord(
        name=hashlib.sha256(identity.encode()).hexdigest()[:16], hamiltonian=given.hamiltonian,
        input_path=str(given.path), input_text=given.text, settings=settings, model=given.model, columns=tuple(columns),
        followed=0, stopped=None, seconds=0.0, device="", created=record.now(), version=version("magsearch"),
        command=command,
    )  # fmt: skip


class ScanRun:
    """A scan under way on all ranks; rank 0 keeps the file, the first rank of every team prints what it has found."""

    def __init__(self, launch: Launch, start: Beginning):
        self.launch, self.ranks, self.start, self.out = launch, launch.ranks, start, start.out
        self.begun, console, ranks = time.monotonic(), launch.console, launch.ranks
        self.scan = Scan(
            start.given, start.before.columns, start.before.followed, launch.device, ranks, launch.signals, self._keep,
            self._report, start.share, self._reread,
        )  # fmt: skip
        self.own = model.console(console.stderr, quiet=launch.silent or self.scan.team.rank > 0)
        before = start.before
        points = sum(len(column.temperatures) for column in before.columns)
        model.describe(console, before.hamiltonian)
        launch.say(f"scan       {points} points in {counted(len(before.columns), 'column')}: {_axes(before.columns)}")
        if ranks.size > 1:
            launch.say(f"layout     {max(self.scan.teams) + 1} teams on {ranks.size} ranks")
        if done := sum(column.done for column in before.columns):
            launch.say(f"resuming   {done} of {len(before.columns)} columns are done")
            launch.resumed(before.version)
        self._write()
        launch.say(f"storing    {self.out}")

    def go(self) -> Reason:
        """Scan to the end; return why the scan ended or stopped.

        Raises InputError if the file cannot be written at the end. A write in between that fails is a warning.
        """
        try:
            while step := self.scan.step():
                if step == "wait":
                    return Waiting()
                if step in ("follow", "place"):
                    self.launch.write_or_warn(self._write)
        except Interrupted:
            self.launch.write_or_warn(self._write)
            return self.launch.signalled()
        self._write(Completed())
        return Completed()

    def settle(self) -> None:
        """Release the ranks of the teams."""
        self.scan.team.settle()

    def _keep(self, column: Column, kind: Kind) -> None:
        """Store what has been found in a column and print it, on the first rank of the team that found it."""
        try:
            storage.write_column(self.out, self.start.before.name, column, kind)
        except InputError as error:
            warn(self.own, f"column {column.number} is not stored yet: {error}")
        where = describe(column.settings)
        if kind == "minima" and column.minima:
            best = column.minima[0]
            self._report(
                f"{where}: {best.label}, {best.per_site:.7f} meV per site, charge {fixed(best.portrait.charge, 2)}, "
                f"{column.generations} generations, {column.seconds[0]:.1f} s"
            )
        for state in column.states or () if kind == "states" else ():
            note = "" if state.agreed else f" (from {state.begun}; other ladders disagree)"
            self._report(f"{where}, {state.averages.kelvin:g} K: {state.label}{note}")

    def _reread(self, columns: Sequence[Column]) -> Sequence[Column]:
        """Return the columns with what other jobs have found, on rank 0."""
        if self.start.share.of == 1:
            return columns
        found = with_parts(self.out, replace(self.start.before, columns=tuple(columns)))
        if self.start.share.one > 0 and self.out.exists():
            found = storage.read_scan(self.out)
            self.scan.followed = found.followed
        return found.columns

    def _write(self, stopped: Reason | None = None) -> None:
        """Replace the file by what is there, on rank 0; the first of several jobs does so."""

        def write() -> None:
            before, scan = self.start.before, self.scan
            if self.start.share.one > 0:
                return
            state = replace(
                before, columns=tuple(scan.columns), followed=scan.followed, stopped=stopped,
                seconds=before.seconds + time.monotonic() - self.begun, device=scan.device.description,
            )  # fmt: skip
            storage.write_scan(self.out, state)

        self.ranks.on_first(write)

    def _report(self, line: str) -> None:
        """Print a line, on the first rank of every team."""
        self.own.print(line, soft_wrap=True)


def _axes(columns: Sequence[Column]) -> str:
    """Return how many values each setting has, in words."""
    counts = {
        key: len({repr(column.settings[key]) for column in columns if key in column.settings})
        for key in dict.fromkeys(key for column in columns for key in column.settings)
    }
    kelvin = {t for column in columns for t in column.temperatures}
    words = [f"{count} of {key}" for key, count in counts.items()]
    return ", ".join([*words, *([f"{counted(len(kelvin), 'temperature')}"] if len(kelvin) > 1 else [])])
