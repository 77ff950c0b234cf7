"""The best minimum of a supercell, and how it is shown: copies side by side in a compact box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.model.integers import factors, lower_hermite
from magsearch.search.supercells.supercell import LARGEST, OBLONG, Supercell, compact, free_axes, side_by_side

ROOMY = 2000  # sites in copies of the best supercell that are as wide as long
REPEATS_WITHIN = (0.01, 0.03, 0.1)  # radians, root mean square: translations that move the spins less may be periods
SLIVER = 1.25 * OBLONG  # ``Supercell.sliver`` of boxes that are replaced by compact ones, where these have few sites
COMPACT = 2.4  # of a box that is twice as long as wide, its edges at 60 degrees: 2.31
WORTH = LARGEST // 4  # sites of a compact box
TRIED = 2000  # numbers of copies for one


@dataclass(frozen=True, eq=False)
class Best:
    """A minimum in a supercell. energy in meV per site."""

    supercell: Supercell
    texture: NDArray[Any]  # [site, 3]
    energy: float

    def tiled(self, times: NDArray[np.int64]) -> Best:
        """Return the supercell repeated along its axes; the numbers of copies are [3]."""
        supercell = self.supercell.tiled(times)
        return Best(supercell, self.supercell.repeated(self.texture, supercell), self.energy)

    def shown(self, watch: Callable[[], None] = lambda: None) -> Best:
        """Return copies side by side: a compact box with several cells along each free axis.

        About as wide as long where that takes no more than ROOMY sites, else up to ``OBLONG`` times as long as wide.
        Numbers of copies are varied until no axis is left with a single cell; else more are taken, up to ``LARGEST``
        sites. Where the edges of the cells still make a sliver, the smallest box is taken that is about twice as long
        as wide at most, if one is small enough.

        watch   called repeatedly; what it raises ends the choice
        """
        few = self._few(watch)
        if few.supercell.sliver <= SLIVER:
            return few
        axes, times = list(free_axes(self.supercell.crystal)), np.ones(3, dtype=np.int64)
        for numbers in islice(factors(WORTH // self.supercell.sites, len(axes)), TRIED):
            watch()
            times[axes] = numbers
            tried = self.supercell.tiled(times)
            if tried.sliver <= COMPACT and min(tried.diagonal[0][axis] for axis in axes) > 1:
                return self.tiled(times)
        return few

    def _few(self, watch: Callable[[], None]) -> Best:
        """Return copies side by side as ``shown``, whatever the edges of the cells."""
        crystal = self.supercell.crystal
        axes = free_axes(crystal)
        for oblong in (1.0, 2.0, OBLONG):
            times = side_by_side(self.supercell.H, crystal.lattice.cell, axes, oblong)
            if times.prod() * self.supercell.sites <= ROOMY:
                break
        while times.prod() * self.supercell.sites > LARGEST and times.max() > 1:
            times[times.argmax()] -= 1
        near = (range(-(-3 * n // 4), 4 * n // 3 + 1) for n in times.tolist())
        for tried in sorted(product(*near), key=lambda tried: float((np.abs(tried - times) / times).sum())):
            watch()
            size = self.supercell.tiled(tried).diagonal[0]
            if min(size[axis] for axis in axes) > 1:
                return self.tiled(np.array(tried))
        size, Q = self.supercell.tiled(times).diagonal
        for factor in (2, 3):  # one copy more or two along the single cells, if the others can be divided by it
            cells = [factor if axis in axes and n == 1 else n for axis, n in enumerate(size)]
            H = compact(np.array(cells)[:, None] * Q, crystal.lattice.cell, axes)
            wider = Supercell(crystal, H)
            several = min(wider.diagonal[0][axis] for axis in axes) > 1
            if several and side_by_side(H, crystal.lattice.cell, axes, OBLONG).max() == 1:
                return Best(wider, self.supercell.repeated(self.texture, wider), self.energy)
        if times.prod() * self.supercell.sites * 2 ** len(axes) <= LARGEST:
            times[list(axes)] *= 2
        return self.tiled(times)

    def primitive(self, within: float = REPEATS_WITHIN[0]) -> Supercell:
        """Return the smallest supercell that the texture repeats after, but for ``within`` (radians) in each spin."""
        lattice, Q = self.supercell.hamiltonian.lattice, self.supercell.diagonal[1]
        waves = np.fft.rfftn(self.texture.reshape(*lattice.grid, -1), axes=(0, 1, 2))
        alike = np.fft.irfftn((np.abs(waves) ** 2).sum(axis=-1), s=lattice.grid, axes=(0, 1, 2)).ravel()
        shifts = lattice.coordinates[alike >= alike[0] * (1 - 0.5 * within**2)] @ Q
        crystal = self.supercell.crystal
        H = lower_hermite(np.concatenate([self.supercell.H, shifts]))
        return Supercell(crystal, compact(H, crystal.lattice.cell, free_axes(crystal)))

    def __str__(self) -> str:
        return f"{self.energy:.7f} meV per site in {self.supercell}"
