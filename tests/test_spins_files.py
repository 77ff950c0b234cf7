"""Spins in files: what is written is read back, and what does not fit is said."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from small_files import seeds

from magsearch import formats
from magsearch.errors import InputError
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice

LATTICE = Lattice.named("square", (4, 3, 1))
MODEL = Hamiltonian(LATTICE, Bonds.none())


@pytest.fixture
def spins() -> np.ndarray:
    s = np.random.default_rng(5).normal(size=(LATTICE.sites, 3))
    return s / np.linalg.norm(s, axis=1, keepdims=True)


def test_restart_files_come_back(tmp_path, spins):
    path = tmp_path / "restart.magsearc.out"
    formats.write_restart(path, spins, np.full(LATTICE.sites, 2.5))
    assert np.allclose(formats.read_spins(path, LATTICE), spins, atol=1e-14)


def test_restart_files_have_the_layout_that_uppasd_skips_through(tmp_path, spins):
    """UppASD reads by order: seven lines of header, then iteration, ensemble, atom, |m|, direction."""
    path = tmp_path / "restart"
    formats.write_restart(path, spins, np.arange(1.0, LATTICE.sites + 1))
    lines = path.read_text().splitlines()
    assert all(line.startswith("#") for line in lines[:7])
    assert lines[3].split(":")[1].split() == [str(LATTICE.sites)]
    rows = np.loadtxt(lines[7:])
    assert rows.shape == (LATTICE.sites, 7)
    assert (rows[:, 1] == 1).all()
    assert (rows[:, 2] == rows[:, 3]).all()


def test_the_old_form_has_one_line_of_header(tmp_path, spins):
    rows = [f"1 {k} 2.0 {x:.16e} {y:.16e} {z:.16e}" for k, (x, y, z) in enumerate(spins, start=1)]
    (tmp_path / "restart").write_text("\n".join(["    1000", *rows]))
    assert np.allclose(formats.read_spins(tmp_path / "restart", LATTICE), spins)


def test_of_several_ensembles_the_first_is_read(tmp_path, spins):
    path = tmp_path / "restart"
    formats.write_restart(path, spins, np.ones(LATTICE.sites))
    first = path.read_text()
    second = "\n".join(f"-1 2 {k} 1.0 0.0 0.0 1.0" for k in range(1, LATTICE.sites + 1))
    path.write_text(first + second)
    with pytest.warns(UserWarning, match="has 2 ensembles"):
        assert np.allclose(formats.read_spins(path, LATTICE), spins)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_arrays_of_any_precision_are_read_and_normalised(tmp_path, spins, dtype):
    np.save(tmp_path / "s.npy", spins.astype(dtype))
    read = formats.read_spins(tmp_path / "s.npy", LATTICE)
    assert read.dtype == np.float64
    assert np.allclose(np.linalg.norm(read, axis=1), 1, atol=1e-14)
    assert np.allclose(read, spins, atol=1e-3)


def test_only_vacancies_may_be_empty(tmp_path, spins):
    spins[4] = 0
    np.save(tmp_path / "s.npy", spins)
    assert (formats.read_spins(tmp_path / "s.npy", LATTICE, vacancies=(4,))[4] == 0).all()
    with pytest.raises(InputError, match="site 5 has length 0; expected a unit vector"):
        formats.read_spins(tmp_path / "s.npy", LATTICE)
    with pytest.raises(InputError, match="site 7 has length 1; expected 0 at a vacancy"):
        formats.read_spins(tmp_path / "s.npy", LATTICE, vacancies=(4, 6))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.tile([0, 0, 1.0], (11, 1)), "has 11 sites; the lattice has 12"),
        (np.tile([0, 0, 1.1], (12, 1)), "site 1 has length 1.1"),
        (np.full((12, 3), np.nan), "site 1 has length nan"),
        (np.tile([0, 0, 1], (12, 1)), r"contains an array \(12, 3\) of int64"),
        (np.zeros((12, 2)), r"contains an array \(12, 2\)"),
        (np.array([{}], dtype=object), "is not an array of numbers"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, values, message):
    np.save(tmp_path / "s.npy", values)
    with pytest.raises(InputError, match=rf"s\.npy: .*{message}"):
        formats.read_spins(tmp_path / "s.npy", LATTICE)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("-1 1 1 1.0 0 0", "restart:8: 6 columns"),
        ("-1 1 1 1.0 0 0 nan", "restart:8: ez is nan"),
        ("-1 1 2 1.0 0 0 1", "restart:8: atom 2 is out of order"),
        ("-1 1 1 1.0 0 0 up", "restart:8: .*not all numbers"),
        ("-1 1 1 1.0 0 0 1", "restart: has 1 site; the lattice has 12"),
    ],
)
def test_restart_files_that_do_not_fit(tmp_path, row, message):
    (tmp_path / "restart").write_text("#\n" * 7 + row + "\n")
    with pytest.raises(InputError, match=message):
        formats.read_spins(tmp_path / "restart", LATTICE)


def test_names_that_no_file_can_have():
    for name, message in (("a\0b", r"a\\x00b: is not a valid file name"), ("a" * 300, "name too long")):
        with pytest.raises(InputError, match=message):
            formats.read_spins(name, LATTICE)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    for name in ("s.npy", "restart"):
        with pytest.raises(InputError, match=f"{name}: cannot be read: No such file"):
            formats.read_spins(tmp_path / name, LATTICE)


def test_arrays_come_back_and_do_not_believe_their_header(tmp_path, spins):
    path = tmp_path / "s.npy"
    formats.write_spins(path, spins, MODEL)
    assert np.array_equal(np.load(path), spins)
    true, lie = b"(12, 3), }         ", b"(12000000000, 3), }"
    assert path.read_bytes().count(true) == 1
    path.write_bytes(path.read_bytes().replace(true, lie))
    with pytest.raises(InputError, match=r"s\.npy: is not an array of numbers"):
        formats.read_spins(path, LATTICE)


def test_kinds_are_told_by_content(tmp_path, spins):
    """Whatever the file is called; only .npy is believed, since an empty one is no restart file."""
    for kind in formats.KINDS:
        formats.write_spins(tmp_path / "file", spins, MODEL, kind, overwrite=True)
        assert np.allclose(formats.read_spins(tmp_path / "file", LATTICE), spins, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.npy", "npy"), ("a.OVF", "ovf"), ("a.omf", "ovf"), ("a.extxyz", "xyz"), ("restart.a.out", "restart"),
     ("a.restart", "restart"), ("exchange.out", None), ("restart.toml", None), ("restart", None)],
)  # fmt: skip
def test_kinds_of_files_by_name(name, kind):
    assert formats.kind_of(name) == kind


def test_nothing_is_written_that_makes_no_sense(tmp_path, spins):
    with pytest.raises(InputError, match=r"s\.txt: unsupported file type for spins; expected \.npy, \.ovf"):
        formats.write_spins(tmp_path / "s.txt", spins, MODEL)
    with pytest.raises(InputError, match=r"spins have the shape \(11, 3\); the lattice has 12 sites"):
        formats.write_spins(tmp_path / "s.npy", spins[:-1], MODEL)
    with pytest.raises(InputError, match=r"cannot be written: the folder .* does not exist"):
        formats.write_spins(tmp_path / "none" / "s.npy", spins, MODEL)
    (tmp_path / "s.ovf").write_text("mine")
    with pytest.raises(InputError, match="exists; give another name, or --overwrite"):
        formats.write_spins(tmp_path / "s.ovf", spins, MODEL)
    assert (tmp_path / "s.ovf").read_text() == "mine"
    formats.write_spins(tmp_path / "s.ovf", spins, MODEL, overwrite=True)
    assert np.allclose(formats.read_spins(tmp_path / "s.ovf", LATTICE), spins)


def test_an_mcif_has_one_moment_for_each_atom(tmp_path):
    path, lattice = tmp_path / "s.mcif", seeds.LATTICE
    path.write_text(seeds.MCIF)
    spins = formats.read_spins(path, lattice)
    path.write_text(seeds.MCIF + "data_other\n_cell_length_a 3\n")
    with pytest.warns(UserWarning, match="has 2 data blocks; the first is read"):
        assert_allclose(formats.read_spins(path, lattice), spins)
    for content, told in (
        (seeds.MCIF + "Fe1 0 0 2.0\n", "a moment of Fe1, which is an atom with another moment"),
        (seeds.MCIF.replace("Fe1 0 0 0", "Fe1 0 0 0\nFe1 0.5 0 0"), "a moment of Fe1, which is several atoms"),
        (seeds.MCIF.replace("'x, y+1/2, z, -1'", "-x,-y,-z,-1"), "the operations make different moments at"),
    ):
        path.write_text(content)
        with pytest.raises(InputError, match=told):
            formats.read_spins(path, lattice)
