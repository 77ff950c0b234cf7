"""Signals at random moments of runs and scans, on one rank or several: obeyed soon, and resumed with the same results.

    .venv/bin/python tests/soak.py signals --seconds 100

The moments are spread over all that a run does: supercells, symmetry, lower bound, search, storing, polish. A signal
goes to one rank, to all of them, or to the launcher, which passes it on. From then on the processes have priority,
where that is permitted (root): what else the machine does tells nothing about how soon a signal is obeyed. On a machine
with other work, it may take twice as long; of a failure, the seconds that each process computed are printed, too.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from forked import TOO_LONG, Tally, begin, ran
from killed import unlike
from processes import LEADER, MODEL, done, start

BASE = MODEL.replace("generations = 12", "generations = 6").replace("every = 2\n", LEADER)


@dataclass(frozen=True)
class Kind:
    """A command that is signalled.

    words    its arguments: {} stands for the file or folder of its results
    amends   whether that is the file of a run, which is there before
    divides  whether it can be started on several ranks
    again    arguments that continue it; empty: the same ones
    results  file of the results below {}
    """

    words: str
    amends: bool = False
    divides: bool = True
    again: str = ""
    results: str = ""

    def command(self, out: Path, again: bool = False) -> list[str]:
        """Return its arguments, or those that continue it if its results are there."""
        words = self.again if again and self.again and out.exists() else self.words
        return words.replace("{}", str(out)).split()


LEFT_OUT = ("cells", "symmetry", "magnons", "landscape", "tc", "plot", "report")  # steps of the study
RUN = "run in.toml -o {} --set "
RESUMED = "run --resume {}"
KINDS = {
    "run": Kind(RUN + "storage.seconds=0.1", again=RESUMED),
    "bound": Kind(RUN + "model.size=[9,9,1] --set search.bound=true --set model.vacancies=[3]", again=RESUMED),
    "polish": Kind(RUN + "search.generations=2 --set search.elites=8 --set search.replicas=16", again=RESUMED),
    "cells": Kind(RUN + 'search.cells="auto" --set search.sites=6 --set search.generations=2', again=RESUMED),
    "scan": Kind("scan in.toml -o {} --set scan.field=[0,3] --set search.generations=2", again="scan --resume {}"),
    "tc": Kind(
        "tc in.toml -o {} --ground-state run.h5 --sizes 1,2 --sweeps 100 --rounds 2 --ladders 1",
        again="tc --resume {}",
    ),
    "loop": Kind("loop in.toml -o {} --field -9 9 7", divides=False, again="loop --resume {}"),
    "landscape": Kind("landscape {} --minima 2 --most 4 --images 6 --temperature 5", amends=True),
    "textures": Kind("textures in.toml -o {} --charges 0,-1 --seeds 4 --each 2", divides=False),
    "magnons": Kind("magnons {} --points 60 --mesh 6 6 1", amends=True, divides=False),
    "study": Kind(
        "study in.toml -o {} --set search.generations=2 " + " ".join(f"--skip {step}" for step in LEFT_OUT),
        divides=False,
        results="run.h5",
    ),
}
NAMES = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
SOON = 1.0  # seconds within which a signal is obeyed; twice as many where processes share cores


def loaded() -> bool:
    """Return whether processes share the cores of the machine."""
    return os.getloadavg()[0] > (os.cpu_count() or 1)


def computed(processes: list[int]) -> float:
    """Return the seconds that processes, and those that they have waited for, have computed so far."""
    ticks = 0
    for process in processes:
        with suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def computed_by_children() -> float:
    """Return the seconds that the processes which have ended below this one have computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def prefer(processes: list[int]) -> None:
    """Give processes priority over what else the machine does, if that is permitted."""
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.setpriority(os.PRIO_PROCESS, process, -10)


def processes_below(process: int) -> list[int]:
    """Return the processes that one has started, and theirs."""
    listed = Path(f"/proc/{process}/task/{process}/children")
    try:
        own = [int(child) for child in listed.read_text().split()]
    except OSError:
        return []
    return [*own, *(below for child in own for below in processes_below(child))]


def ranks_below(process: int) -> list[int]:
    """Return the ranks that a launcher has started: the processes without children."""
    return [child for child in processes_below(process) if not processes_below(child)]


