"""How long each method takes to find the ground state with 99 % probability.

    OMP_NUM_THREADS=1 python benchmarks/search run OUT.json [--only NAME] [--seeds 20] [--budget 200000]
    python benchmarks/search table OUT.json [-o FIGURE.pdf]

``run`` adds to OUT.json what is missing, so that it can be stopped and started again. A run ends when the budget is
spent; what it had found after how many evaluations is kept. The target is the best energy that any method found in any
run, to 1e-6 of the stiffest coupling per site; traces.py says how the time to solution follows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from instances import INSTANCES
from methods import METHODS
from traces import followed, hits, time_to_solution

import magsearch as ms

app = typer.Typer(add_completion=False)


@app.command()
def run(out: Path, only: str = "", seeds: int = 20, budget: int = 200_000) -> None:
    device = ms.choose("cpu")
    traces: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    for instance, make in INSTANCES.items():
        if only not in instance:
            continue
        hamiltonian = make()
        known = traces.setdefault(instance, {})
        known["sites"] = hamiltonian.spins
        known["tolerance"] = 1e-6 * ms.Evaluator(hamiltonian, device, np.float32).stiffness
        for seed in range(1, seeds + 1):
            for method, search in METHODS.items():
                found = known.setdefault("runs", {}).setdefault(method, {})
                if str(seed) in found:
                    continue
                found[str(seed)] = followed(search(hamiltonian, device, seed), budget)
                out.write_text(json.dumps(traces))
            print(f"{instance}, seed {seed}", flush=True)


@app.command()
def table(out: Path, figure: Annotated[Path | None, typer.Option("-o")] = None) -> None:
    traces = json.loads(out.read_text())
    names = list(METHODS)
    results = np.full((len(traces), len(names)), np.nan)
    print("| model | best, meV per site | " + " | ".join(names) + " |")
    print("|---|---|" + "---|" * len(names))
    for row, (instance, known) in enumerate(traces.items()):
        runs, sites = known["runs"], known["sites"]
        best = min(energy for found in runs.values() for r in found.values() for _, energy in r["trace"])
        cells = []
        for column, method in enumerate(names):
            reached = hits(runs.get(method, {}).values(), best + known["tolerance"] * sites)
            if not reached:
                cells.append("")
                continue
            tts, arrived = time_to_solution(reached)
            results[row, column] = tts
            cells.append(f"{tts / 1000:.3g} ({arrived:.0%})" if np.isfinite(tts) else f"none of {len(reached)}")
        fastest = np.nanargmin(np.where(np.isfinite(results[row]), results[row], np.nan))
        cells[fastest] = f"**{cells[fastest]}**"
        print(f"| {instance} | {best / sites:.6f} | " + " | ".join(cells) + " |")
    print("\nthousand evaluations until found with 99 % probability (runs that found it)")
    if figure is not None:
        draw(figure, list(traces), names, results)


def draw(path: Path, instances: list[str], names: list[str], results: Any) -> None:
    from matplotlib.figure import Figure

    picture = Figure(figsize=(7, 4.2), layout="constrained")
    axes = picture.add_subplot()
    for column, name in enumerate(names):
        offset = (column - (len(names) - 1) / 2) / (len(names) + 2)
        axes.plot(np.arange(len(instances)) + offset, results[:, column] / 1000, "o", label=name, markersize=4)
    axes.set(yscale="log", ylabel="thousand evaluations (99 %)")
    axes.set_xticks(range(len(instances)), instances, rotation=20, ha="right")
    picture.legend(loc="outside upper center", fontsize=7, ncols=4)
    picture.savefig(path, dpi=200)


if __name__ == "__main__":
    app()
