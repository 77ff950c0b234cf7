"""Starting moments for programs of density functional theory: VASP, Quantum ESPRESSO, SIESTA, ABINIT, Elk.

Each gives positions and initial moments, both Cartesian in the frame of the model. Cut-offs, k points and potentials
are left to the user.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.export.structure import MagneticStructure
from magsearch.formats.elements import SYMBOLS
from magsearch.units import BOHR

Texts = dict[Path, str]
SPECIES = 10  # that pw.x takes as it is compiled by default (ntypx)
SAME = 1e-6  # of a moment: atoms whose moments differ less are one species of Quantum ESPRESSO
ON_A_LINE = 3  # moments of a line of INCAR


def vasp(structure: MagneticStructure, path: Path) -> Texts:
    """Return POSCAR, and the lines of INCAR that set the moments, beside it.

    MAGMOM holds Cartesian components for the default SAXIS = 0 0 1.
    """
    order, symbols, counts = _by_species(structure)
    cell = structure.cell
    poscar = [
        f"magnetic cell by magsearch: {' '.join(symbols)}",
        "1.0",
        *(_row(vector, 16) for vector in cell.cell),
        " ".join(symbols),
        " ".join(map(str, counts)),
        "Direct",
        *(_row(place, 16) for place in cell.fractions[order]),
    ]
    moments = [_row(moment, 6) for moment in cell.vectors[order]]
    lines = ["  ".join(moments[k : k + ON_A_LINE]) for k in range(0, len(moments), ON_A_LINE)]
    coupled = ".TRUE." if structure.spin_orbit else ".FALSE."
    incar = [
        f"# for {path.name}: moments in mu_B, Cartesian",
        "LNONCOLLINEAR = .TRUE.",
        f"LSORBIT = {coupled}",
        "SAXIS = 0 0 1",
        "ISYM = -1",
        "MAGMOM = " + " \\\n         ".join(lines),
    ]
    if structure.dimension == "collinear":
        axis = cell.spins[0]
        signed = " ".join(f"{m:.6f}" for m in (cell.vectors @ axis)[order])
        incar.append(f"# collinear instead of the lines above: ISPIN = 2, MAGMOM = {signed}")
    named = path.name.replace("POSCAR", "INCAR").replace("poscar", "incar")
    beside = path.with_name(named if named != path.name else f"{path.name}.incar")
    return {path: "\n".join(poscar) + "\n", beside: "\n".join(incar) + "\n"}


def espresso(structure: MagneticStructure, path: Path) -> Texts:
    """Return an input of pw.x with one species for each moment: starting_magnetization, angle1 and angle2.

    Moments of at least 1 mu_B are given as such, as pw.x takes them since version 7.3; smaller ones have to be divided
    by the number of valence electrons of the pseudopotential, which is said beside them.
    """
    cell = structure.cell
    keys, names, kinds = list[tuple[str, NDArray[np.float64]]](), list[str](), list[int]()
    for symbol, moment in zip(structure.symbols, cell.vectors, strict=True):
        same = (
            k for k, (s, m) in enumerate(keys) if s == symbol and np.abs(m - moment).max() < SAME * cell.moments.max()
        )
        kind = next(same, len(keys))
        if kind == len(keys):
            keys.append((symbol, moment))
            names.append(f"{symbol}{sum(s == symbol for s, _ in keys)}")
        kinds.append(kind)
    system = [
        "ibrav = 0", f"nat = {len(cell.labels)}", f"ntyp = {len(keys)}", "noncolin = .true.",
        f"lspinorb = .{str(structure.spin_orbit).lower()}.",
    ]  # fmt: skip
    for k, (_, moment) in enumerate(keys, 1):
        size, theta, phi = _polar(moment)
        if not size:
            continue
        told = "" if size >= 1 else "  ! mu_B; divide by the number of valence electrons"
        system += [
            f"starting_magnetization({k}) = {size:.6f}{told}",
            f"angle1({k}) = {theta:.8f}",
            f"angle2({k}) = {phi:.8f}",
        ]
    lines = [
        f"! pw.x: {len(keys)} species; moments of 1 mu_B and more are read as such since version 7.3",
        *([f"! pw.x is compiled for {SPECIES} species (ntypx)"] if len(keys) > SPECIES else []),
        "&SYSTEM",
        *(f"  {line}" for line in system),
        "/",
        "ATOMIC_SPECIES",
        *(f"{name} 1.0 {symbol}.UPF" for name, (symbol, _) in zip(names, keys, strict=True)),
        "CELL_PARAMETERS angstrom",
        *(_row(vector, 12) for vector in cell.cell),
        "ATOMIC_POSITIONS crystal",
        *(f"{names[kind]} {_row(place, 12)}" for kind, place in zip(kinds, cell.fractions, strict=True)),
    ]
    return {path: "\n".join(lines) + "\n"}


def siesta(structure: MagneticStructure, path: Path) -> Texts:
    """Return structure and block DM.InitSpin of an fdf file: moment, theta and phi of each atom in degrees."""
    cell = structure.cell
    kinds = list(dict.fromkeys(structure.symbols))
    lines = [
        "# magnetic cell by magsearch",
        f"NumberOfAtoms {len(cell.labels)}",
        f"NumberOfSpecies {len(kinds)}",
        "%block ChemicalSpeciesLabel",
        *(f"  {k} {_number(symbol, path)} {symbol}" for k, symbol in enumerate(kinds, 1)),
        "%endblock ChemicalSpeciesLabel",
        "LatticeConstant 1.0 Ang",
        "%block LatticeVectors",
        *(f"  {_row(vector, 12)}" for vector in cell.cell),
        "%endblock LatticeVectors",
        "AtomicCoordinatesFormat Fractional",
        "%block AtomicCoordinatesAndAtomicSpecies",
        *(
            f"  {_row(place, 12)} {kinds.index(symbol) + 1}"
            for place, symbol in zip(cell.fractions, structure.symbols, strict=True)
        ),
        "%endblock AtomicCoordinatesAndAtomicSpecies",
        f"Spin {'spin-orbit' if structure.spin_orbit else 'non-collinear'}",
        "%block DM.InitSpin",
        *(
            "  {} {:.6f} {:.8f} {:.8f}".format(k, *_polar(moment))
            for k, moment in enumerate(cell.vectors, 1)
            if moment.any()
        ),
        "%endblock DM.InitSpin",
    ]
    return {path: "\n".join(lines) + "\n"}


def abinit(structure: MagneticStructure, path: Path) -> Texts:
    """Return the variables of ABINIT for structure and spinat, Cartesian components in mu_B."""
    cell = structure.cell
    kinds = list(dict.fromkeys(structure.symbols))
    lines = [
        "# magnetic cell by magsearch",
        f"natom {len(cell.labels)}",
        f"ntypat {len(kinds)}",
        "znucl " + " ".join(str(_number(symbol, path)) for symbol in kinds),
        "typat " + " ".join(str(kinds.index(symbol) + 1) for symbol in structure.symbols),
        "acell 1.0 1.0 1.0 angstrom",
        "rprim",
        *(f"  {_row(vector, 12)}" for vector in cell.cell),
        "xred",
        *(f"  {_row(place, 12)}" for place in cell.fractions),
        "nsppol 1",
        "nspinor 2",
        "nspden 4",
        "spinat",
        *(f"  {_row(moment, 8)}" for moment in cell.vectors),
    ]
    return {path: "\n".join(lines) + "\n"}


def elk(structure: MagneticStructure, path: Path) -> Texts:
    """Return the blocks of elk.in for structure and fixed directions of the muffin-tin moments (fsmtype -2, mommtfix).

    Elk then fixes the direction of each moment; without the two blocks it starts from a small field on each atom.
    """
    order, symbols, counts = _by_species(structure)
    cell = structure.cell
    atoms, moments, first = list[str](), list[str](), 0
    for kind, (symbol, count) in enumerate(zip(symbols, counts, strict=True), 1):
        _number(symbol, path)
        atoms += [f"  '{symbol}.in'", f"  {count}"]
        for k, atom in enumerate(order[first : first + count].tolist(), 1):
            atoms.append(f"  {_row(cell.fractions[atom], 12)}  0.0 0.0 0.0")
            if cell.vectors[atom].any():
                moments.append(f"  {kind} {k} {_row(cell.vectors[atom], 8)}")
        first += count
    lines = [
        "! magnetic cell by magsearch",
        "spinpol", "  .true.", "",
        "spinorb", f"  .{str(structure.spin_orbit).lower()}.", "",
        "cmagz", "  .false.", "",
        "fsmtype", "  -2", "",
        "mommtfix", *moments, "",
        "avec", *(f"  {_row(vector / BOHR, 12)}" for vector in cell.cell), "",
        "atoms", f"  {len(symbols)}", *atoms,
    ]  # fmt: skip
    return {path: "\n".join(lines) + "\n"}


def _by_species(structure: MagneticStructure) -> tuple[NDArray[np.int64], list[str], list[int]]:
    """Return the atoms sorted by element, the elements, and how many atoms each has."""
    kinds = list(dict.fromkeys(structure.symbols))
    of = np.array([kinds.index(symbol) for symbol in structure.symbols])
    return np.argsort(of, kind="stable"), kinds, np.bincount(of).tolist()


def _polar(moment: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the size of a moment, and the angles theta and phi of its direction in degrees."""
    x, y, z = moment
    theta = np.degrees(np.arctan2(np.hypot(x, y), z))
    return float(np.linalg.norm(moment)), float(theta), float(np.degrees(np.arctan2(y, x)) % 360.0)


def _number(symbol: str, path: Path) -> int:
    if symbol not in SYMBOLS[1:]:
        raise InputError(f"needs elements; species '{symbol}' is none: --elements {symbol}=Fe", path)
    return SYMBOLS.index(symbol)


def _row(values: NDArray[np.float64], digits: int) -> str:
    return " ".join(f"{x:.{digits}f}" for x in np.asarray(values).round(digits) + 0.0)
