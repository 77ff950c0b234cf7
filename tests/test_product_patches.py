"""Bounds with products of several spins: invariant moments, patches, and minima that they prove."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import oracle
import pytest
from bounded import minima, remainder_energy
from models import exchange, shell_bonds
from numpy.testing import assert_allclose
from random_models import model_with_clusters

from magsearch.bounds.domain import Box, Cluster
from magsearch.bounds.invariants import chirality, invariants
from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.bounds.patches import decompose
from magsearch.bounds.product_patches import ProductPatches
from magsearch.formats import read
from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.products import SpinProducts

FE_IR = Path(__file__).parents[1] / "inputs" / "fe-ir111.toml"


def unit(seed: int, count: int) -> np.ndarray:
    s = np.random.default_rng(seed).normal(size=(count, 3))
    return s / np.linalg.norm(s, axis=1, keepdims=True)


def value(product: tuple, s: np.ndarray) -> float:
    """Of a product of scalar products, or of a chirality."""
    return float(np.prod([s[p[0]] @ (s[p[1]] if len(p) == 2 else np.cross(s[p[1]], s[p[2]])) for p in product]))


@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_invariant_moments_are_scalar_products_of_vectors_and_tensors(odd, count):
    """Every block is the Gram matrix of 1 and u_ij, of s_i, of s_i x s_j, and of the traceless tensors of two spins."""
    of, s = invariants(count, odd), unit(count, count)
    pairs = list(itertools.combinations(range(count), 2))
    y = np.array([value(product, s) for product in of.number])
    blocks = of.matrices(of.map @ y + of.constant)
    scalars = np.array([[1.0, *(s[i] @ s[j] for i, j in pairs)]]).T
    crosses = np.array([np.cross(s[i], s[j]) for i, j in pairs])
    every = itertools.combinations_with_replacement(range(count), 2)
    tensors = [(np.outer(s[i], s[j]) + np.outer(s[j], s[i])) / 2 - s[i] @ s[j] / 3 * np.eye(3) for i, j in every]
    vectors = [np.concatenate([s, crosses])] if odd else [s, crosses]
    expected = [scalars, *vectors, np.reshape(tensors, (-1, 9))]
    for block, v, trace in zip(blocks, expected, of.traces, strict=True):
        assert_allclose(block, v @ v.T, atol=1e-12)
        assert np.trace(block) <= trace
    assert np.abs(y).max() <= 1


def test_a_chirality_has_the_sign_of_its_order():
    s = unit(1, 3)
    for order in itertools.permutations(range(3)):
        product, sign = chirality(*order)
        assert sign * value(product, s) == pytest.approx(value((order,), s))


def triangle(B: float, T: float = 0.0) -> Hamiltonian:
    """Three spins, E = sum over pairs of u - B u^2, less T times their chirality."""
    lattice = Lattice.cluster([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.5, 0.8, 0.0]])
    i, j = [0, 0, 1], [1, 2, 2]
    squares = SpinProducts.biquadratic(i, j, np.zeros((3, 3)), [B] * 3)
    chiral = SpinProducts.chirality([0, 1, 2], np.zeros((3, 3), int), [T])
    bonds = Bonds.pairs(i, j, exchange_matrix(-np.ones(3)))
    return Hamiltonian(lattice, bonds, others=SpinProducts.joined((squares, chiral)))


@pytest.mark.parametrize(("B", "T"), [(0.3, 0.0), (0.15, 0.4), (0.0, 2.0)])
def test_small_clusters_have_their_exact_minimum(B, T):
    """Collinear, noncollinear and orthogonal spins: what each product would like is not possible at once."""
    model = triangle(B, T)
    lowest = minima(model)
    plain, raised = lower_bound(model), lower_bound(model, moments=True)
    assert plain.gap(lowest) > 0.03
    assert 0 <= raised.gap(lowest) < 1e-7
    assert ("patch" in raised.method) == (T != 0)  # without a chirality, of all spins at once


@pytest.mark.slow
def test_of_two_products_that_exclude_each_other_one_is_paid():
    """A chain with first and second neighbours that want to be parallel, antiparallel, and both collinear."""
    lattice = Lattice.named("chain", (6, 1, 1))
    steps = SpinProducts.biquadratic([0, 0], [0, 0], [[1, 0, 0], [2, 0, 0]], [0.5, 0.5])
    model = Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0), exchange(-1.0)), others=(steps,))
    lowest = minima(model)
    plain, raised = lower_bound(model), lower_bound(model, moments=True)
    assert plain.per_site < raised.per_site <= lowest
    assert raised.gap(lowest) < 0.3 * plain.gap(lowest)


def test_every_decomposition_is_a_bound():
    """For random spins the remainder and the floor of the patches are below the energy, with a field."""
    lattice = Lattice.named("triangular", (3, 3, 1))
    ring = SpinProducts.four_spin([0] * 4, [[0, 0, 0], [1, 0, 0], [2, 1, 0], [1, 1, 0]], 0.4, "ring")
    chiral = SpinProducts.chirality([0] * 3, [[0, 0, 0], [1, 0, 0], [1, 1, 0]], [-0.7])
    model = Hamiltonian(lattice, shell_bonds(lattice, exchange(-1.0)), field=(0, 3.0, 9.0), others=(ring, chiral))
    for some in (model, replace(triangle(0.3, 0.4), field=(0.0, 2.0, 5.0))):
        taken = ProductPatches.of(some)
        domain = Box(taken.form) if taken.form.dimension else Cluster(taken.form)
        parts = decompose(domain, taken.patches, taken.products)
        assert parts.floor < 0
        for s in oracle.random_textures(some, 20):
            floor = parts.floor * some.n_spins / taken.form.n_spins
            assert remainder_energy(parts.remainder, s) + floor <= oracle.energy(some, s)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_no_energy_is_below_the_raised_bound(seed):
    """Any lattice, open edges, vacancies, boxes smaller than the clusters, tensors that keep their constants."""
    model = model_with_clusters(seed)
    if ProductPatches.of(model).form.n_spins > 6:
        small = replace(model.lattice, size=(2, 1, 1))
        model = replace(model, lattice=small, vacancies=(), site_bonds=None, moments=model.moments[: small.atoms])
    assert lower_bound(model).per_site <= lower_bound(model, moments=True).per_site <= minima(model)


@pytest.mark.slow
def test_fe_ir111():
    """The rhombi of Fe/Ir(111): from -40.7 without patches; the ground state has -19.88172 meV."""
    raised = lower_bound(read(FE_IR), moments=True)
    assert -26.8 < raised.per_site < -19.8817
