"""Comparison of minima spin by spin, and their degeneracy.

Two textures are one minimum where a symmetry maps one onto the other, or almost: a smooth texture is hardly pinned to
the sites of the lattice, nor a spiral to its phase, so that copies converge anywhere along a valley. They are also one
where their fingerprints agree and no barrier separates them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.minima.stability import Stability
from magsearch.model.lattice import Lattice
from magsearch.observables.fingerprint import Fingerprint, same
from magsearch.symmetry.equivalence import Equivalence

BETWEEN = (0.25, 0.5, 0.75)  # fractions of the path from one texture to another
SHRUNK = 0.1  # a shorter spin on the path has no direction


@dataclass(frozen=True)
class Degeneracy:
    """Degeneracy of a minimum.

    copies      number of different textures, or continua of them, that symmetries generate
    continuous  whether each belongs to a continuum: by a global spin rotation or a zero mode
    """

    copies: int = field(
        metadata={"dtype": "i8", "name": "degeneracy", "about": "number of copies by symmetry; 0 unless polished"}
    )  # how they are stored: search/records.py
    continuous: bool = field(metadata={"dtype": "?", "about": "whether each copy is one of a continuum"})

    def __str__(self) -> str:
        if not self.continuous:
            return str(self.copies)
        return f"{self.copies} {'continuum' if self.copies == 1 else 'continua'}"


@dataclass(frozen=True, eq=False)
class Minima:
    """Comparison of converged textures [site, 3] spin by spin.

    evaluator   evaluator in double precision
    tolerance   meV per site, largest energy difference, and barrier, within one minimum
    watch       called repeatedly; an exception that it raises ends a comparison
    """

    evaluator: Evaluator
    tolerance: float
    watch: Callable[[], None] = lambda: None

    @cached_property
    def equivalence(self) -> Equivalence:
        """Symmetries of the Hamiltonian that map textures onto each other."""
        return Equivalence(self.evaluator.hamiltonian, self.watch)

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
        """Whether no barrier lies on the straight path between two textures, and no spin turns by 90 degrees."""
        if ((texture * other).sum(axis=1) < 0).any():
            return False
        return self._level([(1 - x) * texture + x * other for x in (0.0, *BETWEEN, 1.0)])

    def degeneracy(self, texture: NDArray[np.float64], known: Stability | None) -> Degeneracy:
        """Return the degeneracy of a minimum; without its stability, zero modes are not recognised."""
        turns = self.equivalence.free_turns(texture)
        zero_modes = known.zero_modes if known else 0
        if zero_modes > turns and self._slides(texture):
            images = self.equivalence.images(texture, texture)
            kept = sum(self.joined(image, texture) for image in images)
            return Degeneracy(max(1, round(self.equivalence.group.order / max(kept, 1))), True)
        return Degeneracy(self.equivalence.copies(texture), zero_modes > 0 or turns > 0)

    def _slides(self, texture: NDArray[np.float64]) -> bool:
        """Whether a texture moves by fractions of a cell without a barrier, along every axis with translations."""
        shifts = self.equivalence.group.shifts
        axes = [axis for axis in range(3) if shifts[axis]]
        ways = [[moved(self.evaluator.hamiltonian.lattice, texture, axis, x) for x in BETWEEN] for axis in axes]
        return bool(axes) and all(self._level([texture, *way, texture]) for way in ways)

    def _level(self, way: Sequence[NDArray[np.float64]]) -> bool:
        """Whether no texture on the path has more energy than its ends; spins are normalised."""
        hamiltonian, length = self.evaluator.hamiltonian, np.linalg.norm(way, axis=2, keepdims=True)
        if (length[:, hamiltonian.occupied] < SHRUNK).any():
            return False
        energy = self.evaluator.energies(np.array(way) / np.where(length > 0, length, 1.0))
        return bool(energy.max() - max(energy[0], energy[-1]) <= self.tolerance * hamiltonian.n_spins)


def moved(lattice: Lattice, texture: NDArray[np.float64], axis: int, cells: float) -> NDArray[np.float64]:
    """Translate a texture [site, 3] along a cell axis by any fraction of a cell, by Fourier series; not normalised."""
    grid = texture.reshape(*lattice.grid, -1)
    k = np.fft.fftfreq(lattice.size[axis]).reshape([-1 if place == 2 - axis else 1 for place in range(4)])
    waves = np.fft.fft(grid, axis=2 - axis) * np.exp(-2j * np.pi * k * cells)
    return np.asarray(np.fft.ifft(waves, axis=2 - axis).real.reshape(texture.shape))
