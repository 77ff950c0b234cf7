"""Fourier transforms of batches of textures over the cells of the box."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.model.lattice import Lattice
from magsearch.operators import arrays


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Modes of real textures, of which one half determines the other: s_-q is the complex conjugate of s_q.

    A wave is an element of the half that is kept. Its spins are s(T) = sum_q s_q exp(2 pi i sum_a k_a T_a / n_a) / cells,
    over the waves that are kept and those that are not.
    """

    device: Device
    lattice: Lattice

    @cached_property
    def axes(self) -> tuple[int, ...]:
        """Axes with more than one cell of an array [replica, n3, n2, n1, ...]; the last one is halved."""
        return tuple(3 - axis for axis in (2, 1, 0) if self.lattice.size[axis] > 1)

    @cached_property
    def integers(self) -> list[NDArray[np.float64]]:
        """Numbers k_a of periods along each cell axis, three arrays centred on zero."""
        kept = [np.fft.fftfreq(n, 1 / n) for n in self.lattice.size]
        if self.axes:
            halved = 3 - self.axes[-1]
            kept[halved] = np.fft.rfftfreq(self.lattice.size[halved], 1 / self.lattice.size[halved])
        return kept

    @cached_property
    def index(self) -> NDArray[np.float64]:
        """Numbers (k1, k2, k3) of periods of every wave, [3, wave]."""
        return np.stack(np.meshgrid(*self.integers[::-1], indexing="ij")[::-1]).reshape(3, -1)

    @cached_property
    def paired(self) -> NDArray[np.bool_]:
        """Whether q and -q are different waves of the box, [wave]."""
        return (2 * self.index % np.array(self.lattice.size)[:, None] != 0).any(axis=0)

    @cached_property
    def count(self) -> NDArray[np.float64]:
        """Number of waves of the whole box for which each one stands, [wave]: two where -q is not kept."""
        if not self.axes:
            return np.ones(1)
        halved = 3 - self.axes[-1]
        k, n = self.index[halved], self.lattice.size[halved]
        return np.where((k > 0) & (2 * k < n), 2.0, 1.0)

    @cached_property
    def waves(self) -> list[Any]:
        """``index`` on the device, three arrays [wave]."""
        return [self.device.array(k, np.float32) for k in self.index]

    def modes(self, textures: Any) -> Any:
        """Return the modes [replica, wave, atom * 3] of textures [replica, site, 3]."""
        cells = textures.reshape(len(textures), *self.lattice.grid, -1)
        if not self.axes:
            return cells.reshape(len(cells), 1, -1).astype(np.complex64)
        modes = self.device.xp.ascontiguousarray(self.device.rfft(cells, axes=self.axes))
        return modes.reshape(len(cells), -1, cells.shape[-1])

    def values(self, modes: Any) -> Any:
        """Return the real values [replica, cell, column] of modes [replica, wave, column]."""
        if not self.axes:
            return modes.real.copy()
        grid = tuple(len(k) for k in self.integers[::-1])
        whole = [self.lattice.grid[axis - 1] for axis in self.axes]
        back = self.device.irfft(modes.reshape(len(modes), *grid, -1), s=whole, axes=self.axes)
        return self.device.xp.ascontiguousarray(back).reshape(len(modes), self.lattice.cells, -1)

    def textures(self, modes: Any) -> Any:
        """Return the textures [replica, site, 3] of modes [replica, wave, atom * 3]."""
        return self.values(modes).reshape(len(modes), -1, 3)

    def halves(self, modes: Any, side: Any) -> tuple[Any, Any]:
        """Return 2 Re h and 2 Im h [replica, site, 3] of the complex textures h = sum_q s_q exp(i q.r) over half of all q.

        side   [replica, wave], 1 where q belongs to this half, - 1 where - q does, 0 where neither does
        """
        xp = self.device.xp
        cosine = arrays.multiplied(xp, modes, xp.abs(side))
        sine = arrays.multiplied(xp, modes, side * np.complex64(-1j))
        return self.textures(cosine), self.textures(sine)

    @staticmethod
    def power(modes: Any) -> Any:
        """Return |s_q|^2 of every wave, summed over atoms and components, [replica, wave]."""
        parts = modes.view(np.float32)
        return (parts * parts).sum(axis=-1)
