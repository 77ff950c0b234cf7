"""The magnetic space group of a magnetic cell, with the tolerance that it holds to.

spglib finds the operations that map positions and moments (axial vectors) onto themselves within a tolerance; of these,
the ones that the couplings do not have are removed, which tell atoms apart where those without a moment are not in the
model. The rest is a magnetic space group, which spglib identifies (K. Shinohara, A. Togo & I. Tanaka, Acta Cryst. A 79,
390 (2023)). Tolerances are tried from tight to loose: they are fractions of the shortest distance between atoms, for
positions, and of the largest moment, for moments.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.export import bns
from magsearch.export.cell import MagneticCell
from magsearch.formatting import counted
from magsearch.model.lattice import shortest
from magsearch.symmetry.space_group import SpaceOperation, keeps_energy

TOLERANCES = tuple(float(f"{digit}e-{power}") for power in range(6, 0, -1) for digit in (1, 3))  # 1e-6, 3e-6, ... 0.3
COUPLINGS = 1e-3  # of the largest coupling: those that count as equal, as in magsearch.symmetry
LARGEST = 500  # atoms of a cell whose group is looked for; spglib takes minutes beyond
TYPES = {1: "I", 2: "II", 3: "III", 4: "IV"}


@dataclass(frozen=True, eq=False)
class MagneticOperation:
    """An operation of a magnetic space group in vectors of the cell: x -> W x + w, moments by time det(W) W.

    W     [3, 3] whole numbers
    w     [3] fractions of the cell
    time  -1 with time reversal, 1 without
    """

    W: NDArray[np.int64]
    w: NDArray[np.float64]
    time: int


@dataclass(frozen=True, eq=False)
class MagneticGroup:
    """A magnetic space group in the notation of Belov, Neronova and Smirnova, and how well a texture has it.

    number, symbol  "136.499", "P4_2'/mnm'"
    uni             UNI number, 1 to 1651
    kind            I, II, III or IV
    operations      in the magnetic cell, translations of a smaller cell included
    found, until    smallest and largest tolerance with this group among those that were tried
    positions       largest distance of an atom from the image of another, angstrom
    moments         largest deviation of a moment from the image of another, fraction of the largest moment
    others          symbols at the tolerances that were tried, tight to loose
    structure       UNI number of positions and moments alone, as readers of a file find it: couplings may have less
    """

    number: str
    symbol: str
    uni: int
    kind: str
    operations: tuple[MagneticOperation, ...]
    found: float
    until: float
    positions: float
    moments: float
    others: tuple[tuple[float, str], ...]
    structure: int

    @property
    def alone(self) -> str:
        """Group of positions and moments alone, where it is another, or an empty string."""
        return "" if self.structure == self.uni else f"{bns.symbol(self.structure)} (UNI {self.structure})"

    def __str__(self) -> str:
        return f"{self.symbol} (BNS {self.number}, UNI {self.uni}, type {self.kind})"


@dataclass(frozen=True, eq=False)
class Crystal:
    """The operations of the crystal of a magnetic cell without its moments, as far as its couplings have them.

    P       [operation, 3, 3] matrix by which each turns axial vectors
    images  [operation, atom] where it takes each atom
    """

    P: NDArray[np.float64]
    images: NDArray[np.int64]

    @classmethod
    def of(cls, cell: MagneticCell) -> Crystal:
        """Return those of a cell. Raises InputError without spglib, and ValueError for a cell that is too large."""
        near = cell.tolerance * _nearest(cell)
        data = _asked(_spglib(cell).get_symmetry, (cell.cell, cell.fractions, _species(cell)), symprec=near)
        every = () if data is None else zip(data["rotations"], data["translations"], strict=True)
        listed = [MagneticOperation(np.array(W), np.array(w), 1) for W, w in every]
        kept = [operation for operation in listed if _keeps_couplings(cell, operation, {})]
        R = np.array([_rotation(cell, operation) for operation in kept])
        P = np.linalg.det(R).round()[:, None, None] * R
        return cls(P, np.array([_images(cell, operation)[0][: len(cell.atoms)] for operation in kept]))

    @property
    def axes(self) -> NDArray[np.float64]:
        """Axes of rotations and normals of mirrors, Cartesian unit vectors, [axis, 3]; x, y, z where there is none."""
        found: list[NDArray[np.float64]] = []
        for P in self.P:
            axis = axis_of(P)
            if np.abs(P - np.eye(3)).max() > 1e-6 and all(abs(axis @ other) < 1 - 1e-6 for other in found):
                found.append(axis)
        return np.array(found) if found else np.eye(3)

    def symmetries(self, spins: NDArray[np.float64], tolerance: float) -> int:
        """Return how many operations leave spins [atom, 3] as they are, counted with and without time reversal."""
        there = spins[self.images]  # [operation, atom, 3]
        moved = spins @ self.P.swapaxes(1, 2)
        return int(
            sum((np.linalg.norm(sign * moved - there, axis=2).max(axis=1) <= tolerance).sum() for sign in (1, -1))
        )


def axis_of(P: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit vector that a proper rotation [3, 3] leaves as it is."""
    return np.asarray(np.linalg.svd(P - np.eye(3))[2][2])


