"""Figures of one device, a line of JSON each as soon as it is known, so that a time limit loses only what follows.

    python benchmarks/gpu/figures.py [--device cuda] [--quick] [--only evaluate step ...]

A site update is the force on one spin of one replica and its share of all sums; for the heat bath, one spin drawn anew.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "search")]
from evaluation import model

import magsearch as ms
from magsearch.engine.device import Device
from magsearch.engine.evaluator import SUM
from magsearch.relaxation.motion import Cycle, Motion
from magsearch.relaxation.relax import LOOK
from magsearch.thermal.heat_bath import enter, random_textures, sweeping

MODELS = {4: ("square", 128), 360: ("triangular", 100)}  # bonds: lattice, side
QUICK_MODELS = {4: ("square", 6), 36: ("triangular", 6)}
REPLICAS, QUICK_REPLICAS = (64, 1024, 4096), (32,)
Figures = Iterator[dict[str, Any]]


def rate(task: Callable[[], object], device: Device, seconds: float) -> float:
    """Times a second that a task runs, the device waited for now and then; after one warm-up."""
    task()
    device.synchronize()
    begin, done, batch = time.perf_counter(), 0, 1
    while time.perf_counter() - begin < seconds:
        for _ in range(batch):
            task()
        device.synchronize()
        done, batch = done + batch, min(2 * batch, 64)
    return done / (time.perf_counter() - begin)


class Bench:
    """What is measured, and for how long."""

    def __init__(self, device: Device, quick: bool) -> None:
        self.device, self.quick, self.seconds = device, quick, 0.01 if quick else 0.7
        self.models = QUICK_MODELS if quick else MODELS
        self.replicas = QUICK_REPLICAS if quick else REPLICAS

    def populations(self) -> Iterator[tuple[str, ms.Evaluator, int, str]]:
        """Models, their evaluators on the paths that suit them, and sizes of populations."""
        for bonds, (lattice, side) in self.models.items():
            hamiltonian = model(lattice, side, bonds)
            for path in ("direct",) if bonds == 4 else ("fourier", "direct"):
                evaluator = ms.Evaluator(hamiltonian, self.device, np.float32, path)
                for replicas in self.replicas:
                    yield f"{bonds} bonds, {path}", evaluator, replicas, path

    def bandwidth(self) -> Figures:
        """Bytes a second of a large copy."""
        xp = self.device.xp
        source = xp.ones(10**6 if self.quick else 3 * 10**8, dtype=np.float32)
        target = xp.empty_like(source)
        found = 2 * source.nbytes * rate(lambda: xp.copyto(target, source), self.device, self.seconds)
        yield {"figure": "bandwidth", "value": found, "unit": "B/s"}

    def evaluate(self) -> Figures:
        """Energy and force."""
        for name, evaluator, replicas, _ in self.populations():
            spins = evaluator.spins(random_textures(evaluator, replicas, (1, 2)))
            xp = self.device.xp
            force, sums = xp.zeros_like(spins), xp.empty((evaluator.chunks, len(SUM) - 1, replicas))
            zeeman = evaluator.zeeman(evaluator.hamiltonian.field, replicas)
            launch = evaluator.evaluation(spins, zeeman, force, force, sums)
            yield self._updates("evaluate", name, replicas, evaluator.sites, launch)

    def step(self) -> Figures:
        """An iteration of Barzilai-Borwein, as a relaxation runs them: many between two polls of the replicas."""
        for name, evaluator, replicas, path in self.populations():
            if path == "direct" and name != "4 bonds, direct":
                continue
            minimizer = ms.BarzilaiBorwein()
            motion = Motion.start(evaluator, random_textures(evaluator, replicas, (1, 2)))
            minimizer.begin(motion)
            cycle = Cycle(motion, minimizer.iteration(motion))
            iterate = partial(cycle.run, LOOK)
            yield self._updates("BB step", name, replicas, LOOK * evaluator.sites, iterate)

    def heat_bath(self) -> Figures:
        """A sweep of single spins."""
        for name, evaluator, replicas, path in self.populations():
            if path == "fourier":
                continue
            motion = Motion.start(evaluator, random_textures(evaluator, replicas, (1, 2)), key=(1, 2))
            enter(motion, 10.0)
            visit, _ = sweeping(motion, 1)
            yield self._updates("heat bath", name, replicas, evaluator.sweep_plan.spins, visit)

    def generation(self) -> Figures:
        """Seconds of one generation, the first two aside."""
        bonds, (lattice, side) = list(self.models.items())[-1]
        for replicas in (4,) if self.quick else (64, 1024):
            island = ms.GeneticTunneling(replicas=replicas, seed=1)
            count = 2 if self.quick else 4
            stop = ms.Stop(generations=count, window=10**6)
            search = ms.Archipelago(model(lattice, side, bonds), self.device, island, stop=stop)
            clock = []
            for _ in search.generations():
                clock.append(time.perf_counter())
            value = (clock[-1] - clock[1 - self.quick]) / max(1, len(clock) - 2 + self.quick)
            yield {"figure": "generation", "model": f"{bonds} bonds", "replicas": replicas, "value": value, "unit": "s"}

    def solution(self) -> Figures:
        """Seconds until the best energy of all seeds is found, on the models of benchmarks/search."""
        from instances import INSTANCES
        from methods import tunneling

        for name in list(INSTANCES)[-1:] if self.quick else list(INSTANCES):
            hamiltonian = INSTANCES[name]()
            traces = []
            for seed in (1,) if self.quick else (1, 2, 3, 4, 5):
                begin, points = time.perf_counter(), []
                for _, energy in tunneling()(hamiltonian, self.device, seed):
                    points.append((time.perf_counter() - begin, energy))
                    if points[-1][0] > (0.1 if self.quick else 2.0):
                        break
                traces.append(points)
            goal = min(p[1] for points in traces for p in points)
            goal += 1e-6 * ms.Evaluator(hamiltonian, self.device, np.float32).stiffness * hamiltonian.n_spins
            times = [next((t for t, energy in points if energy <= goal), None) for points in traces]
            reached = [t for t in times if t is not None]
            yield {
                "figure": "time to solution", "model": name, "value": float(np.median(reached)), "unit": "s",
                "reached": f"{len(reached)} of {len(times)}",
            }  # fmt: skip

    def _updates(
        self, figure: str, name: str, replicas: int, sites: int, launch: Callable[[], object]
    ) -> dict[str, Any]:
        """Return a figure; a launch updates ``sites`` spins of each replica."""
        value = replicas * sites * rate(launch, self.device, self.seconds)
        return {"figure": figure, "model": name, "replicas": replicas, "value": value, "unit": "site updates/s"}


PARTS = ("bandwidth", "evaluate", "step", "heat_bath", "generation", "solution")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--quick", action="store_true", help="small sizes: whether it runs, not how fast")
    arguments.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    given = arguments.parse_args()
    bench = Bench(ms.choose(given.device), given.quick)
    for part in given.only:
        for figure in getattr(bench, part)():
            print(json.dumps(figure), flush=True)


if __name__ == "__main__":
    main()
