"""Decomposition of a Hamiltonian into the terms of file formats: pairs listed once, J and D of bonds, terms of atoms.

Terms that a format cannot express raise ``CannotExpress``, which names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.formatting import counted
from magsearch.model.bonds import Bonds, dmi_vector, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.single_ion import Anisotropy, CubicAnisotropy, StevensOperator, UniaxialAnisotropy
from magsearch.model.terms.term import Term

NOISE = 1e-12  # of the largest coupling: rounding errors of sums
PARALLEL = 1e-9  # largest 1 - |cosine| between unit vectors that count as parallel

Vector = tuple[float, float, float]
Pair = tuple[tuple[int, int, int, int], ...]  # atom and cell of both spins


class CannotExpress(InputError):
    """Error for a term of the Hamiltonian that a file format cannot express."""

    def __init__(self, target: str, what: str):
        super().__init__(f"{target} cannot express {what}")


@dataclass(frozen=True)
class Atom:
    """Anisotropy of one atom of the basis, meV: K and K4 for each axis (parallel axes merged), Kc for each frame.

    Stevens operators are those of the model.
    """

    uniaxial: tuple[tuple[Vector, float, float], ...]
    cubic: tuple[tuple[float, tuple[Vector, Vector, Vector]], ...]
    stevens: tuple[StevensOperator, ...]


@dataclass(frozen=True)
class Expression:
    """Hamiltonian without disorder, decomposed for a target format.

    target  name of the format in errors and notes
    """

    hamiltonian: Hamiltonian
    target: str

    @classmethod
    def of(
        cls,
        hamiltonian: Hamiltonian,
        target: str,
        vacancies: bool = False,
        others: tuple[type[Term], ...] = (),
        stevens: bool = False,
    ) -> Expression:
        """Decompose a Hamiltonian; in a single cell, couplings between sites become bonds of the cell.

        vacancies  whether the format has vacancies
        others     kinds of other terms that it has
        stevens    whether it has Stevens operators

        Raises CannotExpress for couplings or moments that differ from cell to cell, and for what the format lacks.
        """
        lattice = hamiltonian.lattice
        for other in (other for other in hamiltonian.others if not isinstance(other, others)):
            raise CannotExpress(target, f"the term '{other.name}' ({type(other).__name__})")
        if hamiltonian.vacancies and not vacancies:
            raise CannotExpress(target, "vacancies")
        for anisotropy in hamiltonian.anisotropy:
            known = isinstance(anisotropy, UniaxialAnisotropy | CubicAnisotropy)
            if not (known or (stevens and isinstance(anisotropy, StevensOperator))):
                raise CannotExpress(target, f"the anisotropy {type(anisotropy).__name__}")
        if hamiltonian.site_bonds is not None and len(hamiltonian.site_bonds):
            if lattice.cells > 1:
                raise CannotExpress(target, "couplings that differ from cell to cell")
            hamiltonian = replace(hamiltonian, bonds=hamiltonian.bonds + hamiltonian.site_bonds, site_bonds=None)
        if np.shape(hamiltonian.moments) != (lattice.atoms,):
            raise CannotExpress(target, "moments that differ from cell to cell")
        return cls(hamiltonian, target)

    @property
    def moments(self) -> NDArray[np.float64]:
        """Moments [atom] in Bohr magnetons."""
        return np.asarray(self.hamiltonian.moments, dtype=np.float64)

    @cached_property
    def pairs(self) -> Bonds:
        """Bonds of the unit cell, every pair once."""
        bonds = self.hamiltonian.bonds
        forward = np.column_stack([bonds.offset, bonds.i, bonds.j])
        backward = np.column_stack([-bonds.offset, bonds.j, bonds.i])
        first = [tuple(f) >= tuple(b) for f, b in zip(forward.tolist(), backward.tolist(), strict=True)]
        kept = np.flatnonzero(first)
        return Bonds(bonds.i[kept], bonds.j[kept], bonds.offset[kept], bonds.J[kept])

    @cached_property
    def squares(self) -> Bonds:
        """Biquadratic exchange, every pair in both directions, with the matrix B 1 in meV.

        Raises CannotExpress for products of other spins.
        """
        ends: list[tuple[int, int]] = []
        offset: list[list[int]] = []
        B: list[float] = []
        for term in self.hamiltonian.products:
            for (one, other), constant in self.of_term(term).items():
                if one != other:
                    raise CannotExpress(self.target, f"products of more than two spins ('{term.name}')")
                (i, *here), (j, *there) = one
                ends.append((i, j))
                offset.append([y - x for x, y in zip(here, there, strict=True)])
                B.append(constant)
        pairs = np.array(ends, dtype=np.int64).reshape(-1, 2)
        J = exchange_matrix(np.array(B))
        return Bonds.pairs(pairs[:, 0], pairs[:, 1], J, np.array(offset, dtype=np.int64).reshape(-1, 3))

    def of_term(self, term: Term) -> dict[tuple[Pair, Pair], float]:
        """Return the products (ij)(kl) of a term, as pairs of atoms and cells, and their constants in meV.

        Raises CannotExpress for chiralities and products of matrices.
        """
        if not isinstance(term, SpinProducts) or term.three.any():
            raise CannotExpress(self.target, f"the term '{term.name}' ({type(term).__name__})")
        return {(key[0], key[1]): constant for key, constant in term.distinct.items()}

    @cached_property
    def noise(self) -> float:
        """Modulus in meV below which elements of couplings are rounding errors."""
        return float(NOISE * np.abs(self.hamiltonian.bonds.J).max(initial=0.0))

    def parts(self, J: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Split matrices [bond, 3, 3] into J [bond], D [bond, 3] and the symmetric traceless part [bond, 3, 3], meV."""
        even, D = 0.5 * (J + J.swapaxes(1, 2)), dmi_vector(J)
        mean = np.trace(even, axis1=1, axis2=2) / 3
        traceless = even - mean[:, None, None] * np.eye(3)
        noise = self.noise
        return mean, np.where(np.abs(D) > noise, D, 0.0), np.where(np.abs(traceless) > noise, traceless, 0.0)

    @cached_property
    def atoms(self) -> list[Atom]:
        """Anisotropy of every atom of the basis."""
        terms = self.hamiltonian.anisotropy
        return [self._atom(atom, terms) for atom in range(self.hamiltonian.lattice.atoms)]

    def _atom(self, atom: int, terms: Sequence[Anisotropy]) -> Atom:
        uniaxial: list[tuple[NDArray[np.float64], float, float]] = []
        cubic: list[tuple[float, NDArray[np.float64]]] = []
        stevens: list[StevensOperator] = []
        for term in terms:
            if term.atoms is not None and atom not in term.atoms:
                continue
            if isinstance(term, UniaxialAnisotropy):
                n = np.array(term.axis) / np.linalg.norm(term.axis)
                at = next((k for k, (m, *_) in enumerate(uniaxial) if abs(abs(m @ n) - 1) < PARALLEL), None)
                if at is None:
                    uniaxial.append((n, term.K, term.K4))
                else:
                    m, K, K4 = uniaxial[at]
                    uniaxial[at] = (m, K + term.K, K4 + term.K4)
            elif isinstance(term, CubicAnisotropy):
                frame = np.array(term.axes)
                same = (np.abs(np.abs(frame @ other.T).max(axis=1) - 1).max() < PARALLEL for _, other in cubic)
                at = next((k for k, equal in enumerate(same) if equal), None)
                if at is None:
                    cubic.append((term.Kc, frame))
                else:  # the same cube, its axes in another order
                    cubic[at] = (cubic[at][0] + term.Kc, cubic[at][1])
            elif isinstance(term, StevensOperator):
                stevens.append(term)
        return Atom(
            tuple((_vector(n), float(K), float(K4)) for n, K, K4 in uniaxial if K or K4),
            tuple((float(Kc), (_vector(a), _vector(b), _vector(c))) for Kc, (a, b, c) in cubic if Kc),
            tuple(stevens),
        )

    def isotropic(self) -> None:
        """Raise CannotExpress if a bond has anisotropic exchange besides J and D."""
        pairs = self.pairs
        anisotropic = np.abs(self.parts(pairs.J)[2]).max(axis=(1, 2), initial=0.0) > 0
        if anisotropic.any():
            bond = pairs.describe(int(anisotropic.argmax()))
            raise CannotExpress(self.target, f"anisotropic exchange: {bond} has more than J and D")

    def wrapped(self, alone: bool = False) -> tuple[Expression, list[str]]:
        """Translate every atom into the home cell; return the crystal, and a note if an atom was translated.

        alone  whether the atoms of a single cell may stay outside of it along open axes

        Raises CannotExpress if that would change the sites of a box with open edges.
        """
        h, lattice = self.hamiltonian, self.hamiltonian.lattice
        fractions, cells = lattice.basis @ np.linalg.inv(lattice.cell), lattice.outside
        if alone and lattice.cells == 1:
            cells[:, ~np.array(lattice.periodic)] = 0
        if not cells.any():
            return self, []
        moved = np.flatnonzero(cells.any(axis=1))
        if (cells[:, ~np.array(lattice.periodic)] != 0).any():
            raise CannotExpress(self.target, f"atom {moved[0]}, which lies outside of its cell along an open axis")
        inside = replace(lattice, basis=(fractions - cells) @ lattice.cell)
        offset = h.bonds.offset + cells[h.bonds.j] - cells[h.bonds.i]
        bonds = Bonds(h.bonds.i, h.bonds.j, offset, h.bonds.J)
        told = (
            f"{counted(len(moved), 'atom', 'are')} moved into the cell, for example atom {moved[0]} by "
            f"{(-cells[moved[0]]).tolist()} cells; .restart and .xyz files have their spins in these places, and so "
            "has OUT.h5 as --spins, but not files written before"
        )
        others = tuple(
            replace(term, cells=term.cells + cells[term.atoms]) if isinstance(term, SpinProducts) else term
            for term in h.others
        )
        moved_there = replace(h, lattice=inside, bonds=bonds, others=others)
        return replace(self, hamiltonian=moved_there), [f"{self.target}: {told}"]


def _vector(n: NDArray[np.float64]) -> Vector:
    return float(n[0]), float(n[1]), float(n[2])


def number(x: float) -> str:
    """Format a number with as few digits as reproduce it exactly."""
    return repr(float(x) + 0.0)


def row(values: Sequence[float] | NDArray[np.float64]) -> str:
    """Format numbers as one line, separated by blanks."""
    return " ".join(number(x) for x in values)
