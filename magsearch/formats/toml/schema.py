"""The keys of the [model] table of magsearch's own input files and of the tables in it: types, units, meanings."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import field
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Len

from magsearch.formats.toml.couplings import (
    DMI,
    Biquadratic,
    BiquadraticBond,
    Bond,
    Chirality,
    Exchange,
    FourSpin,
    Kitaev,
    Matrix,
    TensorProduct,
    TwoIon,
    Vector,
)
from magsearch.formats.toml.structure import Magnetic, Nonmagnetic, Symmetry
from magsearch.formats.toml.table import Table
from magsearch.formats.toml.waves import WaveVector
from magsearch.model.lattice import NAMED
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.single_ion import Anisotropy, CubicAnisotropy, StevensOperator, UniaxialAnisotropy
from magsearch.units import JOULE, MRY

UNITS = {"meV": 1.0, "mRy": MRY, "J": JOULE}
ATOMS: dict[str, Any] = {"doc": "Atoms of the basis, from 0.", "default": "all", "ge": 0}


class Atom(Table, path="model.basis"):
    """An atom of the basis, `[[model.basis]]` or an inline table."""

    position: Vector = field(
        metadata={"doc": "Position in units of the cell vectors; with `cartesian`, in those of the constant."}
    )
    species: str = field(default="A", metadata={"doc": "Chemical symbol or any other name."})
    moment: float | None = field(
        default=None, metadata={"doc": "Magnetic moment.", "unit": "mu_B", "default": "`model.moment`", "gt": 0}
    )


ORIGIN = Atom(position=[0.0, 0.0, 0.0])


class Uniaxial(Table, path="model.anisotropy"):
    """Uniaxial anisotropy, `[[model.anisotropy]]`."""

    K: float = field(metadata={"doc": "Anisotropy of second order, positive for an easy axis.", "unit": "`unit`"})
    axis: Vector = field(default_factory=lambda: [0.0, 0.0, 1.0], metadata={"doc": "The axis; its length is ignored."})
    K4: float = field(default=0.0, metadata={"doc": "Anisotropy of fourth order.", "unit": "`unit`"})
    atoms: list[int] | None = field(default=None, metadata=ATOMS)

    def term(self, unit: float) -> Anisotropy:
        """Return the term of the Hamiltonian; ``unit`` is that of the file in meV."""
        x, y, z = self.axis
        return UniaxialAnisotropy(unit * self.K, (x, y, z), unit * self.K4, _chosen(self.atoms))


class Cubic(Table, path="model.cubic"):
    """Cubic anisotropy, `[[model.cubic]]`."""

    Kc: float = field(metadata={"doc": "Cubic anisotropy, positive for easy axes.", "unit": "`unit`"})
    axes: Matrix = field(
        default_factory=lambda: np.eye(3).tolist(), metadata={"doc": "The three axes, orthogonal unit vectors."}
    )
    atoms: list[int] | None = field(default=None, metadata=ATOMS)

    def term(self, unit: float) -> Anisotropy:
        """Return the term of the Hamiltonian; ``unit`` is that of the file in meV."""
        axes = tuple((x, y, z) for x, y, z in self.axes)
        return CubicAnisotropy(unit * self.Kc, axes, _chosen(self.atoms))


class Stevens(Table, path="model.stevens"):
    """Stevens operator of an atom in the classical limit, + B O_k^q(s), `[[model.stevens]]`."""

    k: Literal[2, 4, 6] = field(metadata={"doc": "Order of the operator."})
    q: int = field(metadata={"doc": "Component, from -k to k; negative ones have the sine.", "ge": -6, "le": 6})
    B: float = field(metadata={"doc": "Constant of the operator.", "unit": "`unit`"})
    axes: Matrix = field(
        default_factory=lambda: np.eye(3).tolist(),
        metadata={"doc": "Its x, y and z axes, orthogonal unit vectors."},
    )
    atoms: list[int] | None = field(default=None, metadata=ATOMS)

    def term(self, unit: float) -> Anisotropy:
        """Return the term of the Hamiltonian; ``unit`` is that of the file in meV."""
        axes = tuple((x, y, z) for x, y, z in self.axes)
        return StevensOperator(self.k, self.q, unit * self.B, axes, _chosen(self.atoms))


class Dipoles(Table, path="model.dipole"):
    """Dipole-dipole interaction of all moments, lattice sums along periodic axes; `dipole = true` for the defaults."""

    demagnetising: Vector = field(
        default_factory=lambda: [0.0, 0.0, 0.0],
        metadata={"doc": "Demagnetising factors along x, y, z of a crystal with three periodic axes; zeros: tin foil."},
    )

    def term(self) -> Dipole:
        """Return the term of the Hamiltonian."""
        x, y, z = self.demagnetising
        return Dipole((x, y, z))


def dipoles(given: bool | Dipoles) -> tuple[Dipole, ...]:
    """Return the terms that the key `dipole` of [model] asks for: one or none."""
    if isinstance(given, bool):
        return (Dipole(),) if given else ()
    return (given.term(),)


def _listed(name: str, doc: str) -> Any:
    """Return the field of a list of tables, described by what they are."""
    return dataclasses.field(default_factory=list, metadata={"doc": f"{doc}, see [[model.{name}]]."})


class Model(Table, path="model"):
    """The crystal and its couplings ([formats.md](formats.md))."""

    size: Annotated[list[int], Len(3, 3)] = dataclasses.field(
        metadata={"doc": "Number of unit cells along the three axes.", "ge": 1}
    )
    title: str = dataclasses.field(default="", metadata={"doc": "Title of the model."})
    lattice: str | None = dataclasses.field(
        default=None, metadata={"doc": f"A lattice by name, instead of `cell`: {', '.join(NAMED)}.", "default": "none"}
    )
    cell: Matrix | None = dataclasses.field(
        default=None, metadata={"doc": "The three vectors of the unit cell.", "unit": "`constant`", "default": "none"}
    )
    basis: Annotated[list[Atom], Len(1)] | None = dataclasses.field(
        default=None, metadata={"doc": "The atoms of the unit cell.", "default": "one atom at the origin"}
    )
    structure: str | None = dataclasses.field(
        default=None,
        metadata={
            "doc": "File of the crystal, instead of `cell` and `basis`: POSCAR, CIF, mCIF, extended XYZ; relative to "
            "the input.",
            "default": "none",
        },
    )
    magnetic: list[Magnetic] = _listed("magnetic", "Magnetic atoms of the structure")
    nonmagnetic: list[Nonmagnetic] = _listed("nonmagnetic", "Atoms without a spin")
    symmetry: bool | Symmetry = dataclasses.field(
        default=False,
        metadata={
            "doc": "Whether bonds and anisotropies that are given once hold for all equivalent ones, see "
            "[model.symmetry]."
        },
    )
    constant: float = dataclasses.field(default=1.0, metadata={"doc": "Lattice constant.", "unit": "angstrom", "gt": 0})
    cartesian: bool = dataclasses.field(
        default=False,
        metadata={"doc": "Whether positions of the basis are Cartesian instead of fractions of the cell vectors."},
    )
    periodic: Annotated[list[bool], Len(3, 3)] | None = dataclasses.field(
        default=None,
        metadata={"doc": "Whether each axis is periodic.", "default": "all, or those in which a named lattice extends"},
    )  # fmt: skip
    moment: float = dataclasses.field(
        default=1.0, metadata={"doc": "Magnetic moment of atoms that have none of their own.", "unit": "mu_B", "gt": 0}
    )
    field: float | Vector = dataclasses.field(
        default=0.0, metadata={"doc": "Magnetic field: a vector, or its z component.", "unit": "T"}
    )
    unit: Literal["meV", "mRy", "J"] = dataclasses.field(default="meV", metadata={"doc": "Unit of the couplings."})
    exchange: list[Exchange] = _listed("exchange", "Exchange by shells")
    dmi: list[DMI] = _listed("dmi", "Dzyaloshinskii-Moriya interaction by shells")
    two_ion: list[TwoIon] = _listed("two_ion", "Two-ion anisotropy by shells")
    kitaev: list[Kitaev] = _listed("kitaev", "Kitaev and off-diagonal couplings by shells")
    bond: list[Bond] = _listed("bond", "Couplings pair by pair")
    biquadratic: list[Biquadratic] = _listed("biquadratic", "Biquadratic exchange by shells")
    biquadratic_bond: list[BiquadraticBond] = _listed("biquadratic_bond", "Biquadratic exchange pair by pair")
    four_spin: list[FourSpin] = _listed("four_spin", "Products of four spins")
    chirality: list[Chirality] = _listed("chirality", "Scalar chiralities")
    tensor_product: list[TensorProduct] = _listed("tensor_product", "Products of two bilinear forms")
    J_q: str | None = dataclasses.field(
        default=None,
        metadata={
            "doc": "Exchange as a formula of the wave vector, for one atom in the cell: "
            "J(q) = sum over neighbours R of J_R cos q.R, of `qx`, `qy`, `qz` (1/angstrom) or `h`, `k`, `l` (r.l.u.).",
            "unit": "`unit`",
        },
    )
    q: list[WaveVector] = _listed("q", "Couplings at wave vectors")
    anisotropy: list[Uniaxial] = _listed("anisotropy", "Uniaxial anisotropies")
    cubic: list[Cubic] = _listed("cubic", "Cubic anisotropies")
    stevens: list[Stevens] = _listed("stevens", "Stevens operators")
    dipole: bool | Dipoles = dataclasses.field(
        default=False, metadata={"doc": "Dipole-dipole interaction of all moments, see [model.dipole]."}
    )
    vacancies: list[int] = dataclasses.field(
        default_factory=list, metadata={"doc": "Sites without a spin, from 0.", "ge": 0}
    )


def _chosen(atoms: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if atoms is None else tuple(atoms)
