"""Other search methods with the same number of evaluations.

About
    Simulated annealing, parallel tempering, population annealing, random restarts and basin hopping run in the same
    engine as the search, on the same number of replicas, each given about as many sweeps of a replica.

Model
    The file named on the command line; by default a square lattice with skyrmions as its ground state.

Run
    python examples/3_reference_methods.py [INPUT]

Result
    One line for each method: best and mean energy over the replicas, topological charge of the best, sweeps of a
    replica (an evaluation counts as one), seconds. The last line is three generations of the search and its elites.
"""

import sys
import time
from pathlib import Path

import numpy as np

import magsearch as ms
from magsearch.randomness import Consumer, key
from magsearch.thermal.basin_hopping import BasinHopping
from magsearch.thermal.heat_bath import random_textures
from magsearch.thermal.parallel_tempering import ParallelTempering
from magsearch.thermal.population_annealing import PopulationAnnealing
from magsearch.thermal.random_restarts import RandomRestarts
from magsearch.thermal.simulated_annealing import SimulatedAnnealing

REPLICAS = 32
METHODS = (
    SimulatedAnnealing(sweeps=2000),
    ParallelTempering(sweeps=2000),
    PopulationAnnealing(sweeps=3),
    RandomRestarts(restarts=3),
    BasinHopping(hops=10, angle=1.5),
)

INPUT = Path(__file__).parent.parent / "inputs" / "square-bloch.toml"
hamiltonian = ms.read(sys.argv[1] if len(sys.argv) > 1 else INPUT)
evaluator = ms.Evaluator(hamiltonian, ms.choose("auto"))
start = random_textures(evaluator, REPLICAS, key(1, Consumer.START))


def report(name: str, energy: np.ndarray, champion: np.ndarray, sweeps: float, seconds: float) -> None:
    charge = float(ms.topological_charge(hamiltonian.lattice, champion))
    best, mean = energy.min() / hamiltonian.n_spins, energy.mean() / hamiltonian.n_spins
    print(f"{name:20} {best:.6f} {mean:.6f} meV per spin  charge {charge:+6.1f}  {sweeps:6.0f} sweeps {seconds:6.1f} s")


for method in METHODS:
    begin = time.perf_counter()
    found = ms.relax(method, evaluator, start, key=key(1, Consumer.RELAXATION))
    seconds = time.perf_counter() - begin
    champion = found.textures[found.energy.argmin()]
    report(type(method).__name__, found.energy, champion, found.steps.mean(), seconds)

begin = time.perf_counter()
found = ms.search(hamiltonian, replicas=REPLICAS, generations=3, bound=False, progress=False)
sweeps = found.history["evaluations"].sum() / REPLICAS
energies = np.array([elite.energy for elite in found.elites])
report("GeneticTunneling", energies, found.champion.spins, sweeps, time.perf_counter() - begin)
