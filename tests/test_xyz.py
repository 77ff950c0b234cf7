"""Extended XYZ: rows find their sites by position, in whatever order another program wrote them."""

from __future__ import annotations

import numpy as np
import pytest

from magsearch import formats
from magsearch.errors import InputError
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice

KAGOME = Lattice.named("kagome", (4, 3, 1), 2.5)
MODEL = Hamiltonian(KAGOME, Bonds.none(), moments=np.array([1.5, 2.0, 2.5]))
PAIR = Lattice(2 * np.eye(3), [[0, 0, 0], [1, 1, 0.5]], (1, 1, 1), species=("Fe", "B1"))


@pytest.fixture
def spins() -> np.ndarray:
    s = np.random.default_rng(8).normal(size=(KAGOME.sites, 3))
    return s / np.linalg.norm(s, axis=1, keepdims=True)


def test_what_is_written_is_read_back(tmp_path, spins):
    formats.write_spins(tmp_path / "s.xyz", spins, MODEL)
    assert np.allclose(formats.read_spins(tmp_path / "s.xyz", KAGOME), spins, rtol=0, atol=1e-14)


def test_rows_may_be_shuffled(tmp_path, spins):
    path = tmp_path / "s.xyz"
    formats.write_spins(path, spins, MODEL)
    head, rows = path.read_text().splitlines()[:2], path.read_text().splitlines()[2:]
    shuffled = np.random.default_rng(2).permutation(rows)
    path.write_text("\n".join([*head, *shuffled]) + "\n")
    assert np.allclose(formats.read_spins(path, KAGOME), spins, rtol=0, atol=1e-14)


def test_the_file_means_the_same_to_ase(tmp_path, spins):
    io = pytest.importorskip("ase.io", reason="ASE is not installed (it comes with the test extra, behind TB2J)")
    formats.write_spins(tmp_path / "s.xyz", spins, MODEL)
    atoms = io.read(tmp_path / "s.xyz", format="extxyz")
    assert np.allclose(atoms.positions, KAGOME.positions)
    assert np.allclose(atoms.cell, KAGOME.cell * np.array(KAGOME.size)[:, None])
    assert atoms.pbc.tolist() == list(KAGOME.periodic)
    moments = atoms.get_initial_magnetic_moments()
    assert np.allclose(moments, spins * np.tile([1.5, 2.0, 2.5], KAGOME.cells)[:, None])
    io.write(tmp_path / "again.xyz", atoms[::-1], format="extxyz")
    assert np.allclose(formats.read_spins(tmp_path / "again.xyz", KAGOME), spins, atol=1e-6)


def test_vacancies_have_no_moment(tmp_path, spins):
    model = Hamiltonian(KAGOME, Bonds.none(), vacancies=(5,))
    spins[5] = 0
    formats.write_spins(tmp_path / "s.xyz", spins, model)
    assert np.allclose(formats.read_spins(tmp_path / "s.xyz", KAGOME, vacancies=(5,)), spins)
    with pytest.raises(InputError, match="site 6 has length 0"):
        formats.read_spins(tmp_path / "s.xyz", KAGOME)


def test_only_elements_are_named(tmp_path):
    formats.write_spins(tmp_path / "s.xyz", [[0, 0, 1], [1, 0, 0]], Hamiltonian(PAIR, Bonds.none()))
    assert [row.split()[0] for row in (tmp_path / "s.xyz").read_text().splitlines()[2:]] == ["Fe", "X"]


@pytest.mark.parametrize(
    ("properties", "rows"),
    [
        ("species:S:1:pos:R:3:magmoms:R:3", ["Fe 0 0 0 0 0 2", "B 1 1 0.5 3 0 0"]),
        ("pos:R:3:id:I:1:spin:R:3:forces:R:3", ["0 0 0 1 0 0 1 9 9 9", "1 1 .5 2 1 0 0 9 9 9"]),
        ("vector_field:R:3:pos:R:3", ["0\t0\t1  0 0 0", "1d0 0.0D+00 0  1 1 5d-1"]),
    ],
)
def test_columns_are_found_by_name(tmp_path, properties, rows):
    (tmp_path / "s.xyz").write_text("\n".join(["2", f'Lattice="2 0 0 0 2 0 0 0 2" Properties={properties}', *rows]))
    assert np.allclose(formats.read_spins(tmp_path / "s.xyz", PAIR), [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("3\nProperties=pos:R:3:spin:R:3\n", "xyz:1: has 3 sites; the lattice has 2"),
        ("2\nProperties=pos:R:3:force:R:3\n", "xyz:2: has no column of moments; expected one of initial_magmoms"),
        ("2\nProperties=pos:R:3:magmoms:R:1\n", "xyz:2: magmoms does not have three components"),
        ("2\nProperties=spin:R:3\n", "xyz:2: pos does not have three components"),
        ("2\nProperties=pos:R:x:spin:R:3\n", "xyz:2: invalid property pos:R:x"),
        ("2\nProperties=pos:R\n", "xyz:2: invalid Properties="),
        ("2\nProperties=pos:R:3:spin:R:3\n0 0 0 0 0 1\n", "xyz:3: ends after 1 site; expected 2"),
        ("2\nProperties=pos:R:3:spin:R:3\n0 0 0 0 0\n1 1 .5 0 0 1", "xyz:3: 5 columns; expected 6"),
        ("2\nProperties=pos:R:3:spin:R:3\n0 0 0 0 0 1\n1 1 .5 0 0 up", "xyz:4: '0 0 up'; expected 3 numbers: spinx"),
        (
            "2\nProperties=pos:R:3:spin:R:3\n0 0 0 0 0 1\n1 1 .7 0 0 1",
            r"xyz:4: .*\(1, 1, 0.7\) is 0.2 A from the nearest site",
        ),
        ("2\nProperties=pos:R:3:spin:R:3\n0 0 0 0 0 1\n0 0 0 0 0 1", "positions differ from those of the lattice"),
    ],
)
def test_files_that_do_not_fit(tmp_path, content, message):
    (tmp_path / "s.xyz").write_text(content)
    with pytest.raises(InputError, match=message):
        formats.read_spins(tmp_path / "s.xyz", PAIR)
