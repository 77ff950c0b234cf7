"""Global front-end: one island of the genetic-tunneling search (Xu et al., Commun. Phys. 6, 239 (2023)).

    generation: select parents -> crossover or mutate -> relax offspring, and the best rough candidates tightly
                -> merge, drop duplicates

An island does not depend on files, wall time or MPI. Random numbers come from a counter keyed by the seed, the island,
the generation and the replica, so that any generation can be repeated by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.minima.free_energy import Fitness
from magsearch.observables.fingerprint import distinct, fingerprints
from magsearch.operators import BREEDING, RESTARTS, SEEDS, Mixture
from magsearch.operators.crystal import Crystal
from magsearch.operators.mixtures import crystalline
from magsearch.randomness import Consumer, Draws, key
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import EARLY, Convergence, VarianceControl
from magsearch.relaxation.relax import Method, Minimizer
from magsearch.relaxation.schedule import Schedule
from magsearch.search.breeding import Breeding
from magsearch.search.candidate import NO_SPINS, NOWHERE, Candidate, compact, gathered, on_host, ranked
from magsearch.search.generation import Generation, State
from magsearch.search.lockstep import Task, Work, alike, planned, together
from magsearch.search.selection import Selection, SteadyState

OFFSPRING = BarzilaiBorwein(Convergence(variance=EARLY))
DISORDERED = BarzilaiBorwein()  # the same in the first generation of a disordered model: its random spins need longer
REFINEMENT = BarzilaiBorwein(Convergence(steps=2000, variance=VarianceControl(200, relative=1e-8)))
TIGHTLY = 1 / 8  # fraction of the replicas of a generation that are rough candidates, which are relaxed tightly
LEFT = 1 / 8  # fraction of offspring that may still move when their generation ends
EASY = 1 / 2  # the same of a first generation of seeds: of a model that a few starts solve, the first to arrive will do
LOOSENESS = 10.0  # factor on the tolerances within which rough candidates count as one minimum
ROUNDING = 1e-7  # of the energy per site in single precision, in units of the stiffest coupling
FIRST = 16  # replicas of the first generation of a crystal: many need a few starts, and what it costs decides
SEEDED = 100_000  # spins that seeds hold before breeding begins: many models are solved by restarts alone
SEEDING = 4  # generations of seeds at most
POLISH = BarzilaiBorwein(Convergence(steps=2000, variance=None))


@dataclass(frozen=True)
class GeneticTunneling:
    """Settings of an island.

    replicas     number of textures that a generation relaxes, and of candidates that are kept
    elites       number of the best candidates, which are relaxed further and stored
    seed         random seed
    minimizer    local back-end of all offspring
    refinement   minimizer of elites, which are compared with smaller tolerances
    polish       minimizer in double precision of the elites that are reported
    modes        number of softest modes by which saddle points are found and displaced; 0: none
    fitness      local free energy by which candidates are ranked; None: their energy
    selection    selection of parents
    seeds        mixture of operators that generate the first generation, and up to three more of a small model; with
                 the default, these others are made by ``RESTARTS``
    operators    mixture of operators that generate offspring
    adaptation   0 to 1: share of the offspring whose operator is drawn with the frequencies at which operators
                 generated the candidates that are kept (Spears, Proc. Evolutionary Programming 1995: a candidate
                 inherits its operator); the others follow the weights
    """

    replicas: int = field(
        default=64,
        metadata={
            "doc": "Textures relaxed in a generation, and size of the population. The first generation of a "
            "crystal relaxes 16, unless textures are given or a back-end relaxes them.",
            "ge": 2,
            "per_island": True,
        },
    )
    elites: int = field(default=8, metadata={"doc": "Number of minima that are refined, stored and reported.", "ge": 1})
    seed: int = field(default=1, metadata={"doc": "Random seed.", "ge": 0, "lt": 2**63, "per_island": True})
    minimizer: Minimizer | Method = OFFSPRING
    refinement: Minimizer = REFINEMENT
    polish: Minimizer = POLISH
    modes: int = field(
        default=4,
        metadata={
            "doc": "Softest Hessian modes that are computed for each elite. Saddle points are displaced along them and "
            "relaxed again; 0: none.",
            "ge": 0, "le": 64,
        },
    )  # fmt: skip
    fitness: Fitness | None = None
    selection: Selection = field(default_factory=SteadyState)
    seeds: Mixture = SEEDS
    operators: Mixture = BREEDING
    adaptation: float = field(
        default=0.0,
        metadata={
            "doc": "Fraction of the offspring whose operator is drawn by past success instead of by weight.",
            "ge": 0, "le": 1, "per_island": True,
        },
    )  # fmt: skip

    @property
    def mixtures(self) -> tuple[Mixture, Mixture, Mixture]:
        """Mixtures of the first generation, of the other generations of seeds, and of offspring.

        The second is ``RESTARTS``, or ``seeds`` if these are not the default.
        """
        return self.seeds, RESTARTS if self.seeds == SEEDS else self.seeds, self.operators


@dataclass
class Island:
    """Population of distinct minima that generates offspring.

    crystal     Hamiltonian that is searched, with its symmetries
    evaluator   evaluator of the Hamiltonian on a device
    settings    settings of the search
    number      number of the island in the archipelago
    state       state after the last complete generation
    watch       called repeatedly; an exception that it raises ends a generation and leaves the state unchanged
    """

    crystal: Crystal
    evaluator: Evaluator
    settings: GeneticTunneling
    number: int = 0
    state: State = field(default_factory=State)
    watch: Callable[[], None] = lambda: None

    @property
    def generation(self) -> int:
        """Number of generations so far."""
        return self.state.generation

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Distinct candidates, best first."""
        return self.state.candidates

    def breed(self) -> Generation:
        """Run one generation and return its statistics; the state changes only once it is complete."""
        return together([self.breeding()], self.watch)[0]

    def breeding(self) -> Work[Generation]:
        """Run one generation, as ``breed``, in steps that may be taken together with other islands."""
        rough = self._rough(self.candidates)[: max(1, int(TIGHTLY * self.settings.replicas))] if self.generation else []
        replaced = {id(candidate) for candidate in rough}
        rest = [candidate for candidate in self.candidates if id(candidate) not in replaced]
        beside = len(rough) if alike(self.settings.minimizer, self.settings.refinement) else 0
        new, tight, evaluations = yield from self._together(self._offspring(beside), rough)
        candidates = self._best([*rest, *tight, *new])
        kept = {id(candidate.spins) for candidate in candidates}
        energies = np.array([candidate.energy for candidate in candidates]) / self.crystal.hamiltonian.n_spins
        offspring = Counter(sorted(candidate.origin for candidate in new))
        successes = Counter(candidate.origin for candidate in new if id(candidate.spins) in kept)
        done = Generation(
            generation=self.generation,
            best=float(energies[0]),
            mean=float(energies.mean()),
            deviation=float(energies.std()),
            energies=energies,
            evaluations=evaluations,
            offspring=dict(offspring),
            successes={name: successes[name] for name in offspring},
        )
        self.state = State(self.generation + 1, tuple(compact(self.evaluator.device, candidates)))
        return done

    def relaxed(
        self,
        candidates: Sequence[Candidate],
        minimizer: Minimizer | Method,
        evaluator: Evaluator,
        refined: bool = False,
    ) -> tuple[list[Candidate], int]:
        """Relax candidates; return them, on the host or the device as they were, with the number of evaluations.

        refined   whether those that converge count as refined
        """
        work = self._relaxing(candidates, minimizer, evaluator, planned(minimizer, candidates), refined)
        found, evaluations = together([work], self.watch)[0]
        found = self._with_fingerprints(found)
        here = isinstance(candidates[0].spins, np.ndarray)
        return on_host(self.evaluator.device, found) if here else found, evaluations

    def _relaxing(
        self,
        candidates: Sequence[Candidate],
        minimizer: Minimizer | Method,
        evaluator: Evaluator,
        schedule: Schedule | None,
        tight: bool | NDArray[np.bool_] = False,
    ) -> Work[tuple[list[Candidate], int]]:
        """Relax candidates as ``relaxed``, but without fingerprints; the given ones are let go first.

        tight   whether candidates count as refined when they converge, all or [candidate]
        """
        tight = np.broadcast_to(tight, len(candidates))
        who = Consumer.REFINEMENT if tight.all() else Consumer.RELAXATION
        random = key(self.settings.seed, who, self.number, self.generation)
        textures = evaluator.device.array(gathered(evaluator.device, candidates), evaluator.real)
        task = Task(minimizer, evaluator, textures, random, schedule)
        del textures
        candidates = [candidate.but(spins=NO_SPINS, fingerprint=NOWHERE) for candidate in candidates]
        relaxed = yield task  # who takes it lets its textures go
        free_energy = None
        if self.settings.fitness is not None:
            always = key(self.settings.seed, Consumer.FITNESS)  # all candidates are measured with the same draws
            textures = evaluator.device.host(relaxed.textures)
            fitness = self.settings.fitness(evaluator, textures, relaxed.energy, self.watch, always)
            free_energy = fitness.value
        self.watch()
        refined = ((tight | relaxed.tightened) & relaxed.converged).tolist()
        energy, torque = relaxed.energy.tolist(), relaxed.torque.tolist()
        after = [
            candidate.but(
                spins=relaxed.textures[k],
                energy=energy[k],
                torque=torque[k],
                refined=refined[k],
                free_energy=None if free_energy is None else float(free_energy[k]),
            )
            for k, candidate in enumerate(candidates)
        ]
        return after, relaxed.evaluations

    @property
    def elites(self) -> list[Candidate]:
        """Best refined candidates, distinct minima, best first; at least one after the first generation."""
        refined = [candidate for candidate in self.candidates if candidate.refined]
        return refined[: self.settings.elites] or [c for c in self.candidates[:1] if np.isfinite(c.energy)]

    @property
    def rough(self) -> list[Candidate]:
        """Candidates among the best that are not refined."""
        return self._rough(self.candidates)

    def finalists(self) -> list[Candidate]:
        """Relax all candidates tightly and return the best distinct minima; the state does not change."""
        rough = [candidate for candidate in self.candidates if not candidate.refined]
        if not rough:
            return self.elites
        tight, _ = self.relaxed(rough, self.settings.refinement, self.evaluator, refined=True)
        return self._best([*(c for c in self.candidates if c.refined), *tight])[: self.settings.elites]

    def merge(self, new: Sequence[Candidate]) -> int:
        """Add candidates, keep the best distinct ones, and return how many of the new ones are kept."""
        known = {id(candidate) for candidate in self.candidates}
        candidates = self._best([*self.candidates, *new])
        self.state = replace(self.state, candidates=tuple(compact(self.evaluator.device, candidates)))
        return sum(id(candidate) not in known for candidate in candidates)

    def follow(self, leaders: Sequence[tuple[Candidate, float]]) -> None:
        """Pull the offspring of the next generation towards leaders, each with its pull, 0 to 1."""
        copies = compact(self.evaluator.device, [leader for leader, _ in leaders])
        self.state = replace(self.state, leaders=tuple(zip(copies, (pull for _, pull in leaders), strict=True)))

    def distinct(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates that no symmetry of the Hamiltonian maps onto a better one, best first.

        Rough candidates are compared with larger tolerances: copies of one minimum differ until they converge. A
        refined candidate stands for its rough copies, unless one of them is lower by more than rounding.
        """
        slack = ROUNDING * self.evaluator.stiffness * self.crystal.hamiltonian.n_spins
        order = sorted(ranked(candidates), key=lambda c: c.worth + (0.0 if c.refined else slack))
        looseness = [1.0 if candidate.refined else LOOSENESS for candidate in order]
        kept = distinct([candidate.fingerprint for candidate in order], self.evaluator.tolerance, looseness)
        return ranked([order[place] for place in kept])

    def _best(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the best distinct candidates.

        Those that cannot be among them get no fingerprint: all others, and enough candidates, are better.
        """
        order, wanted = ranked(candidates), self.settings.replicas
        count = max([wanted, *(place for place, one in enumerate(order, 1) if one.refined or one.has_fingerprint)])
        while True:
            order[:count] = self._with_fingerprints(order[:count])
            kept = self.distinct(order[:count])
            if len(kept) >= wanted or count >= len(order):
                return kept[:wanted]
            count += wanted - len(kept)

    def _with_fingerprints(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates with fingerprints."""
        places = [place for place, one in enumerate(candidates) if not one.has_fingerprint]
        if not places:
            return list(candidates)
        new = [candidates[place] for place in places]
        textures, energies = gathered(self.evaluator.device, new), [one.energy for one in new]
        found = fingerprints(self.evaluator.device, self.crystal.lattice, textures, energies)
        described = dict(zip(places, found, strict=True))
        return [one.but(fingerprint=described[k]) if k in described else one for k, one in enumerate(candidates)]

    def _rough(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        return [candidate for candidate in candidates[: self.settings.elites] if not candidate.refined]

    def _together(
        self, offspring: list[Candidate], rough: list[Candidate]
    ) -> Work[tuple[list[Candidate], list[Candidate], int]]:
        """Relax offspring, and rough candidates tightly; return both, and the number of evaluations.

        In one batch where their minimisers allow it: rough candidates then move for as long as offspring do, and
        those that have not converged continue in the next generation. Offspring that converge with less energy than
        all candidates are also relaxed tightly, at once.
        """
        (first, left), second = self._pace, self.settings.refinement
        if isinstance(first, Method) or not alike(first, second):
            plan = planned(first, offspring, left)
            new, evaluations = yield from self._relaxing(offspring, first, self.evaluator, plan)
            refined: list[Candidate] = []
            if rough:
                refined, more = yield from self._relaxing(rough, second, self.evaluator, planned(second, rough), True)
                evaluations += more
            return new, refined, evaluations
        tight = np.zeros(len(offspring) + len(rough), dtype=bool)
        if rough:
            tight[np.arange(len(rough)) * len(tight) // len(rough)] = True  # a few in every family
        waiting = iter(offspring), iter(rough)
        batch = [next(waiting[int(follows)]) for follows in tight]
        convergence = tuple(second.convergence if follows else first.convergence for follows in tight)
        least = np.full(len(tight), min((candidate.energy for candidate in self.candidates), default=np.inf))
        least += LOOSENESS * self.evaluator.tolerance * self.crystal.hamiltonian.n_spins
        schedule = Schedule(convergence, tight, left, second.convergence, least)
        done, evaluations = yield from self._relaxing(batch, first, self.evaluator, schedule, tight)
        new, refined = ([done[place] for place in np.flatnonzero(tight == follows)] for follows in (False, True))
        return new, refined, evaluations

    @property
    def _pace(self) -> tuple[Minimizer | Method, float]:
        """Minimiser of the next offspring, and the fraction of them that may still move when their generation ends."""
        chosen = self.settings.minimizer
        if not self._begins:
            return chosen, LEFT
        random = crystalline(self.crystal.hamiltonian) < 0.5 and chosen == OFFSPRING
        return (DISORDERED, LEFT) if random else (chosen, EASY)

    @property
    def _begins(self) -> bool:
        """Whether the next generation is a first one of seeds that a minimiser relaxes: methods fill their ladders."""
        return self.generation == 0 and not self.candidates and not isinstance(self.settings.minimizer, Method)

    def _offspring(self, others: int) -> list[Candidate]:
        """Return the offspring that one generation relaxes beside ``others``; given textures come first, at first."""
        settings = self.settings
        given = list(self.candidates[: settings.replicas]) if self.generation == 0 else []
        count = settings.replicas - others
        if self._begins:
            count = min(count, int(FIRST / crystalline(self.crystal.hamiltonian)))
        draws = Draws(settings.seed, Consumer.OFFSPRING, self.number, self.generation, count)
        bred = generations_of_seeds(settings.replicas, self.crystal.lattice.sites)
        seeds, restarts, operators = settings.mixtures
        mixture = operators if self.generation >= bred else restarts if self.generation else seeds
        breeding = Breeding(self.crystal, mixture, settings.selection, settings.adaptation, bred, self.watch)
        textures, origins = breeding(self.candidates, draws[len(given) :], self.state.leaders)
        new = zip(textures, origins, strict=True)
        return given + [
            Candidate(texture, np.inf, np.inf, origin, self.generation, NOWHERE, island=self.number)
            for texture, origin in new
        ]


def generations_of_seeds(replicas: int, sites: int) -> int:
    """Return the number of generations that are made by seeds, before breeding begins.

    Breeding has costs that restarts do not have: symmetries are found first. They are small beside the relaxation of
    large models, for which one generation of seeds is enough.
    """
    return min(SEEDING, max(1, -(-SEEDED // (replicas * sites))))
