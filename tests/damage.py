"""Damaged files of runs and scans, for every command that reads them: a result or one line, and soon.

    .venv/bin/python tests/damage.py --copies 300

damages copies of files of results of every kind, each in up to 40 bytes or bits, or cut short, or forges values in
them with checksums that agree, and gives each to all commands that read its kind and to a few others, in this process.
Prints what went wrong, and how the commands ended. test_damage.py runs a little of it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from forked import Tally
from lines import LINES, MADE, furnish, sound

from magsearch.storage.integrity import seal

HANG, PATIENCE = 30, 900  # seconds of computing that no command may take, and of time on a machine with other work
QUICK = {"show", "energy", "info", "check", "convert", "export"}  # commands that do little but read
KINDS = {  # of files of results, and what else a command may take in the place of each
    "run.h5": ("run.h5", "explored.h5", "in.toml"),
    "explored.h5": ("run.h5", "explored.h5", "in.toml"),
    "scan.h5": ("scan.h5", "in.toml"),
    "tc.h5": ("tc.h5",),
    "loop.h5": ("loop.h5",),
}
STRANGERS = 3  # commands that are given a file of another kind than they read


def commands(path: Path, kind: str, rng: np.random.Generator, quick: bool = False) -> list[list[str]]:
    """Return the command lines that read a file of a kind, and a few of those that read other kinds."""
    taking = [line for line in LINES if "{}" in line.words and not (quick and line.command not in QUICK)]
    own = [line for line in taking if line.given in KINDS[kind]]
    others = [line for line in taking if line not in own]
    chosen = [*own, *(others[k] for k in rng.permutation(len(others))[:STRANGERS])]
    return [line.of(path, path.parent / f"o{line.out[0]}" if line.out else "") for line in chosen]


def ended(arguments: list[str]) -> tuple[int, str]:
    """Return the exit code and the messages of a command in this process, 999 for what none may end with."""
    from magsearch.cli import main

    sys.argv, err = ["magsearch", *arguments], io.StringIO()
    code = 0

    def give_up(*_: object) -> None:
        raise BaseException(f"took over {HANG} seconds of computing, or {PATIENCE} in all")

    signal.signal(signal.SIGALRM, give_up)
    signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, HANG)
    signal.alarm(PATIENCE)
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            code = 999
            traceback.print_exc(file=err)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
    return code, err.getvalue()


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a content with up to 40 bytes or bits changed, or cut short."""
    changed, kind = bytearray(content), rng.integers(8)
    if kind == 0:
        return content[: rng.integers(len(content))]
    end = len(content) if kind < 5 else 3000  # where HDF5 keeps the structure of the first groups
    for place in rng.integers(end, size=rng.integers(1, 41)):
        changed[place] = rng.integers(256) if kind % 2 else changed[place] ^ (1 << rng.integers(8))
    return bytes(changed)


def forge(path: Path, rng: np.random.Generator) -> str:
    """Change a value, type, shape or attribute in a file and give it checksums that agree; return what was changed."""
    with h5py.File(path, "a") as file:
        items: list[Any] = [file]
        file.visititems(lambda _, item: items.append(item))
        item = items[rng.integers(len(items))]
        where = f"{item.name} of {path.name}"
        names = [name for name in item.attrs if name != "checksum" and item.attrs.get_id(name).dtype.kind != "V"]
        if isinstance(item, h5py.Group) or (names and rng.integers(3) == 0):
            if not names:
                return "nothing"
            name = names[rng.integers(len(names))]
            item.attrs[name], where = _other(np.asarray(item.attrs[name]), rng), f"attribute {name} of {where}"
        elif rng.integers(8) == 0:
            del file[item.name]
        else:
            values, kept, name = _other(np.asarray(item[()]), rng), dict(item.attrs), item.name
            del file[name]
            file[name] = values
            file[name].attrs.update(kept)
        seal(file)
    return where


