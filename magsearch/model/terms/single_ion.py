"""Magnetocrystalline anisotropy: the energy of one spin in the field of its crystal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from magsearch.model.terms.form_symmetry import cube_group, free_axes, permuting, stationary_lines
from magsearch.model.terms.forms import STEVENS, bounds, stevens, turned
from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.model.terms.term import Below, Sites, Space

ROUNDING = 1e-13  # of the energy of an atom
CUBE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
Axes = tuple[tuple[float, float, float], ...]


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
    axes: Axes = CUBE
    atoms: tuple[int, ...] | None = None

    def add_to(self, entries: OnsiteEntries, atom: int) -> None:
        """Add the energy to an atom. ValueError for axes that are not orthogonal unit vectors."""
        frame = _orthogonal(self.axes, "cube axes")
        if self.Kc:
            entries.add_cubic(atom, self.Kc, frame)


@dataclass(frozen=True)
class StevensOperator:
    """+ B O_k^q(s), meV, in the classical limit: ``forms.stevens`` of the components of s along ``axes``.

    k is 2, 4 or 6, and -k <= q <= k; the axes are orthogonal unit vectors.
    """

    k: int
    q: int
    B: float
    axes: Axes = CUBE
    atoms: tuple[int, ...] | None = None

    def add_to(self, entries: OnsiteEntries, atom: int) -> None:
        """Add the energy to an atom. ValueError for axes that are not orthogonal unit vectors, and for other k, q."""
        frame = _orthogonal(self.axes, "axes")
        if self.k not in STEVENS or abs(self.q) > self.k:
            raise ValueError(f"there is no O_{self.k}^{self.q}; expected k = 2, 4 or 6 and q from -k to k")
        form = self.B * turned(self.k, stevens(self.k, self.q), frame)
        if self.k == 2:
            xx, xy, xz, yy, yz, zz = form
            entries.add_quadratic(atom, -np.array([[xx, xy / 2, xz / 2], [xy / 2, yy, yz / 2], [xz / 2, yz / 2, zz]]))
        else:
            entries.add_form(atom, self.k, form)


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
        higher = [constant for atom in (*entries.axial, *entries.cubic) for constant, _ in atom]
        parts = (entries.A, np.array(higher), *entries.forms.values())
        if not all(np.isfinite(part).all() for part in parts):
            raise ValueError("anisotropy constants and axes must be finite numbers")

    def energies(self, sites: Sites, spins: NDArray[Any]) -> NDArray[np.float64]:
        """Return - s.A s - sum K4 (s.n)^4 + sum Kc (x^2 y^2 + y^2 z^2 + z^2 x^2) + P4(s) + P6(s), [..., site] meV."""
        lattice = sites.lattice
        cells = np.asarray(spins, dtype=np.float64).reshape(*spins.shape[:-2], lattice.cells, lattice.atoms, 3)
        return self.entries.energies(cells).reshape(spins.shape[:-1]) * sites.occupied

    def fill(self, entries: OnsiteEntries) -> bool:
        """Add A, K4, Kc and the forms of every atom."""
        for term in self.anisotropy:
            for atom in range(entries.atoms) if term.atoms is None else term.atoms:
                if not 0 <= atom < entries.atoms:
                    raise ValueError(f"anisotropy names atom {atom}; the basis has atoms 0 to {entries.atoms - 1}")
                term.add_to(entries, atom)
        return True

    def stiffness(self, sites: Sites) -> NDArray[np.float64]:
        """Return 2 |A| + 4 sum |K4| + 2 sum |Kc| + half the ranges of the forms times their degree, [site] meV."""
        (K4, _), (Kc, _) = self.entries.uniaxial, self.entries.cubes
        held = 2 * np.linalg.norm(self.entries.A.reshape(-1, 9), axis=1) + 4 * np.abs(K4).sum(axis=1)
        held = held + 2 * np.abs(Kc).sum(axis=1)
        for degree, form in self.entries.forms.items():
            held = held + 0.5 * degree * np.array(
                [high - low for low, high in (bounds({degree: each}) for each in form)]
            )
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
        numbers = [entries.A, *entries.blocks.values()]
        rows = np.concatenate([array.reshape(self.atoms, -1) for array in numbers], axis=1) + 0.0
        _, first, kind = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        return entries.of(first), kind.reshape(-1)

    @cached_property
    def _mixed(self) -> dict[int, tuple[float, NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]]:
        """Atoms with terms of higher order that may add up to a more symmetric form, and what is known of that.

        Its largest coefficient, the axes [0, 1 or 3, 3] about which any rotation leaves it, and if there are none,
        lines [line, 3] that turn with it and their kinds [line].
        """
        (K4, n), (Kc, axes) = self.entries.uniaxial, self.entries.cubes
        shaped = np.any([form.any(axis=1) for form in self.entries.forms.values()], axis=0)
        found = {}
        for k in np.flatnonzero(shaped | ((K4 != 0).sum(axis=1) + (Kc != 0).sum(axis=1) > 1)).tolist():
            forms = {degree: form[0] for degree, form in self.entries.of([k]).polynomials.items()}
            scale = np.abs(K4[k]).sum() + np.abs(Kc[k]).sum()
            scale += sum(np.abs(form[k]).max() for form in self.entries.forms.values())
            about = free_axes(forms, scale)
            lines = np.concatenate([n[k, K4[k] != 0], axes[k, Kc[k] != 0].reshape(-1, 3)])
            kinds = np.zeros(len(lines), dtype=np.int64)
            if shaped[k] and len(about) == 0:
                lines, kinds = stationary_lines(forms, scale)
            found[k] = scale, about, lines, kinds
        return found

    def directions(self, sites: Sites) -> NDArray[np.float64]:
        """Return A, the axes n n^T of K4 and of forms, and a matrix that no rotation leaves for every cube."""
        (K4, n), (Kc, axes) = self.entries.uniaxial, self.entries.cubes
        lines = np.abs(K4)[..., None, None] * n[..., :, None] * n[..., None, :]
        cubes = np.abs(Kc)[..., None, None] * (axes.swapaxes(2, 3) @ np.diag([1.0, 2.0, 3.0]) @ axes)
        alone = np.ones(self.atoms, dtype=bool)
        alone[list(self._mixed)] = False
        parts = [self.entries.A, lines[alone][K4[alone] != 0], cubes[alone][Kc[alone] != 0]]
        for atom, (scale, about, axial, _) in self._mixed.items():
            found = axial if len(about) == 0 else about[: len(about) % 3]
            parts.append(scale * found[:, :, None] * found[:, None, :])
            if len(about) == 0:
                parts.append(cubes[atom][Kc[atom] != 0])
        return np.concatenate(parts)

    def turns(self, sites: Sites) -> NDArray[np.float64]:
        """Return the operations of the first cube, and those that permute the axes of an atom with several terms."""
        (_, _), (Kc, axes) = self.entries.uniaxial, self.entries.cubes
        cubes = axes[Kc != 0]
        found = list(cube_group(cubes[0])) if len(cubes) else []
        for _, about, lines, kinds in list(self._mixed.values())[:1]:
            if len(about) == 0:
                found += permuting(lines, kinds)
        return np.array(found).reshape(-1, 3, 3)

    def relaxed_below(self, sites: Sites) -> Below:
        """Return the form with u = (s.n)^2, 0 <= u <= 1: - K4 u^2 >= - K4 u for an easy axis, 0 for a hard one.

        Cubic anisotropy is at least min(0, Kc / 3); forms are at least their minimum on the sphere.
        """
        (K4, n), (Kc, _) = self.entries.uniaxial, self.entries.cubes
        A = self.entries.A + np.einsum("ak,akx,aky->axy", np.maximum(K4, 0), n, n)
        constant = np.minimum(Kc / 3, 0).sum(axis=1)
        for atom in range(self.atoms):
            constant[atom] += bounds({degree: form[atom] for degree, form in self.entries.forms.items()})[0]
        cells, occupied = sites.lattice.cells, sites.occupied
        return Below(
            np.where(occupied[:, None, None], np.tile(A, (cells, 1, 1)), 0.0),
            np.zeros((len(occupied), 3)),
            np.where(occupied, np.tile(constant, cells), 0.0),
            not self.entries.higher_order,
        )


def _orthogonal(axes: Axes, name: str) -> NDArray[np.float64]:
    """Return axes as rows. ValueError where they are not orthogonal unit vectors."""
    frame = np.asarray(axes, dtype=np.float64)
    if frame.shape != (3, 3) or not np.allclose(frame @ frame.T, np.eye(3), atol=1e-6):
        raise ValueError(f"the {name} {axes} are not three orthogonal unit vectors")
    return frame
