"""Topology in three dimensions and on sublattices: hedgehogs, Hopf index, charges, chirality."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import printed

from magsearch.model.lattice import Lattice
from magsearch.model.sphere import unit
from magsearch.observables.neighbours import chirality, coordination, nearest_correlation
from magsearch.observables.sublattice_charge import sublattice_charges
from magsearch.observables.three_d import emergent_flux, hedgehogs, hopf_index
from magsearch.observables.topological_charge import topological_charge

CUBE = np.eye(3)
SHEARED = np.array([[1, 0.3, 0], [0, 1, 0.2], [0.1, 0, 1.2]])


def hopfion(n: int, cell: np.ndarray = CUBE) -> tuple[Lattice, np.ndarray]:
    """Spins of the Hopf map of a ball that covers the three-sphere once, up outside of it."""
    lattice = Lattice(cell, [[0, 0, 0]], (n, n, n))
    x = lattice.coordinates / n - 0.5
    r = np.linalg.norm(x, axis=1)
    angle = np.pi * np.sin(0.5 * np.pi * np.clip(1 - r / 0.475, 0, 1)) ** 2
    x = np.sin(angle)[:, None] * x / np.maximum(r, 1e-9)[:, None]
    z, w = np.cos(angle) + 1j * x[:, 2], x[:, 0] + 1j * x[:, 1]
    inner = 2 * z.conj() * w
    return lattice, np.stack([inner.real, inner.imag, np.abs(z) ** 2 - np.abs(w) ** 2], axis=1)


def test_a_hopfion_has_a_hopf_index_that_approaches_one():
    off = [hopf_index(*hopfion(n)) - 1 for n in (16, 32)]
    assert np.abs(off).max() < 0.02
    assert off[0] / off[1] == pytest.approx(4, rel=0.1), "second order in the lattice constant"


def test_the_hopf_index_needs_no_metric_and_changes_its_sign_in_a_mirror():
    (lattice, s), mirror = hopfion(16), np.diag([1.0, 1.0, -1.0])
    index = hopf_index(lattice, s)
    assert hopf_index(hopfion(16, SHEARED)[0], s) == pytest.approx(index)
    assert hopf_index(hopfion(16, mirror)[0], s) == pytest.approx(-index)
    assert hopf_index(lattice, -s) == pytest.approx(index), "time reversal turns B and A over"
    moved = s[lattice.translation((3, -2, 5))]
    assert hopf_index(lattice, moved) == pytest.approx(index)


def test_without_a_knot_the_hopf_index_is_zero_and_with_a_flux_undefined():
    lattice = Lattice.named("cubic", (12, 12, 6), 3.0)
    angle = 2 * np.pi * lattice.coordinates[:, 0] / 12
    helix = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    assert hopf_index(lattice, helix) == pytest.approx(0, abs=1e-12)
    away = lattice.coordinates[:, :2] - 5.5
    r = np.linalg.norm(away, axis=1)
    theta = np.pi * np.clip(1 - r / 5.5, 0, 1)
    tube = np.column_stack([np.sin(theta)[:, None] * away / r[:, None], np.cos(theta)])
    assert np.isnan(hopf_index(lattice, tube))
    assert emergent_flux(lattice, tube)[..., 2].sum() == pytest.approx(6 * topological_charge(lattice, tube))


@pytest.mark.parametrize("cell", [np.eye(3), SHEARED, np.diag([1.0, 1.0, -1.0])])
def test_a_hedgehog_is_counted_once_whatever_the_cell(cell):
    lattice = Lattice(cell, [[0, 0, 0]], (6, 6, 6), (False, False, False))
    away = lattice.positions - np.array([2.5, 2.5, 2.5]) @ cell
    found = hedgehogs(lattice, unit(away))
    assert found.sum() == np.abs(found).sum() == 1
    assert lattice.coordinates[found[:, 0] != 0].tolist() == [[2, 2, 2]]
    assert hedgehogs(lattice, unit(-away)).sum() == -1


def test_hedgehogs_and_antihedgehogs_are_equally_many_in_a_periodic_box():
    lattice = Lattice.named("cubic", (8, 8, 8))
    a, b, c = (2 * np.pi * lattice.coordinates / 8 + 0.4).T
    s = unit(np.stack([np.cos(c) + np.sin(b), np.cos(a) + np.sin(c), np.cos(b) + np.sin(a)], axis=1))
    found = hedgehogs(lattice, s)
    assert found.sum() == 0
    assert (found > 0).sum() == 4
    assert not hedgehogs(lattice, s * (-1.0) ** lattice.coordinates.sum(axis=1)[:, None]).any(), "neighbours differ"
    assert np.isnan(hopf_index(lattice, s))


def skyrmion(lattice: Lattice) -> np.ndarray:
    away = (lattice.coordinates - np.array(lattice.size) / 2 + 0.5)[:, :2]
    r = np.linalg.norm(away, axis=1)
    theta = np.pi * np.clip(1 - r / (0.45 * lattice.size[0]), 0, 1)
    return np.column_stack([np.sin(theta)[:, None] * away / r[:, None], np.cos(theta)])


def test_sublattices_of_a_chequerboard_have_opposite_charges():
    lattice = Lattice.named("square", (24, 24, 1))
    s = skyrmion(lattice)
    one = sublattice_charges(lattice, s)
    assert (one.count, one.charge.ravel()) == (1, pytest.approx([-1]))
    two = sublattice_charges(lattice, s * (-1.0) ** lattice.coordinates.sum(axis=1)[:, None])
    assert two.count == 2
    assert sorted(two.charge.ravel()) == pytest.approx([-1, 1])
    assert two.typical == pytest.approx(1)


def test_charges_of_layers_and_atoms():
    lattice = Lattice(np.diag([1, 1, 2.0]), [[0, 0, 0], [0, 0, 1]], (24, 24, 3), (True, True, False))
    plane = Lattice.named("square", (24, 24, 1))
    up, s = np.tile([0, 0, 1.0], (576, 1)), skyrmion(plane)
    layers = np.stack([np.stack(pair, axis=1) for pair in ((s, -s), (up, s), (up, up))])
    found = sublattice_charges(lattice, layers.reshape(-1, 3))
    # the plane of three extended axes is that of the first two
    assert found.charge[..., 0] == pytest.approx(np.array([[-1, 1], [0, -1], [0, 0]]))


def test_without_smooth_sublattices_there_is_no_charge():
    lattice = Lattice.named("square", (12, 12, 1))
    assert sublattice_charges(lattice, unit(np.random.default_rng(0).normal(size=(144, 3)))) is None
    assert sublattice_charges(Lattice.named("chain", (12, 1, 1)), np.tile([0, 0, 1.0], (12, 1))) is None


def test_chirality_and_correlation_of_the_tetrahedral_state():
    """Four spins to the corners of a tetrahedron: s_i . s_j = -1/3, s_i . (s_j x s_k) = +-4 / (3 sqrt 3)."""
    lattice = Lattice.named("triangular", (4, 4, 1))
    corners = unit(np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]))
    s = corners[lattice.coordinates[:, 0] % 2 + 2 * (lattice.coordinates[:, 1] % 2)]
    assert abs(chirality(lattice, s)) == pytest.approx(4 / (3 * np.sqrt(3)))
    assert chirality(lattice, -s) == pytest.approx(-chirality(lattice, s))
    assert nearest_correlation(lattice, s) == pytest.approx(-1 / 3)
    assert coordination(lattice) == 6


def test_show_tells_the_topology_of_a_champion(capsys):
    said = json.loads(printed(capsys, "show", Path(__file__).parent / "data" / "finished.h5", "--json"))["topology"]
    assert set(said) == {"sublattices", "charges", "hedgehogs", "antihedgehogs", "hopf_index", "chirality"}
    assert said["hopf_index"] is None
