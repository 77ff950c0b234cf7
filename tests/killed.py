"""Runs and scans that are killed at a file operation, and commands that write where one fails.

    .venv/bin/python tests/killed.py kills|disks --seconds 100

``kills``: a process is killed at any of the operations that write its file; what is there is whole, and from it follows
what an undisturbed process finds. ``disks``: an operation fails as on a full or broken disk; the command ends with one
line and exit code 2, the old file is as it was and nothing else remains, or the command does not need the operation.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path

from forked import FULL, Faults, Tally, operations, ran
from lines import AMENDERS, WRITERS, Line, furnish
from processes import LEADER, MODEL, differences

from magsearch import storage
from magsearch.storage.files import KINDS, opened
from magsearch.storage.loop import read_loop
from magsearch.storage.transition import read_transition

OFTEN = ("--set", "storage.seconds=0", "--set", "storage.share=1.0")
SHORT = MODEL.replace("generations = 12", "generations = 4").replace("every = 2\n", LEADER)
KILLED = {
    "run": ("run", OFTEN),
    "run in parts": ("run", (*OFTEN, "--set", "storage.gather=0")),
    "scan": ("scan", ("--set", "scan.field=[0,3]", "--set", "search.generations=2")),
}


def whole(path: Path, command: str) -> None:
    """Read all of a file; raises InputError if something is missing."""
    if command == "scan":
        storage.read_scan(path)
    elif storage.read(path).resumable:
        storage.read_states(path)


def unlike(one: Path, other: Path) -> set[str]:
    """Names of the datasets in which two files differ, but for the clocks and what was set."""
    return {name for name in differences(one, other) if not name.endswith(("seconds", "config/settings"))}


def kills(seconds: float, seed: int, most: int = 10**9) -> Tally:
    """Kill each kind of run in turn at random operations, and resume it."""
    chance, tally, begin = random.Random(seed), Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in.toml").write_text(SHORT)
        sound, counts = {}, {}
        for kind, (command, settings) in KILLED.items():
            sound[kind] = folder / kind / "out.h5"
            sound[kind].parent.mkdir()
            counts[kind] = operations(folder / kind, [command, folder / "in.toml", *settings, "-o", sound[kind]])
        while time.monotonic() - begin < seconds and tally.trials < most:
            kind = list(KILLED)[sum(tally.codes.values()) % len(KILLED)]
            _kill(kind, chance.randrange(counts[kind]), folder, sound[kind], tally)
    return tally


def _kill(kind: str, at: int, folder: Path, sound: Path, tally: Tally) -> None:
    command, settings = KILLED[kind]
    where, what = folder / "killed", f"{kind} killed at operation {at}"
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir()
    out, begun = where / "out.h5", (command, folder / "in.toml", *settings, "-o", where / "out.h5")
    code, _, err = ran(begun, Faults(where, at))
    tally.trials += code != 0  # how many checkpoints are due depends on the time that they take
    tally.ended(code)
    tally.expect(code in (-signal.SIGKILL, 0), f"{what}: exit code {code}: {err}")
    if out.exists():
        try:
            whole(out, command)
        except Exception as error:
            tally.expect(False, f"{what}: {error}")
    if code:
        code, _, err = ran((command, "--resume", out) if out.exists() else begun)
    tally.expect(code == 0, f"{what}: then exit code {code}: {err}")
    if code == 0:
        wrong = unlike(sound, out)
        tally.expect(not wrong, f"{what}: then other results: {sorted(wrong)}")
    left = [one for one in os.listdir(where) if one.startswith(".")]
    tally.expect(not left, f"{what}: then there is {left}")


def disks(seconds: float, seed: int, most: int = 10**9) -> Tally:
    """Let operations of every command that writes fail."""
    chance, tally, begin = random.Random(seed), Tally(), time.monotonic()
    counts, files = dict[str, int](), dict[str, list[str]]()
    cases: dict[str, Line] = WRITERS | {" ".join(line.of()): line for line in AMENDERS}
    with tempfile.TemporaryDirectory() as name:
        where = Path(name) / "disk"
        where.mkdir()
        os.chdir(where)
        order = chance.sample(list(cases), len(cases))
        while time.monotonic() - begin < seconds and tally.trials < most:
            case = order[tally.trials % len(order)]
            line, given = cases[case], where / cases[case].given
            out = "" if line in AMENDERS else f"out{Path(case).suffix}"
            furnish(where)
            before = set(os.listdir(where))
            if case not in counts:
                counts[case] = operations(where, line.of(out=out))
                changed = {name for name in os.listdir(where) if name not in before}
                files[case] = sorted(changed - {Path(out or given).with_suffix(".xdmf").name})
                furnish(where)
            old = {name: (where / name).read_bytes() for name in before}
            for one in files[case]:
                if line.command != "new":  # which replaces nothing
                    (where / one).write_bytes(b"old")
                    old[one] = b"old"
            reason, at = chance.choice(FULL), chance.randrange(counts[case])
            what = f"{case} with error {reason} at operation {at}"
            code, _, err = ran(line.of(out=out), Faults(where, at, reason))
            tally.trials += 1
            tally.ended(code)
            tally.expect(code in (0, 2), f"{what}: exit code {code}: {err}")
            tally.expect("Traceback" not in err, f"{what}: {err}")
            if code == 2:
                said = [words for words in err.splitlines() if words.startswith("magsearch: ")]
                tally.expect(len(said) == 1, f"{what}: {err}")
                if line.command not in MANY and not line.amends:
                    lost = [one for one, content in old.items() if (where / one).read_bytes() != content]
                    tally.expect(not lost, f"{what}: {lost} are not as they were")
                if line.amends:
                    try:
                        whole_of(given)
                    except Exception as error:
                        tally.expect(False, f"{what}: {error}")
            elif code == 0:
                same = [one for one in files[case] if (where / one).exists() and (where / one).read_bytes() == b"old"]
                tally.expect(not same, f"{what}: {same} were not written, and nothing said")
            expected = (*before, *files[case])
            left = [
                one for one in os.listdir(where)
                if one.startswith(".") or (one not in expected and not one.endswith((".parts", ".xdmf", ".png")))
            ]  # fmt: skip
            tally.expect(not left, f"{what}: leaves {left}")
        os.chdir("/")
    return tally


MANY = ("run", "scan", "tc", "loop")  # commands that write several times, or several files one after the other


def whole_of(path: Path) -> None:
    """Read all of a file of results of any kind; raises InputError if something is missing."""
    with opened(path) as file:
        kind = next(group for group in KINDS if group in file)
    if kind == "transition":
        read_transition(path)
    elif kind == "loop":
        read_loop(path)
    else:
        whole(path, "scan" if kind == "columns" else "run")
