"""A race between boxes: small searches in the most promising ones, then a descent from box to neighbouring box.

Energies are compared per site. A box changes like a crystal under strain: one of its vectors becomes longer or shorter
by a cell, the texture is stretched with it and relaxed again; several boxes side by side can be changed in finer steps.
Every task depends on its own arguments alone, so that the outcome does not depend on the ranks that do them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import product
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import Interrupted
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.operators.crystal import Crystal
from magsearch.parallel.ranks import Ranks
from magsearch.relaxation.relax import relax
from magsearch.search.island import REFINEMENT, GeneticTunneling, Island
from magsearch.search.supercells.ranking import ranked
from magsearch.search.supercells.supercell import Box, free_axes

T = TypeVar("T")
STARTS = 6  # boxes of each measure of ``Ranked`` that are searched
REPLICAS = 32
GENERATIONS = 2  # of these small searches
LEADERS = 6  # textures that go on to other boxes
FINALISTS = 2  # that are tiled
REPEATS = 3  # boxes side by side along an axis, at the most


@dataclass(frozen=True, eq=False)
class Best:
    """A minimum in a box. energy in meV per site."""

    box: Box
    texture: NDArray[Any]  # [site, 3]
    energy: float

    def tiled(self, times: NDArray[np.int64]) -> Best:
        """So many copies side by side, [3]."""
        box = self.box.tiled(times)
        return Best(box, self.box.repeated(self.texture, box), self.energy)

    def shown(self) -> Best:
        """Copies side by side until the box is about as wide as it is long, with several cells along each free axis."""
        axes = free_axes(self.box.crystal)
        edges = np.linalg.norm(self.box.H @ self.box.crystal.lattice.cell, axis=1)
        times = np.ones(3, dtype=np.int64)
        times[list(axes)] = np.maximum(1, np.rint(edges.max() / edges))[list(axes)]
        if min(self.box.tiled(times).diagonal[0][axis] for axis in axes) == 1:
            times[list(axes)] *= 2
        return self.tiled(times)

    def __str__(self) -> str:
        return f"{self.energy:.7f} meV per site in {self.box}"


@dataclass(eq=False)
class Race:
    """The settings of a race, and its course.

    hamiltonian  the crystal; how many cells it has along the free axes does not matter
    device       where this rank evaluates
    sites        of a box, at the most
    seed         of everything random
    ranks        among which the tasks are divided
    say          told what happens, in words
    watch        called every now and then; what it raises ends the race
    """

    hamiltonian: Hamiltonian
    device: Device
    sites: int = 1200
    seed: int = 1
    ranks: Ranks = field(default_factory=Ranks)
    say: Callable[[str], None] = lambda words: None
    watch: Callable[[], None] = lambda: None

    def run(self) -> Best:
        """The best box and texture, the same on all ranks.

        ValueError where the box cannot be chosen, Interrupted where one of the ranks is told to stop.
        """
        axes = free_axes(self.hamiltonian)
        starts = self._each([self._starts])[0]
        self.say(f"{len(starts)} boxes that hold the softest modes, {starts[0].sites} to {starts[-1].sites} sites")
        best = self._among(LEADERS, self._each([partial(self._searched, box) for box in starts]))
        self.say(f"searched: {best[0]}")
        best = self._among(FINALISTS, self._each([partial(self._descended, one, axes) for one in best]))
        self.say(f"stretched: {best[0]}")
        larger = [one.tiled(times) for one in best for times in self._tilings(one.box, axes)]
        best = self._among(1, [best, *self._each([partial(self._descended, one, axes) for one in larger])])
        best = self._among(1, self._each([partial(self._descended, best[0], axes, moves=2)]))
        self.say(f"several side by side, stretched: {best[0]}")
        return best[0]

    def _each(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """The result of every task, on every rank: each does its share."""
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
        """The best ones of several lists, best first; of equal energies, the one in the smallest box."""
        kept: list[Best] = []
        for one in sorted((one for part in found for one in part), key=lambda one: one.energy):
            like = next((k for k, other in enumerate(kept) if abs(one.energy - other.energy) <= self._tolerance), None)
            if like is None:
                kept.append(one)
            elif one.box.sites < kept[like].box.sites:
                kept[like] = one
        return kept[:count]

    @cached_property
    def _tolerance(self) -> float:
        """meV per site, below which energies are equal."""
        return 1e-7 * Evaluator(self.hamiltonian.with_size((1, 1, 1)), self.device).stiffness

    def _starts(self) -> list[Box]:
        """The boxes that hold best one arm of the softest star, and all of them: smallest first."""
        records, chosen = ranked(self.hamiltonian, self.sites), dict[tuple[int, ...], Box]()
        for measure in ("one", "all"):
            order = sorted(records, key=lambda record: (getattr(record, measure), record.box.sites))
            chosen |= {record.box.key: record.box for record in order[:STARTS]}
        return sorted(chosen.values(), key=lambda box: box.sites)

    def _searched(self, box: Box) -> list[Best]:
        """The elites of a small search in one box."""
        evaluator = Evaluator(box.hamiltonian, self.device, np.float32)
        settings = GeneticTunneling(replicas=REPLICAS, elites=4, seed=self.seed)
        island = Island(Crystal(box.hamiltonian), evaluator, settings, watch=self.watch)
        for _ in range(GENERATIONS):
            island.breed()
        return [Best(box, elite.spins, elite.energy / box.sites) for elite in island.elites]

    def _relaxed(self, box: Box, texture: NDArray[Any]) -> Best:
        evaluator = Evaluator(box.hamiltonian, self.device, np.float32)
        relaxed = relax(REFINEMENT, evaluator, texture[None], watch=self.watch)
        return Best(box, relaxed.textures[0], float(relaxed.energy[0]) / box.sites)

    def _descended(self, start: Best, axes: tuple[int, ...], moves: int = 1) -> list[Best]:
        """Down from box to neighbouring box, always to the best one, until none is better."""
        best, seen = self._relaxed(start.box, start.texture), {start.box.key}
        while True:
            tried = []
            for box in best.box.neighbours(axes, moves):
                if box.sites <= self.sites and box.key not in seen:
                    seen.add(box.key)
                    tried.append(self._relaxed(box, best.box.carried(best.texture, box)))
            next_best = min(tried, key=lambda one: one.energy, default=best)
            if next_best.energy >= best.energy - self._tolerance:
                return [best]
            best = next_best

    def _tilings(self, box: Box, axes: tuple[int, ...]) -> list[NDArray[np.int64]]:
        """How many side by side along each axis, as far as the sites allow."""
        found = []
        for repeats in product(range(1, REPEATS + 1), repeat=len(axes)):
            times = np.ones(3, dtype=np.int64)
            times[list(axes)] = repeats
            if times.prod() > 1 and times.prod() * box.sites <= self.sites:
                found.append(times)
        return found
