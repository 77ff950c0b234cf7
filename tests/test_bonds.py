"""Matrices of couplings, and lists of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from magsearch.model.bonds import ROUNDING, Bonds, dmi_matrix, exchange_matrix
from magsearch.model.lattice import Lattice

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(3, 3))


def test_exchange_matrix_is_the_scalar_product():
    a, b = RNG.normal(size=(2, 3))
    assert a @ exchange_matrix(1.7) @ b == pytest.approx(1.7 * np.dot(a, b))
    assert exchange_matrix(np.ones((4, 2))).shape == (4, 2, 3, 3)


def test_dmi_matrix_is_the_triple_product():
    a, b, D = RNG.normal(size=(3, 3))
    assert a @ dmi_matrix(D) @ b == pytest.approx(np.dot(D, np.cross(a, b)))
    assert_allclose(dmi_matrix(D).T, dmi_matrix(-D))
    assert dmi_matrix(np.ones((4, 2, 3))).shape == (4, 2, 3, 3)


def test_pairs_are_reciprocal():
    i, j, offset = [0, 1, 1], [1, 1, 0], [[0, 0, 0], [1, 0, 0], [0, -1, 2]]
    bonds = Bonds.pairs(i, j, RNG.normal(size=(3, 3, 3)), offset)
    assert len(bonds) == 6
    same, rounded = bonds.reciprocal()
    assert rounded == 0
    assert_array_equal(same.J, bonds.merged().J)


def test_bonds_that_are_listed_twice_add_up():
    once = Bonds.pairs([0], [1], MATRIX[None], [[1, 0, 0]])
    twice = (once + once).merged()
    assert len(twice) == 2
    assert_allclose(twice.J, 2 * once.merged().J)


def test_a_bond_without_its_reverse_is_named_with_its_source():
    bonds = Bonds(
        [0, 0, 1], [1, 1, 0], [[0, 0, 0], [2, 0, 0], [0, 0, 0]], [np.eye(3)] * 3, ("jfile:1", "jfile:2", "jfile:3")
    )
    with pytest.raises(ValueError, match=r"jfile:2: bond 0 -> 1, cells \(2, 0, 0\).*reverse is not listed"):
        bonds.reciprocal()


def test_a_bond_whose_reverse_differs_is_named_with_its_source():
    J = np.array([MATRIX, MATRIX])  # the second should be the transpose
    with pytest.raises(ValueError, match=r"(a|b):9: bond . -> ., cells \(0, 0, 0\).*transpose"):
        Bonds([0, 1], [1, 0], np.zeros((2, 3)), J, ("a:9", "b:9")).reciprocal()


def test_a_bond_onto_itself_across_the_cell_must_be_reciprocal_too():
    """Atom 0 to its own image: the bond (+1) and the bond (-1) are each other's reverse."""
    Bonds([0, 0], [0, 0], [[1, 0, 0], [-1, 0, 0]], [MATRIX, MATRIX.T]).reciprocal()
    with pytest.raises(ValueError, match="transpose"):
        Bonds([0, 0], [0, 0], [[1, 0, 0], [-1, 0, 0]], [MATRIX, MATRIX]).reciprocal()


def test_rounding_is_averaged_and_reported():
    off = 0.5 * ROUNDING * np.abs(MATRIX).max()
    rounded = MATRIX.T.copy()
    rounded[1, 2] += off
    bonds, asymmetry = Bonds([0, 1], [1, 0], np.zeros((2, 3)), [MATRIX, rounded]).reciprocal()
    assert asymmetry == pytest.approx(off)
    assert_allclose(bonds.J[0], 0.5 * (MATRIX + rounded.T), rtol=1e-14)
    assert_array_equal(bonds.J[1], bonds.J[0].T)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_couplings_that_are_no_numbers_are_named(bad):
    J = np.array([np.eye(3), np.eye(3)])
    J[1, 2, 0] = bad
    with pytest.raises(ValueError, match=r"jfile:8: bond 1 -> 0.*finite"):
        Bonds([0, 1], [1, 0], np.zeros((2, 3)), J, ("jfile:7", "jfile:8"))


def test_lists_of_different_length_are_refused():
    with pytest.raises(ValueError, match="one entry for each bond"):
        Bonds([0, 1], [1], np.zeros((2, 3)), [np.eye(3)] * 2)


def test_sources_stay_with_their_bonds():
    named = Bonds([1], [0], [[0, 0, 0]], [MATRIX.T], ("file:2",))
    unnamed = Bonds([0], [1], [[0, 0, 0]], [MATRIX])
    both = unnamed + named
    assert [both.describe(k)[:6] for k in range(2)] == ["bond 0", "file:2"]
    assert both.merged().describe(1).startswith("file:2: bond 1 -> 0")


def test_no_bonds_are_a_list_too():
    empty = Bonds.none()
    assert len(empty) == len(empty.merged()) == len(empty.reciprocal()[0]) == 0
    lattice = Lattice.named("square", (3, 3, 1))
    assert len(empty.on_sites(lattice)) == 0
    assert len(empty + Bonds.pairs([0], [0], MATRIX[None], [[1, 0, 0]])) == 2


def test_the_list_of_sites_has_every_bond_once_in_every_cell():
    lattice = Lattice.named("honeycomb", (4, 3, 1), periodic=(True, False, False))
    bonds = Bonds.pairs([0, 0, 0], [1, 1, 1], [MATRIX, 2 * MATRIX, 3 * MATRIX], [[0, 0, 0], [-1, 0, 0], [0, 1, 0]])
    sites = bonds.on_sites(lattice)
    assert len(sites) == 2 * (12 + 12 + 8)  # the third bond leads out of the open edge in a row of four cells
    difference = lattice.positions[sites.j] - lattice.positions[sites.i]
    third = np.isclose(np.abs(sites.J[:, 0, 0]), abs(3 * MATRIX[0, 0]))
    expected = lattice.basis[1] - lattice.basis[0] + lattice.cell[1]
    for vector, i in zip(difference[third], sites.i[third], strict=True):
        assert_allclose(vector, expected if i % 2 == 0 else -expected, atol=1e-12)
