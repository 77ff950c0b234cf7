"""The whole search: islands on the ranks that there are, elites that travel between them, and when to stop.

The outcome depends on the islands, never on the ranks: what an island does in a generation follows from its state and
from what other islands sent a generation ago. Files, screens and clocks look in from outside: ``run`` yields after
every generation. A generation of a rank, for all islands that it owns:

    send elites that are due -> breed -> hear how the generation before went elsewhere -> decide -> take in the elites
    that were sent meanwhile -> tell how this one went

News and elites have a whole generation to arrive, so that a rank waits only for one that is a generation behind. With
one island there is nobody to wait for, and decisions are made at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.engine.evaluator import Evaluator, Path
from magsearch.errors import Interrupted
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.observables.fingerprint import distinct
from magsearch.observables.topological_charge import topological_charge
from magsearch.operators.crystal import Crystal
from magsearch.parallel.interruption import Interruption
from magsearch.parallel.ranks import Pending, Ranks
from magsearch.search.candidate import GIVEN, Candidate, given
from magsearch.search.history import History, migrations
from magsearch.search.island import Generation, GeneticTunneling, Island, State
from magsearch.search.migration import Exchange, Migrants, Role
from magsearch.search.stopping import Checkpoints, Stop


class Archipelago:
    """A search of one Hamiltonian by one or more islands.

    hamiltonian   what is searched
    device        where this rank evaluates
    islands       the settings of every island, by value; one settings object is one island
    migration     which elites travel, when and where
    stop          when the search ends
    checkpoints   when ``due`` says that the state should be written
    path          direct or fourier; chosen by the cost model where None
    ranks         the processes among which the islands are divided
    told          asked again and again whether the search shall be interrupted
    seeds         textures [site, 3] that the first generation begins with, dealt to the islands in turn

    What can be read between generations, the same on all ranks but for ``islands``:

    generations   done so far
    history       of all islands; a generation behind where several islands run, complete when ``due`` or ``stopped``
    islands       those that this rank owns
    stopped       why the search has ended; empty while it goes on
    elites        best distinct minima in double precision, once it has ended
    elapsed       seconds
    waited        [rank] seconds, for other ranks
    """

    def __init__(
        self,
        hamiltonian: Hamiltonian,
        device: Device,
        islands: GeneticTunneling | Sequence[GeneticTunneling] | None = None,
        migration: Exchange | None = None,
        stop: Stop | None = None,
        checkpoints: Checkpoints | None = None,
        path: Path | None = None,
        ranks: Ranks | None = None,
        told: Callable[[], bool] = lambda: False,
        seeds: Sequence[NDArray[Any]] = (),
    ):
        every = islands or GeneticTunneling()
        self.settings = (every,) if isinstance(every, GeneticTunneling) else tuple(every)
        self.hamiltonian, self.device, self.ranks = hamiltonian, device, ranks or Ranks()
        self.interruption = Interruption(self.ranks, told)
        self.migration, self.stop = migration or Exchange(), stop or Stop()
        self.checkpoints = checkpoints or Checkpoints()
        self.evaluator = Evaluator(hamiltonian, device, np.float32, path)
        self.crystal = Crystal(hamiltonian)
        self.owners = owners(len(self.settings), self.ranks.size)
        self._counts = [self.owners.count(rank) for rank in range(self.ranks.size)]
        self.islands = [
            Island(self.crystal, self.evaluator, settings, number, self._dealt(seeds, number), self.interruption.watch)
            for number, settings in enumerate(self.settings)
            if self.owners[number] == self.ranks.rank
        ]
        most = max(island.replicas for island in self.settings)
        operators = _operators(self.settings, bool(len(seeds)))
        self.history = History(operators, self.settings[0].elites, len(self.settings), most)
        self.generations, self.elapsed, self.stopped, self.due = 0, 0.0, "", False
        self.elites: list[Candidate] = []
        self.waited = np.zeros(self.ranks.size)
        self._lag = min(1, len(self.settings) - 1)  # generations
        self._migrants = Migrants(self.ranks, self.owners, hamiltonian.lattice, self.migration.elites)
        self._sent = -1  # after how many generations elites were sent last
        self._states = {0: self.states}  # by generations done: the last two
        self._news: Pending | None = None
        self._arrivals: list[tuple[Any, ...]] = []  # on this rank, of ``history.MIGRATION``
        self._wanted: list[bool] = []  # by generation: whether the clock asked for a checkpoint
        self._asked = False
        self._written, self._pause = time.monotonic(), self.checkpoints.seconds

    def _dealt(self, seeds: Sequence[NDArray[Any]], number: int) -> State:
        """Where an island begins."""
        return State(candidates=tuple(given(texture) for texture in seeds[number :: len(self.settings)]))

    @property
    def states(self) -> dict[int, State]:
        """What the next generation of this rank's islands depends on, by island."""
        return {island.number: island.state for island in self.islands}

    @property
    def champion(self) -> Candidate:
        """The best minimum, once the search has ended."""
        return self.elites[0]

    @property
    def tolerance(self) -> float:
        """meV per site: minima of the search that differ by less may be one."""
        return 1e-6 * self.evaluator.stiffness

    def resume(self, states: Mapping[int, State], history: History, elapsed: float) -> None:
        """Go on from where a search had got to. ``states`` by island, of this rank's islands at least."""
        for island in self.islands:
            island.state = states[island.number]
        self.history, self.elapsed, self.generations = history, elapsed, len(history)
        self._states, self._wanted = {self.generations: self.states}, [False] * self.generations
        self._arrivals = history.migrations.tolist() if self.ranks.rank == 0 else []
        self._decide()

    # -- the run -------------------------------------------------------------------------------------------------------

    def run(self) -> Iterator[None]:
        """Breed until a stopping rule holds, and polish; yields after every generation.

        Raises Interrupted where one is told to stop: on all ranks, and with the same number of generations done.
        """
        self.ranks.watch = self.interruption.look
        self._begin = time.monotonic() - self.elapsed
        self._decide()
        while not self.stopped:
            self._generation()
            yield
        self.elites = self._polished()
        self.elapsed = time.monotonic() - self._begin

    def _generation(self) -> None:
        number, done = self.generations, None
        self._send(number)
        with suppress(Interrupted):
            done = [island.breed() for island in self.islands]
        if self._news is not None:
            self._hear()
        if done is not None:
            self._receive()
            self.generations += 1
            self._states = {number: self._states[number], self.generations: self.states}
        self._tell(done)
        if done is None or not self._lag:
            self._hear()
        self._decide()
        if self._news is not None and (self.stopped or self.due):
            self._hear()

    def _decide(self) -> None:
        """Whether the search ends here, and whether its state should be written: from what everyone knows by now."""
        known, every = self.generations - self._lag, self.checkpoints.generations
        self.stopped = self.stop.reason(self.history, self.generations, max(known, 0), self.evaluator.stiffness)
        self.due = (known > 0 and self._wanted[known - 1]) or (every is not None and self.generations % every == 0)

    def written(self, seconds: float) -> None:
        """The state has been written, which took so long."""
        self._written, self._asked = time.monotonic(), False
        self._pause = max(self.checkpoints.seconds, seconds / self.checkpoints.share)

    # -- news ----------------------------------------------------------------------------------------------------------

    @property
    def _news_type(self) -> np.dtype:
        return np.dtype(
            [
                ("interrupted", "?"), ("checkpoint", "?"), ("seconds", "f8"), ("waited", "f8"),
                ("islands", self.history.row_type, (max(self._counts),)),
            ]
        )  # fmt: skip

    def _tell(self, done: Sequence[Generation] | None) -> None:
        """Begin to tell all ranks how the generation went on this one; None: it was not brought to an end."""
        news, now = np.zeros((), self._news_type), time.monotonic()
        self.elapsed = now - self._begin
        self._asked |= now - self._written >= self._pause
        news["interrupted"], news["checkpoint"] = done is None, self._asked
        news["seconds"], news["waited"] = self.elapsed, self.ranks.waited
        for place, (island, generation) in enumerate(zip(self.islands, done or (), strict=False)):
            elites = island.elites
            charge = float(topological_charge(self.crystal.lattice, elites[0].spins))
            news["islands"][place] = self.history.row(generation, elites, charge)
        self._news = self.ranks.share(news)

    def _hear(self) -> None:
        """Take in how a generation went on all ranks."""
        assert self._news is not None
        news, self._news = self._news.wait(), None
        if news["interrupted"].any():
            self._give_up(len(self.history))
        rows = [islands[:count] for islands, count in zip(news["islands"], self._counts, strict=True)]
        self.history.add(np.concatenate(rows), float(news["seconds"][0]), self.tolerance)
        self._wanted.append(bool(news["checkpoint"][0]))
        self.waited = news["waited"]

    def _give_up(self, done: int) -> None:
        """Some rank did not bring a generation to its end: all go back to where it began.

        Others may be in the generation after it by now, so that everyone goes through the motions of sending elites.
        """
        if self._sent == done:
            self._send(done + 1)
        self._migrants.receive()
        for island in self.islands:
            island.state = self._states[done][island.number]
        self._arrivals = [arrival for arrival in self._arrivals if arrival[0] < done]
        self.generations = done
        raise Interrupted

    # -- elites --------------------------------------------------------------------------------------------------------

    def _send(self, generations: int) -> None:
        self._sent = generations
        if len(self.settings) > 1 and self.migration.due(generations):
            best = self.history.rows[generations - 2]["best"]  # what every rank knows by now
            own = {island.number: island for island in self.islands}
            self._migrants.send(self.migration.routes(best), lambda number: own[number].elites)

    def _receive(self) -> None:
        own, arrived = {island.number: island for island in self.islands}, self._migrants.receive()
        leaders: dict[int, list[tuple[Candidate, float]]] = {}
        for route, elites in sorted(arrived, key=lambda a: a[0]):
            if route.role == Role.MIGRANTS:
                kept = own[route.target].merge(elites)
            else:
                leaders.setdefault(route.target, []).append((elites[0], self.migration.pull(route.role)))
                elites, kept = elites[:1], 0
            best = elites[0].energy / self.hamiltonian.n_spins
            row = (self.generations, route.source, route.target, int(route.role), len(elites), kept, best)
            self._arrivals.append(row)
        for number, followed in leaders.items():
            own[number].follow(followed)

    def collected(self) -> list[Candidate]:
        """The best distinct elites of all islands, best first, on rank 0, and the log of migrations up to date there.

        All ranks must ask.
        """
        logs = self.ranks.gather(self._arrivals)
        self.history.migrations = migrations(arrival for log in logs for arrival in log)
        return self._best(lambda island: island.elites)

    def _best(self, offered: Callable[[Island], list[Candidate]]) -> list[Candidate]:
        """The best distinct ones of what all islands offer, on rank 0; only their textures travel."""
        offers = {(i.number, place): c for i in self.islands for place, c in enumerate(offered(i))}
        prints = self.ranks.gather([(c.worth, key, c.fingerprint) for key, c in offers.items()])
        ranked = sorted((offer for rank in prints for offer in rank), key=lambda offer: offer[:2])
        kept = distinct([fingerprint for *_, fingerprint in ranked], self.tolerance)[: self.history.elites]
        chosen = self.ranks.broadcast([ranked[place][1] for place in kept])
        parts = self.ranks.gather({key: offers[key] for key in chosen if key in offers})
        every = {key: candidate for part in parts for key, candidate in part.items()}
        return [every[key] for key in chosen if key in every]

    def _polished(self) -> list[Candidate]:
        """The best distinct minima of all islands in double precision: rank 0 relaxes them all in one batch."""
        found: dict[int, list[Candidate]] = {}
        with suppress(Interrupted):
            found = {island.number: island.finalists() for island in self.islands}
        if self.ranks.broadcast(any(self.ranks.gather(len(found) < len(self.islands)))):
            raise Interrupted
        finalists = self._best(lambda island: found[island.number])
        polished: list[Candidate] | None = None
        if self.ranks.rank == 0:
            pool = Island(self.crystal, self.evaluator, self.settings[0], watch=self.interruption.watch)
            pool.merge(finalists)
            with suppress(Interrupted):
                polished = pool.polished()
        polished = self.ranks.broadcast(polished)
        if polished is None:
            raise Interrupted
        return polished


def owners(islands: int, ranks: int) -> list[int]:
    """The rank of each island: neighbouring islands together, as evenly as can be."""
    parts = np.array_split(np.arange(islands), ranks)
    return [rank for rank, part in enumerate(parts) for _ in part]


def _operators(settings: Sequence[GeneticTunneling], seeded: bool) -> tuple[str, ...]:
    """Names of all operators that the islands may use, and of what they are given."""
    used = {type(o).__name__ for island in settings for o, _ in (*island.seeds, *island.operators)}
    return tuple(sorted(used | ({GIVEN} if seeded else set())))
