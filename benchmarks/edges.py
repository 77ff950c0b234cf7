"""Time of a relaxation's step in boxes whose edges have small and large prime factors.

    OMP_NUM_THREADS=1 python benchmarks/edges.py

Barzilai-Borwein in single precision, 64 replicas of a triangular lattice with 96 bonds: nanoseconds of CPU time for a
step of a site, from the neighbour list and by convolution (with the preconditioner), and the expected costs.
"""

from __future__ import annotations

import time

import numpy as np

import magsearch as ms
from magsearch.engine.path import cost
from magsearch.relaxation.convergence import Convergence

SIZES = [(64, 64), (63, 65), (70, 60), (66, 64), (67, 61), (1057, 4), (97, 89), (151, 28), (77, 55), (91, 49)]
REPLICAS, STEPS, REPEATS = 64, 20, 5
SHELLS = 12


def model(n1: int, n2: int) -> ms.Hamiltonian:
    lattice = ms.Lattice.named("triangular", (n1, n2, 1))
    bonds = ms.Bonds.none()
    for k, shell in enumerate(lattice.shells(SHELLS)):
        J = ms.exchange_matrix(np.full(len(shell.i), (-1.0) ** k / (k + 1)))
        bonds = bonds + ms.Bonds(shell.i, shell.j, shell.offset, J)
    return ms.Hamiltonian(lattice, bonds)


def step(evaluator: ms.Evaluator, textures: np.ndarray) -> float:
    """Nanoseconds for a step of a site, the least of some repetitions."""
    minimizer = ms.BarzilaiBorwein(Convergence(torque=0.0, steps=STEPS, variance=None))
    times = []
    for _ in range(REPEATS):
        begin = time.process_time()
        ms.relax(minimizer, evaluator, textures)
        times.append(time.process_time() - begin)
    return min(times) / (STEPS * textures.shape[0] * textures.shape[1]) * 1e9


def main() -> None:
    device, random = ms.choose("cpu"), np.random.default_rng(1)
    print("| size | list, ns | convolution, ns | expected costs |\n|---|---|---|---|")
    for n1, n2 in SIZES:
        crystal = model(n1, n2)
        s = random.normal(size=(REPLICAS, crystal.n_spins, 3)).astype(np.float32)
        s /= np.linalg.norm(s, axis=-1, keepdims=True)
        direct, fourier = (step(ms.Evaluator(crystal, device, np.float32, path), s) for path in ("direct", "fourier"))
        expected = cost(crystal, device)
        print(
            f"| {n1}x{n2} | {direct:.0f} | {fourier:.0f} | {expected.direct:.0f}, {expected.fourier:.0f} |", flush=True
        )


if __name__ == "__main__":
    main()
