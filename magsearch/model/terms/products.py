"""Products of spins of several sites: biquadratic, three-site, four-spin and ring exchange, and scalar chirality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.terms.clusters import Clusters
from magsearch.model.terms.term import Below, Sites, Space

FORMS = {"product": (1.0, 0.0, 0.0), "ring": (1.0, 1.0, -1.0)}  # of four spins i, j, k, l
PAIRINGS = (((0, 1), (2, 3)), ((1, 2), (3, 0)), ((0, 2), (1, 3)))  # the scalar products of a, b and c
CYCLES = ((0, 1, 2, 3), (1, 0, 3, 2), (2, 3, 0, 1), (3, 2, 1, 0))  # orders of the sites that keep a, b and c
TURNS = ((0, 1, 2, 0), (1, 2, 0, 1), (2, 0, 1, 2))  # orders that keep the sign of a chirality
ROUNDING = 1e-13  # of a constant: more than sums of many round
EVEN = tuple(order[:3] for order in TURNS)

Place = tuple[int, int, int, int]  # atom and cell
Key = tuple[tuple[Place, ...], ...]


@dataclass(frozen=True, eq=False)
class SpinProducts(Clusters):
    """- sum [a (ij)(kl) + b (jk)(li) + c (ik)(jl) + t i.(j x k)] over the clusters i, j, k, l of every cell.

    Each listed cluster counts once in every cell, and (ij) is s_i . s_j. Sites may coincide: i, j, i, j with a alone is
    biquadratic. A cluster with a chirality t has three sites, a = b = c = 0, and repeats its first site as fourth.

    name       of its part of the energy
    atoms      [cluster, 4] atoms of the basis
    cells      [cluster, 4, 3] cell of each of them, counted from any cell
    constants  [cluster, 4] a, b, c, t in meV
    source     where each cluster was read, for error messages; may be empty
    """

    name: str
    atoms: NDArray[np.int64]
    cells: NDArray[np.int64]
    constants: NDArray[np.float64]
    source: tuple[str, ...] = ()

    unit: ClassVar[str] = "meV"
    spin_orbit: ClassVar[bool] = False

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "atoms", np.array(self.atoms, dtype=np.int64).reshape(-1, 4))
        set_(self, "cells", np.array(self.cells, dtype=np.int64).reshape(-1, 4, 3))
        set_(self, "constants", np.array(self.constants, dtype=np.float64).reshape(-1, 4))
        if not len(self.atoms) == len(self.cells) == len(self.constants):
            raise ValueError("atoms, cells and constants must have one entry for each cluster")

    @classmethod
    def biquadratic(
        cls, i: ArrayLike, j: ArrayLike, offset: ArrayLike, B: ArrayLike, source: tuple[str, ...] = ()
    ) -> SpinProducts:
        """Return - sum B (s_i . s_j)^2 over pairs listed once; offset [pair, 3] in cells from i to j, B [pair] meV."""
        i, j, offset = np.asarray(i), np.asarray(j), np.asarray(offset).reshape(-1, 3)
        nowhere = np.zeros_like(offset)
        constants = np.zeros((len(i), 4))
        constants[:, 0] = B
        cells = np.stack([nowhere, offset, nowhere, offset], axis=1)
        return cls("biquadratic", np.stack([i, j, i, j], axis=1), cells, constants, source)

    @classmethod
    def four_spin(
        cls, atoms: ArrayLike, cells: ArrayLike, K: ArrayLike, form: str = "product", source: tuple[str, ...] = ()
    ) -> SpinProducts:
        """Return - sum K (ij)(kl), or the ring form - sum K [(ij)(kl) + (jk)(li) - (ik)(jl)]; K [cluster] meV.

        atoms [cluster, 4], cells [cluster, 4, 3] of i, j, k, l.
        """
        constants = np.append(np.outer(np.atleast_1d(K), FORMS[form]), np.zeros((np.size(K), 1)), axis=1)
        return cls("four_spin", np.asarray(atoms), np.asarray(cells), constants, source)

    @classmethod
    def chirality(cls, atoms: ArrayLike, cells: ArrayLike, T: ArrayLike, source: tuple[str, ...] = ()) -> SpinProducts:
        """Return - sum T s_i . (s_j x s_k); atoms [cluster, 3], cells [cluster, 3, 3], T [cluster] meV."""
        atoms, cells = np.asarray(atoms).reshape(-1, 3), np.asarray(cells).reshape(-1, 3, 3)
        constants = np.zeros((len(atoms), 4))
        constants[:, 3] = T
        return cls("chirality", atoms[:, TURNS[0]], cells[:, TURNS[0]], constants, source)

    @classmethod
    def joined(cls, parts: Sequence[SpinProducts]) -> tuple[SpinProducts, ...]:
        """Return one term for each name, in the order in which the names appear, without those that have no cluster."""
        found = []
        for name in dict.fromkeys(part.name for part in parts):
            same = [part for part in parts if part.name == name and len(part)]
            if same:
                atoms, cells, constants = (
                    np.concatenate([getattr(part, kind) for part in same]) for kind in ("atoms", "cells", "constants")
                )
                source = tuple(where for part in same for where in part.source or ("",) * len(part))
                found.append(cls(name, atoms, cells, constants, source))
        return tuple(found)

    @property
    def three(self) -> NDArray[np.bool_]:
        """Whether each cluster has a chirality, and thus three sites, [cluster]."""
        return self.constants[:, 3] != 0

    @property
    def linear_in_spin(self) -> bool:
        """Whether no site appears twice in a product."""
        return not (np.triu(self.coincide, 1).any(axis=(1, 2)) & ~self.three).any()

    def check(self, sites: Sites) -> None:
        """Raise ValueError for constants that are not finite, atoms that do not exist, wrong coincidences of sites."""
        self.refuse(~np.isfinite(self.constants).all(axis=1), "the constants must be finite numbers")
        self.refuse_atoms(sites)
        wrong = ~self.coincide[:, 0, 3] | self.coincide[:, [0, 1, 2], [1, 2, 0]].any(axis=1)
        wrong |= self.constants[:, :3].any(axis=1)
        self.refuse(self.three & wrong, "a chirality has three different sites and no other constant")
        pairs = [self.coincide[:, a, b] & (self.constants[:, n] != 0) for n in range(3) for a, b in PAIRINGS[n]]
        self.refuse(np.any(pairs, axis=0), "has a scalar product of a spin with itself")

    def energies(self, sites: Sites, spins: NDArray[Any]) -> NDArray[np.float64]:
        """Return the energy of every site, [..., site] meV; that of a cluster is shared equally among its sites."""
        every, number = self.on_sites(sites)
        s = np.moveaxis(np.asarray(spins, dtype=np.float64), -2, 0)  # [site, ..., 3]
        i, j, k, l = (s[every[:, n]] for n in range(4))  # noqa: E741
        constants = self.constants[number].reshape(-1, 4, *(1,) * (s.ndim - 2))

        def dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray((a * b).sum(axis=-1))

        energy = -constants[:, 0] * dot(i, j) * dot(k, l) - constants[:, 1] * dot(j, k) * dot(l, i)
        energy -= constants[:, 2] * dot(i, k) * dot(j, l) + constants[:, 3] * dot(i, np.cross(j, k))
        three = self.three[number]
        out = np.zeros(s.shape[:-1])
        for n in range(4):
            share = np.where(three, 1 / 3 if n < 3 else 0.0, 1 / 4).reshape(-1, *(1,) * (s.ndim - 2))
            np.add.at(out, every[:, n], share * energy)
        return np.moveaxis(out, 0, -1)

    def stiffness(self, sites: Sites) -> NDArray[np.float64]:
        """Return twice the sum of the moduli over the clusters of each site, [site] meV.

        A cluster curves the energy by up to four times its constant: once by the field along a spin, and once by each
        of the three other spins. A bond does so by 2 |J|, and counts |J|.
        """
        held, size = np.zeros(sites.lattice.atoms), 2 * np.abs(self.constants).sum(axis=1)
        for n in range(4):
            np.add.at(held, self.atoms[:, n], np.where(self.three & (n == 3), 0.0, size))
        return np.tile(held, sites.lattice.cells)

    @cached_property
    def distinct(self) -> dict[Key, float]:
        """Constants in meV of every different product: two pairs of sites, or the three sites of a chirality."""
        found: dict[Key, float] = {}
        for atoms, cells, constants in zip(
            self.atoms.tolist(), self.cells.tolist(), self.constants.tolist(), strict=True
        ):
            places = [(a, *cell) for a, cell in zip(atoms, cells, strict=True)]
            products = [tuple(tuple(places[n] for n in pair) for pair in pairing) for pairing in PAIRINGS]
            for product, constant in zip((*products, (tuple(places[:3]),)), constants, strict=True):
                if constant:
                    key, sign = _canonical(product)
                    found[key] = found.get(key, 0.0) + sign * constant
        return {key: constant for key, constant in found.items() if constant}

    def invariant_under(
        self, sites: Sites, space: Space, turns: NDArray[np.float64], tolerance: float
    ) -> NDArray[np.bool_]:
        """Return whether every product finds its image, [turn]; improper turns reverse chiralities."""
        proper = np.linalg.det(turns) > 0
        kept = np.ones(len(turns), dtype=bool)
        most = tolerance * max(map(abs, self.distinct.values()), default=0.0)
        W, image, cells = space.W.tolist(), space.image.tolist(), space.cells.tolist()

        def moved(place: Place) -> Place:
            a, *cell = place
            x, y, z = (sum(cell[m] * W[m][n] for m in range(3)) + cells[a][n] for n in range(3))
            return image[a], x, y, z

        for key, constant in self.distinct.items():
            there, sign = _canonical(tuple(tuple(map(moved, part)) for part in key))
            found = sign * self.distinct.get(there, 0.0)
            if abs(constant - found) > most:
                kept &= ~proper if len(key) == 1 else False
            if len(key) == 1 and abs(constant + found) > most:
                kept &= proper
            if not kept.any():
                break
        return kept

    def directions(self, sites: Sites) -> NDArray[np.float64]:
        """Return none: global spin rotations change nothing."""
        return np.zeros((0, 3, 3))

    def turns(self, sites: Sites) -> NDArray[np.float64]:
        """Return none."""
        return np.zeros((0, 3, 3))

    @cached_property
    def least(self) -> NDArray[np.float64]:
        """Lower bound of the energy of each cluster, at most 0, [cluster] meV.

        The products p = (ij)(kl), q = (jk)(li), r = (ik)(jl) lie in the convex hull of (1, 1, 1), the unit vectors and
        their opposites: |p + q - r| <= 1, being the real part of a product of four unit quaternions, and so for
        the two other signs. The square of a biquadratic cluster is between 0 and 1; a chirality between -1 and 1.
        """
        a, b, c, t = self.constants.T
        four = -np.max(np.abs([a, b, c, a + b + c]), axis=0)
        return np.asarray(np.where(self._pairs, np.minimum(self.squares, 0.0), four) - np.abs(t))

    @property
    def _pairs(self) -> NDArray[np.bool_]:
        """Whether each cluster is the square of one scalar product, i, j, i, j, [cluster]."""
        return np.asarray(self.coincide[:, 0, 2] & self.coincide[:, 1, 3] & (self.constants[:, 2] == 0))

    @property
    def squares(self) -> NDArray[np.float64]:
        """B of + b (s_i . s_j)^2 of each cluster that is one, [cluster] meV; zero for others."""
        return np.where(self._pairs, -self.constants[:, 0] - self.constants[:, 1], 0.0)

    def relaxed_below(self, sites: Sites) -> Below:
        """Return the least energy of every cluster, as a constant shared by its sites.

        Clusters that open edges or vacancies leave out are counted: their least energy is not positive.
        """
        zero, constant = Below.nothing(sites), np.zeros(sites.lattice.atoms)
        for n in range(4):
            np.add.at(constant, self.atoms[:, n], (1 + ROUNDING) * self.least / 4)
        return replace(zero, constant=np.tile(constant, sites.lattice.cells), exact=not self.constants.any())


def _canonical(product: Key) -> tuple[Key, float]:
    """Return a product in an order and a cell of its own, and its sign: that of the order of three sites."""
    _, *home = min(place for part in product for place in part)
    parts = [tuple((a, x - home[0], y - home[1], z - home[2]) for a, x, y, z in part) for part in product]
    if len(parts) == 1:
        (three,) = parts
        order = tuple(sorted(range(3), key=lambda n: three[n]))
        return (tuple(three[n] for n in order),), 1.0 if order in EVEN else -1.0
    return tuple(sorted(tuple(sorted(part)) for part in parts)), 1.0
