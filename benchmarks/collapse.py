"""The barrier of a skyrmion's collapse: error against evaluations, here and by the elastic bands of Spirit.

    OMP_NUM_THREADS=1 python benchmarks/collapse.py

The chiral magnet on a square lattice (J = 1 meV, D = 0.9 meV, 0.55 meV of field), whose skyrmion is shrunk until it is
gone: the same initial images, the model written as Spirit's .cfg (pip install spirit). Spirit relaxes the chain by each
of its minimisers, first without a climbing image and then with one, and stops where its largest force is below --force
(meV). A column counts evaluations until the relative error of the barrier stays below its head: one force of one inner
image each, or one product with a Hessian. Of the numbers of iterations before the image climbs (5 to 40; half of all in
the bands here), the best one for the column is taken. Energies of all chains are evaluated here in double precision.
The barrier is that of the saddle point whose torque is below 1e-9 of the stiffest coupling.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

import magsearch as ms
from magsearch import formats
from magsearch.landscape import bands, paths, saddles
from magsearch.landscape.bands import Bands
from magsearch.landscape.effort import Effort
from magsearch.landscape.explore import TIGHT, Explorer
from magsearch.landscape.tasks import Crossing, stages
from magsearch.relaxation.relax import relax

ERRORS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8)  # of the barrier
Curve = list[tuple[int, float]]  # evaluations, barrier in meV


def chiral(size: int) -> ms.Hamiltonian:
    along = np.array([[1, 0, 0], [0, 1, 0]])
    J = ms.exchange_matrix(np.ones(2)) + ms.dmi_matrix(0.9 * along)
    bonds = ms.Bonds.pairs(np.zeros(2, int), np.zeros(2, int), J, along)
    return ms.Hamiltonian(ms.Lattice.named("square", (size, size, 1)), bonds, 1.0, field=(0, 0, 0.55 / ms.units.MU_B))


def initial(evaluator: ms.Evaluator, images: int) -> np.ndarray:
    """Return the images [image, site, 3] of a skyrmion that is shrunk to a point."""
    lattice = evaluator.hamiltonian.lattice
    x, y, _ = (lattice.positions - lattice.positions.mean(axis=0) - (0.1, 0.07, 0)).T
    theta, phi = np.pi * np.clip(1 - np.hypot(x, y) / 5, 0, 1), np.arctan2(y, x)
    tried = [np.stack([np.sin(theta) * np.cos(phi + h), np.sin(theta) * np.sin(phi + h), np.cos(theta)], axis=1)
             for h in (np.pi / 2, -np.pi / 2)]  # fmt: skip
    relaxed = relax(TIGHT, evaluator, np.array(tried))
    start = np.asarray(relaxed.textures)[int(np.argmin(relaxed.energy))]
    path = paths.shrunk(evaluator.hamiltonian, start, np.tile((0.0, 0.0, 1.0), (evaluator.sites, 1)), images)
    assert path is not None
    return path


def along_bands(evaluator: ms.Evaluator, path: np.ndarray) -> Curve:
    """Return the highest image of bands of several numbers of iterations, climbing for the second half of them."""
    curve = []
    for steps in (5, 10, 15, 20, 30, 40, 60, 80, 120, 200, 400, 800):
        relaxed = bands.relax(Bands(len(path), steps, steps // 2, 1e-9), evaluator, path[None])
        curve.append((relaxed.evaluations, relaxed.energies[0].max() - relaxed.energies[0, 0]))
    return curve


def followed(evaluator: ms.Evaluator, path: np.ndarray) -> tuple[int, float]:
    """Return the evaluations of a short band and of the saddle point that is followed from it, and the barrier."""
    relaxed, effort = bands.relax(stages(Bands(len(path)))[0], evaluator, path[None]), Effort()
    top = relaxed.peaks(0)[0]
    (saddle,) = saddles.follow(evaluator, relaxed.paths[0, top][None], relaxed.tangent(0, top)[None], effort=effort)
    assert saddle is not None
    return relaxed.evaluations + effort.forces + effort.products, saddle.energy - relaxed.energies[0, 0]


def proven(evaluator: ms.Evaluator, path: np.ndarray) -> tuple[int, float]:
    """Return the evaluations until both sides of saddle points have relaxed to both ends, and the barrier."""
    crossed = Crossing(path[None])(Explorer(evaluator, Bands(len(path))))
    return crossed.evaluations, min(one.energy for one, _ in crossed.found) - evaluator.energies(path[:1])[0]


def spirits(
    evaluator: ms.Evaluator, path: np.ndarray, solver: str, before: int, force: float, most: int
) -> tuple[Curve, bool]:
    """Return the barrier along Spirit's chain, and whether its largest force came below ``force``."""
    from spirit import chain, simulation, state, system
    from spirit.parameters import gneb

    curve, done, inner = list[tuple[int, float]](), 0, len(path) - 2
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        formats.write(evaluator.hamiltonian, Path(folder) / "model.cfg")
        os.chdir(folder)
        try:
            with state.State("model.cfg", quiet=True) as p:
                chain.image_to_clipboard(p)
                chain.set_length(p, len(path))
                views = [system.get_spin_directions(p, k) for k in range(len(path))]
                for view, image in zip(views, path, strict=True):
                    view[:] = image
                chain.update_data(p)
                gneb.set_convergence(p, force)
                kind = getattr(simulation, f"SOLVER_{solver}")
                for climbing in (False, True):
                    if climbing:
                        gneb.set_image_type_automatically(p)
                    simulation.start(p, simulation.METHOD_GNEB, kind, n_iterations=most, single_shot=True)
                    until = most if climbing else before
                    while done < until and simulation.running_on_chain(p):
                        some = min(10 if done < 200 else 50, until - done)
                        simulation.n_shot(p, some)
                        done += some
                        energy = evaluator.energies(np.array(views))
                        curve.append((done * inner, energy.max() - energy[0]))
                        if climbing and simulation.get_max_torque_norm(p) < force:
                            return curve, True
                    simulation.stop_all(p)
        finally:
            os.chdir(home)
    return curve, False