def _spglib(cell: MagneticCell) -> Any:
    os.environ.setdefault("SPGLIB_WARNING", "OFF")  # else it prints why a tolerance does not suit it
    try:
        import spglib
    except ImportError:
        raise InputError("needs spglib: pip install 'magsearch[structure]'", "magnetic space group") from None
    if len(cell.labels) > LARGEST:
        raise ValueError(f"not looked for in a cell of {counted(len(cell.labels), 'atom')}; at most {LARGEST}")
    return spglib


def _species(cell: MagneticCell) -> NDArray[np.int64]:
    """Return a number for each label of magnetic atoms, and for each of the others, [magnetic and nonmagnetic atom]."""
    names = [f"{k < len(cell.atoms)} {label}" for k, label in enumerate(cell.labels)]
    return np.unique(names, return_inverse=True)[1].reshape(-1)


def magnetic_group(cell: MagneticCell) -> MagneticGroup:
    """Return the magnetic space group of a cell at its tolerance.

    Raises InputError without spglib, and ValueError for a cell that is too large.
    """
    spglib = _spglib(cell)
    structure = (cell.cell, cell.fractions, _species(cell), cell.vectors)
    near, largest, kept = _nearest(cell), float(cell.moments.max()), dict[bytes, bool]()
    tried: list[tuple[float, int, list[MagneticOperation]]] = []
    alone = dict[float, int]()
    for tolerance in sorted({*TOLERANCES, cell.tolerance}):
        data = _asked(
            spglib.get_magnetic_symmetry_dataset,
            structure,
            is_axial=True,
            symprec=tolerance * near,
            mag_symprec=tolerance * largest,
        )
        if data is None:
            continue
        every = zip(data.rotations, data.translations, data.time_reversals, strict=True)
        operations = [MagneticOperation(np.array(W), np.array(w), -1 if time else 1) for W, w, time in every]
        operations = [operation for operation in operations if _keeps_couplings(cell, operation, kept)]
        uni = data.uni_number
        if len(operations) < len(data.rotations):
            uni = _identified(spglib, cell, operations, tolerance * near)
        if uni is not None:
            tried.append((tolerance, int(uni), operations))
            alone[tolerance] = int(data.uni_number)
    at = max((k for k, (tolerance, _, _) in enumerate(tried) if tolerance <= cell.tolerance), default=None)
    if at is None:
        raise ValueError(f"spglib found none at a tolerance of {cell.tolerance:g}")
    tolerance, uni, operations = tried[at]
    same = {k for k, (_, other, some) in enumerate(tried) if other == uni and len(some) == len(operations)}
    first = next(k for k in range(at, -1, -1) if k - 1 not in same)
    last = next(k for k in range(at, len(tried)) if k + 1 not in same)
    kind = _asked(spglib.get_magnetic_spacegroup_type, uni)
    off = np.array([_deviations(cell, operation) for operation in operations])
    return MagneticGroup(
        number=kind.bns_number,
        symbol=bns.symbol(uni),
        uni=uni,
        kind=TYPES[int(kind.type)],
        operations=tuple(operations),
        found=tried[first][0],
        until=tried[last][0],
        positions=float(off[:, 0].max()),
        moments=float(off[:, 1].max()) / largest,
        others=tuple((each, bns.symbol(other)) for each, other, _ in tried),
        structure=alone[tolerance],
    )


