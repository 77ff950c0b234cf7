"""The files that a magnetic structure is exported to, by format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os.path import exists
from pathlib import Path

from magsearch import output
from magsearch.errors import InputError, unknown
from magsearch.export import codes, mcif, spinw, sunny
from magsearch.export.structure import MagneticStructure
from magsearch.formats.elements import SYMBOLS
from magsearch.formats.spins import xyz
from magsearch.model.terms.term import UnsupportedTerm

Texts = dict[Path, str]


def _xyz(structure: MagneticStructure, path: Path) -> Texts:
    """Return extended XYZ, with moments in the column initial_magmoms, as ASE's calculators start from them."""
    cell = structure.cell
    symbols = [symbol if symbol in SYMBOLS else "X" for symbol in structure.symbols]
    periodic = cell.model.lattice.periodic
    return {path: xyz.atoms_text(cell.cell, periodic, symbols, cell.positions, cell.vectors)}


# what writes the texts of each format, and what is put behind the name of the run
FORMATS: dict[str, tuple[Callable[[MagneticStructure, Path], Texts], str]] = {
    "mcif": (mcif.texts, ".mcif"),
    "poscar": (codes.vasp, ".poscar"),
    "qe": (codes.espresso, ".pwi"),
    "siesta": (codes.siesta, ".fdf"),
    "abinit": (codes.abinit, ".abi"),
    "elk": (codes.elk, ".elk.in"),
    "xyz": (_xyz, ".xyz"),
    "sunny": (sunny.texts, ".jl"),
    "spinw": (spinw.texts, ".m"),
}
OTHERS = {".cif": "mcif", ".vasp": "poscar", ".extxyz": "xyz", ".in": "qe"}


def format_of(path: Path) -> str:
    """Return the format for the name of a file. Raises InputError if it tells none."""
    name = path.name.lower()
    if "poscar" in name or "contcar" in name:
        return "poscar"
    if name.endswith("elk.in"):
        return "elk"
    found = next(
        (kind for kind, (_, suffix) in FORMATS.items() if name.endswith(suffix)), OTHERS.get(path.suffix.lower())
    )
    if found is None:
        raise InputError(f"cannot infer the format from the file name; --format is one of {', '.join(FORMATS)}", path)
    return found


def write(structure: MagneticStructure, targets: Sequence[tuple[str, Path]], overwrite: bool = False) -> list[Path]:
    """Write a structure in some formats (keys of FORMATS), each to a file, all of them or none.

    Returns the files. Raises InputError for a format that does not exist or cannot express the structure, and for files
    that exist (unless ``overwrite``) or cannot be written.
    """
    files: Texts = {}
    for kind, path in targets:
        if kind not in FORMATS:
            raise InputError(unknown("format", kind, FORMATS), "format")
        try:
            texts = FORMATS[kind][0](structure, path)
        except InputError:
            raise
        except (UnsupportedTerm, ValueError) as error:
            raise InputError(f"cannot be written as {kind}: {error}", path) from None
        if twice := set(texts) & set(files):
            raise InputError("two formats would be written to this file", min(twice))
        files |= texts
    present = [file for file in files if exists(file)]
    if present and not overwrite:
        raise InputError("exists; give another name, or --overwrite", present[0])
    output.write(files)
    return list(files)
