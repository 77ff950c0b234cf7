"""How long each method takes to find the ground state with 99 % probability, in evaluations and in seconds.

    OMP_NUM_THREADS=1 python benchmarks/search run OUT.json [--only MODEL] [--method METHOD] [--seeds 20]
    python benchmarks/search table OUT.json [--per seconds] [-o FIGURE.pdf]

``run`` adds to OUT.json what is missing, so that it can be stopped and started again; ``--again`` first forgets what is
there of the models and methods asked for. A run ends when it has had so many evaluations and so many seconds, and in
any case at a limit of seconds; what it had found after how many of both is kept. Seconds are those that the process
was on a core (CPU time, one thread), so that other jobs on the machine count less. The target is the best energy that
any method found in any run, to 1e-6 of the stiffest coupling per site. With p(t) the fraction of runs that reached it
within t evaluations or seconds,

    TTS = min over t of t max[1, ln 0.01 / ln(1 - p(t))],

what it takes to find it with 99 % probability if runs are cut off at t and repeated (Ronnow et al., Science 345, 420
(2014)).
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from figure import draw
from instances import INSTANCES
from methods import METHODS, Search

import magsearch as ms
from magsearch.device import Device
from magsearch.formats.expression import CannotExpress

app = typer.Typer(add_completion=False)


class Per(StrEnum):
    evaluations = "evaluations"
    seconds = "seconds"


@dataclass(frozen=True)
class Budget:
    """What a run has: so many evaluations and so many seconds, whichever takes longer, within a limit of seconds."""

    evaluations: int
    seconds: float
    limit: float

    def spent(self, evaluations: int, seconds: float) -> bool:
        return seconds >= self.limit or (evaluations >= self.evaluations and seconds >= self.seconds)


UNITS = {Per.evaluations: (1000, "thousand evaluations"), Per.seconds: (1, "CPU seconds")}


@app.command()
def run(
    out: Path,
    only: Annotated[str, typer.Option(help="models whose names have this in them")] = "",
    method: Annotated[list[str] | None, typer.Option(help="methods whose names have one of these in them")] = None,
    seeds: int = 20,
    budget: Annotated[int, typer.Option(help="evaluations that every run has")] = 100_000,
    seconds: Annotated[float, typer.Option(help="CPU seconds that every run has")] = 0.5,
    limit: Annotated[float, typer.Option(help="CPU seconds after which it ends in any case")] = 6.0,
    again: Annotated[bool, typer.Option(help="forget what is there of these models and methods")] = False,
) -> None:
    device = ms.choose("cpu")
    known: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    models = {instance: make() for instance, make in INSTANCES.items() if only in instance}
    for instance, hamiltonian in models.items():
        tolerance = 1e-6 * ms.Evaluator(hamiltonian, device, np.float32).stiffness
        known.setdefault(instance, {"sites": hamiltonian.spins, "tolerance": tolerance, "runs": {}})
    asked = {name: search for name, search in METHODS.items() if any(m in name for m in method or [""])}
    if again:
        for instance, name in ((i, n) for i in models for n in asked):
            known[instance]["runs"].pop(name, None)
    for seed in map(str, range(1, seeds + 1)):
        for instance, hamiltonian in models.items():
            for name, search in asked.items():
                found = known[instance]["runs"].setdefault(name, {})
                if seed not in found:
                    try:
                        found[seed] = followed(search, hamiltonian, device, int(seed), Budget(budget, seconds, limit))
                    except CannotExpress as error:
                        print(f"{instance}, {name}: {error}")
                    out.write_text(json.dumps(known))
            print(f"seed {seed}, {instance}", flush=True)


def followed(search: Search, hamiltonian: ms.Hamiltonian, device: Device, seed: int, budget: Budget) -> dict[str, Any]:
    """One run: (evaluations, seconds, meV) whenever it had found something better, and all that it took."""
    begin, trace, best = time.process_time(), [], np.inf
    for evaluations, energy in search(hamiltonian, device, seed):
        spent = time.process_time() - begin
        if energy < best:
            best = energy
            trace.append((evaluations, spent, energy))
        if budget.spent(evaluations, spent):
            return {"trace": trace, "evaluations": evaluations, "seconds": spent}
    raise AssertionError("searches do not end by themselves")


def time_to_solution(hits: list[float]) -> tuple[float, float]:
    """What 99 % probability takes, and the fraction of runs that arrived; hits are infinite where one did not."""
    best = np.inf
    for t in (h for h in hits if np.isfinite(h)):
        p = np.mean(np.array(hits) <= t)
        best = min(best, t * (max(1.0, np.log(0.01) / np.log1p(-p)) if p < 1 else 1.0))
    return best, float(np.mean(np.isfinite(hits)))


def solutions(known: dict[str, Any], per: Per) -> dict[str, tuple[float, float, int]]:
    """Time to solution, fraction of the runs that arrived and number of the runs, of every method that has any."""
    column, everything = list(Per).index(per), known["runs"].values()
    best = min(point[-1] for runs in everything for r in runs.values() for point in r["trace"])
    goal, results = best + known["tolerance"] * known["sites"], {}
    for method, runs in known["runs"].items():
        hits = [next((point[column] for point in r["trace"] if point[-1] <= goal), np.inf) for r in runs.values()]
        if hits:
            results[method] = (*time_to_solution(hits), len(hits))
    return results


@app.command()
def table(out: Path, per: Per = Per.evaluations, figure: Annotated[Path | None, typer.Option("-o")] = None) -> None:
    """One row a method, one column a model; a dash where a method cannot express a model."""
    known = json.loads(out.read_text())
    unit, words = UNITS[per]
    results = {instance: solutions(model, per) for instance, model in known.items()}
    fastest = {instance: min(found, key=lambda name: found[name][0]) for instance, found in results.items()}
    print("| | " + " | ".join(results) + " |\n|---|" + "---|" * len(results))
    for name in METHODS:
        cells = []
        for instance, found in results.items():
            tts, arrived, runs = found.get(name, (np.nan, 0.0, 0))
            cell = f"{tts / unit:.3g} ({arrived:.0%})" if np.isfinite(tts) else f"none of {runs}" if runs else "-"
            cells.append(f"**{cell}**" if fastest[instance] == name and np.isfinite(tts) else cell)
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(f"\n{words} until found with 99 % probability (runs that found it)")
    if figure is not None:
        draw(figure, {UNITS[p][1]: {i: {n: r[0] / UNITS[p][0] for n, r in solutions(model, p).items()}
                                    for i, model in known.items()} for p in Per})  # fmt: skip


if __name__ == "__main__":
    app()
