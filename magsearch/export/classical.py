"""A model as programs of spin-wave theory take it: each pair once, atoms folded into the cell, right-handed vectors.

Unit spins along the moments, E = sum_pairs [s_i . M_ij s_j + b_ij (s_i . s_j)^2] + sum_i [s_i . a_i s_i + P4 + P6]
- mu_B sum_i m_i B . s_i, so that M = -J, b = -B and a = -A of magsearch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.single_ion import SingleIon
from magsearch.model.terms.term import UnsupportedTerm

DIGITS = 12  # to which fractions are rounded, so that no program folds an atom to the other side


@dataclass(frozen=True, eq=False)
class ClassicalModel:
    """Pairs, anisotropies and moments of a cell.

    sign       1, or -1 where all vectors of the cell are turned over to be right-handed
    cell       [3, 3] angstrom, rows
    fractions  [atom, 3] from 0 to 1
    folds      [atom, 3] cells by which atoms were moved into this one
    i, j       [pair]
    offset     [pair, 3] cells from i to j
    M          [pair, 3, 3] meV
    b          [pair] meV, biquadratic
    onsite     anisotropies: A of - s.A s, and forms of degree 4 and 6
    moments    [atom] Bohr magnetons
    """

    sign: int
    cell: NDArray[np.float64]
    fractions: NDArray[np.float64]
    folds: NDArray[np.int64]
    i: NDArray[np.int64]
    j: NDArray[np.int64]
    offset: NDArray[np.int64]
    M: NDArray[np.float64]
    b: NDArray[np.float64]
    onsite: OnsiteEntries
    moments: NDArray[np.float64]


def classical_model(model: Hamiltonian, consumer: str) -> ClassicalModel:
    """Return the cell of a uniform model without open edges.

    Raises UnsupportedTerm for products of spins other than biquadratic exchange and for dipoles.
    """
    lattice, bonds = model.lattice, model.present
    sign = 1 if np.linalg.det(lattice.cell) > 0 else -1
    places = sign * (lattice.basis @ np.linalg.inv(lattice.cell)).round(DIGITS)
    folds = np.floor(places).astype(np.int64)
    biquadratic = dict[tuple[int, ...], float]()
    for term in model.others:
        if not isinstance(term, SpinProducts) or term.name != "biquadratic":
            raise UnsupportedTerm(term, consumer, "its script holds pairs, biquadratic exchange and anisotropies")
        for atoms, cells, constants in zip(term.atoms, term.cells, term.constants, strict=True):
            key = _once(int(atoms[0]), int(atoms[1]), cells[1] - cells[0])
            biquadratic[key] = biquadratic.get(key, 0.0) - float(constants[0])
    pairs = dict[tuple[int, ...], NDArray[np.float64]]()
    for i, j, offset, J in zip(bonds.i.tolist(), bonds.j.tolist(), bonds.offset, bonds.J, strict=True):
        key = _once(i, j, offset)
        if key == (i, j, *offset.tolist()):
            pairs[key] = -J
    for key in biquadratic:
        pairs.setdefault(key, np.zeros((3, 3)))
    keys = np.array(list(pairs), dtype=np.int64).reshape(-1, 5)
    return ClassicalModel(
        sign=sign,
        cell=sign * lattice.cell,
        fractions=places - folds,
        folds=folds,
        i=keys[:, 0],
        j=keys[:, 1],
        offset=sign * keys[:, 2:] + folds[keys[:, 1]] - folds[keys[:, 0]],
        M=np.array(list(pairs.values())).reshape(-1, 3, 3),
        b=np.array([biquadratic.get(key, 0.0) for key in pairs]),
        onsite=SingleIon(model.anisotropy, lattice.atoms).entries,
        moments=np.asarray(model.moments),
    )


def _once(i: int, j: int, offset: NDArray[np.int64]) -> tuple[int, ...]:
    """Return a bond or its reverse, whichever comes first."""
    return min((i, j, *offset.tolist()), (j, i, *(-offset).tolist()))
