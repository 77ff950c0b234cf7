"""Products of two bilinear forms of spins, each with a matrix of its own: the general form of four-spin exchange."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from magsearch.model.terms.clusters import Clusters
from magsearch.model.terms.term import Below, Sites, Space

ISOTROPIC = 1e-12  # of a matrix: one that differs less from a number is isotropic
ROUNDING = 1e-13  # of a constant: more than sums of many round
NORM = 1 + 1e-12  # computed norms are rounded up by this factor

Place = tuple[int, int, int, int]  # atom and cell
Key = tuple[tuple[Place, Place], tuple[Place, Place]]


@dataclass(frozen=True, eq=False)
class TensorProducts(Clusters):
    """- sum (s_i . A s_j) (s_k . B s_l) over the clusters i, j, k, l of every cell, each once.

    With [D] s = s x D as A and 1 as B it is the product of a Dzyaloshinskii-Moriya coupling, D . (s_i x s_j), with
    exchange. Sites may coincide: i, j, i, j with B = A is the square of a coupling.

    atoms, cells, source  as of ``Clusters``
    A, B                  [cluster, 3, 3]; their product is in meV
    """

    atoms: NDArray[np.int64]
    cells: NDArray[np.int64]
    A: NDArray[np.float64]
    B: NDArray[np.float64]
    source: tuple[str, ...] = ()

    name: ClassVar[str] = "tensor_product"  # type: ignore[misc]
    unit: ClassVar[str] = "meV"

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "atoms", np.array(self.atoms, dtype=np.int64).reshape(-1, 4))
        set_(self, "cells", np.array(self.cells, dtype=np.int64).reshape(-1, 4, 3))
        for key in ("A", "B"):
            set_(self, key, np.array(getattr(self, key), dtype=np.float64).reshape(-1, 3, 3))
        if not len(self.atoms) == len(self.cells) == len(self.A) == len(self.B):
            raise ValueError("atoms, cells, A and B must have one entry for each cluster")

    @property
    def linear_in_spin(self) -> bool:
        """Whether no site appears twice in a cluster."""
        return not np.triu(self.coincide, 1).any()

    @property
    def spin_orbit(self) -> bool:
        """Whether some matrix is more than a number."""
        for matrices in (self.A, self.B):
            number = np.trace(matrices, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)
            if np.abs(matrices - number).max(initial=0) > ISOTROPIC * np.abs(matrices).max(initial=0):
                return True
        return False

    def check(self, sites: Sites) -> None:
        """Raise ValueError for matrices that are not finite and atoms that do not exist."""
        self.refuse(~np.isfinite(np.stack([self.A, self.B])).all(axis=(0, 2, 3)), "the matrices must be finite numbers")
        self.refuse_atoms(sites)

    def energies(self, sites: Sites, spins: NDArray[Any]) -> NDArray[np.float64]:
        """Return the energy of every site, [..., site] meV; each of the four sites of a cluster has a quarter."""
        every, number = self.on_sites(sites)
        s = np.moveaxis(np.asarray(spins, dtype=np.float64), -2, 0)  # [site, ..., 3]
        i, j, k, l = (s[every[:, n]] for n in range(4))  # noqa: E741
        first = np.einsum("n...x,nxy,n...y->n...", i, self.A[number], j)
        energy = -first * np.einsum("n...x,nxy,n...y->n...", k, self.B[number], l)
        out = np.zeros(s.shape[:-1])
        for n in range(4):
            np.add.at(out, every[:, n], energy / 4)
        return np.moveaxis(out, 0, -1)

    @cached_property
    def size(self) -> NDArray[np.float64]:
        """Product of the spectral norms of A and B, rounded up: the largest modulus of each energy, [cluster] meV."""
        A, B = (np.linalg.norm(matrices, ord=2, axis=(1, 2)) for matrices in (self.A, self.B))
        return np.asarray(A * B * NORM)

    def stiffness(self, sites: Sites) -> NDArray[np.float64]:
        """Return twice the sum of |A| |B| over the clusters of each site, [site] meV, as ``SpinProducts`` does."""
        held = np.zeros(sites.lattice.atoms)
        for n in range(4):
            np.add.at(held, self.atoms[:, n], 2 * self.size)
        return np.tile(held, sites.lattice.cells)

    @cached_property
    def distinct(self) -> dict[Key, NDArray[np.float64]]:
        """A x B of every different pair of pairs of sites, [3, 3, 3, 3] meV: those that are listed twice add up."""
        found: dict[Key, NDArray[np.float64]] = {}
        for atoms, cells, A, B in zip(self.atoms.tolist(), self.cells.tolist(), self.A, self.B, strict=True):
            i, j, k, l = ((a, *cell) for a, cell in zip(atoms, cells, strict=True))  # noqa: E741
            key, tensor = _canonical(((i, j), (k, l)), np.einsum("xy,zw->xyzw", A, B))
            found[key] = found.get(key, np.zeros((3, 3, 3, 3))) + tensor
        return found

    def invariant_under(
        self, sites: Sites, space: Space, turns: NDArray[np.float64], tolerance: float
    ) -> NDArray[np.bool_]:
        """Return whether every cluster finds its image, whose matrices are P A P^T and P B P^T, [turn]."""
        kept = np.ones(len(turns), dtype=bool)
        most = tolerance * max((np.abs(tensor).max() for tensor in self.distinct.values()), default=0.0)
        W, image, cells = space.W.tolist(), space.image.tolist(), space.cells.tolist()

        def moved(place: Place) -> Place:
            a, *cell = place
            x, y, z = (sum(cell[m] * W[m][n] for m in range(3)) + cells[a][n] for n in range(3))
            return image[a], x, y, z

        for (one, other), tensor in self.distinct.items():
            places = (moved(one[0]), moved(one[1])), (moved(other[0]), moved(other[1]))
            for n in np.flatnonzero(kept):
                P = turns[n]
                there, turned = _canonical(places, np.einsum("ax,by,cz,dw,xyzw->abcd", P, P, P, P, tensor))
                found = self.distinct.get(there, np.zeros((3, 3, 3, 3)))
                kept[n] = np.abs(found - turned).max() <= most
            if not kept.any():
                break
        return kept

    def directions(self, sites: Sites) -> NDArray[np.float64]:
        """Return A and B of every cluster."""
        return np.concatenate([self.A, self.B])

    def turns(self, sites: Sites) -> NDArray[np.float64]:
        """Return none: matrices suggest no more than the frames that are tried in any case."""
        return np.zeros((0, 3, 3))

    @cached_property
    def least(self) -> NDArray[np.float64]:
        """Lower bound of the energy of each cluster, at most 0, [cluster] meV.

        It is - |A| |B|; 0 where the factors are one form with opposite signs, so that the energy is a square.
        """
        square = (self.coincide[:, 0, 2] & self.coincide[:, 1, 3]) & np.all(self.A == -self.B, axis=(1, 2))
        return np.where(square, 0.0, -self.size)

    def relaxed_below(self, sites: Sites) -> Below:
        """Return the least energy of every cluster, as a constant shared by its sites."""
        zero, constant = Below.nothing(sites), np.zeros(sites.lattice.atoms)
        for n in range(4):
            np.add.at(constant, self.atoms[:, n], (1 + ROUNDING) * self.least / 4)
        return replace(zero, constant=np.tile(constant, sites.lattice.cells), exact=not self.size.any())


def _canonical(pairs: Key, tensor: NDArray[np.float64]) -> tuple[Key, NDArray[np.float64]]:
    """Return two pairs in an order and a cell of their own, and the tensor in that order.

    What the order leaves open, since sites coincide, is averaged over.
    """
    _, *home = min(place for pair in pairs for place in pair)
    (i, j), (k, l) = (  # noqa: E741
        tuple((a, x - home[0], y - home[1], z - home[2]) for a, x, y, z in pair) for pair in pairs
    )  # fmt: skip
    for swapped, order in (((i, j), (1, 0, 2, 3)), ((k, l), (0, 1, 3, 2))):
        if swapped[0] == swapped[1]:
            tensor = 0.5 * (tensor + tensor.transpose(order))
        elif swapped[0] > swapped[1]:
            tensor = tensor.transpose(order)
    one, other = (min(i, j), max(i, j)), (min(k, l), max(k, l))
    if one == other:
        tensor = 0.5 * (tensor + tensor.transpose(2, 3, 0, 1))
    elif one > other:
        one, other, tensor = other, one, tensor.transpose(2, 3, 0, 1)
    return (one, other), tensor
