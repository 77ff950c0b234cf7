"""VAMPIRE's unit cells, materials and main files: energies on paper, units, and errors that name file and line.

The signs rest on VAMPIRE's source (docs/formats.md); TB2J writes such files, too, which test_other_codes.py reads.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle import energy
from small_files.vampire import INPUT, MAT, UCF

from magsearch import config, formats
from magsearch.errors import InputError
from magsearch.units import JOULE, MRY, MU_B

X, Y, Z = np.eye(3)


def write(folder: Path, kind="isotropic", forward="1e-21", backward=None, mat=MAT, main=INPUT) -> Path:
    """A chain along x whose bonds go from atom 0 to 1 and on to the next 0."""
    (folder / "cell.UCF").write_text(UCF.format(kind=kind, forward=forward, backward=backward or forward))
    (folder / "cell.mat").write_text(mat)
    (folder / "input").write_text(main)
    return folder / "cell.UCF"


def chain_energies(path: Path, *turns: np.ndarray) -> list[float]:
    """Energies per site of the eight sites of a chain whose spins are some unit vectors, over and over."""
    h = config.read(path, ["model.size=[4,1,1]", "model.field=0"]).hamiltonian
    assert h.lattice.sites == 8
    return [float(energy(h, np.tile(turn, (8 // len(turn), 1)))) / 8 for turn in turns]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("isotropic", "1e-21"), ("0", "1e-21"), ("vectorial", "1e-21 2e-21 3e-21"), ("1", "1e-21 2e-21 3e-21")],
)
def test_each_ordered_pair_counts_half(tmp_path, kind, value):
    """One bond for each site: - J of a pair; and ku of every second site, along y."""
    path = write(tmp_path, kind, value)
    along_z = 3.0 if len(value.split()) == 3 else 1.0
    parallel, opposite, flat = chain_energies(path, np.array([Z]), np.array([Z, -Z]), np.array([X, -X, X, -X]))
    assert parallel == pytest.approx(-along_z * 1e-21 * JOULE)
    assert opposite == pytest.approx(along_z * 1e-21 * JOULE)
    assert flat == pytest.approx(1e-21 * JOULE)


@pytest.mark.parametrize("kind", ["tensorial", "2"])
def test_a_tensor_is_row_major_between_i_and_j(tmp_path, kind):
    """Along the chain x -> y -> x: half of the bonds has s_i = x, s_j = y (Jxy), half s_i = y, s_j = x (Jyx)."""
    J = np.array([[1.0, 0.5, 0.0], [-0.3, 2.0, 0.0], [0.1, 0.0, 3.0]])
    row, turned = (" ".join(f"{x}e-21" for x in matrix.ravel()) for matrix in (J, J.T))
    (found,) = chain_energies(write(tmp_path, kind, row, turned, mat=MAT.replace("8.0e-24", "0")), np.array([X, Y]))
    assert found == pytest.approx(-0.5 * (0.5 - 0.3) * 1e-21 * JOULE)


@pytest.mark.parametrize(
    ("kind", "value", "diagonal"),
    [
        ("normalised-isotropic", "0.5", (1.0, 1.5, 2.0)),
        ("normalised-vectorial", "1.0 0.5 0.25", (2.0, 1.5, 1.0)),
        ("normalised-tensorial", "1.0 9 9 9 0.5 9 9 9 0.25", (2.0, 1.5, 1.0)),
        ("-1", "", (2.0, 3.0, 4.0)),
    ],
)
def test_normalised_exchange_is_multiplied_by_the_materials(tmp_path, kind, value, diagonal):
    path = write(tmp_path, kind, value, mat=MAT.replace("8.0e-24", "0"))
    found = chain_energies(path, *(np.array([e]) for e in (X, Y, Z)))
    assert found == pytest.approx([-d for d in diagonal])
    told = any("off-diagonal elements are left out" in note for note in formats.read(path).notes)
    assert told == (kind == "normalised-tensorial")


def test_moments_anisotropy_box_field_and_edges(tmp_path):
    write(tmp_path, forward="0")
    h = formats.read(tmp_path / "input")
    assert h.lattice.size == (8, 1, 1)
    assert h.lattice.periodic == (True, False, True)
    assert h.field == pytest.approx((0.0, 0.0, 5.0))
    assert h.moments.tolist() == [2.0, 1.5]
    assert h.lattice.species == ("Gd", "TM")
    sites = h.lattice.sites
    assert energy(h, np.tile(Z, (sites, 1))) == pytest.approx(-8 * 5.0 * (2.0 + 1.5) * MU_B)
    assert energy(h, np.tile(Y, (sites, 1))) == pytest.approx(-8 * 8.0e-24 * JOULE)


def test_cubic_anisotropy_is_read_without_its_constant(tmp_path):
    """- kc/2 (x^4 + y^4 + z^4) = - kc/2 + kc (x^2 y^2 + ...), in a frame that is turned by 45 degrees."""
    cubic = "material[1]:cubic-anisotropy-constant=1e-23\nmaterial[1]:cubic-anisotropy-direction-1=1,1,0\n"
    cubic += "material[1]:cubic-anisotropy-direction-2=-1,1,0\n"
    path = write(tmp_path, forward="0", mat=MAT.replace("8.0e-24", "0") + cubic)
    along, between = chain_energies(path, np.array([(X + Y) / np.sqrt(2)]), np.array([X]))
    assert (along, between) == pytest.approx((0.0, 0.5 * 1e-23 * JOULE / 4))
    assert any("constants -0.0312" in note for note in formats.read(path).notes)


@pytest.mark.parametrize(
    ("unit", "meV"),
    [("", 1e-21 * JOULE), ("!J", 1e-21 * JOULE), ("!meV", 1e-21), ("!mRyd", 1e-21 * MRY), ("!erg", 1e-28 * JOULE)],
)
def test_units_of_energy(tmp_path, unit, meV):
    mat = MAT.replace("8.0e-24   # easy", f"1e-21 {unit} # easy")
    (found,) = chain_energies(write(tmp_path, forward="0", mat=mat), np.array([Y]))
    assert found == pytest.approx(-meV / 2)


def test_materials_that_are_not_magnetic_are_left_out(tmp_path):
    h = formats.read(
        write(tmp_path, mat=MAT.replace("material[2]:material-name=TM", "material[2]:non-magnetic=remove"))
    )
    assert h.lattice.atoms == 1
    assert not len(h.bonds)
    assert any("not magnetic is left out" in note for note in h.notes)


def test_what_is_not_used_is_said(tmp_path):
    write(tmp_path)
    notes = "\n".join(formats.read(tmp_path / "input").notes)
    assert "input: not used: sim:temperature" in notes
    assert "cell.mat: not used: damping-constant" in notes


def test_materials_are_found_beside_the_cell(tmp_path):
    """By name, as the main file says, or as the only one there is."""
    path = write(tmp_path)
    for move, text in (("other.mat", INPUT.replace("cell.mat", "other.mat")), ("third.mat", "")):
        (tmp_path / "input").write_text(text)
        next(tmp_path.glob("*.mat")).rename(tmp_path / move)
        assert formats.read(path).moments.tolist() == [2.0, 1.5]
    next(tmp_path.glob("*.mat")).unlink()
    assert formats.read(path).moments.tolist() == [1.0, 1.0]
    assert any("no material file beside it" in note for note in formats.read(path).notes)
    for name in ("one.mat", "two.mat"):
        (tmp_path / name).write_text("")
    with pytest.raises(
        InputError, match=r"cell.UCF: 2 material files beside it, one.mat and others; expected cell.mat"
    ):
        formats.read(path)


def test_a_cell_that_tb2j_divided_by_columns_is_seen(tmp_path):
    """a = (3, 0, 0), b = (-1, 4, 0), c = (0, 0, 5): rows of unit vectors, or TB2J's quotients by column."""
    cell = np.array([[3.0, 0, 0], [-1, 4, 0], [0, 0, 5]])
    lengths = np.linalg.norm(cell, axis=1)
    path = write(tmp_path)
    for shape in (cell / lengths[:, None], cell / lengths):
        rows = "\n".join(" ".join(f"{x:.6f}" for x in row) for row in (lengths, *shape))
        path.write_text(
            rows + "\n" + UCF.format(kind="isotropic", forward="1e-21", backward="1e-21").split("1.0\n", 3)[-1]
        )
        assert np.allclose(formats.read(path).lattice.cell, cell, atol=1e-5)


