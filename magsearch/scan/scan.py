"""A scan on MPI ranks: from its columns to their phases.

    search    every other column from nothing, then those between, which begin with the minima of their neighbours;
              a column's search ends when its champion no longer varies: its other phases come from its neighbours
    follow    every phase over all columns (follow.py)
    place     a column where a phase boundary is least certain, as often as is asked for; search and follow again
    sample    the thermal states of all columns, from the phases that compete there (thermal.py)

What is done next follows from what is there (``_next``), so that a scan resumes from wherever it was left. Columns are
divided among teams of ranks; a column's outcome does not depend on the team.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, TypeVar

import numpy as np

from magsearch.config.input import Input
from magsearch.config.scan import ScanTable
from magsearch.engine.device import Device
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import InputError, Interrupted
from magsearch.parallel.interruption import Interruption
from magsearch.parallel.ranks import Ranks
from magsearch.phases.column import Column, Minimum, describe, lowest
from magsearch.randomness import Consumer, key
from magsearch.scan import plan
from magsearch.scan.follow import Followed, Trial, batches, relaxed, with_slopes
from magsearch.scan.refine import Branches, next_point
from magsearch.scan.space import Space, depths
from magsearch.scan.surrogate import surrogate
from magsearch.scan.thermal import Tempering, sampled
from magsearch.search.archipelago import Archipelago
from magsearch.storage.scan import Kind

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Share:
    """Which part of a scan's columns one of several independent jobs computes: number ``one`` of ``of``, from 0."""

    one: int = 0
    of: int = 1


