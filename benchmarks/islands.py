"""Islands that exchange elites against islands that do not: evaluations until an energy is reached.

    python benchmarks/islands.py INPUT --target -3.83935 --unit mRy [--set model.size=[96,96,1] ...] [--seeds 10]

Prints, for every topology and seed, the evaluations (energy and force of one replica) that all islands together had
done when the first of them was at or below the target, then medians, quartiles and the ratio of each topology to
isolated islands, seed by seed. A run that has not arrived after --generations counts with all its evaluations, as a
lower bound, and is marked with >.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import magsearch as ms
from magsearch import config
from magsearch.units import MRY

SCHEMES = {
    "isolated": {"topology": "isolated", "scheme": "exchange"},
    "ring": {"topology": "ring", "scheme": "exchange"},
    "complete": {"topology": "complete", "scheme": "exchange"},
    "leader": {"topology": "ring", "scheme": "leader"},
}


def evaluations(
    given: config.Input, scheme: ms.Migration, seed: int, target: float, generations: int
) -> tuple[int, bool]:
    """Return the evaluations used, and whether the target (meV per site) was reached."""
    islands = [replace(island, seed=seed) for island in given.islands.islands(given.search)]
    stop = ms.Stop(generations=generations, window=10**6)
    search = ms.Archipelago(given.hamiltonian, ms.choose("auto"), islands, scheme, stop)
    for _ in search.generations():
        best = search.history.overall()
        arrived = np.flatnonzero(best["best"] <= target)
        if len(arrived):
            return int(best["evaluations"][: arrived[0] + 1].sum()), True
        if search.stopped:
            break
    return int(search.history["evaluations"].sum()), False


def main(
    input_file: Path,
    target: Annotated[float, typer.Option(help="Energy per site to be reached.")],
    unit: str = "meV",
    settings: Annotated[list[str] | None, typer.Option("--set")] = None,
    seeds: int = 10,
    generations: int = 60,
    schemes: str = "isolated,ring",
) -> None:
    given = config.read(input_file, settings or [])
    scale = MRY if unit == "mRy" else 1.0
    found: dict[str, list[int]] = {name: [] for name in schemes.split(",")}
    for seed in range(1, seeds + 1):
        for name, counts in found.items():
            scheme = replace(given.islands, **SCHEMES[name]).migration()  # the input's every and elites
            count, arrived = evaluations(given, scheme, seed, target * scale, generations)
            counts.append(count)
            print(f"seed {seed:3d}  {name:9s} {'' if arrived else '>'}{count}", flush=True)
    for name, counts in found.items():
        low, median, high = np.percentile(counts, (25, 50, 75))
        print(f"{name:9s} median {median:.0f}, quartiles {low:.0f} to {high:.0f}")
        if "isolated" in found and name != "isolated":
            ratios = np.array(counts) / np.array(found["isolated"])
            fewer = f"fewer in {(ratios < 1).sum()} of {len(ratios)}"
            print(f"{name:9s} over isolated: median {np.median(ratios):.2f}, {fewer}")


if __name__ == "__main__":
    typer.run(main)
