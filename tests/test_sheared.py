"""Sheared supercells: cells and wave vectors are printed in the vectors of the input."""

from __future__ import annotations

from fractions import Fraction

import h5py
import numpy as np
import pytest
from models import bloch, shell_bonds
from numpy.testing import assert_allclose, assert_array_equal

from magsearch.critical.order_parameter import OrderParameter
from magsearch.critical.ordered import from_texture
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.export.cell import magnetic_cell
from magsearch.magnons.path import path_of
from magsearch.magnons.spin_waves import SpinWaves
from magsearch.model.cells import in_given_cells
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.integers import inverse, lower_hermite, unimodular
from magsearch.model.lattice import Lattice
from magsearch.model.reciprocal import wave_vectors
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.observables.propagation import propagation_vectors
from magsearch.search.supercells.supercell import Supercell
from magsearch.storage.model import read, write

K = np.array([1 / 5, 2 / 5, 0.0])  # reciprocal vectors


def crystal(size: tuple[int, int, int]) -> Hamiltonian:
    lattice = Lattice.named("square", size, constant=3.0)
    return Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.6)), anisotropy=(UniaxialAnisotropy(-0.1),))


def sheared() -> Hamiltonian:
    """Five cells in a row: the square supercell with the edge (2, -1)."""
    made = Supercell(crystal((1, 1, 1)), np.array([[2, -1, 0], [1, 2, 0], [0, 0, 1]])).hamiltonian
    assert sorted(made.lattice.size) == [1, 1, 5]
    assert (made.lattice.shear != np.eye(3)).any()
    return made


def wave(hamiltonian: Hamiltonian) -> np.ndarray:
    """A cycloid with wave vector K, whatever the cells."""
    phase = hamiltonian.lattice.positions @ (K @ crystal((1, 1, 1)).lattice.reciprocal)
    return np.stack([np.sin(phase), np.zeros_like(phase), np.cos(phase)], axis=1)


def test_an_inverse_of_whole_numbers_is_exact():
    Q = np.array([[1, 0, 0], [300_000_007, 1, 0], [5, -200_000_003, 1]]) @ np.array([[2, 7, 3], [1, 4, 2], [0, 5, 7]])
    assert not unimodular(Q)
    Q = np.array([[1, 0, 0], [300_000_007, 1, 0], [5, -200_000_003, 1]]) @ np.array([[2, 7, 3], [1, 4, 2], [0, 0, 1]])
    assert unimodular(Q)
    assert_array_equal(Q.astype(object) @ inverse(Q).astype(object), np.eye(3, dtype=object))


def test_propagation_vectors_are_those_of_the_input():
    for h in (sheared(), crystal((5, 5, 1))):
        (arm,) = propagation_vectors(h.lattice, wave(h))
        assert arm.q == (Fraction(1, 5), Fraction(2, 5), 0)
        assert arm.box_only  # five cells
        cell = magnetic_cell(h, wave(h))
        assert (lower_hermite(cell.given) == lower_hermite(np.array([[2, -1, 0], [1, 2, 0], [0, 0, 1]]))).all()


def test_a_long_row_of_cells_holds_several_wavelengths():
    """An axis with one cell, which the shear has mixed with others, does not count."""
    made = Supercell(crystal((1, 1, 1)), np.array([[6, -3, 0], [5, 10, 0], [0, 0, 1]])).hamiltonian
    assert sorted(made.lattice.size) == [1, 1, 75]
    (arm,) = propagation_vectors(made.lattice, wave(made))
    assert arm.q == (Fraction(1, 5), Fraction(2, 5), 0)
    assert not arm.box_only


def test_wave_vectors_are_in_the_zone_of_the_crystal():
    """Of the five in the row of cells, those that also fit into 5 x 5 cells."""
    every = wave_vectors(crystal((5, 5, 1)).lattice).reshape(-1, 3)
    for q in wave_vectors(sheared().lattice).reshape(-1, 3):
        assert np.linalg.norm(every - q, axis=1).min() < 1e-9


def test_magnons_are_those_of_the_input():
    """Of the ferromagnet, which is in one cell everywhere; the points of a path are those of the input's lattice."""
    easy = UniaxialAnisotropy(3.0)
    plain, other = (Hamiltonian(h.lattice, h.bonds, anisotropy=(easy,)) for h in (crystal((2, 2, 1)), sheared()))
    waves = [SpinWaves.about(h, np.tile([0.0, 0.0, 1.0], (h.lattice.sites, 1))) for h in (plain, other)]
    paths = [path_of("G-X-M-G", h.lattice, 20, 2) for h in (plain, other)]
    assert_allclose(paths[1].q, paths[0].q)
    assert_allclose(paths[1].distance, paths[0].distance)
    one, two = (each.bands(paths[0].q) for each in waves)
    assert_allclose(two.energies, one.energies, atol=1e-10)
    assert_allclose(two.intensities, one.intensities, atol=1e-10)


def test_a_ground_state_is_told_in_cells_of_the_input():
    """The supercell after which it repeats, its energy, and the star of its wave vectors."""
    found = from_texture(sheared(), wave(sheared()), 0.0)
    assert found.crystal.lattice.given is None
    assert (lower_hermite(found.supercell.H) == lower_hermite(np.array([[2, -1, 0], [1, 2, 0], [0, 0, 1]]))).all()
    energies = [float(Evaluator(h, Cpu(), np.float64).energies(s[None])[0]) for h, s in
                ((found.supercell.hamiltonian, found.texture), (sheared(), wave(sheared())))]  # fmt: skip
    assert energies[0] == pytest.approx(energies[1], abs=1e-10)
    arms = np.abs(OrderParameter.of(found).arms)[:, :2]
    assert min(np.abs(arms - K[:2]).max(axis=1)) < 1e-9


def test_the_cells_of_the_input_are_stored():
    h = sheared()
    with h5py.File("run.h5", "w", driver="core", backing_store=False) as file:
        write(file.create_group("model"), h)
        again = read(file["model"])
        del file["model/given_cell"]
        file["model/given_cell"] = 2 * h.lattice.given_cell
        with pytest.raises(ValueError, match="span another lattice"):
            read(file["model"])
    assert_array_equal(again.lattice.shear, h.lattice.shear)
    back, known = in_given_cells(again), crystal((1, 1, 1))
    assert back.lattice.given is None
    assert_array_equal(back.lattice.cell, known.lattice.cell)
    order, other = np.lexsort(back.bonds.offset.T), np.lexsort(known.bonds.offset.T)
    assert_array_equal(back.bonds.offset[order], known.bonds.offset[other])
    assert_array_equal(back.bonds.J[order], known.bonds.J[other])