def needed(curve: Curve, barrier: float, error: float) -> float:
    """Return the evaluations from which on the barrier has a smaller relative error."""
    wrong = [k for k, (_, value) in enumerate(curve) if not abs(value - barrier) <= error * abs(barrier)]
    first = wrong[-1] + 1 if wrong else 0
    return curve[first][0] if first < len(curve) else np.inf


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--size", type=int, default=20)
    arguments.add_argument("--images", type=int, default=16)
    arguments.add_argument("--force", type=float, default=1e-6)
    arguments.add_argument("--most", type=int, default=20000)
    given = arguments.parse_args()
    evaluator = ms.Evaluator(chiral(given.size), ms.choose("cpu"), np.float64)
    path = initial(evaluator, given.images)
    saddle, usual = followed(evaluator, path), proven(evaluator, path)
    barrier = usual[1]
    rows = {
        "magsearch, band": [(along_bands(evaluator, path), False)],
        "magsearch landscape, saddle point": [([saddle], True)],
        "magsearch landscape, with both sides relaxed": [([usual], True)],
    }
    for solver in ("VP", "VP_OSO", "LBFGS_OSO"):
        rows[f"Spirit, {solver}"] = [
            spirits(evaluator, path, solver, before, given.force, given.most) for before in (5, 10, 20, 40)
        ]
    print(f"\n{given.size}x{given.size}, {given.images} images: barrier {barrier:.9f} meV\n")
    print(f"| evaluations to | {' | '.join(f'{error:.0e}' for error in ERRORS)} | ended by itself | error then |")
    print("|---|" + "---|" * (len(ERRORS) + 2))
    for name, curves in rows.items():
        cells = [min(needed(curve, barrier, error) for curve, _ in curves) for error in ERRORS]
        ended = min((curve[-1] for curve, converged in curves if converged), default=None)
        last = ("-", "-") if ended is None else (str(ended[0]), f"{abs(ended[1] / barrier - 1):.0e}")
        print(f"| {name} | {' | '.join('-' if c == np.inf else str(c) for c in cells)} | {' | '.join(last)} |")


if __name__ == "__main__":
    main()
