"""Reader of UppASD's inpsd.dat."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError, meant
from magsearch.formats.build import dipoles, quadratic
from magsearch.formats.table import Table
from magsearch.formats.text_file import TextFile
from magsearch.formats.uppasd import CONVENTIONS
from magsearch.formats.uppasd.couplings import bonds_of
from magsearch.formats.uppasd.inpsd import Inpsd
from magsearch.formats.uppasd.keywords import KNOWN
from magsearch.formats.uppasd.products import read_products
from magsearch.formats.uppasd.sites import Sites, in_order
from magsearch.formats.uppasd.symmetry import operations
from magsearch.formatting import counted
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.notes import Note
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.single_ion import Anisotropy, CubicAnisotropy, UniaxialAnisotropy
from magsearch.units import MRY, MU_B

__all__ = ["CONVENTIONS", "NAME", "ORDER", "read", "recognises"]

NAME = "UppASD, inpsd.dat"
ORDER = 8
BOND = ("i", "j", "rx", "ry", "rz")
TENSOR = tuple(f"J{a}{b}" for a in "xyz" for b in "xyz")


def recognises(path: Path, text: str) -> bool:
    """Return whether a line of the text begins with the keyword ncell, cell or simid."""
    return bool({"ncell", "cell", "simid"} & Inpsd.parse(path, text).entries.keys())


def read(file: TextFile) -> Hamiltonian:
    """Read the Hamiltonian from an inpsd.dat and the files that it names.

    Raises InputError, with file and line, for invalid input and for keywords of unsupported terms; keywords that are
    not used are listed in a note.
    """
    inpsd = Inpsd.parse(file.path, file.text)
    inpsd.refuse_unsupported()
    sites = Sites.read(inpsd)
    lattice = sites.lattice
    moments = read_moments(inpsd, lattice.atoms)
    exchange, onsite, notes = _exchange(inpsd, sites)
    parts = [exchange]
    if "dm" in inpsd:
        dmi, more = _dmi(inpsd, sites)
        parts.append(dmi)
        notes += more
    kinds, more = _anisotropy(inpsd, moments)
    anisotropy = (*kinds, *onsite)
    notes += more + _remarks(inpsd)
    tesla = MRY / MU_B if _arbitrary_units(inpsd) else 1.0
    field = tesla * inpsd.numbers("hfield", 3, 0.0)
    lattice, shift, more = placed(inpsd, sites, file.choices.unfolded)
    parts = [replace(part, offset=part.offset + shift[part.j] - shift[part.i]) for part in parts]
    products, of_products = read_products(inpsd, sites, shift)
    others, said = _dipoles(inpsd, lattice.periodic)
    notes += more + of_products + said
    bonds = sum(parts[1:], parts[0]).merged()
    across = (bonds.offset[:, ~np.array(lattice.periodic)] != 0).any(axis=1) & bonds.J.any(axis=(1, 2))
    if lattice.cells == 1 and across.any():
        told = f"{counted(across.sum(), 'coupling')}, for example {bonds.describe(int(across.argmax()))}"
        notes.append(f"{file.path}: UppASD closes the open edges of a single cell; here they cut {told}")
    try:
        return Hamiltonian(
            lattice, bonds, moments, anisotropy, tuple(field), notes=tuple(notes), others=(*products, *others)
        )
    except ValueError as error:
        for part in parts:
            try:
                part.reciprocal()
            except ValueError as of_one_file:
                told = str(of_one_file)
                if told.endswith("its reverse is not listed") and not inpsd.whole("sym", 1, 0)[0]:
                    told += "; with sym 0 every vector has to be listed, and sym 1, 2 and 3 add the images of each"
                raise InputError(told) from None
        raise InputError(str(error), file.path) from None


def placed(inpsd: Inpsd, sites: Sites, unfolded: bool) -> tuple[Lattice, NDArray[np.int64], list[str]]:
    """Return the lattice, the cells by which its atoms are moved from ``sites.lattice``, [atom, 3], and notes.

    UppASD moves every atom into the cell and cuts what crosses open edges, except in a single cell, where all couplings
    stay inside (neighbourmap.f90: no hops if N1*N2*N3 = 1): a molecule around the origin is whole there. The same
    couplings result from leaving its atoms where they are listed, here along the open axes.
    """
    lattice = sites.lattice
    outside = sites.folded * ~np.array(lattice.periodic)
    moved = np.flatnonzero(outside.any(axis=1))
    if not len(moved):
        around = np.flatnonzero(sites.folded.any(axis=1))
        if not len(around):
            return lattice, outside, []
        told = (
            f"{counted(len(around), 'atom', 'are')} outside of the cell and moved by periods, for example atom "
            f"{around[0] + 1}"
        )
        return lattice, outside, [Note(f"{inpsd.path}: {told}, as in UppASD", harmless=True)]
    which = (
        f"{counted(len(moved), 'atom', 'lie')} outside of the cell along an open axis, for example atom {moved[0] + 1}"
    )
    if unfolded or lattice.cells == 1:
        told = f"{inpsd.path}: {which}; the positions are kept as they are listed"
        basis = lattice.basis + outside @ lattice.cell
        return replace(lattice, basis=basis), -outside, [told]
    told = f"{inpsd.path}: {which}; moved into it, as in UppASD, unless --set model.unfolded=true"
    return lattice, np.zeros_like(outside), [told]


def read_moments(inpsd: Inpsd, atoms: int) -> NDArray[np.float64]:
    """Return the moments of the momfile, [atom] Bohr magnetons; raises InputError unless all are positive."""
    table = Table.read(inpsd.file("momfile"), ("site", "chem", "moment", "ex", "ey", "ez"))
    order = in_order(table)
    if len(order) != atoms:
        raise InputError(
            f"has moments of {counted(len(order), 'site')}; expected {atoms}, as in the posfile", table.path
        )
    moments = table.values[order, 2]
    if (moments <= 0).any():
        row = int(order[(moments <= 0).argmax()])
        raise table.error(row, f"the moment is {table.values[row, 2]:g}; expected a positive number of Bohr magnetons")
    return moments


def _dipoles(inpsd: Inpsd, periodic: tuple[bool, bool, bool]) -> tuple[tuple[Dipole, ...], list[str]]:
    """Return the dipole-dipole interaction of do_dip, and notes: 1 sums all pairs, 3 does the same by transforms."""
    method = inpsd.whole("do_dip", 1, 0)[0]
    if method == 0:
        return (), []
    if method not in (1, 3):
        raise inpsd.error("do_dip", f"is {method}; expected 0, 1 or 3 (2 replaces spins by those of macrocells)")
    if _arbitrary_units(inpsd) or "alat" not in inpsd:
        raise inpsd.error("do_dip", "needs alat, and cannot be combined with aunits Y: dipoles need units")
    term, notes = dipoles(f"{inpsd.path}:{inpsd.entries['do_dip'].line}", "UppASD", periodic)
    return (term,), notes


def _arbitrary_units(inpsd: Inpsd) -> bool:
    """Return whether aunits is Y, which sets mRy = mu_B = 1: couplings and m B are then in mRy."""
    return inpsd.choice("aunits", ("Y", "N"), "N") == "Y"


def _exchange(inpsd: Inpsd, sites: Sites) -> tuple[Bonds, list[Anisotropy], list[str]]:
    """Return the couplings of the exchange file, the anisotropy of its on-site tensors, and notes."""
    sym, tensor = inpsd.whole("sym", 1, 0)[0], inpsd.whole("do_jtensor", 1, 0)[0]
    scale = float(inpsd.numbers("jij_scale", 1, 1.0)[0])
    if sym not in (0, 1, 2, 3):
        raise inpsd.error("sym", f"is {sym}; expected 0, 1, 2 or 3 (4 and 5, operations from a file, are not read)")
    if tensor not in (0, 1):
        raise inpsd.error("do_jtensor", f"is {tensor}; expected 0 or 1")
    whole_tensor = tensor and inpsd.word("calc_jtensor", "T").strip(".")[:1].upper() == "F"
    for keyword, clash in (
        ("jij_scale", tensor and scale != 1),
        ("dm", tensor and "dm" in inpsd),
    ):
        if clash:
            raise inpsd.error(keyword, "cannot be combined with do_jtensor 1; UppASD does not apply it to tensors")
    table = Table.read(inpsd.file("exchange"), (*BOND, *(TENSOR if whole_tensor else TENSOR[:1])))
    J = table.values[:, 5:].reshape(-1, 3, 3) if whole_tensor else scale * exchange_matrix(table.values[:, 5])
    bonds, notes, own = bonds_of(sites, table, 2 * MRY * J, operations(sym), typed=not tensor)
    onsite: list[Anisotropy] = []
    if whole_tensor:
        for atom, row in own.items():  # E = - s.J s, once for each site
            onsite += quadratic(MRY * J[row], atom)
    else:
        notes += _constant(table, own, "a constant energy")
    if whole_tensor and sym != 0:
        notes.append(
            f"{inpsd.path}:{inpsd.entries['sym'].line}: sym {sym} gives every image of a vector the same tensor, "
            "without rotating it, as in UppASD"
        )
    if tensor and not whole_tensor:
        notes.append(
            f"{inpsd.path}:{inpsd.entries['do_jtensor'].line}: do_jtensor 1 without calc_jtensor F: the first number "
            "of each row is read as a scalar J, as in UppASD; add 'calc_jtensor F' to read all nine"
        )
    return bonds, onsite, notes


def _constant(table: Table, own: dict[int, int], what: str) -> list[str]:
    """Return a note on rows [by atom] of an atom with itself, which are left out."""
    if not own:
        return []
    atom, row = next(iter(own.items()))
    return [
        f"{table.path}: {counted(len(own), 'atom', 'have')} a coupling with itself, for example atom {atom + 1} by "
        f"line {table.line[row]}: {what}, left out"
    ]


def _dmi(inpsd: Inpsd, sites: Sites) -> tuple[Bonds, list[str]]:
    scale = float(inpsd.numbers("dm_scale", 1, 1.0)[0])
    table = Table.read(inpsd.file("dm"), (*BOND, "Dx", "Dy", "Dz"))
    D = dmi_matrix(table.values[:, 5:])
    bonds, notes, own = bonds_of(sites, table, 2 * MRY * scale * D, operations(0), typed=False)
    return bonds, notes + _constant(table, own, "no energy")


def _anisotropy(inpsd: Inpsd, moments: NDArray[np.float64]) -> tuple[tuple[Anisotropy, ...], list[str]]:
    """Return the anisotropy of the atoms, and notes.

    It is the potential of the field in UppASD's hamiltonianactions.f90, with c = e . n and the moment m as a number:

    uniaxial  K1 c^2 + K2 (2 c^2 / m^2 - c^4)        cubic  - K1 (x^2 y^2 + y^2 z^2 + z^2 x^2) - K2 x^2 y^2 z^2
    type 7    uniaxial + ratio m^2 cubic, with the same K1
    """
    if "anisotropy" not in inpsd:
        return (), []
    if inpsd.word("do_anisotropy", "1") == "0":
        raise inpsd.error("do_anisotropy", "is 0 but an anisotropy file is named; expected one of the two")
    table = Table.read(inpsd.file("anisotropy"), ("site", "type", "K1", "K2", "ex", "ey", "ez", "ratio"))
    atoms = table.indices(0, len(moments), "atom")
    allowed = 2 if inpsd.choice("mult_axis", ("Y", "N"), "N") == "Y" else 1
    terms: list[Anisotropy] = []
    unprinted, off = False, []
    for row, atom in enumerate(atoms.tolist()):
        kind, K1, K2, *axis, ratio = table.values[row, 1:].tolist()
        earlier = int((atoms[:row] == atom).sum())
        if kind not in (0, 1, 2, 7):
            raise table.error(row, f"anisotropy of type {kind:g}; expected 1 (uniaxial), 2 (cubic) or 7 (both)")
        if earlier >= allowed:
            raise table.error(
                row, f"atom {atom + 1} has more than {allowed} rows; expected one, or two with mult_axis Y"
            )
        if earlier and (kind not in (0, 1) or K2):
            raise table.error(row, "a second axis can be read only with type 1 and K2 = 0")
        if kind in (1, 7) and not np.any(axis):
            raise table.error(row, "the axis (0, 0, 0) has no direction")
        cubic = {2: 1.0, 7: ratio * moments[atom] ** 2}.get(kind, 0.0)
        if cubic * K2:
            raise table.error(row, "cubic anisotropy of sixth order is not supported; expected K2 = 0")
        if kind in (1, 7) and (K1 or K2):
            K = -(K1 + 2 * K2 / moments[atom] ** 2)
            terms.append(UniaxialAnisotropy(MRY * K, (axis[0], axis[1], axis[2]), MRY * K2, (atom,)))
        if cubic * K1:
            terms.append(CubicAnisotropy(-MRY * cubic * K1, atoms=(atom,)))
        if kind == 0 and (K1 or K2):
            off.append(row)
        unprinted |= kind != 0 and bool(K2 or cubic * K1)
    notes = []
    if off:
        told = (
            f"{counted(len(off), 'row of type 0', 'have')} no anisotropy, for example line "
            f"{table.line[off[0]]}, as in UppASD"
        )
        notes.append(f"{table.path}: {told}")
    if unprinted:
        told = "K2 and cubic anisotropy are read as the potential of UppASD's field, which is not the energy it prints"
        notes.append(f"{table.path}: {told}")
    return tuple(terms), notes


def _remarks(inpsd: Inpsd) -> list[str]:
    notes: list[str] = []
    if inpsd.unused:
        notes.append(Note(f"{inpsd.path}: not used: {', '.join(inpsd.unused)}", harmless=True))
    if inpsd.of_lattice:
        told = f"{inpsd.path}: not used: {', '.join(inpsd.of_lattice)}; atoms are not displaced here"
        notes.append(told)
    if inpsd.again:
        word, before, now = inpsd.again[0]
        told = (
            f"{counted(len(inpsd.again), 'keyword', 'are')} given again with other values, for example "
            f"{word} of line {before} on"
        )
        notes.append(f"{inpsd.path}: {told} line {now}; the last one counts, as in UppASD")
    if not inpsd.numbers("cell", 9).any():
        told = "the cell is zero; the atoms of a single cell with open edges stay where they are"
        notes.append(f"{inpsd.path}:{inpsd.entries['cell'].line}: {told}")
    for keyword in inpsd.unknown:
        close = meant(keyword, KNOWN)
        asked = f"; did you mean '{close}'?" if close else ""
        notes.append(f"{inpsd.path}:{inpsd.entries[keyword].line}: '{keyword}' is no keyword of UppASD{asked}")
    if "alat" not in inpsd:
        told = f"{inpsd.path}: no alat; lengths are in units of the lattice constant, taken as 1 angstrom"
        notes.append(Note(told, harmless=True))  # energies of dipoles alone depend on it, and they need one
    if _arbitrary_units(inpsd):
        notes.append(f"{inpsd.path}: aunits Y; couplings are read as mRy, fields so that moment times field is in mRy")
    return notes
