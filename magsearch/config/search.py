"""The tables of an input besides [model]: strings and numbers, as a user writes them, and the values that they become.

Strings turn into values here (those of back-ends in ``backends``) and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from magsearch.config.backend import (
    MINIMIZERS,
    STRICT,
    BackendTable,
    Count,
    MinimizerName,
    NotNegative,
    Positive,
    VarianceTable,
)
from magsearch.minima.free_energy import Fitness
from magsearch.minima.harmonic import Harmonic
from magsearch.minima.local_entropy import LocalEntropy
from magsearch.operators import BREEDING, OPERATORS, SEEDS, Mixture
from magsearch.relaxation.relax import Convergence
from magsearch.search.island import GeneticTunneling
from magsearch.search.migration import Leader, Migration
from magsearch.search.selection import Roulette, Selection, SteadyState, Tournament
from magsearch.search.stopping import Checkpoints, Stop
from magsearch.search.topology import Complete, Isolated, RandomGraph, Ring, Topology, Torus

TOPOLOGIES: dict[str, type] = {"ring": Ring, "torus": Torus, "complete": Complete, "isolated": Isolated}
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Weights = dict[str, Annotated[float, Field(ge=0)]]


@dataclass(frozen=True)
class SearchTable:
    """The [search] table.

    replicas      offspring of a generation
    elites        minima that are stored
    modes         softest modes of each of them, by which saddles are found, pushed off and relaxed again; 0: none
    generations   at the most
    seconds       at the most, on the wall clock; the elites' polish comes after
    seed          of everything random
    window        generations in which the elites' energies must not vary for the search to end
    deviation     meV per site, below which they do not vary; default: 1e-7 of the stiffest coupling
    gap           meV per site: the search ends when its best minimum is no more than this above the lower bound
    bound         whether a lower bound is computed; default: with a gap, and wherever it takes seconds
    minimizer     a key of MINIMIZERS: relaxes offspring, alone or at the end of a back-end
    steps         of one relaxation, or sweeps of the heat bath, at the most
    torque        meV, at which a relaxation may end, 0: never; default: 1e-6 of the stiffest coupling
    variance      when variance control ends one
    backend       what relaxes offspring instead of a minimiser alone
    fitness       energy, or what candidates are ranked by instead: harmonic or local-entropy, both free energies
    fitness_temperature   kelvin, of those
    scope         meV, of local-entropy: the weaker, the further the surroundings reach; default: 0.01 of the stiffest
                  coupling
    selection     steady-state, tournament or roulette
    temperature   kelvin, of the roulette's Boltzmann weights (asks for the roulette)
    seeds         weights of the operators that make the first generation
    operators     weights of the operators that make offspring
    adaptation    0 to 1: how far operators follow what has paid off rather than these weights
    path          direct or fourier, where the cost model is to be overruled
    cells         "auto": boxes of the crystal compete first, and the best one is searched; default: the input's box
    sites         of a box that competes, at the most
    """

    __pydantic_config__ = STRICT
    replicas: Annotated[int, Field(strict=True, ge=2)] = 64
    elites: Count = 8
    modes: Annotated[int, Field(strict=True, ge=0, le=64)] = 4
    generations: Count = 200
    seconds: Positive | None = None
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)] = 1
    window: Annotated[int, Field(strict=True, ge=2)] = 10
    deviation: NotNegative | None = None
    gap: Positive | None = None
    bound: bool | None = None
    minimizer: MinimizerName = "barzilai-borwein"
    steps: Count = 2000
    torque: NotNegative | None = None
    variance: VarianceTable = field(default_factory=VarianceTable)
    backend: BackendTable | None = None
    fitness: Literal["energy", "harmonic", "local-entropy"] = "energy"
    fitness_temperature: Positive | None = None
    scope: Positive | None = None
    selection: Literal["steady-state", "tournament", "roulette"] | None = None
    temperature: Positive | None = None
    seeds: Weights = field(default_factory=dict)
    operators: Weights = field(default_factory=dict)
    adaptation: Share = 0.0
    path: Literal["direct", "fourier"] | None = None
    cells: Literal["auto"] | None = None
    sites: Count = 1200

    def island(self) -> GeneticTunneling:
        """The settings of an island as values. ValueError for operators that do not exist, and keys at odds."""
        convergence = Convergence(self.torque, self.steps, self.variance.control())
        minimizer = MINIMIZERS[self.minimizer](convergence)
        return GeneticTunneling(
            replicas=self.replicas,
            elites=self.elites,
            seed=self.seed,
            modes=self.modes,
            minimizer=self.backend.backend(convergence, minimizer, self.replicas) if self.backend else minimizer,
            fitness=self._fitness(),
            selection=self._selection(),
            seeds=_mixture("seeds", self.seeds, SEEDS),
            operators=_mixture("operators", self.operators, BREEDING),
            adaptation=self.adaptation,
        )

    def stop(self) -> Stop:
        """ValueError for keys that do not go together."""
        if self.gap is not None and self.bound is False:
            raise ValueError("search.gap is measured from the lower bound, but search.bound is false")
        return Stop(self.generations, self.seconds, self.window, self.deviation, self.gap)

    def _fitness(self) -> Fitness | None:
        if self.scope is not None and self.fitness != "local-entropy":
            raise ValueError(f"search.scope is the local entropy's, but search.fitness is {self.fitness}")
        if self.fitness == "energy":
            if self.fitness_temperature is not None:
                raise ValueError("search.fitness_temperature is a free energy's, but search.fitness is energy")
            return None
        if self.fitness_temperature is None:
            raise ValueError(f"search.fitness is {self.fitness}, a free energy; it needs search.fitness_temperature")
        if self.fitness == "harmonic":
            return Harmonic(self.fitness_temperature)
        return LocalEntropy(self.fitness_temperature, self.scope)

    def _selection(self) -> Selection:
        name = self.selection or ("roulette" if self.temperature else "steady-state")
        if name == "roulette":
            return Roulette(self.temperature)
        if self.temperature:
            raise ValueError(f"search.temperature is the roulette's, but search.selection is {name}")
        return Tournament() if name == "tournament" else SteadyState()


def _mixture(key: str, weights: Mapping[str, float], usual: Mixture) -> Mixture:
    unknown = sorted(set(weights) - set(OPERATORS))
    if unknown:
        raise ValueError(f"search.{key}: no operator '{unknown[0]}'; known are {', '.join(OPERATORS)}")
    chosen = tuple((OPERATORS[name](), weight) for name, weight in weights.items() if weight > 0)
    if weights and not chosen:
        raise ValueError(f"search.{key}: every weight is zero")
    chosen = chosen or usual
    if key == "seeds" and any(operator.parents for operator, _ in chosen):
        raise ValueError(
            "search.seeds: only operators that need no parents (RandomSpins, SoftWaves) can begin a search"
        )
    return chosen


@dataclass(frozen=True)
class OwnTable:
    """An [[islands.own]] table: what some islands have instead of the same keys of [search]."""

    __pydantic_config__ = STRICT
    islands: list[Annotated[int, Field(strict=True, ge=0)]]
    replicas: Annotated[int, Field(strict=True, ge=2)] | None = None
    seed: Annotated[int, Field(strict=True, ge=0, lt=2**63)] | None = None
    minimizer: MinimizerName | None = None
    steps: Count | None = None
    torque: NotNegative | None = None
    variance: VarianceTable | None = None
    backend: BackendTable | None = None
    selection: Literal["steady-state", "tournament", "roulette"] | None = None
    temperature: Positive | None = None
    seeds: Weights | None = None
    operators: Weights | None = None
    adaptation: Share | None = None

    def changes(self) -> dict[str, Any]:
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "islands"}
        return {key: value for key, value in given.items() if value is not None}


@dataclass(frozen=True)
class IslandsTable:
    """The [islands] table.

    count         islands; the outcome depends on them, and not on how many processes they run in
    topology      ring, torus, complete, isolated or random: who hears from whom
    degree        of the random graph
    every         generations from one migration to the next
    elites        that travel
    scheme        exchange, or leader: followers are drawn to the best of their group and to the best of all
    groups        of islands that follow one leader
    group_pull    how far, 0 to 1
    global_pull   the same towards the best of all islands
    own           settings of single islands
    """

    __pydantic_config__ = STRICT
    count: Count = 1
    topology: Literal["ring", "torus", "complete", "isolated", "random"] = "ring"
    degree: Count | None = None
    every: Count = Migration.every
    elites: Count = Migration.elites
    scheme: Literal["exchange", "leader"] = "exchange"
    groups: Count | None = None
    group_pull: Share | None = None
    global_pull: Share | None = None
    own: list[OwnTable] = field(default_factory=list)

    def migration(self) -> Migration:
        """ValueError for keys that do not go together."""
        if self.degree is not None and self.topology != "random":
            raise ValueError(f"islands.degree is the random graph's, but islands.topology is {self.topology}")
        random = RandomGraph() if self.degree is None else RandomGraph(self.degree)
        topology: Topology = random if self.topology == "random" else TOPOLOGIES[self.topology]()
        leading = {key: getattr(self, key) for key in ("groups", "group_pull", "global_pull")}
        given = {key: value for key, value in leading.items() if value is not None}
        if self.scheme == "leader":
            return Leader(topology, self.every, self.elites, **given)
        if given:
            raise ValueError(f"islands.{next(iter(given))} is the leader scheme's, but islands.scheme is exchange")
        return Migration(topology, self.every, self.elites)

    def islands(self, search: SearchTable) -> tuple[GeneticTunneling, ...]:
        """The settings of every island. ValueError for islands and operators that do not exist."""
        tables = [search] * self.count
        for own in self.own:
            for island in own.islands:
                if island >= self.count:
                    raise ValueError(f"islands.own names island {island}; there are islands 0 to {self.count - 1}")
                tables[island] = replace(tables[island], **own.changes())
                try:
                    tables[island].island()
                except ValueError as error:
                    raise ValueError(f"islands.own: {error}") from None
        return tuple(table.island() for table in tables)


@dataclass(frozen=True)
class StorageTable:
    """The [storage] table.

    generations   from one checkpoint to the next; default: as the clock has it
    seconds       from one checkpoint to the next, at least
    share         of the wall time that checkpoints by the clock may take
    gather        megabytes of populations up to which rank 0 writes all into one file; beyond, every rank writes a part
    limit         megabytes that the file of a finished run may take: the state to go on from is left out first, then
                  the textures of the worst elites
    """

    __pydantic_config__ = STRICT
    generations: Count | None = None
    seconds: Annotated[float, Field(strict=True, ge=0)] = Checkpoints.seconds
    share: Annotated[float, Field(strict=True, gt=0, le=1)] = Checkpoints.share
    gather: Annotated[float, Field(strict=True, ge=0)] = 1000.0
    limit: Positive | None = None

    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.generations, self.seconds, self.share)
