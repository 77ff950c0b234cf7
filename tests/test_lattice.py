"""Sites, neighbours, shells and reciprocal space of lattices."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from models import MODELS
from numpy.testing import assert_allclose, assert_array_equal

from magsearch.model.lattice import NAMED, Lattice

# neighbours of an atom and their distances, in units of the lattice constant: any textbook of crystallography
SHELLS = {
    "chain": [(2, 1), (2, 2), (2, 3)],
    "square": [(4, 1), (4, 2**0.5), (4, 2), (8, 5**0.5)],
    "triangular": [(6, 1), (6, 3**0.5), (6, 2), (12, 7**0.5)],
    "honeycomb": [(3, 3**-0.5), (6, 1), (3, 2 / 3**0.5)],
    "kagome": [(4, 0.5), (4, 0.75**0.5), (6, 1)],
    "cubic": [(6, 1), (12, 2**0.5), (8, 3**0.5), (6, 2)],
    "bcc": [(8, 0.75**0.5), (6, 1), (12, 2**0.5), (24, 2.75**0.5)],
    "fcc": [(12, 0.5**0.5), (6, 1), (24, 1.5**0.5), (12, 2**0.5)],
    "diamond": [(4, 3**0.5 / 4), (12, 0.5**0.5), (12, 11**0.5 / 4)],
    "pyrochlore": [(6, 0.125**0.5), (12, 0.375**0.5), (12, 0.5**0.5)],
}


@pytest.mark.parametrize("name", NAMED)
def test_shells_of_named_lattices_are_those_of_the_textbook(name):
    _, _, periodic = NAMED[name]
    lattice = Lattice.named(name, tuple(4 if p else 1 for p in periodic), 2.5)
    for shell, (count, distance) in zip(lattice.shells(len(SHELLS[name])), SHELLS[name], strict=True):
        assert shell.distance == pytest.approx(2.5 * distance, rel=1e-9)
        assert_array_equal(np.bincount(shell.i, minlength=lattice.atoms), np.full(lattice.atoms, count))


def test_bonds_of_a_shell_have_its_length_and_come_both_ways():
    for model in MODELS.values():
        lattice = model.lattice
        if lattice.atoms == 12:  # the cluster has as many shells as it has distances
            continue
        for shell in lattice.shells(2):
            vector = lattice.basis[shell.j] - lattice.basis[shell.i] + shell.offset @ lattice.cell
            assert_allclose(np.linalg.norm(vector, axis=1), shell.distance, rtol=1e-4)
            bonds = {(i, j, *o) for i, j, o in zip(shell.i, shell.j, shell.offset.tolist(), strict=True)}
            assert len(bonds) == len(shell.i)
            assert bonds == {(j, i, *(-o for o in offset)) for i, j, *offset in bonds}


def test_no_shell_is_missed_in_a_skewed_cell():
    """The triangular lattice in a cell whose second vector is three steps too long has the same shells."""
    straight = Lattice.named("triangular", (5, 5, 1))
    a, b, c = straight.cell
    skewed = Lattice(np.array([a, b + 3 * a, c]), np.zeros((1, 3)), (5, 5, 1), (True, True, False))
    for expected, found in zip(straight.shells(6), skewed.shells(6), strict=True):
        assert found.distance == pytest.approx(expected.distance)
        assert len(found.i) == len(expected.i)


def test_a_molecule_says_how_many_shells_it_has():
    pair = Lattice.cluster([[0, 0, 0], [0, 0, 1.5]])
    assert pair.shells(1)[0].distance == pytest.approx(1.5)
    with pytest.raises(ValueError, match="1 shell, 2 were asked"):
        pair.shells(2)


def test_a_single_open_layer_has_no_bonds_out_of_its_plane():
    layer = Lattice.named("square", (4, 4, 1))
    assert all((shell.offset[:, 2] == 0).all() for shell in layer.shells(8))


@pytest.mark.parametrize("name", MODELS)
def test_sites_are_numbered_basis_fastest_then_x_y_z(name):
    lattice = MODELS[name].lattice
    site = 0
    for z in range(lattice.size[2]):
        for y in range(lattice.size[1]):
            for x in range(lattice.size[0]):
                for atom in range(lattice.atoms):
                    expected = lattice.basis[atom] + x * lattice.cell[0] + y * lattice.cell[1] + z * lattice.cell[2]
                    assert_allclose(lattice.positions[site], expected, atol=1e-12)
                    site += 1
    assert site == lattice.sites == lattice.cells * lattice.atoms
    assert_array_equal(np.arange(site).reshape(*lattice.grid, lattice.atoms).ravel(), np.arange(site))


def test_neighbours_are_where_the_offset_says():
    lattice = Lattice.named("cubic", (4, 5, 3), periodic=(True, False, True))
    corner = lattice.positions
    for offset in ([1, 0, 0], [-1, 2, 0], [9, -1, -7], [0, 0, 0]):
        for cell, there in enumerate(lattice.neighbours(offset)):
            wanted = corner[cell] + offset
            if not 0 <= wanted[1] < 5:
                assert there == -1
            else:
                assert_allclose(corner[there], wanted % [4, 5, 3])


def test_a_translation_moves_a_texture_by_whole_cells():
    lattice = Lattice.named("kagome", (5, 4, 1))
    marked = np.zeros(lattice.sites)
    marked[lattice.atoms * (1 + 5 * 3) + 2] = 1  # atom 2 of cell (1, 3)
    moved = marked[lattice.translation((2, 1, 0))]
    assert_array_equal(np.flatnonzero(moved), [lattice.atoms * (3 + 5 * 0) + 2])
    back = moved[lattice.translation((-2, -1, 0))]
    assert_array_equal(back, marked)


def test_an_open_axis_has_no_translations():
    film = Lattice.named("cubic", (3, 3, 2), periodic=(True, True, False))
    assert_array_equal(film.translation((0, 0, 0)), np.arange(film.sites))
    with pytest.raises(ValueError, match="open axis"):
        film.translation((0, 0, 1))


@pytest.mark.parametrize("name", MODELS)
def test_reciprocal_vectors_are_dual_to_the_cell(name):
    lattice = MODELS[name].lattice
    assert_allclose(lattice.cell @ lattice.reciprocal.T, 2 * np.pi * np.eye(3), atol=1e-12)


@pytest.mark.parametrize("size", [(0, 1, 1), (2, -1, 1), (2, 2), (2.5, 1, 1)])
def test_a_size_that_is_no_count_of_cells_is_refused(size):
    with pytest.raises(ValueError, match="size"):
        Lattice.named("square", size)


def test_cells_and_bases_that_make_no_crystal_are_refused():
    one = np.zeros((1, 3))
    with pytest.raises(ValueError, match="2 flags; expected three"):
        Lattice(np.eye(3), np.zeros((1, 3)), (1, 1, 1), (True, False))
    with pytest.raises(ValueError, match="do not span a volume"):
        Lattice(np.array([[1.0, 0, 0], [2.0, 0, 0], [0, 0, 1.0]]), one, (1, 1, 1))
    with pytest.raises(ValueError, match="finite"):
        Lattice(np.diag([1.0, np.nan, 1.0]), one, (1, 1, 1))
    with pytest.raises(ValueError, match="finite"):
        Lattice(np.eye(3), np.array([[0.0, 0.0, np.inf]]), (1, 1, 1))
    with pytest.raises(ValueError, match="2 species for 1 atoms"):
        Lattice(np.eye(3), one, (1, 1, 1), species=("Fe", "Ge"))
    with pytest.raises(ValueError, match=r"unknown lattice 'hexagonl'.*triangular"):
        Lattice.named("hexagonl", (2, 2, 1))


def test_two_atoms_in_one_place_are_refused():
    """Also where they meet through the periodic cell: shells() would silently leave out their bond."""
    for second in ([0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1e-9, 2.0, 0.0]):
        with pytest.raises(ValueError, match="same place"):
            Lattice(np.eye(3), np.array([[0.0, 0.0, 0.0], second]), (2, 2, 1))


def test_a_lattice_does_not_change_with_the_arrays_that_made_it():
    cell, basis = np.eye(3), np.zeros((1, 3))
    lattice = Lattice(cell, basis, (2, 2, 2))
    cell[0, 0], basis[0, 0] = 7, 7
    assert_allclose(lattice.cell, np.eye(3))
    assert_allclose(lattice.basis, 0)


@pytest.mark.parametrize("name", NAMED)
def test_the_docs_have_cell_atoms_and_neighbours_of_a_named_lattice(name):
    page = (Path(__file__).parent.parent / "docs" / "formats.md").read_text()
    (row,) = re.findall(rf"^\| {name} \| (\(.*\)) \| (\(.*\)) \| (\d+) at ([\d.]+) \|$", page, re.MULTILINE)
    cell, basis = (
        [[float(Fraction(part)) for part in vector.split(",")] for vector in re.findall(r"\(([^)]*)\)", column)]
        for column in row[:2]
    )
    lattice = Lattice.named(name, tuple(4 if along else 1 for along in NAMED[name][2]))
    assert lattice.cell == pytest.approx(np.array(cell), abs=1e-6)
    assert lattice.basis @ np.linalg.inv(lattice.cell) == pytest.approx(np.array(basis), abs=1e-6)
    shell = lattice.shells(1)[0]
    assert np.bincount(shell.i).tolist() == [int(row[2])] * lattice.atoms
    length = np.linalg.norm(lattice.basis[shell.j] - lattice.basis[shell.i] + shell.offset @ lattice.cell, axis=1)
    assert length == pytest.approx(np.full(len(length), float(row[3])), abs=1e-6)
