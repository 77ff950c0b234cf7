"""Barriers that operators cross: offspring of the minima of a landscape, relaxed and recognised.

    OMP_NUM_THREADS=1 python benchmarks/barriers.py RUN.h5 [--offspring 16] [--seed 1]

RUN.h5 has been explored by ``magsearch landscape``. Every operator of the default mixture makes offspring of minima
drawn at random. After relaxation each is one of its parents, another known minimum, or a new one. The barrier that it
crossed is that of the lowest known path from its nearest parent to it, on which the energy of a gradual change would
have to rise. Symmetric copies are one minimum.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import magsearch as ms
from magsearch import storage
from magsearch.landscape.explore import TIGHT, Explorer
from magsearch.operators import BREEDING
from magsearch.operators.crystal import Crystal
from magsearch.randomness import Consumer, Draws
from magsearch.relaxation.relax import relax


def main(
    run: Path,
    offspring: Annotated[int, typer.Option(min=1, help="Number for each operator.")] = 16,
    seed: int = 1,
) -> None:
    record = storage.read(run)
    landscape = record.landscape
    if landscape is None:
        raise SystemExit(f"{run} has no landscape: magsearch landscape {run}")
    device = ms.choose("cpu")
    evaluator = ms.Evaluator(record.hamiltonian, device, np.float64)
    crystal, explorer = Crystal(record.hamiltonian, device), Explorer(evaluator, most=10_000)
    minima = np.array([one.spins for one in landscape.minima])
    barriers, known = landscape.barriers(), len(minima)
    print(f"{'operator':20}{'parent':>8}{'known':>7}{'new':>5}   barriers crossed (meV): median, largest")
    for number, (operator, _) in enumerate(BREEDING):
        chosen = np.random.default_rng([seed, number]).integers(known, size=(offspring, max(operator.parents, 1)))
        parents = device.array(minima[chosen][:, : operator.parents], np.float32)
        made = operator(crystal, parents, Draws(seed, Consumer.OFFSPRING, number, 0, offspring))
        spins = np.asarray(device.host(made), dtype=np.float64)
        length = np.linalg.norm(spins, axis=2, keepdims=True)
        relaxed = relax(TIGHT, evaluator, spins / np.where(length > 0, length, 1.0))
        same, new, crossed = 0, 0, []
        for texture, own in zip(relaxed.textures, chosen, strict=True):
            of = set(own.tolist()) if operator.parents else set()
            landscape, reached = explorer.placed(landscape, texture)
            if reached in of:
                same += 1
            elif reached >= known:
                new += 1
            else:
                crossed.append(min((float(barriers[parent, reached]) for parent in of), default=np.nan))
        there = [barrier for barrier in crossed if np.isfinite(barrier)]
        shown = f"{np.median(there):10.2f}{max(there):10.2f}" if there else ""
        print(f"{type(operator).__name__:20}{same:8}{len(crossed):7}{new:5}   {shown}")


if __name__ == "__main__":
    typer.run(main)
