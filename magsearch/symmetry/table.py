"""The table of what symmetry allows: the anisotropy of each atom and the couplings of each orbit of bonds."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.model.couplings import Couplings
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.symmetry import allowed
from magsearch.symmetry.crystal import TOLERANCE, CrystalGroup, crystal_group, extended, whole_crystal
from magsearch.symmetry.orbits import Orbit, bond_orbits
from magsearch.symmetry.point_groups import point_group

SHELLS = 3
DEGREES = (2, 4, 6)


@dataclass(frozen=True, eq=False)
class Site:
    """Anisotropy that symmetry allows on an atom.

    atom         of the basis
    equivalent   [atom] the atoms that symmetry makes of it, itself among them
    group        its site symmetry
    anisotropy   [letter, 3, 3] the matrices A, B, ... of - s.A s, a constant included
    stevens      by degree k, the sums of O_k^q that are allowed, [sum, q] with q from -k to k
    """

    atom: int
    equivalent: NDArray[np.int64]
    group: str
    anisotropy: NDArray[np.float64]
    stevens: dict[int, NDArray[np.float64]]

    @property
    def sums(self) -> list[str]:
        """The allowed sums of Stevens operators in words: O(2,-2)+2O(2,1)."""
        return [
            allowed.summed([(c, f"O({k},{q})") for q, c in zip(range(-k, k + 1), one, strict=True)])
            for k, sums in self.stevens.items()
            for one in sums.tolist()
        ]


@dataclass(frozen=True, eq=False)
class BondForm:
    """Coupling that symmetry allows on the bonds of an orbit.

    orbit     its bonds, the representative first
    distance  angstrom
    group     symmetry of the representative, operations that exchange its ends included
    basis     [letter, 3, 3] the matrices that A, B, ... of its coupling stand for
    """

    orbit: Orbit
    distance: float
    group: str
    basis: NDArray[np.float64]

    @property
    def matrix(self) -> list[list[str]]:
        """The coupling matrix of the representative in letters."""
        return allowed.letters(self.basis)

    @property
    def dmi(self) -> list[str]:
        """Its Dzyaloshinskii-Moriya vector in letters; empty where symmetry forbids one."""
        return allowed.dmi_letters(self.basis)


@dataclass(frozen=True, eq=False)
class SymmetryTable:
    """Anisotropies and couplings that the space group of a crystal allows.

    name  symbol and number of the space group; empty where spglib is missing, or the crystal is not three-dimensional
    """

    lattice: Lattice
    group: CrystalGroup
    name: str
    sites: list[Site]
    bonds: list[BondForm]

    @cached_property
    def point_group(self) -> str:
        """Point group of the crystal."""
        return point_group(self.group.R)

    def as_json(self) -> dict[str, Any]:
        """Return the table as plain values."""
        return {
            "space_group": self.name or None,
            "point_group": self.point_group,
            "operations": self.group.order,
            "sites": [
                {
                    "atom": site.atom,
                    "species": self.lattice.species[site.atom],
                    "position": self.lattice.basis[site.atom].tolist(),
                    "equivalent": site.equivalent.tolist(),
                    "site_symmetry": site.group,
                    "anisotropy": allowed.letters(site.anisotropy),
                    "anisotropy_basis": site.anisotropy.tolist(),
                    "stevens": site.sums,
                }
                for site in self.sites
            ],
            "bonds": [
                {
                    "i": int(form.orbit.bond[0]),
                    "j": int(form.orbit.bond[1]),
                    "cells": form.orbit.bond[2:].tolist(),
                    "distance": form.distance,
                    "pairs_per_cell": len(form.orbit.bonds),
                    "coordination": [form.orbit.coordination(int(end)) for end in form.orbit.bond[:2]],
                    "bond_symmetry": form.group,
                    "matrix": form.matrix,
                    "dmi": form.dmi or None,
                    "basis": form.basis.tolist(),
                    "orbit": form.orbit.bonds.tolist(),
                }
                for form in self.bonds
            ],
        }


def symmetry_table(
    hamiltonian: Hamiltonian, cutoff: float | None = None, shells: int = SHELLS, tolerance: float = TOLERANCE
) -> SymmetryTable:
    """Return what symmetry allows in the crystal of a Hamiltonian, whatever its couplings.

    cutoff     length of the longest bonds, angstrom; None: those of the first ``shells``
    tolerance  as for ``crystal_group``

    Raises ValueError for a crystal with fewer shells, or too many pairs of atoms to look at.
    """
    lattice, moments = hamiltonian.lattice, np.asarray(hamiltonian.moments)[: hamiltonian.lattice.atoms]
    group = crystal_group(lattice, moments, tolerance=tolerance)
    if cutoff is None:
        listed = lattice.shells(shells)
        bonds = np.concatenate([np.column_stack([one.i, one.j, one.offset]) for one in listed])
    else:
        followed = np.array(lattice.periodic) | (np.array(lattice.size) > 1)
        i, j, offset, _ = Couplings(hamiltonian).pairs(cutoff, followed)
        bonds = np.column_stack([i, j, offset])
    sites = [_site(group, members) for members in group.orbits]
    forms = [_form(lattice, group, one) for one in bond_orbits(group, bonds)]
    return SymmetryTable(lattice, group, _name(lattice, moments, tolerance), sites, forms)


def _site(group: CrystalGroup, members: NDArray[np.int64]) -> Site:
    atom = int(members[0])
    own = group.of_site(atom)
    forms = allowed.basis(group.R[own], np.zeros(len(own), dtype=bool))
    even = forms[np.abs(forms - forms.swapaxes(1, 2)).max(axis=(1, 2), initial=0) < allowed.ZERO]
    stevens = {k: allowed.allowed_stevens(group.P[own], k) for k in DEGREES}
    return Site(atom, members, point_group(group.R[own]), even, stevens)


def _form(lattice: Lattice, group: CrystalGroup, one: Orbit) -> BondForm:
    i, j, *offset = one.bond.tolist()
    vector = lattice.basis[j] - lattice.basis[i] + np.array(offset) @ lattice.cell
    own, turned = group.of_bond(one.bond)
    forms = allowed.basis(group.R[own], turned)
    return BondForm(one, float(np.linalg.norm(vector)), point_group(group.R[own]), forms)


def _name(lattice: Lattice, moments: NDArray[np.float64], tolerance: float) -> str:
    """Return the symbol and the number of the space group by spglib, if it is installed; empty for a layer."""
    if len(extended(lattice)) < 3:
        return ""
    try:
        import spglib
    except ImportError:
        return ""
    crystal = whole_crystal(lattice, moments)
    numbers = np.unique(np.array(crystal.species), return_inverse=True)[1].reshape(-1) + 1
    near = tolerance * float(np.linalg.norm(crystal.cell, axis=1).min())
    fractions = crystal.basis @ np.linalg.inv(crystal.cell)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its ways to report errors
        found = spglib.get_spacegroup((crystal.cell.tolist(), fractions.tolist(), numbers.tolist()), near)
    return str(found) if found else ""
