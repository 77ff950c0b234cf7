"""Magnetocrystalline anisotropy: the energy of one spin in the field of its crystal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.model.terms.term import Below, Sites, Space

ROUNDING = 1e-13  # of the energy of an atom
EXACT = 1e-9  # of the constants of an atom: torques that are smaller are rounding


@dataclass(frozen=True)
class UniaxialAnisotropy:
    """- K (s . axis)^2 - K4 (s . axis)^4, meV; on the listed atoms of the basis, or on all."""

    K: float
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    K4: float = 0.0
    atoms: tuple[int, ...] | None = None

    def add_to(self, entries: OnsiteEntries, atom: int) -> None:
        """Add the energy to an atom. ValueError for an axis without direction."""
        length = np.linalg.norm(self.axis)
        if len(self.axis) != 3 or not 0 < length < np.inf:
            raise ValueError(f"the anisotropy axis {self.axis} has no direction")
        n = np.asarray(self.axis) / length
        entries.add_quadratic(atom, self.K * np.outer(n, n))
        if self.K4:
            entries.add_axial(atom, self.K4, n)


@dataclass(frozen=True)
class CubicAnisotropy:
    """+ Kc (x^2 y^2 + y^2 z^2 + z^2 x^2), meV, with x, y, z the components of s along the orthogonal ``axes``."""

    Kc: float
    axes: tuple[tuple[float, float, float], ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    atoms: tuple[int, ...] | None = None

    def add_to(self, entries: OnsiteEntries, atom: int) -> None:
        """Add the energy to an atom. ValueError for axes that are not orthogonal unit vectors."""
        frame = np.asarray(self.axes, dtype=np.float64)
        if frame.shape != (3, 3) or not np.allclose(frame @ frame.T, np.eye(3), atol=1e-6):
            raise ValueError(f"the cube axes {self.axes} are not three orthogonal unit vectors")
        if self.Kc:
            entries.add_cubic(atom, self.Kc, frame)


class Anisotropy(Protocol):
    """A frozen dataclass: the anisotropy of some atoms of the basis, or of all where ``atoms`` is None."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def atoms(self) -> tuple[int, ...] | None:
        """Atoms that it acts on."""
        ...

    def add_to(self, entries: OnsiteEntries, atom: int) -> None:
        """Add the energy to an atom. ValueError for axes that make no sense."""
        ...


