"""Time to solution of each method: evaluations and seconds to the ground state with 99 % probability.

    OMP_NUM_THREADS=1 python benchmarks/search run OUT.json [--models large] [--only MODEL] [--method METHOD]
                                                            [--seeds 20] [--first 1]
    python benchmarks/search table OUT.json [--per seconds] [-o FIGURE.pdf]
    python benchmarks/search ratios OUT.json [--per seconds]

The models are those of instances.py: its own, all files of inputs/atlas, or those of the atlas in larger boxes. ``run``
adds to OUT.json what is missing, so that it can be stopped and started again; ``--again`` first forgets what is there
of the models and methods asked for. A run ends when both its evaluations and its seconds are spent, in any case at a
limit of seconds, and in a larger box of the atlas at the lowest known energy; what it had found after how many of both
is kept. Seconds are those that the process was on a core (CPU time, one thread), so that other jobs on the machine
count less. They begin when a method receives a model that nobody has used: what it sets up, the layout of the
couplings, symmetries, soft waves, counts. Reading the model does not, nor do the modules that a process loads when it
first uses them: all methods have searched another model before. The methods take turns, seed by seed. The target is the
known energy or, without one and where a run went below it, the best that any method found in any run, to 1e-6 of the
stiffest coupling per site; traces.py says how the time to solution follows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from figure import draw
from instances import ATLAS, INSTANCES, LARGE, given, known
from methods import METHODS
from traces import Budget, followed, hits, time_to_solution

import magsearch as ms
from magsearch.formats.expression import CannotExpress

app = typer.Typer(add_completion=False)


class Per(StrEnum):
    evaluations = "evaluations"
    seconds = "seconds"


class Models(StrEnum):
    own = "own"
    atlas = "atlas"
    large = "large"


CHOICES = {Models.own: INSTANCES, Models.atlas: ATLAS, Models.large: LARGE}
OURS = "genetic tunneling"
FIRST = "kagome-afm.toml"  # searched before the clocks start
UNITS = {Per.evaluations: (1000, "thousand evaluations"), Per.seconds: (1, "CPU seconds")}


@app.command()
def run(
    out: Path,
    only: Annotated[list[str] | None, typer.Option(help="models whose names have one of these in them")] = None,
    method: Annotated[list[str] | None, typer.Option(help="methods whose names have one of these in them")] = None,
    models: Annotated[Models, typer.Option(help="of instances.py")] = Models.own,
    seeds: Annotated[int, typer.Option(help="number of seeds")] = 20,
    first: Annotated[int, typer.Option(help="the first of them")] = 1,
    budget: Annotated[int, typer.Option(help="evaluations that every run has")] = 100_000,
    seconds: Annotated[float, typer.Option(help="CPU seconds that every run has")] = 0.5,
    limit: Annotated[float, typer.Option(help="CPU seconds after which it ends in any case")] = 6.0,
    again: Annotated[bool, typer.Option(help="forget what is there of these models and methods")] = False,
) -> None:
    device = ms.choose("cpu")
    data: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    chosen = {name: make for name, make in CHOICES[models].items() if any(o in name for o in only or [""])}
    for instance, make in chosen.items():
        hamiltonian = make()
        tolerance = 1e-6 * ms.Evaluator(hamiltonian, device, np.float32).stiffness
        one = data.setdefault(instance, {"sites": hamiltonian.n_spins, "tolerance": tolerance, "runs": {}})
        if models == Models.large:
            one["known"] = known(instance) * hamiltonian.n_spins
    asked = {name: search for name, search in METHODS.items() if any(m in name for m in method or [""])}
    if again:
        for instance, name in ((i, n) for i in chosen for n in asked):
            data[instance]["runs"].pop(name, None)
    for search in asked.values():
        next(search(given(FIRST), device, 0))
    for seed in map(str, range(first, first + seeds)):
        for instance, make in chosen.items():
            for name, search in asked.items():
                one = data[instance]
                found = one["runs"].setdefault(name, {})
                if seed not in found:
                    most = Budget(budget, seconds, limit)
                    try:
                        found[seed] = followed(search(make(), device, int(seed)), most, known_goal(one))
                    except CannotExpress as error:
                        print(f"{instance}, {name}: {error}")
                    out.write_text(json.dumps(data))
            print(f"seed {seed}, {instance}", flush=True)


@dataclass(frozen=True)
class Solution:
    """The cost of finding the target with 99 % probability, the fraction of runs that did, their number, and what a
    run without success took at most."""

    time: float
    arrived: float
    runs: int
    spent: float

    def __str__(self) -> str:
        return f"{self.time:.3g} ({self.arrived:.0%})" if self.arrived else f"none of {self.runs}"


def lowest(model: dict[str, Any]) -> float:
    """The best energy that any method found in any run, meV."""
    return min(point[-1] for runs in model["runs"].values() for run in runs.values() for point in run["trace"])


def known_goal(model: dict[str, Any]) -> float:
    """Return the energy at which a run ends, meV: where one is known, with the tolerance."""
    return float(model.get("known", -np.inf)) + model["tolerance"] * model["sites"]


def target(model: dict[str, Any]) -> float:
    """Return the energy that counts as found, meV: the known one, or the best if that is lower."""
    slack, best = model["tolerance"] * model["sites"], lowest(model)
    known = model.get("known", best)
    return (known if best >= known - slack else best) + slack


def solutions(model: dict[str, Any], per: Per) -> dict[str, Solution]:
    """Return the figures of every method that has any runs, in the unit of the table."""
    column, unit, results = list(Per).index(per), UNITS[per][0], {}
    goal = target(model)
    for method in (m for m in METHODS if m in model["runs"]):
        reached = hits(model["runs"][method].values(), goal, column)
        if reached:
            found = float(np.mean(np.isfinite(reached)))
            spent = max(run[per.value] for run in model["runs"][method].values())
            results[method] = Solution(time_to_solution(reached) / unit, found, len(reached), spent / unit)
    return results


@app.command()
def table(out: Path, per: Per = Per.evaluations, figure: Annotated[Path | None, typer.Option("-o")] = None) -> None:
    """One row a method, one column a model, a dash for what it cannot express. The figure shows both units."""
    data = json.loads(out.read_text())
    results = {p: {instance: solutions(model, p) for instance, model in data.items()} for p in Per}
    print("| | " + " | ".join(data) + " |\n|---|" + "---|" * len(data))
    for name in (n for n in METHODS if any(n in found for found in results[per].values())):
        cells = []
        for found in results[per].values():
            fastest = min(solution.time for solution in found.values())
            bold = name in found and found[name].time == fastest < np.inf
            cells.append(f"**{found[name]}**" if bold else str(found.get(name, "-")))
        print(f"| {name} | " + " | ".join(cells) + " |")
    print("| best, meV per site | " + " | ".join(f"{lowest(m) / m['sites']:.6f}" for m in data.values()) + " |")
    print(f"\n{UNITS[per][1]} until found with 99 % probability (runs that found it)")
    if figure is not None:
        times = {
            i: {unit: {m: s.time for m, s in found.items()} for unit, found in r.items()} for i, r in results.items()
        }
        draw(figure, {UNITS[p][1]: models for p, models in times.items()})


def mean_ratio(model: dict[str, Any], per: Per) -> str:
    """Return the ratio of the average times of genetic tunneling and of the best of the others, and its error."""
    column, goal = list(Per).index(per), target(model)
    times = {name: np.array(hits(runs.values(), goal, column)) for name, runs in model["runs"].items()}
    ours = times.pop(OURS)
    best = min(times.values(), key=np.mean)  # infinite where a run did not find it
    if not np.isfinite([ours.mean(), best.mean()]).all():
        return "-"
    ratio = ours.mean() / best.mean()
    error = ratio * np.sqrt(sum(of.var() / len(of) / of.mean() ** 2 for of in (ours, best)))
    return f"{ratio:.2g} +- {error:.1g}"


@app.command()
def ratios(out: Path, per: Per = Per.seconds) -> None:
    """One row a model, one column a method, and the ratio of genetic tunneling to the best of the others.

    Where none of the others found the target, the ratio is at most that to the longest of their runs. "Means" is the
    ratio of the average times with its standard error. It scatters less: the time of 99 % is that of the slowest run.
    """
    data, every = json.loads(out.read_text()), []
    methods = [name for name in METHODS if any(name in model["runs"] for model in data.values())]
    print(
        "| | sites | meV per site | " + " | ".join(methods) + " | ratio | means |\n|---|" + "---|" * (len(methods) + 4)
    )
    for instance, model in data.items():
        found = solutions(model, per)
        rivals = {name: solution for name, solution in found.items() if name != OURS}
        best = min(solution.time for solution in rivals.values())
        least = best if np.isfinite(best) else max(solution.spent for solution in rivals.values())
        ratio = found[OURS].time / least
        every.append(ratio)
        bold = {name for name, solution in found.items() if solution.time == min(best, found[OURS].time) < np.inf}
        cells = [f"**{found[m]}**" if m in bold else str(found.get(m, "-")) for m in methods]
        told = f"{'' if np.isfinite(best) else '< '}{ratio:.2g}"
        row = [
            instance,
            str(model["sites"]),
            f"{lowest(model) / model['sites']:.7f}",
            *cells,
            told,
            mean_ratio(model, per),
        ]
        print(f"| {' | '.join(row)} |")
    print(
        f"\n{UNITS[per][1]} until found with 99 % probability (runs that found it); of {len(every)} ratios the median"
    )
    low, high = sum(ratio < 0.5 for ratio in every), sum(ratio <= 1.2 for ratio in every)
    print(f"is {np.median(every):.3g}, the largest {max(every):.3g}; {high} are at most 1.2, {low} below 0.5")


if __name__ == "__main__":
    app()
