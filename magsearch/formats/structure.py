"""Crystal structures: POSCAR, CIF, mCIF, extended XYZ and whatever else ASE reads, and objects of ASE and pymatgen.

ASE parses files. Sites of a CIF are multiplied here by its operations, with their labels and moments: an operation of
an mCIF turns a moment, an axial vector, by det(R) R, and time reversal turns it over.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.errors import InputError
from magsearch.formats.table import read_bytes

SAME = 0.02  # angstrom; images of a site that are closer are one atom
UNEQUAL = 0.05  # Bohr magnetons by which the moment of an mCIF may break the symmetry of its site
FULL = 0.999  # occupancy
KINDS = ((r"\.m?cif$", "cif"), (r"\.(ext)?xyz$", "extxyz"), (r"poscar|contcar|\.vasp$", "vasp"))  # by file name
OPERATIONS = (
    "_space_group_symop_magn_operation.xyz",
    "_space_group_symop_magn_operation_xyz",
    "_space_group_symop.magn_operation_xyz",
    "_space_group_symop_operation_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
)
CENTRINGS = (
    "_space_group_symop_magn_centering.xyz",
    "_space_group_symop_magn_centering_xyz",
    "_space_group_symop.magn_centering_xyz",
)
MOMENTS = ("_atom_site_moment.", "_atom_site_moment_")
TERM = re.compile(r"([+-]?)(\d+(?:\.\d*)?|\.\d+)?(?:/(\d+))?\*?([xyz])?")


@dataclass(frozen=True, eq=False)
class Structure:
    """Atoms of a crystal.

    cell       [3, 3]     rows are the cell vectors, angstrom
    positions  [atom, 3]  Cartesian, angstrom
    elements   chemical symbol of each atom
    labels     label of its site in the file; else its element and number, from 1
    moments    [atom]     lengths in Bohr magnetons; 0 where the structure has none
    periodic   one flag for each axis
    left       what else the file has, in words; empty if it has nothing
    """

    cell: NDArray[np.float64]
    positions: NDArray[np.float64]
    elements: tuple[str, ...]
    labels: tuple[str, ...]
    moments: NDArray[np.float64]
    periodic: tuple[bool, bool, bool] = (True, True, True)
    left: str = ""

    def __post_init__(self) -> None:
        if not self.elements:
            raise ValueError("has no atoms")
        if not (np.isfinite(self.cell).all() and np.isfinite(self.positions).all()):
            raise ValueError("has positions or cell vectors that are not finite numbers")
        if np.linalg.matrix_rank(self.cell) < 3:
            raise ValueError("has no cell; expected three cell vectors")

    @property
    def formula(self) -> str:
        """Elements and how many atoms there are of each: Fe1 I2."""
        return " ".join(f"{one}{self.elements.count(one)}" for one in dict.fromkeys(self.elements))

    def chosen(self, name: str) -> list[int]:
        """Return the atoms of an element or, if there is none of this name, of a label."""
        for names in (self.elements, self.labels):
            if found := [k for k, one in enumerate(names) if one == name]:
                return found
        return []


def read(path: Path) -> Structure:
    """Return the structure in a file. InputError for one that is missing, or that is none."""
    content = read_bytes(path)
    try:
        import ase.io
    except ImportError:
        raise InputError("structures are read by ASE: pip install 'magsearch[structure]'", path) from None
    kind = kind_by_name(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not content.strip():
                raise ValueError("is empty")
            if kind == "cif":
                return of_cif(content)
            if kind is None:
                frames = ase.io.read(path, index=":")
            else:
                frames = ase.io.read(io.StringIO(content.decode("utf-8-sig")), index=":", format=kind)
            if not frames:
                raise ValueError("has no atoms")
            found = of_atoms(frames[-1])
            last = f"{len(frames)} frames, of which the last is read"
            return replace(found, left=last) if frames[1:] else found
    except InputError:
        raise
    except Exception as error:  # a broken file can raise anything in ASE
        told = str(error)
        ours = isinstance(error, ValueError) and told.startswith(("has ", "is empty"))
        what = f"cannot be read as a structure ({kind or 'by ASE'}){f': {told}' if told else ''}"
        raise InputError(told if ours else what, path) from None


def kind_by_name(path: Path) -> str | None:
    """Return the format that the name of a structure file tells: cif, extxyz, vasp, or None."""
    return next((kind for pattern, kind in KINDS if re.search(pattern, path.name.lower())), None)


def of_atoms(atoms: Any) -> Structure:
    """Return the structure in ase.Atoms. ValueError where it is not the cell of a crystal."""
    results = getattr(atoms.calc, "results", {}) if atoms.calc is not None else {}
    given = (atoms.arrays.get("initial_magmoms"), results.get("magmoms"), atoms.arrays.get("magmom"))
    moments = next((m for m in given if m is not None and np.any(m)), np.zeros(len(atoms)))
    elements = tuple(atoms.get_chemical_symbols())
    a, b, c = (bool(along) for along in atoms.pbc)
    periodic = (a, b, c) if a or b or c else (True, True, True)  # none is what ASE has where a file does not say
    return Structure(
        np.array(atoms.cell), np.array(atoms.positions), elements, numbered(elements), lengths(moments), periodic
    )


def of_pymatgen(structure: Any) -> Structure:
    """Return the structure in a pymatgen Structure. ValueError for sites that are not fully occupied."""
    elements, moments = [], []
    for k, site in enumerate(structure):
        if not site.is_ordered:
            raise ValueError(f"has partial occupancy at site {k} ({site.species_string}); expected one atom at each")
        elements.append(getattr(site.specie, "symbol", str(site.specie)))
        moment = site.properties.get("magmom", getattr(site.specie, "spin", None))
        moments.append(np.atleast_1d(np.asarray(getattr(moment, "moment", 0.0 if moment is None else moment))))
    size = [float(np.linalg.norm(np.asarray(moment, dtype=np.float64))) for moment in moments]
    a, b, c = (bool(along) for along in getattr(structure.lattice, "pbc", (True, True, True)))
    cell, positions = np.array(structure.lattice.matrix), np.array(structure.cart_coords).reshape(-1, 3)
    return Structure(cell, positions, tuple(elements), numbered(elements), np.array(size), (a, b, c))


def numbered(elements: Sequence[str]) -> tuple[str, ...]:
    """Return the element of each atom with its number among those of the element, from 1."""
    return tuple(f"{one}{elements[: k + 1].count(one)}" for k, one in enumerate(elements))


def lengths(moments: ArrayLike) -> NDArray[np.float64]:
    """Return the lengths of moments [atom] or [atom, 3]."""
    given = np.asarray(moments, dtype=np.float64)
    return np.abs(given) if given.ndim == 1 else np.asarray(np.linalg.norm(given, axis=1))


def of_cif(content: bytes) -> Structure:
    """Return the structure in the first block of a CIF or an mCIF that has one. ValueError where there is none."""
    from ase.io.cif import parse_cif

    blocks = [block for block in parse_cif(io.BytesIO(content)) if block.has_structure()]
    if not blocks:
        raise ValueError("has no atoms")
    block = blocks[0]
    elements, cell = block.get_symbols(), np.array(block.get_cell())
    labels = [str(label) for label in block.get("_atom_site_label", numbered(elements))]
    for label, part in zip(labels, block.get("_atom_site_occupancy", [1.0] * len(labels)), strict=True):
        if isinstance(part, int | float) and part < FULL:
            raise ValueError(f"has partial occupancy at {label}: {part:g}; expected one atom at each site")
    kind, places = block._get_site_coordinates()
    fractions = np.array(places, dtype=np.float64)
    fractions = fractions if kind == "scaled" else fractions @ np.linalg.inv(cell)
    vectors = _moments(block, labels, cell)
    sites: list[tuple[NDArray[np.float64], NDArray[np.float64], int]] = []
    operations = _operations(block)
    for number, place in enumerate(fractions):
        sites += [(*atom, number) for atom in _images(place, vectors[number], operations, cell, labels[number])]
    which = [number for _, _, number in sites]
    return Structure(
        cell,
        np.array([place for place, _, _ in sites]) @ cell,
        tuple(elements[number] for number in which),
        tuple(labels[number] for number in which),
        lengths(np.array([moment for _, moment, _ in sites])),
        left=f"{len(blocks)} blocks with atoms, of which {block.name} is read" if blocks[1:] else "",
    )


def _images(
    place: NDArray[np.float64],
    moment: NDArray[np.float64],
    operations: Sequence[tuple[NDArray[np.float64], NDArray[np.float64], int]],
    cell: NDArray[np.float64],
    label: str,
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the atoms that operations make of a site: fractions and moments, each the mean of its images."""
    found: list[tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]] = []
    for W, t, reversal in operations:
        R = cell.T @ W @ np.linalg.inv(cell.T)
        there = W @ place + t
        there = there - np.floor(there + 1e-6)
        turned = reversal * np.linalg.det(R).round() * (R @ moment)
        for places, moments in found:
            apart = there - places[0]
            apart -= np.rint(apart)
            if np.linalg.norm(apart @ cell) < SAME:
                places.append(places[0] + apart)
                moments.append(turned)
                break
        else:
            found.append(([there], [turned]))
    for _, moments in found:
        if np.ptp(moments, axis=0).max() > UNEQUAL:
            raise ValueError(f"has a moment at {label} that the operations of its site do not leave")
    return [(np.mean(places, axis=0), np.mean(moments, axis=0)) for places, moments in found]