class Scan:
    """A scan under way.

    given     the input
    columns   on rank 0: what is there
    followed  rounds whose phases have been followed, on rank 0
    ranks     all; ``team`` are those that share this rank's columns
    signalled  polled: whether a signal asks this rank to stop
    keep      called when a column's minima or states have been found, on the first rank of a team
    report    called with a line when a team begins a search
    share     the columns that are computed here, where other jobs compute the others
    reread    the columns with what other jobs have found meanwhile, on rank 0
    """

    def __init__(
        self,
        given: Input,
        columns: Sequence[Column],
        followed: int,
        device: Device,
        ranks: Ranks,
        signalled: Callable[[], bool] = lambda: False,
        keep: Callable[[Column, Kind], None] = lambda column, kind: None,
        report: Callable[[str], None] = lambda line: None,
        share: Share | None = None,
        reread: Callable[[Sequence[Column]], Sequence[Column]] = lambda columns: columns,
    ):
        self.given, self.columns, self.followed, self.device, self.ranks = given, list(columns), followed, device, ranks
        self.keep, self.report, self.share, self.reread = keep, report, share or Share(), reread
        size = max(1, min(given.islands.count, ranks.size // len(columns)))  # more ranks than columns share islands
        self.teams = [min(rank // size, ranks.size // size - 1) for rank in range(ranks.size)]  # [rank]
        self.team = ranks.split(self.teams[ranks.rank])
        self.interruption = Interruption(ranks, signalled)
        ranks.watch = self.interruption.look

    # -- what comes next -----------------------------------------------------------------------------------------------

    def step(self) -> str:
        """Do the next step on all ranks and return which: "" if all is done, "wait" if the rest is for other jobs.

        Raises Interrupted on all ranks if one is signalled; what has been found is in ``columns``.
        """
        step, numbers = self.ranks.broadcast(self._next() if self.ranks.rank == 0 else ("", []))
        steps = {"search": self._search, "follow": self._follow, "place": self._place, "sample": self._sample}
        if step in steps:
            steps[step](numbers)
        return step

    def _next(self) -> tuple[str, list[int]]:
        self.columns = list(self.reread(self.columns))
        rounds, first = max(column.round for column in self.columns), self._first()
        for stage in (sorted(first), [column.number for column in self.columns if column.number not in first]):
            if any(self.columns[number].minima is None for number in stage):
                return self._shared("search", stage, "minima")
        if self.followed <= rounds:
            return ("follow", []) if self.share.one == 0 else ("wait", [])
        if len(self.columns) - len(self._planned) < self.given.scan.refine:
            return ("place", []) if self.share.one == 0 else ("wait", [])
        stage = [column.number for column in self.columns if column.warm]
        if any(self.columns[number].states is None for number in stage):
            return self._shared("sample", stage, "states")
        return "", []

    def _shared(self, step: str, stage: Sequence[int], what: str) -> tuple[str, list[int]]:
        """Return a step with the columns of a stage that are missing and belong to this job."""
        ours = [n for n in stage[self.share.one :: self.share.of] if getattr(self.columns[n], what) is None]
        return (step, ours) if ours else ("wait", [])

    @property
    def _planned(self) -> list[Column]:
        """Columns that the input asked for; they come first."""
        return [column for column in self.columns if column.round == 0]

    @property
    def _space(self) -> Space:
        return Space.of([column.settings for column in self._planned])

    def _first(self) -> set[int]:
        """Return the columns that are searched without seeds: every other one of those that the input asked for."""
        graph = self._space.graph(self._planned)
        return {number for number, depth in enumerate(depths(graph)) if depth % 2 == 0}

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _search(self, numbers: Sequence[int]) -> None:
        tasks = []
        if self.ranks.rank == 0:
            first, graph = self._first(), self._space.graph(self.columns)
            for column in (self.columns[number] for number in numbers):
                near = [] if column.number in first else [self.columns[n] for n in graph[column.number]]
                before = [c for c in near if c.round < column.round or (column.round == 0 and c.number in first)]
                tasks.append((column, _seeds(before)))
        self._put(self._spread(tasks, self._searched, put=True))

    def _searched(self, task: tuple[Column, list[Any]]) -> Column:
        column, seeds = task
        begin, at = monotonic(), plan.at(self.given, column)
        islands = at.islands.islands(at.search)
        self.report(f"searching  {describe(column.settings)}")
        room = sum(island.replicas for island in islands) // 2  # as much is left for what is new
        try:
            search = Archipelago(
                at.hamiltonian, self.device, islands, at.islands.migration(), replace(at.search.stop(), minima=1),
                path=at.search.path, ranks=self.team, signalled=self.interruption.look, seeds=seeds[:room],
            )  # fmt: skip
        except ValueError as error:
            raise InputError(f"at {describe(column.settings)}: {error}", self.given.path) from None
        search.run()
        if search.overdue:
            self.report(f"note       polish: elites without {search.overdue}")
        minima = lowest(
            Minimum.of(
                at.hamiltonian,
                at.hamiltonian.field,
                e.spins,
                e.energy,
                e.torque,
                f"{e.origin}, generation {e.generation}",
            )
            for e in search.elites
        )
        seconds = (monotonic() - begin, column.seconds[1])
        return self._kept(replace(column, minima=minima, generations=search.n_generations, seconds=seconds), "minima")

    def _follow(self, _: Sequence[int]) -> None:
        """Follow every phase over all columns; ``columns`` change at the end only, so that it happens as a whole."""
        followed = None
        if self.ranks.rank == 0:
            hamiltonians = [plan.at(self.given, column).hamiltonian for column in self.columns]
            tolerance = [Evaluator(h, self.device, np.float32).tolerance * h.n_spins for h in hamiltonians]
            followed = Followed(self.columns, self._space.graph(self.columns), tolerance)
        while self.ranks.broadcast(bool(trials := followed.trials() if followed else [])):
            minima = self._relaxed(trials, precise=False)
            if followed:
                followed.take(minima)
        polished = self._relaxed(followed.rough() if followed else [], precise=True)
        tasks = []
        if followed:
            pairs = zip(self.columns, followed.polished(polished), strict=True)
            tasks = [replace(column, minima=own) for column, own in pairs]
        space = self._space
        self._put(self._spread(tasks, lambda column: with_slopes(column, self.given, space, self.device)))
        if followed:
            self.followed = 1 + max(column.round for column in self.columns)

    def _relaxed(self, trials: Sequence[Trial], precise: bool) -> list[tuple[int, Minimum]]:
        """Return the minima that rank 0's trials relax to."""
        todo = batches(trials, self.columns, precise)
        done = self._spread(todo, lambda batch: relaxed(batch, self.given, self.device, self.interruption.watch))
        return [minimum for batch in done for minimum in batch]

    def _place(self, _: Sequence[int]) -> None:
        if self.ranks.rank == 0:
            self.columns += self._placed()

    def _placed(self) -> list[Column]:
        """Return new columns where the phase boundaries are least certain."""
        space, scan, added = self._space, self.given.scan, list[Column]()
        model = surrogate(scan.surrogate, len(space.names))
        members = space.families(self.columns)
        families = [Branches.of([self.columns[n] for n in own], space) for own in members]
        rounds = 1 + max(column.round for column in self.columns)
        left = scan.refine - sum(column.round > 0 for column in self.columns)
        while len(added) < min(scan.at_once, left):
            offers = [next_point(branches, model) for branches in families]
            best = int(np.argmax([doubt for _, doubt in offers]))
            x, like = offers[best][0], self.columns[members[best][0]]
            known = np.array([space.coordinates(self.columns[n].settings) for n in members[best]])
            settings = space.settings(like.settings, (known.min(axis=0) + x * np.ptp(known, axis=0)).round(9))
            added.append(Column(len(self.columns) + len(added), settings, like.temperatures, rounds))
            families[best] = families[best].with_prediction(model, x)
        return added

    def _sample(self, numbers: Sequence[int]) -> None:
        tasks = [self.columns[number] for number in numbers] if self.ranks.rank == 0 else []
        self._put(self._spread(tasks, self._sampled, put=True))

    def _sampled(self, column: Column) -> Column:
        if self.team.rank > 0:  # one batch
            return column
        begin, at, scan = monotonic(), plan.at(self.given, column), self.given.scan
        evaluator = Evaluator(at.hamiltonian, self.device, np.float32, at.search.path)
        random = key(at.search.seed, Consumer.SAMPLING, column.number)
        states = sampled(evaluator, column.warm, column.minima or (), tempering(scan), random, self.interruption.watch)
        return self._kept(replace(column, states=states, seconds=(column.seconds[0], monotonic() - begin)), "states")

    def _kept(self, column: Column, kind: Kind) -> Column:
        if self.team.rank == 0:
            self.keep(column, kind)
        return column

    # -- teams ---------------------------------------------------------------------------------------------------------

    def _spread(self, tasks: Sequence[Task], work: Callable[[Task], Result], put: bool = False) -> list[Result]:
        """Return the results of rank 0's tasks, shared by the teams; in their order on rank 0, nothing elsewhere.

        Raises Interrupted on all ranks if one is signalled; columns that are done by then are ``put`` in their places.
        """
        teams = max(self.teams) + 1
        shares = [list(enumerate(tasks))[team::teams] for team in self.teams] if self.ranks.rank == 0 else []
        done, interrupted = list[tuple[int, Result]](), False
        try:
            for place, task in self.ranks.scatter(shares):
                done.append((place, work(task)))
        except Interrupted:
            interrupted = True
        parts = self.ranks.gather((done if self.team.rank == 0 else [], interrupted))
        ended = [result for _, result in sorted((r for part, _ in parts for r in part), key=lambda pair: pair[0])]
        if self.ranks.broadcast(any(interrupted for _, interrupted in parts)):
            if put:
                self._put(ended)
            raise Interrupted
        return ended

    def _put(self, columns: Sequence[Any]) -> None:
        for column in columns:
            self.columns[column.number] = column


def tempering(scan: ScanTable) -> Tempering:
    """Return the settings of the ladders that sample thermal states."""
    warmup = scan.sweeps // 2 if scan.warmup is None else scan.warmup
    return Tempering(scan.ladders, scan.rungs, scan.hottest, scan.sweeps, warmup)


def _seeds(columns: Sequence[Column]) -> list[Any]:
    """Return the textures that a search begins with: champions of the neighbours, then their other phases."""
    most = max((len(column.minima or ()) for column in columns), default=0)
    every = [(column.minima or ())[place : place + 1] for place in range(most) for column in columns]
    return [minimum.texture for own in every for minimum in own]
