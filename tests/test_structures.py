"""Structures from files and objects: what is read, which atoms are magnetic, and what is refused."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from command import here, printed, refused
from small_files.structures import CIF, EXTXYZ, MCIF, MODEL, POSCAR

import magsearch as ms
from magsearch import config, formats
from magsearch.errors import InputError
from magsearch.formats import structure
from magsearch.formats.structure import operation

pytestmark = pytest.mark.skipif(find_spec("ase") is None, reason="needs ASE")


@pytest.fixture
def model(tmp_path):
    (tmp_path / "POSCAR").write_text(POSCAR)
    path = tmp_path / "fei2.toml"
    path.write_text(MODEL)
    return path


def table(**keys):
    rows = ["[model]", "size = [4, 4, 2]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    return "\n".join(rows) + "\n"


# -- what is read ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "content"), [("POSCAR", POSCAR), ("fei2.vasp", POSCAR), ("fei2.cif", CIF)])
def test_files_of_one_crystal_are_read_alike(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    found = structure.read(tmp_path / name)
    assert found.elements == ("Fe", "I", "I")
    assert np.allclose(found.cell @ found.cell.T, np.array([[1, -0.5, 0], [-0.5, 1, 0], [0, 0, 0]]) * 4.05012**2
                       + np.diag([0, 0, 6.75214**2]), atol=1e-6)  # fmt: skip
    fractions = found.positions @ np.linalg.inv(found.cell)
    assert np.allclose(sorted(fractions[1:, 2]), [0.25, 0.75])
    assert not found.moments.any()


def test_sites_of_a_cif_are_on_their_symmetry_elements(tmp_path):
    """Written with four digits, 0.3333 and 0.6667: the mean of the images of a site is exact."""
    (tmp_path / "fei2.cif").write_text(CIF)
    found = structure.read(tmp_path / "fei2.cif")
    fractions = found.positions @ np.linalg.inv(found.cell)
    assert np.allclose(fractions[1], [1 / 3, 2 / 3, 0.25], atol=1e-12)
    assert found.labels == ("Fe1", "I1", "I1")


def test_space_group_of_a_cif_without_operations(tmp_path):
    start, end = CIF.index("loop_\n_symmetry"), CIF.index("loop_\n_atom")
    (tmp_path / "fei2.cif").write_text(CIF[:start] + CIF[end:])
    assert structure.read(tmp_path / "fei2.cif").elements == ("Fe", "I", "I")


def test_moments_of_an_mcif(tmp_path):
    (tmp_path / "mnf2.mcif").write_text(MCIF)
    found = structure.read(tmp_path / "mnf2.mcif")
    assert found.formula == "Mn2 F4"
    assert np.allclose(found.moments, [4.6, 4.6, 0, 0, 0, 0])
    path = tmp_path / "model.toml"
    path.write_text(table(structure="mnf2.mcif"))
    h = formats.read(path)
    assert h.lattice.species == ("Mn", "Mn")
    assert np.allclose(h.moments, 4.6)
    assert len(h.lattice.nonmagnetic) == 4
    assert any("moments above" in note for note in h.notes)


def test_moments_along_oblique_axes(tmp_path):
    """Components along a and b that enclose 120 degrees: (1, 1, 0) has the length 1."""
    tail = MCIF[MCIF.index("loop_\n_atom_site_moment") :].replace("Mn1 0 0 4.6", "Fe1 2 2 0")
    start, end = CIF.index("loop_\n_symmetry"), CIF.index("loop_\n_atom")
    operations = "loop_\n_space_group_symop_magn_operation.xyz\nx,y,z,+1\n"
    (tmp_path / "one.mcif").write_text(CIF[:start] + operations + CIF[end:] + tail)
    assert np.allclose(structure.read(tmp_path / "one.mcif").moments, [2.0, 0.0])


def test_extended_xyz_with_an_open_axis(tmp_path):
    (tmp_path / "film.extxyz").write_text(EXTXYZ)
    path = tmp_path / "model.toml"
    path.write_text(table(structure="film.extxyz"))
    h = formats.read(path)
    assert h.lattice.periodic == (True, True, False)
    assert np.allclose(h.moments, [2.5, 2.6])


@pytest.mark.parametrize(
    ("text", "W", "t", "reversal"),
    [
        ("x,y,z", np.eye(3), [0, 0, 0], 1),
        ("-y, x-y, z+1/2, -1", [[0, -1, 0], [1, -1, 0], [0, 0, 1]], [0, 0, 0.5], -1),
        ("1/4-X,0.75+Z,Y,+1", [[-1, 0, 0], [0, 0, 1], [0, 1, 0]], [0.25, 0.75, 0], 1),
    ],
)
def test_operations_in_words(text, W, t, reversal):
    found = operation(text)
    assert np.allclose(found[0], W)
    assert np.allclose(found[1], t)
    assert found[2] == reversal


@pytest.mark.parametrize("text", ["x,y", "x,y,w", "x,y,z,2", "x,,z", "x,y,z;"])
def test_operations_that_are_none(text):
    with pytest.raises(ValueError, match="expected three expressions"):
        operation(text)


# -- models ------------------------------------------------------------------------------------------------------------


def test_a_bond_on_a_structure_is_expanded(model):
    h = formats.read(model)
    assert h.lattice.species == ("Fe",)
    assert [species for species, _ in h.lattice.nonmagnetic] == ["I", "I"]
    assert np.allclose(h.moments, 2.0)
    assert len(h.bonds) == 6 + 2
    turn = np.array([[-0.5, -(0.75**0.5), 0], [0.75**0.5, -0.5, 0], [0, 0, 1]])
    J = {tuple(offset): J for offset, J in zip(h.bonds.offset.tolist(), h.bonds.J, strict=True)}
    assert np.allclose(J[1, 0, 0], [[0.397, 0, 0], [0, 0.075, 0.261], [0, 0.261, 0.236]])
    assert np.allclose(J[0, 1, 0], turn @ J[1, 0, 0] @ turn.T)
    assert np.allclose(J[0, 0, 1], -0.1 * np.eye(3))


def test_a_run_does_not_need_the_structure_again(model):
    given = config.read(model, ["model.field=1.0"])
    (model.parent / "POSCAR").unlink()
    assert "structure" not in given.model
    again = config.varied(given, {"model.field": 2.0}).hamiltonian
    assert again.field == (0.0, 0.0, 2.0)
    assert (again.bonds.J == given.hamiltonian.bonds.J).all()
    assert again.lattice.nonmagnetic == given.hamiltonian.lattice.nonmagnetic


def test_a_stored_run_has_the_whole_crystal(model, tmp_path):
    out = tmp_path / "run.h5"
    result = ms.search(model, generations=1, replicas=4, seed=1, progress=False, store=out)
    (model.parent / "POSCAR").unlink()
    stored = ms.load(out).record.hamiltonian
    assert stored.lattice.nonmagnetic == result.record.hamiltonian.lattice.nonmagnetic
    assert any("structure POSCAR" in note for note in stored.notes)


def test_a_written_model_keeps_the_crystal(model, tmp_path):
    h = formats.read(model)
    formats.write(h, tmp_path / "copy.toml")
    copy = formats.read(tmp_path / "copy.toml")
    assert copy.lattice.nonmagnetic == h.lattice.nonmagnetic
    assert np.allclose(copy.bonds.merged().J, h.bonds.merged().J, atol=1e-14)


def test_structure_and_magnetic_atoms_can_be_set(model):
    (model.parent / "other.vasp").write_text(POSCAR.replace("4.05012", "4.1"))
    h = config.read(model, ["model.structure=other.vasp", "model.magnetic.0.moment=3.0"]).hamiltonian
    assert h.lattice.cell[0, 0] == pytest.approx(4.1)
    assert np.allclose(h.moments, 3.0)


def test_labels_choose_sites(tmp_path):
    (tmp_path / "fei2.cif").write_text(CIF)
    path = tmp_path / "model.toml"
    path.write_text(table(structure="fei2.cif", magnetic=[]).replace("magnetic = []\n", "")
                    + '[[model.magnetic]]\natoms = "I1"\nmoment = 1.5\n')  # fmt: skip
    h = formats.read(path)
    assert h.lattice.species == ("I1", "I1")
    assert [species for species, _ in h.lattice.nonmagnetic] == ["Fe"]


# -- what is refused ---------------------------------------------------------------------------------------------------

BROKEN = {
    "missing.cif": (None, "cannot be read: No such file"),
    "empty.cif": ("", "is empty"),
    "POSCAR": ("FeI2\n1.0\n1 0 0\n", "cannot be read as a structure (vasp)"),
    "words.cif": ("nothing of a crystal\n", "cannot be read as a structure (cif)"),
    "part.cif": (CIF.replace("0.25 1.0", "0.25 0.5"), "partial occupancy at I1: 0.5"),
    "free.xyz": ("1\nan atom\nFe 0 0 0\n", "has no cell"),
    "bare.vasp": (POSCAR.replace("1 2\n", "0 0\n"), "structure"),
    "odd.mcif": (MCIF.replace("Mn1 0 0 4.6", "Mn1 1 0 4.6"), "has a moment at Mn1"),
    "twice.mcif": (MCIF + "Mn1 0 0 4.6\n", "has a second moment at Mn1"),
    "other.mcif": (MCIF.replace("Mn1 0 0 4.6", "Mn9 0 0 4.6"), "has a moment at Mn9"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_structures_are_refused_with_both_files_and_the_line(tmp_path, capsys, name):
    content, message = BROKEN[name]
    if content is not None:
        (tmp_path / name).write_text(content)
    path = tmp_path / "model.toml"
    path.write_text(table(structure=name) + '[[model.magnetic]]\natoms = "Fe"\n')
    said = refused(capsys, "info", path)
    assert said.startswith(f"magsearch: {path}:3: model.structure: {tmp_path / name}: ")
    assert message in said


WRONG = [
    ("POSCAR", 'cell = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\nstructure = "POSCAR"', ":2: the structure has the crystal"),
    ('atoms = "Fe"', 'atoms = "Cr"', ":7: the structure has no Cr; it has Fe, I, Fe1, I1, I2"),
    ('[[model.magnetic]]', '[[model.magnetic]]\natoms = "Fe1"\n\n[[model.magnetic]]', ":10: Fe1 is chosen before"),
    ('structure = "POSCAR"', 'lattice = "square"', ":6: chooses atoms of a structure"),
    ("moment = 2.0", "moment = -2.0", ":8: moment is -2.0"),
    ("[0, 0.261, 0.236]]", "[0, 0.261, 0.236]]\nD = [0, 0, 0.1]", ":10: symmetry forbids 0.1 of it; allowed is [A 0 0; "
     "0 B D; 0 D C] with no D"),
    ("K = 2.165", "K = 2.165\naxis = [1, 0, 0]", ":20: symmetry of atom 0 forbids it"),
    ("symmetry = true", "symmetry = 3", ":4: symmetry is 3; expected"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_wrong_tables_are_refused_with_their_line(model, good, bad, message):
    if good == "POSCAR":
        good = 'structure = "POSCAR"'
    assert good in MODEL
    model.write_text(MODEL.replace(good, bad, 1))
    with pytest.raises(InputError) as told:
        formats.read(model)
    assert f"{model}{message}" in str(told.value)


def test_atoms_without_moments_have_to_be_chosen(tmp_path):
    (tmp_path / "POSCAR").write_text(POSCAR)
    path = tmp_path / "model.toml"
    path.write_text(table(structure="POSCAR"))
    with pytest.raises(InputError, match=r":3: the structure has no moments; expected \[\[model.magnetic\]\]"):
        formats.read(path)


def test_without_ase_the_message_says_what_to_install(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "ase", None)
    monkeypatch.setitem(sys.modules, "ase.io", None)
    with pytest.raises(InputError, match=r"pip install 'magsearch\[structure\]'"):
        formats.read(model)


# -- objects -----------------------------------------------------------------------------------------------------------


def test_atoms_of_ase_are_read():
    from ase.build import bulk

    h = ms.read(
        bulk("NiO", "rocksalt", a=4.17), size=(2, 2, 2), magnetic=[{"atoms": "Ni", "moment": 1.7}], symmetry=True,
        bond=[{"i": 0, "j": 0, "cells": np.array([1, 0, 0]), "J": -1.0}],
    )  # fmt: skip
    assert len(h.bonds) == 12
    assert h.lattice.nonmagnetic[0][0] == "O"
    with pytest.raises(InputError, match="unknown key 'bonds'"):
        ms.read(bulk("Fe"), size=(2, 2, 2), bonds=[])


def test_structures_like_those_of_pymatgen_are_read():
    def site(symbol, **properties):
        return SimpleNamespace(
            is_ordered=True, specie=SimpleNamespace(symbol=symbol), species_string=symbol, properties=properties
        )

    class Like(list):
        lattice = SimpleNamespace(matrix=3.0 * np.eye(3), pbc=(True, True, True))
        cart_coords = np.array([[0, 0, 0], [1.5, 1.5, 1.5]])

    h = ms.read(Like([site("Cr", magmom=[0, 3.0, 0]), site("O")]), size=[2, 2, 2], exchange=[{"J": 1.0}])
    assert h.moments == [3.0]
    assert len(h.bonds) == 6
    broken = Like([site("Cr"), site("O")])
    broken[0].is_ordered = False
    with pytest.raises(InputError, match="partial occupancy at site 0"):
        ms.read(broken, size=[2, 2, 2])


def test_spin_io_of_tb2j_is_read():
    from ase import Atoms

    tb2j = pytest.importorskip("TB2J.io_exchange.io_exchange")
    atoms = Atoms("FeO", positions=[[0, 0, 0], [1.5, 1.5, 1.5]], cell=3 * np.eye(3), pbc=True)
    exchange = {((sign, 0, 0), 0, 0): 0.005 for sign in (1, -1)}
    given = tb2j.SpinIO(atoms, np.array([[0, 0, 2.2], [0, 0, 0]]), [0, 0], [0, -1], exchange_Jdict=exchange)
    h = ms.read(given)
    assert np.allclose(h.bonds.J, 10.0 * np.eye(3))
    assert h.lattice.nonmagnetic == (("O", (1.5, 1.5, 1.5)),)
    with pytest.raises(InputError, match="unknown choice 'size'"):
        ms.read(given, size=[2, 2, 2])


def test_other_objects_are_refused():
    with pytest.raises(InputError, match=r"object of type dict; expected the name of a file, ase\.Atoms"):
        ms.read({})


# -- magsearch symmetry ------------------------------------------------------------------------------------------------


def test_the_command_prints_the_table_of_a_model(model, capsys):
    shown = printed(capsys, "symmetry", model, "--cutoff", "4.5")
    assert "space group P-3m1 (164), point group -3m, 12 operations" in shown
    assert "bond       i = 0, j = 0, cells = [1, 0, 0]" in shown
    assert "J = [ 0  B  D ]" in shown
    assert "no Dzyaloshinskii-Moriya interaction" in shown


def test_the_command_takes_a_structure_without_a_model(tmp_path, capsys):
    (tmp_path / "fei2.cif").write_text(CIF)
    result = json.loads(
        printed(capsys, "symmetry", tmp_path / "fei2.cif", "--magnetic", "Fe", "--shells", "2", "--json")
    )
    assert result["space_group"] == "P-3m1 (164)"
    assert [site["site_symmetry"] for site in result["sites"]] == ["-3m"]
    assert [bond["pairs_per_cell"] for bond in result["bonds"]] == [3, 1]
    assert result["bonds"][1]["matrix"] == [["A", "0", "0"], ["0", "A", "0"], ["0", "0", "B"]]
    said = refused(capsys, "symmetry", tmp_path / "fei2.cif", "--magnetic", "Co")
    assert "has no Co; it has Fe, I, Fe1, I1" in said


def test_a_structure_that_is_given_as_a_model_is_explained(tmp_path, capsys):
    (tmp_path / "POSCAR").write_text(POSCAR)
    said = refused(capsys, "run", tmp_path / "POSCAR")
    assert 'is a crystal structure, without couplings; expected structure = "POSCAR"' in said


def test_a_layer_has_no_space_group(tmp_path, capsys):
    path = tmp_path / "kagome.toml"
    path.write_text('[model]\nlattice = "kagome"\nsize = [4, 4, 1]\n')
    code, shown, _ = here(capsys, "symmetry", path, "--shells", "1")
    assert code == 0
    assert "symmetry   point group 6/mmm, 24 operations" in shown
    assert "D = (0, 0, D)" in shown
