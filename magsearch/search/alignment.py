"""Alignment of a texture with another by the symmetries of the crystal.

Copies of one texture that differ by a lattice translation or a point-group operation have the same energy; two textures
can only be compared spin by spin, or drawn towards each other, once one of them is moved onto the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from magsearch.operators.crystal import Crystal


@dataclass(frozen=True, eq=False)
class Alignment:
    """All symmetric copies of a texture [site, 3].

    The overlap sum_i s_i . t_i with every lattice translation at once is a correlation between two Fourier transforms.
    """

    crystal: Crystal
    texture: Any

    @cached_property
    def _images(self) -> tuple[Any, Any]:
        """Texture under each point-group operation, [operation, site, 3], and its Fourier transform."""
        crystal = self.crystal
        images = crystal.images(crystal.device.array(self.texture, np.float32))
        return images, crystal.spectrum.modes(crystal.spectrum.planes(images)).conj()

    def onto(self, others: Any) -> Any:
        """Return the copies [replica, site, 3] that overlap most with other textures on the device."""
        crystal, xp, sites = self.crystal, self.crystal.xp, self.crystal.lattice.sites
        images, waves = self._images
        theirs = crystal.spectrum.modes(crystal.spectrum.planes(others))
        overlaps, cells = [], []
        for own in waves:
            overlap = crystal.spectrum.values((theirs * own).sum(axis=1)[:, None])[:, 0]
            overlap = xp.where(self._allowed, overlap, np.float32(-np.inf))
            cell = overlap.argmax(axis=1)
            cells.append(cell)
            overlaps.append(xp.take_along_axis(overlap, cell[:, None], axis=1)[:, 0])
        overlap, cell = (crystal.device.host(xp.stack(of, axis=1)) for of in (overlaps, cells))
        operation = overlap.argmax(axis=1)
        shift = crystal.lattice.coordinates[cell[np.arange(len(cell)), operation]]
        index = crystal.moved_from(shift) + crystal.column(sites * operation, np.int64)
        return xp.take(images.reshape(-1, 3), index, axis=0)

    @cached_property
    def _allowed(self) -> Any:
        """Translations by which cells are symmetries, [cell]."""
        crystal = self.crystal
        fixed = [not (crystal.hamiltonian.uniform and periodic) for periodic in crystal.lattice.periodic]
        return crystal.device.array((crystal.lattice.coordinates[:, fixed] == 0).all(axis=1), np.bool_)
