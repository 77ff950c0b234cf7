"""What further terms cost: energy and force with and without them, in turns, in one run, on one core.

    OMP_NUM_THREADS=1 python benchmarks/terms.py [--size 100] [--replicas 64] [--repeat 15] [--only fourier]

The triangular lattice with 360 bonds (the convolution) and with 6 (the neighbour list), in single precision, both with
easy axis and field, as in benchmarks/evaluation.py. To each is added: dipoles; biquadratic exchange of nearest
neighbours; four-spin exchange on the three rhombi of a cell, as one product, in the ring form, and this as pairs of
matrices. Every repetition measures the CPU time of all models in turn, forwards and backwards, so that a
ratio compares neighbours in time; given is the median of the ratios. Spirit (``pip install spirit``), where it is
installed, is timed in the same run: an iteration of its velocity projection, one gradient and one step, of one texture
in double precision, with its table of quadruplets (three for a rhombus in the ring form) and its dipoles by FFT.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import chdir
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from evaluation import model

import magsearch as ms
from magsearch import formats
from magsearch.engine.evaluator import SUM
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.tensor_products import TensorProducts

NEAR = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0]])  # the half of the nearest neighbours
# around a rhombus: i and k are the ends of the long diagonal, j and l those of the short one
RHOMBI = np.array(
    [
        [[0, 0, 0], [1, 0, 0], [2, 1, 0], [1, 1, 0]],
        [[0, 0, 0], [1, 1, 0], [1, 2, 0], [0, 1, 0]],
        [[0, 0, 0], [0, 1, 0], [-1, 1, 0], [-1, 0, 0]],
    ]
)
ORDERS = ((0, 1, 2, 3), (1, 2, 3, 0), (0, 2, 1, 3))  # the three products of the ring form
SIGNS = (1, 1, -1)
STRENGTH = 0.1  # meV
FEW, MORE = 5, 15  # iterations of Spirit; it is timed by the difference


def rings() -> TensorProducts:
    """The ring form on all rhombi, a pair of matrices for each of its products."""
    cells = np.concatenate([RHOMBI[:, order] for order in ORDERS])
    A = STRENGTH * np.repeat(SIGNS, len(RHOMBI))[:, None, None] * np.eye(3)
    return TensorProducts(np.zeros(cells.shape[:2], int), cells, A, np.tile(np.eye(3), (len(cells), 1, 1)))


def models(size: int, bonds: int) -> dict[str, ms.Hamiltonian]:
    """The bilinear model, and the same with each term."""
    bare, atoms = model("triangular", size, bonds), np.zeros((3, 4), int)
    squares = SpinProducts.biquadratic([0] * 3, [0] * 3, NEAR, [STRENGTH] * 3)
    product, ring = (SpinProducts.four_spin(atoms, RHOMBI, [STRENGTH] * 3, form) for form in ("product", "ring"))
    found: dict[str, ms.Hamiltonian] = {f"{bonds} bonds": bare}
    for name, term in {
        "dipoles": Dipole(),
        "biquadratic, nearest": squares,
        "four-spin, rhombi": product,
        "ring, rhombi": ring,
        "ring as pairs of matrices": rings(),
    }.items():
        found[f"+ {name}"] = replace(bare, others=(term,))
    return found


def evaluations(every: dict[str, ms.Hamiltonian], textures: np.ndarray, path: str) -> dict[str, Callable[[], object]]:
    """The evaluation of every model, all with the same arrays."""
    evaluators = {name: ms.Evaluator(h, ms.choose("cpu"), np.float32, path) for name, h in every.items()}
    first = next(iter(evaluators.values()))
    spins = first.spins(textures)
    replicas = first.replicas(spins)
    force, zeeman = np.zeros_like(spins), first.zeeman(first.hamiltonian.field, replicas)
    sums = np.empty((first.chunks, len(SUM) - 1, replicas))
    return {name: one.evaluation(spins, zeeman, force, force, sums) for name, one in evaluators.items()}


def in_turns(tasks: dict[str, Callable[[], object]], repeat: int) -> dict[str, np.ndarray]:
    """CPU seconds of every task, [repeat], after a warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(repeat + 1):
        order = list(tasks.items())
        for name, task in order if turn % 2 else reversed(order):
            begin = time.process_time()
            task()
            if turn:
                seconds[name].append(time.process_time() - begin)
    return {name: np.array(every) for name, every in seconds.items()}


