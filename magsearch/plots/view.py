"""The view that a picture gives of a run: which texture, which part of it, and the size of the page."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.lattice import Lattice
from magsearch.model.triangulation import plane_axes
from magsearch.plots.planes import AXES, Plane

DPI = 300


@dataclass(frozen=True)
class View:
    """The part of a run that a picture shows, and the size of its page.

    elite   number of the texture; 0 is the champion
    title   above the picture; None: what it shows of which run; empty: none
    plane   layer of a crystal; None: the middle one
    sheet   which of the sheets of a layer that hide one another, from the lowest; None: the top one
    tiles   how often the box is drawn along the two axes of the plane
    width   of the page in inches; None: that of each picture
    dpi     pixels per inch: of png files, and of large textures inside pdf and svg files
    """

    elite: int = 0
    title: str | None = None
    plane: Plane | None = None
    sheet: int | None = None
    tiles: tuple[int, int] = (1, 1)
    width: float | None = None
    dpi: int = DPI

    def scale(self, width: float) -> float:
        """Return the width of the page over the usual ``width``."""
        return 1.0 if self.width is None else self.width / width


ALL = View()


def tiled(lattice: Lattice, spins: ArrayLike, tiles: tuple[int, int]) -> tuple[Lattice, NDArray[np.float64]]:
    """Return a plane and its spins [site, 3] repeated ``tiles`` times along its axes.

    Raises ValueError for an open axis, along which nothing repeats.
    """
    s = np.asarray(spins, dtype=np.float64)
    if tiles == (1, 1):
        return lattice, s
    size, times = list(lattice.size), [1, 1, 1]
    for axis, repeated in zip(plane_axes(lattice), tiles, strict=True):
        if repeated > 1 and not lattice.periodic[axis]:
            raise ValueError(f"the {AXES[axis]} axis is open: the box does not repeat along it")
        size[axis] *= repeated
        times[2 - axis] = repeated
    s = np.tile(s.reshape(*lattice.grid, lattice.atoms, 3), (*times, 1, 1))
    return replace(lattice, size=(size[0], size[1], size[2])), s.reshape(-1, 3)
