"""CPU time of the offspring of a generation: selection, operators, and the return to the sphere.

    OMP_NUM_THREADS=1 python benchmarks/offspring.py [INPUT] [-s KEY=VALUE] [--replicas 64] [--device cpu]

Without an input: the models of benchmarks/search. Prints the median and the smallest of several generations after the
first, in milliseconds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import magsearch as ms
from magsearch import config
from magsearch.operators.crystal import Crystal
from magsearch.search.island import Island

sys.path.append(str(Path(__file__).parent / "search"))
from instances import INSTANCES


def milliseconds(hamiltonian: ms.Hamiltonian, device: str, replicas: int, repeat: int) -> np.ndarray:
    evaluator = ms.Evaluator(hamiltonian, ms.choose(device))
    island = Island(Crystal(hamiltonian, evaluator.device), evaluator, ms.GeneticTunneling(replicas=replicas))
    spent = []
    for _ in range(repeat):
        island.breed()
        began = time.process_time()
        island._offspring()
        spent.append(1e3 * (time.process_time() - began))
    return np.array(spent)


def main(
    input_file: Annotated[Path | None, typer.Argument()] = None,
    settings: Annotated[list[str] | None, typer.Option("-s", "--set")] = None,
    replicas: int = 64,
    device: str = "cpu",
    repeat: int = 10,
) -> None:
    given = {input_file.name: lambda: config.read(input_file, settings or []).hamiltonian} if input_file else INSTANCES
    for name, make in given.items():
        hamiltonian = make()
        spent = milliseconds(hamiltonian, device, replicas, repeat)
        print(
            f"{name:24s} {hamiltonian.lattice.sites:6d} sites  {np.median(spent):7.2f}  {spent.min():7.2f} ms",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
