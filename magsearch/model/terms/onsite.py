"""Parameters of the terms of one site, atom by atom, as the formula and the kernels read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALIKE = 1e-9  # 1 - |cos| of two axes that count as one
Entry = tuple[float, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class OnsiteEntries:
    """Anisotropy of every atom: - s.A s - sum K4 (s.n)^4 + sum Kc (x^2 y^2 + y^2 z^2 + z^2 x^2).

    A      [atom, 3, 3] meV
    axial  of each atom, K4 in meV and n [3]; parallel axes share an entry
    cubic  of each atom, Kc in meV and the cube axes [3, 3] in rows; equal cubes share an entry
    """

    A: NDArray[np.float64]
    axial: tuple[list[Entry], ...]
    cubic: tuple[list[Entry], ...]

    @classmethod
    def none(cls, atoms: int) -> OnsiteEntries:
        """Return entries of ``atoms`` atoms without anisotropy."""
        return cls(np.zeros((atoms, 3, 3)), tuple([] for _ in range(atoms)), tuple([] for _ in range(atoms)))

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

    @property
    def uniaxial(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """K4 [atom, entry] in meV and axes [atom, entry, 3], padded with zeros."""
        return _padded(self.axial, (3,))

    @property
    def cubes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Kc [atom, entry] in meV and cube axes [atom, entry, 3, 3], padded with zeros."""
        return _padded(self.cubic, (3, 3))

    @property
    def tables(self) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Constants [atom, entry] in meV and axes [atom, entry, ...] of each kind of entry, in the kernels' order."""
        return {"axial": self.uniaxial, "cubic": self.cubes}

    @property
    def fourth_order(self) -> bool:
        """Whether any term is of fourth order in a spin."""
        return any(constants.any() for constants, _ in self.tables.values())

    @property
    def empty(self) -> bool:
        """Whether no atom has any anisotropy."""
        return not (self.A.any() or self.fourth_order)

    def energies(self, spins: ArrayLike) -> NDArray[np.float64]:
        """Return the energy of every atom in meV, [..., atom], for spins [..., atom, 3]; broadcasts over atoms."""
        s = np.asarray(spins, dtype=np.float64)
        (K4, n), (Kc, axes) = self.uniaxial, self.cubes
        x2, y2, z2 = np.moveaxis(np.einsum("akux,...ax->...aku", axes, s) ** 2, -1, 0)
        quartic = (K4 * np.einsum("akx,...ax->...ak", n, s) ** 4).sum(axis=-1)
        cubic = (Kc * (x2 * y2 + y2 * z2 + z2 * x2)).sum(axis=-1)
        return np.asarray(cubic - np.einsum("...ax,axy,...ay->...a", s, self.A, s) - quartic)


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