BAD = [
    ({"kind": "scalar"}, "cell.UCF:13: the type of exchange is scalar; expected isotropic, vectorial"),
    ({"kind": ""}, "cell.UCF:13: the type of exchange is missing"),
    ({"forward": "x"}, "cell.UCF:14: .*expected 7 numbers: id i j dx dy dz J"),
    ({"kind": "tensorial"}, "cell.UCF:14: .*expected 15 numbers"),
    ({"forward": "1e-21", "backward": "2e-21"}, "cell.UCF:1[4-7]: bond .*transpose"),
    ({"mat": MAT.replace("1.5 !muB", "1.5 !mub")}, "cell.mat:8: .*has the unit 'mub'; expected muB"),
    ({"mat": MAT.replace("1.5 !muB", "")}, "cell.mat:8: material:atomic-spin-moment has 0 numbers"),
    ({"mat": MAT.replace("material[2]:atomic", "material[1]:atomic")}, "cell.mat: material 2 has no atomic-spin"),
    ({"mat": MAT.replace("material[2]", "material[3]")}, "cell.UCF: atom 1 is of material 1, which cell.mat does not"),
    ({"mat": MAT + "nonsense\n"}, "cell.mat:13: 'nonsense'; expected key:word = value"),
    ({"mat": MAT + "material[1]:dmi-constant=1e-22"}, "cell.mat:13: .*requests Dzyaloshinskii-Moriya couplings"),
    ({"mat": MAT + "material[1]:fourth-order-uniaxial-anisotropy-constant=1"}, "whose sign differs between versions"),
    ({"mat": MAT + "material[1]:unit-cell-category=2"}, "cell.mat:13: .*is 2; expected 1, the material's own"),
    ({"mat": MAT.replace("0.0, 2.0, 0.0", "random")}, "cell.mat:10: .*is random"),
    ({"mat": MAT.replace("0.0, 2.0, 0.0", "0,0,0")}, "cell.mat:10: .*has no direction"),
    ({"mat": MAT.replace("0.0, 2.0, 0.0", "0,0,1e-320")}, "cell.mat:10: .*has no direction"),
    ({"kind": "normalised-isotropic", "mat": MAT.split("material[2]:ex")[0]}, r"no material\[2\]:exchange-matrix\[1\]"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "message"), BAD, ids=[message for _, message in BAD])
