"""Checks of the box: its boundaries, its size, and whether it has room for what the couplings favour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from magsearch.checks.finding import Finding, NotChecked
from magsearch.formatting import counted
from magsearch.model.couplings import Couplings
from magsearch.search.supercells.misfit import misfit

AXES = ("first", "second", "third")
VACUUM = 9.0  # angstrom; layers of van der Waals crystals are 6 to 8 apart
ROUNDING = 1e-9  # of the couplings of a spin
LOST = 0.01  # of the range of J(q): energy of the softest wave that a box may lose


def open_edges(couplings: Couplings) -> Iterator[Finding]:
    """Find couplings that open edges cut everywhere in the box."""
    hamiltonian = couplings.hamiltonian
    lattice, bonds = hamiltonian.lattice, hamiltonian.bonds
    for axis in np.flatnonzero(~np.array(lattice.periodic)):
        lost = np.abs(bonds.offset[:, axis]) >= lattice.size[axis]
        if lost.any():
            yield Finding(
                "lost-couplings",
                f"the {AXES[axis]} axis is open and has {counted(lattice.size[axis], 'cell')}: {lost.sum()} of "
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
        acting = f"{counted(crossing, 'coupling')} of a cell cross it" if crossing else "other terms reach across it"
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
    """Find boxes that have no room for the softest wave of the couplings. Raises NotChecked where it is not defined."""
    if not len(couplings.hamiltonian.bonds):
        return
    try:
        found = misfit(couplings.hamiltonian)
    except ValueError as error:
        raise NotChecked(f"softest wave: {error}") from None
    if found.lost > LOST * found.spread and found.lost > ROUNDING * couplings.total:
        yield Finding(
            "incommensurate-box", str(found), 'magsearch cells lists boxes that fit; search.cells = "auto" chooses one'
        )
