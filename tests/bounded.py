"""What bounds are compared with: energies of minima, and of the couplings that patches leave."""

from __future__ import annotations

import numpy as np
import oracle

from magsearch.bounds.quadratic_form import QuadraticForm
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.relax import relax


def minima(model: Hamiltonian) -> float:
    """Return the lowest energy per site of 48 relaxations from random spins, meV."""
    evaluator = Evaluator(model, Cpu(), np.float64)
    start = oracle.random_textures(model, 48)
    found = relax(BarzilaiBorwein(Convergence(variance=None, steps=1000)), evaluator, start)
    return float(evaluator.energies(found.textures).min()) / model.n_spins


def remainder_energy(form: QuadraticForm, spins: np.ndarray) -> float:
    """Return the energy of all cells from the bonds of the form alone.

    Spins [site, 3] are those of the triangular 3 x 3 box or of a cluster.
    """
    cells = len(spins) // form.n_spins
    energy = form.constant * cells - float((np.tile(form.field, (cells, 1)) * spins).sum())
    grid = spins.reshape(3, 3, 3) if cells == 9 else None
    for i, j, T, J in zip(form.i, form.j, form.offset @ form.period, form.J, strict=True):
        if grid is None:
            energy -= 0.5 * spins[i] @ J @ spins[j]
        else:
            energy -= 0.5 * np.einsum("yxa,ab,yxb->", grid, J, np.roll(grid, (-T[1], -T[0]), axis=(0, 1)))
    return energy
