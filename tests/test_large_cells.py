"""Cells of hundreds of atoms: symmetries are found, and wrong ones given up at the first bonds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from oracle import random_textures

from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.symmetry import space_group
from magsearch.symmetry.equivalence import Equivalence
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


# -- cells that repeat within themselves -------------------------------------------------------------------------------

BOX = np.array([4, 2, 2])
PLACES = np.array(list(np.ndindex(*BOX)))
STEPS = np.concatenate([np.eye(3, dtype=int), -np.eye(3, dtype=int)])


def number(places: np.ndarray) -> np.ndarray:
    return np.ravel_multi_index(np.moveaxis(places % BOX, -1, 0), BOX)


def repeating(seed: int, D: float) -> tuple[Hamiltonian, np.ndarray]:
    """Sixteen atoms in one cell, coupled to their neighbours with divisors of the box as periods; J [atom, step]."""
    random = np.random.default_rng(seed)
    periods = np.array([random.choice([1, 1, 2, 4]), random.choice([1, 1, 2]), random.choice([1, 1, 2])])
    strength = random.choice([1.0, 0.7], size=(3, *periods))
    J = np.zeros((len(PLACES), 6, 3, 3))
    for axis, step in enumerate(STEPS[:3]):
        J[:, axis] = (np.eye(3) + dmi_matrix(D * step)) * strength[axis, *(PLACES % periods).T][:, None, None]
        J[number(PLACES + step), axis + 3] = J[:, axis].swapaxes(1, 2)
    there = PLACES[:, None] + STEPS
    i = np.repeat(np.arange(len(PLACES)), 6)
    bonds = Bonds(i, number(there).ravel(), there // BOX, J)
    return Hamiltonian(Lattice(np.diag(BOX).astype(float), PLACES.astype(float), (1, 1, 1)), bonds), J


def every_operation(J: np.ndarray, spin_orbit: bool) -> set[tuple[bytes, bytes]]:
    """Sites and turns of all rotations, mirrors and translations that leave the couplings, tried one by one."""
    found = set()
    for order, signs in itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)):
        R = (np.array(signs)[:, None] * np.eye(3, dtype=int))[list(order)]
        if (np.abs(R) @ BOX != BOX).any():
            continue
        P = round(np.linalg.det(R)) * R if spin_orbit else np.eye(3)
        steps = (STEPS @ R.T @ STEPS.T).argmax(axis=1)
        for t in PLACES:
            image = number(PLACES @ R.T + t)
            if np.allclose(P @ J @ P.T, J[image[:, None], steps]):
                found |= {(np.argsort(image).tobytes(), (turn + 0.0).tobytes()) for turn in (P, -P)}
    return found


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("D", [0.0, 0.3])
def test_operations_are_those_that_are_found_one_by_one(seed, D):
    model, J = repeating(seed, D)
    expected = every_operation(J, D != 0)
    assert {(op.sites.tobytes(), (op.matrix + 0.0).tobytes()) for op in operations(model)} == expected
    if D == 0:
        assert {sites.tobytes() for sites, _ in spin_group(model).maps} == {sites for sites, _ in expected}


@pytest.mark.parametrize(("seed", "D"), [(1, 0.3), (6, 0.3), (6, 0.0)])
def test_copies_within_a_cell_are_recognised_and_counted(seed, D):
    model = repeating(seed, D)[0]
    equivalence, texture = Equivalence(model), random_textures(model, 1)[0]
    maps, tilted = equivalence.group.maps, np.tile([0.6, 0.0, 0.8], (len(PLACES), 1))
    assert len(maps) > 3
    for sites, turns in maps[:: len(maps) // 7 + 1]:
        assert equivalence.distance(texture, texture[sites] @ turns[-1].T) < 1e-9
    if D == 0:  # modulo global spin rotations
        assert equivalence.copies(texture) == equivalence.group.order
        assert equivalence.copies(tilted) == 1
    else:
        for one in (texture, tilted):
            copies = {(one[sites] @ turn.T).round(6).tobytes() for sites, turns in maps for turn in turns}
            assert equivalence.copies(one) == len(copies)
