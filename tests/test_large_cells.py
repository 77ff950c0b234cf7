"""Cells of hundreds of atoms: symmetries are found, and wrong ones given up at the first bonds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.symmetry import space_group
from magsearch.symmetry.space_group import operations
from magsearch.symmetry.spin_group import spin_group


def periodic(positions: np.ndarray, edge: float, reach: float, species: tuple[str, ...] = ()) -> Hamiltonian:
    """One cubic cell; the exchange of a pair depends on its distance and on the species."""
    apart = positions - positions[:, None]
    offset = -np.rint(apart / edge).astype(int)
    distance = np.linalg.norm(apart + offset * edge, axis=-1)
    i, j = np.nonzero(np.triu(distance < reach, k=1))
    strength = np.exp(-distance[i, j])
    if species:
        strength *= 1 + (np.array(species)[i] == np.array(species)[j])
    lattice = Lattice(edge * np.eye(3), positions, (1, 1, 1), (True,) * 3, species)
    return Hamiltonian(lattice, Bonds.pairs(i, j, exchange_matrix(strength), offset[i, j]))


def cube(n: int) -> np.ndarray:
    return np.array(list(itertools.product(range(n), repeat=3)), dtype=float)


def test_a_glass_has_no_operations_and_an_inverted_one_the_inversion():
    half = np.random.default_rng(2).uniform(0, 8, (200, 3))
    alone = operations(periodic(half, 8.0, 1.5))
    assert [operation.name for operation in alone] == ["identity", "identity, time reversed"]
    both = operations(periodic(np.concatenate([half, (3.0 - half) % 8.0]), 8.0, 1.5))
    assert [operation.name for operation in both][::2] == ["identity", "inversion"]


def test_few_comparisons_rule_out_the_operations_of_an_alloy(monkeypatch):
    """48 isometries x 343 places of the first atom: nearly all fail at a few atoms, before a bond is looked at."""
    n, tried = 7, []
    species = tuple(np.random.default_rng(3).choice(["Fe", "Co"], n**3).tolist())
    mapped = space_group.Places.mapped
    monkeypatch.setattr(space_group.Places, "mapped", lambda *a: tried.append(1) or mapped(*a))
    assert len(operations(periodic(cube(n), n, 1.2, species))) == 2
    assert len(tried) < 48 * n**3 / 100


@pytest.mark.parametrize(("n", "count"), [(3, 2 * 48 * 27), (7, 2 * 48)])
def test_a_repeated_cell_has_all_operations_or_those_that_keep_one_atom(n, count):
    """A group in both cases: 48 x 27 with the translations within the cell; of 343 atoms the point group."""
    found = operations(periodic(cube(n), n, 1.2))
    assert len(found) == count
    if n == 7:
        keys = {op.sites.tobytes() for op in found}
        assert all(a.sites[b.sites].tobytes() in keys for a in found[::7] for b in found[::5])


def test_the_spin_group_of_a_repeated_cell_is_its_point_group():
    group = spin_group(periodic(cube(7), 7, 1.2))
    assert len(group.maps) == 48
