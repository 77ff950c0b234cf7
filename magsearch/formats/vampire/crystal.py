"""Construction of a Hamiltonian from VAMPIRE's unit cell and materials."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.formats.build import SITES, assemble, repeated
from magsearch.formats.vampire.materials import Material, read_materials
from magsearch.formats.vampire.tb2j_beside import differences
from magsearch.formats.vampire.ucf import UnitCell
from magsearch.formatting import counted
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.notes import Note
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.single_ion import Anisotropy
from magsearch.units import JOULE

WHOLE = 1e-3  # cells; a box is a whole number of cells within this


def assemble_crystal(
    ucf: Path,
    cell: UnitCell,
    mat: Path | None,
    *,
    system: tuple[float, float, float] | None = None,
    periodic: tuple[bool, bool, bool] = (True, True, True),
    field: tuple[float, float, float] = (0.0, 0.0, 0.0),
    factor: float = 1.0,
    notes: list[str] | None = None,
) -> Hamiltonian:
    """Build the Hamiltonian of a cell, read from ``ucf``, and its materials; without these all moments are 1 mu_B.

    system   lengths of the box, angstrom
    field    tesla
    factor   by which the exchange matrices are multiplied
    """
    said = [*(notes or []), *cell.notes]
    if mat is None:
        mat = ucf.with_suffix(".mat")
        if cell.normalised:
            raise InputError(f"has factors of exchange matrices, but no material file; expected {mat.name}", ucf)
        materials = {k + 1: Material(k + 1, moment=1.0) for k in set(cell.material)}
        said.append(f"{ucf}: no material file beside it: all moments are 1 mu_B, and there is no anisotropy")
    else:
        materials, more = read_materials(mat)
        said += more
    of_atom = []
    for atom, number in enumerate(cell.material):
        if number + 1 not in materials:
            raise InputError(f"atom {atom} is of material {number}, which {mat.name} does not describe", ucf)
        of_atom.append(materials[number + 1])
    magnetic = np.array([material.magnetic for material in of_atom])
    if not magnetic.any():
        raise InputError("has no magnetic atom", ucf)
    kept = np.flatnonzero(magnetic)
    if len(kept) < len(magnetic):
        lost = np.flatnonzero(~magnetic)
        told = (
            f"{ucf}: {counted(len(lost), 'atom of materials that are not magnetic', 'are')} left out, for "
            f"example atom {lost[0]}"
        )
        said.append(Note(told, harmless=True))
    J = _matrices(cell, of_atom, factor, mat, said)
    new = np.cumsum(magnetic) - 1
    links, joins = cell.links, np.all(magnetic[cell.links[:, :2]], axis=1)
    where = tuple(f"{ucf}:{line}" if line else str(ucf) for line, join in zip(cell.line, joins, strict=True) if join)
    bonds = Bonds(new[links[joins, 0]], new[links[joins, 1]], links[joins, 2:], J[joins], where)
    again, lines = repeated(bonds)
    if again:
        said.append(
            f"{ucf}: {counted(again, 'interaction', 'are')} listed more than once, for example on lines "
            f"{lines}; the couplings add up, as in VAMPIRE"
        )
    said += differences(ucf, bonds)
    anisotropy: list[Anisotropy] = []
    for atom, old in enumerate(kept.tolist()):
        anisotropy += of_atom[old].anisotropy(atom)
    constant = {m.number: m.kc / 2 for m in of_atom if m.magnetic and m.kc}
    if constant:
        told = ", ".join(f"{-c:g} meV (material {number})" for number, c in constant.items())
        said.append(f"{mat}: the constants {told} of each spin's cubic anisotropy are left out")
    return assemble(
        ucf,
        cell.cell,
        cell.positions[kept] @ cell.cell,
        bonds,
        size=None if system is None else _cells(system, np.linalg.norm(cell.cell, axis=1), periodic, ucf, said),
        periodic=periodic,
        species=[of_atom[k].species or f"M{of_atom[k].number}" for k in kept],
        moments=[of_atom[k].moment or 0.0 for k in kept],
        anisotropy=anisotropy,
        field=field,
        notes=said,
        others=_biquadratic(cell, magnetic),
    )


def _biquadratic(cell: UnitCell, magnetic: NDArray[np.bool_]) -> tuple[SpinProducts, ...]:
    """Return - B (s_i . s_j)^2 of the pairs of magnetic atoms, which are listed in both directions."""
    try:
        bonds, _ = cell.biquadratic.with_matrices(JOULE * cell.biquadratic.J).reciprocal()
    except ValueError as error:
        raise InputError(str(error)) from None
    bonds = bonds.at(np.flatnonzero(magnetic[bonds.i] & magnetic[bonds.j]))
    if not len(bonds):
        return ()
    new, half = np.cumsum(magnetic) - 1, 0.5 * bonds.J[:, 0, 0]
    return (SpinProducts.biquadratic(new[bonds.i], new[bonds.j], bonds.offset, half, bonds.source),)


def _matrices(
    cell: UnitCell, materials: list[Material], factor: float, mat: Path, said: list[str]
) -> NDArray[np.float64]:
    """Return the couplings in meV, [bond, 3, 3]; appends a note to ``said`` if off-diagonal elements are dropped."""
    if not cell.normalised:
        given = sorted({m.number for m in materials if any(map(any, m.exchange.values()))})
        if given or factor != 1:
            what = (
                f"exchange-matrix of {counted(len(given), 'material')}, for example {given[0]},"
                if given
                else "ab-initio"
            )
            said.append(f"{mat}: {what} is not used, as in VAMPIRE: the .ucf has its couplings in joule")
        return JOULE * cell.J
    diagonal = cell.J * np.eye(3)
    if (diagonal != cell.J).any():
        lost = np.flatnonzero((diagonal != cell.J).any(axis=(1, 2)))
        said.append(
            f"normalised-tensorial: off-diagonal elements are left out of {counted(len(lost), 'coupling')}, "
            "as in VAMPIRE, for "
            f"example on line {cell.line[lost[0]]}"
        )
    for k, (i, j) in enumerate(cell.links[:, :2].tolist()):
        one, other = materials[i], materials[j]
        if one.magnetic and other.magnetic:
            if other.number not in one.exchange:
                raise InputError(f"has no material[{one.number}]:exchange-matrix[{other.number}]", mat)
            diagonal[k] *= factor * np.array(one.exchange[other.number])
    return diagonal


def _cells(
    system: tuple[float, float, float],
    lengths: NDArray[np.float64],
    periodic: tuple[bool, bool, bool],
    ucf: Path,
    said: list[str],
) -> list[int]:
    """Return the number of cells of a box along each axis, rounded up by the lengths of the cell (create.cpp)."""
    if (lengths <= 0).any():
        raise InputError("a cell vector has no length", ucf)
    exact = np.array(system) / lengths
    if exact.max() > SITES:
        raise InputError(f"the system is {exact.max():.3g} cells long; expected at most {SITES}", ucf)
    cells = [max(1, math.ceil(n - WHOLE)) for n in exact.tolist()]
    apart = np.abs(exact - cells) > WHOLE
    if apart.any():
        told = " x ".join(f"{n:.4g}" for n in exact)
        cut = "" if not (apart & ~np.array(periodic)).any() else ", whose last cell VAMPIRE cuts along open axes"
        whole = " x ".join(map(str, cells))
        said.append(Note(f"{ucf}: the system is {told} cells, rounded up to {whole}{cut}", harmless=not cut))
    return cells