def cfg(hamiltonian: ms.Hamiltonian, folder: Path) -> Path:
    """Spirit's input: couplings as ``magsearch convert`` writes them, products as quadruplets, dipoles by FFT."""
    path, quadruplets = folder / "model.cfg", []
    for term in hamiltonian.products:
        assert isinstance(term, SpinProducts)
        for cells, constants in zip(term.cells, term.constants, strict=True):
            for order, constant in zip(ORDERS, constants, strict=False):
                if constant:
                    seen = cells[list(order)] - cells[order[0]]
                    quadruplets.append("0 " + " ".join(f"0 {x} {y} {z}" for x, y, z in seen[1:]) + f" {constant}")
    formats.write(replace(hamiltonian, others=()), path)
    text = path.read_text()
    if quadruplets:
        columns = "i j da_j db_j dc_j k da_k db_k dc_k l da_l db_l dc_l Q"
        text += "\n".join([f"n_interaction_quadruplets {len(quadruplets)}", columns, *quadruplets]) + "\n"
    if hamiltonian.dipole is not None:
        text += "ddi_method fft\nddi_n_periodic_images 4 4 0\n"
    path.write_text(text)
    return path


def spirit_seconds(hamiltonian: ms.Hamiltonian, texture: np.ndarray) -> float:
    """CPU seconds of an iteration of Spirit's velocity projection. SystemExit where its energy is not ours."""
    from spirit import simulation, state, system

    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        path = cfg(hamiltonian, Path(folder))
        with state.State(path.name, quiet=True) as p:
            spins, seconds = system.get_spin_directions(p), []
            spins[:] = texture
            system.update_data(p)
            ours, theirs = (
                ms.Evaluator(hamiltonian, ms.choose("cpu"), np.float64).energies(texture)[0],
                system.get_energy(p),
            )
            if hamiltonian.dipole is None and abs(ours - theirs) > 1e-5 * abs(ours):
                raise SystemExit(f"Spirit's energy is {theirs:.9g} meV, ours {ours:.9g} meV")
            for iterations in (FEW, MORE):
                begin = time.process_time()
                simulation.start(p, simulation.METHOD_LLG, simulation.SOLVER_VP, iterations, iterations)
                seconds.append(time.process_time() - begin)
    return (seconds[1] - seconds[0]) / (MORE - FEW)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--size", type=int, default=100)
    arguments.add_argument("--replicas", type=int, default=64)
    arguments.add_argument("--repeat", type=int, default=15)
    arguments.add_argument("--only", choices=("fourier", "direct"))
    given = arguments.parse_args()
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    print(f"device {ms.choose('cpu').description}; OMP_NUM_THREADS {threads}; {given.size}x{given.size} sites\n")
    print(f"{'':28} {'M site updates/s':>17} {'times':>7} {'Spirit, M/s':>13} {'times':>7}")
    random = np.random.default_rng(1)
    textures = random.normal(size=(given.replicas, given.size**2, 3))
    textures /= np.linalg.norm(textures, axis=-1, keepdims=True)
    for path, bonds in (("fourier", 360), ("direct", 6)):
        if given.only not in (None, path):
            continue
        every = models(given.size, bonds)
        seconds = in_turns(evaluations(every, textures, path), given.repeat)
        bare, spirits_bare = next(iter(seconds.values())), float("nan")
        for name, hamiltonian in every.items():
            rate = given.replicas * given.size**2 / 1e6 / np.median(seconds[name])
            line = f"{name:28} {rate:17.4g} {np.median(seconds[name] / bare):7.3f}"
            matrices = any(isinstance(term, TensorProducts) for term in hamiltonian.products)
            if find_spec("spirit") is not None and not matrices:
                theirs = spirit_seconds(hamiltonian, textures[0])
                spirits_bare = theirs if name == next(iter(every)) else spirits_bare
                line += f" {given.size**2 / 1e6 / theirs:13.4g} {theirs / spirits_bare:7.3f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
