"""Spirit (spirit-code.github.io, ``pip install spirit``) as a search: L-BFGS from random spins, one after the other.

The model is written as ``magsearch convert`` writes it, the starts are those of our random restarts, texture by
texture, and a relaxation ends at the largest torque at which ours end, or after as many steps. Of Spirit's two L-BFGS
solvers LBFGS_Atlas needs fewer iterations on most models here. The force is evaluated once to begin and once an
iteration (core/src/engine/Method_LLG.cpp, core/include/engine/Solver_LBFGS_Atlas.hpp): that is what counts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np

import magsearch as ms
from magsearch import formats
from magsearch.engine.device import Device
from magsearch.thermal.heat_bath import random_textures


def in_one_cell(hamiltonian: ms.Hamiltonian) -> ms.Hamiltonian:
    """Return the model with every site as an atom of one cell, so that couplings may differ from site to site."""
    return replace(
        hamiltonian,
        lattice=ms.Lattice.cluster(hamiltonian.lattice.positions),
        bonds=ms.Bonds.none(),
        moments=hamiltonian.site_moments,
        site_bonds=hamiltonian.directed,
    )


def loaded(hamiltonian: ms.Hamiltonian) -> Any:
    """Spirit's state of a model; CannotExpress where a .cfg has no place for it."""
    from spirit import state

    with tempfile.TemporaryDirectory() as folder, chdir(folder):  # where Spirit looks for files
        formats.write(in_one_cell(hamiltonian) if hamiltonian.site_bonds is not None else hamiltonian, "model.cfg")
        return state.State("model.cfg", quiet=True)


def restarts(hamiltonian: ms.Hamiltonian, device: Device, seed: int, batch: int) -> Iterator[tuple[int, float]]:
    """Evaluations so far and the best energy, meV, after every relaxation; ``batch`` starts are drawn at a time."""
    from spirit import simulation, system
    from spirit.parameters import llg

    evaluator, arrived = ms.Evaluator(hamiltonian, device, np.float32), ms.Convergence()
    _, torque, *_ = arrived.thresholds(evaluator)
    method, solver = simulation.METHOD_LLG, simulation.SOLVER_LBFGS_Atlas
    done, best = 0, np.inf
    with loaded(hamiltonian) as p:
        llg.set_convergence(p, torque)
        spins = system.get_spin_directions(p)
        for turn in count(1):
            for start in random_textures(evaluator, batch, (seed, turn)):
                spins[:] = start
                done += simulation.start(p, method, solver, n_iterations=arrived.steps).total_iterations + 1
                system.update_data(p)
                best = min(best, system.get_energy(p))
                yield done, best
