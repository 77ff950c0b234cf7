"""A run from its input to its file, on however many ranks, and whatever happens to them on the way."""

from __future__ import annotations

import os
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch import config, storage
from magsearch.bounds import Bound, lower_bound, takes_seconds
from magsearch.config.input import Input
from magsearch.console import model
from magsearch.console import run as progress
from magsearch.engine.device import Device, choose
from magsearch.errors import InputError, Interrupted
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.parallel.interruption import Interruption
from magsearch.parallel.ranks import Ranks
from magsearch.parallel.signals import Signals
from magsearch.runs import record, textures
from magsearch.search.archipelago import Archipelago
from magsearch.search.island import State
from magsearch.search.memory import footprint
from magsearch.search.supercells.race import Race

AGAIN = 75  # exit code of a run that was told to stop and can go on (EX_TEMPFAIL of sysexits.h)


@contextmanager
def together(ranks: Ranks) -> Iterator[None]:
    """An error that only one rank knows of ends all of them."""
    try:
        yield
    except InputError as error:
        if ranks.size > 1 and not error.everywhere:
            print(f"magsearch: rank {ranks.rank} on {ranks.host}: {error}", file=sys.stderr, flush=True)
            ranks.abort(2)
        raise
    except Exception:
        if ranks.size > 1:
            print(f"magsearch: rank {ranks.rank} on {ranks.host} failed:", file=sys.stderr)
            traceback.print_exc()
            sys.stderr.flush()
            ranks.abort(1)
        raise


@dataclass(frozen=True, eq=False)
class Beginning:
    """Where a run begins: an input, and what has been done already."""

    given: Input
    out: Path
    created: str
    command: str
    before: storage.Record | None = None
    in_parts: bool = False
    seeds: tuple[NDArray[Any], ...] = ()  # textures [site, 3] that the search begins with


def begin(
    input_file: Path, out: Path, settings: Sequence[str], overwrite: bool, seeds: Sequence[str] = ()
) -> Beginning:
    """A new run, begun with the textures of some files. InputError for what is wrong, and where ``out`` is there."""
    given = config.read(input_file, settings)
    if out.suffix == ".xdmf":
        raise InputError("is what a viewer opens, written beside a run; give the run itself another name, as .h5", out)
    if out.exists() and not overwrite:
        raise InputError("exists; give another -o, or --overwrite; a run that was stopped goes on with --resume", out)
    given_textures = tuple(texture for name in seeds for texture in textures.read(name, given.hamiltonian))
    return Beginning(given, out, record.now(), shlex.join(sys.argv), seeds=given_textures)


def resume(out: Path, settings: Sequence[str]) -> Beginning:
    """A run that goes on. InputError where it cannot."""
    before = storage.read(out)
    if not before.resumable:
        why = before.stopped or "it was written by something else"
        raise InputError(f"cannot go on: the run has ended ({why}) and its populations are not kept", out)
    given = config.again(before.input_path, before.input_text, before.hamiltonian, before.settings, settings)
    command = f"{before.command}\n{shlex.join(sys.argv)}"
    return Beginning(given, out, before.created, command, replace(before, elites=()), storage.in_parts(out))


def in_best_box(start: Beginning, device: Device, ranks: Ranks, told: Callable[[], bool], console: Any) -> Beginning:
    """The run as it begins where its box is to be chosen: in the box that wins a race, with the texture that won it.

    Raises InputError where the box cannot be chosen, Interrupted where one of the ranks is told to stop.
    """
    given = start.given
    if given.search.cells is None or start.before is not None:
        return start
    if start.seeds:
        raise InputError(
            "are textures of the box of the input, but search.cells chooses another", "--seeds", everywhere=True
        )

    def say(words: str) -> None:
        console.print(f"boxes      {words}", highlight=False, soft_wrap=True)

    interruption = Interruption(ranks, told)
    ranks.watch = interruption.look
    race = Race(given.hamiltonian, device, given.search.sites, given.search.seed, ranks, say, interruption.watch)
    try:
        best = race.run()
    except ValueError as error:
        raise InputError(f"search.cells: {error}", given.path, everywhere=True) from None
    shown = best.shown()
    note = f"of all boxes of up to {race.sites} sites, the best one that was found has {best.box}"
    hamiltonian = replace(shown.box.hamiltonian, notes=(*given.hamiltonian.notes, note))
    return replace(start, given=replace(given, hamiltonian=hamiltonian), seeds=(shown.texture,))


