"""Moments of fourth order and patches: polynomials on spheres, and bounds beyond those of Luttinger & Tisza."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from bounded import minima, remainder_energy
from models import MODELS, bloch, exchange, shell_bonds
from numpy.testing import assert_allclose
from random_models import random_model

from magsearch.bounds import patches
from magsearch.bounds.domain import Box, Cluster
from magsearch.bounds.ground_state import lowest_state
from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.bounds.moments import moments, multiplied
from magsearch.bounds.patches import decompose, neighbouring_triples
from magsearch.bounds.quadratic_form import in_space, quadratic_form
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy


def unit(seed: int, count: int) -> np.ndarray:
    s = np.random.default_rng(seed).normal(size=(count, 3))
    return s / np.linalg.norm(s, axis=1, keepdims=True)


def value(monomial: tuple, spins: np.ndarray) -> float:
    return float(np.prod(spins ** np.array(monomial)))


# -- polynomials ------------------------------------------------------------------------------------------------------


def test_products_of_monomials_are_those_of_unit_vectors():
    random = np.random.default_rng(0)
    for seed in range(20):
        spins = unit(seed, 3)
        one, other = (tuple(map(tuple, random.integers(0, 3, size=(3, 3)).tolist())) for _ in range(2))
        product = multiplied(one, other)
        assert sum(c * value(m, spins) for m, c in product.items()) == pytest.approx(
            value(one, spins) * value(other, spins)
        )
        assert all(exponents[2] < 2 for monomial in product for exponents in monomial)


@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_matrix_of_moments_of_one_arrangement_has_rank_one(odd, count):
    """<v v^T> of spins that are known is v v^T, with |v|^2 below its bound; every moment is at most one."""
    of = moments(count, odd)
    for seed in range(5):
        spins = unit(seed, count)
        y = np.array([value(monomial, spins) for monomial in of.number])
        (matrix,) = of.matrices(of.map @ y + of.constant)
        eigenvalues = np.linalg.eigvalsh(matrix)
        assert_allclose(eigenvalues[:-1], 0, atol=1e-12)
        assert eigenvalues[-1] == pytest.approx(np.trace(matrix))
        assert np.trace(matrix) <= of.traces[0]
        assert np.abs(y).max() <= 1


# -- patches ----------------------------------------------------------------------------------------------------------


def test_triples_of_neighbours():
    """Triangular lattice: two triangles and three lines; honeycomb: three bends at each atom; a dimer: nothing."""

    def triples(name: str) -> list[int]:
        lattice = Lattice.named(name, (4, 4, 1))
        form = in_space(quadratic_form(Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)))), (0, 0, 0))
        return [len(triples) for triples in neighbouring_triples(form)]

    assert triples("triangular") == [2, 3]
    assert triples("kagome") == [2]
    assert triples("honeycomb") == [6]
    assert triples("square") == [2]
    dimer = Hamiltonian(
        Lattice.cluster([[0, 0, 0], [1, 0, 0]]), Bonds.none(), site_bonds=Bonds.pairs([0], [1], np.eye(3)[None])
    )
    assert neighbouring_triples(in_space(quadratic_form(dimer), (0, 0, 0))) == ((),)


def easy_triangles(K: float, field: tuple[float, float, float] = (0, 0, 0)) -> Hamiltonian:
    lattice = Lattice.named("triangular", (3, 3, 1))
    return Hamiltonian(lattice, shell_bonds(lattice, exchange(-1.0)), 1.0, (UniaxialAnisotropy(K),), field)


@pytest.mark.parametrize("of", ["box", pytest.param("crystal", marks=pytest.mark.slow)])
def test_triangular_antiferromagnet_with_an_easy_axis(of):
    """One spin along the axis, two at an angle t to it, cos t = 1 / (2 - 2 K / 3): E = - 1 - K / 3 - cos t for J = -1.

    Miyashita & Kawamura, J. Phys. Soc. Jpn. 54, 3385 (1985). Luttinger & Tisza's bound is an ellipse, - 3/2 - K.
    """
    K = 0.3
    energy = -1 - K / 3 - 1 / (2 - 2 * K / 3)
    model = easy_triangles(K)
    plain, raised = lower_bound(model, of), lower_bound(model, of, moments=True)
    assert plain.per_site == pytest.approx(-1.5 - K, abs=1e-8)
    # The program is degenerate there: Clarabel stalls ("AlmostSolved") when the residues of its scaled equations are
    # near sqrt(eps), 1.5e-8 of scale. Measured: 2e-9 of it; the bound that is not raised has 6e-3.
    assert 0 <= raised.gap(energy) < 1.5 * np.sqrt(np.finfo(float).eps) * raised.scale
    assert raised.moments
    assert "moments" in raised.method
    _, lowest = lowest_state(model, raised)
    assert lowest == pytest.approx(energy, abs=1e-9)
    assert raised.gap(lowest) < 1.5 * np.sqrt(np.finfo(float).eps) * raised.scale
    assert not plain.reached(lowest)


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (0, 1, 3, 4, 5))])
@pytest.mark.spread(2)
def test_no_energy_is_below_the_raised_bound(seed):
    """Chains with random matrices, axes and fields: elliptical spirals, which patches of three spins forbid."""
    random = np.random.default_rng(seed)
    lattice = Lattice.named("chain", (7, 1, 1))
    J = dmi_matrix(random.normal(size=3)) + exchange_matrix(random.normal()) + 0.2 * random.normal(size=(3, 3))
    easy = UniaxialAnisotropy(random.normal(), tuple(random.normal(size=3)))
    field = tuple((seed % 2) * 5 * random.normal(size=3))
    model = Hamiltonian(lattice, Bonds.pairs([0], [0], J[None], [[1, 0, 0]]), 1.0, (easy,), field)
    plain, raised = lower_bound(model), lower_bound(model, moments=True)
    assert plain.per_site <= raised.per_site <= minima(model)
    assert raised.gap(minima(model)) < 0.95 * plain.gap(minima(model)) or plain.reached(minima(model))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 60, 10))
def test_no_energy_is_below_the_raised_bound_of_many_models(first, monkeypatch):
    """Any two patches give a bound; the program takes a second for each and for each set of wave vectors."""
    monkeypatch.setattr(patches, "PATCHES", 2)
    for seed in range(first, first + 10):
        model = random_model(seed)
        if 0 < quadratic_form(model).n_spins < 5:
            raised = lower_bound(model, moments=True)
            assert lower_bound(model).per_site <= raised.per_site <= minima(model), seed


@pytest.mark.slow
def test_every_decomposition_is_a_bound():
    """For random spins, remainder + floor of the patches is below the energy, however accurate the solution."""
    for model in (easy_triangles(0.4, (0, 3.0, 15.0)), MODELS["open_chain"]):
        form = in_space(quadratic_form(model), model.field)
        domain = Box(form) if form.dimension else Cluster(form)
        parts = decompose(domain, neighbouring_triples(form)[0][:2])
        for s in oracle.random_textures(model, 20):
            occupied = s[model.occupied]
            assert remainder_energy(
                parts.remainder, occupied
            ) + parts.floor * model.n_spins / form.n_spins <= oracle.energy(model, s)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [32, 57])
def test_no_energy_is_below_the_bound_that_all_patches_raise(seed):
    """Models in a field, whose bounds up to twelve patches of a kind raise by most of what they lack."""
    model = random_model(seed)
    plain, raised, lowest = lower_bound(model), lower_bound(model, moments=True), minima(model)
    assert plain.per_site < raised.per_site <= lowest
    assert raised.gap(lowest) < 0.1 * plain.gap(lowest)


def test_moments_of_large_cells_are_refused():
    with pytest.raises(ValueError, match="20 spins"):
        lower_bound(MODELS["kagome_tensor"].disordered(), moments=True)


@pytest.mark.slow
def test_moments_raise_the_bound_of_a_chiral_magnet_in_a_field():
    """Square lattice, D/J = 0.5, h = 0.15: the bound comes closer to the best skyrmion lattice, -2.1636."""
    lattice = Lattice.named("square", (12, 12, 1))
    model = Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.5)), field=(0, 0, 2.5914))
    plain, raised = lower_bound(model, "crystal"), lower_bound(model, "crystal", moments=True)
    assert plain.per_site < raised.per_site - 5e-4
    assert raised.per_site < -2.1636
