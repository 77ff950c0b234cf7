"""Try what users, batch systems and disks do to magsearch for a chosen time, and write a table of it.

    SOAK_SECONDS=600 python tests/soak.py [NAME...]    # or: make soak
    python tests/soak.py signals --times 100

Each driver works in a process of its own, with its share of the time or, with --times, until it has tried so often.
The table goes to out/soak.md, what went wrong is printed. docs/reliability.md says what is promised.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before the libraries are loaded: forks have one thread

import argparse
import datetime
import json
import math
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from forked import Tally, preload

ROOT = Path(__file__).parent.parent
DRIVERS = {  # name: its module and function, its share of the time, and what it tries
    "readers": ("fuzz", "readers", 0.15, "damaged inputs for the readers of all formats"),
    "damage": ("damage", "damage", 0.2, "commands with damaged files of runs and scans"),
    "signals": ("signalled", "signals", 0.25, "signals to runs and scans on 1, 2 and 3 ranks"),
    "kills": ("killed", "kills", 0.2, "kills of runs and scans at a file operation"),
    "disks": ("killed", "disks", 0.1, "failures of file operations, for every command that writes"),
    "pairs": ("pairs", "pairs", 0.04, "pairs of runs with one name"),
    "arguments": ("odd", "arguments", 0.03, "odd lists of arguments"),
    "environments": ("odd", "environments", 0.03, "odd environments"),
}


def drive(name: str, seconds: float, seed: int, times: int) -> None:
    """Run a driver in this process; print what went wrong, and at last the tally in JSON."""
    module, function, _, _ = DRIVERS[name]
    preload()
    work: Callable[[float, int, int], Tally] = getattr(import_module(module), function)
    print(json.dumps(asdict(work(seconds, seed, times))), flush=True)


def row(name: str, seconds: float, seed: int, times: int) -> tuple[str, int]:
    """Return the row of a driver, and how many failures there were."""
    _, _, share, tries = DRIVERS[name]
    begin = time.monotonic()
    command = [sys.executable, __file__, "--drive", name, "--seed", str(seed), "--times", str(times)]
    command += ["--seconds", str(seconds * share)]
    driver = subprocess.run(command, capture_output=True, text=True, errors="replace")
    *told, last = driver.stdout.splitlines() or [""]
    print(*told, sep="\n", end="\n" if told else "", flush=True)
    if driver.returncode:
        print(f"{name} with seed {seed} failed itself: {driver.stderr[-4000:]}")
        return f"| {tries} | - | failed itself | |", 1
    tally = Tally(**json.loads(last))
    codes = ", ".join(f"{code}: {count}" for code, count in sorted(tally.codes.items(), key=lambda one: -one[1]))
    late = f"; obeyed after {max(tally.late):.2f} s at most" if tally.late else ""
    took = time.monotonic() - begin
    return f"| {tries} | {tally.trials} | {len(tally.failures)} | {codes}{late} | {took:.0f} |", len(tally.failures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", choices=[*DRIVERS, []], default=[])
    parser.add_argument("--drive", choices=DRIVERS, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("SOAK_SECONDS", "600")))
    parser.add_argument("--times", type=int, default=0, help="try so often, however long it takes")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = parser.parse_args()
    if given.drive:
        drive(given.drive, given.seconds, given.seed, given.times)
        return
    if given.times:
        given.seconds = math.inf
    else:
        given.times = 10**9
    names = given.names or list(DRIVERS)
    shares = sum(DRIVERS[name][2] for name in names)
    tried = f"{given.times} times each" if given.seconds == math.inf else f"{given.seconds:.0f} seconds"
    day, machine = datetime.date.today(), f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    table = [
        f"{tried}, {day}, {machine}, Python {platform.python_version()}, seed {given.seed}:", "",
        "| tried | times | failures | exit codes | seconds |", "|---|---|---|---|---|",
    ]  # fmt: skip
    wrong, load = 0, os.getloadavg()[0]
    for name in names:
        line, failures = row(name, given.seconds / shares, given.seed, given.times)
        wrong += failures
        table.append(line)
        print(line, flush=True)
    table += ["", f"Load average {load:.1f} before and {os.getloadavg()[0]:.1f} after."]
    out = ROOT / "out" / "soak.md"
    out.parent.mkdir(exist_ok=True)
    out.write_text("\n".join(table) + "\n")
    print(f"{wrong} failures; the table is in {out}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
