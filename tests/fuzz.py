"""Files that are nearly right, for every reader: each must be read, or refused with an InputError, soon.

    .venv/bin/python tests/fuzz.py NAME --seconds 600

damages the small files of SEEDS in every way of DAMAGES until the time is over or one is found that raises anything
else, takes over HANG seconds, or needs over --gigabytes more memory; that is shrunk, and its files are printed.
test_fuzz.py runs a little of it. With atheris, ``atheris.Setup(argv, attempt(NAME).hypothesis.fuzz_one_input)`` works.
"""

from __future__ import annotations

import argparse
import io
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from forked import Tally
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from small_files.seeds import LATTICE, SEEDS, SPINS, Files

from magsearch import config, formats
from magsearch.errors import InputError

HANG = 20  # seconds that no small file may take

# -- damages -----------------------------------------------------------------------------------------------------------

NASTY = [
    "0", "-0.0", "1", "-1", "2", "3", "7", "1e308", "-1e308", "1e-320", "1d400", "nan", "-inf", "infinity", "0.5",
    "4294967296", "9223372036854775807", "18446744073709551616", "1e18", "99999", "100000000", "1_0", "0x10", "9" * 400,
    "1,2", "٣", "\0", "''", '"', "[", "]", "{}", "[[[[[[", "(", ")", "=", ":", "!", "!meV", "!parsec", "##", "<a>",
    "</a>", "&amp;", "&x;", "true", "T", "F", "P", "C", "x" * 300, "/", "..", ".", "~", "a/b", "\ufeff", "\x1c", "\x85",
    "\u2028", "\x1b[2J",
]  # fmt: skip
TOKEN = re.compile(rb"[^\s,=\[\]{}()<>\":;!#]+")


def _spans(content: bytes) -> list[tuple[int, int]]:
    return [match.span() for match in TOKEN.finditer(content)] or [(0, len(content))]


def _replaced_word(draw: Any, content: bytes) -> bytes:
    """A word, by a nasty one or one from elsewhere in the file; or removed, or written twice."""
    spans = _spans(content)
    a, b = draw(st.sampled_from(spans))
    c, d = draw(st.sampled_from(spans))
    nasty = draw(st.sampled_from(NASTY)).encode()
    new = draw(st.sampled_from([nasty, content[c:d], b"", content[a:b] + b" " + content[a:b], content[a:b] + nasty]))
    return content[:a] + new + content[b:]


def _shuffled_lines(draw: Any, content: bytes) -> bytes:
    """A line removed, written twice or many times, moved, or put together with the next."""
    lines = content.splitlines(keepends=True) or [b""]
    at, to = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    line = lines.pop(at)
    times = draw(
        st.sampled_from([0, 2, 1, min(300, 2**16 // (len(line) + 1))])
    )  # else a file's only line grows 300-fold
    if times == 1 and draw(st.booleans()):
        line = line.rstrip()
    lines[to if times == 1 else at : to if times == 1 else at] = [line] * times
    return b"".join(lines)


def _cut(draw: Any, content: bytes) -> bytes:
    a, b = sorted(draw(st.integers(0, len(content))) for _ in range(2))
    return draw(st.sampled_from([content[:a], content[:a] + content[b:], content[a:]]))


def _bytes(draw: Any, content: bytes) -> bytes:
    """A few bytes put in, or in the place of others."""
    at = draw(st.integers(0, len(content)))
    new = draw(st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 4, b"\0" * 8, b"\r\n", b"\t"])))
    return content[:at] + new + content[at + (len(new) if draw(st.booleans()) else 0) :]


DAMAGES: list[Callable[[Any, bytes], bytes]] = [
    _replaced_word,
    _replaced_word,
    _replaced_word,
    _shuffled_lines,
    _cut,
    _bytes,
]


@st.composite
def damaged(draw: Any, name: str) -> Files:
    files = dict(draw(st.sampled_from(SEEDS[name])))
    for _ in range(draw(st.integers(1, 5))):
        file = draw(st.sampled_from(sorted(files)))
        files[file] = draw(st.sampled_from(DAMAGES))(draw, files[file])
    return files


# -- what must hold ----------------------------------------------------------------------------------------------------


class Hang(Exception):
    pass


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise Hang(f"took over {seconds} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def read(name: str, path: Path) -> str:
    """What a user's command does with the file; what it returns must make sense, and so must the refusal, if any."""
    refusal = ""
    try:
        if name in SPINS:
            spins = formats.read_spins(path, LATTICE)
        else:
            h = config.read(path).hamiltonian if name == "settings" else formats.read(path, unpickle=True)
    except InputError as error:
        refusal = str(error)
    if refusal:
        assert refusal.isprintable(), "a message is one line"
        assert len(refusal) < 2000
    elif name in SPINS:
        assert spins.shape == (LATTICE.sites, 3)
        assert np.allclose(np.linalg.norm(spins, axis=1), 1)
    else:
        for numbers in (h.bonds.J, h.moments, h.field, h.lattice.cell, h.lattice.basis):
            assert np.isfinite(numbers).all()
        assert len(h.bonds.merged()) == len(h.bonds)
        assert all(note.isprintable() for note in h.notes)
    return refusal


def attempt(name: str, failing: list[Files] | None = None, **options: Any) -> Callable[[], None]:
    """A hypothesis test of the reader of this name.

    failing   becomes the files on which it failed last: the smallest ones, where hypothesis shrinks them
    """

    @settings(
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **options,
    )
    @given(damaged(name))
    def test(files: Files) -> None:
        with tempfile.TemporaryDirectory() as folder, patience(HANG), warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            warnings.simplefilter("ignore", UserWarning)
            for file, content in files.items():
                (Path(folder) / file).write_bytes(content)
            try:
                read(name, Path(folder) / next(iter(files)))
            except BaseException:
                if failing is not None:
                    failing[:] = [files]
                raise

    return test


def readers(seconds: float, seed_of_all: int, most: int = 10**9) -> Tally:
    """Try damaged files of all formats in turn, until the time is over or ``most`` have been tried."""
    tally, begin, batch = Tally(), time.monotonic(), 500
    for place in count():
        name = list(SEEDS)[place % len(SEEDS)]
        if time.monotonic() - begin > seconds or tally.trials >= most:
            return tally
        words = _failure(name, seed_of_all + place, batch)
        tally.expect(not words, f"{name}, seed {seed_of_all + place}: {words}")
        tally.trials += batch


def _failure(name: str, seed_of_one: int, batch: int) -> str:
    """Try a batch of damaged files of a format; return the error, where it was raised, and the files; "" if none."""
    failing: list[Files] = []
    phases = (Phase.generate, Phase.target, Phase.shrink)
    test = attempt(name, failing, max_examples=batch, phases=phases, report_multiple_bugs=False)
    try:
        with redirect_stdout(io.StringIO()):
            seed(seed_of_one)(test)()
    except Exception:
        return f"{traceback.format_exc()}\nfiles: {failing}"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("name", choices=SEEDS)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--gigabytes", type=float, default=2)
    given_ = parser.parse_args()
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + int(given_.gigabytes * 2**30),) * 2)
    begin, done, batch = time.monotonic(), 0, 2000
    while time.monotonic() - begin < given_.seconds:
        words = _failure(given_.name, given_.seed + done, batch)
        if words:
            sys.exit(f"{given_.name}, seed {given_.seed + done}: {words}")
        done += batch
        print(f"{given_.name}: {done} files in {time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
