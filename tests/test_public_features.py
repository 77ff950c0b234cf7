"""Small files with the features of the public examples of UppASD, TB2J, Spirit and VAMPIRE, as users' files have them.

Keywords in any case, tabs, CRLF, a byte-order mark, comments, blank lines, Fortran's exponents, text behind the
numbers, several sublattices, tensors, on-site rows, old headers. The energy of random spins is a sum over cells,
written here from the energy that each code documents, over couplings that the test itself puts into the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from oracle import energy

from magsearch import config, formats
from magsearch.errors import InputError

MRY, MU_B, JOULE, BOHR = 13.605693122994, 5.7883818060e-2, 1 / 1.602176634e-22, 0.529177210903  # meV, meV/T, meV, A
SIZE, PERIODIC = (4, 3, 2), (True, True, False)
BASIS = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.25]])  # fractions of CELL
CELL = np.array([[3.0, 0.0, 0.0], [0.0, 3.5, 0.0], [0.0, 0.0, 5.0]])
MOMENTS = (2.25, 1.5)
FIELD = np.array([0.0, 3.0, 4.0])
ENDS = [
    (0, 0, (1, 0, 0)),
    (1, 1, (0, 1, 0)),
    (0, 1, (0, 0, 0)),
    (0, 1, (-1, 0, 0)),
    (0, 1, (0, -1, -1)),
    (1, 1, (1, 0, 1)),
]


@dataclass(frozen=True)
class Couplings:
    """Both directions of pairs: the atoms and cells [bond], J, D and a symmetric traceless tensor, in a file's unit."""

    ends: list[tuple[int, int, tuple[int, int, int]]]
    J: np.ndarray
    D: np.ndarray
    T: np.ndarray

    @classmethod
    def random(cls, seed: int, digits: int = 3, D: float = 0.0, T: float = 0.0) -> Couplings:
        """Return couplings of the pairs ENDS, rounded to digits, so that every file has all of them."""
        random = np.random.default_rng(seed)
        J = np.round(random.uniform(-1, 1, len(ENDS)), digits)
        vector = np.round(D * random.uniform(-1, 1, (len(ENDS), 3)), digits)
        tensor = T * random.uniform(-1, 1, (len(ENDS), 3, 3))
        tensor = np.round(tensor + tensor.transpose(0, 2, 1), digits)
        back = [(j, i, (-a, -b, -c)) for i, j, (a, b, c) in ENDS]
        return cls(ENDS + back, np.tile(J, 2), np.concatenate([vector, -vector]), np.tile(tensor, (2, 1, 1)))

    @property
    def matrices(self) -> np.ndarray:
        """M of s_i . M s_j = J s_i . s_j + D . (s_i x s_j) + s_i . T s_j, [bond, 3, 3]."""
        x, y, z = self.D.T
        zero = np.zeros_like(x)
        cross = np.array([[zero, z, -y], [-z, zero, x], [y, -x, zero]]).transpose(2, 0, 1)
        return self.J[:, None, None] * np.eye(3) + cross + self.T


def total(spins: np.ndarray, listed: Iterable[tuple[int, int, tuple[int, int, int]]], matrices: np.ndarray) -> float:
    """Return - sum s_i . M s_j over the listed couplings of every cell, none across the open edges; spins [site, 3]."""
    n1, n2, n3 = SIZE
    s = spins.reshape(n3, n2, n1, len(BASIS), 3)
    found = 0.0
    for (i, j, (a, b, c)), M in zip(listed, matrices, strict=True):
        for x, y, z in product(range(n1), range(n2), range(n3)):
            if 0 <= z + c < n3:
                found -= s[z, y, x, i] @ M @ s[z + c, (y + b) % n2, (x + a) % n1, j]
    return found


