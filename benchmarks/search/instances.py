"""Models whose ground states are hard to find in different ways, and models of the atlas in larger boxes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import magsearch as ms
from magsearch import config
from magsearch.runs import atlas

sys.path.append(str(Path(__file__).resolve().parents[1]))
from molecules import c60

INPUTS = Path(__file__).resolve().parents[2] / "inputs"


def given(name: str, *settings: str) -> ms.Hamiltonian:
    return config.read(INPUTS / name, settings).hamiltonian


def okubo_easy_axis() -> ms.Hamiltonian:
    """J1-J3 triangular magnet in a field, with an easy axis that prefers three waves to one."""
    crystal = given("okubo.toml", "model.field=90.0")
    return ms.Hamiltonian(
        crystal.lattice, crystal.bonds, crystal.moments, (ms.UniaxialAnisotropy(1.5),), crystal.field
    )  # fmt: skip


def spin_glass(edge: int = 8, seed: int = 1) -> ms.Hamiltonian:
    """Heisenberg spins on a cubic lattice, couplings +1 or -1 meV at random (Edwards & Anderson, 1975)."""
    lattice = ms.Lattice.named("cubic", (edge, edge, edge))
    cell = np.arange(lattice.sites)
    i = np.tile(cell, 3)
    j = np.concatenate([lattice.neighbours(step) for step in np.eye(3, dtype=int)])
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=len(i))
    pairs = ms.Bonds.pairs(i, j, ms.exchange_matrix(signs))
    return ms.Hamiltonian(lattice, ms.Bonds.none(), site_bonds=pairs)


def kagome_dmi() -> ms.Hamiltonian:
    """Kagome antiferromagnet with a DMI vector in the plane, which tilts its many ground states apart, and a field."""
    crystal = given("kagome-afm.toml", "model.field=10.0")
    lattice = crystal.lattice
    shell = lattice.shells(1)[0]
    along = lattice.basis[shell.j] - lattice.basis[shell.i] + shell.offset @ lattice.cell
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    dmi = ms.Bonds(shell.i, shell.j, shell.offset, ms.dmi_matrix(0.3 * along))
    return ms.Hamiltonian(lattice, crystal.bonds + dmi, crystal.moments, crystal.anisotropy, crystal.field)


INSTANCES: dict[str, Callable[[], ms.Hamiltonian]] = {
    "Pd/Fe/Ir(111), 1.0 T": lambda: given("pdfeir111.toml", "model.field=1.0"),
    "Pd/Fe/Ir(111), 2.5 T": lambda: given("pdfeir111.toml"),
    "square Bloch": lambda: given("square-bloch.toml"),
    "Okubo, easy axis": okubo_easy_axis,
    "spin glass 8^3": spin_glass,
    "C60": lambda: c60(20.0),
    "kagome + DMI": kagome_dmi,
}
ATLAS: dict[str, Callable[[], ms.Hamiltonian]] = {
    path.stem: partial(given, str(path)) for path in sorted(atlas.folder().glob("*.toml"))
}
SITES = 500  # of a large box, at least
# The models of the atlas in two or three dimensions, crystals and disordered cells, of which it is a question which
# order they choose: all but ferromagnets, Neel orders, and continua of ground states, in which most relaxations end.
# The number is the factor on their boxes along every extended axis (all three of a single cell), the smallest with
# ``SITES`` sites.
LARGER: dict[str, int] = {
    "bcao": 2, "cubic-cone": 1, "cubic-helix": 1, "diamond-spiral": 2, "fcc-type-3": 2, "honeycomb-spiral": 2,
    "honeycomb-stripes": 2, "itinerant-skyrmions-1": 2, "itinerant-skyrmions-2": 2, "kagome-cuboc1": 3,
    "kagome-cuboc2": 3, "kagome-dmi": 3, "kagome-q0": 3, "kagome-sqrt3": 3, "kitaev-heisenberg-stripy": 3,
    "kitaev-heisenberg-zigzag": 3, "maple-leaf": 2, "mnsi-cone": 1, "ncto": 2, "okubo-skyrmions": 2, "okubo-spiral": 1,
    "pyrochlore-aiao": 3, "rucl3": 2, "shastry-sutherland": 2, "spin-glass": 2, "spinel-spiral": 2,
    "square-bloch-helix": 2, "square-bloch-skyrmions": 2, "square-j1j3": 2, "square-neel-skyrmions": 2,
    "triangular-af-skyrmions": 2, "triangular-afm": 2, "triangular-stripes": 3, "triangular-tetrahedral": 3,
    "triangular-z2-vortices": 1,
}  # fmt: skip


def larger(name: str, times: int) -> ms.Hamiltonian:
    """Return a model of the atlas in a box that is ``times`` as long along every extended axis."""
    path = str(atlas.folder() / f"{name}.toml")
    size = np.array(given(path).lattice.size)
    extended = size > 1 if (size > 1).any() else np.ones(3, bool)
    return given(path, f"model.size={np.where(extended, times * size, size).tolist()}")


LARGE: dict[str, Callable[[], ms.Hamiltonian]] = {name: partial(larger, name, times) for name, times in LARGER.items()}


# The lowest energies, meV per site, that searches of other seeds found in larger boxes without a formula.
FOUND = {
    "bcao": -2.001070, "itinerant-skyrmions-1": -1.0203096, "itinerant-skyrmions-2": -0.8851777, "ncto": -8.850039,
    "okubo-skyrmions": -6.692578, "rucl3": -5.2153517, "spin-glass": -2.0016416, "spinel-spiral": -2.5234500,
    "square-bloch-skyrmions": -2.1635699, "square-neel-skyrmions": -2.1635699, "triangular-af-skyrmions": -2.2710388,
    "triangular-z2-vortices": -1.6544348,
}  # fmt: skip


def known(name: str) -> float:
    """Return the lowest known energy of a model of the atlas in its larger box, meV per site.

    The formulas of the atlas are those of the crystal, if its state fits into the box of the file.
    """
    reference = config.read(atlas.folder() / f"{name}.toml").reference
    if name in FOUND:
        return FOUND[name]
    assert reference.known == "analytic"
    assert reference.energy is not None
    return reference.energy
