"""Extended XYZ, the text format of ASE and OVITO: a row with species, position and moment for every site.

The moment is written in the column ``initial_magmoms``, and read from the first of COLUMNS that is present; its
direction is the spin. Rows are assigned to sites of the lattice by their positions.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.errors import InputError
from magsearch.formats.elements import SYMBOLS
from magsearch.formats.spins.tiling import NEAR, tiled
from magsearch.formats.table import numbers, read_text, sensible
from magsearch.formatting import counted
from magsearch.model.lattice import Lattice

COLUMNS = ("initial_magmoms", "magmoms", "magmom", "moments", "moment", "spins", "spin", "s", "vector_field")


def recognises(begin: bytes) -> bool:
    """Return whether the first line of a file is an integer, and the second contains Properties=."""
    lines = begin.decode("utf-8", errors="replace").splitlines()
    return (
        len(lines) > 1
        and re.fullmatch(r"\s*[0-9]{1,12}\s*", lines[0]) is not None
        and "properties=" in lines[1].lower()
    )


def read(path: Path, lattice: Lattice) -> NDArray[np.float64]:
    """Read the directions [site, 3] of the moments of the first frame; zero for zero moments.

    A file of another number of sites is that of a smaller cell, Lattice=, of which the box is a multiple. Raises
    InputError, with file and line, for invalid files and for positions that differ from those of the lattice.
    """
    lines = read_text(path).splitlines()
    count = int(lines[0])
    if not count:
        raise InputError("has no sites", path, 1)
    cell = None if count == lattice.sites else _cell(path, lines[1], count, lattice)
    columns = _columns(path, lines[1])
    width = max(first + size for first, size in columns.values())
    name = next((name for name in COLUMNS if name in columns), None)
    if name is None:
        raise InputError(f"has no column of moments; expected one of {', '.join(COLUMNS)}", path, 2)
    for needed in ("pos", name):
        if columns.get(needed, (0, 0))[1] != 3:
            raise InputError(f"{needed} does not have three components", path, 2)
    if len(lines) < 2 + count:
        raise InputError(f"ends after {counted(len(lines) - 2, 'site')}; expected {count}", path, len(lines))
    positions, moments = np.empty((count, 3)), np.empty((count, 3))
    for row, text in enumerate(lines[2 : 2 + count]):
        tokens = text.split()
        if len(tokens) < width:
            raise InputError(f"{counted(len(tokens), 'column')}; expected {width}", path, row + 3)
        for target, column in ((positions, "pos"), (moments, name)):
            first = columns[column][0]
            target[row] = numbers(tokens[first : first + 3], [f"{column}{a}" for a in "xyz"], path, row + 3)
    more = sum(bool(text.strip()) for text in lines[2 + count :])
    if more:
        warnings.warn(
            f"{path}: {counted(more, 'line', 'follow')} the first frame of {count} sites, which is read", stacklevel=4
        )
    length = np.linalg.norm(moments, axis=1, keepdims=True)
    directions = moments / np.where(length > 0, length, 1.0)
    if cell is not None:
        magnetic = length[:, 0] > 0
        return tiled(path, lattice, cell, positions[magnetic], directions[magnetic])
    spins = np.empty_like(moments)
    spins[_sites(path, positions, lattice)] = directions
    return spins


def _cell(path: Path, comment: str, count: int, lattice: Lattice) -> NDArray[np.float64]:
    """Return the cell of a file with fewer sites than the lattice, from Lattice="..." in the comment line."""
    match = re.search(r"lattice=\"([^\"]*)\"", comment, re.IGNORECASE)
    if not match:
        raise InputError(
            f'has {count} sites; the lattice has {lattice.sites}, expected as many, or Lattice="..." of a smaller cell',
            path,
            1,
        )
    tokens = match[1].split()
    if len(tokens) != 9:
        raise InputError(f"Lattice= has {counted(len(tokens), 'number')}; expected 9", path, 2)
    cell = np.array(numbers(tokens, [f"Lattice {k}" for k in range(9)], path, 2)).reshape(3, 3)
    if not sensible(cell).all() or not abs(np.linalg.det(cell)) > 1e-12 * np.linalg.norm(cell, axis=1).prod():
        raise InputError("the vectors of Lattice= do not span a volume", path, 2)
    return cell


def _columns(path: Path, comment: str) -> dict[str, tuple[int, int]]:
    """Return first column and width of each property by its name, from species:S:1:pos:R:3:... in the comment line."""
    match = re.search(r"properties=\"?([^\s\"]+)", comment, re.IGNORECASE)
    parts = match[1].split(":") if match else []
    columns, first = {}, 0
    for name, kind, size in zip(parts[0::3], parts[1::3], parts[2::3], strict=False):
        if not re.fullmatch(r"[1-9]\d?", size) or kind.upper() not in "SRIL":
            raise InputError(f"invalid property {name}:{kind}:{size}; expected, for example, name:R:3", path, 2)
        columns[name.lower()] = (first, int(size))
        first += int(size)
    if not columns or len(parts) % 3:
        raise InputError("invalid Properties=; expected, for example, species:S:1:pos:R:3", path, 2)
    return columns


def _sites(path: Path, positions: NDArray[np.float64], lattice: Lattice) -> NDArray[np.int64]:
    """Return the site of each row by its position, up to periods of the box.

    Raises InputError if a position is not one of the lattice's.
    """
    from scipy.spatial import KDTree

    inverse = np.linalg.inv(lattice.box)

    def folded(places: NDArray[np.float64]) -> NDArray[np.float64]:
        return places - np.floor(places @ inverse) * lattice.periodic @ lattice.box

    tree = KDTree(folded(lattice.positions))
    apart = tree.query(tree.data, k=2)[0][:, 1].min()  # infinite for a single site
    places = folded(positions)
    distance, site = tree.query(places)
    for shift in product((-1, 0, 1), repeat=3):  # a site and its row may have been folded to opposite faces
        far = np.flatnonzero(distance > NEAR * apart)
        if len(far):
            near, other = tree.query(places[far] + shift * np.array(lattice.periodic) @ lattice.box)
            better = near < distance[far]
            distance[far[better]], site[far[better]] = near[better], other[better]
    if (distance > NEAR * apart).any() or len(np.unique(site)) < len(site):
        row = int(np.argmax(distance))
        told = "({:g}, {:g}, {:g})".format(*positions[row])
        raise InputError(
            f"positions differ from those of the lattice: {told} is {distance[row]:.3g} A from the nearest site",
            path,
            row + 3,
        )
    return np.asarray(site, dtype=np.int64)


def text(spins: ArrayLike, lattice: Lattice, moments: ArrayLike) -> str:
    """Return the text of an extended XYZ file with spins [site, 3] and moments [site] in Bohr magnetons."""
    symbols = [label if label in SYMBOLS else "X" for label in lattice.species] * lattice.cells
    vectors = np.asarray(spins) * np.asarray(moments)[:, None]
    cell = lattice.cell * np.array(lattice.size)[:, None]
    return atoms_text(cell, lattice.periodic, symbols, lattice.positions, vectors)


def atoms_text(
    cell: ArrayLike, periodic: Sequence[bool], symbols: Sequence[str], positions: ArrayLike, moments: ArrayLike
) -> str:
    """Return the text of an extended XYZ file of a cell [3, 3] with positions and moments [atom, 3]."""
    box = " ".join(f"{x:.16g}" for x in np.ravel(cell))
    flags = " ".join("T" if p else "F" for p in periodic)
    rows = (
        f"{symbol:2s}" + "".join(f" {x:.16g}" for x in (*position, *moment))
        for symbol, position, moment in zip(
            symbols, np.asarray(positions).tolist(), np.asarray(moments).tolist(), strict=True
        )
    )
    properties = "species:S:1:pos:R:3:initial_magmoms:R:3"
    return "\n".join([str(len(symbols)), f'Lattice="{box}" Properties={properties} pbc="{flags}"', *rows]) + "\n"
