"""A hysteresis loop from its input to its file, begun or resumed."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch.config.input import Input
from magsearch.console import model
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import InputError, Interrupted
from magsearch.formatting import counted
from magsearch.hysteresis.cycle import Course, Cycle, follow
from magsearch.hysteresis.loop import along
from magsearch.runs import record
from magsearch.runs.launch import Launch, claim, command_line, expect_exists, expect_free
from magsearch.search.stopping import Reason
from magsearch.storage.loop import LoopRecord, read_loop, write_loop

CHECKPOINT = 20.0  # seconds from one write to the next, at least
LINES = 10  # of progress in a half of the cycle


@dataclass(frozen=True)
class CycleDone(Reason):
    """The field has come back to where it began."""

    code = "cycle-done"
    extensible = False

    def __str__(self) -> str:
        return "the cycle is complete"


@dataclass(frozen=True, eq=False)
class Beginning:
    """The start of a loop: its file (None: nothing is written), and either its input or what the file holds.

    texture  [site, 3] to start from; None: all spins along the field
    """

    out: Path | None
    given: Input | None = None
    cycle: Cycle | None = None
    texture: NDArray[np.float64] | None = None
    before: LoopRecord | None = None


def begin(
    given: Input, out: Path | None, cycle: Cycle, texture: NDArray[np.float64] | None, overwrite: bool, held: ExitStack
) -> Beginning:
    """Return the start of a new loop; its file is claimed until ``held`` closes. Raises InputError if it exists."""
    if out is not None:
        claim(held, out)
        expect_free(out, overwrite, "loop")
    return Beginning(out, given, cycle, texture)


def resume(out: Path, held: ExitStack) -> Beginning:
    """Return the start of a loop that resumes from its file. Raises InputError if it cannot."""
    expect_exists(out)
    claim(held, out)
    before = read_loop(out)
    return Beginning(out, before=replace(before, command=command_line(before.command), stopped=None))


class LoopRun:
    """A hysteresis loop under way, on one process.

    record   what has been found

    Raises InputError on several ranks.
    """

    def __init__(self, launch: Launch, start: Beginning):
        if launch.ranks.size > 1:
            raise InputError("runs on one process: its replicas are one batch", "magsearch loop", everywhere=True)
        self.launch, self.out, self.begun = launch, start.out, time.monotonic()
        given, cycle = start.given, start.cycle
        if start.before is not None:
            self.record = start.before
            self.evaluator = Evaluator(self.record.hamiltonian, launch.device, np.float64)
        else:
            assert given is not None
            assert cycle is not None
            model.describe(launch.console, given.hamiltonian)
            if any(given.hamiltonian.field):
                launch.say("note       the field of the cycle replaces that of the model")
            self.evaluator = Evaluator(given.hamiltonian, launch.device, np.float64)
            self.record = LoopRecord(
                hamiltonian=given.hamiltonian, cycle=cycle,
                course=Course.start(cycle, self.evaluator, start.texture), input_path=str(given.path),
                input_text=given.text, settings=given.as_json(), device=launch.device.description,
                created=record.now(), version=version("magsearch"), command=command_line(),
            )  # fmt: skip
        self.before = self.record.seconds
        cycle = self.record.cycle
        how = "relaxed" if cycle.temperature == 0 else f"heat bath at {cycle.temperature:g} K, {cycle.sweeps} sweeps"
        launch.say(
            f"loop       {cycle.high:g} T to {cycle.low:g} T and back, {counted(len(cycle.fields), 'step')} of "
            f"{counted(cycle.replicas, 'replica')}, {how}"
        )
        if self.record.course.done:
            launch.say(f"resuming   after {self.record.course.done} steps, {self.before:.1f} s")
            launch.resumed(self.record.version)
        self._store(None)

    def go(self) -> Reason:
        """Follow the cycle to its end; return why it ended. Raises InputError if the file cannot be written then."""
        cycle, written = self.record.cycle, time.monotonic()

        def watch() -> None:
            if self.launch.signals():
                raise Interrupted

        told = len(self.record.course.switchings)
        try:
            for course in follow(cycle, self.evaluator, self.record.course, watch):
                self.record = replace(self.record, course=course)
                for one in course.switchings[told:]:
                    where = f"{one.before:.6g} and {one.after:.6g} T"
                    self.launch.say(
                        f"switching  replica {one.replica} between {where}, {one.lost:.4g} meV per spin lost"
                    )
                told = len(course.switchings)
                if course.done % max(1, cycle.steps // LINES) == 0:
                    moment = " ".join(f"{m:.4f}" for m in along(cycle, course)[:8, -1])
                    self.launch.say(
                        f"step {course.done:<5} {cycle.fields[course.done - 1]:.4g} T, moments {moment} mu_B"
                    )
                if time.monotonic() - written > CHECKPOINT:
                    self.launch.write_or_warn(lambda: self._store(None))
                    written = time.monotonic()
        except Interrupted:
            reason = self.launch.signalled()
            self.launch.write_or_warn(lambda: self._store(None))
            return reason
        self._store(CycleDone())
        return CycleDone()

    def _store(self, reason: Reason | None) -> None:
        seconds = self.before + time.monotonic() - self.begun
        self.record = replace(self.record, stopped=reason, seconds=seconds)
        if self.out is not None:
            write_loop(self.out, self.record)