def ready(process: int) -> bool:
    """Return whether a process has handlers of magsearch: nothing else catches SIGUSR1."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> (signal.SIGUSR1 - 1) & 1)


def others(number: int, launched: bool, handled: bool) -> set[int]:
    """Return the exit codes besides 0 and 75 that are right: those of a signal before there were handlers.

    MPICH's launcher joins the states of all ranks bit by bit, that of a killed rank being 9: 75 is shifted, and lost.

    launched   whether by a launcher
    handled    whether there were handlers
    """
    killed = int(signal.SIGKILL)
    if launched:
        return {killed} if handled else {killed, number, number | killed}
    return set() if handled else {-number}


def trial(name: str, ranks: int, chance: random.Random, folder: Path, seconds: float, tally: Tally) -> None:
    """Send a signal to a command within its first seconds, measure when it ends, and continue it."""
    kind, number, moment = KINDS[name], chance.choice(NAMES), chance.uniform(0, seconds)
    out = prepared(kind, folder, "signalled")
    arguments, before = kind.command(out), computed_by_children()
    what = f"{name} on {ranks or 1} ranks, {number.name} after {moment:.2f} s"
    if ranks:
        launched = start(*arguments, ranks=ranks, cwd=folder)
        time.sleep(moment)
        everyone = ranks_below(launched.pid)
        aims = chance.choice([everyone, [chance.choice(everyone)] if everyone else [], [launched.pid]])
        if aims == [launched.pid]:
            number = signal.SIGUSR1  # which a launcher passes on
        what += f" to {'the launcher' if aims == [launched.pid] else f'{len(aims)} of them'}"
    else:
        alone = begin(arguments)
        time.sleep(moment)
        everyone = aims = [alone.pid]
    first = launched.pid if ranks else alone.pid
    family = [first, *processes_below(first)]
    prefer(family)
    handled = len(everyone) == (ranks or 1) and all(map(ready, everyone))
    sent, so_far = time.monotonic(), computed(family)
    for aim in aims:
        with suppress(ProcessLookupError):
            os.kill(aim, number)
    if ranks:
        try:
            log = launched.communicate(timeout=60)[0]
        except subprocess.TimeoutExpired:
            for process in [*ranks_below(launched.pid), launched.pid]:
                os.kill(process, signal.SIGKILL)
            log = "does not end"
        code = launched.returncode if launched.returncode is not None else TOO_LONG
    else:
        code, printed, err = alone.ended(moment + 60)
        log = printed + err
    late, used = time.monotonic() - sent, computed_by_children() - before - so_far
    took = f"{late:.2f} s at a load of {os.getloadavg()[0]:.1f}, {used / max(1, len(everyone)):.2f} s of computing"
    tally.trials += 1
    tally.ended(code)
    tally.late.append(late)
    tally.expect(code in (0, 75) or code in others(number, bool(ranks), handled), f"{what}: exit code {code}: {log}")
    tally.expect(late < SOON * (1 + loaded()), f"{what}: took {took}: {log}")
    tally.expect("Traceback" not in log, f"{what}: {log}")
    if code:
        code, _, err = ran(kind.command(out, again=True), seconds=300)
        tally.expect(code == 0, f"{what}: then exit code {code}: {err}")
    wrong = unlike(folder / "sound" / name / kind.results, out / kind.results) if code == 0 else set()
    tally.expect(not wrong, f"{what}: then other results: {sorted(wrong)}")


def prepared(kind: Kind, folder: Path, where: str, name: str = "out") -> Path:
    """Return the path of the results of a command, in a folder below; what it amends is put there."""
    out = folder / where / name
    out.parent.mkdir(exist_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    for left in out.parent.glob(f"{name}*"):
        left.unlink()
    if kind.amends:
        shutil.copy(folder / "run.h5", out)
    return out


def signals(seconds: float, seed: int, most: int = 10**9) -> Tally:
    """Signal every kind of command in turn, on one to three ranks, until the time is over or after ``most`` signals."""
    chance, tally, begun = random.Random(seed), Tally(), time.monotonic()
    durations: dict[str, float] = {}
    launching: dict[int, float] = {0: 0.0}  # seconds that it takes until ranks begin, by their number
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.chdir(folder)
        (folder / "in.toml").write_text(BASE)
        order = chance.sample(list(KINDS), len(KINDS))
        while time.monotonic() - begun < seconds and tally.trials < most:
            name = order[tally.trials % len(order)]
            kind, ranks = KINDS[name], (0, 2, 0, 3)[tally.trials % 4]
            if not kind.divides:
                ranks = 0
            if ranks not in launching:
                start_of_it = time.monotonic()
                done("info", folder / "in.toml", ranks=ranks)
                launching[ranks] = time.monotonic() - start_of_it
            if not (folder / "run.h5").exists():
                code, _, err = ran(KINDS["run"].command(folder / "run.h5"))
                assert code == 0, err
            if name not in durations:
                sound = prepared(kind, folder, "sound", name)
                start_of_it = time.monotonic()
                code, _, err = ran(kind.command(sound), seconds=300)
                assert code == 0, err
                durations[name] = time.monotonic() - start_of_it
            trial(name, ranks, chance, folder, durations[name] + launching[ranks], tally)
        os.chdir("/")
    return tally
