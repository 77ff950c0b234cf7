"""Parts of a generation: relaxation, operators, fingerprints, selection, and the rest; the polish aside.

    OMP_NUM_THREADS=1 python benchmarks/generation.py [--input inpsd.dat] [--seed 1] [--device cpu]

Prints JSON: the seconds of every generation of one island and the shares of its parts, and the same over generations 3
to 10, where many offspring converge early. On a CPU seconds are those of the process, so that other jobs do not count;
on a GPU wall time, with a synchronisation at the ends of a part, so that launches count where their kernels run.

    relaxation     of all offspring and of the rough candidates that are refined
    operators      selection of parents, and their offspring
    fingerprints   of the relaxed textures that may be kept
    selection      of the distinct ones
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from importlib import import_module
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated, Any

import typer

import magsearch as ms
from magsearch import config
from magsearch.operators.crystal import Crystal
from magsearch.search.island import GeneticTunneling, Island

PARTS = {  # and the functions that do them, in the modules that call them
    "relaxation": ("magsearch.search.lockstep", "relax"),
    "fingerprints": ("magsearch.search.island", "fingerprints"),
    "selection": ("magsearch.search.island", "distinct"),
}
FIRST, LAST = 3, 10
PDFEIR = Path(__file__).parents[1] / "inputs" / "pdfeir111.toml"


def timed(function: Callable[..., Any], spent: dict[str, float], part: str, clock: Callable[[], float]) -> Any:
    """A function that adds to the seconds of a part."""

    def run(*arguments: Any, **named: Any) -> Any:
        begin = clock()
        result = function(*arguments, **named)
        spent[part] += clock() - begin
        return result

    return run


def shares(spent: dict[str, float]) -> dict[str, float]:
    parts = {name: round(spent[name] / spent["seconds"], 4) for name in ("operators", *PARTS)}
    return {"seconds": round(spent["seconds"], 4), **parts, "rest": round(1 - sum(parts.values()), 4)}


def main(
    input_: Annotated[Path, typer.Option("--input", help="Model, in any format.")] = PDFEIR,
    size: int = 96,
    field: Annotated[float, typer.Option(help="Tesla, along z.")] = 2.7,
    replicas: int = 64,
    seed: int = 1,
    device: str = "cpu",
) -> None:
    machine = ms.choose(device)

    def clock() -> float:
        if machine.name == "cpu":
            return process_time()
        machine.xp.cuda.Device().synchronize()
        return perf_counter()

    overrides = [f"model.size=[{size},{size},1]", f"model.field=[0,0,{field}]"]
    hamiltonian = config.read(input_, overrides).hamiltonian
    evaluator = ms.Evaluator(hamiltonian, machine)
    island = Island(Crystal(hamiltonian, machine), evaluator, GeneticTunneling(replicas=replicas, seed=seed))
    spent: dict[str, float] = defaultdict(float)
    for part, (module, name) in PARTS.items():
        caller = import_module(module)
        setattr(caller, name, timed(getattr(caller, name), spent, part, clock))
    offspring = timed(island._offspring, spent, "operators", clock)
    island._offspring = offspring  # type: ignore[method-assign]
    generations, later = [], defaultdict[str, float](float)
    for number in range(LAST + 1):
        spent.clear()
        timed(island.breed, spent, "seconds", clock)()
        generations.append({"generation": number, **shares(spent)})
        for part, seconds in spent.items() if number >= FIRST else ():
            later[part] += seconds
        print(json.dumps(generations[-1]), file=sys.stderr, flush=True)
    print(
        json.dumps(
            {
                "device": machine.description,
                "date": date.today().isoformat(),
                "clock": "process" if machine.name == "cpu" else "wall",
                "input": input_.name,
                "sites": hamiltonian.n_spins,
                "bonds": round(float(hamiltonian.coordination), 1),
                "path": evaluator.path,
                "replicas": replicas,
                "seed": seed,
                "best": island.candidates[0].energy_per_site,
                "generations": generations,
                f"generations {FIRST} to {LAST}": shares(later),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    typer.run(main)
