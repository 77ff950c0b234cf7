"""Reader of Spirit's .cfg files."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.formats.build import assemble, dipoles, repeated
from magsearch.formats.spirit import CONVENTIONS
from magsearch.formats.spirit.cfg import Cfg, Listing
from magsearch.formats.table import is_number, wholes
from magsearch.formats.text_file import TextFile
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.notes import Note
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.products import SpinProducts
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
SHELL_WIDTH = 1e-3  # angstrom; Spirit treats distances that differ by less as equal
MOST_SHELLS = 100
PAIR = ("i", "j", "da", "db", "dc")
QUADRUPLET = (
    "i", "j", "da_j", "db_j", "dc_j", "k", "da_k", "db_k", "dc_k", "l", "da_l", "db_l", "dc_l",
)  # fmt: skip
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
        bonds, of_table = _pairs(cfg, len(basis))
        notes += [*of_table, *_repeated(path, bonds)]
    elif kind == "heisenberg_neighbours":
        bonds = _shells(cfg, cell, len(basis), size)
    else:
        raise cfg.error("hamiltonian", f"is {kind}; expected heisenberg_pairs or heisenberg_neighbours")
    quadruplets, listed = _quadruplets(cfg, len(basis), kind)
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
        anisotropy=anisotropy, field=(strength * normal).tolist(), notes=notes, others=(*quadruplets, *others),
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
        told = f"{cfg.path}:{cfg.lines[k].number}: {len(more)} moments more than atoms, for example {more[:1]}"
        return moments, [f"{told}; they are not used, as in Spirit"] if more else []
    told = f"{cfg.path}:{cfg.lines[k].number}: {len(moments)} moments for {atoms} atoms; the other atoms get the first"
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
            told = f"{len(aimless)} axes are (0, 0, 0), for example on line {aimless[0]}; they are taken along z"
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


def _pairs(cfg: Cfg, atoms: int) -> tuple[Bonds, list[str]]:
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
            told = f"Dij of {len(lost)} rows has the direction (0, 0, 0), for example on line {table.line[lost[0]]}"
            table.notes.append(f"{table.path}: {told}: no coupling")
    J = exchange_matrix(table.column("jij")) + dmi_matrix(D)
    bonds = Bonds.pairs(keys[:, 0], keys[:, 1], J, keys[:, 2:])
    where = tuple(f"{table.path}:{line}" for line in table.line)
    return Bonds(bonds.i, bonds.j, bonds.offset, bonds.J, where + where), table.notes


def _quadruplets(cfg: Cfg, atoms: int, kind: str) -> tuple[tuple[SpinProducts, ...], list[str]]:
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


def _repeated(path: Path, bonds: Bonds) -> list[str]:
    """Return a note if pairs are listed more than once, in one direction or in both."""
    again, lines = repeated(bonds)
    if not again:
        return []
    return [
        f"{path}: {again // 2} pairs are listed more than once, in one direction or both, for example in "
        f"lines {lines}; they add up, as in Spirit"
    ]


def _shells(cfg: Cfg, cell: NDArray[np.float64], atoms: int, size: list[int]) -> Bonds:
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


def _remarks(cfg: Cfg, bonds: Bonds, once: list[int], periodic: tuple[bool, bool, bool]) -> list[str]:
    """Return notes on unused keywords and long couplings; once: Spirit's range of couplings along each axis, cells."""
    notes: list[str] = []
    if again := cfg.again:
        told = f"{len(again)} keywords are given again, for example {again[0][0]} on line {again[0][1]}"
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
