"""Figures of one device, a line of JSON each as soon as it is known, so that a time limit loses only what follows.

A figure that fails is a line with its error, and the others are measured all the same; exit code 1.

    python benchmarks/gpu/figures.py [--device cuda] [--quick] [--only evaluate step ...]
    ncu --profile-from-start off python benchmarks/gpu/figures.py --only profile

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
from magsearch.engine.graph import Chain, Launch
from magsearch.relaxation.motion import Cycle, Motion
from magsearch.relaxation.relax import LOOK
from magsearch.thermal.heat_bath import enter, random_textures, sweeping

MODELS = {4: ("square", 128), 360: ("triangular", 100)}  # bonds: lattice, side
QUICK_MODELS = {4: ("square", 6), 36: ("triangular", 6)}
REPLICAS, QUICK_REPLICAS = (64, 1024, 4096), (32,)
PROFILED = 256  # replicas in a profile
EDGES = 3  # a sweep can have a hundred launches of one kernel: only its first and last ones are profiled
Figures = Iterator[dict[str, Any]]
Prepare = Callable[[ms.Evaluator, int], tuple[Callable[[], object], int]]  # a launch, and the spins that it updates


def evaluation(evaluator: ms.Evaluator, replicas: int) -> Launch:
    """Bind energy and force of random textures."""
    spins, xp = evaluator.spins(random_textures(evaluator, replicas, (1, 2))), evaluator.device.xp
    force, sums = xp.zeros_like(spins), xp.empty((evaluator.chunks, len(SUM) - 1, replicas))
    return evaluator.evaluation(spins, evaluator.zeeman(evaluator.hamiltonian.field, replicas), force, force, sums)


def iterations(evaluator: ms.Evaluator, replicas: int) -> Cycle:
    """Bind iterations of Barzilai-Borwein."""
    minimizer = ms.BarzilaiBorwein()
    motion = Motion.start(evaluator, random_textures(evaluator, replicas, (1, 2)))
    minimizer.begin(motion)
    return Cycle(motion, minimizer.iteration(motion))


def heat_bath(evaluator: ms.Evaluator, replicas: int) -> Launch:
    """Bind a sweep of single spins at 10 K."""
    motion = Motion.start(evaluator, random_textures(evaluator, replicas, (1, 2)), key=(1, 2))
    enter(motion, 10.0)
    return sweeping(motion, 1)[0]


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

        def prepare(evaluator: ms.Evaluator, replicas: int) -> tuple[Callable[[], object], int]:
            return evaluation(evaluator, replicas), evaluator.sites

        for name, evaluator, replicas, _ in self.populations():
            yield self._updates("evaluate", name, evaluator, replicas, prepare)

    def step(self) -> Figures:
        """An iteration of Barzilai-Borwein, as a relaxation runs them: many between two polls of the replicas."""

        def prepare(evaluator: ms.Evaluator, replicas: int) -> tuple[Callable[[], object], int]:
            return partial(iterations(evaluator, replicas).run, LOOK), LOOK * evaluator.sites

        for name, evaluator, replicas, path in self.populations():
            if path == "fourier" or name == "4 bonds, direct":
                yield self._updates("BB step", name, evaluator, replicas, prepare)

    def heat_bath(self) -> Figures:
        """A sweep of single spins."""

        def prepare(evaluator: ms.Evaluator, replicas: int) -> tuple[Callable[[], object], int]:
            return heat_bath(evaluator, replicas), evaluator.sweep_plan.spins

        for name, evaluator, replicas, path in self.populations():
            if path == "direct":
                yield self._updates("heat bath", name, evaluator, replicas, prepare)

    def profile(self) -> Figures:
        """Launches of all these one by one, each once, for a profiler that waits for cudaProfilerStart."""
        self.replicas = QUICK_REPLICAS if self.quick else (PROFILED,)
        profiler = getattr(self.device.xp, "cuda", None) and self.device.xp.cuda.profiler
        for name, evaluator, replicas, path in self.populations():
            every = {"evaluate": evaluation(evaluator, replicas)}
            if path == "fourier" or name == "4 bonds, direct":
                every["BB step"] = iterations(evaluator, replicas).turns[0]
            if path == "direct":
                every["heat bath"] = heat_bath(evaluator, replicas)
            for figure, launch in every.items():
                launch()
                self.device.synchronize()
                launches = launch.launches if isinstance(launch, Chain) else (launch,)
                few = launches if len(launches) <= 2 * EDGES else launches[:EDGES] + launches[-EDGES:]
                if profiler:
                    profiler.start()
                for one in few:
                    one()
                self.device.synchronize()
                if profiler:
                    profiler.stop()
                yield {"figure": "profile", "model": f"{figure}, {name}", "replicas": replicas, "unit": "launches",
                       "value": len(few)}  # fmt: skip

    def generation(self) -> Figures:
        """Seconds of one generation, the first two aside."""
        bonds, (lattice, side) = list(self.models.items())[-1]
        for replicas in (4,) if self.quick else (64, 1024):
            found = {"figure": "generation", "model": f"{bonds} bonds", "replicas": replicas, "unit": "s"}
            yield self._tried(found, partial(self._generation, model(lattice, side, bonds), replicas))

    def _generation(self, hamiltonian: ms.Hamiltonian, replicas: int) -> dict[str, Any]:
        stop = ms.Stop(generations=2 if self.quick else 4, window=10**6)
        search = ms.Archipelago(hamiltonian, self.device, ms.GeneticTunneling(replicas=replicas, seed=1), stop=stop)
        clock = [time.perf_counter() for _ in search.generations()]
        return {"value": (clock[-1] - clock[1 - self.quick]) / max(1, len(clock) - 2 + self.quick)}

    def solution(self) -> Figures:
        """Seconds until the best energy of all seeds is found, on the models of benchmarks/search."""
        from instances import INSTANCES

        for name in list(INSTANCES)[-1:] if self.quick else list(INSTANCES):
            found = {"figure": "time to solution", "model": name, "unit": "s"}
            yield self._tried(found, partial(self._solution, INSTANCES[name]))

    def _solution(self, instance: Callable[[], ms.Hamiltonian]) -> dict[str, Any]:
        from methods import tunneling

        hamiltonian, traces = instance(), []
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
        return {"value": float(np.median(reached)), "reached": f"{len(reached)} of {len(times)}"}

    def _updates(
        self, figure: str, name: str, evaluator: ms.Evaluator, replicas: int, prepare: Prepare
    ) -> dict[str, Any]:
        """Return the speed of a launch."""

        def measure() -> dict[str, Any]:
            launch, sites = prepare(evaluator, replicas)
            return {"value": replicas * sites * rate(launch, self.device, self.seconds)}

        found = {"figure": figure, "model": name, "replicas": replicas, "unit": "site updates/s"}
        return self._tried(found, measure)

    def _tried(self, found: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return a figure, or why there is none."""
        try:
            return found | measure()
        except Exception as error:
            return found | {"error": _line(error)}
        finally:
            self.device.trim()


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


PARTS = ("bandwidth", "evaluate", "step", "heat_bath", "generation", "solution", "profile")


def measured(bench: Bench, part: str) -> Figures:
    """Yield the figures of a part; where it ends in an error, this last."""
    try:
        yield from getattr(bench, part)()
    except Exception as error:
        yield {"figure": part, "error": _line(error)}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--quick", action="store_true", help="small sizes: whether it runs, not how fast")
    arguments.add_argument("--only", nargs="*", choices=PARTS, default=PARTS[:-1])
    given = arguments.parse_args()
    bench, failed = Bench(ms.choose(given.device), given.quick), 0
    for part in given.only:
        for figure in measured(bench, part):
            failed += "error" in figure
            print(json.dumps(figure), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
