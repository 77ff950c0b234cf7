"""Alignment of a texture with another by the symmetries of the crystal.

Copies of one texture that differ by a lattice translation or a point-group operation have the same energy; two textures
can only be compared spin by spin, or drawn towards each other, once one of them is moved onto the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.operators.crystal import Crystal

SPACE = (0, 1, 2)  # the cells of an array [n3, n2, n1, atom, 3]


@dataclass(frozen=True, eq=False)
class Alignment:
    """All symmetric copies of a texture [site, 3].

    The overlap sum_i s_i . t_i with every lattice translation at once is a correlation between two Fourier transforms.
    """

    crystal: Crystal
    texture: NDArray[Any]

    @cached_property
    def _images(self) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Texture under each point-group operation, and its Fourier transform."""
        moved = [operation(self.texture) for operation in self.crystal.operations]
        return [(image, self._waves(image)) for image in moved]

    def onto(self, other: NDArray[Any]) -> NDArray[Any]:
        """Return the copy [site, 3] that overlaps most with another texture [site, 3]."""
        from scipy import fft

        lattice, other_waves = self.crystal.lattice, self._waves(other)
        best, largest = self.texture, -np.inf
        for image, waves in self._images:
            spectrum = (other_waves * waves.conj()).sum(axis=(-2, -1))
            overlap = fft.irfftn(spectrum, s=lattice.grid, axes=SPACE)
            overlap = overlap[tuple(slice(None) if n else slice(1) for n in self._free[::-1])]
            shift = np.unravel_index(int(overlap.argmax()), overlap.shape)
            if overlap[shift] > largest:
                largest = overlap[shift]
                best = np.roll(image.reshape(*lattice.grid, -1), shift, axis=SPACE).reshape(image.shape)
        return best

    @property
    def _free(self) -> tuple[bool, ...]:
        """Axes along which a translation is a symmetry."""
        uniform = self.crystal.hamiltonian.uniform
        return tuple(uniform and periodic for periodic in self.crystal.lattice.periodic)

    def _waves(self, texture: NDArray[Any]) -> NDArray[Any]:
        from scipy import fft

        lattice = self.crystal.lattice
        return fft.rfftn(texture.reshape(*lattice.grid, lattice.atoms, 3), axes=SPACE)
