"""Whatever a reader ignores, folds, cuts, averages or guesses is in one note, with a number and an example.

Each row of the table "Notes" in docs/formats.md is a test here. With ``--strict`` all but harmless notes are errors.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import oracle
import pytest
from command import MODEL, here, printed, refused
from small_files import spirit, structures, tb2j, vampire
from small_files.grogu import FULL as GROGU
from small_files.uppasd import CHAIN, write

from magsearch import config, formats
from magsearch.config.input import refuse_notes
from magsearch.errors import InputError
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.notes import harmless

DOCS = Path(__file__).parent.parent / "docs" / "formats.md"
TWO = {"posfile": "1 1 0 0 0\n2 1 0.5 0.1 0", "momfile": "1 1 1 0 0 1\n2 1 1 0 0 1"}


@dataclass(frozen=True)
class Case:
    """A file with something that is not read as it stands, and the note about it; harmless: no loss, change, guess."""

    make: Callable[[Path], Path]
    told: str
    harmless: bool = False
    choices: dict[str, object] = field(default_factory=dict)


XYZ = """\
3
Lattice="3 0 0 -1.5 2.598076211 0 0 0 5" Properties=species:S:1:pos:R:3:initial_magmoms:R:1 pbc="T T T"
Fe 0 0 0 2.0
I 0 1.732050807 1 0
I 1.5 0.866025404 4 0
"""


def crystal(magnetic: str = '[[model.magnetic]]\natoms = "Fe"\n', D: str = "[0, 0, 0]") -> Callable[[Path], Path]:
    bond = f"[[model.bond]]\ni = 0\nj = 0\ncells = [1, 0, 0]\nJ = 1.0\nD = {D}\n"
    model = '[model]\nstructure = "fe.xyz"\nsize = [4, 4, 4]\nsymmetry = true\n'
    return text("model.toml", model + magnetic + bond, **{"fe.xyz": XYZ})


def frames(name: str, content: str) -> Callable[[Path], Path]:
    """Return what writes a model with a structure in a file of several of them."""

    def make(folder: Path) -> Path:
        model = crystal()(folder)
        (folder / name).write_text(content)
        model.write_text(model.read_text().replace("fe.xyz", name))
        return model

    return make


def uppasd(more: str = "", **files: str) -> Callable[[Path], Path]:
    return lambda folder: write(folder, CHAIN, more + "\n", **files)


def text(name: str, content: str, old: str = "", new: str = "", **beside: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        assert old in content
        for other, its in beside.items():
            (folder / other).write_text(its)
        (folder / name).write_text(content.replace(old, new, 1) if old else content)
        return folder / name

    return make


def cell(old: str, new: str, kind: str = "isotropic", value: str = "1e-21", mat: str = vampire.MAT, name="cell.ucf"):
    ucf = vampire.UCF.format(kind=kind, forward=value, backward=value)
    assert old in ucf + mat + vampire.INPUT

    def make(folder: Path) -> Path:
        for file, content in (("cell.ucf", ucf), ("cell.mat", mat), ("input", vampire.INPUT.replace("UCF", "ucf"))):
            (folder / file).write_text(content.replace(old, new, 1) if old else content)
        return folder / name

    return make


def below_tb2j(factor: float) -> Callable[[Path], Path]:
    """Return what writes exchange.out and, in a folder below it, a .ucf whose J is a multiple of TB2J's."""

    def make(folder: Path) -> Path:
        (folder / "exchange.out").write_text(tb2j.HEAD + tb2j.ROWS.replace("0.2 ", "0.0 ").replace("-0.1 ", "-0. "))
        below = folder / "Vampire"
        below.mkdir()
        J = np.array([[3.0, 0.5, 0], [-0.5, 3.0, 0], [0, 0, 3.0]]) * factor * 1.602176634e-22
        forth, back = (" ".join(f"{x:.12e}" for x in M.ravel()) for M in (J, J.T))
        lines = ["4 4 2.5", "1 0 0", "0 1 0", "0 0 1", "1 1", "0 0.025 0 0 0", "2 tensorial"]
        (below / "cell.ucf").write_text("\n".join([*lines, f"0 0 0 0 0 1 {forth}", f"1 0 0 0 0 -1 {back}"]) + "\n")
        return below / "cell.ucf"

    return make


