"""The [model] table of magsearch's own input files; docs/formats.md explains its keys.

Couplings have the convention of model/hamiltonian.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Len
from numpy.typing import NDArray

from magsearch.errors import InputError, SettingError, unknown
from magsearch.formats.build import too_large
from magsearch.formats.structure import Structure
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
    of_pairs,
    of_shells,
    products,
    tensor_products,
)
from magsearch.formats.toml.source import Source
from magsearch.formats.toml.structure import Magnetic, Nonmagnetic, Symmetry, embedded, of_structure
from magsearch.formats.toml.table import Table
from magsearch.formats.toml.waves import WaveVector, waves
from magsearch.model.bonds import BondError, Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import NAMED, Lattice
from magsearch.model.notes import Note
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.model.terms.single_ion import Anisotropy, CubicAnisotropy, StevensOperator, UniaxialAnisotropy
from magsearch.symmetry.crystal import CrystalGroup, crystal_group, extended
from magsearch.symmetry.orbits import Forbidden, expanded_anisotropy
from magsearch.symmetry.point_groups import point_group
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
    magnetic: list[Magnetic] = dataclasses.field(
        default_factory=list, metadata={"doc": "Magnetic atoms of the structure, see [[model.magnetic]]."}
    )
    nonmagnetic: list[Nonmagnetic] = dataclasses.field(
        default_factory=list, metadata={"doc": "Atoms without a spin, see [[model.nonmagnetic]]."}
    )
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
    exchange: list[Exchange] = dataclasses.field(
        default_factory=list, metadata={"doc": "Exchange by shells, see [[model.exchange]]."}
    )
    dmi: list[DMI] = dataclasses.field(
        default_factory=list, metadata={"doc": "Dzyaloshinskii-Moriya interaction by shells, see [[model.dmi]]."}
    )
    two_ion: list[TwoIon] = dataclasses.field(
        default_factory=list, metadata={"doc": "Two-ion anisotropy by shells, see [[model.two_ion]]."}
    )
    kitaev: list[Kitaev] = dataclasses.field(
        default_factory=list, metadata={"doc": "Kitaev and off-diagonal couplings by shells, see [[model.kitaev]]."}
    )
    bond: list[Bond] = dataclasses.field(
        default_factory=list, metadata={"doc": "Couplings pair by pair, see [[model.bond]]."}
    )
    biquadratic: list[Biquadratic] = dataclasses.field(
        default_factory=list, metadata={"doc": "Biquadratic exchange by shells, see [[model.biquadratic]]."}
    )
    biquadratic_bond: list[BiquadraticBond] = dataclasses.field(
        default_factory=list, metadata={"doc": "Biquadratic exchange pair by pair, see [[model.biquadratic_bond]]."}
    )
    four_spin: list[FourSpin] = dataclasses.field(
        default_factory=list, metadata={"doc": "Products of four spins, see [[model.four_spin]]."}
    )
    chirality: list[Chirality] = dataclasses.field(
        default_factory=list, metadata={"doc": "Scalar chiralities, see [[model.chirality]]."}
    )
    tensor_product: list[TensorProduct] = dataclasses.field(
        default_factory=list, metadata={"doc": "Products of two bilinear forms, see [[model.tensor_product]]."}
    )
    q: list[WaveVector] = dataclasses.field(
        default_factory=list, metadata={"doc": "Couplings at wave vectors, see [[model.q]]."}
    )
    anisotropy: list[Uniaxial] = dataclasses.field(
        default_factory=list, metadata={"doc": "Uniaxial anisotropies, see [[model.anisotropy]]."}
    )
    cubic: list[Cubic] = dataclasses.field(
        default_factory=list, metadata={"doc": "Cubic anisotropies, see [[model.cubic]]."}
    )
    stevens: list[Stevens] = dataclasses.field(
        default_factory=list, metadata={"doc": "Stevens operators, see [[model.stevens]]."}
    )
    dipole: bool | Dipoles = dataclasses.field(
        default=False, metadata={"doc": "Dipole-dipole interaction of all moments, see [model.dipole]."}
    )
    vacancies: list[int] = dataclasses.field(
        default_factory=list, metadata={"doc": "Sites without a spin, from 0.", "ge": 0}
    )


def hamiltonian(table: dict[str, Any], text: str, path: str | Path) -> Hamiltonian:
    """Return the Hamiltonian of a [model] table; ``text`` is that of the file, in which errors find their line.

    InputError, with file and line, for unknown keys, wrong values, and couplings that the lattice does not have.
    """
    source = Source(path, text, "model")
    model = source.read(Model, table)
    if model.structure is not None:
        whole, notes = embedded(table, model.structure, model.magnetic, source)
        return _hamiltonian(source.read(Model, whole), notes, source)
    if model.magnetic:
        raise source.error(("magnetic",), "chooses atoms of a structure; expected model.structure with it")
    return _hamiltonian(model, [], source)


def hamiltonian_of_structure(table: dict[str, Any], found: Structure, name: str, path: Path) -> Hamiltonian:
    """Return the Hamiltonian of a structure with the other keys of a [model] table. InputError as ``hamiltonian``."""
    source = Source(path, "", "model")
    model = source.read(Model, table)
    if model.structure is not None:
        raise source.error(("structure",), "the structure is given; expected no file")
    whole, notes = of_structure(table, found, name, model.magnetic, source)
    return _hamiltonian(source.read(Model, whole), notes, source)


def _hamiltonian(model: Model, notes: list[str], source: Source) -> Hamiltonian:
    lattice = _lattice(model, source)
    atoms = model.basis or [ORIGIN] * lattice.atoms
    moments = np.array([atom.moment or model.moment for atom in atoms])
    symmetry = None if model.symmetry is False else _symmetry(model, lattice, moments, source)
    unit = UNITS[model.unit]
    bonds = Bonds.none()
    for name in ("exchange", "dmi", "two_ion", "kitaev"):
        bonds += of_shells(name, getattr(model, name), lattice, source)
    listed, rounded = of_pairs("bond", model.bond, lattice, source, symmetry)
    bonds += listed
    notes += rounded
    onsite: list[tuple[str, Sequence[Uniaxial | Cubic | Stevens]]] = [
        ("anisotropy", model.anisotropy), ("cubic", model.cubic), ("stevens", model.stevens)
    ]  # fmt: skip
    for name, terms in onsite:
        for k, term in enumerate(terms):
            if max(term.atoms or [0]) >= lattice.atoms:
                raise source.error((name, k, "atoms"), f"the basis has atoms 0 to {lattice.atoms - 1}")
            try:
                term.term(unit).add_to(OnsiteEntries.none(1), 0)
            except ValueError as error:
                raise source.error((name, k), str(error)) from None
    clusters = products(
        model.biquadratic, model.biquadratic_bond, model.four_spin, model.chirality, lattice, source, unit, symmetry
    )
    anisotropy = tuple(term.term(unit) for _, terms in onsite for term in terms)
    if symmetry is not None:
        group = symmetry(bonds)
        places = [(name, k) for name, terms in onsite for k in range(len(terms))]
        try:
            anisotropy = expanded_anisotropy(group, anisotropy)
        except Forbidden as error:
            raise source.error(places[error.number], str(error)) from None
        notes.append(_expanded(model, group, listed, source))
    tensors = tensor_products(model.tensor_product, source, unit)
    at_waves = waves(model.q, lattice, source, unit)
    x, y, z = model.field if isinstance(model.field, list) else (0.0, 0.0, model.field)
    try:
        return Hamiltonian(
            lattice=lattice,
            bonds=bonds.with_matrices(unit * bonds.J),
            moments=moments,
            anisotropy=anisotropy,
            field=(x, y, z),
            vacancies=tuple(model.vacancies),
            notes=tuple(notes),
            others=(*clusters, *tensors, *at_waves, *dipoles(model.dipole)),
        )
    except SettingError as error:
        raise source.about(error) from None
    except ValueError as error:
        told = isinstance(error, BondError) and error.source != ""  # the message says where it was read
        raise InputError(str(error), None if told else source.path) from None


def self_contained(table: dict[str, Any], text: str, path: str | Path) -> dict[str, Any]:
    """Return a [model] table with the crystal itself in the place of its file. InputError as for ``hamiltonian``."""
    source = Source(path, text, "model")
    if "structure" not in table or (model := source.read(Model, table)).structure is None:
        return table
    return embedded(table, model.structure, model.magnetic, source)[0]


def _symmetry(
    model: Model, lattice: Lattice, moments: NDArray[np.float64], source: Source
) -> Callable[[Bonds], CrystalGroup]:
    """Return what makes the space group of the crystal, given bonds that say along which axes it extends."""
    tolerance = model.symmetry.tolerance if isinstance(model.symmetry, Symmetry) else Symmetry().tolerance

    known: dict[tuple[int, ...], CrystalGroup] = {}

    def group(bonds: Bonds) -> CrystalGroup:
        axes = tuple(extended(lattice, bonds))
        try:
            if axes not in known:
                known[axes] = crystal_group(lattice, moments, bonds, tolerance)
        except ValueError as error:
            raise source.error(("symmetry",), str(error)) from None
        return known[axes]

    return group


def _expanded(model: Model, group: CrystalGroup, listed: Bonds, source: Source) -> Note:
    """Return the note that says what symmetry did."""
    told = f"{source.path}: {len(model.bond)} listed bonds are {len(listed) // 2} of a cell by {group.order} operations"
    listed_alone = [name for name in ("four_spin", "chirality", "tensor_product") if getattr(model, name)]
    clusters = f"; {', '.join(listed_alone)} hold as they are listed" if listed_alone else ""
    return Note(f"{told} (point group {point_group(group.R)}){clusters}", harmless=True)


def _chosen(atoms: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if atoms is None else tuple(atoms)


def _lattice(model: Model, source: Source) -> Lattice:
    size = (model.size[0], model.size[1], model.size[2])
    periodic = None if model.periodic is None else (model.periodic[0], model.periodic[1], model.periodic[2])
    if (model.lattice is None) == (model.cell is None):
        names = ", ".join(NAMED)
        raise source.error(("lattice",), f"expected either cell or lattice, one of {names}, or a structure")
    if model.lattice is not None:
        if model.lattice not in NAMED:
            raise source.error(("lattice",), unknown("lattice", model.lattice, NAMED))
        if model.basis is not None:
            raise source.error(("basis",), f"lattice '{model.lattice}' has its own basis; expected cell with basis")
        _fits(size, len(NAMED[model.lattice][1]), source)
        lattice = Lattice.named(model.lattice, size, model.constant, periodic)
        return _surrounded(lattice, model, lattice.cell, source)
    cell = model.constant * np.array(model.cell)
    atoms = model.basis or [ORIGIN]
    _fits(size, len(atoms), source)
    positions = np.array([atom.position for atom in atoms]) @ (model.constant * np.eye(3) if model.cartesian else cell)
    try:
        species = tuple(atom.species for atom in atoms)
        lattice = Lattice(cell, positions, size, periodic or (True, True, True), species)
    except SettingError as error:
        raise source.about(error) from None
    return _surrounded(lattice, model, cell, source)


def _surrounded(lattice: Lattice, model: Model, cell: NDArray[np.float64], source: Source) -> Lattice:
    """Return a lattice with the nonmagnetic atoms of the crystal."""
    if not model.nonmagnetic:
        return lattice
    unit = model.constant * np.eye(3) if model.cartesian else cell
    places = (np.array([atom.position for atom in model.nonmagnetic]) @ unit).tolist()
    others = tuple((atom.species, (x, y, z)) for atom, (x, y, z) in zip(model.nonmagnetic, places, strict=True))
    try:
        return dataclasses.replace(lattice, nonmagnetic=others)
    except SettingError as error:
        raise source.about(error) from None


def _fits(size: tuple[int, int, int], atoms: int, source: Source) -> None:
    try:
        too_large(size, atoms)
    except ValueError as error:
        raise source.error(("size",), str(error)) from None
