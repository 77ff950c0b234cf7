"""Biquadratic and ring exchange of an UppASD model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.formats.table import Table
from magsearch.formats.uppasd.couplings import bonds_of
from magsearch.formats.uppasd.inpsd import Inpsd
from magsearch.formats.uppasd.sites import Sites
from magsearch.formats.uppasd.symmetry import operations
from magsearch.model.bonds import exchange_matrix
from magsearch.model.terms.products import SpinProducts
from magsearch.units import MRY

PAIR = ("i", "j", "rx", "ry", "rz", "B")
RING = ("i", "j", "k", "l", *(f"r{to}{axis}" for to in ("ij", "ik", "il") for axis in "xyz"), "K")
EQUAL = 1e-9  # of the largest constant: rows that are listed from every site of a cluster


def read_products(inpsd: Inpsd, sites: Sites, shift: NDArray[np.int64]) -> tuple[tuple[SpinProducts, ...], list[str]]:
    """Return the terms of the files bq and ring, and notes; ``shift`` [atom, 3] cells by which atoms are moved.

    InputError, with file and line, for rows that end on no site, and for files whose field in UppASD is not the
    gradient of an energy: pairs listed in one direction, rings not listed from each of their sites.
    """
    found: list[SpinProducts] = []
    notes: list[str] = []
    for keyword in ("bq", "ring"):
        if _given(inpsd, keyword) and len(np.unique(sites.types)) > 1:
            raise inpsd.error(keyword, "needs atoms of one type: UppASD loses the constants of others")
    if _given(inpsd, "bq"):
        table = Table.read(inpsd.file("bq"), PAIR)
        sym = inpsd.whole("sym", 1, 0)[0]
        B = 2 * MRY * exchange_matrix(table.values[:, 5])
        cells = sites.maptype == 2  # else Cartesian, for UppASD, whatever posfiletype and maptype say of other files
        there = sites if cells else replace(sites, maptype=1, direct=False)
        bonds, notes, own = bonds_of(there, table, B, operations(sym), typed=True)
        if own:
            row = next(iter(own.values()))
            raise table.error(row, "couples an atom to itself; expected two sites")
        try:
            bonds, _ = replace(bonds, offset=bonds.offset + shift[bonds.j] - shift[bonds.i]).reciprocal()
        except ValueError as error:
            raise InputError(str(error)) from None
        half = 0.5 * bonds.J[:, 0, 0]  # both directions are listed
        found.append(SpinProducts.biquadratic(bonds.i, bonds.j, bonds.offset, half, bonds.source))
    if _given(inpsd, "ring"):
        cells = sites.maptype == 2  # else those of maptype 1
        found.append(_ring(inpsd, sites if cells else replace(sites, maptype=1), shift))
    return SpinProducts.joined(found), notes


def _given(inpsd: Inpsd, keyword: str) -> bool:
    return keyword in inpsd and inpsd.word(keyword, "").lower() != "none"


def _ring(inpsd: Inpsd, sites: Sites, shift: NDArray[np.int64]) -> SpinProducts:
    """Return the rings, E = + 1/2 sum over rows and sites i of K [(ij)(kl) + (jk)(li) - (ik)(jl)], K in mRy."""
    table = Table.read(inpsd.file("ring"), RING)
    lattice = sites.lattice
    of = [table.indices(n, lattice.atoms, "atom") for n in range(4)]
    start = np.repeat(np.arange(lattice.atoms), len(table.line))
    row = np.tile(np.arange(len(table.line)), lattice.atoms)
    atoms, cells = [start], [np.zeros((len(start), 3), dtype=np.int64)]
    inside = np.ones(len(start), dtype=bool)
    for n in range(1, 4):
        vector = replace(
            table, values=np.column_stack([table.values[:, [0, n]], table.values[:, 3 * n + 1 : 3 * n + 4]])
        )
        end, cell, _ = sites.ends(start, sites.vectors(vector, of[0], of[n])[row])
        inside &= end >= 0
        atoms.append(end)
        cells.append(cell)
    lost = np.setdiff1d(np.arange(len(table.line)), row[inside])
    if len(lost):
        raise table.error(int(lost[0]), "a vector does not end on a site")
    a = np.stack(atoms, axis=1)[inside]
    c = np.stack(cells, axis=1)[inside] + shift[a]
    where = tuple(f"{table.path}:{line}" for line in table.line[row[inside]].tolist())
    _require_every_site(table, a, c, row[inside])
    return SpinProducts.four_spin(a, c, -0.5 * MRY * table.values[row[inside], 13], "ring", where)


def _require_every_site(
    table: Table, atoms: NDArray[np.int64], cells: NDArray[np.int64], row: NDArray[np.int64]
) -> None:
    """Raise InputError unless each ring is listed with equal constants from each of its four sites."""
    seen: dict[object, dict[tuple[int, ...], float]] = {}
    lines: dict[object, int] = {}
    for a, c, r in zip(atoms.tolist(), cells, row.tolist(), strict=True):
        places = np.column_stack([a, c])
        home = np.append(0, min(map(tuple, places.tolist()))[1:])
        i, j, k, l = (tuple(place) for place in (places - home).tolist())  # noqa: E741
        ring = frozenset([frozenset([i, k]), frozenset([j, l])])
        listed = seen.setdefault(ring, dict.fromkeys((i, j, k, l), 0.0))
        listed[i] += float(table.values[r, 13])
        lines.setdefault(ring, r)
    most = np.abs(table.values[:, 13]).max(initial=0.0)
    for which, constants in seen.items():
        if max(constants.values()) - min(constants.values()) > EQUAL * most:
            raise table.error(
                lines[which],
                "this ring is not listed with the same constant from each of its four sites: UppASD's field is then "
                "not that of an energy; expected a row from each",
            )
