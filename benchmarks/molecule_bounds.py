"""Gaps of the lower bounds of antiferromagnetic molecules in a field, with and without moments of fourth order.

    OMP_NUM_THREADS=1 python benchmarks/molecule_bounds.py [MOLECULE...]

The energy is the lowest of 200 relaxations from random spins; seconds are CPU time of the bound with moments.
"""

from __future__ import annotations

import sys
import time
from itertools import permutations

import numpy as np
from molecules import GOLDEN, corners, icosahedron, molecule

from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.relax import relax
from magsearch.units import MU_B

TRUNCATED = corners(3, 1, 1, orders=tuple(permutations(range(3))))
MOLECULES = {
    "icosahedron": (icosahedron, (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)),
    "truncated tetrahedron": (
        lambda field: molecule(TRUNCATED[TRUNCATED.prod(axis=1) > 0], field=field),
        (1.0, 2.0, 3.0),
    ),
    "dodecahedron": (
        lambda field: molecule(corners(1, 1, 1), corners(0, 1 / GOLDEN, GOLDEN), field=field),
        (1.0, 2.0, 3.5),
    ),
}


def lowest(model: Hamiltonian) -> float:
    """Return the lowest energy per site of relaxations from random spins, meV."""
    start = np.random.default_rng(0).normal(size=(200, model.lattice.sites, 3))
    start /= np.linalg.norm(start, axis=2, keepdims=True)
    evaluator = Evaluator(model, Cpu(), np.float64)
    found = relax(BarzilaiBorwein(Convergence(variance=None, steps=3000)), evaluator, start)
    return float(evaluator.energies(found.textures).min()) / model.n_spins


def main(names: list[str]) -> None:
    print("| molecule | mu_B m B / J | energy | gap, multipliers | gap, moments | seconds |\n|---|---|---|---|---|---|")
    for name in names:
        build, fields = MOLECULES[name]
        for h in fields:
            model = build(field=h / MU_B)
            energy, plain, begin = lowest(model), lower_bound(model), time.process_time()
            raised = lower_bound(model, moments=True)
            seconds = time.process_time() - begin
            print(
                f"| {name} | {h} | {energy:.8f} | {plain.gap(energy):.1e} | {raised.gap(energy):.1e} | {seconds:.1f} |"
            )


if __name__ == "__main__":
    main(sys.argv[1:] or list(MOLECULES))