class Run:
    """One run under way on all ranks; rank 0 speaks and keeps the file.

    search    the archipelago
    signals   whether it is told to stop
    """

    def __init__(self, ranks: Ranks, start: Beginning, device: Device, signals: Signals, console: Any):
        given, self.ranks, self.start, self.out = start.given, ranks, start, start.out
        self.console, self.signals, self.writing = console, signals, 0.0
        self.bound: Bound | None = start.before.bound if start.before else None
        try:
            self.search = Archipelago(
                given.hamiltonian, device, given.islands.islands(given.search), given.islands.migration(),
                given.search.stop(), given.storage.checkpoints(), given.search.path, ranks, signals, start.seeds,
            )  # fmt: skip
        except ValueError as error:  # the same on all ranks
            raise InputError(str(error), given.path, everywhere=True) from None
        self.size = footprint(given.hamiltonian, self.search.evaluator.path, self.search.settings, ranks.size)
        self.layout = ranks.broadcast(ranks.gather(self._own_line()))
        model.describe(console, given.hamiltonian)
        progress.layout(console, self.search, self.layout)
        path = model.path_line(given.hamiltonian, self.search.evaluator.path)
        console.print(f"path       {path}", highlight=False, soft_wrap=True)
        dealt = [len(start.seeds[k :: len(self.search.settings)]) for k in range(len(self.search.settings))]
        spare = sum(max(0, n - own.replicas) for n, own in zip(dealt, self.search.settings, strict=True))
        if spare:
            console.print(f"note       {spare} seeds find no place in the first generation", style="yellow")
        if start.before is not None:
            self.writing, ranks.waited = start.before.writing, float(np.mean(start.before.waited))
            self._certify()
            self._go_on(start.before)
        else:
            self.store()  # an unwritable place is known now, not at the end
            self._certify()
        console.print(f"storing    {self.out}", highlight=False, soft_wrap=True)

    def _own_line(self) -> str:
        numbers = [island.number for island in self.search.islands]
        which = f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else str(numbers[0]) if numbers else "none"
        return f"rank {self.ranks.rank} on {self.ranks.host}: islands {which}, {self.search.device.description}"

    def _certify(self) -> None:
        """The lower bound, where it is asked for or takes seconds; a run does without where there is none."""
        search, hamiltonian = self.start.given.search, self.start.given.hamiltonian
        if self.bound is None and search.bound is not False:
            asked = search.bound is True or search.gap is not None
            self.bound, why = self.ranks.on_first(lambda: bound_of(hamiltonian, asked))
            if why:
                said = f"no lower bound: {why}"
                self.console.print(f"note       {said}", style="yellow", highlight=False, soft_wrap=True)
        if self.bound is not None:
            self.search.stop = replace(self.search.stop, bound=self.bound.per_site)
            said = f"{self.bound.per_site:.8f} meV per site: no texture of this box has less"
            self.console.print(f"bound      {said}", highlight=False, soft_wrap=True)

    def _go_on(self, before: storage.Record) -> None:
        ranks, owners, every = self.ranks, self.search.owners, dict[int, State]()
        own = [[island for island, owner in enumerate(owners) if owner == rank] for rank in range(ranks.size)]
        if self.start.in_parts:
            states = ranks.on_all(lambda: storage.read_states(self.out, own[ranks.rank]))
        else:
            ranks.on_first(lambda: every.update(storage.read_states(self.out)))
            states = ranks.scatter([{i: every[i] for i in mine} for mine in own] if ranks.rank == 0 else [])
        self.search.resume(states, before.history, before.seconds)
        self.console.print(f"going on   after {len(before.history)} generations, {before.seconds:.1f} s")
        if before.device != self.search.device.description:
            said = f"begun on {before.device}: on another kind of device the same run ends with other bits"
            self.console.print(f"note       {said}", style="yellow", highlight=False, soft_wrap=True)

    def go(self) -> str:
        """Search, showing and storing as it goes. The signal that ended it early; empty where none did.

        InputError where the file cannot be written at the end: in between, it is said, and what the file held before
        stays.
        """
        search = self.search
        progression = progress.Progression(self.console, search)
        try:
            with progression.shown():
                if search.stopped:
                    progression.polishing()
                for _ in search.run():
                    progression.generations()
                    if search.due or search.stopped:
                        self._try_to_store()
                    if search.stopped:
                        progression.polishing()
        except Interrupted:
            self._try_to_store()
            return heard(self.ranks, self.signals)
        self.store(search.stopped)
        return ""

    def _try_to_store(self) -> None:
        try:
            self.store()
        except InputError as error:
            self.console.print(f"warning    {error}; the checkpoint before is still good", style="red", soft_wrap=True)

    def store(self, stopped: str = "") -> None:
        """Replace the file by the present state; ``stopped`` says why the run ended, and is empty while it goes on."""
        begin, search = time.monotonic(), self.search
        best, populations = search.collected(), None
        elites = search.elites or best
        if not stopped or self._worth_keeping(len(elites)):
            populations = self._populations()
        if stopped:
            elites = elites[: self._affordable()]

        def write() -> None:
            state = record.record(
                self.start.given, search, elites, stopped, created=self.start.created, command=self.start.command,
                layout=tuple(self.layout), writing=self.writing, bound=self.bound,
            )  # fmt: skip
            _written(self.out, lambda: storage.write(self.out, state, populations))

        try:
            self.ranks.on_first(write)
        finally:
            took = time.monotonic() - begin
            self.writing += took
            search.written(took)

    def _populations(self) -> storage.Populations | storage.Parts:
        """The states of all islands on rank 0, or what the ranks have written themselves."""
        search, ranks, sites = self.search, self.ranks, self.search.hamiltonian.lattice.sites
        if self.size.checkpoint <= 1e6 * self.start.given.storage.gather:
            return {island: state for part in ranks.gather(search.states) for island, state in part.items()}

        def write() -> tuple[str, int]:
            number = search.generations
            return _written(self.out, lambda: storage.write_part(self.out, ranks.rank, number, search.states, sites))

        return storage.Parts(ranks.gather(ranks.on_all(write)), range(len(search.settings)))

    def _worth_keeping(self, elites: int) -> bool:
        """Whether a run that has ended can go on, and its populations are within the limit."""
        limit, spent = self.start.given.storage.limit, "vary" not in self.search.stopped
        return spent and (limit is None or self.size.checkpoint + elites * self.size.elite <= 1e6 * limit)

    def _affordable(self) -> int:
        """How many elites the limit allows, at least one."""
        limit = self.start.given.storage.limit
        return len(self.search.elites) if limit is None else max(1, int(1e6 * limit / self.size.elite))


def bound_of(hamiltonian: Hamiltonian, asked: bool) -> tuple[Bound | None, str]:
    """The bound of the box, or why there is none."""
    try:
        if asked or takes_seconds(hamiltonian):
            return lower_bound(hamiltonian), ""
        return None, "it would take long; search.bound=true asks for it all the same"
    except Exception as error:  # whatever it is, a search does not fail because of it
        return None, " ".join(f"{type(error).__name__}: {error}".split())


def heard(ranks: Ranks, signals: Signals) -> str:
    """The signal that one of the ranks was told."""
    return next((name for name in ranks.broadcast(ranks.gather(signals.name)) if name), "SIGTERM")


def _written(path: Path, write: Any) -> Any:
    try:
        return write()
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", path) from None


def device(name: str, ranks: Ranks) -> Device:
    """The device of this rank: of several GPUs, the one of its place on its node. InputError where there is none."""
    if ranks.size > 1:  # before the kernels are loaded
        os.environ.setdefault("OMP_NUM_THREADS", str(ranks.threads))
    try:
        return choose(name, ranks.local[0])
    except RuntimeError as error:
        raise InputError(str(error), f"--device {name}") from None