def _operations(block: Mapping[str, Any]) -> list[tuple[NDArray[np.float64], NDArray[np.float64], int]]:
    """Return the operations of a block, centrings included: W, t of r -> W r + t, and -1 for time reversal."""
    listed = next((_texts(block[name]) for name in OPERATIONS if name in block), None)
    if listed is None:
        group = block.get_spacegroup(True)  # type: ignore[attr-defined]
        return [(np.array(W, dtype=np.float64), np.array(t), 1) for W, t in zip(*group.get_op(), strict=True)]
    centrings = next((_texts(block[name]) for name in CENTRINGS if name in block), ["x,y,z"])
    return [
        (W, t + shift, reversal * other)
        for W, t, reversal in map(operation, listed)
        for _, shift, other in map(operation, centrings)
    ]


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value]


def operation(text: str) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return W, t and time reversal of an operation in words: -y,x-y,z+1/2 or x,y,-z,-1.

    ValueError for a text that is none.
    """
    parts = text.lower().replace(" ", "").split(",")
    if len(parts) not in (3, 4) or (len(parts) == 4 and parts[3] not in ("+1", "-1", "1")):
        raise ValueError(f"has the operation '{text}'; expected three expressions of x, y, z")
    W, t = np.zeros((3, 3)), np.zeros(3)
    for row, part in enumerate(parts[:3]):
        if not part or "".join(found.group() for found in TERM.finditer(part)) != part:
            raise ValueError(f"has the operation '{text}'; expected three expressions of x, y, z")
        for sign, numerator, denominator, axis in TERM.findall(part):
            if not (numerator or axis):
                continue
            value = float(Fraction(numerator or "1") / Fraction(denominator or "1")) * (-1 if sign == "-" else 1)
            if axis:
                W[row, "xyz".index(axis)] += value
            else:
                t[row] += value
    return W, t, -1 if parts[3:] == ["-1"] else 1


def _moments(block: Mapping[str, Any], labels: Sequence[str], cell: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Cartesian moments of the sites of an mCIF, [site, 3] Bohr magnetons; zeros where it has none."""
    moments, told = np.zeros((len(labels), 3)), set[str]()
    along = cell / np.linalg.norm(cell, axis=1)[:, None]
    for prefix in MOMENTS:
        if f"{prefix}crystalaxis_x" not in block:
            continue
        columns = [block[f"{prefix}crystalaxis_{axis}"] for axis in "xyz"]
        for label, *parts in zip(block[f"{prefix}label"], *columns, strict=True):
            if labels.count(str(label)) != 1:
                several = "none of its sites" if str(label) not in labels else "the label of several sites"
                raise ValueError(f"has a moment at {label}, which is {several}")
            if str(label) in told:
                raise ValueError(f"has a second moment at {label}; expected one")
            told.add(str(label))
            moments[labels.index(str(label))] = np.array(parts, dtype=np.float64) @ along
    return moments
