"""Models whose ground states are hard to find in different ways."""

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