def pickled(**more: object) -> Callable[[Path], Path]:
    """Return what writes a TB2J.pickle with two atoms, of which one has a spin."""

    def make(folder: Path) -> Path:
        content: dict[str, object] = {
            "atoms": {"numbers": np.array([26, 8]), "positions": np.array([[0.1, 0, 0], [2.0, 2.0, 0]])},
            "index_spin": [0, -1],
            "spinat": np.array([[0, 3.0, -4.0], [0, 0, 0.1]]),
            "exchange_Jdict": {((0, 0, n), 0, 0): 3e-3 for n in (1, -1)},
        }
        return folder / write_pickle(folder / "TB2J.pickle", content | more)

    return make


def write_pickle(path: Path, content: dict[str, object]) -> str:
    ase = pytest.importorskip("ase", reason="ASE is not installed (it comes with the test extra, behind TB2J)")
    arrays = content["atoms"]
    content["atoms"] = ase.Atoms(numbers=arrays["numbers"], positions=arrays["positions"], cell=[4, 4, 2.5])
    path.write_bytes(pickle.dumps(content))
    return path.name


def test_a_pickle_has_jprime_and_B_of_every_pair(tmp_path):
    """Every ordered pair is listed: a site with two neighbours along z has - 2 (J' + B), in meV."""
    both = {((0, 0, n), 0, 0): (1e-3, 2e-3) for n in (1, -1)}
    h = formats.read(pickled(biquadratic_Jdict=both)(tmp_path), unpickle=True, jprime=True).with_size((1, 1, 3))
    assert oracle.energy(h, np.tile([0.0, 0.0, 1.0], (3, 1))) / 3 == pytest.approx(-2 * (1 + 2))
    both.popitem()
    with pytest.raises(InputError, match=r"biquadratic_Jdict has no pair .*; expected Jprime and B of all"):
        formats.read(pickled(biquadratic_Jdict=both)(tmp_path), unpickle=True, jprime=True)


