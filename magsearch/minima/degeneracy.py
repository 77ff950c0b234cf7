"""Which minima are one and the same, and how many of each there are.

Two textures are one minimum where a symmetry maps one onto the other, or almost: nothing holds a smooth texture to the
sites of the lattice, a spiral not to its phase, so that copies come to rest anywhere along a valley. They are one, too,
where their figures agree and no barrier lies between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.minima.stability import Stability
from magsearch.model.lattice import Lattice
from magsearch.observables.fingerprint import Fingerprint, same
from magsearch.symmetry.equivalence import Equivalence

BETWEEN = (0.25, 0.5, 0.75)  # of the way from one texture to another
SHRUNK = 0.1  # a spin on the way that is shorter than this points anywhere


@dataclass(frozen=True)
class Degeneracy:
    """How often there is a minimum.

    copies      different textures, or continua of them, that the symmetries make of it
    continuous  whether each belongs to a continuum: all spins can be turned, or a zero mode is left
    """

    copies: int = field(metadata={"dtype": "i8", "name": "degeneracy"})  # how they are stored: search/records.py
    continuous: bool = field(metadata={"dtype": "?"})

    def __str__(self) -> str:
        if not self.continuous:
            return str(self.copies)
        return f"{self.copies} {'continuum' if self.copies == 1 else 'continua'}"


@dataclass(frozen=True, eq=False)
class Minima:
    """Textures [site, 3] at rest, compared spin by spin.

    evaluator   in double precision
    tolerance   meV per site: differences of energy, and barriers, that do not count
    """

    evaluator: Evaluator
    tolerance: float

    @cached_property
    def equivalence(self) -> Equivalence:
        return Equivalence(self.evaluator.hamiltonian)

    def one(
        self, texture: NDArray[np.float64], known: Fingerprint, other: NDArray[np.float64], others: Fingerprint
    ) -> bool:
        """Whether two textures are the same minimum; each with its fingerprint."""
        if not abs(known.energy - others.energy) <= self.tolerance:
            return False
        nearest = self.equivalence.nearest(texture, other)
        if self.equivalence.apart(nearest, other) <= self.equivalence.close:
            return True
        return same(known, others, energy=self.tolerance) and self.joined(nearest, other)

    def joined(self, texture: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
        """Whether no barrier lies on the straight way between two textures, on which no spin turns by 90 degrees."""
        if ((texture * other).sum(axis=1) < 0).any():
            return False
        return self._level([(1 - x) * texture + x * other for x in (0.0, *BETWEEN, 1.0)])

    def degeneracy(self, texture: NDArray[np.float64], known: Stability | None) -> Degeneracy:
        """How often there is a minimum; without its stability, zero modes are not seen."""
        turns = self.equivalence.free_turns(texture)
        zero_modes = known.zero_modes if known else 0
        if zero_modes > turns and self._slides(texture):
            images = self.equivalence.images(texture, texture)
            kept = sum(self.joined(image, texture) for image in images)
            return Degeneracy(max(1, round(self.equivalence.group.order / max(kept, 1))), True)
        return Degeneracy(self.equivalence.copies(texture), zero_modes > 0 or turns > 0)

    def _slides(self, texture: NDArray[np.float64]) -> bool:
        """Whether a texture moves by parts of a cell without a barrier, along every axis that has translations."""
        shifts = self.equivalence.group.shifts
        axes = [axis for axis in range(3) if shifts[axis]]
        ways = [[moved(self.evaluator.hamiltonian.lattice, texture, axis, x) for x in BETWEEN] for axis in axes]
        return bool(axes) and all(self._level([texture, *way, texture]) for way in ways)

    def _level(self, way: Sequence[NDArray[np.float64]]) -> bool:
        """Whether no texture on the way has more energy than the ends have; spins are brought to length 1."""
        hamiltonian, length = self.evaluator.hamiltonian, np.linalg.norm(way, axis=2, keepdims=True)
        if (length[:, hamiltonian.occupied] < SHRUNK).any():
            return False
        energy = self.evaluator.energies(np.array(way) / np.where(length > 0, length, 1.0))
        return bool(energy.max() - max(energy[0], energy[-1]) <= self.tolerance * hamiltonian.n_spins)


def moved(lattice: Lattice, texture: NDArray[np.float64], axis: int, cells: float) -> NDArray[np.float64]:
    """A texture [site, 3] moved along a cell axis by any part of a cell, by its Fourier series; not of length 1."""
    grid = texture.reshape(*lattice.grid, -1)
    k = np.fft.fftfreq(lattice.size[axis]).reshape([-1 if place == 2 - axis else 1 for place in range(4)])
    waves = np.fft.fft(grid, axis=2 - axis) * np.exp(-2j * np.pi * k * cells)
    return np.asarray(np.fft.ifft(waves, axis=2 - axis).real.reshape(texture.shape))
