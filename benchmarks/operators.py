"""Contribution of each operator: the default mixture, without each of its operators, and with each one it lacks.

    OMP_NUM_THREADS=1 python benchmarks/operators.py run OUT.json [--only MODEL] [--mixtures NAMES] [--seeds 10]
    python benchmarks/operators.py table OUT.json

``run`` adds to OUT.json what is missing, seed by seed, so that it can be stopped and started again. The models are
those of benchmarks/search, each with a budget of evaluations after which a run ends; the target is the best energy that
any run found. A mixture without an operator keeps the weights of the others. The few replicas make many generations of
a budget: what is bred matters more than what a search begins with.

``table`` prints the time to solution (evaluations until the target is found with 99 % probability, traces.py) of every
mixture, and the time of a run against that of the default with the same seed: the geometric mean over seeds and its
standard error, by model; a run that did not arrive counts with twice its evaluations. Then what the operators did in
all runs: the fraction of their offspring that was kept, against that of all operators, and how many of a thousand
improved the best energy.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

sys.path.append(str(Path(__file__).parent / "search"))
from instances import INSTANCES
from methods import endless, progress
from traces import Budget, followed, hits, time_to_solution

import magsearch as ms
from magsearch.operators import BREEDING, OPERATORS, Mixture

BUDGETS = {
    "square Bloch": 80_000,
    "Okubo, easy axis": 60_000,
    "kagome + DMI": 200_000,
    "Pd/Fe/Ir(111), 1.0 T": 50_000,
}
DEFAULT = "default"
NEWEST = ("StretchTexture", "InsertDislocations", "ExchangeWave")

app = typer.Typer(add_completion=False)


def names(mixture: Mixture) -> list[str]:
    return [type(operator).__name__ for operator, _ in mixture]


def without(*dropped: str) -> Mixture:
    return tuple(o for o, name in zip(BREEDING, names(BREEDING), strict=True) if name not in dropped)


MIXTURES: dict[str, Mixture] = (
    {DEFAULT: BREEDING, "without the newest": without(*NEWEST)}
    | {f"without {name}": without(name) for name in names(BREEDING)}
    | {f"with {name}": (*BREEDING, (make(), 1.0)) for name, make in OPERATORS.items() if name not in names(BREEDING)}
)


@app.command()
def run(
    out: Path,
    only: str = "",
    mixtures: Annotated[str, typer.Option(help="Names, separated by commas; all where empty.")] = "",
    seeds: int = 10,
    first: Annotated[int, typer.Option(help="The first seed.")] = 1,
    replicas: int = 16,
) -> None:
    device = ms.choose("cpu")
    results: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    models = {name: INSTANCES[name]() for name in BUDGETS if only in name}
    for seed in range(first, first + seeds):
        for name, hamiltonian in models.items():
            known = results.setdefault(name, {"runs": {}})
            known["sites"] = hamiltonian.n_spins
            known["tolerance"] = 1e-6 * ms.Evaluator(hamiltonian, device, np.float32).stiffness
            for label in mixtures.split(",") if mixtures else MIXTURES:
                found = known["runs"].setdefault(label, {})
                if str(seed) in found:
                    continue
                island = ms.GeneticTunneling(replicas, seed=seed, operators=MIXTURES[label])
                search = endless(hamiltonian, device, island)
                found[str(seed)] = followed(progress(search), Budget(BUDGETS[name])) | counted(search)
                out.write_text(json.dumps(results))
            print(f"{name}, seed {seed}", flush=True)


def counted(search: ms.Archipelago) -> dict[str, dict[str, int]]:
    """Return offspring by operator, the accepted ones, and improvements of the best energy, after the seeds."""
    rows, operators = search.history, search.history.operators
    bred = {kind: rows[kind][1:].sum(axis=(0, 1)) for kind in ("offspring", "successes")}
    better = np.diff(rows["best"][:, 0]) < -search.tolerance
    origins = rows["origin"][1:, 0][better]
    bred["improvements"] = np.bincount(origins, minlength=len(operators))
    return {kind: dict(zip(operators, count.tolist(), strict=True)) for kind, count in bred.items()}


@app.command()
def table(out: Path) -> None:
    results = json.loads(out.read_text())
    reached: dict[str, list[dict[str, float]]] = {}  # [model][seed] evaluations, of every mixture
    spent: list[dict[str, int]] = []  # [model][seed] evaluations of the default
    for known in results.values():
        best = min(energy for runs in known["runs"].values() for run in runs.values() for *_, energy in run["trace"])
        spent.append({seed: run["evaluations"] for seed, run in known["runs"][DEFAULT].items()})
        for label, runs in known["runs"].items():
            arrived = hits(runs.values(), best + known["tolerance"] * known["sites"])
            reached.setdefault(label, []).append(dict(zip(runs, arrived, strict=True)))
    print("| mixture | " + " | ".join(f"{name} | against default" for name in results) + " |")
    print("|---|" + "---|---|" * len(results))
    for label, models in reached.items():
        cells = []
        for these, those, cost in zip(models, reached[DEFAULT], spent, strict=True):
            reaching = list(these.values())
            time, arrived = time_to_solution(reaching), np.mean(np.isfinite(reaching))
            cells.append(f"{time / 1000:.3g} ({arrived:.0%})" if np.isfinite(time) else "none")
            cells.append(against(these, those, cost) if label != DEFAULT else "")
        print(f"| {label} | " + " | ".join(cells) + " |")
    shares(results)


def against(these: dict[str, float], those: dict[str, float], spent: dict[str, int]) -> str:
    """Geometric mean, over seeds, of the ratio of evaluations, and its standard error."""
    seeds = [seed for seed in these if seed in those]
    ratios = [np.log(min(these[s], 2 * spent[s]) / min(those[s], 2 * spent[s])) for s in seeds]
    mean = float(np.exp(np.mean(ratios)))
    return f"{mean:.2f} +- {mean * np.std(ratios, ddof=1) / np.sqrt(len(ratios)):.2f}" if len(ratios) > 1 else ""


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
    for name in sorted(set().union(*(count["offspring"] for count in counts))):
        cells = []
        for count in counts:
            kept, bred = count["successes"], count["offspring"]
            ratio = kept[name] / max(1, bred[name]) * bred.total() / max(1, kept.total())
            better = count["improvements"][name] / max(1, bred[name])
            cells.append(f"{ratio:.2f}, {1000 * better:.1f}")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    app()