J = "1 1 1.0 0.0 0.0 0.5"
CHAIN_XML = tb2j.XML
ROWS = spirit.CHAIN.replace("pairs 1", "pairs {count}").replace("llg_n_it", "{rows}llg_n_it", 1)
UNUSED = {"unpickle": True}
CASES = {
    "UppASD: keywords of simulations": Case(uppasd("temp 10"), "not used: simid, temp", True),
    "UppASD: unknown keywords": Case(uppasd("hfeld 0 0 1"), "inpsd.dat:12: 'hfeld' is no keyword.*'hfield'"),
    "UppASD: couplings to displacements": Case(uppasd("ll ./llfile"), "not used: ll; atoms are not displaced"),
    "UppASD: repeated keywords": Case(
        uppasd("hfield 0 0 1\nhfield 0 0 2"), "1 keyword is given again.*hfield of line 12 on line 13; the last"
    ),
    "UppASD: no alat": Case(
        uppasd(**{"inpsd.dat": CHAIN["inpsd.dat"].replace("alat    3.0e-10", "")}), "no alat; lengths", True
    ),
    "UppASD: aunits Y": Case(uppasd("aunits Y"), "aunits Y; couplings are read as mRy"),
    "UppASD: a cell of zeros": Case(
        uppasd("ncell 1 1 1\ncell 0 0 0 0 0 0 0 0 0", jfile="1 1 0 0 1 0"), "inpsd.dat:13: the cell is zero"
    ),
    "UppASD: atoms outside along periodic axes": Case(
        uppasd("BC P P P", posfile="1 1 1.25 0 0"),
        "1 atom is outside of the cell and moved by periods, for example atom 1",
        True,
    ),
    "UppASD: atoms outside along open axes": Case(
        uppasd("ncell 2 1 1", posfile="1 1 0 -0.25 0"),
        "1 atom lies outside.*open axis, for example atom 1; moved",
    ),
    "UppASD: vectors that end on no site": Case(
        uppasd(jfile=f"{J}\n1 1 -1 0 0 0.5\n1 1 0.5 0 0 0"), "1 of 3 vectors .*end where no site.*line 3 from atom 1"
    ),
    "UppASD: vectors that end beside a site": Case(
        uppasd(jfile="1 1 1.05 0 0 0.5\n1 1 -1 0 0 0.5"), "1 vector ends up to 0.15 A from a site.*line 1"
    ),
    "UppASD: rows replaced by later ones": Case(
        uppasd(jfile=f"1 1 1 0 0 0.4\n{J}\n1 1 -1 0 0 0.5"), "1 row is replaced.*line 1 by line 2"
    ),
    "UppASD: bonds given twice": Case(
        uppasd("BC P P 0\nncell 4 4 1\nsym 2", jfile="1 1 1 0 0 0.5\n1 1 0 1 0 0.515"),
        "4 bonds are given twice.*lines 1 and 2",
    ),
    "UppASD: scalars of an atom with itself": Case(
        uppasd(jfile=f"{J}\n1 1 -1 0 0 0.5\n1 1 0 0 0 0.7"), "1 atom has a coupling with itself.*atom 1 by line 3"
    ),
    "UppASD: do_jtensor without calc_jtensor F": Case(uppasd("do_jtensor 1"), "inpsd.dat:12: do_jtensor 1 without"),
    "UppASD: sym with tensors": Case(
        uppasd("BC P P 0\nncell 4 4 1\nsym 2\ndo_jtensor 1\ncalc_jtensor F", jfile="1 1 1 0 0 1 0 0 0 1 0 0 0 2"),
        "inpsd.dat:14: sym 2 gives every image of a vector the same tensor",
    ),
    "UppASD: anisotropy of type 0": Case(
        uppasd("anisotropy kfile", kfile="1 0 0.5 0 0 0 1 0"), "1 row of type 0 has no anisotropy.*line 1"
    ),
    "UppASD: K2 and cubic anisotropy": Case(
        uppasd("anisotropy kfile", kfile="1 1 0.5 0.1 0 0 1 0"), "K2 and cubic anisotropy are read as the potential"
    ),
    "UppASD: edges of a single cell": Case(
        uppasd("ncell 1 1 1\nBC 0 0 0"), "UppASD closes the open edges of a single cell; here they cut 2 couplings"
    ),
    "UppASD: dipoles with periodic axes": Case(
        uppasd("alat 3e-10\ndo_dip 1"), "UppASD sums dipoles over the box; here over all its images along a"
    ),
    "TB2J exchange.out: digits": Case(text("exchange.out", tb2j.HEAD + tb2j.ROWS), "printed to 1e-4 meV", True),
    "TB2J exchange.out: biquadratic exchange": Case(
        text("exchange.out", tb2j.HEAD + tb2j.ROWS),
        "not used: biquadratic Jprime and B, 1 time, for example on line 24",
    ),
    "TB2J exchange.out: other labels": Case(
        text("exchange.out", tb2j.HEAD + tb2j.ROWS, "[Experimental!] DMI", "[New!] K_ij: 1.0\n[Experimental!] DMI"),
        "not used: K_ij, 1 time, for example on line 25",
    ),
    "TB2J exchange.out: decompositions": Case(
        text("exchange.out", tb2j.HEAD + tb2j.NEWEST), "not used: orbital contributions, 1 time", True
    ),
    "TB2J exchange.out: J_iso unlike its row": Case(
        text("exchange.out", tb2j.HEAD + tb2j.ROWS.replace("J_iso:  3.0000", "J_iso:  3.1000")),
        "2 lines of J_iso differ from the row above, for example 3.1 meV from 3 meV on line 22",
    ),
    "TB2J exchange.out: atoms without couplings": Case(
        text("exchange.out", tb2j.HEAD + tb2j.ROWS), "1 atom without couplings is left out: O1", True
    ),
    "TB2J exchange.out: no size": Case(text("exchange.out", tb2j.HEAD + tb2j.ROWS), "no size of the box: 1 x 1 x 96"),
    "TB2J exchange.xml: other elements": Case(
        text("exchange.xml", CHAIN_XML, "<description>", "<lattice_list/><description>"),
        "1 element is not used, for example on line 27: lattice_list",
    ),
    "TB2J exchange.xml: nterms": Case(
        text("exchange.xml", CHAIN_XML, "<nterms>2<", "<nterms>4<"),
        "exchange.xml:11: <nterms> is 4, but the list has 2",
    ),
    "TB2J exchange.xml: atoms without spin": Case(
        text("exchange.xml", CHAIN_XML), "1 atom without spin is left out, for example that of line 10", True
    ),
    "TB2J.pickle: biquadratic exchange": Case(
        pickled(biquadratic_Jdict={((0, 0, 1), 0, 0): (1e-3, 2e-3)}),
        r"not used: biquadratic_Jdict of 1 pair, for example \(\(0, 0, 1\), 0, 0\)",
        choices=UNUSED,
    ),
    "TB2J.pickle: pairs without DMI or Jani": Case(
        pickled(dmi_ddict={((0, 0, 1), 0, 0): np.zeros(3)}), "dmi_ddict lacks 1 of 2 pairs.*", False, UNUSED
    ),
    "TB2J.pickle: decompositions": Case(
        pickled(Jiso_orb={((0, 0, 1), 0, 0): 1.0}), "not used: Jiso_orb of 1 pair", True, UNUSED
    ),
    "TB2J.pickle: imaginary parts": Case(
        pickled(exchange_Jdict={((0, 0, n), 0, 0): 3e-3 + 1e-4j for n in (1, -1)}),
        r"2 couplings have imaginary parts, which are left out, for example 0.1 meV of \(R, i, j\)",
        choices=UNUSED,
    ),
    "TB2J.pickle: atoms without spin": Case(pickled(), "1 atom without spin is left out.*atom 1", True, UNUSED),
    "Spirit: keywords of methods": Case(
        text("m.cfg", spirit.CHAIN), "not used: llg_*, output_*".replace("*", r"\*"), True
    ),
    "Spirit: other keywords": Case(text("m.cfg", spirit.CHAIN + "my_keyword 3\n"), "not used: .*my_keyword"),
    "Spirit: repeated keywords": Case(
        text("m.cfg", spirit.CHAIN + "mu_s 3.0\n"),
        "1 keyword is given again, for example mu_s on line 13; the first one",
    ),
    "Spirit: no mu_s": Case(text("m.cfg", spirit.CHAIN, "mu_s 2.0\n"), "no mu_s; all moments are set to 1 mu_B"),
    "Spirit: fewer moments than atoms": Case(
        text("m.cfg", spirit.CHAIN + "basis\n2\n0 0 0\n0.5 0 0\n"), "m.cfg:5: 1 moment for 2 atoms; the other atoms"
    ),
    "Spirit: more moments than atoms": Case(
        text("m.cfg", spirit.CHAIN, "mu_s 2.0", "mu_s 2.0 3.0"),
        r"m.cfg:5: 1 moment more than atoms, for example \['3.0'\]",
    ),
    "Spirit: no n_basis_cells": Case(text("m.cfg", spirit.CHAIN, "n_basis_cells 4 1 1\n"), "100 x 100 x 1 cells as in"),
    "Spirit: no boundary_conditions": Case(
        text("m.cfg", spirit.CHAIN, "boundary_conditions 1 0 0\n"), "all axes are open as in Spirit"
    ),
    "Spirit: rows longer than the header": Case(
        text("m.cfg", spirit.CHAIN, "1.5 0    0    0.25", "1.5 0 0 0.25 7.0"),
        "1 row of the table of 9 columns is longer.*line 9",
    ),
    "Spirit: rows below the number of rows": Case(
        text("m.cfg", ROWS.format(count=1, rows="0 0 2 0 0 1 0 0 0\n")),
        "1 row follows the 1 that n_interaction_pairs names.*line 10",
    ),
    "Spirit: pairs listed twice": Case(
        text("m.cfg", ROWS.format(count=2, rows="0 0 -1 0 0 1 0 0 0\n")),
        "1 pair is listed more than once.*lines 9 and 10",
    ),
    "Spirit: Dij without a direction": Case(
        text("m.cfg", spirit.CHAIN.replace("Dijx", "Dij Dijx").replace("1.5 0    0    0.25", "1.5 2 0 0 0")),
        r"Dij of 1 row has the direction \(0, 0, 0\), for example on line 9",
    ),
    "Spirit: anisotropy without an axis": Case(
        text("m.cfg", spirit.CHAIN + "n_anisotropy 1\ni K Kx Ky Kz\n0 1 0 0 0\n"),
        r"1 axis is \(0, 0, 0\), for example on line 15",
    ),
    "Spirit: the constant of the cubic term": Case(
        text("m.cfg", spirit.CHAIN + "cubic_anisotropy_magnitude 0.5\n"), "the constant -0.25 meV per spin"
    ),
    "Spirit: couplings longer than the box": Case(
        text("m.cfg", spirit.CHAIN, "0 0 1  0  0", "0 0 5 0 0"),
        "2 of 2 couplings reach more than once around the box.*m.cfg:9",
    ),
    "Spirit: shells of a single site": Case(
        text("m.cfg", spirit.SHELLS.format(chirality=1), "6 6 1", "1 1 1"), "a single site has no neighbours"
    ),
    "Spirit: dipoles with periodic axes": Case(
        text("m.cfg", "ddi_method fft\n" + spirit.SHELLS.format(chirality=1)),
        "Spirit sums dipoles over the box and 4 4 4",
    ),
    "VAMPIRE: dipoles with periodic axes": Case(
        cell("sim:", "dipole:solver=atomistic\nsim:", name="input"), "VAMPIRE sums dipoles over the box; here over all"
    ),
    "VAMPIRE: approximate solvers of dipoles": Case(
        cell("sim:", "dipole:solver=tensor\nsim:", name="input"), "the tensor solver of VAMPIRE is approximate"
    ),
    "VAMPIRE: statements of simulations": Case(cell("", "", name="input"), "input: not used: sim:temperature", True),
    "VAMPIRE: words of materials without energy": Case(cell("", ""), "cell.mat: not used: damping-constant", True),
    "VAMPIRE: other words of materials": Case(
        cell("material[1]:damping-constant", "material[1]:odd-word"), "cell.mat: not used: odd-word"
    ),
    "VAMPIRE: repeated statements": Case(
        cell("material[1]:damping-constant=0.1", "material[1]:atomic-spin-moment=3 !muB"),
        "1 statement is given again.*material:atomic-spin-moment of line 5 on line 6; the last",
    ),
    "VAMPIRE: exchange matrices beside joule": Case(
        cell("", ""), "exchange-matrix of 2 materials, for example 1, is not used"
    ),
    "VAMPIRE: off-diagonal elements of normalised tensors": Case(
        cell("", "", "normalised-tensorial", "1 9 9 9 1 9 9 9 1"), "off-diagonal.* left out of 4 couplings.*line 14"
    ),
    "VAMPIRE: complex numbers": Case(
        cell("", "", value="(1e-21+0j)"), "4 interactions are printed with complex numbers, for example on line 14"
    ),
    "VAMPIRE: tensor for tensorial": Case(
        cell("", "", "tensor", "1 0 0 0 1 0 0 0 1"), "cell.ucf:13: the type of exchange 'tensor'"
    ),
    "VAMPIRE: interactions listed twice": Case(
        cell("4 isotropic\n", "6 isotropic\n8 0 1 0 0 0 1e-21\n9 1 0 0 0 0 1e-21\n"),
        "2 interactions are listed more.*lines 14 and 16",
    ),
    "VAMPIRE: atoms outside of the cell": Case(
        cell("1 0.5 0.0 0.0 1", "1 0.5 -0.001 0.0 1"), r"1 atom is outside of the cell.*line 11 \(0.5, -0.001, 0\)"
    ),
    "VAMPIRE: ids": Case(cell("1 0.5 0.0 0.0 1", "7 0.5 0.0 0.0 1"), "1 atom has an id.*for example 7 on line 11"),
    "VAMPIRE: materials that are not magnetic": Case(
        cell("material[2]:material-name=TM", "material[2]:non-magnetic=remove"),
        "1 atom of materials that are not magnetic.*atom 1",
        True,
    ),
    "VAMPIRE: boxes of periodic axes": Case(
        cell("2.4 !nm", "2.2 !nm", name="input"), "the system is 7.333 x 1 x 1 cells, rounded up to 8 x 1 x 1", True
    ),
    "VAMPIRE: boxes of open axes": Case(
        cell("4.0 !A", "5.0 !A", name="input"),
        "8 x 1.25 x 1 cells, rounded up to 8 x 2 x 1, whose last cell VAMPIRE cuts",
    ),
    "VAMPIRE: couplings unlike those of TB2J's exchange.out in the folder above": Case(
        below_tb2j(1.0), "2 of 2 couplings differ from those of .*exchange.out.*is 3 0.5 .* here and 6 1 .* there"
    ),
    "GROGU: pairs in one direction": Case(
        text(
            "one.magnopy.txt",
            re.sub(r"1Co\(l:2\) 0Fe\(l:2\) 0 1 .*\nMatrix\n(.*\n){3}-+\n", "", GROGU.replace("pairs 6", "pairs 5")),
        ),
        "1 pair is listed in one direction",
        True,
    ),
    "GROGU: no convention": Case(
        text("one.magnopy.txt", GROGU, "Hamiltonian convention", "Hamiltonian"), "no convention: that of GROGU is used"
    ),
    "GROGU: sites without a spin": Case(
        text("one.magnopy.txt", GROGU, "2.500 0.800", "2.500 None"), "1 site has no spin: moments are 1 mu_B there"
    ),
    "TOML: what a structure holds, and what symmetry makes of bonds": Case(
        crystal(), "1 listed bond made 3 of a cell by 12 operations", True
    ),
    "TOML: a structure without `[[model.magnetic]]`": Case(
        crystal(magnetic=""), r"magnetic are atoms of fe.xyz with moments above 0.3 mu_B, 1 of them"
    ),
    "TOML: a structure with several frames or blocks": Case(
        frames("fe.xyz", XYZ + XYZ), "model.toml: fe.xyz has 2 frames, of which the last is read"
    ),
    "TOML: parts of the size of rounding that symmetry forbids": Case(
        crystal(D="[0, 0, 1e-5]"), r"symmetry forbids up to 1.0e-05 of 1 couplings \(rounding\), which is left out"
    ),
    "VAMPIRE: a .ucf alone": Case(cell("", ""), "a .ucf has no boundaries and no field: all axes are periodic"),
    "VAMPIRE: the constant of the cubic term": Case(
        cell("material[1]:damping-constant=0.1", "material[1]:cubic-anisotropy-constant=1e-23"), "the constants -0.0312"
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_read_as_it_stands_is_told_once(tmp_path, name):
    case = CASES[name]
    path = case.make(tmp_path)
    model = formats.read(path, **case.choices)
    told = [note for note in model.remarks if re.search(case.told, note)]
    assert len(told) == 1, "\n".join(model.remarks)
    assert harmless(told[0]) == case.harmless
    if not case.harmless:
        with pytest.raises(InputError, match="--strict"):
            refuse_notes(model, path)


def test_the_docs_list_every_case_and_no_other():
    table = DOCS.read_text().partition("## Notes")[2].partition("\n## ")[0]
    rows = [[entry.strip() for entry in line.split("|")[1:4]] for line in table.splitlines() if line.startswith("| ")]
    listed = {f"{source}: {what}": strict for source, what, strict in rows[1:]}
    model = {"all: rounding of J_ij and J_ji", "all: vacancies listed again", "all: open edges", "all: small boxes"}
    assert set(listed) == set(CASES) | model
    assert all((listed[name] == "accepted") == case.harmless for name, case in CASES.items())


def test_a_unit_cell_of_tb2j_that_agrees_with_its_exchange_is_not_suspected(tmp_path):
    assert not any("differ from those" in note for note in formats.read(below_tb2j(2.0)(tmp_path)).notes)


def test_what_couplings_lose_to_rounding_is_counted():
    """Bonds of a chain with J = 1 and 1.00002 forth and back, and one of 1e-5 without a reverse."""
    strengths = [1.0, 1.00002, 2.0, 2.0, 1e-5]
    bonds = Bonds([0] * 5, [0] * 5, [[k, 0, 0] for k in (1, -1, 2, -2, 3)], [J * np.eye(3) for J in strengths])
    model = Hamiltonian(Lattice(np.eye(3), [[0, 0, 0]], (8, 1, 1)), bonds)
    (told,) = model.notes
    assert "2 of 5 are averaged with the transpose of their reverse, and 1 without a reverse left out" in told
    assert "example bond 0 -> 0, cells (" in told
    assert model.bonds.J[:, 0, 0].max() == 2.0
    assert 1.00001 in model.bonds.J[:, 0, 0]


def test_vacancies_that_are_listed_again_are_told(tmp_path):
    (tmp_path / "m.toml").write_text('[model]\nlattice = "chain"\nsize = [8, 1, 1]\nvacancies = [2, 5, 2]\n')
    model = config.read(tmp_path / "m.toml").hamiltonian
    assert model.vacancies == (2, 5)
    assert any("1 vacancy is listed again, for example site 2" in note for note in model.notes)


def test_dipoles_need_a_length(tmp_path):
    """Their energy goes with the third power of it: no guess will do."""
    lines = CHAIN["inpsd.dat"].replace("alat    3.0e-10", "do_dip 1")
    with pytest.raises(InputError, match="do_dip needs alat"):
        formats.read(write(tmp_path, CHAIN, **{"inpsd.dat": lines}))


def test_statements_that_are_repeated_with_one_value_are_no_loss(tmp_path):
    path = cell("material[1]:damping-constant=0.1", "material[1]:atomic-spin-moment=2.0!muB")(tmp_path)
    assert not any("given again" in note for note in formats.read(path).notes)


def test_couplings_with_large_imaginary_parts_are_refused(tmp_path):
    path = cell("", "", value="(1e-21+1e-22j)")(tmp_path)
    with pytest.raises(InputError, match=r"cell.ucf:14: a number has the imaginary part 1e-22; expected real"):
        formats.read(path)


def test_a_cif_of_several_blocks_is_told(tmp_path):
    pytest.importorskip("ase", reason="ASE is not installed (pip install 'magsearch[structure]')")
    model = formats.read(frames("fe.cif", structures.CIF + structures.CIF.replace("data_FeI2", "data_other"))(tmp_path))
    assert any(re.search("fe.cif has 2 blocks with atoms, of which FeI2 is read", note) for note in model.notes)


def test_what_a_file_of_spins_has_besides_is_told_and_strictly_refused(tmp_path, capsys):
    rows = [f"-1 {ensemble} {site} 1.0 0 0 1" for ensemble in (1, 2) for site in range(1, 31)]
    spins, model, out = tmp_path / "restart.a.out", tmp_path / "m.toml", tmp_path / "out.h5"
    spins.write_text("\n".join(["#" * 7, *rows]))
    model.write_text(MODEL)
    told = f"{spins}: has 2 ensembles; the first is read"
    code, _, err = here(capsys, "energy", model, "--spins", spins)
    assert (code, err) == (0, f"note: {told}\n")
    assert printed(capsys, "run", model, "--seeds", spins, "-o", out).replace("\n", "").count(told) == 1
    for command in (("energy", model, "--spins", spins), ("run", model, "--seeds", spins, "-o", out, "--overwrite")):
        assert told in refused(capsys, *command, "--strict")
