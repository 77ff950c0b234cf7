"""Draw the named lattices: python docs/lattices.py writes docs/lattices.png.

Each panel has the atoms of a few cells, numbered in the cell at the origin, the cell vectors, and the bonds of the
first shell; in planes, those of atom 0 say to which atom of which cell they lead.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from magsearch.model.lattice import NAMED, Lattice

HERE = Path(__file__).parent
INK, BOND, CELL, ATOM = "0.15", "0.72", "#4477aa", ("#ee6677", "#228833", "#ccbb44", "#aa3377")
CORNERS = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])


def picture() -> Figure:
    """Return the picture: planes above, crystals below."""
    figure = Figure(figsize=(9.5, 4.6), layout="constrained")
    for k, name in enumerate(NAMED):
        lattice = Lattice.named(name, (1, 1, 1))
        flat = not lattice.periodic[2]
        axes = figure.add_subplot(2, 5, k + 1, **({} if flat else {"projection": "3d"}))
        (plane if flat else crystal)(axes, lattice)
        axes.set_title(name, fontsize=9)
        axes.set_axis_off()
    return figure


def bonds(lattice: Lattice) -> list[tuple[int, int, np.ndarray]]:
    """Return the directed bonds of the first shell: atom, atom, and the cell of the second."""
    shell = lattice.shells(1)[0]
    return [(int(i), int(j), offset) for i, j, offset in zip(shell.i, shell.j, shell.offset, strict=True)]


def plane(axes, lattice: Lattice) -> None:
    """Draw a chain or a plane."""
    cell, basis, across = lattice.cell[:, :2], lattice.basis[:, :2], 1 if lattice.periodic[1] else 0
    cells = [(a, b) for a in range(-1, 3) for b in range(-across, 2 * across + 1)]
    for a, b in cells:
        for i, j, offset in bonds(lattice):
            start = basis[i] + np.array([a, b]) @ cell[:2]
            end = basis[j] + (np.array([a, b]) + offset[:2]) @ cell[:2]
            axes.plot(*np.transpose([start, end]), color=BOND, lw=0.8, zorder=1)
    for atom, place in enumerate(basis):
        every = np.array(cells) @ cell[:2] + place
        axes.scatter(*every.T, s=14, color=ATOM[atom], zorder=3)
        if not any(i == 0 and j == atom and not offset.any() for i, j, offset in bonds(lattice)):  # named below
            axes.annotate(str(atom), place, (-8, 3), textcoords="offset points", fontsize=7, color=INK, zorder=5)
    for number, vector in enumerate(cell[: 1 + across]):
        axes.annotate("", vector, (0, 0), arrowprops={"arrowstyle": "->", "color": CELL, "lw": 1.3}, zorder=4)
        axes.annotate("ab"[number], 0.55 * vector, (2, -8), textcoords="offset points", fontsize=8, color=CELL)
    for i, j, offset in bonds(lattice):
        if i == 0:
            end = basis[j] + offset[:2] @ cell[:2]
            axes.plot(*np.transpose([basis[0], end]), color=INK, lw=1.4, zorder=2)
            told = f"{j} [{', '.join(str(n) for n in offset[: 1 + across])}]"
            x, y = (end - basis[0]) / np.linalg.norm(end - basis[0])
            where = {"ha": ("right", "center", "left")[1 + int(np.sign(np.rint(2 * x) / 2))], "va": "center"}
            axes.annotate(
                told, end, (5 * x, 9 * y), textcoords="offset points", fontsize=6, color=INK, zorder=5, **where
            )
    middle, reach = basis[0], 1.4 if lattice.atoms == 1 else 1.0
    axes.set(xlim=middle[0] + np.array([-reach, reach]), ylim=middle[1] + np.array([-reach, reach]), aspect="equal")


def crystal(axes, lattice: Lattice) -> None:
    """Draw a primitive cell with its atoms, and all bonds of the first shell that begin in it."""
    cell, basis = lattice.cell, lattice.basis
    for i, j, offset in bonds(lattice):
        ends = np.array([basis[i], basis[j] + offset @ cell])
        axes.plot(*ends.T, color=INK if i == 0 else BOND, lw=1.2 if i == 0 else 0.8)
        axes.scatter(*ends[1], s=8, color=ATOM[j], depthshade=False)
    for corner in CORNERS:
        for axis in range(3):
            if not corner[axis]:
                edge = np.array([corner, corner + np.eye(3)[axis]]) @ cell
                first = not corner.any()
                axes.plot(*edge.T, color=CELL, lw=1.5 if first else 0.5)
                if first:
                    axes.text(*(1.08 * edge[1]), "abc"[axis], fontsize=8, color=CELL)
    for atom, place in enumerate(basis):
        axes.scatter(*place, s=26, color=ATOM[atom], depthshade=False)
        axes.text(*(place + 0.04), str(atom), fontsize=7, color=INK)
    axes.view_init(18, -62)
    axes.set_box_aspect((1, 1, 1), zoom=1.35)


if __name__ == "__main__":
    picture().savefig(HERE / "lattices.png", dpi=150)
