"""Fourier transforms of batches of textures over the cells of the box."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.model.lattice import Lattice


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Modes of real textures, of which one half determines the other: s_-q is the complex conjugate of s_q.

    A wave is an element of the half that is kept: s(T) = sum_q s_q exp(2 pi i sum_a k_a T_a / n_a) / cells over all q.
    """

    device: Device
    lattice: Lattice

    @cached_property
    def axes(self) -> tuple[int, ...]:
        """Axes with more than one cell of an array [replica, column, n3, n2, n1]; the last one is halved."""
        return tuple(4 - axis for axis in (2, 1, 0) if self.lattice.size[axis] > 1)

    @cached_property
    def integers(self) -> list[NDArray[np.float64]]:
        """Numbers k_a of periods along each cell axis, three arrays centred on zero."""
        kept: list[NDArray[Any]] = [np.fft.fftfreq(n, 1 / n) for n in self.lattice.size]
        if self.axes:
            halved = 4 - self.axes[-1]
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
        halved = 4 - self.axes[-1]
        k, n = self.index[halved], self.lattice.size[halved]
        return np.where((k > 0) & (2 * k < n), 2.0, 1.0)

    @cached_property
    def counts(self) -> Any:
        """``count`` on the device, [wave]."""
        return self.device.array(self.count, np.float32)

    @cached_property
    def runs(self) -> NDArray[np.bool_]:
        """Whether waves have periods along an axis and differ from their complex conjugates, [axis, wave]."""
        periods = np.abs(self.index)
        return np.asarray((periods > 0) & (2 * periods < np.array(self.lattice.size)[:, None]))

    @cached_property
    def running(self) -> Any:
        """Whether a wave has periods along any axis, 0 or 1 on the device, [wave]."""
        return self.device.array(self.runs.any(axis=0), np.float32)

    @cached_property
    def waves(self) -> Any:
        """``index`` on the device, [3, wave]."""
        return self.device.array(self.index, np.float32)

    def repeating(self, translations: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether waves repeat after translations by whole cells [replica, 3], [replica, wave]."""
        size = np.array(self.lattice.size)
        whole = np.lcm.reduce(size)
        turns = translations * (whole // size) @ self.index.astype(np.int64)
        return np.asarray(turns % whole == 0)

    def planes(self, textures: Any) -> Any:
        """Return textures [replica, site, 3] as functions of the cells, [replica, atom * 3, cell]."""
        cells = textures.reshape(len(textures), self.lattice.cells, -1)
        return self.device.xp.ascontiguousarray(cells.swapaxes(1, 2))

    def textures(self, planes: Any) -> Any:
        """Return the textures [replica, site, 3] of ``planes``."""
        return self.device.xp.ascontiguousarray(planes.swapaxes(1, 2)).reshape(len(planes), -1, 3)

    def modes(self, planes: Any) -> Any:
        """Return the modes [replica, column, wave] of real functions [replica, column, cell]."""
        if not self.axes:
            return planes.astype(np.complex64)
        modes = self.device.rfft(planes.reshape(*planes.shape[:2], *self.lattice.grid), axes=self.axes)
        return self.device.xp.ascontiguousarray(modes).reshape(*planes.shape[:2], -1)

    def values(self, modes: Any) -> Any:
        """Return the real functions [replica, column, cell] of modes [replica, column, wave]."""
        if not self.axes:
            return modes.real.copy()
        waves = modes.reshape(*modes.shape[:2], *(len(k) for k in self.integers[::-1]))
        whole = [self.lattice.grid[axis - 2] for axis in self.axes]
        back = self.device.irfft(waves, s=whole, axes=self.axes)
        return self.device.xp.ascontiguousarray(back).reshape(*modes.shape[:2], -1)

    @staticmethod
    def power(modes: Any) -> Any:
        """Return |s_q|^2 of every wave, summed over columns, [replica, wave]."""
        return (modes.real**2 + modes.imag**2).sum(axis=1)
