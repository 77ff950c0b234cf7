"""A race between supercells: small searches in the most promising ones, then descents to neighbouring supercells.

The most promising ones fit the softest modes of J(q). With products of several spins these do not decide: then random
spins are relaxed in all small supercells as well, and the best of these are among the most promising ones.
Energies are compared per site. A supercell changes like a crystal under strain: one of its vectors becomes longer or
shorter by a cell, the texture is stretched with it and relaxed again; several supercells side by side can be changed in
finer steps. Every task depends on its own arguments alone, so that the outcome does not depend on the ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice, product
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import Interrupted
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.integers import factors, lower_hermite
from magsearch.model.sphere import unit
from magsearch.operators.crystal import Crystal
from magsearch.parallel.ranks import Ranks
from magsearch.randomness import Consumer, stream
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.relax import relax
from magsearch.search.candidate import on_host
from magsearch.search.island import REFINEMENT, GeneticTunneling, Island
from magsearch.search.supercells.enumeration import small_supercells
from magsearch.search.supercells.ranking import dilated, ranked, soft_modes
from magsearch.search.supercells.supercell import (
    LARGEST,
    OBLONG,
    Supercell,
    compact,
    free_axes,
    manageable,
    side_by_side,
)

T = TypeVar("T")
STARTS = 6  # supercells of each measure of ``Ranked``, and of all small ones, that are searched
DILATIONS = (1.0, 1.1, 1.2, 1.3, 1.45)  # of the softest waves, in supercells for all of them
REPLICAS = 32
GENERATIONS = 2  # of these small searches
SCREENED = 16  # random textures that are relaxed in each small supercell
LEADERS = 6  # textures that are stretched to other supercells
FINALISTS = 2  # that are tiled
ROOMY = 2000  # sites in copies of the best supercell that are as wide as long
REPEATS_WITHIN = (0.01, 0.03, 0.1)  # radians, root mean square: translations that move the spins less may be periods
SLIVER = 1.25 * OBLONG  # ``Supercell.sliver`` of boxes that are replaced by compact ones, where these have few sites
COMPACT = 2.4  # of a box that is twice as long as wide, its edges at 60 degrees: 2.31
WORTH = LARGEST // 4  # sites of a compact box
TRIED = 2000  # numbers of copies for one
REPEATS = 3  # maximum number of supercells side by side along an axis


@dataclass(frozen=True, eq=False)
class Best:
    """A minimum in a supercell. energy in meV per site."""

    supercell: Supercell
    texture: NDArray[Any]  # [site, 3]
    energy: float

    def tiled(self, times: NDArray[np.int64]) -> Best:
        """Return the supercell repeated along its axes; the numbers of copies are [3]."""
        supercell = self.supercell.tiled(times)
        return Best(supercell, self.supercell.repeated(self.texture, supercell), self.energy)

    def shown(self) -> Best:
        """Return copies side by side: a compact box with several cells along each free axis.

        About as wide as long where that takes no more than ROOMY sites, else up to ``OBLONG`` times as long as wide.
        Numbers of copies are varied until no axis is left with a single cell; else more are taken, up to ``LARGEST``
        sites. Where the edges of
        the cells still make a sliver, the smallest box is taken that is about twice as long as wide at most, if one is
        small enough.
        """
        few = self._few()
        if few.supercell.sliver <= SLIVER:
            return few
        axes, times = list(free_axes(self.supercell.crystal)), np.ones(3, dtype=np.int64)
        for numbers in islice(factors(WORTH // self.supercell.sites, len(axes)), TRIED):
            times[axes] = numbers
            tried = self.supercell.tiled(times)
            if tried.sliver <= COMPACT and min(tried.diagonal[0][axis] for axis in axes) > 1:
                return self.tiled(times)
        return few

    def _few(self) -> Best:
        """Return copies side by side as ``shown``, whatever the edges of the cells."""
        crystal = self.supercell.crystal
        axes = free_axes(crystal)
        for oblong in (1.0, 2.0, OBLONG):
            times = side_by_side(self.supercell.H, crystal.lattice.cell, axes, oblong)
            if times.prod() * self.supercell.sites <= ROOMY:
                break
        while times.prod() * self.supercell.sites > LARGEST and times.max() > 1:
            times[times.argmax()] -= 1
        near = (range(-(-3 * n // 4), 4 * n // 3 + 1) for n in times.tolist())
        for tried in sorted(product(*near), key=lambda tried: float((np.abs(tried - times) / times).sum())):
            size = self.supercell.tiled(tried).diagonal[0]
            if min(size[axis] for axis in axes) > 1:
                return self.tiled(np.array(tried))
        size, Q = self.supercell.tiled(times).diagonal
        for factor in (2, 3):  # one copy more or two along the single cells, if the others can be divided by it
            cells = [factor if axis in axes and n == 1 else n for axis, n in enumerate(size)]
            H = compact(np.array(cells)[:, None] * Q, crystal.lattice.cell, axes)
            wider = Supercell(crystal, H)
            several = min(wider.diagonal[0][axis] for axis in axes) > 1
            if several and side_by_side(H, crystal.lattice.cell, axes, OBLONG).max() == 1:
                return Best(wider, self.supercell.repeated(self.texture, wider), self.energy)
        if times.prod() * self.supercell.sites * 2 ** len(axes) <= LARGEST:
            times[list(axes)] *= 2
        return self.tiled(times)

    def primitive(self, within: float = REPEATS_WITHIN[0]) -> Supercell:
        """Return the smallest supercell that the texture repeats after, but for ``within`` (radians) in each spin."""
        lattice, Q = self.supercell.hamiltonian.lattice, self.supercell.diagonal[1]
        waves = np.fft.rfftn(self.texture.reshape(*lattice.grid, -1), axes=(0, 1, 2))
        alike = np.fft.irfftn((np.abs(waves) ** 2).sum(axis=-1), s=lattice.grid, axes=(0, 1, 2)).ravel()
        shifts = lattice.coordinates[alike >= alike[0] * (1 - 0.5 * within**2)] @ Q
        crystal = self.supercell.crystal
        H = lower_hermite(np.concatenate([self.supercell.H, shifts]))
        return Supercell(crystal, compact(H, crystal.lattice.cell, free_axes(crystal)))

    def __str__(self) -> str:
        return f"{self.energy:.7f} meV per site in {self.supercell}"


@dataclass(eq=False)
class Race:
    """A race between supercells of a crystal.

    hamiltonian  the crystal; how many cells it has along the free axes does not matter
    device       where this rank evaluates
    sites        maximum number of sites per supercell
    seed         random seed
    ranks        among which the tasks are divided
    report       called with the progress, in words
    watch        called repeatedly; what it raises ends the race

    After ``run``, leaders holds the best minima, distinct in energy, the best of all first.
    """

    hamiltonian: Hamiltonian
    device: Device
    sites: int = 1200
    seed: int = 1
    ranks: Ranks = field(default_factory=Ranks)
    report: Callable[[str], None] = lambda words: None
    watch: Callable[[], None] = lambda: None
    leaders: list[Best] = field(default_factory=list, init=False)

    def run(self) -> Best:
        """Return the best supercell and texture, the same on all ranks.

        Raises ValueError if the supercell cannot be chosen, Interrupted if one of the ranks is signalled.
        """
        axes, atoms = free_axes(self.hamiltonian), self.hamiltonian.lattice.atoms
        if atoms > self.sites:
            raise ValueError(f"supercells of up to {self.sites} sites (search.sites); a cell has {atoms}")
        starts = self._each([self._starts])[0]
        self.report(
            f"{len(starts)} supercells that fit the softest modes, {starts[0].sites} to {starts[-1].sites} sites"
        )
        relaxed = self._small() if self.hamiltonian.products else []
        starts += [one.supercell for one in relaxed if one.supercell.key not in {start.key for start in starts}]
        searched = self._each([partial(self._searched, supercell) for supercell in starts])
        best = first = self._among(LEADERS, [relaxed, *searched])
        self.report(f"searched: {best[0]}")
        best = self._among(FINALISTS, self._each([partial(self._descended, one, axes) for one in best]))
        self.report(f"stretched: {best[0]}")
        larger = [one.tiled(times) for one in best for times in self._tilings(one.supercell, axes)]
        best = self._among(1, [best, *self._each([partial(self._descended, one, axes) for one in larger])])
        best = self._among(1, self._each([partial(self._descended, best[0], axes, moves=2)]))
        best = self._among(1, [best, *self._each([partial(self._shortened, best[0])])])
        self.report(f"several side by side, stretched: {best[0]}")
        self.leaders = self._among(LEADERS, [best, first])
        return best[0]

    def _each(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Return the results of all tasks on every rank; each does its share."""
        ranks = self.ranks
        own: list[T] | None = None
        with suppress(Interrupted):
            own = [task() for task in tasks[ranks.rank :: ranks.size]]
        parts = ranks.broadcast(ranks.gather(own))
        every = [part for part in parts if part is not None]
        if len(every) < len(parts):
            raise Interrupted
        return [every[k % ranks.size][k // ranks.size] for k in range(len(tasks))]

    def _among(self, count: int, found: Sequence[Sequence[Best]]) -> list[Best]:
        """Return the best of several lists, best first; of equal energies, the one in the smallest supercell."""
        kept: list[Best] = []
        for one in sorted((one for part in found for one in part), key=lambda one: one.energy):
            like = next((k for k, other in enumerate(kept) if abs(one.energy - other.energy) <= self._tolerance), None)
            if like is None:
                kept.append(one)
            elif one.supercell.sites < kept[like].supercell.sites:
                kept[like] = one
        return kept[:count]

    @cached_property
    def _tolerance(self) -> float:
        """Difference below which energies are equal, meV per site."""
        return 1e-7 * Evaluator(self.hamiltonian.with_size((1, 1, 1)), self.device).stiffness

    def _starts(self) -> list[Supercell]:
        """Return the supercells that fit one arm of the softest star best, or all of them; smallest first.

        In a field a lattice of skyrmions is wider than the softest waves: some supercells fit longer waves.
        """
        modes, chosen = soft_modes(self.hamiltonian), dict[tuple[int, ...], Supercell]()
        records = ranked(self.hamiltonian, self.sites, modes)
        for measure in ("one", "all"):
            order = sorted(records, key=lambda record: (getattr(record, measure), record.supercell.sites))
            chosen |= {record.supercell.key: record.supercell for record in order[:STARTS]}
        for dilation in DILATIONS:
            wide = dilated(self.hamiltonian, self.sites, modes, dilation)
            chosen |= {wide.key: wide} if wide else {}
        return sorted(chosen.values(), key=lambda supercell: supercell.sites)

    def _small(self) -> list[Best]:
        """Return the best of all small supercells, each with the lowest of a few random textures after relaxation."""
        every = self._each([lambda: list(small_supercells(self.hamiltonian, self.sites))])[0]
        found = self._each([partial(self._screened, number, supercell) for number, supercell in enumerate(every)])
        best = self._among(STARTS, found)
        self.report(f"{len(every)} small supercells, random spins relaxed: {best[0]}")
        return best

    def _screened(self, number: int, supercell: Supercell) -> list[Best]:
        evaluator = Evaluator(supercell.hamiltonian, self.device, np.float32)
        random = stream(self.seed, Consumer.SCREENING, replica=number)
        relaxed = relax(
            BarzilaiBorwein(), evaluator, unit(random.normal(size=(SCREENED, supercell.sites, 3))), watch=self.watch
        )
        best = int(relaxed.energy.argmin())
        return [Best(supercell, relaxed.textures[best], float(relaxed.energy[best]) / supercell.sites)]

    def _searched(self, supercell: Supercell) -> list[Best]:
        """Return the elites of a small search in one supercell."""
        evaluator = Evaluator(supercell.hamiltonian, self.device, np.float32)
        settings = GeneticTunneling(replicas=REPLICAS, elites=4, seed=self.seed)
        island = Island(Crystal(supercell.hamiltonian, self.device, self.watch), evaluator, settings, watch=self.watch)
        for _ in range(GENERATIONS):
            island.breed()
        return [
            Best(supercell, elite.spins, elite.energy / supercell.sites)
            for elite in on_host(self.device, island.elites)
        ]

    def _relaxed(self, supercell: Supercell, texture: NDArray[Any]) -> Best:
        evaluator = Evaluator(supercell.hamiltonian, self.device, np.float32)
        relaxed = relax(REFINEMENT, evaluator, texture[None], watch=self.watch)
        return Best(supercell, relaxed.textures[0], float(relaxed.energy[0]) / supercell.sites)

    def _descended(self, start: Best, axes: tuple[int, ...], moves: int = 1) -> list[Best]:
        """Return the minimum of a descent to the best neighbouring supercell, until none is better."""
        best, seen = self._relaxed(start.supercell, start.texture), {start.supercell.key}
        while True:
            tried = []
            for supercell in best.supercell.neighbours(axes, moves):
                fits = supercell.sites <= self.sites and manageable(self.hamiltonian, supercell.H)
                if fits and supercell.key not in seen:
                    seen.add(supercell.key)
                    tried.append(self._relaxed(supercell, best.supercell.carried(best.texture, supercell)))
            next_best = min(tried, key=lambda one: one.energy, default=best)
            if next_best.energy >= best.energy - self._tolerance:
                return [best]
            best = next_best

    def _shortened(self, one: Best) -> list[Best]:
        """Return minima in the smaller supercells that a minimum nearly repeats after, none where there are none.

        A texture that is long and soft is never relaxed so well that its copies are equal: whether the energy stays the
        same decides.
        """
        smaller = {cell.key: cell for cell in (one.primitive(within) for within in REPEATS_WITHIN)}
        smaller.pop(one.supercell.key, None)
        return [self._relaxed(cell, one.supercell.repeated(one.texture, cell)) for cell in smaller.values()]

    def _tilings(self, supercell: Supercell, axes: tuple[int, ...]) -> list[NDArray[np.int64]]:
        """Return the numbers side by side along each axis that ``sites`` allows."""
        found = []
        for repeats in product(range(1, REPEATS + 1), repeat=len(axes)):
            times = np.ones(3, dtype=np.int64)
            times[list(axes)] = repeats
            if times.prod() > 1 and times.prod() * supercell.sites <= self.sites:
                found.append(times)
        return found
