"""A study under way: its steps are processes, one after the other, and what each has come to is kept in study.json."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, cast

from magsearch import output
from magsearch.config import Input
from magsearch.errors import InputError
from magsearch.parallel.ranks import AGAIN
from magsearch.study.steps import STEPS, Step

STATE = "study.json"
INTERVAL = 0.05  # seconds between looks at a process
REFUSAL = 2  # exit code of a command that cannot do what it is asked for
GRACE = 10.0  # seconds after which a process that was signalled is killed
BOX = "size"  # what a note is about if a file has no box


class State(StrEnum):
    """Outcome of a step."""

    DONE = "done"
    STOPPED = "stopped"  # by the budget; its file holds what there was
    SKIPPED = "skipped"
    REFUSED = "refused"  # the command does not apply to this model, or lacks a package
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a step.

    seconds  wall time
    why      why it is not done, in a line
    """

    state: State
    seconds: float = 0.0
    why: str = ""


@dataclass
class Study:
    """A study in a folder.

    folder    where everything is
    source    the input file
    settings  ``key=value`` settings of the input
    budget    seconds that a step may take
    skipped   names of steps that are left out
    outcomes  of the steps that have ended, by name
    """

    folder: Path
    source: Path
    settings: tuple[str, ...]
    budget: float
    skipped: frozenset[str] = frozenset()
    digest: str = ""
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @classmethod
    def of(
        cls, given: Input, folder: Path, settings: Sequence[str], budget: float, skipped: Sequence[str] = ()
    ) -> Study:
        """Return a new study of an input, or the one that its folder holds.

        The supercell is searched (search.cells=auto) where neither the file nor a setting gives the size of the box,
        and the search takes ``budget`` seconds (search.seconds) where they give none.

        Raises InputError for the folder of another study, and of one that cannot be read.
        """
        boxless = any(getattr(note, "about", "") == BOX for note in given.hamiltonian.remarks)
        auto = ["search.cells=auto"] if boxless and given.search.cells is None else []
        limit = [f"search.seconds={budget:g}"] if given.search.seconds is None else []
        own = (*auto, *settings)
        digest = hashlib.sha256("\0".join([given.text, *own]).encode()).hexdigest()
        made = cls(folder, given.path.resolve(), (*limit, *own), budget, frozenset(skipped), digest)
        made.outcomes = made._stored()
        return made

    def claim(self) -> None:
        """Write the state of a study, before its first step. Raises InputError for a folder that holds other files."""
        if not (self.folder / STATE).exists():
            mine = output.beside(self.folder / STATE, "")
            others = sorted(path.name for path in self.folder.iterdir() if not path.name.startswith(mine.name))
            if others:
                told = f"holds {others[0]} and no study, which could replace it; choose another folder (-o)"
                raise InputError(told, self.folder)
        self._store()

    def commands(self) -> Iterator[tuple[Step, list[str]]]:
        """Yield the steps that are not skipped, and the arguments of magsearch for each."""
        for step in STEPS:
            if step.name not in self.skipped:
                yield step, self._command(step)

    def go(self, stop: Callable[[], bool], tell: Callable[[Step, Outcome | None], None]) -> bool:
        """Do what is left to do; return whether all steps have ended.

        stop   asked repeatedly; once it is true, the step under way is ended
        tell   called with every step when it begins, with None, and when it has ended
        """
        for step in STEPS:
            before = self.outcomes.get(step.name)
            if step.name in self.skipped:
                outcome = Outcome(State.SKIPPED)
            elif before is not None and before.state == State.DONE:
                continue
            else:
                tell(step, None)
                found = self._run(step, stop)
                if found is None:
                    return False
                outcome = found
            self.outcomes[step.name] = outcome
            self._store()
            tell(step, outcome)
        return True

    def results(self) -> dict[str, Any]:
        """Return what the steps have printed as JSON, by name of the step; a file that is damaged is left out."""
        found: dict[str, Any] = {}
        for step in STEPS:
            outcome = self.outcomes.get(step.name)
            if step.prints and outcome is not None and outcome.state in (State.DONE, State.STOPPED):
                with suppress(OSError, ValueError, RecursionError):
                    printed = json.loads((self.folder / f"{step.name}.json").read_text())
                    if isinstance(printed, dict):
                        found[step.name] = printed
        return found

    def _command(self, step: Step) -> list[str]:
        """Return the arguments of magsearch for a step, as the folder is now."""
        there = [name for name in (step.file, *step.besides) if name and (self.folder / name).exists()]
        return step.command(str(self.source), self.settings, there)

    def _run(self, step: Step, stop: Callable[[], bool]) -> Outcome | None:
        """Run a step and return its outcome; None if it was stopped from outside."""
        arguments = self._command(step)
        printed = self.folder / f"{step.name}.{'json' if step.prints else 'txt'}"
        begin, told, late = time.monotonic(), 0.0, False
        with _opened(Path(f"{printed}.new"), "wb") as out, _opened(self.folder / f"{step.name}.log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "magsearch", *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=log,
                cwd=self.folder, preexec_fn=_end_with_parent,
            )  # fmt: skip
            while process.poll() is None:
                now = time.monotonic()
                late = late or (step.name != "run" and now - begin > self.budget)
                if (stop() or late) and not told:
                    process.terminate()
                    told = now
                elif told and now - told > GRACE:
                    process.kill()
                time.sleep(INTERVAL)
        seconds, code = time.monotonic() - begin, process.returncode
        if code in step.good:
            _replace(printed)
            return Outcome(State.DONE, seconds)
        if stop():
            return None
        if late:
            if code == AGAIN:
                _replace(printed)
            return Outcome(State.STOPPED, seconds, f"stopped after {self.budget:g} s (--budget)")
        refused = code == REFUSAL and not step.input
        return Outcome(State.REFUSED if refused else State.FAILED, seconds, self._last_line(step, code))

    def _last_line(self, step: Step, code: int) -> str:
        lines = (self.folder / f"{step.name}.log").read_text(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("magsearch: ") if lines else f"exit code {code}"

    def _store(self) -> None:
        steps = {name: asdict(outcome) for name, outcome in self.outcomes.items()}
        text = json.dumps({"input": str(self.source), "digest": self.digest, "steps": steps}, indent=1)
        output.write({self.folder / STATE: text + "\n"})

    def _stored(self) -> dict[str, Outcome]:
        """Return the outcomes of a study that is continued."""
        path = self.folder / STATE
        if not path.exists():
            return {}
        try:
            stored = json.loads(path.read_text())
            source, digest = stored["input"], stored["digest"]
            outcomes = {
                name: Outcome(State(one["state"]), float(one["seconds"]), str(one["why"]))
                for name, one in stored["steps"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InputError("cannot be read; expected the state of a study: remove it to begin anew", path) from None
        if digest != self.digest:
            told = f"holds a study of {source} with other contents or settings; choose another folder (-o)"
            raise InputError(told, self.folder)
        return outcomes


def _opened(path: Path, mode: str) -> IO[bytes]:
    """Open a file for what a step prints. Raises InputError for what is not a regular file, or cannot be written."""
    path = output.target(path)
    try:
        return cast(IO[bytes], open(path, mode))
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", path) from None


def _replace(printed: Path) -> None:
    """Put what a step has printed in the place of what it printed before."""
    try:
        os.replace(f"{printed}.new", output.target(printed))
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", printed) from None


def _end_with_parent() -> None:
    """Let the system end this process if its parent is killed (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
