"""Parameters of the terms of one site, atom by atom, as the formula and the kernels read them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.terms.forms import bounds, line, monomials, powers, turned

ALIKE = 1e-9  # 1 - |cos| of two axes that count as one
Entry = tuple[float, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class OnsiteEntries:
    """Anisotropy of every atom: - s.A s - sum K4 (s.n)^4 + sum Kc (x^2 y^2 + y^2 z^2 + z^2 x^2) + P4(s) + P6(s).

    A      [atom, 3, 3] meV
    axial  of each atom, K4 in meV and n [3]; parallel axes share an entry
    cubic  of each atom, Kc in meV and the cube axes [3, 3] in rows; equal cubes share an entry
    forms  by degree, 4 and 6: coefficients of P4 and P6 (``forms``), [atom, coefficient] meV
    """

    A: NDArray[np.float64]
    axial: tuple[list[Entry], ...]
    cubic: tuple[list[Entry], ...]
    forms: dict[int, NDArray[np.float64]]

    @classmethod
    def none(cls, atoms: int) -> OnsiteEntries:
        """Return entries of ``atoms`` atoms without anisotropy."""
        axial, cubic = (tuple[list[Entry], ...]([] for _ in range(atoms)) for _ in range(2))
        return cls(
            np.zeros((atoms, 3, 3)), axial, cubic, {degree: np.zeros((atoms, len(powers(degree)))) for degree in (4, 6)}
        )

    @property
    def atoms(self) -> int:
        """Number of atoms."""
        return len(self.A)

    def add_quadratic(self, atom: int, A: NDArray[np.float64]) -> None:
        """Add - s.A s to an atom; A [3, 3] meV."""
        self.A[atom] += A

    def add_axial(self, atom: int, K4: float, n: NDArray[np.float64]) -> None:
        """Add - K4 (s.n)^4 to an atom; K4 in meV, n [3] of unit length."""
        _merge(self.axial[atom], K4, n, lambda other: np.abs(other @ n))

    def add_cubic(self, atom: int, Kc: float, axes: NDArray[np.float64]) -> None:
        """Add Kc (x^2 y^2 + y^2 z^2 + z^2 x^2) to an atom; Kc in meV, the rows of ``axes`` [3, 3] are the cube axes."""
        _merge(self.cubic[atom], Kc, axes, lambda other: np.abs(other @ axes.T).max(axis=1))

    def add_form(self, atom: int, degree: int, form: NDArray[np.float64]) -> None:
        """Add a homogeneous polynomial of degree 4 or 6 to an atom; its coefficients in meV."""
        self.forms[degree][atom] += form

    @property
    def uniaxial(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """K4 [atom, entry] in meV and axes [atom, entry, 3], padded with zeros."""
        return _padded(self.axial, (3,))

    @property
    def cubes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Kc [atom, entry] in meV and cube axes [atom, entry, 3, 3], padded with zeros."""
        return _padded(self.cubic, (3, 3))

    @property
    def blocks(self) -> dict[str, NDArray[np.float64]]:
        """Numbers of each kind of entry, [atom, entry, number], in the kernels' order."""
        found = {}
        for name, (constants, axes) in (("axial", self.uniaxial), ("cubic", self.cubes)):
            shape = (*constants.shape, math.prod(axes.shape[2:]))
            found[name] = np.concatenate([constants[..., None], axes.reshape(shape)], axis=2)
        for name, form in (("quartic", self.forms[4]), ("sextic", self.forms[6])):
            found[name] = form[:, None][:, : int(form.any())]
        return found

    @property
    def higher_order(self) -> bool:
        """Whether any term is of fourth or sixth order in a spin."""
        return any(block.any() for block in self.blocks.values())

    def of(self, atoms: Sequence[int] | NDArray[np.int64]) -> OnsiteEntries:
        """Return the entries of some atoms."""
        axial, cubic = (tuple(kind[atom] for atom in atoms) for kind in (self.axial, self.cubic))
        forms = {degree: form[np.asarray(atoms)] for degree, form in self.forms.items()}
        return OnsiteEntries(self.A[np.asarray(atoms)], axial, cubic, forms)

    @property
    def polynomials(self) -> dict[int, NDArray[np.float64]]:
        """All terms of higher order as forms, by degree, [atom, coefficient] meV."""
        found = {degree: form.copy() for degree, form in self.forms.items()}
        cube = ((powers(4) == 2).sum(axis=1) == 2).astype(np.float64)  # x^2 y^2 + y^2 z^2 + z^2 x^2
        for atom in range(self.atoms):
            for K4, n in self.axial[atom]:
                found[4][atom] -= K4 * line(4, n)
            for Kc, axes in self.cubic[atom]:
                found[4][atom] += Kc * turned(4, cube, axes)
        return found

    @property
    def empty(self) -> bool:
        """Whether no atom has any anisotropy."""
        return not (self.A.any() or self.higher_order)

    @property
    def higher_range(self) -> NDArray[np.float64]:
        """Upper bound of the range of the terms of higher order on the unit sphere, [atom] meV."""
        found = np.zeros(self.atoms)
        if self.higher_order:
            polynomials = self.polynomials
            for atom in range(self.atoms):
                low, high = bounds({degree: form[atom] for degree, form in polynomials.items()})
                found[atom] = high - low
        return found

    def energies(self, spins: ArrayLike) -> NDArray[np.float64]:
        """Return the energy of every atom in meV, [..., atom], for spins [..., atom, 3]; broadcasts over atoms."""
        s = np.asarray(spins, dtype=np.float64)
        (K4, n), (Kc, axes) = self.uniaxial, self.cubes
        x2, y2, z2 = np.moveaxis(np.einsum("akux,...ax->...aku", axes, s) ** 2, -1, 0)
        quartic = (K4 * np.einsum("akx,...ax->...ak", n, s) ** 4).sum(axis=-1)
        cubic = (Kc * (x2 * y2 + y2 * z2 + z2 * x2)).sum(axis=-1)
        energy = cubic - np.einsum("...ax,axy,...ay->...a", s, self.A, s) - quartic
        for degree, form in self.forms.items():
            if form.any():
                energy = energy + (monomials(degree, s) * form).sum(axis=-1)
        return np.asarray(energy)


def _merge(
    entries: list[Entry],
    constant: float,
    axes: NDArray[np.float64],
    cosine: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> None:
    """Add a constant to the entry with the same axes, or append one."""
    for k, (present, other) in enumerate(entries):
        if (1 - cosine(other) < ALIKE).all():
            entries[k] = (present + constant, axes)
            return
    entries.append((constant, axes))


def _padded(
    entries: tuple[list[Entry], ...], shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    kept = [[entry for entry in atom if entry[0] != 0] for atom in entries]
    most = max((len(atom) for atom in kept), default=0)
    constants, axes = np.zeros((len(kept), most)), np.zeros((len(kept), most, *shape))
    for a, atom in enumerate(kept):
        for k, (constant, directions) in enumerate(atom):
            constants[a, k], axes[a, k] = constant, directions
    return constants, axes