def _identified(spglib: Any, cell: MagneticCell, operations: list[MagneticOperation], near: float) -> int | None:
    """Return the UNI number of the group of some operations; None if spglib does not recognise it."""
    W, w = np.array([o.W for o in operations], dtype=np.intc), np.array([o.w for o in operations])
    time = np.array([o.time < 0 for o in operations], dtype=np.intc)
    kind = _asked(spglib.get_magnetic_spacegroup_type_from_symmetry, W, w, time, cell.cell, near)
    return None if kind is None else int(kind.uni_number)


def _asked(function: Any, *arguments: Any, **settings: Any) -> Any:
    """Return what spglib finds, None where it finds nothing: versions differ in whether they raise an error then."""
    import spglib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of version 2.8, about its old way of reporting errors
        try:
            return function(*arguments, **settings)
        except getattr(spglib, "SpglibError", ()):
            return None


def _nearest(cell: MagneticCell) -> float:
    """Return the shortest distance between two atoms of the repeated cell, angstrom."""
    vectors = shortest(cell.cell)[0]
    nearest = float(np.linalg.norm(vectors, axis=1).min())
    x = cell.positions @ np.linalg.inv(vectors)
    for k in range(len(x) - 1):
        apart = x[k + 1 :] - x[k]
        nearest = min(nearest, float(np.linalg.norm((apart - np.rint(apart)) @ vectors, axis=1).min()))
    return nearest


def _images(cell: MagneticCell, operation: MagneticOperation) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:
    """Return the atom [atom] and the cell [atom, 3] that each atom is mapped to, and the largest distance, angstrom."""
    x = cell.fractions
    moved = x @ operation.W.T + operation.w
    image = np.asarray(cell.tree.query(moved % 1.0 % 1.0)[1], dtype=np.int64)
    cells = np.rint(moved - x[image])
    return image, cells.astype(np.int64), float(np.linalg.norm((moved - x[image] - cells) @ cell.cell, axis=1).max())


def _rotation(cell: MagneticCell, operation: MagneticOperation) -> NDArray[np.float64]:
    """Return the Cartesian matrix of the operation, orthogonal, [3, 3]."""
    u, _, v = np.linalg.svd(cell.cell.T @ operation.W @ np.linalg.inv(cell.cell.T))
    return np.asarray(u @ v)


def _deviations(cell: MagneticCell, operation: MagneticOperation) -> tuple[float, float]:
    """Return the largest deviation of positions, angstrom, and of moments, Bohr magnetons."""
    image, _, distance = _images(cell, operation)
    R = _rotation(cell, operation)
    moved = operation.time * np.linalg.det(R).round() * cell.vectors @ R.T
    return distance, float(np.linalg.norm(moved - cell.vectors[image], axis=1).max())


def _keeps_couplings(cell: MagneticCell, operation: MagneticOperation, kept: dict[bytes, bool]) -> bool:
    """Return whether an operation leaves all couplings and anisotropies as they are, remembered in ``kept``.

    The field is not part of the crystal. A model whose cells differ tells no more of its symmetry.
    """
    if not cell.model.uniform:
        return True
    key = operation.W.tobytes() + (operation.w * 1e3).round().astype(np.int64).tobytes() + bytes([operation.time > 0])
    if key not in kept:
        image, cells, _ = _images(cell, operation)
        image, cells = image[: len(cell.atoms)], cells[: len(cell.atoms)]
        model = cell.invariant
        # positions of the Hamiltonian are not folded: atom k is at fractions[k] + shift[k]
        apart = model.lattice.basis @ np.linalg.inv(model.lattice.cell) - cell.fractions[: len(cell.atoms)]
        shift = np.rint(apart).astype(np.int64)
        complete = len(np.unique(image)) == len(image) and bool((image < len(cell.atoms)).all())
        if complete:
            moved = cells + shift @ operation.W.T - shift[image]
            space = SpaceOperation(_rotation(cell, operation), operation.W.T.astype(np.int64), image, moved)
            complete = bool(keeps_energy(space, [operation.time * space.P], model, COUPLINGS)[0])
        kept[key] = complete
    return kept[key]
