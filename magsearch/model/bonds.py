"""Couplings between two sites, as directed bonds that carry a 3x3 matrix each."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.lattice import Lattice

ROUNDING = 1e-4  # J_ij and J_ji^T may differ by this fraction of the largest coupling: digits that a file did not print

FARTHEST = 2**53  # cells: whole numbers from here on are not exact in double precision
SUMS = 1e-12  # of the largest coupling: differences of sums in another order


def exchange_matrix(J: ArrayLike) -> NDArray[np.float64]:
    """Return J 1, [..., 3, 3]."""
    return np.asarray(J, dtype=np.float64)[..., None, None] * np.eye(3)


def dmi_matrix(D: ArrayLike) -> NDArray[np.float64]:
    """Return the matrix M with s_i . M s_j = D . (s_i x s_j), [..., 3, 3]."""
    x, y, z = np.moveaxis(np.asarray(D, dtype=np.float64), -1, 0)
    zero = np.zeros_like(x)
    rows = [[zero, z, -y], [-z, zero, x], [y, -x, zero]]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def dmi_vector(J: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vector D of the antisymmetric part of matrices [..., 3, 3], [..., 3]: ``dmi_matrix`` the other way."""
    odd = 0.5 * (J - J.swapaxes(-1, -2))
    return np.stack([odd[..., 1, 2], odd[..., 2, 0], odd[..., 0, 1]], axis=-1)


