"""Small systems: what an iteration of each minimiser, and a sweep of heat bath, costs for 16 replicas.

    OMP_NUM_THREADS=1 python benchmarks/small.py

Microseconds an iteration (400 of them, the best of nine runs), and relaxations of a replica per second with the default
convergence, for an icosahedron of 12 spins and a square lattice of 8x8 with exchange and DMI.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
from molecules import icosahedron

import magsearch as ms
from magsearch.relaxation.motion import Motion
from magsearch.thermal.heat_bath import bath, enter, random_textures

REPLICAS, ITERATIONS = 16, 400
MINIMIZERS = (ms.BarzilaiBorwein, ms.LBFGS, ms.Fire, ms.VelocityProjection)


def square() -> ms.Hamiltonian:
    along = np.array([[1, 0, 0], [0, 1, 0]])
    J = ms.exchange_matrix(np.ones(2)) + ms.dmi_matrix(0.5 * along)
    bonds = ms.Bonds.pairs(np.zeros(2, int), np.zeros(2, int), J, along)
    return ms.Hamiltonian(ms.Lattice.named("square", (8, 8, 1)), bonds, field=(0, 0, 3))


def best(task, repeat: int = 9) -> float:
    """Seconds."""
    found = []
    for _ in range(repeat):
        begin = perf_counter()
        task()
        found.append(perf_counter() - begin)
    return min(found)


for name, hamiltonian in (("icosahedron", icosahedron(10.0)), ("8x8", square())):
    evaluator = ms.Evaluator(hamiltonian, ms.choose("cpu"))
    start = random_textures(evaluator, REPLICAS, (1, 2))
    for kind in MINIMIZERS:
        endless = kind(ms.Convergence(0.0, ITERATIONS, None))
        iteration = best(lambda: ms.relax(endless, evaluator, start)) / ITERATIONS  # noqa: B023
        whole = best(lambda: ms.relax(kind(), evaluator, start))  # noqa: B023
        print(f"{name:12} {kind.__name__:19} {iteration * 1e6:7.1f} us  {REPLICAS / whole:8.0f} relaxations per second")
    motion = Motion.start(evaluator, start)
    enter(motion, 3.0)
    sweep = bath(motion, 0)
    time = best(lambda: sweep.run(ITERATIONS)) / ITERATIONS  # noqa: B023
    print(f"{name:12} {'HeatBath':19} {time * 1e6:7.1f} us")
