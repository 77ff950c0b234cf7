"""The [model] table of magsearch's own input files; docs/formats.md explains every key.

Couplings are those of hamiltonian.py: J and D of a pair, J > 0 ferromagnetic, - D . (s_i x s_j), K > 0 an easy axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from magsearch.errors import InputError
from magsearch.formats.build import too_large
from magsearch.formats.toml.source import Source
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import NAMED, Lattice
from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.model.terms.single_ion import Anisotropy, CubicAnisotropy, UniaxialAnisotropy
from magsearch.units import JOULE, MRY

UNITS = {"meV": 1.0, "mRy": MRY, "J": JOULE}
SHELLS = 1000  # far beyond couplings that anyone has; the search for them is not for free
FORBID = ConfigDict(extra="forbid", allow_inf_nan=False)

THREE = Field(min_length=3, max_length=3)
Number = Annotated[float, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Positive = Annotated[float, Field(strict=True, gt=0)]
Whole = Annotated[int, Field(strict=True)]
Index = Annotated[int, Field(strict=True, ge=0)]
Count = Annotated[int, Field(strict=True, ge=1)]
Vector = Annotated[Sequence[Number], THREE]
Matrix = Annotated[Sequence[Vector], THREE]
Numbers = Number | Annotated[Sequence[Number], Field(min_length=1)]
Pair = Annotated[Sequence[str], Field(min_length=2, max_length=2)]


@dataclass(frozen=True)
class Atom:
    """An atom of the basis, [[model.basis]] or an inline table."""

    __pydantic_config__ = FORBID
    position: Vector
    species: str = "A"
    moment: Positive | None = None


ORIGIN = Atom((0.0, 0.0, 0.0))


@dataclass(frozen=True)
class Exchange:
    """[[model.exchange]]: J of a shell of neighbours, or of consecutive shells from ``shell`` on."""

    __pydantic_config__ = FORBID
    J: Numbers
    shell: Count = 1
    between: Pair | None = None

    @property
    def strengths(self) -> Sequence[float]:
        return [self.J] if isinstance(self.J, float) else self.J

    def matrices(self, J: float, r: NDArray[np.float64]) -> NDArray[np.float64]:
        """For bonds along unit vectors r [bond, 3]: [bond, 3, 3]."""
        return exchange_matrix(np.full(len(r), J))


@dataclass(frozen=True)
class DMI:
    """[[model.dmi]]: D of a shell, along the bond r from i to j (bloch) or along z x r (neel), r a unit vector."""

    __pydantic_config__ = FORBID
    D: Numbers
    direction: Literal["bloch", "neel"]
    shell: Count = 1
    between: Pair | None = None

    @property
    def strengths(self) -> Sequence[float]:
        return [self.D] if isinstance(self.D, float) else self.D

    def matrices(self, D: float, r: NDArray[np.float64]) -> NDArray[np.float64]:
        """For bonds along unit vectors r [bond, 3]: [bond, 3, 3]."""
        return dmi_matrix(D * (r if self.direction == "bloch" else np.cross([0.0, 0.0, 1.0], r)))


@dataclass(frozen=True)
class Bond:
    """[[model.bond]]: one pair of atoms in every cell; the reverse is added. J, D and matrix add up."""

    __pydantic_config__ = FORBID
    i: Index
    j: Index
    cells: Annotated[Sequence[Whole], THREE] = (0, 0, 0)
    J: Number = 0.0
    D: Vector = (0.0, 0.0, 0.0)
    matrix: Matrix = ((0.0, 0.0, 0.0),) * 3


@dataclass(frozen=True)
class Uniaxial:
    """[[model.anisotropy]]"""

    __pydantic_config__ = FORBID
    K: Number
    axis: Vector = (0.0, 0.0, 1.0)
    K4: Number = 0.0
    atoms: Sequence[Index] | None = None

    def term(self, unit: float) -> Anisotropy:
        x, y, z = self.axis
        return UniaxialAnisotropy(unit * self.K, (x, y, z), unit * self.K4, _chosen(self.atoms))


@dataclass(frozen=True)
class Cubic:
    """[[model.cubic]]"""

    __pydantic_config__ = FORBID
    Kc: Number
    axes: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    atoms: Sequence[Index] | None = None

    def term(self, unit: float) -> Anisotropy:
        axes = tuple((x, y, z) for x, y, z in self.axes)
        return CubicAnisotropy(unit * self.Kc, axes, _chosen(self.atoms))


@dataclass(frozen=True)
class Model:
    """The [model] table, key by key."""

    __pydantic_config__ = FORBID
    size: Annotated[Sequence[Count], THREE]
    title: str = ""
    lattice: str | None = None
    cell: Matrix | None = None
    basis: Annotated[Sequence[Atom], Field(min_length=1)] | None = None
    constant: Positive = 1.0
    cartesian: Flag = False
    periodic: Annotated[Sequence[Flag], THREE] | None = None
    moment: Positive = 1.0
    field: Number | Vector = 0.0
    unit: Literal["meV", "mRy", "J"] = "meV"
    exchange: Sequence[Exchange] = ()
    dmi: Sequence[DMI] = ()
    bond: Sequence[Bond] = ()
    anisotropy: Sequence[Uniaxial] = ()
    cubic: Sequence[Cubic] = ()
    vacancies: Sequence[Index] = ()


def hamiltonian(table: dict[str, Any], text: str, path: str | Path) -> Hamiltonian:
    """The Hamiltonian of a [model] table; ``text`` is the file it stands in, where errors find their line.

    InputError, with file and line, for unknown keys, wrong values, and couplings that the lattice does not have.
    """
    source = Source(path, text, "model")
    try:
        model = TypeAdapter(Model).validate_python(table)
    except ValidationError as error:
        raise source.invalid(error, table, Model) from None
    lattice = _lattice(model, source)
    unit = UNITS[model.unit]
    bonds = _shells("exchange", model.exchange, lattice, source) + _shells("dmi", model.dmi, lattice, source)
    bonds += _pairs(model.bond, lattice, source)
    onsite: list[tuple[str, Sequence[Uniaxial | Cubic]]] = [("anisotropy", model.anisotropy), ("cubic", model.cubic)]
    for name, terms in onsite:
        for k, term in enumerate(terms):
            if max(term.atoms or [0]) >= lattice.atoms:
                raise source.error((name, k, "atoms"), f"the basis has atoms 0 to {lattice.atoms - 1}")
            try:
                term.term(unit).add_to(OnsiteEntries.none(1), 0)
            except ValueError as error:
                raise source.error((name, k), str(error)) from None
    atoms = model.basis or [ORIGIN] * lattice.atoms
    x, y, z = (0.0, 0.0, model.field) if isinstance(model.field, float) else model.field
    try:
        return Hamiltonian(
            lattice=lattice,
            bonds=bonds.with_matrices(unit * bonds.J),
            moments=np.array([atom.moment or model.moment for atom in atoms]),
            anisotropy=tuple(term.term(unit) for _, terms in onsite for term in terms),
            field=(x, y, z),
            vacancies=tuple(model.vacancies),
        )
    except ValueError as error:
        raise InputError(str(error), path) from None


def _chosen(atoms: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if atoms is None else tuple(atoms)


def _lattice(model: Model, source: Source) -> Lattice:
    size = (model.size[0], model.size[1], model.size[2])
    periodic = None if model.periodic is None else (model.periodic[0], model.periodic[1], model.periodic[2])
    if (model.lattice is None) == (model.cell is None):
        raise source.error(("lattice",), f"expected either cell or lattice, one of {', '.join(NAMED)}")
    if model.lattice is not None:
        if model.lattice not in NAMED:
            raise source.error(("lattice",), f"unknown lattice '{model.lattice}'; known are {', '.join(NAMED)}")
        if model.basis is not None:
            raise source.error(("basis",), f"lattice '{model.lattice}' has its own basis; expected cell with basis")
        _fits(size, len(NAMED[model.lattice][1]), source)
        return Lattice.named(model.lattice, size, model.constant, periodic)
    cell = model.constant * np.array(model.cell)
    atoms = model.basis or [ORIGIN]
    _fits(size, len(atoms), source)
    positions = np.array([atom.position for atom in atoms]) @ (model.constant * np.eye(3) if model.cartesian else cell)
    try:
        return Lattice(cell, positions, size, periodic or (True, True, True), tuple(atom.species for atom in atoms))
    except ValueError as error:
        raise source.error(("basis" if "basis" in str(error) else "cell",), str(error)) from None


def _fits(size: tuple[int, int, int], atoms: int, source: Source) -> None:
    try:
        too_large(size, atoms)
    except ValueError as error:
        raise source.error(("size",), str(error)) from None


def _shells(name: str, entries: Sequence[Exchange | DMI], lattice: Lattice, source: Source) -> Bonds:
    shells = cache(lattice.shells)
    bonds = Bonds.none()
    for k, entry in enumerate(entries):
        first, last = entry.shell, entry.shell + len(entry.strengths) - 1
        if last > SHELLS:
            raise source.error((name, k), f"reaches to shell {last}; expected at most {SHELLS}")
        try:
            found = shells(last)[first - 1 :]
        except ValueError as error:
            raise source.error((name, k), str(error)) from None
        for number, strength, shell in zip(range(first, last + 1), entry.strengths, found, strict=True):
            r = lattice.basis[shell.j] - lattice.basis[shell.i] + shell.offset @ lattice.cell
            ends = [sorted((lattice.species[i], lattice.species[j])) for i, j in zip(shell.i, shell.j, strict=True)]
            kept = np.array([entry.between is None or pair == sorted(entry.between) for pair in ends])
            if not kept.any():
                raise source.error((name, k, "between"), f"shell {number} has no bonds between {entry.between}")
            J = entry.matrices(strength, r / shell.distance)
            where = (source.label((name, k)),) * int(kept.sum())
            bonds += Bonds(shell.i[kept], shell.j[kept], shell.offset[kept], J[kept], where)
            if len(bonds.merged()) < len(bonds):
                raise source.error((name, k), f"shell {number} already has {name}; expected each shell once")
    return bonds


def _pairs(entries: Sequence[Bond], lattice: Lattice, source: Source) -> Bonds:
    listed: set[tuple[int, ...]] = set()
    for k, bond in enumerate(entries):
        if max(bond.i, bond.j) >= lattice.atoms:
            raise source.error(("bond", k), f"bond {bond.i} -> {bond.j}; the basis has atoms 0 to {lattice.atoms - 1}")
        if bond.i == bond.j and not any(bond.cells):
            raise source.error(("bond", k), f"couples atom {bond.i} to itself; expected two sites")
        if (bond.i, bond.j, *bond.cells) in listed:
            raise source.error(("bond", k), "this pair is listed before; expected each once, its reverse is added")
        listed |= {(bond.i, bond.j, *bond.cells), (bond.j, bond.i, *(-n for n in bond.cells))}
    if not entries:
        return Bonds.none()
    J = exchange_matrix(np.array([bond.J for bond in entries])) + dmi_matrix(np.array([bond.D for bond in entries]))
    J = J + np.array([bond.matrix for bond in entries])
    return Bonds.pairs([b.i for b in entries], [b.j for b in entries], J, [b.cells for b in entries])