@dataclass(frozen=True)
class SingleIon:
    """The sum of all anisotropies of a model, which has symmetries that none of its summands has."""

    anisotropy: tuple[Anisotropy, ...]
    atoms: int

    name: ClassVar[str] = "anisotropy"
    unit: ClassVar[str] = "meV"

    @cached_property
    def entries(self) -> OnsiteEntries:
        """The parameters of every atom. ValueError for an anisotropy that makes no sense."""
        entries = OnsiteEntries.none(self.atoms)
        self.fill(entries)
        return entries

    @property
    def linear_in_spin(self) -> bool:
        """Whether there is no anisotropy."""
        return self.entries.empty

    @property
    def spin_orbit(self) -> bool:
        """Whether there is any anisotropy."""
        return not self.entries.empty

    def check(self, sites: Sites) -> None:
        """Raise ValueError for an atom that does not exist, wrong axes, and constants that are not finite."""
        entries = self.entries
        fourth = [constant for atom in (*entries.axial, *entries.cubic) for constant, _ in atom]
        if not (np.isfinite(entries.A).all() and np.isfinite(fourth).all()):
            raise ValueError("anisotropy constants and axes must be finite numbers")

    def energies(self, sites: Sites, spins: NDArray[Any]) -> NDArray[np.float64]:
        """Return - s.A s - sum K4 (s.n)^4 + sum Kc (x^2 y^2 + y^2 z^2 + z^2 x^2), [..., site] meV."""
        lattice = sites.lattice
        cells = np.asarray(spins, dtype=np.float64).reshape(*spins.shape[:-2], lattice.cells, lattice.atoms, 3)
        return self.entries.energies(cells).reshape(spins.shape[:-1]) * sites.occupied

    def fill(self, entries: OnsiteEntries) -> bool:
        """Add A, K4 and Kc of every atom."""
        for term in self.anisotropy:
            for atom in range(entries.atoms) if term.atoms is None else term.atoms:
                if not 0 <= atom < entries.atoms:
                    raise ValueError(f"anisotropy names atom {atom}; the basis has atoms 0 to {entries.atoms - 1}")
                term.add_to(entries, atom)
        return True

    def stiffness(self, sites: Sites) -> NDArray[np.float64]:
        """Return 2 |A| + 4 sum |K4| + 2 sum |Kc|, [site] meV."""
        (K4, _), (Kc, _) = self.entries.uniaxial, self.entries.cubes
        held = 2 * np.linalg.norm(self.entries.A.reshape(-1, 9), axis=1) + 4 * np.abs(K4).sum(axis=1)
        held = held + 2 * np.abs(Kc).sum(axis=1)
        return np.where(sites.occupied, np.tile(held, sites.lattice.cells), 0.0)

    def quadratic(self, sites: Sites) -> NDArray[np.float64]:
        """Return A, [atom, 3, 3] meV."""
        return self.entries.A

    def invariant_under(
        self, sites: Sites, space: Space, turns: NDArray[np.float64], tolerance: float
    ) -> NDArray[np.bool_]:
        """Return whether it stays, [turn]: on directions enough to tell any two forms of sixth order apart."""
        kinds, kind = self._kinds
        s = np.random.default_rng(0).normal(size=(64, 3))
        s /= np.linalg.norm(s, axis=1)[:, None]
        here = kinds.energies(s[:, None])  # [direction, kind]
        there = (kinds.energies((s @ P.T)[:, None]) for P in turns)
        most = max(tolerance * np.ptp(here), ROUNDING * np.abs(here).max())
        image, source = np.unique(np.stack([kind[space.image], kind]), axis=1)
        return np.array([np.abs(moved[:, image] - here[:, source]).max() <= most for moved in there])

    @cached_property
    def _kinds(self) -> tuple[OnsiteEntries, NDArray[np.int64]]:
        """The parameters of different atoms, and which of these each atom has."""
        entries = self.entries
        numbers = [entries.A, *(array for table in entries.tables.values() for array in table)]
        rows = np.concatenate([array.reshape(self.atoms, -1) for array in numbers], axis=1) + 0.0
        _, first, kind = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        axial, cubic = (tuple(of[k] for k in first) for of in (entries.axial, entries.cubic))
        return OnsiteEntries(entries.A[first], axial, cubic), kind.reshape(-1)

    def directions(self, sites: Sites) -> NDArray[np.float64]:
        """Return A, the axes n n^T of K4, and a matrix that no rotation leaves for every cube."""
        (K4, n), (Kc, axes) = self.entries.uniaxial, self.entries.cubes
        lines = np.abs(K4)[..., None, None] * n[..., :, None] * n[..., None, :]
        cubes = np.abs(Kc)[..., None, None] * (axes.swapaxes(2, 3) @ np.diag([1.0, 2.0, 3.0]) @ axes)
        parts = [self.entries.A, lines[K4 != 0], cubes[Kc != 0]]
        several = (K4 != 0).sum(axis=1) + (Kc != 0).sum(axis=1) > 1  # which may add up to a more symmetric form
        if several.any():
            parts = [self.entries.A, lines[~several][K4[~several] != 0], cubes[~several][Kc[~several] != 0]]
            for k in np.flatnonzero(several):
                about = _free_axes(K4[k], n[k], Kc[k], axes[k])
                if len(about) == 0:
                    parts += [lines[k][K4[k] != 0], cubes[k][Kc[k] != 0]]
                elif len(about) == 1:
                    parts.append((np.abs(K4[k]).sum() + np.abs(Kc[k]).sum()) * about[:, :, None] * about[:, None, :])
        return np.concatenate(parts)

    def turns(self, sites: Sites) -> NDArray[np.float64]:
        """Return the operations of the first cube, and those that permute the fourth-order axes of an atom."""
        (K4, n), (Kc, axes) = self.entries.uniaxial, self.entries.cubes
        cubes = axes[Kc != 0]
        found = list(_cube_group(cubes[0])) if len(cubes) else []
        several = (K4 != 0).sum(axis=1) + (Kc != 0).sum(axis=1) > 1
        if several.any():
            k = int(several.argmax())
            found += _permuting(np.concatenate([n[k, K4[k] != 0], axes[k, Kc[k] != 0].reshape(-1, 3)]))
        return np.array(found).reshape(-1, 3, 3)

    def relaxed_below(self, sites: Sites) -> Below:
        """Return the form with u = (s.n)^2, 0 <= u <= 1: - K4 u^2 >= - K4 u for an easy axis, 0 for a hard one.

        Cubic anisotropy is at least min(0, Kc / 3).
        """
        (K4, n), (Kc, _) = self.entries.uniaxial, self.entries.cubes
        A = self.entries.A + np.einsum("ak,akx,aky->axy", np.maximum(K4, 0), n, n)
        constant = np.minimum(Kc / 3, 0).sum(axis=1)
        cells, occupied = sites.lattice.cells, sites.occupied
        return Below(
            np.where(occupied[:, None, None], np.tile(A, (cells, 1, 1)), 0.0),
            np.zeros((len(occupied), 3)),
            np.where(occupied, np.tile(constant, cells), 0.0),
            not self.entries.fourth_order,
        )


def _free_axes(
    K4: NDArray[np.float64], n: NDArray[np.float64], Kc: NDArray[np.float64], axes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return axes [0, 1 or 3, 3] about which any rotation leaves the fourth-order terms of one atom."""
    s = np.random.default_rng(0).normal(size=(64, 3))
    s /= np.linalg.norm(s, axis=1)[:, None]
    u = np.einsum("kux,dx->dku", axes, s)
    gradient = -4 * np.einsum("k,dk,kx->dx", K4, (s @ n.T) ** 3, n)
    gradient += 2 * np.einsum("k,dku,kux->dx", Kc, u * ((u**2).sum(axis=2, keepdims=True) - u**2), axes)
    _, size, w = np.linalg.svd(np.cross(s, gradient), full_matrices=False)
    return w[size <= EXACT * (np.abs(K4).sum() + np.abs(Kc).sum()) * len(s) ** 0.5]


def _cube_group(frame: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Yield the 48 operations of a cube with its axes in the rows of ``frame``, the identity first."""
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        yield _without_rounding(frame.T @ (np.array(signs)[:, None] * np.eye(3)[list(order)]) @ frame)


def _permuting(lines: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Orthogonal matrices that map two lines [line, 3] that are not parallel onto two of the lines, identity first."""
    one = lines[0]
    apart = np.flatnonzero(np.abs(lines @ one) < 1 - 1e-6)
    if not len(apart):
        return []
    other = lines[apart[0]]
    before = np.linalg.inv(np.array([one, other, np.cross(one, other)]))
    found = []
    both = [sign * line for line in lines for sign in (1.0, -1.0)]
    for a, b in product(both, both):
        if abs(a @ b - one @ other) < 1e-9:
            images = (np.array([a, b, sign * np.cross(a, b)]) for sign in (1.0, -1.0))
            found += [_without_rounding((before @ image).T) for image in images]
    return found


def _without_rounding(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(turn - turn.round()) < 1e-12, turn.round(), turn) + 0.0
