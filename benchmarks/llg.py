"""Step control of the overdamped Landau-Lifshitz-Gilbert equation: evaluations until the largest torque is small.

    OMP_NUM_THREADS=1 python benchmarks/llg.py

Random textures, one for each seed, relaxed until every |s x b| is below 1e-5 of the stiffest coupling (double
precision, no variance control, at most --steps evaluations). Prints for three models and every way to choose the step
the median over seeds and the quartiles, and the mean energy per spin of where seeds arrived; `>` where the steps ran
out.
"""

from __future__ import annotations

import argparse

import numpy as np
from molecules import icosahedron

import magsearch as ms
from magsearch.relaxation.llg import OverdampedLLG
from magsearch.relaxation.step_control import AutoDrop, Fixed
from magsearch.thermal.heat_bath import random_textures


def chiral() -> ms.Hamiltonian:
    along = np.array([[1, 0, 0], [0, 1, 0]])
    J = ms.exchange_matrix(np.ones(2)) + ms.dmi_matrix(0.5 * along)
    bonds = ms.Bonds.pairs(np.zeros(2, int), np.zeros(2, int), J, along)
    return ms.Hamiltonian(ms.Lattice.named("square", (24, 24, 1)), bonds, field=(0, 0, 2.5))


def easy_axis() -> ms.Hamiltonian:
    """Antiferromagnetic neighbours on a triangular lattice, with an anisotropy that leaves no soft rotation."""
    along = np.array([[1, 0, 0], [0, 1, 0], [1, -1, 0]])  # the angle of the cell vectors does not matter to a count
    bonds = ms.Bonds.pairs(np.zeros(3, int), np.zeros(3, int), ms.exchange_matrix(np.full(3, -1.0)), along)
    axis = ms.UniaxialAnisotropy(0.3)
    return ms.Hamiltonian(ms.Lattice.named("triangular", (12, 12, 1)), bonds, anisotropy=(axis,), field=(0, 0, 5))


MODELS = {"icosahedron": icosahedron(10.0), "exchange and DMI, 24x24": chiral(), "easy axis, 12x12": easy_axis()}
WAYS = {
    "fixed step 0.25": lambda c: OverdampedLLG(c, Fixed(0.25)),
    "fixed step 0.5": lambda c: OverdampedLLG(c, Fixed(0.5)),
    "fixed step 1": lambda c: OverdampedLLG(c, Fixed(1.0)),
    "AutoDrop": lambda c: OverdampedLLG(c, AutoDrop()),
    "AutoDrop, at any angle": lambda c: OverdampedLLG(c, AutoDrop(angle=0.0)),
    "Barzilai-Borwein": ms.BarzilaiBorwein,
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=48)
    arguments.add_argument("--steps", type=int, default=20000)
    given = arguments.parse_args()
    print(f"{given.seeds} seeds\n\n| model | step | median | quartiles | energy per spin |\n|---|---|---|---|---|")
    for model, hamiltonian in MODELS.items():
        evaluator = ms.Evaluator(hamiltonian, ms.choose("cpu"), np.float64)
        start = random_textures(evaluator, given.seeds, (1, 2))
        convergence = ms.Convergence(1e-5 * evaluator.stiffness, given.steps, None)
        for name, way in WAYS.items():
            found = ms.relax(way(convergence), evaluator, start)
            low, middle, high = np.quantile(found.steps, (0.25, 0.5, 0.75), method="inverted_cdf")
            late = "> " if middle == given.steps else ""
            energy = found.energy.mean() / hamiltonian.n_spins
            print(f"| {model} | {name} | {late}{middle} | {low} to {high} | {energy:.4f} |", flush=True)


if __name__ == "__main__":
    main()
