"""Global front-end: one island of the genetic-tunneling search (Xu et al., Commun. Phys. 6, 239 (2023)).

    generation: select parents -> crossover or mutate -> relax all offspring -> merge, drop duplicates -> refine elites

An island knows nothing of files, clocks or MPI. Everything random comes from a counter keyed by the seed, the island,
the generation and the replica, so that a generation can be repeated alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.minima.degeneracy import Minima
from magsearch.minima.free_energy import Fitness
from magsearch.minima.stability import pushed, stability
from magsearch.model.sphere import unit
from magsearch.observables.fingerprint import distinct, fingerprint
from magsearch.operators import BREEDING, SEEDS, Mixture
from magsearch.operators.crystal import Crystal
from magsearch.randomness import Consumer, key, stream
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.relax import EARLY, Convergence, Method, Minimizer, VarianceControl, relax
from magsearch.search.alignment import Alignment
from magsearch.search.candidate import NOWHERE, Candidate
from magsearch.search.selection import Selection, SteadyState

OFFSPRING = BarzilaiBorwein(Convergence(variance=EARLY))
REFINEMENT = BarzilaiBorwein(Convergence(steps=2000, variance=VarianceControl(200, relative=1e-8)))
FLAT = LBFGS(Convergence(steps=3000, variance=None))  # where gradients alone take long: dearer steps, far fewer
CLOSELY = 2  # rough candidates that a generation relaxes closely, at the most
LOOSELY = 10.0  # times as far as minima have rough candidates to be apart to count as distinct
PUSHES = 3  # times that what turns out to be a saddle is pushed off and relaxed again, at the most
POLISH = BarzilaiBorwein(Convergence(steps=2000, variance=None))


@dataclass(frozen=True)
class GeneticTunneling:
    """The settings of an island.

    replicas     offspring of a generation, and candidates that are kept
    elites       the best of them: relaxed further, and stored
    seed         of everything random
    minimizer    local back-end of all offspring
    refinement   the same for elites, which must be compared more closely
    polish       the same in double precision, for the elites whose numbers are reported
    modes        softest modes of those, by which saddles are found and pushed off; 0: none
    fitness      a local free energy by which candidates are ranked; None: their energy
    selection    who becomes a parent
    seeds        mixture of operators that make the first generation
    operators    mixture of operators that make offspring
    adaptation   0 to 1: share of the offspring whose operator is drawn from those that made the candidates that are
                 kept, as often as they did (Spears, Proc. Evolutionary Programming 1995: a candidate hands its
                 operator down); the others follow the weights
    """

    replicas: int = 64
    elites: int = 8
    seed: int = 1
    minimizer: Minimizer | Method = OFFSPRING
    refinement: Minimizer = REFINEMENT
    polish: Minimizer = POLISH
    modes: int = 4
    fitness: Fitness | None = None
    selection: Selection = field(default_factory=SteadyState)
    seeds: Mixture = SEEDS
    operators: Mixture = BREEDING
    adaptation: float = 0.0


@dataclass(frozen=True)
class Generation:
    """What one generation did. Energies in meV per site, over the candidates that are kept."""

    generation: int
    best: float
    mean: float
    deviation: float
    energies: NDArray[np.float64] = field(compare=False)  # [candidate], best first
    evaluations: int  # of this generation: energy and force of one replica
    offspring: dict[str, int]  # by operator
    successes: dict[str, int]  # offspring that were kept, by operator


@dataclass(frozen=True)
class State:
    """Everything that the next generation of an island depends on, apart from its settings."""

    generation: int = 0
    candidates: tuple[Candidate, ...] = ()  # distinct, best first; before the first generation: those that are given
    leaders: tuple[tuple[Candidate, float], ...] = ()  # who draws the next offspring, and how strongly


@dataclass
class Island:
    """A population of distinct minima that breeds.

    crystal, evaluator   what is searched, and where
    settings             how
    number               which island of the archipelago this is
    state                where it has got to
    watch                called every now and then; what it raises ends a generation, and leaves the state as it was
    """

    crystal: Crystal
    evaluator: Evaluator
    settings: GeneticTunneling
    number: int = 0
    state: State = State()
    watch: Callable[[], None] = lambda: None

    @property
    def generation(self) -> int:
        """Generations so far."""
        return self.state.generation

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        return self.state.candidates

    def breed(self) -> Generation:
        """One generation. The state is that of its end, or of its beginning where it does not come to an end."""
        settings = self.settings
        new, evaluations = self.relaxed(self._offspring(), settings.minimizer, self.evaluator)
        candidates = self._best([*self.candidates, *new])
        kept = {id(candidate) for candidate in candidates}
        candidates, more = self._refined(candidates)
        energies = np.array([candidate.energy for candidate in candidates]) / self.crystal.hamiltonian.n_spins
        names = [candidate.origin for candidate in new]
        done = Generation(
            generation=self.generation,
            best=float(energies[0]),
            mean=float(energies.mean()),
            deviation=float(energies.std()),
            energies=energies,
            evaluations=evaluations + more,
            offspring={name: names.count(name) for name in sorted(set(names))},
            successes={name: sum(c.origin == name and id(c) in kept for c in new) for name in sorted(set(names))},
        )
        self.state = State(self.generation + 1, tuple(candidates))
        return done

    def relaxed(
        self,
        candidates: Sequence[Candidate],
        minimizer: Minimizer | Method,
        evaluator: Evaluator,
        refined: bool = False,
    ) -> tuple[list[Candidate], int]:
        """The candidates after a relaxation, and the evaluations that it took.

        They count as ``refined`` where the relaxation was a close one and came to rest.
        """
        textures = np.stack([candidate.spins for candidate in candidates])
        who = Consumer.REFINEMENT if refined else Consumer.RELAXATION
        random = key(self.settings.seed, who, self.number, self.generation)
        relaxed = relax(minimizer, evaluator, textures, watch=self.watch, key=random)
        free_energy = None
        if self.settings.fitness is not None:
            always = key(self.settings.seed, Consumer.FITNESS)  # what is drawn is the same for all, ever
            fitness = self.settings.fitness(evaluator, relaxed.textures, relaxed.energy, self.watch, always)
            free_energy = fitness.value
        after = []
        for k, candidate in enumerate(candidates):
            self.watch()
            after.append(
                replace(
                    candidate,
                    spins=relaxed.textures[k],
                    energy=float(relaxed.energy[k]),
                    torque=float(relaxed.torque[k]),
                    fingerprint=fingerprint(self.crystal.lattice, relaxed.textures[k], relaxed.energy[k]),
                    refined=refined and relaxed.reason[k] != "moving",
                    free_energy=None if free_energy is None else float(free_energy[k]),
                )
            )
        return after, relaxed.evaluations

    @property
    def elites(self) -> list[Candidate]:
        """The best candidates that have been relaxed closely: distinct minima, best first.

        One at least, once the island has bred.
        """
        refined = [candidate for candidate in self.candidates if candidate.refined]
        return refined[: self.settings.elites] or [c for c in self.candidates[:1] if np.isfinite(c.energy)]

    @property
    def rough(self) -> list[Candidate]:
        """Those among as many of the best that have not been relaxed closely, or not far enough."""
        return self._rough(self.candidates)

    def finalists(self) -> list[Candidate]:
        """The best distinct minima when all candidates are relaxed closely: as many as elites, and the state stays."""
        rough = [candidate for candidate in self.candidates if not candidate.refined]
        if not rough:
            return self.elites
        closely, _ = self.relaxed(rough, self.settings.refinement, self.evaluator, refined=True)
        return self._best([*(c for c in self.candidates if c.refined), *closely])[: self.settings.elites]

    def polished(self) -> list[Candidate]:
        """Of elites and the best rough candidates, those that are best in double precision: no more than the elites.

        Those that do not come to rest go on with ``FLAT``. They are compared spin by spin, where ``distinct`` compares
        a few figures.
        """
        precise = Evaluator(self.crystal.hamiltonian, self.evaluator.device, np.float64, self.evaluator.path)
        minima = Minima(precise, 1e-6 * self.evaluator.stiffness)
        chosen = {id(candidate): candidate for candidate in self.elites + self.rough}
        # spins of single precision are a little too long or short: a texture at rest would keep a wrong energy
        whole = [replace(one, spins=unit(one.spins.astype(np.float64))) for one in chosen.values()]
        polished, _ = self.relaxed(whole, self.settings.polish, precise, refined=True)
        best = self._told_apart(polished, minima)[: self.settings.elites]
        moving = [candidate for candidate in best if not candidate.refined]
        if moving:
            rested, _ = self.relaxed(moving, FLAT, precise, refined=True)
            best = self._told_apart([*(candidate for candidate in best if candidate.refined), *rested], minima)
        elites = self._settled(best, minima)[: self.settings.elites]
        return [replace(one, degeneracy=minima.degeneracy(one.spins, one.stability)) for one in elites]

    def _told_apart(self, candidates: Sequence[Candidate], minima: Minima) -> list[Candidate]:
        """Sorted by worth, those that are not the same minimum as a better one."""
        kept: list[Candidate] = []
        for candidate in self._ranked(candidates):
            self.watch()
            texture, known = candidate.spins, candidate.fingerprint
            if not any(minima.one(texture, known, other.spins, other.fingerprint) for other in kept):
                kept.append(candidate)
        return kept

    def _settled(self, candidates: list[Candidate], minima: Minima) -> list[Candidate]:
        """With the stability of the elites known; saddles are pushed off, both ways, and relaxed again."""
        elites, count, precise = self.settings.elites, self.settings.modes, minima.evaluator
        for push in range(PUSHES + 1 if count else 0):
            new = [place for place, c in enumerate(candidates[:elites]) if c.stability is None]
            if not new:
                break
            found, lowest = stability(precise, [candidates[place].spins for place in new], count, self.watch)
            off = []
            for place, known, mode in zip(new, found, lowest, strict=True):
                candidate = candidates[place]
                candidates[place] = replace(candidate, stability=known)
                if known.kind == "saddle" and push < PUSHES:
                    off += [replace(candidate, spins=texture) for texture in pushed(candidate.spins, mode)]
            if off:
                fallen, _ = self.relaxed(off, FLAT, precise, refined=True)
                left = [c for c in candidates if c.stability is None or c.stability.kind != "saddle"]
                candidates = self._told_apart([*left, *fallen], minima)
        return candidates

    def merge(self, new: Sequence[Candidate]) -> int:
        """Take candidates in; the best distinct ones stay. How many of the new ones do."""
        known = {id(candidate) for candidate in self.candidates}
        candidates = self._best([*self.candidates, *new])
        self.state = replace(self.state, candidates=tuple(candidates))
        return sum(id(candidate) not in known for candidate in candidates)

    def follow(self, leaders: Sequence[tuple[Candidate, float]]) -> None:
        """Draw the offspring of the next generation towards leaders, each with its strength, 0 to 1."""
        self.state = replace(self.state, leaders=tuple(leaders))

    def distinct(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Sorted by worth, those that differ by more than a symmetry of the Hamiltonian from every better one.

        Rough ones have to differ by more, since copies of one minimum that are not at rest yet look like many.
        """
        ranked = self._ranked(candidates)
        looseness = [1.0 if candidate.refined else LOOSELY for candidate in ranked]
        kept = distinct([candidate.fingerprint for candidate in ranked], 1e-6 * self.evaluator.stiffness, looseness)
        return [ranked[place] for place in kept]

    def _ranked(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return sorted((c for c in candidates if np.isfinite(c.energy)), key=lambda c: c.worth)

    def _best(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return self.distinct(candidates)[: self.settings.replicas]

    def _rough(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return [candidate for candidate in candidates[: self.settings.elites] if not candidate.refined]

    def _refined(self, candidates: Sequence[Candidate]) -> tuple[list[Candidate], int]:
        """The candidates with the very best rough ones relaxed closely, and how many evaluations it took.

        What turns out to be the same minimum as a better candidate is dropped.
        """
        rough = self._rough(candidates)[:CLOSELY]
        if not rough:
            return list(candidates), 0
        refined, evaluations = self.relaxed(rough, self.settings.refinement, self.evaluator, refined=True)
        known = {id(candidate) for candidate in rough}
        return self._best([*(c for c in candidates if id(c) not in known), *refined]), evaluations

    def _offspring(self) -> list[Candidate]:
        """What one generation relaxes: textures on the sphere, not relaxed yet.

        The candidates of an island that has not bred are textures that it was given: they come first.
        """
        leaders = [(Alignment(self.crystal, leader.spins), pull) for leader, pull in self.state.leaders]
        new = list(self.candidates[: self.settings.replicas]) if self.generation == 0 else []
        for replica in range(len(new), self.settings.replicas):
            self.watch()
            texture, origin = self._child(replica)
            for leader, pull in leaders:
                texture = unit(texture + pull * (leader.onto(texture) - texture))
            new.append(Candidate(texture, np.inf, np.inf, origin, self.generation, NOWHERE, island=self.number))
        return new

    def _child(self, replica: int) -> tuple[NDArray[Any], str]:
        """One texture on the sphere, and the name of the operator that made it."""
        settings, first = self.settings, self.generation == 0
        random = stream(settings.seed, Consumer.OFFSPRING, self.number, self.generation, replica)
        mixture = settings.seeds if first else settings.operators
        operator = mixture[random.choice(len(mixture), p=self._shares(mixture))][0]
        parents = np.empty((0, self.crystal.lattice.sites, 3))
        if operator.parents:
            worth = np.array([candidate.worth for candidate in self.candidates])
            places = settings.selection(worth, operator.parents, random)
            parents = np.stack([self.candidates[place].spins for place in places]).astype(np.float64)
        child = unit(operator(self.crystal, parents, random))
        empty = ~child.any(axis=1)
        child[empty] = unit(random.normal(size=(int(empty.sum()), 3)))
        return child * self.crystal.hamiltonian.occupied[:, None], type(operator).__name__

    def _shares(self, mixture: Mixture) -> NDArray[np.float64]:
        """Of the operators of a mixture in the offspring; what is bred pays off, what a search begins with does not."""
        weights = np.array([weight for _, weight in mixture])
        shares = weights / weights.sum()
        names = [candidate.origin for candidate in self.candidates if candidate.generation > 0]
        made = np.array([names.count(type(operator).__name__) for operator, _ in mixture])
        if self.settings.adaptation and made.any():
            shares += self.settings.adaptation * (made / made.sum() - shares)
        return shares
