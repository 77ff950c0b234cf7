"""A race between supercells: small searches in the most promising ones, then descents to neighbouring supercells.

The most promising ones fit the softest modes of J(q). With products of several spins these do not decide: then random
spins are relaxed in all small supercells as well, and the best of these are among the most promising ones.
Energies are compared per site. A supercell changes like a crystal under strain: one of its vectors becomes longer or
shorter by a cell, the texture is stretched with it and relaxed again; several supercells side by side can be changed in
finer steps, two of their entries at once. Every task depends on its own arguments alone, so that the outcome does not
depend on the ranks, and what is known of a race that a signal has stopped need not be computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import product
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import Interrupted, Overdue
from magsearch.formatting import counted
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.sphere import unit
from magsearch.operators.crystal import Crystal
from magsearch.parallel.ranks import Ranks
from magsearch.randomness import Consumer, stream
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.relax import relax
from magsearch.search.candidate import on_host
from magsearch.search.island import REFINEMENT, GeneticTunneling, Island
from magsearch.search.supercells.best import REPEATS_WITHIN, Best
from magsearch.search.supercells.enumeration import small_supercells
from magsearch.search.supercells.ranking import dilated, ranked, soft_modes
from magsearch.search.supercells.supercell import Supercell, free_axes, manageable

T = TypeVar("T")
Key = TypeVar("Key")
Known = dict[tuple[int, int], list[Best]]
STARTS = 6  # supercells of each measure of ``Ranked``, and of all small ones, that are searched
DILATIONS = (1.0, 1.1, 1.2, 1.3, 1.45)  # of the softest waves, in supercells for all of them
REPLICAS = 32
GENERATIONS = 2  # of these small searches
SCREENED = 16  # random textures that are relaxed in each small supercell
LEADERS = 6  # textures that are stretched to other supercells
FINALISTS = 2  # that are tiled
REPEATS = 3  # maximum number of supercells side by side along an axis


@dataclass(frozen=True, eq=False)
class Standing:
    """A race that a signal has ended, as far as it was.

    seconds   that it had taken
    known     the minima that each finished task had found, by the numbers of its stage and of the task
    seeds     textures [site, 3] that the run was given for its own box
    """

    seconds: float
    known: Known
    seeds: tuple[NDArray[Any], ...] = ()

    @property
    def best(self) -> Best | None:
        """The best minimum so far."""
        return min((one for found in self.known.values() for one in found), key=lambda one: one.energy, default=None)


@dataclass(eq=False)
class Race:
    """A race between supercells of a crystal.

    hamiltonian  the crystal; how many cells it has along the free axes does not matter
    device       where this rank evaluates
    sites        maximum number of sites per supercell
    seed         random seed
    ranks        among which the tasks are divided
    report       called with the progress, in words
    watch        called repeatedly; raises Interrupted where a signal ends the race, Overdue where its time is spent
    known        the minima that each finished task has found, by the numbers of its stage and of the task; from a race
                 that was interrupted before

    After ``run``, leaders holds the best minima, distinct in energy, the best of all first, and overdue says whether
    the race had to end before all tasks were done.
    """

    hamiltonian: Hamiltonian
    device: Device
    sites: int = 1200
    seed: int = 1
    ranks: Ranks = field(default_factory=Ranks)
    report: Callable[[str], None] = lambda words: None
    watch: Callable[[], None] = lambda: None
    known: Known = field(default_factory=dict)
    leaders: list[Best] = field(default_factory=list, init=False)
    overdue: bool = field(default=False, init=False)
    _stages: int = field(default=0, init=False)

    def run(self) -> Best | None:
        """Return the best supercell and texture, the same on all ranks; None if no task was done in time.

        Raises ValueError if the supercell cannot be chosen, Interrupted if one of the ranks is signalled.
        """
        self._stages = 0
        try:
            self.leaders = self._run()
        except Overdue:
            self.overdue = True
            self.leaders = self._among(LEADERS, list(self.known.values()))
        return self.leaders[0] if self.leaders else None

    def _run(self) -> list[Best]:
        """Return the leaders of a race that ends by itself."""
        axes, atoms = free_axes(self.hamiltonian), self.hamiltonian.lattice.atoms
        if atoms > self.sites:
            raise ValueError(f"supercells of up to {self.sites} sites (search.sites); a cell has {atoms}")
        starts = self.together(self._starts)
        self.report(
            f"{counted(len(starts), 'supercell')} that fit the softest modes, {starts[0].sites} to "
            f"{starts[-1].sites} sites"
        )
        relaxed = self._small() if self.hamiltonian.products else []
        starts += [one.supercell for one in relaxed if one.supercell.key not in {start.key for start in starts}]
        searched = self._each([partial(self._searched, supercell) for supercell in starts])
        best = first = self._among(LEADERS, [relaxed, *searched])
        self.report(f"searched: {best[0]}")
        best = self._among(FINALISTS, self._each([partial(self._descended, one, axes) for one in best]))
        self.report(f"stretched: {best[0]}")
        larger = [one.tiled(times) for one in best for times in self._tilings(one.supercell, axes)]
        best = self._among(1, self._each([partial(self._descended, one, axes, moves=2) for one in [*larger, *best]]))
        best = self._among(1, [best, *self._each([partial(self._shortened, best[0])])])
        self.report(f"several side by side, stretched: {best[0]}")
        return self._among(LEADERS, [best, first])

    def together(self, work: Callable[[], T]) -> T:
        """Return on every rank what a function returns on rank 0. Raises Interrupted and Overdue on all of them."""
        done: dict[str, T] = {}
        self._do({"": work} if self.ranks.rank == 0 else {}, done)
        return done[""]

    def _each(self, tasks: Sequence[Callable[[], list[Best]]]) -> list[list[Best]]:
        """Return the results of all tasks of a stage on every rank; each does its share of those that are not known."""
        stage, ranks = self._stages, self.ranks
        self._stages += 1
        every = {(stage, number): task for number, task in enumerate(tasks)}
        left = [key for key in every if key not in self.known]
        self._do({key: every[key] for key in left[ranks.rank :: ranks.size]}, self.known)
        return [self.known[key] for key in every]

    def _do(self, tasks: Mapping[Key, Callable[[], T]], done: dict[Key, T]) -> None:
        """Do the tasks of this rank, and add the results of those of all ranks to ``done``.

        Raises Interrupted or Overdue on all ranks if a task does so on one; what was done before is among the results.
        """
        own, end = dict[Key, T](), None
        try:
            for key, task in tasks.items():
                own[key] = task()
        except (Interrupted, Overdue) as raised:
            end = type(raised)
        parts = self.ranks.broadcast(self.ranks.gather((own, end)))
        for part, _ in parts:
            done.update(part)
        for kind in (Interrupted, Overdue):
            if any(end is kind for _, end in parts):
                raise kind

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
        modes, chosen = soft_modes(self.hamiltonian, self.watch), dict[tuple[int, ...], Supercell]()
        records = ranked(self.hamiltonian, self.sites, modes, self.watch)
        for measure in ("one", "all"):
            order = sorted(records, key=lambda record: (getattr(record, measure), record.supercell.sites))
            chosen |= {record.supercell.key: record.supercell for record in order[:STARTS]}
        for dilation in DILATIONS:
            wide = dilated(self.hamiltonian, self.sites, modes, dilation)
            chosen |= {wide.key: wide} if wide else {}
        return sorted(chosen.values(), key=lambda supercell: supercell.sites)

    def _small(self) -> list[Best]:
        """Return the best of all small supercells, each with the lowest of a few random textures after relaxation."""
        every = self.together(lambda: list(small_supercells(self.hamiltonian, self.sites, self.watch)))
        found = self._each([partial(self._screened, number, supercell) for number, supercell in enumerate(every)])
        best = self._among(STARTS, found)
        self.report(f"{counted(len(every), 'small supercell')}, random spins relaxed: {best[0]}")
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