def diagonal(J: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which matrices [..., 3, 3] have zeros off the diagonal: isotropic exchange, XXZ, Kitaev, ..."""
    return np.asarray((J * (1 - np.eye(3)) == 0).all(axis=(-2, -1)))


class BondError(ValueError):
    """A coupling that makes no sense, or does not fit the lattice.

    source   where it was read; empty if unknown, else the message begins with it
    """

    def __init__(self, message: str, source: str):
        self.source = source
        super().__init__(message)


@dataclass(frozen=True, eq=False)
class Bonds:
    """Directed bonds: atom i of a cell feels atom j of the cell ``offset`` cells away through the matrix J.

    i, j     [bond]        atoms of the basis (in a per-site list: sites)
    offset   [bond, 3]     cells from i to j (in a per-site list: zeros)
    J        [bond, 3, 3]  meV, E = - 1/2 sum over directed bonds of s_i . J s_j
    source   where each bond was read ("jfile:12"), for error messages; may be empty
    """

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    offset: NDArray[np.int64]
    J: NDArray[np.float64]
    source: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        for name in ("i", "j"):
            set_(self, name, np.array(getattr(self, name), dtype=np.int64).reshape(-1))
        set_(self, "offset", np.array(self.offset, dtype=np.int64).reshape(-1, 3))
        set_(self, "J", np.array(self.J, dtype=np.float64).reshape(-1, 3, 3))
        if not len(self.i) == len(self.j) == len(self.offset) == len(self.J):
            raise ValueError("i, j, offset and J must have one entry for each bond")
        if not np.isfinite(self.J).all():
            raise self.error(int(np.argwhere(~np.isfinite(self.J))[0, 0]), "J must be finite numbers")

    def __len__(self) -> int:
        return len(self.i)

    @classmethod
    def none(cls) -> Bonds:
        """Return an empty list of bonds."""
        nothing = np.empty(0, dtype=np.int64)
        return cls(nothing, nothing, nothing.reshape(0, 3), np.empty((0, 3, 3)))

    @classmethod
    def pairs(cls, i: ArrayLike, j: ArrayLike, J: ArrayLike, offset: ArrayLike | None = None) -> Bonds:
        """Return both directions of pairs that are listed once. J [pair, 3, 3] acts from i to j."""
        i, j, J = np.asarray(i), np.asarray(j), np.asarray(J, dtype=np.float64)
        offset = np.zeros((len(i), 3), dtype=np.int64) if offset is None else np.asarray(offset)
        return cls(
            np.concatenate([i, j]),
            np.concatenate([j, i]),
            np.concatenate([offset, -offset]),
            np.concatenate([J, J.swapaxes(1, 2)]),
        )

    def __add__(self, other: Bonds) -> Bonds:
        source: tuple[str, ...] = ()
        if self.source or other.source:
            source = (self.source or ("",) * len(self)) + (other.source or ("",) * len(other))
        return Bonds(
            np.concatenate([self.i, other.i]),
            np.concatenate([self.j, other.j]),
            np.concatenate([self.offset, other.offset]),
            np.concatenate([self.J, other.J]),
            source,
        )

    def with_matrices(self, J: NDArray[np.float64]) -> Bonds:
        """Return the same bonds with other matrices J [bond, 3, 3]."""
        return Bonds(self.i, self.j, self.offset, J, self.source)

    def at(self, index: NDArray[np.int64]) -> Bonds:
        """Return the bonds with these numbers."""
        source = tuple(self.source[k] for k in index.tolist()) if self.source else ()
        return Bonds(self.i[index], self.j[index], self.offset[index], self.J[index], source)

    def describe(self, bond: int) -> str:
        """Return a bond in words, with the place where it was read."""
        where = f"{self.source[bond]}: " if self.source and self.source[bond] else ""
        return f"{where}bond {self.i[bond]} -> {self.j[bond]}, cells {tuple(self.offset[bond].tolist())}"

    def error(self, bond: int, message: str) -> BondError:
        """Return the error that describes a bond, with the place where it was read."""
        return BondError(f"{self.describe(bond)}: {message}", self.source[bond] if self.source else "")

    def merged(self) -> Bonds:
        """Return the couplings with every (i, j, offset) once, sorted; bonds that are listed twice add up."""
        keys = np.column_stack([self.i, self.j, self.offset])
        unique, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        J = np.zeros((len(unique), 3, 3))
        np.add.at(J, inverse.reshape(-1), self.J)
        source = tuple(self.source[k] for k in first) if self.source else ()
        return Bonds(unique[:, 0], unique[:, 1], unique[:, 2:], J, source)

    def find(self, i: NDArray[np.int64], j: NDArray[np.int64], offset: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of the bonds with ends i, j [n] and offsets [n, 3], -1 where there is none."""
        return Finder(self)(i, j, offset)

    def _reverse(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the number [bond] of each bond's reverse (-1: none), its transpose [bond, 3, 3], and the asymmetry."""
        back = self.find(self.j, self.i, -self.offset)
        reverse = np.where((back >= 0)[:, None, None], self.J[back].swapaxes(1, 2), 0.0)
        return back, reverse, np.abs(self.J - reverse).max(axis=(1, 2), initial=0.0)

    def rounding(self) -> str:
        """Return in words what ``reciprocal`` averages and leaves out."""
        merged = self.merged()
        back, _, off = merged._reverse()
        differ, alone, worst = (off > SUMS * np.abs(merged.J).max()) & (back >= 0), back < 0, int(off.argmax())
        left = f", and {alone.sum()} without a reverse left out" if alone.any() else ""
        return (
            f"couplings are reciprocal to {off[worst]:.1e} meV (rounding): {differ.sum()} of {len(merged)} are "
            f"averaged with the transpose of their reverse{left}, for example {merged.describe(worst)}"
        )

    def reciprocal(self) -> tuple[Bonds, float]:
        """Bonds with J_ji = J_ij^T exactly, and the largest asymmetry (meV) that was averaged away.

        Raises ValueError, naming the bond, where the asymmetry is more than rounding (``ROUNDING``), and where one
        reaches ``FARTHEST`` cells far.
        """
        far = ((self.offset >= FARTHEST) | (self.offset <= -FARTHEST)).any(axis=1)
        if far.any():
            raise self.error(int(far.argmax()), f"reaches {FARTHEST} cells far or farther")
        merged = self.merged()
        if not len(merged):
            return merged, 0.0
        back, reverse, off = merged._reverse()
        worst = int(off.argmax())
        if off[worst] > ROUNDING * np.abs(merged.J).max():
            partner = (
                "its reverse is not listed" if back[worst] < 0 else f"its reverse has {reverse[worst].T.tolist()} meV"
            )
            raise merged.error(
                worst,
                f"J_ji must be the transpose of J_ij; this bond has {merged.J[worst].tolist()} meV, {partner}",
            )
        listed = np.flatnonzero(back >= 0)  # one of rounding size may lack its reverse: dropped with the asymmetry
        return merged.with_matrices(0.5 * (merged.J + reverse)).at(listed), float(off[worst])

    def on_sites(self, lattice: Lattice) -> Bonds:
        """Return the couplings as a per-site list: a directed bond for every cell, none across open edges."""
        cell = np.arange(lattice.cells)
        i, j, J = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty((0, 3, 3))]
        for a, b, offset, matrix in zip(self.i, self.j, self.offset, self.J, strict=True):
            there = lattice.neighbours(offset)
            inside = there >= 0
            i.append(cell[inside] * lattice.atoms + a)
            j.append(there[inside] * lattice.atoms + b)
            J.append(np.broadcast_to(matrix, (int(inside.sum()), 3, 3)))
        sites_i = np.concatenate(i)
        return Bonds(sites_i, np.concatenate(j), np.zeros((len(sites_i), 3), dtype=np.int64), np.concatenate(J))


class Finder:
    """The bonds of a list by their ends and offsets, each packed into one number."""

    def __init__(self, bonds: Bonds):
        own = np.column_stack([bonds.i, bonds.j, bonds.offset])
        self.low, self.high = own.min(axis=0, initial=0), own.max(axis=0, initial=0)
        width = [int(w) for w in self.high - self.low + 1]
        self.fits = prod(width) < 2**62
        self.base = np.array([prod(width[k + 1 :]) if self.fits else 0 for k in range(5)], dtype=np.int64)
        if not self.fits:  # offsets of billions of cells
            self.at = {tuple(key): k for k, key in enumerate(own.tolist())}
            return
        keys = (own - self.low) @ self.base
        self.order = np.argsort(keys, kind="stable")
        self.keys = keys[self.order]

    def __call__(self, i: NDArray[np.int64], j: NDArray[np.int64], offset: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of the bonds with ends i, j [n] and offsets [n, 3], -1 where there is none."""
        asked = np.column_stack([i, j, offset])
        if not self.fits:
            return np.array([self.at.get(tuple(key), -1) for key in asked.tolist()], dtype=np.int64)
        if not len(self.keys):
            return np.full(len(asked), -1)
        inside = ((asked >= self.low) & (asked <= self.high)).all(axis=1)
        wanted = np.where(inside, (asked - self.low) @ self.base, -1)
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[place] == wanted, self.order[place], -1)
