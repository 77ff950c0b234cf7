"""The island model: islands divided among MPI ranks, migration between them, and stopping.

The outcome depends on the islands, never on the ranks: what an island does in a generation follows from its state and
from what other islands sent a generation ago. Files, screens and clocks look in from outside: ``generations`` yields
after every generation. A generation of a rank, for all islands that it owns:

    send the migrants that are due -> breed -> receive the status of the previous generation from all ranks -> receive
    the migrants that were sent meanwhile -> share the status of this generation -> decide whether to stop

Status and migrants have a whole generation to arrive, so that a rank waits only for one that is a generation behind.
With one island there is nobody to wait for, and decisions are made at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.engine.evaluator import Evaluator
from magsearch.engine.path import Path
from magsearch.errors import Interrupted, Overdue
from magsearch.formatting import counted
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.observables.fingerprint import distinct
from magsearch.observables.topological_charge import topological_charge
from magsearch.operators.crystal import Crystal
from magsearch.parallel.interruption import Interruption
from magsearch.parallel.ranks import Pending, Ranks
from magsearch.search.budget import Budget, allowed
from magsearch.search.candidate import GIVEN, Candidate, compact, given, on_host
from magsearch.search.generation import Generation, State
from magsearch.search.history import History, migrations
from magsearch.search.island import ROUNDING, GeneticTunneling, Island
from magsearch.search.lockstep import together
from magsearch.search.migration import Migrants, Migration, Role
from magsearch.search.polishing import converged, stages
from magsearch.search.snapshots import Snapshot, Snapshots
from magsearch.search.stopping import ChampionConverged, Checkpoints, Proven, Reason, Stop, best


class Archipelago:
    """A search of one Hamiltonian by one or more islands.

    hamiltonian   the model
    device        where this rank evaluates
    islands       settings of every island; a single settings object makes one island
    migration     which elites travel, when and where
    stop          stopping rules
    checkpoints   when ``due`` asks for the state to be written
    path          direct or fourier; None: chosen by the cost model
    ranks         processes among which the islands are divided
    signalled     polled: whether a signal asks this rank to stop
    seeds         textures [site, 3] of the first generation, dealt to the islands in turn
    snapshots     after which generations the champion's texture is kept

    Attributes between generations, the same on all ranks but for ``islands``:

    n_generations   done so far
    history         of all islands; a generation behind where several islands run, complete when ``due`` or ``stopped``
    islands         those that this rank owns
    textures        of the champion after some generations, on rank 0
    stopped         why the search has ended; None while it is under way
    elites          best distinct minima in double precision, once it has ended
    overdue         what they lack, in words, where their refinement has taken the time that it may take; on rank 0
    elapsed         seconds
    waited          [rank] seconds, for other ranks
    """

    def __init__(
        self,
        hamiltonian: Hamiltonian,
        device: Device,
        islands: GeneticTunneling | Sequence[GeneticTunneling] | None = None,
        migration: Migration | None = None,
        stop: Stop | None = None,
        checkpoints: Checkpoints | None = None,
        path: Path | None = None,
        ranks: Ranks | None = None,
        signalled: Callable[[], bool] = lambda: False,
        seeds: Sequence[NDArray[Any]] = (),
        snapshots: Snapshots | None = None,
    ):
        every = islands or GeneticTunneling()
        self.settings = (every,) if isinstance(every, GeneticTunneling) else tuple(every)
        self.hamiltonian, self.device, self.ranks = hamiltonian, device, ranks or Ranks()
        self.interruption = Interruption(self.ranks, signalled)
        self.migration, self.stop = migration or Migration(), stop or Stop()
        self.checkpoints, self.snapshots = checkpoints or Checkpoints(), snapshots or Snapshots()
        self.evaluator = Evaluator(hamiltonian, device, np.float32, path)
        self.crystal = Crystal(hamiltonian, device, self.interruption.watch)
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
        self.n_generations, self.elapsed, self.due = 0, 0.0, False
        self.stopped: Reason | None = None
        self.elites: list[Candidate] = []
        self.textures: tuple[Snapshot, ...] = ()
        self.overdue = ""
        self.waited = np.zeros(self.ranks.size)
        self._lag = min(1, len(self.settings) - 1)  # generations
        self._migrants = Migrants(self.ranks, self.owners, device, hamiltonian.lattice, self.migration.elites)
        self._sent = -1  # after how many generations elites were sent last
        self._states = {0: self._present}  # by generations done: the last two
        self._status: Pending | None = None
        self._arrivals: list[tuple[Any, ...]] = []  # on this rank, of ``history.MIGRATION``
        self._wanted: list[bool] = []  # by generation: whether a checkpoint was due by wall time
        self._asked = False
        self._refuted = np.inf  # meV per site, of the last champion that does not attain the lower bound
        self._written, self._pause = time.monotonic(), self.checkpoints.seconds

    def __repr__(self) -> str:
        state = self.stopped or "under way"
        return (
            f"<Archipelago of {counted(len(self.settings), 'island')} after {self.n_generations} generations: {state}>"
        )

    def _dealt(self, seeds: Sequence[NDArray[Any]], number: int) -> State:
        """Return the initial state of an island."""
        return State(candidates=tuple(given(texture) for texture in seeds[number :: len(self.settings)]))

    @property
    def states(self) -> dict[int, State]:
        """States of this rank's islands, by island, on the host: all that the next generation depends on."""
        return {number: state.moved(on_host, self.device) for number, state in self._present.items()}

    @property
    def _present(self) -> dict[int, State]:
        return {island.number: island.state for island in self.islands}

    @property
    def champion(self) -> Candidate:
        """Best minimum, once the search has ended."""
        return self.elites[0]

    @property
    def tolerance(self) -> float:
        """Energy, meV per site, within which two minima of the search may be the same."""
        return self.evaluator.tolerance

    def resume(
        self, states: Mapping[int, State], history: History, elapsed: float, textures: Sequence[Snapshot] = ()
    ) -> None:
        """Resume a search from its states (by island, at least those of this rank), history, wall time and textures."""
        for island in self.islands:
            island.state = states[island.number].moved(compact, self.device)
        self.history = history.widened(self.history.operators)
        self.elapsed, self.n_generations = elapsed, len(history)
        self._states, self._wanted = {self.n_generations: self._present}, [False] * self.n_generations
        self.textures = tuple(textures)
        self._arrivals = history.migrations.tolist() if self.ranks.rank == 0 else []
        self._decide()

    # -- the run -------------------------------------------------------------------------------------------------------

    def run(self) -> list[Candidate]:
        """Search to the end and return the elites, best first. Raises Interrupted like ``generations``."""
        for _ in self.generations():
            pass
        return self.elites

    def generations(self) -> Iterator[None]:
        """Breed until a stopping rule holds, then polish the elites; yield after every generation.

        Raises Interrupted when one of the ranks is signalled: on all ranks, after the same number of generations.
        """
        self.ranks.watch = self.interruption.look
        self._begin = time.monotonic() - self.elapsed
        self._decide()
        if self.n_generations and not self.stopped and self._provable:  # resumed from a checkpoint that nobody polished
            self.stopped = self._proof()
        while not self.stopped:
            self._generation()
            yield
        self.elites = self._polished()
        self.elapsed = time.monotonic() - self._begin

    def _generation(self) -> None:
        number, done = self.n_generations, None
        self._send(number)
        with suppress(Interrupted):
            done = together([island.breeding() for island in self.islands], self.interruption.watch)
        if self._status is not None:
            self._collect()
        if done is not None:
            self._receive()
            self.n_generations += 1
            self._states = {number: self._states[number], self.n_generations: self._present}
        self._share(done)
        if done is None or not self._lag:
            self._collect()
        self._decide()
        provable = not self.stopped and self._provable
        pictured = self.snapshots.due(self.n_generations)
        if self._status is not None and (self.stopped or self.due or provable or pictured):
            self._collect()
        if pictured:
            self._picture()
        if provable:
            self.stopped = self._proof()

    def _decide(self) -> None:
        """Decide from what all ranks know whether the search ends and whether its state should be written."""
        known, every = self._known, self.checkpoints.generations
        self.stopped = self.stop.reason(self.history, self.n_generations, known, self.evaluator.stiffness)
        self.due = (known > 0 and self._wanted[known - 1]) or (every is not None and self.n_generations % every == 0)

    @property
    def _known(self) -> int:
        """Number of generations that all ranks have reported."""
        return max(self.n_generations - self._lag, 0)

    @property
    def _provable(self) -> bool:
        """Whether it is worth the effort to find out if the champion attains the lower bound."""
        known, stiffness = self._known, self.evaluator.stiffness
        if not self.stop.provable(self.history, known, stiffness):
            return False
        return best(self.history, known) < self._refuted - ROUNDING * stiffness

    def written(self, seconds: float) -> None:
        """Record that the state has been written, and the seconds that it took."""
        self._written, self._asked = time.monotonic(), False
        self._pause = max(self.checkpoints.seconds, seconds / self.checkpoints.share)

    # -- status --------------------------------------------------------------------------------------------------------

    @cached_property
    def _status_type(self) -> np.dtype:
        return np.dtype(
            [
                ("interrupted", "?"), ("checkpoint", "?"), ("seconds", "f8"), ("waited", "f8"),
                ("islands", self.history.row_type, (max(self._counts),)),
            ]
        )  # fmt: skip

    def _share(self, done: Sequence[Generation] | None) -> None:
        """Begin to send this rank's status of a generation to all ranks; None: the generation was interrupted."""
        status, now = np.zeros((), self._status_type), time.monotonic()
        self.elapsed = now - self._begin
        self._asked |= now - self._written >= self._pause
        status["interrupted"], status["checkpoint"] = done is None, self._asked
        status["seconds"], status["waited"] = self.elapsed, self.ranks.waited
        if done:
            elites = [island.elites for island in self.islands]
            for place, generation in enumerate(done):
                status["islands"][place] = self.history.row(generation, elites[place])
        self._status = self.ranks.share(status)

    def _collect(self) -> None:
        """Receive the status of a generation from all ranks."""
        assert self._status is not None
        status, self._status = self._status.wait(), None
        if status["interrupted"].any():
            self._give_up(len(self.history))
        rows = [islands[:count] for islands, count in zip(status["islands"], self._counts, strict=True)]
        self.history.add(np.concatenate(rows), float(status["seconds"][0]), self.tolerance)
        self._wanted.append(bool(status["checkpoint"][0]))
        self.waited = status["waited"]

    def _give_up(self, done: int) -> None:
        """Return to the beginning of a generation that some rank did not finish, and raise Interrupted.

        Others may be in the generation after it by now: every rank still posts its sends and receives.
        """
        if self._sent == done:
            self._send(done + 1)
        self._migrants.receive()
        for island in self.islands:
            island.state = self._states[done][island.number]
        self._arrivals = [arrival for arrival in self._arrivals if arrival[0] < done]
        self.n_generations = done
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
                accepted = own[route.target].merge(elites)
            else:
                leaders.setdefault(route.target, []).append((elites[0], self.migration.pull(route.role)))
                elites, accepted = elites[:1], 0
            best = elites[0].energy / self.hamiltonian.n_spins
            row = (self.n_generations, route.source, route.target, int(route.role), len(elites), accepted, best)
            self._arrivals.append(row)
        for number, followed in leaders.items():
            own[number].follow(followed)

    def collected(self) -> list[Candidate]:
        """Return the best distinct elites of all islands, best first, on the host of rank 0, whose log is completed.

        Collective: all ranks must call it.
        """
        logs = self.ranks.gather(self._arrivals)
        self.history.migrations = migrations(arrival for log in logs for arrival in log)
        return self._best(lambda island: island.elites)

    def _picture(self) -> None:
        """Keep the texture of the champion, on rank 0. Collective; no rank can give up the generation any more."""
        for champion in self._best(lambda island: island.elites[:1], 1):
            charge = float(topological_charge(self.hamiltonian.lattice, champion.spins))
            one = Snapshot(self.n_generations, np.array(champion.spins), champion.energy, charge)
            self.textures = self.snapshots.kept((*self.textures, one), self.n_generations)

    def _best(self, offered: Callable[[Island], list[Candidate]], most: int | None = None) -> list[Candidate]:
        """Return the best distinct candidates that islands offer, on rank 0; only their textures travel.

        most   how many; None: as many as there are elites
        """
        offers = {(i.number, place): c for i in self.islands for place, c in enumerate(offered(i))}
        prints = self.ranks.gather([(c.worth, key, c.fingerprint) for key, c in offers.items()])
        ranked = sorted((offer for rank in prints for offer in rank), key=lambda offer: offer[:2])
        kept = distinct([fingerprint for *_, fingerprint in ranked], self.tolerance)[: most or self.history.elites]
        chosen = self.ranks.broadcast([ranked[place][1] for place in kept])
        own = [key for key in chosen if key in offers]
        parts = self.ranks.gather(dict(zip(own, on_host(self.device, [offers[key] for key in own]), strict=True)))
        every = {key: candidate for part in parts for key, candidate in part.items()}
        return [every[key] for key in chosen if key in every]

    def _proof(self) -> Proven | None:
        """Relax the champion in double precision, on rank 0; return the proof if it attains the lower bound."""
        bound, candidates, energy = self.stop.bound, self._best(lambda island: island.elites[:1]), None
        assert bound is not None
        if self.ranks.rank == 0:
            pool = Island(self.crystal, self.evaluator, self.settings[0], watch=self.interruption.watch)
            with suppress(Interrupted):
                energy = converged(pool, candidates[0]).energy / self.hamiltonian.n_spins
        energy = self.ranks.broadcast(energy)
        if energy is None:
            raise Interrupted
        if bound.reached(energy):
            return Proven(bound.gap(energy))
        self._refuted = energy
        return None

    def _polished(self) -> list[Candidate]:
        """Return the best distinct minima of all islands in double precision; rank 0 relaxes them in one batch.

        Rough candidates are among them unless the search ended by its champion alone.
        """
        found: dict[int, list[Candidate]] = {}
        alone = isinstance(self.stopped, Proven | ChampionConverged)
        with suppress(Interrupted):
            found = {island.number: island.elites if alone else island.finalists() for island in self.islands}
        if self.ranks.broadcast(any(self.ranks.gather(len(found) < len(self.islands)))):
            raise Interrupted
        finalists = self._best(lambda island: found[island.number])
        polished: list[Candidate] | None = None
        if self.ranks.rank == 0:
            seconds = allowed(self.stop.polish_seconds, self.elapsed)
            budget = Budget(seconds, self.interruption.watch)
            pool, lacking = Island(self.crystal, self.evaluator, self.settings[0], watch=budget), ""
            pool.merge(finalists)
            try:
                for stage in stages(pool):
                    polished, lacking = stage
            except Overdue:
                self.overdue = f"{lacking}: stopped after its budget of {seconds:g} s (search.polish_seconds)"
            except Interrupted:
                polished = None
        polished = self.ranks.broadcast(polished)
        if polished is None:
            raise Interrupted
        return polished


def owners(islands: int, ranks: int) -> list[int]:
    """Return the rank of each island [island]: neighbouring islands together, as even as possible."""
    parts = np.array_split(np.arange(islands), ranks)
    return [rank for rank, part in enumerate(parts) for _ in part]


def _operators(settings: Sequence[GeneticTunneling], seeded: bool) -> tuple[str, ...]:
    """Return the names of all operators that the islands may use, and the origin of given textures."""
    used = {type(o).__name__ for island in settings for mixture in island.mixtures for o, _ in mixture}
    return tuple(sorted(used | ({GIVEN} if seeded else set())))
