"""Savings of the preconditioner (relaxation/preconditioner.py): evaluations and core seconds to an energy.

    OMP_NUM_THREADS=1 python benchmarks/preconditioner.py INPUT --target -3.83935 --unit mRy [--set model.field=2.7 ...]

One island, the same seeds with every softness; 0 is none. A step with it costs two convolutions in the place of one, so
that seconds say more than evaluations. A search that has not arrived after --generations is marked with >.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import magsearch as ms
from magsearch import config
from magsearch.search.island import REFINEMENT
from magsearch.units import MRY


def search(given: config.Input, softness: float, seed: int, target: float, generations: int) -> tuple[int, float, bool]:
    """Evaluations, seconds, and whether it arrived; target in meV per site."""
    (settings,) = given.islands.islands(given.search)
    minimizer = ms.BarzilaiBorwein(softness=softness)
    island = replace(settings, seed=seed, minimizer=minimizer, refinement=replace(REFINEMENT, softness=softness))
    stop = ms.Stop(generations=generations, window=10**6)
    run = ms.Archipelago(given.hamiltonian, ms.choose("cpu"), island, stop=stop)
    begin = time.process_time()
    for _ in run.generations():
        arrived = run.history["best"].min() <= target
        if arrived or run.stopped:
            break
    return int(run.history["evaluations"].sum()), time.process_time() - begin, bool(arrived)


def main(
    input_file: Path,
    target: Annotated[float, typer.Option(help="Energy per site to be reached.")],
    unit: str = "meV",
    settings: Annotated[list[str] | None, typer.Option("--set")] = None,
    seeds: int = 6,
    generations: int = 40,
    softness: str = "0,0.001",
) -> None:
    given = config.read(input_file, settings or [])
    scale = MRY if unit == "mRy" else 1.0
    for mu in map(float, softness.split(",")):
        found = []
        for seed in range(1, seeds + 1):
            evaluations, seconds, arrived = search(given, mu, seed, target * scale, generations)
            found.append((evaluations, seconds))
            told = f"{'' if arrived else '>'}{evaluations} evaluations, {seconds:.1f} s"
            print(f"softness {mu:g}, seed {seed}: {told}", flush=True)
        evaluations, seconds = np.median(found, axis=0)
        print(f"softness {mu:g}: median {evaluations:.0f} evaluations, {seconds:.1f} s")


if __name__ == "__main__":
    typer.run(main)
