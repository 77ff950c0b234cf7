"""Gap between a lower bound and the lowest state built from it, and the time it takes: the table of docs/theory.md.

    OMP_NUM_THREADS=1 python benchmarks/bounds.py [inpsd.dat of Pd/Fe/Ir(111)]

Box and infinite crystal; "state" is made of the waves that touch the bound, relaxed where they have no unit length.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
from molecules import GOLDEN, c60, corners, icosahedron, molecule

import magsearch as ms
from magsearch.bounds.ground_state import lowest_state, spiral
from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.formats.toml.model import hamiltonian as from_tables
from magsearch.model.hamiltonian import Hamiltonian

INPUTS = Path(__file__).parent.parent / "inputs"


def lattice(name: str, size: list[int], *J: float, field: float = 0.0) -> Hamiltonian:
    couplings = [{"shell": n + 1, "J": strength} for n, strength in enumerate(J) if strength]
    return from_tables({"lattice": name, "size": size, "field": field, "exchange": couplings}, "", Path(name))


def models(inpsd: str | None) -> Iterator[tuple[str, Hamiltonian]]:
    cube, g = corners(1, 1, 1), GOLDEN
    yield "icosahedron", icosahedron()
    yield "cuboctahedron", molecule(corners(1, 1, 0, orders=tuple(permutations(range(3)))))
    yield "dodecahedron", molecule(cube, corners(0, 1 / g, g))
    yield "icosidodecahedron", molecule(corners(0, 0, g), corners(0.5, g / 2, g**2 / 2))
    yield "C60", c60()
    yield "triangular antiferromagnet", lattice("triangular", [12, 12, 1], -1.0)
    yield "kagome antiferromagnet", lattice("kagome", [6, 6, 1], -1.0)
    yield "pyrochlore antiferromagnet", lattice("pyrochlore", [3, 3, 3], -1.0)
    yield "square J1-J3, J3 = -0.4 J1", lattice("square", [24, 24, 1], 1.0, 0.0, -0.4)
    yield "Okubo, J3 = -3 J1", replace(ms.read(INPUTS / "okubo.toml"), field=(0.0, 0.0, 0.0))
    yield "Okubo, in a field", ms.read(INPUTS / "okubo.toml")
    if inpsd:
        zero = replace(ms.read(inpsd), field=(0.0, 0.0, 0.0))
        yield "Pd/Fe/Ir(111), no anisotropy", replace(zero, anisotropy=())
        yield "Pd/Fe/Ir(111)", zero


def main() -> None:
    print(
        "| model | of | bound (meV per site) | lowest state | gap | seconds for the bound |\n|---|---|---|---|---|---|"
    )
    for name, hamiltonian in models(sys.argv[1] if len(sys.argv) > 1 else None):
        best = np.inf
        for of in ("box", "crystal"):
            begin = time.perf_counter()
            try:
                bound = lower_bound(hamiltonian, of)
            except ValueError:  # a molecule has no crystal
                continue
            seconds = time.perf_counter() - begin
            wave = spiral(hamiltonian, bound) if of == "crystal" else None
            best = min(best, wave.energy_per_site if wave else np.inf)
            if of == "box":
                best = lowest_state(hamiltonian, bound)[1]
            gap = f"{bound.gap(best):.1e}"
            print(f"| {name} | {of} | {bound.per_site:.10f} | {best:.10f} | {gap} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
