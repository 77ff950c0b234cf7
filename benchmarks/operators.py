"""What each operator earns: the search with all of them, without each in turn, and without the newest together.

    OMP_NUM_THREADS=1 python benchmarks/operators.py run OUT.json [--only NAME] [--seeds 10] [--replicas 16]
    python benchmarks/operators.py table OUT.json

``run`` adds to OUT.json what is missing, seed by seed, so that it can be stopped and started again. The models are
those of benchmarks/search, each with a budget of evaluations after which a run ends; the target is the best energy that
any run found. A mixture without an operator keeps the weights of the others. The few replicas make many generations of
a budget: what is bred matters more than what a search begins with.

``table`` prints the time to solution (evaluations until the target is found with 99 % probability, traces.py) of every
mixture, and how much longer it takes than all operators together: the geometric mean over the models where both
arrived, with its standard deviation over resampled seeds. Then what the operators did in all runs: the fraction of
their offspring that was kept, against that of all operators, and how many of a thousand improved the best energy.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import typer

sys.path.append(str(Path(__file__).parent / "search"))
from instances import INSTANCES
from methods import endless, progress
from traces import followed, hits, time_to_solution

import magsearch as ms
from magsearch.island import OPERATORS, Mixture

BUDGETS = {
    "square Bloch": 60_000,
    "Okubo, easy axis": 40_000,
    "kagome + DMI": 100_000,
    "Pd/Fe/Ir(111), 1.0 T": 40_000,
}
ALL = "all"
NEWEST = ("StretchTexture", "InsertDislocations", "MoveSkyrmion", "ExchangeWave", "MultiplyTexture")
RESAMPLED = 400  # sets of seeds

app = typer.Typer(add_completion=False)


def names(mixture: Mixture) -> list[str]:
    return [type(operator).__name__ for operator, _ in mixture]


def without(*dropped: str) -> Mixture:
    return tuple(o for o, name in zip(OPERATORS, names(OPERATORS), strict=True) if name not in dropped)


MIXTURES: dict[str, Mixture] = {ALL: OPERATORS, "without the newest five": without(*NEWEST)} | {
    f"without {name}": without(name) for name in names(OPERATORS)
}


@app.command()
def run(out: Path, only: str = "", seeds: int = 10, replicas: int = 16) -> None:
    device = ms.choose("cpu")
    results: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    models = {name: INSTANCES[name]() for name in BUDGETS if only in name}
    for seed in range(1, seeds + 1):
        for name, hamiltonian in models.items():
            known = results.setdefault(name, {"runs": {}})
            known["sites"] = hamiltonian.spins
            known["tolerance"] = 1e-6 * ms.Evaluator(hamiltonian, device, np.float32).stiffness
            for label, mixture in MIXTURES.items():
                found = known["runs"].setdefault(label, {})
                if str(seed) in found:
                    continue
                search = endless(hamiltonian, device, ms.GeneticTunneling(replicas, seed=seed, operators=mixture))
                found[str(seed)] = followed(progress(search), BUDGETS[name]) | counted(search)
                out.write_text(json.dumps(results))
            print(f"{name}, seed {seed}", flush=True)


def counted(search: ms.Archipelago) -> dict[str, dict[str, int]]:
    """Offspring by operator, those of them that were kept, and improvements of the best energy, after the seeds."""
    rows, operators = search.history, search.history.operators
    bred = {kind: rows[kind][1:].sum(axis=(0, 1)) for kind in ("offspring", "successes")}
    better = np.diff(rows["best"][:, 0]) < -search.tolerance
    origins = rows["origin"][1:, 0][better]
    bred["improvements"] = np.bincount(origins, minlength=len(operators))
    return {kind: dict(zip(operators, count.tolist(), strict=True)) for kind, count in bred.items()}


@app.command()
def table(out: Path) -> None:
    results = json.loads(out.read_text())
    reached: dict[str, list[list[float]]] = {}  # [model][seed], of every mixture
    for known in results.values():
        best = min(energy for runs in known["runs"].values() for run in runs.values() for _, energy in run["trace"])
        seeds = set.intersection(*(set(known["runs"].get(label, {})) for label in MIXTURES))  # that all have run
        for label, runs in known["runs"].items():
            done = [runs[seed] for seed in sorted(seeds, key=int)]
            reached.setdefault(label, []).append(hits(done, best + known["tolerance"] * known["sites"]))
    print("| mixture | " + " | ".join(results) + " | against all |")
    print("|---|" + "---|" * (len(results) + 1))
    for label, by_model in reached.items():
        solved = [time_to_solution(h) for h in by_model]
        cells = [f"{t / 1000:.3g} ({arrived:.0%})" if np.isfinite(t) else "none" for t, arrived in solved]
        mean, deviation = slowdown(by_model, reached[ALL])
        print(f"| {label} | " + " | ".join(cells) + (f" | {mean:.2f} +- {deviation:.2f} |" if label != ALL else " | |"))
    shares(results)


def slowdown(these: list[list[float]], those: list[list[float]]) -> tuple[float, float]:
    """Geometric mean over models of a ratio of times to solution, and its deviation when seeds are drawn anew."""

    def ratio(draw: Any) -> float:
        times = [[time_to_solution(draw(h))[0] for h in hits] for hits in (these, those)]
        logs = np.log(times[0]) - np.log(np.where(np.isfinite(times[1]), times[1], np.nan))
        return float(np.exp(logs[np.isfinite(logs)].mean())) if np.isfinite(logs).any() else np.nan

    random = np.random.default_rng(1)
    drawn = [ratio(lambda h: [h[k] for k in random.integers(len(h), size=len(h))]) for _ in range(RESAMPLED)]
    return ratio(list), float(np.nanstd(drawn))


def shares(results: dict[str, Any]) -> None:
    print("\n| operator | " + " | ".join(f"{name}: kept, improved" for name in results) + " |")
    print("|---|" + "---|" * len(results))
    counts = [
        {
            kind: sum((Counter(run[kind]) for runs in known["runs"].values() for run in runs.values()), Counter())
            for kind in ("offspring", "successes", "improvements")
        }
        for known in results.values()
    ]
    for name in names(OPERATORS):
        cells = []
        for count in counts:
            kept, bred = count["successes"], count["offspring"]
            ratio = kept[name] / max(1, bred[name]) * bred.total() / max(1, kept.total())
            better = count["improvements"][name] / max(1, bred[name])
            cells.append(f"{ratio:.2f}, {1000 * better:.1f}")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    app()
