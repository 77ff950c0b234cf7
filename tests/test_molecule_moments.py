"""Bounds of small clusters from the moments of all their spins: moments, permutations, and minima that they prove."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations, product

import numpy as np
import oracle
import pytest
from bounded import minima
from models import GOLDEN, icosahedron_positions
from numpy.testing import assert_allclose

from magsearch.bounds.axial import blocks, renamed, uniform
from magsearch.bounds.bound import Bound
from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.bounds.molecule_moments import molecule_bound
from magsearch.bounds.orbits import MOST, representative, symmetric_moments
from magsearch.bounds.orbits import permutations as group_of
from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.products import SpinProducts
from magsearch.units import MU_B

TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)
TRUNCATED = np.array(
    sorted({tuple(np.multiply(p, s)) for s in TETRAHEDRON for p in set(permutations((3, 1, 1)))}), dtype=float
)
DODECAHEDRON = np.array(
    [*product((1, -1), repeat=3)]
    + [np.roll([0, a / GOLDEN, b * GOLDEN], turn) for turn in range(3) for a in (1, -1) for b in (1, -1)]
)


def molecule(positions: np.ndarray, h: float, *others: SpinProducts) -> Hamiltonian:
    """Antiferromagnetic couplings J = -1 along the shortest distances, and a field mu_B m B = h along x + y + z."""
    distance = np.linalg.norm(positions[:, None] - positions, axis=2)
    i, j = np.argwhere(np.triu(np.isclose(distance, distance[distance > 1e-6].min()))).T
    bonds = Bonds.pairs(i, j, exchange_matrix(-np.ones(len(i))))
    B = tuple(h / MU_B / 3**0.5 * np.ones(3))
    return Hamiltonian(Lattice.cluster(positions), Bonds.none(), field=B, site_bonds=bonds, others=others)


def biquadratic(spins: int, B: float) -> SpinProducts:
    i, j = np.array([*combinations(range(spins), 2)]).T
    return SpinProducts.biquadratic(i, j, np.zeros((len(i), 3)), np.full(len(i), B))


def random_cluster(seed: int, most: int) -> Hamiltonian:
    """Two spins to ``most``, at most four: exchange, with or without a field, biquadratic and four-spin products."""
    random = np.random.default_rng(seed)
    n = int(random.integers(2, most + 1))
    i, j = np.array([*combinations(range(n), 2)]).T
    J = random.normal(size=len(i)) if random.random() < 0.5 else random.choice([-1.0, 0.0, 1.0], len(i))
    others: list[SpinProducts] = []
    if random.random() < 0.5:
        others.append(SpinProducts.biquadratic(i, j, np.zeros((len(i), 3)), random.normal() * np.abs(J)))
    if n == 4 and random.random() < 0.5:
        cells = np.zeros((1, 4, 3), dtype=int)
        others.append(
            SpinProducts.four_spin([[0, 1, 2, 3]], cells, [random.normal()], str(random.choice(["product", "ring"])))
        )
    field = tuple(random.normal(size=3) / MU_B) if random.random() < 0.6 else (0.0, 0.0, 0.0)
    bonds = Bonds.pairs(i, j, exchange_matrix(J))
    lattice = Lattice.cluster(random.normal(size=(n, 3)))
    return Hamiltonian(lattice, Bonds.none(), field=field, site_bonds=bonds, others=tuple(others))


# -- moments ----------------------------------------------------------------------------------------------------------


def unit(seed: int, count: int) -> np.ndarray:
    s = np.random.default_rng(seed).normal(size=(count, 3))
    return s / np.linalg.norm(s, axis=1, keepdims=True)


def value(moment: tuple, s: np.ndarray) -> float:
    return float(np.prod([s[part[0], 2] if len(part) == 1 else s[part[0]] @ s[part[1]] for part in moment]))


def test_moments_about_an_axis_are_scalar_products():
    """Every block is the Gram matrix of what its rows stand for, real parts of complex numbers."""
    n, s = 3, unit(1, 3)
    of = symmetric_moments(blocks(n, True), [(0, 1, 2)], np.inf)
    assert of is not None
    y = np.array([value(moment, s) for moment in of.number])
    z, w = s[:, 2], s[:, 0] + 1j * s[:, 1]
    pairs = [*combinations(range(n), 2)]
    squares = [(i, j) for i in range(n) for j in range(i, n)]
    scalars = [1.0, *z, *(z[i] * z[j] for i, j in squares), *(s[i] @ s[j] for i, j in pairs)]
    crosses = [np.cross(s[i], s[j])[2] for i, j in pairs]
    vectors = [*w, *(z[k] * w[i] for i in range(n) for k in range(n))]
    tensors = [w[i] * w[j] for i, j in squares]
    for block, v, trace in zip(
        of.matrices(of.map @ y + of.constant), (scalars, crosses, vectors, tensors), of.traces, strict=True
    ):
        assert_allclose(block, np.outer(v, np.conj(v)).real, atol=1e-12)
        assert np.trace(block) <= trace
    assert np.abs(y).max() <= 1


def test_moments_of_independent_spins_are_means():
    s = np.stack([unit(seed, 50_000) for seed in range(3)], axis=1)
    of = symmetric_moments(blocks(3, True), [(0, 1, 2)], np.inf)
    assert of is not None
    for moment in of.number:
        factors = [s[:, p[0], 2] if len(p) == 1 else (s[:, p[0]] * s[:, p[1]]).sum(axis=1) for p in moment]
        assert np.mean(np.prod(factors, axis=0)) == pytest.approx(uniform(moment), abs=8e-3), moment


@pytest.mark.parametrize("field", [False, True])
def test_symmetric_moments_are_those_of_all_images(field):
    """Of the mean of the moments over a group; with the traces and the trace of the whole matrix."""
    ring = 5
    group = [tuple((turn + sign * i) % ring for i in range(ring)) for turn in range(ring) for sign in (1, -1)]
    of, s = symmetric_moments(blocks(ring, field), group, np.inf), unit(3, ring)
    assert of is not None
    y = np.array([np.mean([value(renamed(moment, to), s) for to in group]) for moment in of.number])
    if not field:
        y = 0.5 * (y + [np.mean([value(renamed(moment, to), s * [1, 1, -1]) for to in group]) for moment in of.number])
    for matrix, trace in zip(of.matrices(of.map @ y + of.constant), of.traces, strict=True):
        assert np.linalg.eigvalsh(matrix)[0] > -1e-12
        assert np.trace(matrix) <= trace
    assert max(of.sizes) <= 9  # of 31 rows
    assert all(representative(moment, group) == moment for moment in of.number)


# -- permutations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("positions", "order"),
    [(TETRAHEDRON, 24), (TRUNCATED, 24), (icosahedron_positions(GOLDEN), 120), (DODECAHEDRON, 120)],
)
def test_permutations_of_molecules(positions, order):
    J = np.abs(molecule_couplings(positions))
    found = group_of(J, [0] * len(J), lambda to: True)
    assert len(set(found)) == order
    for to in found:
        assert (J[np.ix_(to, to)] == J).all()
    marked = group_of(J, [1] + [0] * (len(J) - 1), lambda to: True)
    assert len(marked) == order // len(J)  # all spins are equivalent


def molecule_couplings(positions: np.ndarray) -> np.ndarray:
    distance = np.linalg.norm(positions[:, None] - positions, axis=2)
    return np.isclose(distance, distance[distance > 1e-6].min()).astype(float)


def test_of_a_large_group_a_subgroup_is_taken():
    """All permutations of eight spins are 40320; those that leave the first in place still 5040."""
    found = group_of(np.ones((8, 8)) - np.eye(8), [0] * 8, lambda to: True)
    assert len(found) == 720 <= MOST
    assert {tuple(a[b[i]] for i in range(8)) for a in found[:20] for b in found} <= set(found)


# -- bounds -----------------------------------------------------------------------------------------------------------


def both_bounds(model: Hamiltonian) -> tuple[Bound, Bound]:
    return lower_bound(model), lower_bound(model, moments=True)


def test_a_tetrahedron_with_biquadratic_exchange_in_a_field():
    """Three spins alike and one apart, as above the plateau of Penc, Shannon & Shiba, Phys. Rev. Lett. 93, 197203."""
    model = molecule(TETRAHEDRON, 2.5, biquadratic(4, 0.1))
    lowest = minima(model)
    plain, raised = both_bounds(model)
    assert plain.gap(lowest) > 0.02
    assert 0 <= raised.gap(lowest) < 1e-6 * abs(lowest)
    assert "24 permutations" in raised.method


def test_without_couplings_the_least_energy_is_zero():
    i, j = np.array([[0], [1]])
    model = Hamiltonian(
        Lattice.cluster(TETRAHEDRON[:2]), Bonds.none(), site_bonds=Bonds.pairs(i, j, exchange_matrix([0.0]))
    )
    found = molecule_bound(model)
    assert found is not None
    assert found.below == pytest.approx(0.0, abs=1e-9)


def test_symmetry_does_not_weaken_the_bound():
    """The same triangle with one bond weaker by nothing that matters has fewer permutations."""
    model = molecule(TETRAHEDRON[:3], 1.5, biquadratic(3, 0.1))
    weaker = np.where(np.arange(len(model.site_bonds)) % 3 == 0, 1 - 1e-9, 1.0)
    less = replace(model, site_bonds=model.site_bonds.with_matrices(model.site_bonds.J * weaker[:, None, None]))
    whole, part = molecule_bound(model), molecule_bound(less)
    assert whole is not None
    assert part is not None
    assert (whole.permutations, part.permutations) == (6, 2)
    assert whole.below == pytest.approx(part.below, abs=1e-6)


def test_what_is_no_small_isotropic_cluster_is_left_to_patches():
    assert (
        molecule_bound(
            Hamiltonian(Lattice.named("chain", (4, 1, 1)), Bonds.pairs([0], [0], exchange_matrix([1.0]), [[1, 0, 0]]))
        )
        is None
    )
    chiral = SpinProducts.chirality([0, 1, 2], np.zeros((3, 3), int), [1.0])
    assert molecule_bound(molecule(TETRAHEDRON, 1.0, chiral)) is None
    assert molecule_bound(random_glass(16)) is None  # without symmetry


def random_glass(n: int) -> Hamiltonian:
    i, j = np.array([*combinations(range(n), 2)]).T
    bonds = Bonds.pairs(i, j, exchange_matrix(np.random.default_rng(0).normal(size=len(i))))
    return Hamiltonian(Lattice.cluster(unit(0, n)), Bonds.none(), site_bonds=bonds)


def no_energy_is_below(seed: int, most: int = 4) -> bool:
    """The law for one random cluster; whether moments raise its bound."""
    model = random_cluster(seed, most)
    found, plain = molecule_bound(model), lower_bound(model)
    assert found is not None
    lowest = min(minima(model), oracle.energy(model, oracle.random_textures(model, 1)[0]) / model.n_spins)
    assert found.below / model.n_spins <= lowest + 1e-15 * plain.scale, seed
    assert found.below / model.n_spins > plain.per_site - 1e-6 * plain.scale, seed
    assert 0 <= found.margin < 1e-5 * plain.scale, seed
    return found.below / model.n_spins > plain.per_site + 1e-6 * plain.scale


def test_no_energy_is_below_the_moments():
    assert sum(no_energy_is_below(seed, 3) for seed in range(4)) > 0


@pytest.mark.slow
def test_no_energy_is_below_the_moments_of_many_clusters():
    assert sum(no_energy_is_below(seed) for seed in range(1000, 2000)) > 100


@pytest.mark.slow
@pytest.mark.parametrize("h", [1.0, 2.0, 3.5])
def test_the_icosahedron_in_a_field_is_proven(h):
    """C. Schroeder, H.-J. Schmidt, J. Schnack, M. Luban, Phys. Rev. Lett. 94, 207203 (2005)."""
    model = molecule(icosahedron_positions(GOLDEN), h)
    lowest = minima(model)
    plain, raised = both_bounds(model)
    assert plain.gap(lowest) > 4e-3 * abs(lowest)
    assert 0 <= raised.gap(lowest) < 1e-6 * abs(lowest)


@pytest.mark.slow
@pytest.mark.parametrize("h", [1.0, 2.0])
def test_the_truncated_tetrahedron_in_a_field_is_proven(h):
    model = molecule(TRUNCATED, h)
    lowest = minima(model)
    plain, raised = both_bounds(model)
    assert plain.gap(lowest) > 4e-3 * abs(lowest)
    assert 0 <= raised.gap(lowest) < 1e-6 * abs(lowest)
