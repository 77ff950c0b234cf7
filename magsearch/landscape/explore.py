"""Exploration of a landscape: pairs of minima, paths between them, saddle points, and the minima where these lead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.formatting import counted
from magsearch.landscape import bands, paths
from magsearch.landscape.bands import Bands
from magsearch.landscape.drift import drifted
from magsearch.landscape.landscape import Landscape, Minimum, Saddle, Transition
from magsearch.landscape.rates import Rates, State
from magsearch.landscape.saddles import Stationary
from magsearch.landscape.tasks import Crossed, Crossing, Judged
from magsearch.minima.degeneracy import Minima
from magsearch.observables.fingerprint import fingerprint
from magsearch.observables.topological_charge import topological_charge
from magsearch.phases.rules import label
from magsearch.phases.spectrum import portrait_of
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.relax import relax

UNIT = 8  # paths that are relaxed together, whatever the number of ranks: their maxima fill a block
SAME = 1e-6  # of the stiffest coupling, per site: energies of one minimum agree so far
SLID = 1e-3  # of the negative mode: two saddle points with the same ends and energy are one that has slid
LEVEL = Bands(images=8, steps=40, climbing=40)  # that show whether a barrier is between two textures
TIGHT = LBFGS(Convergence(steps=6000, variance=None))


@dataclass(eq=False)
class Explorer:
    """Exploration of the landscape of one Hamiltonian.

    evaluator    in double precision
    bands        settings of the elastic bands
    neighbours   number of nearest minima that each one is connected with; of groups of minima without a path between
                 them, twice as many nearest pairs are connected as well
    most         largest number of minima
    together     largest number of pairs that are relaxed at a time
    copies       connect each minimum also with the nearest of its symmetric copies that differs from it: a reversal
    watch        called repeatedly, may raise
    say          receives a line when something is worth a note
    divide       carries out tasks (``tasks.py``) on several ranks; None: here
    """

    evaluator: Evaluator
    bands: Bands = field(default_factory=Bands)
    neighbours: int = 2
    most: int = 64
    together: int = 16
    copies: bool = False
    watch: Callable[[], None] = lambda: None
    say: Callable[[str], None] = lambda line: None
    divide: Callable[[Sequence[Any]], list[Any]] | None = None
    _near: dict[tuple[int, int], float] = field(default_factory=dict)
    _theory: Rates | None = None

    @cached_property
    def minima(self) -> Minima:
        """Comparison of textures."""
        return Minima(self.evaluator, SAME * self.evaluator.stiffness, self.watch)

    def spread(self, tasks: Sequence[Any]) -> list[Any]:
        """Return the results of tasks, in their order."""
        return self.divide(tasks) if self.divide else [task(self) for task in tasks]

    def theory(self, kelvin: float) -> Rates:
        """Return the theory of rates from a lowest temperature on; the last one is kept."""
        if self._theory is None or self._theory.kelvin != kelvin:
            self._theory = Rates(self.evaluator, self.minima.equivalence, kelvin, watch=self.watch)
        return self._theory

    def begin(self, textures: NDArray[np.float64]) -> Landscape:
        """Return a landscape of the distinct minima that textures [replica, site, 3] relax to, lowest first."""
        relaxed = relax(TIGHT, self.evaluator, textures, watch=self.watch)
        found = np.asarray(relaxed.textures)
        landscape = Landscape(())
        for k in np.argsort(relaxed.energy, kind="stable"):
            landscape, _ = self.placed(landscape, found[k])
        return replace(landscape, evaluations=relaxed.evaluations)

    def explore(self, landscape: Landscape) -> Iterator[Landscape]:
        """Yield the landscape after every batch of paths, until no pair is left."""
        while pairs := self.pairs(landscape)[: self.together]:
            landscape = self.connected(landscape, pairs)
            yield landscape

    def pairs(self, landscape: Landscape) -> list[tuple[int, int]]:
        """Return the pairs of minima between which paths are to be relaxed next, nearest first."""
        count, tried = len(landscape.minima), set(landscape.tried)
        for i in range(count):
            for j in range(i if self.copies else i + 1, count):
                if (i, j) not in self._near:
                    self.watch()
                    one, other = landscape.minima[i].spins, self.end(landscape, i, j)
                    self._near[i, j] = np.inf if other is None else self.minima.equivalence.apart(other, one)
        wanted = {(i, i) for i in range(count) if self.copies and np.isfinite(self._near[i, i])}
        for i in range(count):
            near = sorted((self._near[min(i, j), max(i, j)], j) for j in range(count) if j != i)
            wanted |= {(min(i, j), max(i, j)) for _, j in near[: self.neighbours]}
        left = wanted - tried
        if not left:
            groups = landscape.components()
            between = []
            for a, these in enumerate(groups):
                for those in groups[a + 1 :]:
                    every = sorted(((min(i, j), max(i, j)) for i in these for j in those), key=self._near.__getitem__)
                    between += [pair for pair in every[: 2 * self.neighbours] if pair not in tried]
            left = set(sorted(between, key=self._near.__getitem__)[: max(1, len(groups) - 1)])
        return sorted(left, key=lambda pair: self._near[pair])

    def end(self, landscape: Landscape, i: int, j: int) -> NDArray[np.float64] | None:
        """Return the copy [site, 3] of minimum j that is nearest to minimum i.

        Of the minimum itself, the nearest of those that symmetries other than translations make and that differ from
        it; None where there is none.
        """
        equivalence, here = self.minima.equivalence, landscape.minima[i].spins
        if i != j:
            return equivalence.nearest(landscape.minima[j].spins, here)
        copies = [copy for copy in equivalence.images(here, here) if equivalence.apart(copy, here) > equivalence.close]
        return min(copies, key=lambda copy: equivalence.apart(copy, here), default=None)

    def initial(self, start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the initial path [image, site, 3] with the lowest maximum.

        Tried are the geodesic, shrinking either texture or displacing it through an open edge, and moving separate
        parts.

        Notes antiparallel spins, whose plane of rotation is drawn.
        """
        images, hamiltonian = self.bands.images, self.evaluator.hamiltonian
        straight, antiparallel = paths.geodesic(start, end, images)
        collapse, growth = paths.shrunk(hamiltonian, start, end, images), paths.shrunk(hamiltonian, end, start, images)
        tried = [straight, *([collapse] if collapse is not None else [])]
        tried += [growth[::-1]] if growth is not None else []
        moved = drifted(hamiltonian, start, end, images)
        tried += [moved] if moved is not None else []
        tried += paths.expelled(hamiltonian, start, end, images)
        tried += [path[::-1] for path in paths.expelled(hamiltonian, end, start, images)]
        highest = [self.evaluator.energies(path).max() for path in tried]
        best = int(np.argmin(highest))
        if best == 0 and antiparallel:
            self.say(f"{counted(antiparallel, 'antiparallel spin')} of two minima: turned in planes that are drawn")
        return tried[best]

    def connected(self, landscape: Landscape, pairs: list[tuple[int, int]]) -> Landscape:
        """Return the landscape with the saddle points on the paths between pairs of minima, and what these lead to."""
        ends = [(landscape.minima[i].spins, self.end(landscape, i, j)) for i, j in pairs]
        initial = np.array([self.initial(start, end) for start, end in ends if end is not None])
        parts: list[Crossed] = self.spread([Crossing(initial[k : k + UNIT]) for k in range(0, len(pairs), UNIT)])
        for part in parts:
            for saddle, sides in part.found:
                landscape = self._with(landscape, saddle, sides)
        known = np.isfinite(landscape.passes())
        for i, j in pairs:
            if i == j and not any(i in saddle.ends for saddle in landscape.saddles):
                self.say(f"no path yet between minimum {i} and a copy of it")
            elif not known[i, j]:
                self.say(f"no path yet between minima {i} and {j}")
        return replace(
            landscape,
            tried=(*landscape.tried, *pairs),
            evaluations=landscape.evaluations + sum(part.evaluations for part in parts),
        )

    def _with(
        self, landscape: Landscape, saddle: Stationary, sides: tuple[NDArray[np.float64], NDArray[np.float64]]
    ) -> Landscape:
        """Return the landscape with a saddle point, unless a symmetric copy of it is there."""
        self.watch()
        numbers = []
        for texture in sides:
            landscape, number = self.placed(landscape, texture)
            numbers.append(number)
        if -1 in numbers:
            return landscape
        ends = (min(numbers), max(numbers))
        near = self.minima.tolerance * self.evaluator.hamiltonian.n_spins
        for other in landscape.saddles:
            apart, softer = abs(other.energy - saddle.energy), abs(other.modes[0] - saddle.modes[0])
            if other.ends != ends or apart > near:
                continue
            slid = apart <= SAME * self.evaluator.stiffness and softer <= SLID * abs(saddle.modes[0])
            if slid or self.minima.equivalence.same(saddle.spins, other.spins):
                return landscape
        one = Saddle(saddle.spins, saddle.energy, saddle.torque, saddle.modes, saddle.mode, ends)
        return replace(landscape, saddles=(*landscape.saddles, one))

    def one(self, texture: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
        """Return whether two textures [site, 3] are the same minimum.

        Symmetry maps one to the other, or no barrier is between them on the straight path, or where their separate
        parts move to other places (``SAME``).
        """
        self.watch()
        hamiltonian, energies = self.evaluator.hamiltonian, self.evaluator.energies(np.array([texture, other]))
        known, others = (
            fingerprint(hamiltonian.lattice, s, e) for s, e in zip((texture, other), energies, strict=True)
        )
        if self.minima.one(texture, known, other, others):
            return True
        level = self.minima.tolerance * hamiltonian.n_spins
        if abs(energies[0] - energies[1]) > level:
            return False
        copies = self.minima.equivalence.images(texture, other)
        ways = [drifted(hamiltonian, copy, other, LEVEL.images) for copy in copies]
        found = [way for way in ways if way is not None]
        if not found:
            return False
        best = min(found, key=lambda way: self.evaluator.energies(way).max())
        relaxed = bands.relax(LEVEL, self.evaluator, best[None], self.watch).energies[0]
        return bool(relaxed.max() - energies.max() <= level)

    def placed(self, landscape: Landscape, texture: NDArray[np.float64]) -> tuple[Landscape, int]:
        """Return the landscape with a minimum, and its number; -1 where there are too many already."""
        self.watch()
        hamiltonian = self.evaluator.hamiltonian
        energy = float(self.evaluator.energies(texture[None])[0])
        for number, other in enumerate(landscape.minima):
            if self.one(texture, other.spins):
                return landscape, number
        if len(landscape.minima) >= self.most:
            self.say(f"more than {self.most} minima: others are left out")
            return landscape, -1
        charge = float(topological_charge(hamiltonian.lattice, texture))
        phase = label(portrait_of(hamiltonian, texture))
        new = Minimum(texture, energy, charge, phase)
        return replace(landscape, minima=(*landscape.minima, new)), len(landscape.minima)

    def rates(self, landscape: Landscape, kelvins: tuple[float, ...], damping: float | None = None) -> Landscape:
        """Return the landscape with the rates through all of its saddle points at some temperatures.

        A minimum or saddle point whose Hessian has other modes that are not positive is left out, with a note.
        """
        kelvin = min(kelvins)
        theory = replace(self.theory(kelvin), damping=damping)
        ends = sorted({end for saddle in landscape.saddles for end in saddle.ends})
        tasks = [Judged(landscape.minima[k].spins, False, kelvin) for k in ends]
        states: list[State | str] = self.spread(
            [*tasks, *(Judged(one.spins, True, kelvin) for one in landscape.saddles)]
        )
        names = [*(f"minimum {k}" for k in ends), *(f"saddle {k}" for k in range(len(landscape.saddles)))]
        for name, state in zip(names, states, strict=True):
            if isinstance(state, str):
                self.say(f"no rates for {name}: {state}")
        wells, found = dict(zip(ends, states, strict=False)), []
        for number, (saddle, top) in enumerate(zip(landscape.saddles, states[len(ends) :], strict=True)):
            for start, end in sorted({saddle.ends, saddle.ends[::-1]}):
                well = wells[start]
                if isinstance(well, str) or isinstance(top, str):
                    continue
                for kelvin in kelvins:
                    rate = theory.rate(kelvin, well, top, saddle.mode, 2 if start == end else 1)
                    found.append(
                        Transition(start, end, number, kelvin, rate.prefactor, rate.error, rate.per_second, rate.soft)
                    )
        return replace(landscape, transitions=tuple(found))