def zeeman(spins: np.ndarray) -> float:
    moments = np.tile(MOMENTS, len(spins) // len(MOMENTS))
    return float(-MU_B * (moments * (spins @ FIELD)).sum())


def random_spins() -> np.ndarray:
    s = np.random.default_rng(7).normal(size=(int(np.prod(SIZE)) * len(BASIS), 3))
    return s / np.linalg.norm(s, axis=1, keepdims=True)


def fortran(values: Iterable[float]) -> str:
    """Return numbers as Fortran prints them in double precision: 2.5d-01."""
    return " ".join(f"{v:.9E}".replace("E", "d") for v in values)


STYLES: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: text.encode(),
    "windows": lambda text: ("\ufeff" + text.replace("\n", "\r\n")).encode(),
    "tabs and blank ends": lambda text: text.replace("  ", "\t").replace("\n", " \t\n").encode(),
    "no last newline": lambda text: text.rstrip("\n").encode(),
    "latin-1 comment": lambda text: text.encode().replace(b"a comment", b"\xc5ngstr\xf6m"),
}


def write(folder: Path, style: str, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_bytes(STYLES[style](text))


# -- UppASD ------------------------------------------------------------------------------------------------------------

INPSD = """\
simid  FeCo_B2                  ! a comment
# a comment
%  another one
! and another
==== a rule

NCELL  4  3  2                  System size
Bc  P  P  0                     Boundary conditions (0=vacuum, P=periodic)
CELL  3.0d0  0.0  0.0
      0.00000  3.5D0  0.00000
      0.00000,  0.00000,  5.0
alat  1.0d-10
Sym  0                          Symmetry of lattice (0 for no, 1 for cubic)

posfile  './posfile'
posfiletype  d
momfile  "./momfile"
exchange  ./jfile
maptype  2
Hfield  0.0  3.0d+00  4.0D0     static field
anisotropy  ./kfile
do_anisotropy  1
Mensemble  1
ip_mcanneal  1
10000  TEMP  1.00e-16  0.95
do_ralloy  0
do_dip  0
"""


def uppasd(folder: Path, style: str, couplings: Couplings, tensor: bool) -> None:
    def rows(values: np.ndarray) -> str:
        return "".join(
            f"  {i + 1}  {j + 1}  {a:d}  {b:.1f}  {c:.3f}  {fortran(v)}  0.866\n"
            for (i, j, (a, b, c)), v in zip(couplings.ends, values.reshape(len(values), -1), strict=True)
        )

    files = {
        "inpsd.dat": INPSD + ("do_jtensor  1\ncalc_jtensor  F\n" if tensor else "dm  ./dmfile\n"),
        "posfile": "# site type\n" + "".join(f"{k + 1}  {k + 1}  {fortran(x)}\n" for k, x in enumerate(BASIS)),
        "momfile": "2  1  1.5d0  0 0 -1  Co\n\n1  1  2.25  0.0  0.0  1.0  Fe\n",
        "kfile": "1  1  -0.05d0  0.0  0.0  0.0  2.0  0.0\n2  1  0.025  0.0  1.0  1.0  0.0  0.0\n",
        "jfile": rows(couplings.matrices if tensor else couplings.J),
        "dmfile": "% i j r D, a comment\n" + rows(couplings.D),
    }
    if tensor:
        files["jfile"] += "1 1 0 0 0  0.1 0.3 0  -0.3 0.2 0  0.05 0 -0.4\n2 2 0 0 0 " + fortran(np.zeros(9)) + "\n"
    write(folder, style, files)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("tensor", [False, True])
def test_two_sublattices_of_uppasd(tmp_path, style, tensor):
    """E = - sum over ordered pairs, in mRy; + K (e.n)^2; a tensor of a site with itself counts once."""
    couplings = Couplings.random(1, D=0.5, T=0.2 if tensor else 0.0)
    uppasd(tmp_path, style, couplings, tensor)
    model, s = formats.read(tmp_path / "inpsd.dat"), random_spins()
    assert model.lattice.size == SIZE
    assert model.moments.tolist() == list(MOMENTS)
    expected = MRY * total(s, couplings.ends, couplings.matrices) + zeeman(s)
    expected += MRY * (-0.05 * (s[0::2, 2] ** 2).sum() + 0.025 * ((s[1::2, 0] + s[1::2, 1]) ** 2 / 2).sum())
    if tensor:
        own = np.array([[0.1, 0.3, 0], [-0.3, 0.2, 0], [0.05, 0, -0.4]])
        expected += MRY * total(s, [(0, 0, (0, 0, 0))], own[None])
    assert float(energy(model, s)) == pytest.approx(expected, abs=1e-9)


def test_random_alloys_of_uppasd_are_refused_with_their_line(tmp_path):
    uppasd(tmp_path, "windows", Couplings.random(1), tensor=False)
    path = tmp_path / "inpsd.dat"
    path.write_bytes(
        path.read_bytes().replace(b"do_ralloy\t0", b"do_ralloy 1").replace(b"do_ralloy  0", b"do_ralloy 1")
    )
    with pytest.raises(InputError, match=r"inpsd.dat:26: do_ralloy requests a random alloy"):
        formats.read(path)


def test_half_of_a_star_with_sym_0_names_sym(tmp_path):
    """As in UppASD's tutorial of bcc iron, whose file of couplings has one vector of each star."""
    couplings = Couplings.random(1)
    uppasd(
        tmp_path,
        "plain",
        Couplings(ENDS, *(part[: len(ENDS)] for part in (couplings.J, couplings.D, couplings.T))),
        False,
    )
    with pytest.raises(InputError, match=r"jfile:\d+: .*its reverse is not listed; with sym 0 every vector has to be"):
        formats.read(tmp_path / "inpsd.dat")


def test_a_single_spin_of_uppasd_may_have_a_cell_of_zeros(tmp_path):
    """Whatever the boundaries: K in the axis, no couplings."""
    lines = "ncell 1 1 1\nBC P P P\ncell 0 0 0\n 0 0 0\n 0 0 0\nanisotropy k\ntemp TEMPE\n"
    files = {"inpsd.dat": lines + "posfile p\nmomfile m\nexchange j\n", "p": " 1 1 0 0 1\n", "m": "1 1 2 0 0 1"}
    write(tmp_path, "plain", files | {"j": "1 1 0 0 0 0", "k": "1 1 -1 0 0 0 1 0"})
    model = formats.read(tmp_path / "inpsd.dat")
    assert (model.lattice.sites, model.lattice.periodic, len(model.bonds)) == (1, (False, False, False), 0)
    assert float(energy(model, np.array([[0, 0, 1.0]]))) == pytest.approx(-MRY)


# -- TB2J, in the three files that it writes, and in two of VAMPIRE ----------------------------------------------------

RULE = "=" * 90 + "\n"
LABELS = {"0.2": "", "0.3": "[Experimental!]", "0.7": "[Testing!]", "0.9": "[Testing!]", "bare": ""}
NAMES = ("Fe1", "Co12")
AXES = np.array([[0.0, 0.0, 1.0], [0.6, 0.8, 0.0]])  # of the anisotropies of both atoms, -K (s.k)^2
K = (0.7, -0.4)
OLD_K = """\
Single Ion Anisotropy (meV):
(k1 is the anisotropy constant, k1dir is the direction vector)
Atom number  k1  k1dir
"""
NEW_K = """\
Single Ion Anisotropy:
Atom_number  A_xx  A_xy  A_xz
"""


def digits(values: Iterable[float], count: int, between: str = "  ") -> str:
    return between.join(f"{v:.{count}f}" for v in values)


def moment_vectors() -> list[np.ndarray]:
    """Two antiparallel moments that are along no axis."""
    return [m * np.array([0, 0.6, 0.8]) * sign for m, sign in zip(MOMENTS, (1, -1), strict=True)]


def exchange_out(couplings: Couplings, version: str) -> str:
    label = LABELS[version]
    text = RULE + f"Information: \nExchange parameters generated by TB2J {version}\n" + RULE + "Cell (Angstrom):\n"
    text += "".join(f" {x:.3f}  {y:.3f}  {z:.3f}\n" for x, y, z in CELL) + "\n" + RULE + "Atoms:  \n"
    text += "(Note: charge and magmoms only count the wannier functions.)\n"
    text += " Atom_number  x  y  z  w_charge  M(x)  M(y)  M(z)\n"
    for k, (place, moment) in enumerate(zip(BASIS @ CELL, moment_vectors(), strict=True)):
        text += f"{NAMES[k]}  {digits(place, 4)}  6.1  {digits(moment, 4)}\n"
    text += "O1  1.5000  0.0000  0.0000  4.8  0.0000  0.0000  0.0100\nTotal  17.0  0.0  1.0  1.0\n\n" + RULE
    text += single_ion(version)
    text += "Exchange: \n  i  j  R  J_iso(meV)  vector  distance(A) \n" + "-" * 88 + "\n"
    for (i, j, R), J, D, T in zip(couplings.ends, couplings.J, couplings.D, couplings.T, strict=True):
        r = (BASIS[j] - BASIS[i] + R) @ CELL
        cells = ", ".join(f"{n:3d}" for n in R)
        one, other = (f"{k}({NAMES[k]:5s})" if version == "0.2" else NAMES[k] for k in (i, j))
        text += f"  {one}  {other}  ({cells})  {J:.4f}  ({digits(r, 3, ', ')})  {np.linalg.norm(r):.3f} \n"
        text += f"J_iso: {J:7.4f} \n{label} DMI: ({digits(D, 4)})\n{label}J_ani:\n"
        text += "[" + "\n ".join(f"[{digits(row, 3)}]" for row in T) + "]\n"
        text += "-" * 88 + "\n"
    return text


def single_ion(version: str) -> str:
    """Return the table of anisotropies in the form that a version gives it, or nothing."""
    if version == "0.2":
        rows = [f"{name}  {k:.4f}  ({digits(axis, 4, ', ')})\n" for name, k, axis in zip(NAMES, K, AXES, strict=True)]
        return "-" * 88 + "\n" + OLD_K + "".join(rows) + "\n" + RULE
    if version == "0.9":
        rows = [
            f"{name}  " + "\n    ".join(digits(row, 8) for row in k * np.outer(axis, axis)) + "\n"
            for name, k, axis in zip(NAMES, K, AXES, strict=True)
        ]
        return NEW_K + "".join(rows) + "-" * 88 + "\n\n" + RULE
    return ""


def exchange_xml(couplings: Couplings) -> str:
    text = "<?xml version='1.0' ?>\n<!-- a comment -->\n<System_definition>\n<unit_cell units='bohrradius'>"
    text += "\n".join(" ".join(repr(float(x / BOHR)) for x in row) for row in CELL) + "</unit_cell>\n"
    for k, (place, moment) in enumerate(zip(BASIS @ CELL, moment_vectors(), strict=True), start=1):
        text += f"<atom damping_factor='1.0' gyroratio='1.0' index_spin='{k}'>"
        text += f"<position units='bohrradius'>{digits(place / BOHR, 12)}</position>"
        text += f"<spinat>{digits(moment, 6)}</spinat></atom>\n"
    lists = {"exchange": np.outer(couplings.J, np.ones(3)), "DMI": couplings.D, "bilinear": couplings.T}
    for kind, values in lists.items():
        text += f"<spin_{kind}_list units='eV'><nterms>{len(values)}</nterms>\n"
        for (i, j, R), v in zip(couplings.ends, values.reshape(len(values), -1), strict=True):
            data = "\t".join(f"{x * 1e-3:.12e}" for x in v)
            ends = f"{i + 1} {j + 1} {R[0]} {R[1]} {R[2]}"
            text += f"<spin_{kind}_term>\n<ijR>{ends}</ijR><data>{data}</data></spin_{kind}_term>\n"
        text += f"</spin_{kind}_list>\n"
    return text + "</System_definition>\n"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("version", [*LABELS, "xml"])
def test_two_sublattices_of_tb2j(tmp_path, style, version):
    """E = - sum over ordered pairs [J + D + J_ani] - K (s.k)^2, in meV."""
    couplings = Couplings.random(2, D=0.5, T=0.2)
    text = exchange_xml(couplings) if version == "xml" else exchange_out(couplings, version)
    if version == "xml" and style == "latin-1 comment":
        text = text.replace("a comment", "a comment in UTF-8")
    write(tmp_path, style, {"exchange": text})
    settings = ["model.size=[4,3,2]", "model.periodic=[true,true,false]", "model.field=[0,3,4]"]
    model, s = config.read(tmp_path / "exchange", settings).hamiltonian, random_spins()
    assert model.moments == pytest.approx(np.array(MOMENTS), abs=1e-4)
    expected = total(s, couplings.ends, couplings.matrices) + zeeman(s)
    if version in ("0.2", "0.9"):
        expected -= sum(
            k * ((s[atom::2] @ axis) ** 2).sum() for atom, (k, axis) in enumerate(zip(K, AXES, strict=True))
        )
    assert float(energy(model, s)) == pytest.approx(expected, abs=1e-3)


# -- VAMPIRE -----------------------------------------------------------------------------------------------------------

MAT = """\
#--- a comment
material:num-materials = 2
material[1]:material-name=Fe
material[1]:damping-constant=1.0
material[1]:atomic-spin-moment = 2.25 !muB
material[1]:initial-spin-direction = 0.0 , 0.0, 1.0
material[1]:uniaxial-anisotropy-constant=0.0
material[1]:minimum-height=0.0
material[1]:maximum-height=1.0
material[1]:exchange-matrix[1] = {0} !meV
material[1]:exchange-matrix[2] = {1} !meV
material[1]:unit-cell-category = 1
\tmaterial[2]:material-element = "Co"   # quoted
material[2]:atomic-spin-moment = 1.5!muB
material[2]:second-order-uniaxial-anisotropy-constant = 0.25 !meV
material[2]:uniaxial-anisotropy-direction = 1.0 , 1.0, 0.0
material[2]:exchange-matrix[1] = {1} !meV
material[2]:exchange-matrix[2] = {2} !meV
"""
INPUT = """\
# a comment
create:full
create:periodic-boundaries-x
create:periodic-boundaries-y
material:file=vampire.mat
material:unit-cell-file = "vampire.UCF"
dimensions:system-size-x = 12.0 !A
dimensions:system-size-y = 1.05 !nm
dimensions:system-size-z =   10.0  ! A
sim:applied-field-strength = 5.0 !T
sim:applied-field-unit-vector = 0, 0.6, 0.8
sim:program=curie-temperature
output:temperature
"""


def ucf(couplings: Couplings, kind: str) -> str:
    text = f"# Unit cell size (Angstrom):\n{' '.join(map(str, np.diag(CELL)))}\n# Unit cell lattice vectors:\n"
    text += "1.0  0.0  0.0\n0.0  1.0  0.0\n0.0  0.0  1.0\n\n# Atoms, a comment\n2 2\n"
    text += "".join(f"{k}\t{' '.join(map(str, x))}\t{k}\t0\t{k}\n" for k, x in enumerate(BASIS))
    text += f"# Interactions\n{len(couplings.ends)}  {kind}\n"
    for n, ((i, j, (a, b, c)), M) in enumerate(zip(couplings.ends, couplings.matrices, strict=True)):
        joule = (M.ravel() / JOULE).tolist()
        if kind == "isotropic":
            numbers = f"{joule[0]!r}"
        elif kind == "normalised-vectorial":
            numbers = "1.0 0.5 -2.0"
        else:
            numbers = " ".join(f"({x!r}-1e-40j)" if x else "0j" for x in joule)
        text += f"{n} {i} {j} {a} {b} {c}  {numbers} \n"
    return text


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", ["isotropic", "normalised-vectorial", "tensor", "tensorial"])
def test_two_materials_of_vampire(tmp_path, style, kind):
    """E = - 1/2 sum over ordered pairs - ku (s.e)^2; complex tensors are those of TB2J's files."""
    anisotropic = kind.startswith("tensor")
    couplings = Couplings.random(3, D=0.5 * anisotropic, T=0.2 * anisotropic)
    matrix = (2.0, -0.75, 0.5)
    write(tmp_path, style, {"vampire.UCF": ucf(couplings, kind), "vampire.mat": MAT.format(*matrix), "input": INPUT})
    model, s = formats.read(tmp_path / "input"), random_spins()
    assert (model.lattice.size, model.lattice.periodic) == (SIZE, PERIODIC)
    M = couplings.matrices
    if kind.startswith("normalised"):
        M = np.array([matrix[i + j] * np.diag([1.0, 0.5, -2.0]) for i, j, _ in couplings.ends])
    expected = 0.5 * total(s, couplings.ends, M) + zeeman(s) - 0.25 * ((s[1::2, 0] + s[1::2, 1]) ** 2 / 2).sum()
    assert float(energy(model, s)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("word", ["host-alloy", "alloy-fraction[2] = 0.25"])
def test_alloys_of_vampire_are_refused_with_their_line(tmp_path, word):
    mat = MAT.format(1.0, 1.0, 1.0).replace("material[1]:unit-cell-category = 1", f"material[1]:{word}")
    write(tmp_path, "plain", {"vampire.UCF": ucf(Couplings.random(3), "isotropic"), "vampire.mat": mat, "input": INPUT})
    with pytest.raises(InputError, match=r"vampire.mat:12: .*an alloy"):
        formats.read(tmp_path / "input")


def test_a_single_spin_of_vampire(tmp_path):
    lines = "create:single-spin\nmaterial:file = m.mat\nsim:applied-field-strength = 10.0 !T\n"
    lines += "sim:applied-field-unit-vector=0,0,1\n"
    mat = (
        "material:num-materials=1\nmaterial[1]:atomic-spin-moment=1.72 !muB\nmaterial[1]:exchange-matrix[1]=11.2e-21\n"
    )
    write(tmp_path, "plain", {"input": lines, "m.mat": mat + "material[1]:uniaxial-anisotropy-constant=1e-23\n"})
    model = formats.read(tmp_path / "input")
    assert (model.lattice.sites, len(model.bonds)) == (1, 0)
    assert float(energy(model, np.array([[0, 0, 1.0]]))) == pytest.approx(-17.2 * MU_B - 1e-23 * JOULE)


# -- Spirit ------------------------------------------------------------------------------------------------------------

CFG = """\
### a comment
output_file_tag  <time>
Lattice_Constant  1.0
Bravais_Vectors
3.0  0.0  0.0
0.0  3.5  0.0
0.0  0.0  5.0      # c
Basis
2
0.0  0.0  0.0
0.5  0.5  0.25
N_basis_cells  4  3  2
boundary_conditions  1  1  0
mu_s  2.25  1.5
External_Field_Magnitude  5.0
external_field_normal  0.0  3.0  4.0
hamiltonian  heisenberg_pairs
anisotropy_file  kfile
"""


@pytest.mark.parametrize("style", [style for style in STYLES if style != "tabs and blank ends"] + ["bars"])
@pytest.mark.parametrize("form", ["inside", "in a file", "length and direction"])
def test_two_sublattices_of_spirit(tmp_path, style, form):
    """E = - sum over pairs, each listed once, in meV; - K (s.k)^2."""
    couplings = Couplings.random(4, D=0.5)
    head = (
        "|i|  j  |da  db  dc|  Jij  Dijx  Dijy  Dijz|" if style == "bars" else "i  j  da  db  dc  Jij  DIJX  Dijy  Dijz"
    )
    rows = ""
    for (i, j, (a, b, c)), J, D in zip(ENDS, couplings.J, couplings.D, strict=False):
        length, v = np.linalg.norm(D), D
        if form == "length and direction":
            v = np.array([length, *(2.0 * D)])
        rows += f"{i}  {j}  {a}  {b}  {c}  {J}  {'  '.join(repr(float(x)) for x in v)}  # a comment\n"
    if form == "length and direction":
        head = head.replace("Jij", "Jij  Dij")
    table = f"N_Interaction_Pairs  {len(ENDS)}\n{head}\n{rows}"
    files = {
        "model.cfg": CFG + table,
        "kfile": "n_anisotropy  2\ni  K  Kx  Ky  Kz\n0  0.3  0  0  2\n1  -0.2  1  1  0\n",
    }
    if form == "in a file":
        files |= {"model.cfg": CFG + "interaction_pairs_file  pairs\n", "pairs": table.partition("\n")[2]}
    write(tmp_path, style if style in STYLES else "plain", files)
    model, s = formats.read(tmp_path / "model.cfg"), random_spins()
    half = couplings.matrices[: len(ENDS)]
    expected = total(s, ENDS, half) + zeeman(s) - 0.3 * (s[0::2, 2] ** 2).sum()
    expected += 0.2 * ((s[1::2, 0] + s[1::2, 1]) ** 2 / 2).sum()
    assert float(energy(model, s)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("token", ["1_50", "٣", "1e", "0x10", "1.0f"])
def test_numbers_of_other_languages_are_refused(tmp_path, token):
    uppasd(tmp_path, "plain", Couplings.random(1), tensor=False)
    path = tmp_path / "jfile"
    path.write_text(path.read_text().replace("1  1  1  0.0  0.000", f"1  1  {token}  0.0  0.000", 1), encoding="utf-8")
    with pytest.raises(InputError, match=r"jfile:1: .*not all numbers"):
        formats.read(tmp_path / "inpsd.dat")
