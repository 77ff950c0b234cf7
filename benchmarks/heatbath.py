"""Single-spin updates per second of heat bath, Metropolis cones and over-relaxation, on one core or one GPU.

    OMP_NUM_THREADS=1 python benchmarks/heatbath.py [--device cuda] [--repeat 5] [--replicas 64] [--pdfeir111 INPSD.DAT]

The models of benchmarks/evaluation.py: 4 bonds of exchange and DMI at 256x256, and 360 bonds at 100x100; with their
easy axis, and without it. A DFT model in UppASD's format may be added. An update draws one spin of one replica anew in
the field of all its neighbours (with an easy axis: a heat bath and a cone at each visit count as one). Medians of
`repeat` timings of two sweeps. Beside them, in the same run, scalar_heatbath.f90 (one spin at a time, double precision;
gfortran compiles it): the loop of UppASD's heat bath with nothing around it, its best of 1, 8 and 64 ensembles. What
the whole of UppASD 6.1 did per core in an earlier survey, on another machine: 0.25 million with 360 bonds, 2.1 with 4.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from evaluation import median, model

import magsearch as ms
from magsearch.relaxation.motion import Motion
from magsearch.thermal.heat_bath import enter, moves, random_textures, sweeping

SCALAR = "scalar_heatbath.f90"
FLAGS = ("-O3", "-march=native", "-ffast-math")
KELVIN = 10.0
SWEEPS = 2


def rate(hamiltonian: ms.Hamiltonian, kinds: int, device: str, replicas: int, repeat: int) -> float:
    """Million updates per second."""
    evaluator = ms.Evaluator(hamiltonian, ms.choose(device), np.float32)
    motion = Motion.start(evaluator, random_textures(evaluator, replicas, (1, 2)), key=(1, 2))
    enter(motion, KELVIN)
    visit, _ = sweeping(motion, kinds)

    def task() -> None:
        for _ in range(SWEEPS):
            motion.flat["turn"] += 1  # other random numbers
            visit()

    finish: Callable[[], object] = lambda: None  # noqa: E731
    if device != "cpu":
        finish = evaluator.device.xp.cuda.Device().synchronize
    return SWEEPS * evaluator.sweep_plan.spins * motion.replicas / median(task, repeat, finish) / 1e6


def scalar(sides: dict[int, int]) -> dict[int, float]:
    """Million updates per second of the scalar loop, for `sides` = {bonds: side of the square}; {} without gfortran."""
    compiler = shutil.which("gfortran")
    if compiler is None:
        print("no gfortran: no scalar loop beside the figures\n")
        return {}
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "scalar")
        source = Path(__file__).with_name(SCALAR)
        subprocess.run([compiler, *FLAGS, "-J", folder, source, "-o", program], check=True)
        for bonds, side in sides.items():
            updates = 20_000_000 // bonds  # about as long for each
            rates = [
                float(subprocess.check_output(list(map(str, (program, side, bonds, ensembles, sweeps)))))
                for ensembles in (1, 8, 64)
                for sweeps in [1 + updates // (side**2 * ensembles)]
            ]
            found[bonds] = max(rates)
            print(f"scalar loop, {bonds} bonds: " + ", ".join(f"{rate:.3g}" for rate in rates) + " M updates/s")
    print()
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument("--repeat", type=int, default=5)
    arguments.add_argument("--replicas", type=int, default=64)
    arguments.add_argument("--pdfeir111", metavar="INPSD.DAT", help="a model to add, in UppASD's format")
    given = arguments.parse_args()
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"device {ms.choose(given.device).description}; OMP_NUM_THREADS {threads}; {given.replicas} replicas\n")
    peers = scalar({4: 256, 360: 100})
    print(f"{'model':34} {'moves':22} {'M updates/s':>12} {'magsearch / scalar':>19}")
    models = {"4 bonds, 256x256": model("square", 256, 4), "360 bonds, 100x100": model("triangular", 100, 360)}
    if given.pdfeir111:
        models["from a file"] = ms.read(given.pdfeir111)
    for name, easy in models.items():
        plain = replace(easy, anisotropy=())
        peer = peers.get(round(easy.coordination), 0.0)
        for title, hamiltonian, names in (
            ("heat bath", plain, ("HEATBATH",)),
            ("over-relaxation", plain, ("REFLECTION",)),
            ("heat bath, easy axis", easy, ("HEATBATH", "CONE")),
            ("over-relaxation, axis", easy, ("REFLECTION",)),
        ):
            found = rate(hamiltonian, moves(*names), given.device, given.replicas, given.repeat)
            ratio = f"{found / peer:19.3g}" if peer and title.startswith("heat bath") else ""
            print(f"{name:34} {title:22} {found:12.4g} {ratio}", flush=True)


if __name__ == "__main__":
    main()
