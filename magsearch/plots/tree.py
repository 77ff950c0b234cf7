"""Disconnectivity graph of a landscape, with textures at its leaves.

Becker & Karplus, J. Chem. Phys. 106, 1495 (1997).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from magsearch.formatting import fixed
from magsearch.landscape.landscape import Branch, Landscape, trees
from magsearch.model.lattice import Lattice
from magsearch.plots.pages import page
from magsearch.plots.textures import texture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAF = 1.0  # inches between two leaves
WIDE = 0.15  # of a leaf's width to each side: line of a saddle point to a copy
SHOWN = 28  # largest number of leaves with pictures; more would not be legible


def tree(axes: Axes, landscape: Landscape) -> list[int]:
    """Draw the disconnectivity trees over energies in meV above the lowest minimum; return the leaves, left to right.

    Vertical lines end at the energies of minima, horizontal lines are the lowest saddle points that join them. A short
    dashed line is the lowest saddle point between a minimum and a copy of it.
    """
    lowest = min(one.energy for one in landscape.minima)
    roots = trees(landscape)
    leaves = [leaf for root in roots for leaf in root.leaves]
    place = {leaf: float(k) for k, leaf in enumerate(leaves)}
    highest = max([one.energy for one in landscape.minima] + [one.energy for one in landscape.saddles]) - lowest
    above = 1.08 * highest or 1.0

    def drawn(branch: Branch, top: float) -> float:
        energy = branch.energy - lowest
        if branch.minimum is not None:
            x = place[branch.minimum]
        else:
            ends = [drawn(below, energy) for below in branch.branches]
            x = sum(ends) / len(ends)
            axes.plot([min(ends), max(ends)], [energy, energy], color="black", linewidth=1)
        axes.plot([x, x], [energy, top], color="black", linewidth=1, solid_capstyle="butt")
        return x

    for root in roots:
        drawn(root, above)
    for leaf, x in place.items():
        copies = [saddle.energy for saddle in landscape.saddles if saddle.ends == (leaf, leaf)]
        if copies:
            axes.plot([x - WIDE, x + WIDE], [min(copies) - lowest] * 2, color="black", linewidth=1, linestyle="--")
    axes.set(xlim=(-0.5, len(leaves) - 0.5), ylim=(-0.05 * above, above), ylabel="energy above the lowest (meV)")
    axes.set_xticks([])
    if not highest:  # minima of one energy without a saddle point: no scale of energies
        axes.set_yticks([0.0], ["0"])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    return leaves


def page_of(lattice: Lattice, landscape: Landscape, title: str, path: str | Path) -> None:
    """Write the disconnectivity graph with what is below its leaves, as ``drawn`` shows it.

    Raises ValueError for a suffix other than .png, .pdf and .svg.
    """
    with page(path, *size(landscape), f"disconnectivity graph of {title}") as figure:
        drawn(figure, lattice, landscape)


def size(landscape: Landscape) -> tuple[float, float]:
    """Return width and height in inches of a figure that has room for all leaves."""
    count = len(landscape.minima)
    pictured = count <= SHOWN
    if count == 1 and not landscape.saddles:
        return 3.6, 3.6
    width = float(np.clip(0.9 + LEAF * count if pictured else 0.9 + 0.3 * count, 3.6, 16.0))
    return width, 5.0 if pictured else 3.8


def drawn(figure: Figure, lattice: Lattice, landscape: Landscape) -> None:
    """Draw the disconnectivity graph, with numbers, charges and small pictures of the textures at its leaves."""
    count = len(landscape.minima)
    if count == 1 and not landscape.saddles:
        panel = figure.add_subplot()
        texture(panel, lattice, landscape.minima[0].spins, wheel=False)
        panel.set(xlabel="the only minimum, no barrier is known", ylabel="", xticks=[], yticks=[], title="")
        panel.spines[:].set_visible(False)
        return
    pictured = count <= SHOWN
    grid = figure.add_gridspec(2, count, height_ratios=(3, 1)) if pictured else figure.add_gridspec(1, 1)
    leaves = tree(figure.add_subplot(grid[0, :]), landscape)
    for k, leaf in enumerate(leaves):
        one = landscape.minima[leaf]
        words = f"{leaf}\n{fixed(one.charge, 1)}"
        if not pictured:
            figure.axes[0].annotate(str(leaf), (k, 0), (0, -10), textcoords="offset points", ha="center")
            continue
        panel = figure.add_subplot(grid[1, k])
        texture(panel, lattice, one.spins, wheel=False)
        panel.set(xlabel=words, ylabel="", xticks=[], yticks=[], title="")
        panel.spines[:].set_visible(False)
        if k == 0:
            panel.annotate("minimum\ncharge", (0, 0), (-8, -4), "axes fraction", "offset points", ha="right", va="top")
