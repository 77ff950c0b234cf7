"""Reader of Spirit's .cfg files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.formats.build import assemble, dipoles
from magsearch.formats.spirit import CONVENTIONS
from magsearch.formats.spirit.cfg import Cfg, Listing
from magsearch.formats.spirit.couplings import listed_again, pairs, quadruplets, shells
from magsearch.formats.table import is_number, wholes
from magsearch.formats.text_file import TextFile
from magsearch.formatting import counted
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.notes import Note
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.single_ion import Anisotropy, CubicAnisotropy, UniaxialAnisotropy

__all__ = ["CONVENTIONS", "NAME", "ORDER", "read", "recognises"]

NAME = "Spirit, cfg"
ORDER = 7
HALF, EDGE = 0.5, np.sqrt(0.75)
# as Spirit 2.2 places its sites; the vectors are in units of the lattice constant
BRAVAIS = {
    "sc": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "fcc": ((HALF, 0, HALF), (HALF, HALF, 0), (0, HALF, HALF)),
    "bcc": ((HALF, HALF, -HALF), (-HALF, HALF, -HALF), (HALF, -HALF, -HALF)),
    "hex2d": ((EDGE, -HALF, 0), (EDGE, HALF, 0), (0, 0, 1)),
    "hex2d60": ((EDGE, -HALF, 0), (EDGE, HALF, 0), (0, 0, 1)),
    "hex2d120": ((HALF, -EDGE, 0), (HALF, EDGE, 0), (0, 0, 1)),
}
REFUSED = ("n_defects", "defects_from_file", "atom_types")
SIGNS = (
    "bravais_lattice", "bravais_vectors", "bravais_matrix", "n_basis_cells", "n_interaction_pairs",
    "interaction_pairs_file", "n_shells_exchange", "n_shells_dmi", "external_field_magnitude",
)  # fmt: skip


def recognises(path: Path, text: str) -> bool:
    """Return whether a line of the text begins with a keyword that is characteristic of Spirit."""
    first = {line.split()[0].lower() for line in text.splitlines() if line.strip()}
    return bool(first & set(SIGNS))


def read(file: TextFile) -> Hamiltonian:
    """Read the Hamiltonian from a Spirit .cfg and the files of pairs and anisotropies that it names.

    Raises InputError, with file and line, for invalid input and for unsupported terms.
    """
    path, cfg = file.path, Cfg.parse(file.path, file.text)
    _refuse(cfg)
    cell, basis = _geometry(cfg)
    size = cfg.wholes("n_basis_cells", 3, (100, 100, 1))
    if min(size) < 1:
        raise cfg.error("n_basis_cells", f"is {size}; expected three whole numbers of at least 1")
    a, b, c = (flag != 0 for flag in cfg.wholes("boundary_conditions", 3, (0, 0, 0)))
    notes: list[str] = []
    if "n_basis_cells" not in cfg:
        told = f"{path}: no n_basis_cells: 100 x 100 x 1 cells as in Spirit, unless --set model.size"
        notes.append(Note(told, about="size"))
    if "boundary_conditions" not in cfg:
        told = f"{path}: no boundary_conditions: all axes are open as in Spirit, unless --set model.periodic"
        notes.append(Note(told, about="periodic"))
    moments, said = _moments(cfg, len(basis))
    anisotropy, more = _anisotropy(cfg, len(basis))
    kind = cfg.word("hamiltonian", "heisenberg_neighbours")
    if kind == "heisenberg_pairs":
        bonds, of_table = pairs(cfg, len(basis))
        notes += [*of_table, *listed_again(path, bonds)]
    elif kind == "heisenberg_neighbours":
        bonds = shells(cfg, cell, len(basis), size)
    else:
        raise cfg.error("hamiltonian", f"is {kind}; expected heisenberg_pairs or heisenberg_neighbours")
    products, listed = quadruplets(cfg, len(basis), kind)
    notes += listed
    strength, normal = cfg.numbers("external_field_magnitude", 1, (0.0,))[0], _normal(cfg, "external_field_normal")
    if kind == "heisenberg_neighbours" and not len(bonds) and math.prod(size) == len(basis) == 1:
        told = "a single site has no neighbours; jij and dij are left out" if cfg.find("jij") is not None else ""
        notes += [f"{path}: {told}"] if told else []
    once = [n if kind == "heisenberg_pairs" else n - 1 for n in size]
    others, told_of_them = _dipoles(cfg, (a, b, c))
    notes += said + more + told_of_them + _remarks(cfg, bonds, once, (a, b, c))
    return assemble(
        path, cell, basis @ cell, bonds, size=size, periodic=(a, b, c), moments=moments,
        anisotropy=anisotropy, field=(strength * normal).tolist(), notes=notes, others=(*products, *others),
    )  # fmt: skip


def _refuse(cfg: Cfg) -> None:
    """Raise InputError for keywords that add unsupported terms to the energy."""
    for keyword in REFUSED:
        if keyword in cfg and cfg.word(keyword, "0") != "0":
            raise cfg.error(keyword, "requests disorder, which magsearch does not support")
    if "dd_radius" in cfg and cfg.numbers("dd_radius", 1, (0.0,))[0]:
        raise cfg.error("dd_radius", "requests dipolar interactions in older versions; expected ddi_method")


def _dipoles(cfg: Cfg, periodic: tuple[bool, bool, bool]) -> tuple[tuple[Dipole, ...], list[str]]:
    """Return the dipole-dipole interaction of ddi_method, and notes; raises InputError for methods with a cutoff."""
    method = cfg.word("ddi_method", "none")
    if method == "none":
        return (), []
    if method != "fft":
        raise cfg.error("ddi_method", f"is {method}; expected none or fft: others neglect distant dipoles")
    images = " ".join(str(n) for n in cfg.wholes("ddi_n_periodic_images", 3, (4, 4, 4)))
    term, notes = dipoles(str(cfg.path), "Spirit", periodic, f" and {images} images of it on each side")
    return (term,), notes


def _geometry(cfg: Cfg) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cell vectors as rows [3, 3] (angstrom), and the basis [atom, 3] in fractions of them."""
    (constant,) = cfg.numbers("lattice_constant", 1, (1.0,))
    if constant <= 0:
        raise cfg.error("lattice_constant", f"is {constant:g}; expected a positive length in angstrom")
    if "bravais_lattice" in cfg:
        name = cfg.word("bravais_lattice", "")
        if name not in BRAVAIS:
            raise cfg.error("bravais_lattice", f"is {name}; expected {', '.join(BRAVAIS)}")
        vectors = np.array(BRAVAIS[name], dtype=np.float64)
    elif (k := cfg.find("bravais_vectors")) is not None:
        vectors = np.array(cfg.block(k + 1, 3, ("x", "y", "z")))
    elif (k := cfg.find("bravais_matrix")) is not None:
        vectors = np.array(cfg.block(k + 1, 3, ("a", "b", "c"))).T
    else:
        vectors = np.eye(3)
    basis = np.zeros((1, 3))
    if (k := cfg.find("basis")) is not None:
        count_line = cfg.rows(k + 1, 1)[0]
        (count,) = wholes(count_line.tokens, ("the number of atoms",), cfg.path, count_line.number)
        if count < 1:
            raise InputError(f"{count} atoms in the basis; expected at least 1", cfg.path, count_line.number)
        basis = np.array(cfg.block(k + 2, count, ("a", "b", "c")))
    return constant * vectors, basis


