"""Reference methods in the same engine: what a search is compared with, and back-ends that an island may use.

Each takes a batch of textures and returns what became of every replica (``magsearch.relaxation.Method``); ``relax`` and
an island take them wherever a minimiser goes. Their ``steps`` count sweeps and evaluations alike: one of either visits
every spin once.
"""

from magsearch.methods.annealing import Geometric, Linear, SimulatedAnnealing
from magsearch.methods.hopping import BasinHopping
from magsearch.methods.population import PopulationAnnealing
from magsearch.methods.restarts import RandomRestarts
from magsearch.methods.tempering import ParallelTempering

__all__ = [
    "BasinHopping", "Geometric", "Linear", "ParallelTempering", "PopulationAnnealing", "RandomRestarts",
    "SimulatedAnnealing",
]  # fmt: skip
