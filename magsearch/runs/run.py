"""A run from its input to its file, on any number of ranks, begun or resumed, and stopped by whatever it is."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from magsearch import storage
from magsearch.bounds.bound import Bound
from magsearch.bounds.luttinger_tisza import lower_bound, takes_seconds
from magsearch.config.input import Input
from magsearch.console import model
from magsearch.console import run as progress
from magsearch.errors import InputError, Interrupted, Overdue
from magsearch.formatting import counted
from magsearch.limits import memory
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.parallel.ranks import Ranks
from magsearch.runs import record
from magsearch.runs.beginning import Beginning
from magsearch.runs.launch import Launch, expect_room
from magsearch.runs.supercells import Comparison
from magsearch.search.archipelago import Archipelago, owners
from magsearch.search.budget import Budget, allowed
from magsearch.search.generation import State
from magsearch.search.memory import footprint
from magsearch.search.stopping import Reason

BYTES_OF_SITE = 12  # a spin in single precision
BYTES_OF_ISLAND = 120_000  # that an island takes besides its textures, at least


def expect_host_memory(given: Input, ranks: Ranks) -> None:
    """Raise InputError if this process may not use the memory of its islands' textures, before any is made."""
    sites, settings = given.hamiltonian.lattice.sites, given.islands.islands(given.search)
    owned = zip(settings, owners(len(settings), ranks.size), strict=True)
    own = [island.replicas for island, owner in owned if owner == ranks.rank]
    needed, most = sum(BYTES_OF_SITE * replicas * sites + BYTES_OF_ISLAND for replicas in own), memory()
    if needed > most:
        raise InputError(
            f"{counted(sum(own), 'replica')} (search.replicas) of {sites} sites on "
            f"{counted(len(own), 'island')} (islands.count) of one process take "
            f"{needed / 1e9:.3g} GB at least; this process may use {most / 1e9:.3g} GB",
            given.path,
        )


