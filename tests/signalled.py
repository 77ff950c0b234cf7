"""Signals at random moments of runs and scans, on one rank or several: obeyed soon, and resumed with the same results.

    .venv/bin/python tests/soak.py signals --seconds 100

The moments are spread over all that a run does: supercells, symmetry, lower bound, search, storing, polish. A signal
goes to one rank, to all of them, or to the launcher, which passes it on. From then on the processes have priority,
where that is permitted (root): what else the machine does tells nothing about how soon a signal is obeyed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from forked import TOO_LONG, Tally, begin, ran
from killed import unlike
from processes import LEADER, MODEL, done, start

BASE = MODEL.replace("generations = 12", "generations = 6").replace("every = 2\n", LEADER)
RUNS: dict[str, tuple[str, ...]] = {  # command and settings
    "run": ("run", "--set", "storage.seconds=0.1"),
    "bound": ("run", "--set", "model.size=[9,9,1]", "--set", "search.bound=true", "--set", "model.vacancies=[3]"),
    "polish": ("run", "--set", "search.generations=2", "--set", "search.elites=8", "--set", "search.replicas=16"),
    "cells": ("run", "--set", 'search.cells="auto"', "--set", "search.sites=6", "--set", "search.generations=2"),
    "scan": ("scan", "--set", "scan.field=[0,3]", "--set", "search.generations=2"),
}
NAMES = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
SOON, LOADED = 1.0, 2.0  # seconds: on a machine with free cores, and where processes share a core


def patience() -> float:
    """Return the seconds within which a signal must be obeyed now."""
    return SOON if os.getloadavg()[0] <= (os.cpu_count() or 1) else LOADED


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


def others(number: int, launched: bool, stored: bool) -> set[int]:
    """Return the exit codes besides 0 and 75 that are right: those of a signal before there were handlers.

    MPICH's launcher joins the states of all ranks bit by bit, that of a killed rank being 9: 75 is shifted, and lost.

    launched   whether by a launcher
    stored     whether the file was there, so that there were handlers
    """
    killed = int(signal.SIGKILL)
    if launched:
        return {killed} if stored else {killed, number, number | killed}
    return set() if stored else {-number}


def trial(kind: str, ranks: int, chance: random.Random, folder: Path, seconds: float, tally: Tally) -> None:
    """Send a signal to a run within its first seconds, measure when it ends, and resume it."""
    command, *settings = RUNS[kind]
    number, moment = chance.choice(NAMES), chance.uniform(0, seconds)
    where = folder / "signalled"
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir()
    out = where / "out.h5"
    arguments = [command, folder / "in.toml", *settings, "-o", out]
    what = f"{kind} on {ranks or 1} ranks, {number.name} after {moment:.2f} s"
    if ranks:
        launched = start(*arguments, ranks=ranks)
        time.sleep(moment)
        everyone = ranks_below(launched.pid)
        aims = chance.choice([everyone, [chance.choice(everyone)] if everyone else [], [launched.pid]])
        if aims == [launched.pid]:
            number = signal.SIGUSR1  # which a launcher passes on
        what += f" to {'the launcher' if aims == [launched.pid] else f'{len(aims)} of them'}"
    else:
        alone = begin(arguments)
        time.sleep(moment)
        aims = [alone.pid]
    prefer([launched.pid, *processes_below(launched.pid)] if ranks else aims)
    sent = time.monotonic()
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
        code, printed, err = alone.ended()
        log = printed + err
    late = time.monotonic() - sent
    tally.trials += 1
    tally.ended(code)
    tally.late.append(late)
    tally.expect(
        code in (0, 75) or code in others(number, bool(ranks), out.exists()), f"{what}: exit code {code}: {log}"
    )
    tally.expect(late < patience(), f"{what}: took {late:.2f} s at a load of {os.getloadavg()[0]:.1f}: {log}")
    tally.expect("Traceback" not in log, f"{what}: {log}")
    if code:
        code, _, err = ran([command, "--resume", out] if out.exists() else arguments)
        tally.expect(code == 0, f"{what}: then exit code {code}: {err}")
    wrong = unlike(folder / f"{kind}.h5", out) if code == 0 else set()
    tally.expect(not wrong, f"{what}: then other results: {sorted(wrong)}")


def signals(seconds: float, seed: int, most: int = 10**9) -> Tally:
    """Signal every kind of run in turn, on one to three ranks, until the time is over or after ``most`` signals."""
    chance, tally, begun = random.Random(seed), Tally(), time.monotonic()
    durations: dict[str, float] = {}
    launching: dict[int, float] = {0: 0.0}  # seconds that it takes until ranks begin, by their number
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in.toml").write_text(BASE)
        while time.monotonic() - begun < seconds and tally.trials < most:
            kind = list(RUNS)[tally.trials % len(RUNS)]
            ranks = (0, 2, 0, 3)[tally.trials % 4]
            if ranks not in launching:
                start_of_it = time.monotonic()
                done("info", folder / "in.toml", ranks=ranks)
                launching[ranks] = time.monotonic() - start_of_it
            if kind not in durations:
                command, *settings = RUNS[kind]
                start_of_it = time.monotonic()
                code, _, err = ran([command, folder / "in.toml", *settings, "-o", folder / f"{kind}.h5"])
                assert code == 0, err
                durations[kind] = time.monotonic() - start_of_it
            trial(kind, ranks, chance, folder, durations[kind] + launching[ranks], tally)
    return tally
