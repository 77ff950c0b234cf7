"""The atlas: models of the literature whose ground states are known, and searches that are compared with them.

A model is a file of inputs/atlas with a [reference] table. Each search is a process of its own, ``magsearch run``: what
fails is one row of the table.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import magsearch
from magsearch import config, storage
from magsearch.config.input import Input
from magsearch.errors import InputError, unknown
from magsearch.storage.summary import certificate

INTERVAL = 0.05  # seconds between queries of searches that have ended
PACKAGE = Path(magsearch.__file__).parent
FOLDERS = (PACKAGE / "atlas", PACKAGE.parent / "inputs" / "atlas")  # of an installed package, and of a clone
TOLERANCE = 1e-6  # of the stiffest coupling, per site: an energy this close to the known one is the same


class Verdict(StrEnum):
    """Comparison of a search with the known energy."""

    REACHED = "reached"
    MISSED = "missed"
    LOWER = "lower"  # than an energy that might not be the lowest
    IMPOSSIBLE = "impossible"  # lower than an energy that is known to be the lowest: the file or the search is wrong
    OPEN = "open"  # no energy is known
    FAILED = "failed"  # the search did


GOOD = {Verdict.REACHED, Verdict.LOWER, Verdict.OPEN}


@dataclass(frozen=True)
class Model:
    """A model of the atlas."""

    name: str
    given: Input

    @property
    def tolerance(self) -> float:
        """Difference, meV per site, within which an energy equals the known one."""
        return TOLERANCE * self.given.hamiltonian.stiffness


@dataclass(frozen=True)
class Outcome:
    """The outcome of one search.

    model, seed   what was searched
    file          of the run
    record        the run; None where it failed
    why           the last line that a failed search printed
    """

    model: Model
    seed: int
    file: Path
    record: storage.Record | None
    why: str = ""

    @property
    def energy(self) -> float | None:
        """Energy of the champion, meV per site."""
        elites = self.record.elites if self.record else ()
        return elites[0].energy_per_site if elites else None

    @property
    def verdict(self) -> Verdict:
        """Comparison with the known energy."""
        known, energy = self.model.given.reference, self.energy
        if energy is None:
            return Verdict.FAILED
        if known.energy is None:
            return Verdict.OPEN
        if energy > known.energy + self.model.tolerance:
            return Verdict.MISSED
        if energy < known.energy - self.model.tolerance:
            return Verdict.IMPOSSIBLE if known.known in ("analytic", "proven") else Verdict.LOWER
        return Verdict.REACHED

    @property
    def seconds(self) -> float | None:
        """Wall time of the search."""
        return self.record.seconds if self.record else None

    @property
    def found(self) -> float | None:
        """Wall time after which the search had the energy of its champion for the first time."""
        if self.record is None or self.energy is None:
            return None
        best = self.record.history["best"].min(axis=1)
        there = best <= self.energy + self.model.tolerance
        return float(self.record.history.seconds[there.argmax()]) if there.any() else self.record.seconds

    @property
    def gap(self) -> float | None:
        """Energy of the champion above the lower bound, meV per site; None without a bound."""
        proof = certificate(self.record) if self.record else None
        return None if proof is None else proof["gap"]

    @property
    def proven(self) -> bool:
        """Whether the champion is proven to be a ground state."""
        proof = certificate(self.record) if self.record else None
        return proof is not None and bool(proof["tight"])


def folder() -> Path:
    """Return the folder of the atlas. Raises InputError if neither the package nor a clone has it."""
    found = next((place for place in FOLDERS if place.is_dir()), None)
    if found is None:
        raise InputError(f"the atlas is missing: neither {FOLDERS[0]} nor {FOLDERS[1]} exists", "atlas")
    return found


def models(names: Sequence[str] = ()) -> list[Model]:
    """Return models of the atlas by their names, or files with a [reference] table; all of the atlas without names.

    Raises InputError for names that the atlas does not have, and for files that cannot be read.
    """
    files = {path.stem: path for path in sorted(folder().glob("*.toml"))}
    chosen = {}
    for name in names or files:
        if name.endswith(".toml"):
            chosen[Path(name).stem] = Path(name)
        elif name in files:
            chosen[name] = files[name]
        else:
            raise InputError(unknown("model", name, files), "atlas")
    return [Model(name, config.read(path)) for name, path in chosen.items()]


def searches(
    chosen: Sequence[Model], seeds: int, jobs: int, out: Path, settings: Sequence[str], stop: Callable[[], bool]
) -> Iterator[Outcome]:
    """Search every model with ``seeds`` seeds, ``jobs`` searches at a time; yield the outcomes as they end.

    All models have been searched with one seed before the next one begins.

    out        folder of the files NAME-SEED.h5, which must exist
    settings   further ``key=value`` settings of every search
    stop       asked repeatedly; once it is true, no search begins, and those under way are ended
    """
    tasks = deque((model, seed) for seed in range(1, seeds + 1) for model in chosen)
    running: list[_Search] = []
    try:
        while (tasks or running) and not stop():
            while tasks and len(running) < jobs:
                running.append(_Search(*tasks.popleft(), out, settings))
            for search in [one for one in running if one.process.poll() is not None]:
                running.remove(search)
                yield search.outcome()
            time.sleep(INTERVAL)
    finally:
        for search in running:
            search.process.terminate()
        for search in running:
            search.process.wait()  # it obeys within a second


class _Search:
    """A search of a model in a process of its own."""

    def __init__(self, model: Model, seed: int, out: Path, settings: Sequence[str]) -> None:
        self.model, self.seed, self.file = model, seed, out / f"{model.name}-{seed}.h5"
        own = [f"search.seed={seed}", f"search.seconds={model.given.reference.seconds}", *settings]
        sets = [argument for one in own for argument in ("--set", one)]
        command = [sys.executable, "-m", "magsearch", "run", str(model.given.path), "-o", str(self.file), "--overwrite"]
        self.said = tempfile.TemporaryFile()  # noqa: SIM115  closed with the search
        self.process = subprocess.Popen([*command, *sets], stdout=subprocess.DEVNULL, stderr=self.said)

    def outcome(self) -> Outcome:
        """Return the outcome of a search that has ended."""
        with self.said as errors:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
        if self.process.returncode:
            why = (said or f"exit code {self.process.returncode}").splitlines()[-1].removeprefix("magsearch: ")
            return Outcome(self.model, self.seed, self.file, None, why)
        try:
            return Outcome(self.model, self.seed, self.file, storage.read(self.file))
        except InputError as error:
            return Outcome(self.model, self.seed, self.file, None, str(error))
