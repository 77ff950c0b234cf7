"""Models whose ground states are hard to find in different ways."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import magsearch as ms
from magsearch import config

INPUTS = Path(__file__).resolve().parents[2] / "inputs"
GOLDEN = (1 + 5**0.5) / 2


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


def c60() -> ms.Hamiltonian:
    """Antiferromagnet on the 90 edges of the truncated icosahedron, and a field."""
    kinds = ((0, 1, 3 * GOLDEN), (1, 2 + GOLDEN, 2 * GOLDEN), (GOLDEN, 2, 2 * GOLDEN + 1))
    signs = np.array(np.meshgrid(*[(1, -1)] * 3)).reshape(3, -1).T
    corners = np.concatenate([np.roll(signs * kind, turn, axis=1) for kind in kinds for turn in range(3)])
    corners = np.unique(corners.round(9), axis=0)
    apart = np.linalg.norm(corners[:, None] - corners, axis=-1)
    i, j = np.argwhere(np.triu(np.isclose(apart, 2.0))).T
    edges = ms.Bonds.pairs(i, j, ms.exchange_matrix(np.full(len(i), -1.0)))
    return ms.Hamiltonian(ms.Lattice.cluster(corners), ms.Bonds.none(), site_bonds=edges, field=(0.0, 0.0, 20.0))


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
    "C60": c60,
    "kagome + DMI": kagome_dmi,
}
