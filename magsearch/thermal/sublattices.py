"""Mean spins of the sublattices: of every atom of the basis, averaged over all cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from magsearch.relaxation.motion import Motion
from magsearch.thermal.statistics import Estimate, components, estimate

MEASUREMENTS = 1000  # maximum number in a trajectory
BYTES = 2**26  # maximum size of all of them


@dataclass(frozen=True)
class MeanSpin:
    """Thermal average of the mean spin of one sublattice.

    magnetization  mean spin, x, y, z
    length         mean length of the mean spin
    """

    magnetization: tuple[Estimate, Estimate, Estimate]
    length: Estimate

    def as_json(self) -> dict[str, object]:
        """Return means and errors as JSON holds them."""
        return {"magnetization": components(self.magnetization), "length": self.length.as_json()}


def measured_every(sweeps: int, replicas: int, atoms: int) -> int:
    """Return after how many sweeps sublattices are measured again: the more there are, the less often."""
    most = max(1, min(MEASUREMENTS, BYTES // (replicas * atoms * 3 * 8)))
    return -(-sweeps // most)


def mean_spins(motion: Motion) -> NDArray[np.float64]:
    """Return the mean spin of every sublattice, [replica, atom, 3]; zero where all its sites are vacant."""
    lattice, occupied = motion.evaluator.hamiltonian.lattice, motion.evaluator.hamiltonian.occupied
    spins = motion.spins.reshape(len(motion.spins), lattice.cells, lattice.atoms, 3, -1)
    total = motion.evaluator.device.host(spins.sum(axis=1, dtype=np.float64))  # [block, atom, 3, width]
    count = np.maximum(1, occupied.reshape(lattice.cells, lattice.atoms).sum(axis=0))
    return np.moveaxis(total, -1, 1).reshape(-1, lattice.atoms, 3)[: motion.count] / count[:, None]


def sublattices(measured: NDArray[np.float64]) -> list[MeanSpin]:
    """Return means and errors for every atom of the basis from mean spins [measurement, chain, atom, 3]."""
    found = []
    for atom in np.moveaxis(measured, 2, 0):
        x, y, z = (estimate(atom[..., axis]) for axis in range(3))
        found.append(MeanSpin((x, y, z), estimate(np.linalg.norm(atom, axis=-1))))
    return found
