"""Cost of comparing textures spin by spin, and agreement of a few invariants with the comparison.

    OMP_NUM_THREADS=1 python benchmarks/equivalence.py [--replicas 32] [--repeat 3] [MODEL [--set KEY=VALUE]]

Costs: seconds to find the spin-space group, to lay one random texture over another, and to count its copies (medians).
Agreement, with a model: the first generation of a search is relaxed in double precision, and of all pairs those are
counted that figures (``observables.same``) and spins (``Minima.one``) take for one minimum.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from itertools import combinations

import numpy as np
from evaluation import median

import magsearch as ms
from magsearch import config
from magsearch.minima.degeneracy import Minima
from magsearch.observables.fingerprint import same
from magsearch.operators.crystal import Crystal
from magsearch.search.island import Island
from magsearch.search.polishing import FLAT


def free(name: str, size: tuple[int, int, int]) -> ms.Hamiltonian:
    """Exchange with the nearest neighbours alone: global rotations by any angle."""
    lattice = ms.Lattice.named(name, size)
    shell = lattice.shells(1)[0]
    return ms.Hamiltonian(lattice, ms.Bonds(shell.i, shell.j, shell.offset, ms.exchange_matrix(np.ones(len(shell.i)))))


def costs(hamiltonian: ms.Hamiltonian, repeat: int) -> tuple[float, float, float]:
    """Seconds: group, nearest copy, number of copies."""
    pair = np.random.default_rng(1).normal(size=(2, hamiltonian.lattice.sites, 3))
    one, other = pair / np.linalg.norm(pair, axis=2, keepdims=True)
    known = ms.Equivalence(hamiltonian)
    return (
        median(lambda: ms.Equivalence(hamiltonian).group, repeat),
        median(lambda: known.nearest(one, other), repeat),
        median(lambda: known.copies(one), repeat),
    )


def agreement(given: config.Input, replicas: int) -> Counter[tuple[bool, bool]]:
    """Pairs by whether figures and spins take them for one."""
    hamiltonian = given.hamiltonian
    evaluator = ms.Evaluator(hamiltonian, ms.choose("cpu"))
    precise = ms.Evaluator(hamiltonian, evaluator.device, np.float64)
    island = Island(Crystal(hamiltonian, evaluator.device), evaluator, ms.GeneticTunneling(replicas=replicas))
    island.breed()
    found, _ = island.relaxed(island._offspring(), FLAT, precise, refined=True)
    minima = Minima(precise, 1e-6 * evaluator.stiffness)
    at_rest = [(c.spins, c.fingerprint) for c in found if c.refined]
    return Counter(
        (same(known, others, energy=minima.tolerance), minima.one(texture, known, other, others))
        for (texture, known), (other, others) in combinations(at_rest, 2)
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("model", nargs="?")
    arguments.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments.add_argument("--replicas", type=int, default=32)
    arguments.add_argument("--repeat", type=int, default=3)
    options = arguments.parse_args()
    print(f"OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'all')}\n")
    models = {
        "triangular 96x96, isotropic": free("triangular", (96, 96, 1)),
        "cubic 32^3, isotropic": free("cubic", (32, 32, 32)),
    }
    given = config.read(options.model, options.set) if options.model else None
    if given is not None:
        models = {options.model: given.hamiltonian}
    print(f"{'model':40} {'operations':>10} {'group':>8} {'nearest':>8} {'copies':>8}  seconds")
    for name, hamiltonian in models.items():
        group, nearest, copies = costs(hamiltonian, options.repeat)
        print(f"{name:40} {ms.Equivalence(hamiltonian).group.order:10} {group:8.3f} {nearest:8.3f} {copies:8.3f}")
    if given is not None:
        pairs = agreement(given, options.replicas)
        print(f"\n{pairs.total()} pairs: one by both {pairs[True, True]}, by figures alone {pairs[True, False]},")
        print(f"by spins alone {pairs[False, True]}, by neither {pairs[False, False]}")


if __name__ == "__main__":
    main()
