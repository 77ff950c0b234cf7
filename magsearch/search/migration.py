"""What islands send each other: when and to whom (schemes, which are values), and how it travels (mail)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.lattice import Lattice
from magsearch.observables.fingerprint import fingerprint
from magsearch.parallel.ranks import Pending, Ranks
from magsearch.search.island import Candidate
from magsearch.search.topology import Ring, Topology


class Role(IntEnum):
    """What an island makes of elites that it receives."""

    MIGRANTS = 0  # they join its candidates
    GROUP_LEADER = 1  # the best of them draws the next offspring towards itself
    GLOBAL_LEADER = 2


@dataclass(frozen=True, order=True)
class Route:
    """From one island to another."""

    source: int
    target: int
    role: Role = Role.MIGRANTS


@dataclass(frozen=True)
class Migration:
    """Every ``every`` generations an island sends its best ``elites`` to those that hear from it.

    They replace the worst of its distinct candidates, where they are better.
    """

    topology: Topology = field(default_factory=Ring)
    every: int = 4
    elites: int = 2

    def due(self, generations: int) -> bool:
        """Whether elites travel after so many generations."""
        return generations > 1 and generations % self.every == 0

    def routes(self, best: ArrayLike) -> list[Route]:
        """Who sends to whom; best [island] are the islands' lowest energies, a generation ago."""
        islands = len(np.asarray(best))
        every = range(islands)
        return sorted(Route(source, target) for target in every for source in self.topology.neighbours(target, islands))

    def pull(self, role: Role) -> float:
        """How far a leader draws a spin: the weight of the leader's direction against the spin's own."""
        raise NotImplementedError(f"nobody leads in {type(self).__name__}")


@dataclass(frozen=True)
class Leader(Migration):
    """An exchange in which the offspring of followers are drawn to the best of their group and to the best of all.

    Multi-leader gradient descent of Teng et al., NeurIPS 32 (2019): groups of neighbouring islands stand for the nodes
    of a machine. A spin s is drawn along the sphere, s <- unit(s + pull (leader - s)), then relaxed: the relaxation is
    the gradient's part of their step. The leaders are first laid over each offspring by a symmetry of the crystal.

    groups        of neighbouring islands
    group_pull    towards the best of the island's group, 0 to 1
    global_pull   towards the best of all islands, 0 to 1
    """

    groups: int = 2
    group_pull: float = 0.3
    global_pull: float = 0.1

    def routes(self, best: ArrayLike) -> list[Route]:
        energy, routes = np.asarray(best), super().routes(best)
        leader = int(energy.argmin())
        routes += [Route(leader, island, Role.GLOBAL_LEADER) for island in range(len(energy)) if island != leader]
        for group in np.array_split(np.arange(len(energy)), self.groups):
            if len(group):
                first = int(group[energy[group].argmin()])
                routes += [Route(first, int(island), Role.GROUP_LEADER) for island in group if island != first]
        return sorted(routes)

    def pull(self, role: Role) -> float:
        return self.group_pull if role == Role.GROUP_LEADER else self.global_pull


# -- candidates as arrays ----------------------------------------------------------------------------------------------


def luggage(sites: int, real: type = np.float32) -> np.dtype:
    """A candidate as one record of plain numbers: what a message or a file holds."""
    return np.dtype(
        [
            ("energy", "f8"), ("torque", "f8"), ("generation", "i8"), ("island", "i4"), ("refined", "?"),
            ("free_energy", "f8"), ("origin", "S48"), ("texture", real, (sites, 3)),
        ]
    )  # fmt: skip


def packed(candidates: Sequence[Candidate], sites: int) -> NDArray[np.void]:
    """Candidates as records [candidate]; spins in single precision, as the search has them."""
    records = np.zeros(len(candidates), luggage(sites))
    for record, candidate in zip(records, candidates, strict=True):
        for name in luggage(sites).names or ():
            value = getattr(candidate, name)
            record[name] = np.nan if value is None else value
    return records


def unpacked(records: NDArray[np.void], lattice: Lattice) -> list[Candidate]:
    """The opposite; fingerprints are made anew, bit for bit."""
    return [
        Candidate(
            texture=np.array(record["texture"]),
            energy=float(record["energy"]),
            torque=float(record["torque"]),
            origin=record["origin"].decode(),
            generation=int(record["generation"]),
            island=int(record["island"]),
            fingerprint=fingerprint(lattice, record["texture"], record["energy"]),
            refined=bool(record["refined"]),
            free_energy=None if np.isnan(record["free_energy"]) else float(record["free_energy"]),
        )
        for record in records
    ]


@dataclass(eq=False)
class Mail:
    """The elites that are on their way between islands.

    owners   [island] the rank of each island
    """

    ranks: Ranks
    owners: Sequence[int]
    lattice: Lattice
    elites: int

    def __post_init__(self) -> None:
        self._under_way: list[Pending] = []
        self._arriving: list[tuple[Route, list[Candidate] | NDArray[np.void]]] = []

    def send(self, routes: Sequence[Route], elites: Callable[[int], list[Candidate]]) -> None:
        """Begin to move elites along routes; ``elites(island)`` gives those of an island of this rank.

        What several islands of a rank hear from one source is sent once.
        """
        here, owner = self.ranks.rank, self.owners
        routes = [route for route in routes if here in (owner[route.source], owner[route.target])]
        mine = {r.source: elites(r.source)[: self.elites] for r in routes if owner[r.source] == here}
        leaving = sorted({(r.source, owner[r.target]) for r in routes if owner[r.target] != here})
        coming = sorted({r.source for r in routes if owner[r.source] != here})
        boxes = {source: np.zeros(self.elites, luggage(self.lattice.sites)) for source in coming}
        parcels = [(rank, self._parcel(mine[source])) for source, rank in leaving]
        self._under_way.append(self.ranks.send(parcels, [(owner[source], boxes[source]) for source in coming]))
        for route in routes:
            if owner[route.target] == here:
                local = owner[route.source] == here
                what = mine[route.source] if local else boxes[route.source]
                self._arriving.append((route, what))

    def receive(self) -> list[tuple[Route, list[Candidate]]]:
        """What has been sent to islands of this rank, by route; waits until all of it is there."""
        for pending in self._under_way:
            pending.wait()
        opened: dict[int, list[Candidate]] = {}
        arrived = []
        for route, what in self._arriving:
            if isinstance(what, np.ndarray):
                if route.source not in opened:
                    opened[route.source] = unpacked(what[np.isfinite(what["energy"])], self.lattice)
                what = opened[route.source]
            arrived.append((route, what))
        self._under_way, self._arriving = [], []
        return arrived

    def _parcel(self, elites: Sequence[Candidate]) -> NDArray[np.void]:
        """Always as large: places that are not needed hold nobody."""
        parcel = np.zeros(self.elites, luggage(self.lattice.sites))
        parcel["energy"] = np.inf
        parcel[: len(elites)] = packed(elites, self.lattice.sites)
        return parcel
