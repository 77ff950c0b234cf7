"""Energy that a box costs: the softest wave of the infinite crystal beside the best one that the box has room for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.formatting import vector
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.soft_waves import softest_waves
from magsearch.search.supercells.ranking import GRID, energies
from magsearch.search.supercells.supercell import free_axes

FEWEST = 6  # wave vectors along a free axis, from which the softest one is followed
ACCURACY = 1e-6  # of a reciprocal vector, of the softest wave of the crystal
FLAT = 1e-13  # of the range of J(q): smaller differences are rounding
ABSENT = 1e-6  # of the mean amplitude of a wave: atoms with less do not belong to it
NOTICED = 1e-4  # of the range of J(q): smaller losses are not worth a line
ROUNDING = 1e-6  # of a reciprocal vector
QUICK = 64  # atoms in a cell up to which this takes less than a second


@dataclass(frozen=True, eq=False)
class Misfit:
    """The softest waves of the couplings, in fractions of the reciprocal vectors of the cell that was given.

    What the best wave of the box has at least is compared with the softest wave of the crystal after all its amplitudes
    were made equal, as those of spins are: in a disordered cell, waves on few atoms are soft, but no texture has them.

    crystal   [3] of the infinite crystal
    box       [3] of the box
    lost      meV per site, what the second lies above the first
    spread    meV per site, range of the energies of all q
    """

    crystal: NDArray[np.float64]
    box: NDArray[np.float64]
    lost: float
    spread: float

    def __str__(self) -> str:
        return (
            f"the softest wave of the couplings, q = {vector(self.crystal)} of the reciprocal vectors, does not fit "
            f"into the box: the best one that fits, {vector(self.box)}, lies {self.lost:.2g} meV per site higher"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the waves and the loss as plain values."""
        return {"crystal": self.crystal.tolist(), "box": self.box.tolist(), "lost_per_site": self.lost}


def misfit(hamiltonian: Hamiltonian) -> Misfit:
    """Compare the softest wave of the box with that of the infinite crystal.

    The latter is followed downhill from the best point of a grid, so that a narrow minimum may be missed. Raises
    ValueError for models without a softest wave: not uniform, without couplings along a periodic axis, with other terms
    than bonds.
    """
    lattice = hamiltonian.lattice
    if not hamiltonian.uniform:
        raise ValueError("it is not defined with vacancies or couplings of single sites")
    if hamiltonian.others:
        raise ValueError(f"that of the bonds does not include {hamiltonian.others[0].name}")
    axes = list(free_axes(hamiltonian))
    points = max(FEWEST, round(GRID[len(axes)] / lattice.atoms ** (1 / len(axes))))  # the zone is smaller
    grid = np.zeros((points ** len(axes), 3))
    grid[:, axes] = np.indices([points] * len(axes)).reshape(len(axes), -1).T / points
    found = energies(hamiltonian, grid)
    crystal, step = grid[int(found.argmin())], 1 / points
    around = np.zeros((3 ** len(axes), 3))
    around[:, axes] = np.indices([3] * len(axes)).reshape(len(axes), -1).T - 1
    while step > ACCURACY:
        near = np.vstack([crystal, crystal + step * around])
        energy = energies(hamiltonian, near)
        lower = energy.min() < energy[0] - FLAT * np.ptp(found)
        crystal, step = (near[int(energy.argmin())], step) if lower else (crystal, step / 2)
    box = softest_waves(hamiltonian, 1).index[0] / np.array(lattice.size)
    lost = float(energies(hamiltonian, box)[0]) - _of_equal_amplitudes(hamiltonian, crystal)
    return Misfit(in_given_zone(lattice, crystal), in_given_zone(lattice, box), lost, float(np.ptp(found)))


def noticed(hamiltonian: Hamiltonian) -> Misfit | None:
    """Return the misfit of a box that loses more than a trace of energy; None where it does not, or is not defined."""
    if hamiltonian.lattice.atoms > QUICK or not len(hamiltonian.bonds):
        return None
    try:
        found = misfit(hamiltonian)
    except ValueError:
        return None
    return found if found.lost > NOTICED * found.spread else None


def in_given_zone(lattice: Lattice, h: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a wave vector in reciprocal vectors of the cell that was given; of q and -q, the one that begins positive.

    h   [3] fractions of the reciprocal vectors of the cell
    """
    fractions = lattice.in_given_waves(h)
    fractions -= np.rint(fractions)
    first = next((x for x in fractions if abs(x) > ROUNDING), 0.0)
    return (-fractions if first < 0 else fractions) + 0.0


def _of_equal_amplitudes(hamiltonian: Hamiltonian, h: NDArray[np.float64]) -> float:
    """Return the energy per site of the softest mode of J(q), meV, with amplitude 1 on each of its atoms."""
    J = hamiltonian.fourier(h[None] @ hamiltonian.lattice.reciprocal)[0]
    u = np.linalg.eigh(J)[1][:, -1].reshape(-1, 3)
    amplitude = np.linalg.norm(u, axis=1, keepdims=True)
    wave = np.where(amplitude > ABSENT * amplitude.mean(), u / np.maximum(amplitude, 1e-300), 0.0).ravel()
    return float(-0.5 * (wave.conj() @ J @ wave).real / hamiltonian.lattice.atoms)
