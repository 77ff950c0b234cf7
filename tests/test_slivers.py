"""Supercells far from compact, which once took terabytes: a few lattice vectors are enough for each."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from models import MODELS
from oracle import energy, random_textures

from magsearch.model.lattice import Lattice, shortest
from magsearch.model.reciprocal import wave_vectors
from magsearch.model.triangulation import combinations, triangles
from magsearch.search.supercells.best import Best
from magsearch.search.supercells.supercell import LARGEST, Supercell, manageable

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


def edges(supercell: Supercell) -> np.ndarray:
    return np.linalg.norm(supercell.H[:2] @ supercell.crystal.lattice.cell, axis=1)


@pytest.mark.parametrize(
    "H", [[[49, -49], [1, 1]], [[98, -97], [1, 1]], [[14, -15], [14, 1]], [[15, -14], [14, 1]], [[16, 0], [0, 16]]]
)
def test_copies_fill_a_compact_box_of_the_same_state(H):
    """As wide as long or up to four times as long as wide, with several cells along both axes."""
    one = Supercell(MODELS["square_bloch"], np.pad(H, ((0, 1), (0, 1))) + np.diag([0, 0, 1]))
    texture = random_textures(one.hamiltonian, 1)[0]
    shown = Best(one, texture, 0.0).shown()
    assert edges(shown.supercell).max() <= 4.5 * edges(shown.supercell).min()
    assert min(shown.supercell.hamiltonian.lattice.size[:2]) > 1
    assert shown.supercell.sites < LARGEST / 4
    before = energy(one.hamiltonian, texture) / one.sites
    assert energy(shown.supercell.hamiltonian, shown.texture) / shown.supercell.sites == pytest.approx(
        before, rel=1e-10
    )


def test_copies_of_a_narrow_supercell_fill_a_box_whose_cells_are_in_a_compact_order():
    """A modulation after 49 cells of the triangular lattice: 7 x 196 sheared cells are compact only as a torus."""
    one = Supercell(MODELS["triangular_j1_j3"], np.array([[1, -2, 0], [49, 0, 0], [0, 0, 1]]))
    texture = random_textures(one.hamiltonian, 1)[0]
    shown = Best(one, texture, 0.0).shown()
    lattice = shown.supercell.hamiltonian.lattice
    box = np.linalg.norm(np.array(lattice.size)[:, None] * lattice.cell, axis=1)[:2]
    assert box.max() <= 2.01 * box.min()
    before = energy(one.hamiltonian, texture) / one.sites
    assert energy(shown.supercell.hamiltonian, shown.texture) / shown.supercell.sites == pytest.approx(
        before, rel=1e-10
    )


def test_narrow_supercells_whose_copies_would_be_too_many_are_left_out():
    crystal = MODELS["square_bloch"]
    H = np.array([np.diag([1, n, 1]) for n in (10, 200, 400, 1000)])
    assert manageable(crystal, H).tolist() == [True, True, False, False]
    assert manageable(crystal, np.array([np.diag([200, 200, 1])])).all()  # compact as it is


def test_a_texture_is_reduced_to_its_period():
    """Three copies along one vector, two along another: a wave has the period that it was made with."""
    crystal = MODELS["square_bloch"]
    period = Supercell(crystal, np.array([[5, 1, 0], [-2, 4, 0], [0, 0, 1]]))
    texture = random_textures(period.hamiltonian, 1)[0]
    larger = Supercell(crystal, np.array([[3, 0, 0], [1, 2, 0], [0, 0, 1]]) @ period.H)
    found = Best(larger, period.repeated(texture, larger), 0.0).primitive()
    assert found.key == period.key
    random = random_textures(larger.hamiltonian, 1)[0]
    assert Best(larger, random, 0.0).primitive(0.1).key == larger.key
    loose = period.repeated(texture, larger) + 0.02 * random
    assert Best(larger, loose, 0.0).primitive().key == larger.key
    assert Best(larger, loose, 0.0).primitive(0.1).key == period.key