def _other(values: Any, rng: np.random.Generator) -> Any:
    """Return values with one of them, or their shape or type, changed."""
    if values.dtype.kind in "OSU":
        texts = [
            "",
            "x",
            "\x1b[2J",
            "[" * 999,
            '{"search": 1}',
            "nan",
            "1e999",
            b"\xff\xfe",
            values.ravel()[:1].tolist() * 2,
        ]
        word = values.ravel()[0] if values.size else ""
        word = word.decode(errors="replace") if isinstance(word, bytes) else str(word)
        number = re.sub(r"\d+", lambda _: str(rng.choice(["0", "-1", "1e9", "999999999999"])), word, count=3)
        chosen = [*texts, word[: len(word) // 2], number][rng.integers(len(texts) + 2)]
        if isinstance(chosen, list):
            return np.array([str(one) for one in chosen], dtype=h5py.string_dtype())
        return np.array([chosen] * values.size, dtype=h5py.string_dtype()) if values.shape else chosen
    kind = rng.integers(6)
    if kind == 0:
        return values.astype(rng.choice(["f4", "i1", "u8", "c16", "S3", "f8"]))
    if kind == 1:
        return values.reshape(-1)[: max(0, values.size - 1)]
    if kind == 2:
        return np.concatenate([values.reshape(-1)] * 2)
    if kind == 3:
        return values[None]
    changed = np.array(values)
    if changed.size:
        odd = [0, -1, 1, 2, 2**31 - 1, -(2**31), 2**62, np.nan, np.inf, 1e300, 1e-300, 1e9]
        with np.errstate(invalid="ignore", over="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = np.asarray(odd[rng.integers(len(odd))]).astype(changed.dtype)
        if kind == 4:
            changed.reshape(-1)[rng.integers(changed.size)] = value
        else:
            changed[...] = value
    return changed


def attempt(
    copies: int, seed: int, say: Any = print, seconds: float = np.inf, each: int | None = None, quick: bool = False
) -> tuple[Counter[int], int]:
    """Return how often commands ended with each exit code, and the number of failures, which are printed.

    seconds   after which no other copy is tried
    each      number of commands that are given each copy, taken at random; None: all
    quick     give it to commands that do little but read
    """
    begin, rng, codes, failures = time.monotonic(), np.random.default_rng(seed), Counter[int](), 0
    content_of = {kind: sound(kind).read_bytes() for kind in MADE}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(copies):
            if time.monotonic() - begin > seconds:
                break
            kind = list(MADE)[(number // 2) % len(MADE)]  # each damaged, then forged
            where, how = folder / "copy", "damaged"
            shutil.rmtree(where, ignore_errors=True)
            where.mkdir()
            furnish(where)
            os.chdir(where)
            if number % 2:
                content = damaged(content_of[kind], rng)
            else:
                (where / "d.h5").write_bytes(content_of[kind])
                how = f"forged {forge(where / 'd.h5', rng)}"
                content = (where / "d.h5").read_bytes()
            every = commands(where / "d.h5", kind, rng, quick)
            chosen = every if each is None else [every[k] for k in rng.permutation(len(every))[:each]]
            for arguments in chosen:
                (where / "d.h5").write_bytes(content)
                print(f"{number} {arguments}", file=sys.__stderr__, flush=True)  # the last one, where it aborts
                code, err = ended(arguments)
                codes[code] += 1
                lines = [line for line in err.splitlines() if not line.startswith("note")]
                found = code == 1 and arguments[0] == "check"  # something that looks wrong
                if (code not in (0, 2, 75) and not found) or "Traceback" in err or (code == 2 and len(lines) != 1):
                    failures += 1
                    say(f"copy {number} ({kind}) of seed {seed}, {how}, {' '.join(arguments)}: exit code {code}\n{err}")
    return codes, failures


def damage(seconds: float, seed: int, most: int = 10**9) -> Tally:
    """Try ``most`` copies, or until the time is over."""
    tally = Tally()
    codes, _ = attempt(most, seed, lambda words: tally.expect(False, words), seconds)
    tally.trials, tally.codes = codes.total(), dict(codes)
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--copies", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, help="commands that are given each copy (default: all)")
    parser.add_argument("--quick", action="store_true", help="only commands that do little but read")
    given = parser.parse_args()
    codes, failures = attempt(given.copies, given.seed, each=given.each, quick=given.quick)
    print(f"{given.copies} copies, {codes.total()} commands: exit codes {dict(codes)}, {failures} failures")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
