"""Couplings of two spins: exchange, DMI and anisotropic exchange, as one matrix on a bond."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from magsearch.model.bonds import Bonds, Finder
from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.model.terms.term import Below, Sites, Space

FEW = 256  # bonds that are compared before all are
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
        bonds = self.bonds
        disorder = np.zeros((0, 3, 3)) if self.site_bonds is None else self.site_bonds.J
        most = tolerance * max(np.abs(bonds.J).max(initial=0), np.abs(disorder).max(initial=0))
        kept = np.array([np.abs(P @ disorder @ P.T - disorder).max(initial=0) <= most for P in turns], dtype=bool)
        matrices, kind = self._kinds
        matrices = np.concatenate([matrices, np.zeros((1, 3, 3))])  # of bonds that do not exist
        for some in (slice(0, FEW), slice(FEW, None)):  # most operations fail at the first bonds
            if not kept.any() or not len(bonds.i[some]):
                continue
            i, j = bonds.i[some], bonds.j[some]
            offset = bonds.offset[some] @ space.W + space.cells[j] - space.cells[i]
            place = self._finder(space.image[i], space.image[j], offset)
            pairs = np.unique(kind[some] * len(matrices) + np.where(place >= 0, kind[place], len(matrices) - 1))
            here, there = matrices[pairs // len(matrices)], matrices[pairs % len(matrices)]
            for k in np.flatnonzero(kept):
                kept[k] = np.abs(turns[k] @ here @ turns[k].T - there).max() <= most
        return kept

    @cached_property
    def _kinds(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distinct matrices [kind, 3, 3], and the kind of each bond."""
        flat = self.bonds.J.reshape(-1, 9) + 0.0
        unique, kind = np.unique(flat, axis=0, return_inverse=True)
        return unique.reshape(-1, 3, 3), kind.reshape(-1)

    @cached_property
    def _finder(self) -> Finder:
        return Finder(self.bonds)

    def directions(self, sites: Sites) -> NDArray[np.float64]:
        """Return J of every bond."""
        return np.concatenate([self.bonds.J, *([] if self.site_bonds is None else [self.site_bonds.J])])

    def turns(self, sites: Sites) -> NDArray[np.float64]:
        """Return none: matrices suggest no more than the frames that are tried in any case."""
        return np.zeros((0, 3, 3))

    def relaxed_below(self, sites: Sites) -> Below:
        """Return the term itself, which is the bonds of the form."""
        return Below.nothing(sites)
