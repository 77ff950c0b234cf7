"""Supercells far from compact, which once took terabytes: a few lattice vectors are enough for each."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from models import MODELS

from magsearch.model.lattice import Lattice, shortest
from magsearch.model.reciprocal import wave_vectors
from magsearch.model.triangulation import combinations, triangles
from magsearch.search.supercells.race import Best
from magsearch.search.supercells.supercell import LARGEST, Supercell

SLIVER = np.array([[1.0, 0, 0], [1584.0, 1.0, 0], [36.0, 801.0, 1.0]])  # of the cubic lattice: determinant 1


def peak(work) -> float:
    """Megabytes allocated at once."""
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return most


def test_combinations_of_a_sheared_cell_are_those_of_the_compact_one():
    found = {tuple(v) for v in (combinations(SLIVER, 2.0) @ SLIVER).round(6).tolist()}
    assert found == {tuple(v) for v in (combinations(np.eye(3), 2.0) @ np.eye(3)).tolist()}
    assert len(found) == 33
    assert peak(lambda: combinations(SLIVER, 5.0)) < 5


def test_wave_vectors_of_a_sheared_cell_are_the_shortest_ones():
    lattice = Lattice(SLIVER, np.zeros((1, 3)), (2, 2, 2))
    assert np.linalg.norm(wave_vectors(lattice), axis=-1).max() <= np.pi * 3**0.5 + 1e-9
    assert peak(lambda: wave_vectors(Lattice(SLIVER, np.zeros((1, 3)), (2, 2, 2)))) < 5


def test_triangles_of_a_sheared_plane_take_little_memory():
    plane = Lattice(np.array([[1.0, 0, 0], [1584.0, 1.0, 0], [0, 0, 1.0]]), np.zeros((1, 3)), (2, 6, 1))
    assert peak(lambda: triangles(plane)) < 5
    assert len(triangles(plane)) == 2 * 12


@pytest.mark.parametrize("H", [[[1, 0, 0], [37, 213, 0], [0, 0, 1]], [[5, 3, 0], [2, -7, 0], [0, 0, 1]]])
def test_cells_of_a_supercell_are_as_short_as_its_shape_allows(H):
    """Whatever Smith's form gives, the box repeats after the rows of H."""
    one = Supercell(MODELS["square_bloch"], np.array(H))
    size, Q = one.diagonal
    lattice = one.hamiltonian.lattice
    repeats = np.diag(size) @ Q @ np.linalg.inv(np.array(H))
    assert np.allclose(repeats, repeats.round())
    assert abs(np.linalg.det(repeats)) == pytest.approx(1)
    edges = np.linalg.norm(shortest(np.array(H) @ one.crystal.lattice.cell)[0], axis=1)
    assert np.linalg.norm(lattice.cell, axis=1).max() <= edges.max() + 1e-9


def test_copies_of_a_sliver_are_few():
    sliver = Supercell(MODELS["square_bloch"], np.array([[1, 0, 0], [0, 2000, 0], [0, 0, 1]]))
    shown = Best(sliver, np.zeros((2000, 3)), 0.0).shown()
    assert shown.supercell.sites <= 4 * LARGEST
