"""[search]: the settings of the search as a user writes them, and the values that they become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from magsearch.config.backend import BackendTable, VarianceTable
from magsearch.config.types import Weights
from magsearch.errors import unknown
from magsearch.formats.toml.table import Table
from magsearch.minima.harmonic import Harmonic
from magsearch.minima.local_entropy import LocalEntropy
from magsearch.operators import BREEDING, OPERATORS, SEEDS, Mixture
from magsearch.relaxation import MINIMIZERS
from magsearch.relaxation.convergence import Convergence
from magsearch.search.island import GeneticTunneling
from magsearch.search.selection import SELECTIONS
from magsearch.search.stopping import Stop

FITNESSES: dict[str, type] = {"energy": type(None), "harmonic": Harmonic, "local-entropy": LocalEntropy}


class SearchTable(Table, path="search", of=(GeneticTunneling, Stop, Convergence)):
    """The search for the ground state."""

    bound: bool | None = field(
        default=None,
        metadata={
            "doc": "Whether a lower bound of the energy is computed.",
            "default": "with a gap, and wherever it takes seconds", "later": True,
        },
    )  # fmt: skip
    bound_seconds: float | None = field(
        default=None,
        metadata={
            "doc": "Maximum time of the lower bound: the search continues without it then.", "unit": "s",
            "default": "a tenth of `search.seconds`, at least 60 s", "gt": 0, "later": True,
        },
    )  # fmt: skip
    minimizer: str = field(
        default="barzilai-borwein",
        metadata={
            "doc": "The minimiser that relaxes offspring, alone or at the end of a back-end.",
            "type": Literal[tuple(MINIMIZERS)], "per_island": True,
        },
    )  # fmt: skip
    variance: VarianceTable = field(
        default=VarianceTable(),
        metadata={
            "doc": "Variance control of relaxations.",
            "default": "as in [search.variance]",
            "per_island": True,
        },
    )
    backend: BackendTable | None = field(
        default=None,
        metadata={
            "doc": "The method of [search.backend], which relaxes offspring instead of a minimiser alone.",
            "per_island": True,
        },
    )  # fmt: skip
    fitness: str = field(
        default="energy",
        metadata={
            "doc": "What candidates are ranked by: their energy, or a local free energy "
            "(magsearch docs theory#flatness). Energies are reported in any case.",
            "family": FITNESSES,
        },
    )  # fmt: skip
    selection: str | None = field(
        default=None,
        metadata={
            "doc": "How parents are chosen.", "family": SELECTIONS, "default": '"steady-state"', "per_island": True,
        },
    )  # fmt: skip
    seeds: Weights = field(
        default_factory=dict,
        metadata={
            "doc": "Weights of the operators that generate the first generation, and up to three more of small models. "
            "*SoftWaves* and *PeriodicSpins* count less in molecules and disordered models (magsearch docs theory).",
            "ge": 0, "per_island": True,
            "default": "`SEEDS` for the first generation, then `RESTARTS`, in magsearch/operators/mixtures.py",
        },
    )  # fmt: skip
    operators: Weights = field(
        default_factory=dict,
        metadata={
            "doc": "Weights of the operators that generate offspring.", "ge": 0, "per_island": True,
            "default": "`BREEDING` in magsearch/operators/mixtures.py",
        },
    )  # fmt: skip
    path: Literal["direct", "fourier"] | None = field(
        default=None,
        metadata={"doc": "How the field of the spins is evaluated.", "default": "by the cost model"},
    )
    cells: Literal["auto"] | None = field(
        default=None,
        metadata={
            "doc": 'Which supercell is searched: with "auto", supercells of the crystal compete first, and the best '
            "one is searched. They may take half of `search.seconds`.",
            "default": "the input's",
        },
    )  # fmt: skip
    tilings: bool | None = field(
        default=None,
        metadata={
            "doc": "Whether small supercells compete first, and copies of the best ones, stretched to the box, are in "
            "the first generation (magsearch docs performance, Large boxes).",
            "default": "in boxes of more than 10000 sites",
        },
    )  # fmt: skip
    sites: int = field(default=1200, metadata={"doc": "Maximum number of sites of a supercell that competes.", "ge": 1})

    def island(self) -> GeneticTunneling:
        """Return the settings of an island. SettingError for unknown operators and keys that do not go together."""
        convergence = self.make(Convergence, variance=self.variance.control())
        minimizer = MINIMIZERS[self.minimizer](convergence)
        backend = self.backend and self.backend.backend(convergence, minimizer, self.replicas)
        return self.make(
            GeneticTunneling,
            minimizer=backend or minimizer,
            fitness=self.chosen("fitness"),
            selection=self.chosen("selection", "roulette" if self.temperature else "steady-state"),
            seeds=self._mixture("seeds", self.seeds, SEEDS),
            operators=self._mixture("operators", self.operators, BREEDING),
        )

    def stop(self) -> Stop:
        """Return when the search ends. SettingError for keys that do not go together."""
        if self.gap is not None and self.bound is False:
            raise self.error("gap", "is measured from the lower bound, but search.bound is false")
        return self.make(Stop)

    def _mixture(self, key: str, weights: Mapping[str, float], usual: Mixture) -> Mixture:
        for name in weights:
            if name not in OPERATORS:
                raise self.error(key, f"has an {unknown('operator', name, OPERATORS)}")
        chosen = tuple((OPERATORS[name](), weight) for name, weight in weights.items() if weight > 0)
        if weights and not chosen:
            raise self.error(key, "has no weight above zero")
        chosen = chosen or usual
        if key == "seeds" and any(operator.parents for operator, _ in chosen):
            alone = ", ".join(name for name, operator in OPERATORS.items() if not operator().parents)
            raise self.error(key, f"may hold only operators that need no parents: {alone}")
        return chosen
