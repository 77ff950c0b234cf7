"""The order of the sites in a sweep, so that threads may work side by side and no result depends on them.

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
from magsearch.engine.onsite_table import OnsiteTable
from magsearch.engine.product_lists import ProductLists
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.term import UnsupportedTerm

LONG = 64  # bonds of a site from which on the warps of a GPU share them
PARTS = 4096  # maximum number of one colour; with a warp of replicas each, they fill a GPU


def colours(neighbours: Neighbours, stretch: int, products: ProductLists | None = None) -> list[list[int]]:
    """Return the stretches of each colour, greedily: no bond and no cluster joins two of one colour."""
    from scipy.sparse import csr_array

    count = -(-(len(neighbours.start) - 1) // stretch)
    one, other = neighbours.site // stretch, neighbours.neighbour // stretch
    if products is not None:
        site, there = products.pairs
        one, other = np.append(one, site // stretch), np.append(other, there // stretch)
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
class SweepOrder:
    """sites [update] in the order of a sweep; part [part + 1] where each part begins; colour [colour + 1], its parts.

    The parts of one colour may be worked on at the same time; the sites of a part are visited in order. Vacancies are
    left out.
    """

    sites: NDArray[np.int64]
    part: NDArray[np.int64]
    colour: NDArray[np.int64]

    @classmethod
    def of(
        cls, neighbours: Neighbours, stretch: int, occupied: NDArray[np.bool_], products: ProductLists | None = None
    ) -> SweepOrder:
        """Build the order for stretches of ``stretch`` sites; vacancies are left out."""
        sites: list[NDArray[np.int64]] = []
        lengths, colour = [], [0]
        for members in colours(neighbours, stretch, products):
            together = -(-len(members) // PARTS)  # stretches of a part
            for first in range(0, len(members), together):
                ranges = [np.arange(k * stretch, (k + 1) * stretch) for k in members[first : first + together]]
                run = np.concatenate(ranges)
                run = run[run < len(occupied)]
                sites.append(run[occupied[run]])
                lengths.append(len(sites[-1]))
            colour.append(len(lengths))
        return cls(np.concatenate(sites), np.concatenate([[0], np.cumsum(lengths)]), np.array(colour))

    @classmethod
    def one_by_one(cls, occupied: NDArray[np.bool_]) -> SweepOrder:
        """Return the order in which all sites are one part."""
        sites = np.flatnonzero(occupied)
        return cls(sites, np.array([0, len(sites)]), np.array([0, 1]))

    @property
    def width(self) -> int:
        """Largest number of parts of a colour."""
        return int(np.diff(self.colour).max())


@dataclass(frozen=True, eq=False)
class SweepPlan:
    """A Hamiltonian on a device, as a kernel that updates spins reads it.

    kernel   "update_spins", or the one for models with clusters or couplings at wave vectors
    model    arguments: start, neighbour, coupling, matrices, those of ``ProductLists``, if the kernel reads any, and of
             ``OnsiteTable``
    order    arguments: sites, part
    colour   [colour + 1] first part of each colour
    width    parts of the largest colour
    linear   whether the energy is linear in every spin, its neighbours held
    spins    updates of a sweep
    long     whether sites have many bonds, which warps of a GPU share

    A bond between a site and its own periodic image is not linear in its spin: it counts as anisotropy. Couplings at
    wave vectors join all spins: then a sweep has one part, all sites in turn.
    """

    kernel: str
    model: tuple[Any, ...]
    order: tuple[Any, Any]
    colour: NDArray[np.int64]
    width: int
    linear: bool
    spins: int
    long: bool

    @classmethod
    def of(cls, hamiltonian: Hamiltonian, device: Device, real: Any) -> SweepPlan:
        """Lay a Hamiltonian out on a device. UnsupportedTerm for a term without kernels."""
        every = Neighbours.of(hamiltonian)
        if hamiltonian.dipole is not None:
            every = every.with_dipoles(hamiltonian.dipole, hamiltonian, "the heat bath")
        neighbours, own = every.without_themselves()
        table = OnsiteTable.of(hamiltonian, "the heat bath")
        if own.any():
            table = table.with_quadratic(0.5 * own)
        waves = hamiltonian.waves
        known = hamiltonian.products if waves is None else (*hamiltonian.products, waves)
        if table.linear and not all(term.linear_in_spin for term in hamiltonian.terms if term not in known):
            nonlinear = next(term for term in hamiltonian.terms if not term.linear_in_spin and term not in known)
            raise UnsupportedTerm(nonlinear, "the heat bath", "it is not linear in a spin, and no kernel computes it")
        products = ProductLists.of(hamiltonian) if known else None
        if waves is None:
            order = SweepOrder.of(neighbours, device.stretch, hamiltonian.occupied, products)
        else:
            order = SweepOrder.one_by_one(hamiltonian.occupied)
        clusters = () if products is None else products.on(device, real)
        alone = "update_spins" if products is None else "update_spins_with_products"
        return cls(
            alone if waves is None else "update_spins_with_waves",
            (*neighbours.on(device, real), *clusters, *table.on(device, real)),
            (device.array(order.sites, np.int32), device.array(order.part, np.int32)),
            order.colour,
            order.width,
            table.linear and (products is None or products.linear) and (waves is None or waves.linear_in_spin),
            len(order.sites),
            products is None and bool(np.diff(neighbours.start).max() >= LONG),
        )
