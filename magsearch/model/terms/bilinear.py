"""Couplings of two spins: exchange, DMI and anisotropic exchange, as one matrix on a bond."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from magsearch.model.bonds import Bonds
from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.model.terms.term import Below, Sites, Space

ISOTROPIC = 1e-9  # of the largest coupling: a matrix that differs less from J 1 is isotropic


@dataclass(frozen=True, eq=False)
class Bilinear:
    """- 1/2 sum_{i != j} s_i . J_ij s_j over the bonds of every cell, and over couplings between given sites.

    bonds       of the unit cell
    site_bonds  between sites, or None
    """

    bonds: Bonds
    site_bonds: Bonds | None

    name: ClassVar[str] = "couplings"
    unit: ClassVar[str] = "meV"
    linear_in_spin: ClassVar[bool] = True

    @property
    def spin_orbit(self) -> bool:
        """Whether some coupling of the cell is more than J 1."""
        J = self.bonds.J
        isotropic = np.trace(J, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)
        return bool(np.abs(J - isotropic).max(initial=0) > ISOTROPIC * np.abs(J).max(initial=0))

    def check(self, sites: Sites) -> None:
        """Raise ValueError for a bond of an atom or site that does not exist, or of an atom with itself."""
        lattice = sites.lattice
        for bonds, count, what in ((self.bonds, lattice.atoms, "atoms"), (self.site_bonds, lattice.sites, "sites")):
            if (
                bonds is not None
                and len(bonds)
                and not 0 <= min(bonds.i.min(), bonds.j.min()) <= max(bonds.i.max(), bonds.j.max()) < count
            ):
                worst = int(np.argmax((np.minimum(bonds.i, bonds.j) < 0) | (np.maximum(bonds.i, bonds.j) >= count)))
                raise bonds.error(worst, f"the lattice has {what} 0 to {count - 1}")
        itself = (self.bonds.i == self.bonds.j) & (self.bonds.offset == 0).all(axis=1)
        if itself.any():
            raise self.bonds.error(int(itself.argmax()), "an atom has no bond with itself")

    def on_sites(self, sites: Sites) -> Bonds:
        """Return every coupling as a per-site list, sorted by site; bonds longer than the lattice wrap and add up."""
        found = self.bonds.on_sites(sites.lattice)
        if self.site_bonds is not None:
            found = found + self.site_bonds
        keep = sites.occupied[found.i] & sites.occupied[found.j]
        order = np.flatnonzero(keep)[np.argsort(found.i[keep], kind="stable")]
        return Bonds(found.i[order], found.j[order], found.offset[order], found.J[order])

    def energies(self, sites: Sites, spins: NDArray[Any]) -> NDArray[np.float64]:
        """Return - 1/2 sum_j s_i . J_ij s_j, [..., site] meV."""
        s, bonds = np.asarray(spins, dtype=np.float64), self.on_sites(sites)
        field = np.zeros_like(np.moveaxis(s, -2, 0))  # [site, ..., 3]
        np.add.at(field, bonds.i, np.moveaxis(np.einsum("bxy,...by->...bx", bonds.J, s[..., bonds.j, :]), -2, 0))
        return np.asarray(-0.5 * np.einsum("...ix,i...x->...i", s, field))

    def fill(self, entries: OnsiteEntries) -> bool:
        """Add nothing: kernels read bonds from neighbour lists or as a convolution."""
        return True

    def stiffness(self, sites: Sites) -> NDArray[np.float64]:
        """Return the sum of |J_ij| over the bonds of each site, [site] meV."""
        held = np.zeros(sites.lattice.atoms)
        np.add.at(held, self.bonds.i, np.linalg.norm(self.bonds.J, ord=2, axis=(1, 2)))
        held = np.tile(held, sites.lattice.cells)
        if self.site_bonds is not None:
            np.add.at(held, self.site_bonds.i, np.linalg.norm(self.site_bonds.J, ord=2, axis=(1, 2)))
        return held

    def quadratic(self, sites: Sites) -> NDArray[np.float64]:
        """Return zeros: a bond joins two spins."""
        return np.zeros((sites.lattice.atoms, 3, 3))

    def invariant_under(
        self, sites: Sites, space: Space, turns: NDArray[np.float64], tolerance: float
    ) -> NDArray[np.bool_]:
        """Return whether every bond finds its image, J_g(i)g(j) = P J_ij P^T, [turn].

        Disorder is left where it is: the only operation on the sites of such a model is the identity.
        """
        bonds, atoms = self.bonds, sites.lattice.atoms
        here, there = bonds.J, bonds.J
        if len(bonds):
            i, j = space.image[bonds.i], space.image[bonds.j]
            offset = bonds.offset @ space.W + space.cells[bonds.j] - space.cells[bonds.i]
            reach = max(np.abs(bonds.offset).max(), np.abs(offset).max())
            shape = (atoms, atoms, *(2 * reach + 1,) * 3)
            keys = np.ravel_multi_index((bonds.i, bonds.j, *(bonds.offset + reach).T), shape)
            wanted = np.ravel_multi_index((i, j, *(offset + reach).T), shape)
            order = np.argsort(keys)
            place = order[np.searchsorted(keys[order], wanted).clip(max=len(keys) - 1)]
            there = np.where((keys[place] == wanted)[:, None, None], bonds.J[place], 0.0)
        if self.site_bonds is not None:
            here, there = (np.concatenate([J, self.site_bonds.J]) for J in (here, there))
        most = tolerance * np.abs(here).max(initial=0)
        return np.array([np.abs(P @ here @ P.T - there).max(initial=0) <= most for P in turns])

    def directions(self, sites: Sites) -> NDArray[np.float64]:
        """Return J of every bond."""
        return np.concatenate([self.bonds.J, *([] if self.site_bonds is None else [self.site_bonds.J])])

    def turns(self, sites: Sites) -> NDArray[np.float64]:
        """Return none: matrices suggest no more than the frames that are tried in any case."""
        return np.zeros((0, 3, 3))

    def relaxed_below(self, sites: Sites) -> Below:
        """Return the term itself, which is the bonds of the form."""
        return Below.nothing(sites)
