"""The Hamiltonian of a [model] table of magsearch's own input files, whose keys are in schema.py.

Couplings have the convention of model/hamiltonian.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError, SettingError, unknown
from magsearch.formats.build import too_large
from magsearch.formats.structure import Structure
from magsearch.formats.toml.couplings import (
    of_pairs,
    of_shells,
    products,
    tensor_products,
)
from magsearch.formats.toml.dispersion import of_formula
from magsearch.formats.toml.schema import ORIGIN, UNITS, Cubic, Model, Stevens, Uniaxial, dipoles
from magsearch.formats.toml.source import Source
from magsearch.formats.toml.structure import Symmetry, embedded, of_structure
from magsearch.formats.toml.waves import waves
from magsearch.formatting import counted
from magsearch.model.bonds import BondError, Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import NAMED, Lattice
from magsearch.model.notes import Note
from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.symmetry.crystal import CrystalGroup, crystal_group, extended
from magsearch.symmetry.orbits import Forbidden, expanded_anisotropy
from magsearch.symmetry.point_groups import point_group


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
    if model.J_q is not None:
        try:
            of_q, remarks = of_formula(model.J_q, lattice)
        except ValueError as error:
            raise source.error(("J_q",), str(error)) from None
        bonds += of_q
        notes += [Note(f"{source.label(('J_q',))}: {note} ({model.unit})", harmless=True) for note in remarks]
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
    made = f"{counted(len(model.bond), 'listed bond')} made {len(listed) // 2} of a cell"
    told = f"{source.path}: {made} by {counted(group.order, 'operation')}"
    listed_alone = [name for name in ("four_spin", "chirality", "tensor_product") if getattr(model, name)]
    clusters = f"; {', '.join(listed_alone)} hold as they are listed" if listed_alone else ""
    return Note(f"{told} (point group {point_group(group.R)}){clusters}", harmless=True)


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
        try:
            lattice = Lattice.named(model.lattice, size, model.constant, periodic)
        except SettingError as error:
            raise source.error(("constant",), f"constant is {model.constant:g}: {error.message}") from None
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
