"""Couplings of Spirit's .cfg files: tables of pairs and quadruplets, and shells of neighbours."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.formats.build import repeated
from magsearch.formats.spirit.cfg import Cfg, Listing
from magsearch.formats.table import wholes
from magsearch.formatting import counted
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.terms.products import SpinProducts

SHELL_WIDTH = 1e-3  # angstrom; Spirit treats distances that differ by less as equal
MOST_SHELLS = 100
PAIR = ("i", "j", "da", "db", "dc")
QUADRUPLET = (
    "i", "j", "da_j", "db_j", "dc_j", "k", "da_k", "db_k", "dc_k", "l", "da_l", "db_l", "dc_l",
)  # fmt: skip


def pairs(cfg: Cfg, atoms: int) -> tuple[Bonds, list[str]]:
    """Return the bonds of the table of pairs, each row with its reverse, and notes; repeated rows add up."""
    named = None if "n_interaction_pairs" in cfg else cfg.file("interaction_pairs_file")
    if named is None and "n_interaction_pairs" not in cfg:
        return Bonds.none(), []
    listed = cfg if named is None else Cfg.read(named)
    allowed = (*PAIR, "jij", "dij", "dijx", "dijy", "dijz")
    table = Listing.read(listed, "n_interaction_pairs", allowed, PAIR)
    if not len(table):
        return Bonds.none(), table.notes
    keys: NDArray[np.int64] = np.array(
        [
            wholes([str(table.column(name)[row]) for name in PAIR], PAIR, table.path, line)
            for row, line in enumerate(table.line)
        ]
    )
    for (i, j, *offset), line in zip(keys.tolist(), table.line, strict=True):
        if not (0 <= i < atoms and 0 <= j < atoms):
            raise InputError(f"couples atoms {i} and {j}; expected 0 to {atoms - 1}", table.path, line)
        if i == j and not any(offset):
            raise InputError("couples a site to itself; expected two sites", table.path, line)
    D = np.array([table.column(name) for name in ("dijx", "dijy", "dijz")]).T
    if "dij" in table.columns:  # then the vector is a direction
        length = np.linalg.norm(D, axis=1, keepdims=True)
        D = np.array(table.column("dij"))[:, None] * D / np.where(length > 0, length, 1.0)
        lost = np.flatnonzero(np.array(table.column("dij")) * (length[:, 0] == 0))
        if len(lost):
            rows = f"{counted(len(lost), 'row')} has the direction (0, 0, 0), for example on line {table.line[lost[0]]}"
            table.notes.append(f"{table.path}: Dij of {rows}: no coupling")
    J = exchange_matrix(table.column("jij")) + dmi_matrix(D)
    bonds = Bonds.pairs(keys[:, 0], keys[:, 1], J, keys[:, 2:])
    where = tuple(f"{table.path}:{line}" for line in table.line)
    return Bonds(bonds.i, bonds.j, bonds.offset, bonds.J, where + where), table.notes


def quadruplets(cfg: Cfg, atoms: int, kind: str) -> tuple[tuple[SpinProducts, ...], list[str]]:
    """Return the four-spin couplings, - q (ij)(kl) once for each row and cell, and notes; q 0 is no coupling."""
    named = None if "n_interaction_quadruplets" in cfg else cfg.file("interaction_quadruplets_file")
    if named is None and "n_interaction_quadruplets" not in cfg:
        return (), []
    if kind != "heisenberg_pairs":
        keyword = "n_interaction_quadruplets" if named is None else "interaction_quadruplets_file"
        raise cfg.error(keyword, f"is read with hamiltonian heisenberg_pairs, not with {kind}")
    listed = cfg if named is None else Cfg.read(named)
    table = Listing.read(listed, "n_interaction_quadruplets", (*QUADRUPLET, "q"), (*QUADRUPLET, "q"))
    rows = [
        wholes([str(table.column(name)[row]) for name in QUADRUPLET], QUADRUPLET, table.path, line)
        for row, line in enumerate(table.line)
    ]
    for row, line in zip(rows, table.line, strict=True):
        if not all(0 <= row[n] < atoms for n in (0, 1, 5, 9)):
            which = [row[n] for n in (0, 1, 5, 9)]
            raise InputError(f"couples atoms {which}; expected 0 to {atoms - 1}", table.path, line)
    if not rows:
        return (), table.notes
    given = np.array(rows)
    cells = np.stack([np.zeros((len(rows), 3), dtype=np.int64), given[:, 2:5], given[:, 6:9], given[:, 10:13]], axis=1)
    where = tuple(f"{table.path}:{line}" for line in table.line)
    term = SpinProducts.four_spin(given[:, [0, 1, 5, 9]], cells, table.column("q"), "product", where)
    return (term,), table.notes


def listed_again(path: Path, bonds: Bonds) -> list[str]:
    """Return a note if pairs are listed more than once, in one direction or in both."""
    again, lines = repeated(bonds)
    if not again:
        return []
    return [
        f"{path}: {counted(again // 2, 'pair', 'are')} listed more than once, in one direction or both, for example in "
        f"lines {lines}; they add up, as in Spirit"
    ]


def shells(cfg: Cfg, cell: NDArray[np.float64], atoms: int, size: list[int]) -> Bonds:
    """Return the bonds of shells of neighbours, which extend along axes with more than one cell, as in Spirit."""
    J = _strengths(cfg, "n_shells_exchange", "jij")
    D = _strengths(cfg, "n_shells_dmi", "dij")
    (chirality,) = cfg.wholes("dm_chirality", 1, (1,))
    if not J and not D:
        return Bonds.none()
    if atoms == math.prod(size) == 1:
        return Bonds.none()
    if atoms > 1:
        keyword = "n_shells_exchange" if J else "n_shells_dmi"
        raise cfg.error(
            keyword,
            f"with {atoms} atoms in the cell: Spirit misses neighbours then; expected hamiltonian heisenberg_pairs",
        )
    if abs(chirality) not in (1, 2):
        raise cfg.error("dm_chirality", f"is {chirality}; expected 1, 2, -1 or -2")
    count = max(len(J), len(D))
    reach = [0 if n == 1 else count + 2 for n in size]
    offset = np.array(list(product(*(range(-r, r + 1) for r in reach))))
    vector = offset @ cell
    distance = np.linalg.norm(vector, axis=1)
    order = np.argsort(distance, kind="stable")[1:]  # without the site itself
    shell = np.cumsum(np.diff(distance[order], prepend=0.0) > SHELL_WIDTH) - 1
    if not len(shell) or shell[-1] + 1 < count:
        raise cfg.error("n_basis_cells", f"{size} has no {count} shells of neighbours")
    order, shell = order[shell < count], shell[shell < count]
    r = vector[order] / distance[order, None]
    along = r if abs(chirality) == 1 else np.cross(r, [0.0, 0.0, 1.0])
    padded_J, padded_D = np.array(J + [0.0] * (count - len(J))), np.array(D + [0.0] * (count - len(D)))
    matrices = exchange_matrix(padded_J[shell]) + dmi_matrix(np.sign(chirality) * padded_D[shell, None] * along)
    nought = np.zeros(len(order), dtype=np.int64)
    return Bonds(nought, nought, offset[order], matrices)


def _strengths(cfg: Cfg, counter: str, keyword: str) -> list[float]:
    (count,) = cfg.wholes(counter, 1, (0,))
    if not 0 <= count <= MOST_SHELLS:
        raise cfg.error(counter, f"is {count}; expected 0 to {MOST_SHELLS}")
    if count and keyword not in cfg:
        raise cfg.error(counter, f"is {count}, but there is no {keyword}")
    return cfg.numbers(keyword, count, ()) if count else []