def test_errors_name_file_and_line(tmp_path, changed, message):
    with pytest.raises(InputError, match=message):
        formats.read(write(tmp_path, **changed))


def test_biquadratic_interactions_follow_the_others_in_both_directions(tmp_path):
    """VAMPIRE's field 2 J s_j (s_i . s_j) of every row is that of - J (s_i . s_j)^2 once for each pair."""
    path = write(tmp_path)
    plain = formats.read(path)
    rows = "0 0 1 0 0 0 3e-22\n1 1 0 0 0 0 3e-22\n"
    path.write_text(path.read_text().rstrip() + "\n2 isotropic\n" + rows)
    model = formats.read(path)
    s = np.random.default_rng(1).normal(size=(model.lattice.sites, 3))
    s /= np.linalg.norm(s, axis=1, keepdims=True)
    squares = (s[::2] * s[1::2]).sum(axis=1) ** 2
    assert energy(model, s) - energy(plain, s) == pytest.approx(-3e-22 * JOULE * squares.sum())
    path.write_text(path.read_text().replace("2 isotropic", "1 isotropic").replace("1 1 0 0 0 0 3e-22\n", ""))
    with pytest.raises(InputError, match=r"cell.UCF:19: bond 0 -> 1"):
        formats.read(path)


BAD_LINES = [
    ("2 2", "0 2", "cell.UCF:9: 0 atoms; expected at least 1"),
    ("2 2", "3 2", "cell.UCF:12: .*expected 4 numbers: id x y z"),
    ("1 0.5 0.0", "1 1.5 0.0", "cell.UCF:11: the position .* is outside of the cell"),
    ("0 0 1 0 0 0", "0 0 2 0 0 0", "cell.UCF:14: couples atoms 0 and 2; expected 0 to 1"),
    ("0 0 1 0 0 0", "0 0 0 0 0 0", "cell.UCF:14: couples a site to itself"),
    ("4 isotropic", "5 isotropic", "cell.UCF:17: ends here; expected a row for each interaction"),
    ("4 isotropic", "3 isotropic", "cell.UCF:17: '3 0 1 -1.*expected the number of biquadratic"),
    ("3.0 4.0 5.0", "3.0 4.0 0.0", "do not span a volume"),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD_LINES, ids=[message for *_, message in BAD_LINES])
def test_errors_in_a_cell_name_the_line(tmp_path, old, new, message):
    path = write(tmp_path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        formats.read(path)


BAD_MAIN = [
    (INPUT + "create:sphere\n", "input:12: create:sphere cuts a shape"),
    (
        INPUT.replace('material:unit-cell-file = "cell.UCF"\n', ""),
        "has no dimensions:unit-cell-size; expected a length for x, y and z",
    ),
    (INPUT.replace("dimensions:system-size-y = 4.0 !A\n", ""), "expected a length for each of x, y and z"),
    (INPUT.replace("!nm", "!miles"), "input:6: .*has the unit 'miles'; expected A, pm"),
    (INPUT.replace("2.4 !nm", "1e20 !m"), "cells long; expected at most"),
    (INPUT.replace("cell.mat", "nowhere.mat"), "nowhere.mat: cannot be read"),
]


@pytest.mark.parametrize(("text", "message"), BAD_MAIN, ids=[message for _, message in BAD_MAIN])
def test_errors_in_the_main_file(tmp_path, text, message):
    write(tmp_path, main=text)
    with pytest.raises(InputError, match=message):
        formats.read(tmp_path / "input")