def _normal(cfg: Cfg, keyword: str) -> NDArray[np.float64]:
    """Return the direction after a keyword, normalised as in Spirit; z without the keyword."""
    vector = np.array(cfg.numbers(keyword, 3, (0.0, 0.0, 1.0)))
    length = np.linalg.norm(vector)
    if not 0 < length < np.inf:
        raise cfg.error(keyword, "has no direction")
    return vector / length


def _moments(cfg: Cfg, atoms: int) -> tuple[list[float], list[str]]:
    k = cfg.find("mu_s")
    if k is None:
        return [1.0] * atoms, [f"{cfg.path}: no mu_s; all moments are set to 1 mu_B, as in Spirit"]
    given = cfg.lines[k].tokens[1:]
    moments = cfg.numbers("mu_s", max(len(given[:atoms]), 1), ())
    if len(moments) == atoms:
        more = [word for word in given[atoms:] if is_number(word)]
        told = (
            f"{cfg.path}:{cfg.lines[k].number}: {counted(len(more), 'moment')} more than atoms, for example {more[:1]}"
        )
        return moments, [f"{told}; not used, as in Spirit"] if more else []
    told = (
        f"{cfg.path}:{cfg.lines[k].number}: {counted(len(moments), 'moment')} for {atoms} atoms; the other "
        "atoms get the first"
    )
    return moments + [moments[0]] * (atoms - len(moments)), [f"{told}, as in Spirit"]


