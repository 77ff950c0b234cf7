"""Migration of elites between islands: schemes, which decide when and where, and the transport between ranks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.engine.device import Device
from magsearch.model.lattice import Lattice
from magsearch.parallel.ranks import Pending, Ranks
from magsearch.search.candidate import Candidate, on_host, packed, record_type, unpacked
from magsearch.search.topology import TOPOLOGIES, Ring, Topology


class Role(IntEnum):
    """Use that an island makes of elites that it receives."""

    MIGRANTS = 0  # they are merged into its candidates
    GROUP_LEADER = 1  # the best of them attracts the next offspring
    GLOBAL_LEADER = 2


@dataclass(frozen=True, order=True)
class Route:
    """Connection from one island to another."""

    source: int
    target: int
    role: Role = Role.MIGRANTS


@dataclass(frozen=True)
class Migration:
    """Scheme in which islands send their best ``elites`` along a topology every ``every`` generations.

    They replace the worst of the distinct candidates of an island, where they are better.
    """

    topology: Topology = field(
        default_factory=Ring,
        metadata={"doc": "The graph along which elites migrate between islands.", "family": TOPOLOGIES},
    )
    every: int = field(
        default=4, metadata={"doc": "Generations between two migrations.", "unit": "generations", "ge": 1}
    )
    elites: int = field(default=2, metadata={"doc": "Number of elites that an island sends.", "ge": 1})

    def due(self, generations: int) -> bool:
        """Return whether elites are sent after a given number of generations."""
        return generations > 1 and generations % self.every == 0

    def routes(self, best: ArrayLike) -> list[Route]:
        """Return the routes of elites; best [island] are the lowest energies one generation ago."""
        islands = len(np.asarray(best))
        every = range(islands)
        return sorted(Route(source, target) for target in every for source in self.topology.neighbours(target, islands))

    def pull(self, role: Role) -> float:
        """Return the pull of a leader: the weight of its spins against those of the offspring, 0 to 1."""
        raise NotImplementedError(f"{type(self).__name__} has no leaders")


@dataclass(frozen=True)
class Leader(Migration):
    """Scheme in which offspring are pulled towards the best of their group and towards the best of all.

    Multi-leader gradient descent of Teng et al., NeurIPS 32 (2019): groups of neighbouring islands stand for the nodes
    of a machine. A spin moves along the sphere, s <- unit(s + pull (leader - s)), and is then relaxed: the relaxation
    is the gradient's part of their step. Leaders are first aligned with each offspring by a symmetry of the crystal.

    groups        number of groups of neighbouring islands
    group_pull    pull of the best of the island's group, 0 to 1
    global_pull   pull of the best of all islands, 0 to 1
    """

    groups: int = field(default=2, metadata={"doc": "Number of groups of islands, each with a leader.", "ge": 1})
    group_pull: float = field(
        default=0.3,
        metadata={"doc": "How far offspring are drawn to the best minimum of their group.", "ge": 0, "le": 1},
    )
    global_pull: float = field(
        default=0.1,
        metadata={"doc": "How far offspring are drawn to the best minimum of all islands.", "ge": 0, "le": 1},
    )

    def routes(self, best: ArrayLike) -> list[Route]:
        """Return the routes of migrants and of leaders; best [island] as for migrants."""
        energy, routes = np.asarray(best), super().routes(best)
        leader = int(energy.argmin())
        routes += [Route(leader, island, Role.GLOBAL_LEADER) for island in range(len(energy)) if island != leader]
        for group in np.array_split(np.arange(len(energy)), self.groups):
            if len(group):
                first = int(group[energy[group].argmin()])
                routes += [Route(first, int(island), Role.GROUP_LEADER) for island in group if island != first]
        return sorted(routes)

    def pull(self, role: Role) -> float:
        """Return the pull of a leader of a group or of all."""
        return self.group_pull if role == Role.GROUP_LEADER else self.global_pull


SCHEMES: dict[str, type[Migration]] = {"exchange": Migration, "leader": Leader}


@dataclass(eq=False)
class Migrants:
    """Elites in transit between islands.

    ranks     processes among which the islands are divided
    owners    [island] rank of each island
    device    where islands of this rank have their elites; messages are on the host
    lattice   lattice of the search
    elites    maximum number that an island sends
    """

    ranks: Ranks
    owners: Sequence[int]
    device: Device
    lattice: Lattice
    elites: int

    def __post_init__(self) -> None:
        self._pending: list[Pending] = []
        self._arriving: list[tuple[Route, list[Candidate] | NDArray[np.void]]] = []

    def send(self, routes: Sequence[Route], elites: Callable[[int], list[Candidate]]) -> None:
        """Start to send elites along routes; ``elites(island)`` gives those of an island of this rank.

        Elites for several islands of one rank are sent once.
        """
        here, owner = self.ranks.rank, self.owners
        routes = [route for route in routes if here in (owner[route.source], owner[route.target])]
        mine = {r.source: elites(r.source)[: self.elites] for r in routes if owner[r.source] == here}
        leaving = sorted({(r.source, owner[r.target]) for r in routes if owner[r.target] != here})
        coming = sorted({r.source for r in routes if owner[r.source] != here})
        buffers = {source: np.zeros(self.elites, record_type(self.lattice.sites)) for source in coming}
        messages = [(rank, self._message(mine[source])) for source, rank in leaving]
        self._pending.append(self.ranks.send(messages, [(owner[source], buffers[source]) for source in coming]))
        for route in routes:
            if owner[route.target] == here:
                local = owner[route.source] == here
                self._arriving.append((route, mine[route.source] if local else buffers[route.source]))

    def receive(self) -> list[tuple[Route, list[Candidate]]]:
        """Wait for the elites that were sent to islands of this rank and return them by route."""
        for pending in self._pending:
            pending.wait()
        known: dict[int, list[Candidate]] = {}  # by source, those of other ranks
        arrived = []
        for route, elites in self._arriving:
            if isinstance(elites, np.ndarray):
                if route.source not in known:
                    known[route.source] = unpacked(elites[np.isfinite(elites["energy"])], self.device, self.lattice)
                elites = known[route.source]
            arrived.append((route, elites))
        self._pending, self._arriving = [], []
        return arrived

    def _message(self, elites: Sequence[Candidate]) -> NDArray[np.void]:
        """Pack elites into a message of fixed size; unused places have an infinite energy."""
        message = np.zeros(self.elites, record_type(self.lattice.sites))
        message["energy"] = np.inf
        message[: len(elites)] = packed(on_host(self.device, elites), self.lattice.sites)
        return message