class Run:
    """A run under way on all ranks; rank 0 prints and keeps the file.

    search        the archipelago
    record        on rank 0: the state that was stored last
    populations   on rank 0: those that belong to it; None if the run cannot be resumed from it

    Raises InputError for settings at odds, and Interrupted, with what has become of the run in words, if one of the
    ranks is signalled before the search begins.
    """

    def __init__(self, launch: Launch, start: Beginning):
        ranks, console = launch.ranks, launch.console
        ranks.on_all(lambda: expect_host_memory(start.given, ranks))
        for note in start.notes:
            launch.note(note)
        comparison = Comparison(launch, start)
        try:
            start = comparison.outcome()
            self.search = comparison.interruption.together(lambda: self._archipelago(launch, start))
        except Interrupted:
            raise Interrupted(comparison.stored()) from None
        given = start.given
        self.launch, self.ranks, self.start, self.out, self.writing = launch, ranks, start, start.out, 0.0
        self.bound: Bound | None = start.before.bound if start.before else None
        self.landscape = start.before.landscape if start.before else None
        self.record: storage.Record | None = None
        self.populations: storage.Populations | storage.Parts | None = None
        self.search.elapsed = start.elapsed
        path, settings = self.search.evaluator.path, self.search.settings
        ranks.watch = self.search.interruption.look
        self.size = footprint(given.hamiltonian, path, settings, ranks.size, type(launch.device))
        ranks.on_all(lambda: expect_room(self.size.least, launch.device))
        self.layout = ranks.broadcast(ranks.gather(self._own_line()))
        nodes = len(set(ranks.broadcast(ranks.gather(ranks.host))))
        model.describe(console, given.hamiltonian)
        progress.layout(console, self.search, self.layout, nodes)
        launch.say(
            f"path       {model.path_line(given.hamiltonian, self.search.evaluator.path, self.search.evaluator.device)}"
        )
        dealt = [len(start.seeds[k :: len(self.search.settings)]) for k in range(len(self.search.settings))]
        spare = sum(max(0, n - own.replicas) for n, own in zip(dealt, self.search.settings, strict=True))
        if spare:
            launch.note(f"{spare} seeds ignored: more seeds than replicas")
        if start.before is not None:
            self.writing, ranks.waited = start.before.writing, float(np.mean(start.before.waited))
            self._certify()
            self._resume(start.before)
        else:
            self.store()  # an unwritable place is known now, not at the end
            self._certify()
        if self.out is not None:
            launch.say(f"storing    {self.out}")

    @staticmethod
    def _archipelago(launch: Launch, start: Beginning) -> Archipelago:
        given = start.given
        try:
            return Archipelago(
                given.hamiltonian, launch.device, given.islands.islands(given.search), given.islands.migration(),
                given.search.stop(), given.storage.checkpoints(), given.search.path, launch.ranks, launch.signals,
                start.seeds, given.storage.snapshots(),
            )  # fmt: skip
        except ValueError as error:  # the same on all ranks
            raise InputError(str(error), given.path, everywhere=True) from None

    def _own_line(self) -> str:
        numbers = [island.number for island in self.search.islands]
        which = f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else str(numbers[0]) if numbers else "none"
        return f"rank {self.ranks.rank} on {self.ranks.host}: islands {which}, {self.search.device.description}"

    def _certify(self) -> None:
        """Compute the lower bound if it is asked for or takes seconds; a run does without if that fails."""
        search, hamiltonian = self.start.given.search, self.start.given.hamiltonian
        if self.bound is None and search.bound is not False:
            asked = search.bound is True or search.gap is not None
            budget = Budget(allowed(search.bound_seconds, search.seconds), self.search.interruption.watch)
            self.bound, why = self.ranks.on_first(lambda: bound_of(hamiltonian, asked, budget))
            if why:
                self.launch.note(f"no lower bound: {why}")
        if self.bound is not None:
            self.search.stop = replace(self.search.stop, bound=self.bound)
            self.launch.say(f"bound      {self.bound.per_site:.8f} meV per site: lower bound of the energy")

    def _resume(self, before: storage.Record) -> None:
        ranks, owners, every = self.ranks, self.search.owners, dict[int, State]()
        own = [[island for island, owner in enumerate(owners) if owner == rank] for rank in range(ranks.size)]
        out = self.out
        assert out is not None
        if self.start.in_parts:
            states = ranks.on_all(lambda: storage.read_states(out, own[ranks.rank], self.launch.device))
        else:
            ranks.on_first(lambda: every.update(storage.read_states(out, device=self.launch.device)))
            states = ranks.scatter([{i: every[i] for i in mine} for mine in own] if ranks.rank == 0 else [])
        self.search.resume(states, before.history, before.seconds, before.textures)
        self.launch.say(f"resuming   after {counted(len(before.history), 'generation')}, {before.seconds:.1f} s")
        self.launch.resumed(before.version)
        if before.device != self.search.device.description:
            self.launch.note(f"begun on {before.device}; results may differ bitwise on another device")

    def go(self) -> Reason:
        """Search to the end, with progress and checkpoints; return why the run ended or stopped.

        Raises InputError if the file cannot be written at the end. A checkpoint that fails is a warning.
        """
        search = self.search
        progression = progress.Progression(self.launch.console, search)
        try:
            with progression.shown():
                if search.stopped:
                    progression.polishing()
                for _ in search.generations():
                    progression.generations()
                    if search.due or search.stopped:
                        self.launch.write_or_warn(self.store)
                    if search.stopped:
                        progression.polishing()
        except Interrupted:
            self.launch.write_or_warn(self.store)
            return self.launch.signalled()
        assert search.stopped is not None
        if search.overdue:
            self.launch.note(f"polish: elites without {search.overdue}")
        self.store(search.stopped)
        return search.stopped

    def store(self, stopped: Reason | None = None) -> None:
        """Replace the file by the present state; ``stopped`` says why the run ended, None while it is under way."""
        begin = time.monotonic()
        try:
            self._store(stopped)
        finally:
            took = time.monotonic() - begin
            self.writing += took
            self.search.written(took)

    def _store(self, stopped: Reason | None) -> None:
        search, populations = self.search, None
        best = search.collected()
        elites = search.elites or best
        if stopped is None or self._worth_keeping(stopped, len(elites)):
            populations = self._populations()
        textures = search.textures
        if stopped is not None:
            textures = textures if self._within(len(elites), len(textures)) else ()
            elites = elites[: self._affordable()]

        def write() -> None:
            state = record.record(
                self.start.given, search, elites, stopped, created=self.start.created, command=self.start.command,
                layout=tuple(self.layout), writing=self.writing, bound=self.bound, landscape=self.landscape,
                resumable=populations is not None, textures=textures,
            )  # fmt: skip
            out = self.out
            if out is not None:
                storage.write(out, state, populations)
            self.record, self.populations = state, populations

        self.ranks.on_first(write)

    def _populations(self) -> storage.Populations | storage.Parts | None:
        """Return the states of all islands on rank 0, or the parts that ranks have written; large ones need a file."""
        search, ranks, sites = self.search, self.ranks, self.search.hamiltonian.lattice.sites
        if self.size.checkpoint <= 1e6 * self.start.given.storage.gather:
            return {island: state for part in ranks.gather(search.states) for island, state in part.items()}
        out = self.out
        if out is None:
            return None

        def write() -> tuple[str, int]:
            number = search.n_generations
            return storage.write_part(out, ranks.rank, number, search.states, sites)

        return storage.Parts(ranks.gather(ranks.on_all(write)), range(len(search.settings)))

    def _worth_keeping(self, stopped: Reason, elites: int) -> bool:
        """Return whether a run that has ended can be extended and its populations are within the limit."""
        return stopped.extensible and self._within(elites, len(self.search.textures), self.size.checkpoint)

    def _within(self, elites: int, textures: int, populations: int = 0) -> bool:
        """Return whether elites, textures over the generations and bytes of populations are within the limit."""
        limit = self.start.given.storage.limit
        needed = populations + elites * self.size.elite + textures * self.size.texture
        return limit is None or needed <= 1e6 * limit

    def _affordable(self) -> int:
        """Return how many elites the limit allows, at least one."""
        limit = self.start.given.storage.limit
        return len(self.search.elites) if limit is None else max(1, int(1e6 * limit / self.size.elite))


def bound_of(hamiltonian: Hamiltonian, asked: bool, budget: Budget) -> tuple[Bound | None, str]:
    """Return the lower bound of the energy, or why there is none."""
    try:
        if asked or takes_seconds(hamiltonian):
            return lower_bound(hamiltonian, watch=budget), ""
        return None, "it would take long; search.bound=true asks for it all the same"
    except Interrupted:  # the search stops for it before its first generation
        return None, "interrupted"
    except Overdue:
        return None, f"stopped after its budget of {budget.seconds:g} s (search.bound_seconds)"
    except Exception as error:  # whatever it is, a search does not fail because of it
        return None, " ".join(f"{type(error).__name__}: {error}".split())