def _anisotropy(cfg: Cfg, atoms: int) -> tuple[list[Anisotropy], list[str]]:
    """Return the uniaxial terms of a table or of all atoms, the cubic term of all atoms, and notes."""
    terms: list[Anisotropy] = []
    notes: list[str] = []
    named = None if "n_anisotropy" in cfg else cfg.file("anisotropy_file")
    if "n_anisotropy" in cfg or named is not None:
        listed = cfg if named is None else Cfg.read(named)
        table = Listing.read(listed, "n_anisotropy", ("i", "k", "kx", "ky", "kz", "k4"), ("kx", "ky", "kz"))
        notes += table.notes
        aimless, cubic = [], []
        for row, line in enumerate(table.line):
            (atom,) = wholes([str(table.column("i")[row])], ("i",), table.path, line)
            x, y, z = (table.column(name)[row] for name in ("kx", "ky", "kz"))
            length = float(np.linalg.norm([x, y, z]))
            if not 0 <= atom < atoms:
                raise InputError(f"atom {atom} does not exist; expected 0 to {atoms - 1}", table.path, line)
            K = table.columns["k"][row] if "k" in table.columns else length
            axis = (x, y, z) if length else (0.0, 0.0, 1.0)
            if K:
                terms.append(UniaxialAnisotropy(K, axis, atoms=(atom,)))
                aimless += [] if length else [line]
            if K4 := table.column("k4")[row]:
                terms.append(CubicAnisotropy(K4, atoms=(atom,)))
                cubic.append(f"{-K4 / 2:g} meV (atom {atom})")
        if cubic:
            notes.append(f"{table.path}: the constants {', '.join(cubic)} of Spirit's cubic anisotropy are left out")
        if aimless:
            told = f"{counted(len(aimless), 'axis', 'are')} (0, 0, 0), for example on line {aimless[0]}; taken along z"
            notes.append(f"{table.path}: {told}, as in Spirit")
        return terms, notes  # Spirit does not read the keywords then
    (K,) = cfg.numbers("anisotropy_magnitude", 1, (0.0,))
    x, y, z = _normal(cfg, "anisotropy_normal")
    if K:
        terms.append(UniaxialAnisotropy(K, (float(x), float(y), float(z))))
    (K4,) = cfg.numbers("cubic_anisotropy_magnitude", 1, (0.0,))
    if not K4:
        return terms, notes
    constant = f"{cfg.path}: the constant {-K4 / 2:g} meV per spin of Spirit's cubic anisotropy is left out"
    return [*terms, CubicAnisotropy(K4)], [*notes, constant]


def _remarks(cfg: Cfg, bonds: Bonds, once: list[int], periodic: tuple[bool, bool, bool]) -> list[str]:
    """Return notes on unused keywords and long couplings; once: Spirit's range of couplings along each axis, cells."""
    notes: list[str] = []
    if again := cfg.again:
        told = f"{counted(len(again), 'keyword', 'are')} given again, for example {again[0][0]} on line {again[0][1]}"
        notes.append(f"{cfg.path}: {told}; the first one counts, as in Spirit")
    unused = cfg.unused()
    if unused:
        control = all(word.endswith("*") for word in unused)  # of methods and output, not of the model
        notes.append(Note(f"{cfg.path}: not used: {', '.join(unused)}", harmless=control))
    far = (np.array(periodic) & (np.abs(bonds.offset) > once)).any(axis=1)
    if far.any():
        example = bonds.describe(int(far.argmax()))
        notes.append(
            f"{cfg.path}: {far.sum()} of {len(bonds)} couplings reach more than once around the box, for example "
            f"{example}; magsearch includes them, Spirit does not"
        )
    return notes
