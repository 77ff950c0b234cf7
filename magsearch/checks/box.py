"""Checks of the box: its boundaries, its size, and whether it has room for what the couplings favour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from magsearch.checks.finding import Finding, NotChecked
from magsearch.formatting import count, vector
from magsearch.model.couplings import Couplings
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.soft_waves import softest_waves
from magsearch.search.supercells.ranking import GRID, energies
from magsearch.search.supercells.supercell import free_axes

AXES = ("first", "second", "third")
VACUUM = 9.0  # angstrom; layers of van der Waals crystals are 6 to 8 apart
ROUNDING = 1e-9  # of the couplings of a spin
LOST = 0.01  # of the range of J(q): energy of the softest wave that a box may lose
FEWEST = 6  # wave vectors along a free axis, from which the softest one is climbed
ABSENT = 1e-6  # of the mean amplitude of a wave: atoms with less do not belong to it


def open_edges(couplings: Couplings) -> Iterator[Finding]:
    """Find couplings that open edges cut everywhere in the box."""
    hamiltonian = couplings.hamiltonian
    lattice, bonds = hamiltonian.lattice, hamiltonian.bonds
    for axis in np.flatnonzero(~np.array(lattice.periodic)):
        lost = np.abs(bonds.offset[:, axis]) >= lattice.size[axis]
        if lost.any():
            yield Finding(
                "lost-couplings",
                f"the {AXES[axis]} axis is open and has {count(lattice.size[axis], 'cell')}: {lost.sum()} of "
                f"{len(bonds)} couplings of a cell cross it and exist nowhere",
                "expected more cells along it (model.size), or a periodic axis (model.periodic)",
            )


def small(couplings: Couplings) -> Iterator[Finding]:
    """Find couplings that reach around the box: to the site itself, or to a site that a coupling of another length has.

    Along an axis with one cell, images that add up are what a texture without a wave along it has: only those that end
    on the site itself count there.
    """
    hamiltonian = couplings.hamiltonian
    lattice, bonds = hamiltonian.lattice, hamiltonian.bonds
    around = np.where(lattice.periodic, bonds.offset % np.array(lattice.size), bonds.offset)
    itself = (bonds.i == bonds.j) & (around == 0).all(axis=1)
    _, which = np.unique(np.column_stack([bonds.i, bonds.j, around]), axis=0, return_inverse=True)
    which = which.reshape(-1)
    shortest = np.full(which.max(initial=-1) + 1, np.inf)
    np.minimum.at(shortest, which, couplings.distances)
    wrapped = ((around != bonds.offset) & (np.array(lattice.size) > 1)).any(axis=1)
    longer = wrapped & (couplings.distances > shortest[which] + couplings.same_length)
    if not (itself | longer).any():
        return
    bond = int((itself | longer).argmax())
    what = "the site itself" if itself[bond] else f"a neighbour {shortest[which[bond]]:.4g} angstrom away"
    needed = np.where(lattice.periodic, 2 * np.abs(bonds.offset).max(axis=0) + 1, lattice.size)
    yield Finding(
        "small-box",
        f"the box has {_cells(lattice.size)}: {(itself | longer).sum()} of {len(bonds)} couplings reach around it, for "
        f"example {bonds.describe(bond)}, {couplings.distances[bond]:.4g} angstrom, to {what}",
        f"from {_cells(needed.tolist())} on (model.size), every coupling has a site of its own",
    )


def _cells(size: Sequence[int]) -> str:
    return f"{' x '.join(map(str, size))} cells"


def vacuum(couplings: Couplings) -> Iterator[Finding]:
    """Find periodic axes across a gap as wide as the vacuum of a slab, where something acts across it."""
    hamiltonian, lattice = couplings.hamiltonian, couplings.hamiltonian.lattice
    for axis in np.flatnonzero(lattice.periodic):
        places = np.sort((lattice.basis @ np.linalg.inv(lattice.cell))[:, axis] % 1.0)
        gap = float(np.diff(np.append(places, places[0] + 1.0)).max() * lattice.heights[axis])
        crossing = int((hamiltonian.bonds.offset[:, axis] != 0).sum())
        if gap <= VACUUM or not (crossing or hamiltonian.others):
            continue
        acting = f"{count(crossing, 'coupling')} of a cell cross it" if crossing else "other terms reach across it"
        yield Finding(
            "periodic-vacuum",
            f"the {AXES[axis]} axis is periodic across a gap of {gap:.4g} angstrom without atoms; {acting}",
            "if this is the vacuum of a slab, make the axis open (false in model.periodic)",
        )


def independent(couplings: Couplings) -> Iterator[Finding]:
    """Find axes with several cells that no coupling connects."""
    hamiltonian, lattice = couplings.hamiltonian, couplings.hamiltonian.lattice
    if not len(hamiltonian.bonds) or hamiltonian.site_bonds is not None or hamiltonian.others:
        return
    for axis in range(3):
        if lattice.size[axis] > 1 and not couplings.crossed[axis]:
            yield Finding(
                "independent-cells",
                f"the box has {lattice.size[axis]} cells along the {AXES[axis]} axis, but no coupling connects them",
                "expected one cell along an axis without couplings, or couplings along it",
            )


def incommensurate(couplings: Couplings) -> Iterator[Finding]:
    """Find boxes that have no room for the softest wave of the couplings.

    What the best wave of the box has at least is compared with the softest wave of the crystal after all its amplitudes
    were made equal, as those of spins are: in a disordered cell, waves on few atoms are soft, but no texture has them.

    Raises NotChecked for models that are not uniform.
    """
    hamiltonian = couplings.hamiltonian
    if not len(hamiltonian.bonds):
        return
    if not hamiltonian.uniform:
        raise NotChecked("with vacancies or couplings of single sites, the softest wave is not defined")
    if hamiltonian.others:
        raise NotChecked(f"softest wave: that of the bonds does not include {hamiltonian.others[0].name}")
    try:
        h, energy, spread = _softest(hamiltonian)
    except ValueError as error:
        raise NotChecked(f"softest wave: {error}") from None
    waves = softest_waves(hamiltonian, 1)
    fractions = waves.index[0] / np.array(hamiltonian.lattice.size)
    here = float(energies(hamiltonian, fractions)[0])
    lost = here - energy
    if lost > LOST * spread and lost > ROUNDING * couplings.total:
        yield Finding(
            "incommensurate-box",
            f"the softest wave of the couplings, q = {vector(h)} of the reciprocal vectors, does not fit into the "
            f"box: the best one that fits, {vector(fractions)}, lies {lost:.2g} meV per site higher",
            'magsearch cells lists boxes that fit; search.cells = "auto" chooses one',
        )


def _softest(hamiltonian: Hamiltonian) -> tuple[NDArray[np.float64], float, float]:
    """Return the softest wave of the infinite crystal, its energy, and the range of the energies of all q.

    The wave is given in fractions of the reciprocal vectors, climbed from the best point of a grid, so that it may miss
    a narrow minimum. Its energy, meV per site, is that of equal amplitudes on all atoms. Raises ValueError if no axis
    is free.
    """
    axes = list(free_axes(hamiltonian))
    points = max(FEWEST, round(GRID[len(axes)] / hamiltonian.lattice.atoms ** (1 / len(axes))))  # the zone is smaller
    grid = np.zeros((points ** len(axes), 3))
    grid[:, axes] = np.indices([points] * len(axes)).reshape(len(axes), -1).T / points
    found = energies(hamiltonian, grid)
    start = grid[int(found.argmin())]

    def cost(free: NDArray[np.float64]) -> float:
        point = np.zeros(3)
        point[axes] = free
        return float(energies(hamiltonian, point)[0])

    steps = np.vstack([start[axes], start[axes] + np.eye(len(axes)) / points])
    climbed = minimize(cost, start[axes], method="Nelder-Mead", options={"xatol": 1e-6, "initial_simplex": steps})
    h = np.zeros(3)
    h[axes] = climbed.x - np.rint(climbed.x)
    return h, _of_equal_amplitudes(hamiltonian, h), float(np.ptp(found))


def _of_equal_amplitudes(hamiltonian: Hamiltonian, h: NDArray[np.float64]) -> float:
    """Return the energy per site of the softest mode of J(q), meV, with amplitude 1 on each of its atoms."""
    J = hamiltonian.fourier(h[None] @ hamiltonian.lattice.reciprocal)[0]
    u = np.linalg.eigh(J)[1][:, -1].reshape(-1, 3)
    amplitude = np.linalg.norm(u, axis=1, keepdims=True)
    wave = np.where(amplitude > ABSENT * amplitude.mean(), u / np.maximum(amplitude, 1e-300), 0.0).ravel()
    return float(-0.5 * (wave.conj() @ J @ wave).real / hamiltonian.lattice.atoms)
