"""The order in which one sweep visits the sites, so that threads may work side by side and no result depends on them.

A lattice is cut into stretches of consecutive sites. Stretches that do not feel each other share a colour; a sweep goes
through the colours one after the other, and within a colour every stretch may have a thread of its own. The stretch is
one site on a GPU (coloured sublattices). It is long on a CPU, where replicas are enough work for most threads and the
neighbours of a stretch stay in the cache: long lists of bonds, which need a hundred colours or more site by site, then
need about ten. Both are functions of the model alone, never of the number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.engine.neighbours import Neighbours
from magsearch.model.hamiltonian import ONSITE, Hamiltonian, onsite_order

PARTS = 4096  # of one colour at the most: what fills a GPU with a warp of replicas


def colours(neighbours: Neighbours, stretch: int) -> list[list[int]]:
    """The stretches of each colour, greedily in the order of the sites: no bond joins two of one colour."""
    from scipy.sparse import csr_array

    count = -(-(len(neighbours.start) - 1) // stretch)
    one, other = neighbours.site // stretch, neighbours.neighbour // stretch
    apart = one != other
    touching = csr_array((np.ones(int(apart.sum()), bool), (one[apart], other[apart])), shape=(count, count))
    touching.sum_duplicates()
    start, others = touching.indptr.tolist(), touching.indices.tolist()
    colour: list[int] = []
    for k in range(count):
        taken = {colour[other] for other in others[start[k] : start[k + 1]] if other < k}
        colour.append(next(c for c in range(len(taken) + 1) if c not in taken))
    groups: list[list[int]] = [[] for _ in range(max(colour) + 1)]
    for k, c in enumerate(colour):
        groups[c].append(k)
    return groups


@dataclass(frozen=True, eq=False)
class Tour:
    """sites [visit] in the order of a sweep; part [part + 1] where each part begins; colour [colour + 1], its parts.

    The parts of one colour may be worked on at the same time; the sites of a part are visited in order. Vacancies are
    left out.
    """

    sites: NDArray[np.int64]
    part: NDArray[np.int64]
    colour: NDArray[np.int64]

    @classmethod
    def of(cls, neighbours: Neighbours, stretch: int, occupied: NDArray[np.bool_]) -> Tour:
        sites: list[NDArray[np.int64]] = []
        lengths, colour = [], [0]
        for members in colours(neighbours, stretch):
            together = -(-len(members) // PARTS)  # stretches of a part
            for first in range(0, len(members), together):
                ranges = [np.arange(k * stretch, (k + 1) * stretch) for k in members[first : first + together]]
                run = np.concatenate(ranges)
                run = run[run < len(occupied)]
                sites.append(run[occupied[run]])
                lengths.append(len(sites[-1]))
            colour.append(len(lengths))
        return cls(np.concatenate(sites), np.concatenate([[0], np.cumsum(lengths)]), np.array(colour))

    @property
    def width(self) -> int:
        """Parts of the largest colour."""
        return int(np.diff(self.colour).max())


@dataclass(frozen=True, eq=False)
class Visits:
    """What the kernel that visits sites needs of a Hamiltonian, on a device.

    model    arguments: start, neighbour, coupling, matrices, kind, rows of on-site parameters, their order
    tour     arguments: sites, part
    colour   [colour + 1] first part of each colour
    width    parts of the largest colour
    order    0 where the energy is linear in every spin, its neighbours held
    spins    visits of a sweep

    A bond between a site and its own periodic image is not linear in its spin: it counts as anisotropy.
    """

    model: tuple[Any, ...]
    tour: tuple[Any, Any]
    colour: NDArray[np.int64]
    width: int
    order: int
    spins: int

    @classmethod
    def of(cls, hamiltonian: Hamiltonian, device: Device, real: Any) -> Visits:
        neighbours, own = Neighbours.of(hamiltonian).without_themselves()
        kind, table = hamiltonian.onsite
        if own.any():
            every = table[kind]
            every[:, ONSITE["A"]] += 0.5 * own.reshape(-1, 9)
            table, row = np.unique(every, axis=0, return_inverse=True)
            kind = row.reshape(-1).astype(np.int32)
        order = onsite_order(table)
        tour = Tour.of(neighbours, device.stretch, hamiltonian.occupied)
        return cls(
            (*neighbours.on(device, real), device.array(kind, np.int32), device.array(table, real), order),
            (device.array(tour.sites, np.int32), device.array(tour.part, np.int32)),
            tour.colour,
            tour.width,
            order,
            len(tour.sites),
        )
