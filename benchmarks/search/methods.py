"""Searches under a budget of evaluations; each tells again and again how much it has done and the best it has found.

An evaluation is energy and force of one replica; a sweep of the heat bath through one replica counts as one, too. Our
methods run the same kernels on batches of the same number of replicas; all start anew until the budget is spent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import peer

import magsearch as ms
from magsearch.engine.device import Device
from magsearch.relaxation.relax import Method, Minimizer
from magsearch.thermal.basin_hopping import BasinHopping
from magsearch.thermal.heat_bath import random_textures
from magsearch.thermal.parallel_tempering import ParallelTempering
from magsearch.thermal.simulated_annealing import SimulatedAnnealing

REPLICAS = 32
Trace = Iterator[tuple[int, float]]  # evaluations so far, meV of the best texture
Search = Callable[[ms.Hamiltonian, Device, int], Trace]


def endless(hamiltonian: ms.Hamiltonian, device: Device, island: ms.GeneticTunneling) -> ms.Archipelago:
    """One island that breeds until nobody asks it for another generation."""
    return ms.Archipelago(hamiltonian, device, island, stop=ms.Stop(generations=10**6, window=10**6))


def progress(search: ms.Archipelago) -> Trace:
    done, best = 0, np.inf
    for _ in search.generations():
        row = search.history.rows[-1]
        done, best = done + int(row["evaluations"].sum()), min(best, float(row["best"].min()))
        yield done, best * search.hamiltonian.n_spins


def tunneling(**changes: object) -> Search:
    def search(hamiltonian: ms.Hamiltonian, device: Device, seed: int) -> Trace:
        island = ms.GeneticTunneling(replicas=REPLICAS, seed=seed, **changes)  # type: ignore[arg-type]
        yield from progress(endless(hamiltonian, device, island))  # which sets up once it is asked for the first time

    return search


def again_and_again(method: Method | Minimizer) -> Search:
    """A back-end from random spins, batch after batch."""

    def search(hamiltonian: ms.Hamiltonian, device: Device, seed: int) -> Trace:
        evaluator = ms.Evaluator(hamiltonian, device, np.float32)
        done, best = 0, np.inf
        for turn in range(10**6):
            key = (seed, turn + 1)
            found = ms.relax(method, evaluator, random_textures(evaluator, REPLICAS, key), key=key)
            done, best = done + found.evaluations, min(best, float(found.energy.min()))
            yield done, best

    return search


def spirit(hamiltonian: ms.Hamiltonian, device: Device, seed: int) -> Trace:
    return peer.restarts(hamiltonian, device, seed, REPLICAS)


METHODS: dict[str, Search] = {
    "genetic tunneling": tunneling(),
    "tunneling, adaptive": tunneling(adaptation=0.5),
    "random restarts": again_and_again(ms.BarzilaiBorwein()),
    "annealing, 300 sweeps": again_and_again(SimulatedAnnealing(sweeps=300)),
    "annealing, 3000 sweeps": again_and_again(SimulatedAnnealing(sweeps=3000)),
    "parallel tempering": again_and_again(ParallelTempering(sweeps=1000)),
    "basin hopping, 0.5": again_and_again(BasinHopping(hops=5, angle=0.5)),
    "basin hopping, 2.0": again_and_again(BasinHopping(hops=5, angle=2.0)),
    "Spirit, LBFGS": spirit,
}
