"""Why bounds are proofs: S(q) is positive where it is said to be, and nothing is said where it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from models import MODELS, bloch, exchange, shell_bonds
from numpy.testing import assert_allclose
from random_models import random_model

from magsearch.bounds.banded import Band
from magsearch.bounds.cluster_multipliers import cluster_multipliers
from magsearch.bounds.domain import Zone, lowest_eigenvalues, optimise
from magsearch.bounds.multipliers import best_multipliers, shifted
from magsearch.bounds.periods import home_cells
from magsearch.bounds.positivity import Counterexample, certified, factorisation_error, positive, prove_box, prove_zone
from magsearch.bounds.quadratic_form import QuadraticForm, in_space, quadratic_form
from magsearch.bounds.sum_of_squares import prove_sum_of_squares
from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.integers import hermite
from magsearch.model.lattice import Lattice

CRYSTALS = [name for name, model in MODELS.items() if model.uniform and quadratic_form(model).dimension]


def nearest(name: str, *J: float) -> QuadraticForm:
    lattice = Lattice.named(name, (3, 3, 3 if name in ("fcc", "diamond", "pyrochlore") else 1))
    return quadratic_form(Hamiltonian(lattice, shell_bonds(lattice, *map(exchange, J))))


def anywhere(form: QuadraticForm, count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, size=(count, 3))


# -- the form ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CRYSTALS)
def test_the_form_has_the_spectrum_of_the_hamiltonian(name):
    """Counting spins to other cells, and cells to other axes, leaves M(q) as it is up to phases."""
    model = replace(MODELS[name], anisotropy=())
    if not all(p or not model.bonds.offset[:, axis].any() for axis, p in enumerate(model.lattice.periodic)):
        return  # layers between open edges are spins of one cell, and bonds across the edges are cut
    k = np.random.default_rng(0).uniform(-1, 1, size=(7, 3))
    if model.waves is not None:  # of the box, which has no other wave vectors; K is not part of J(q)
        k = np.rint(k * model.lattice.size) / model.lattice.size
        model = replace(model, others=(replace(model.waves, K=np.zeros_like(model.waves.K)),))
    form = in_space(quadratic_form(model), model.field)
    expected = np.linalg.eigvalsh(model.fourier(k @ model.lattice.reciprocal))
    assert_allclose(np.linalg.eigvalsh(form.matrices(k)), expected, atol=1e-11)


@pytest.mark.parametrize("name", CRYSTALS)
def test_derivatives_of_the_form(name):
    form, k, step = quadratic_form(MODELS[name]), anywhere(quadratic_form(MODELS[name]), 3), 1e-5
    for along in range(form.dimension):
        difference = form.matrices(k + step * form.dual[along]) - form.matrices(k - step * form.dual[along])
        assert_allclose(form.matrices(k, along), difference / (2 * step), atol=1e-6 * form.reach)


@pytest.mark.parametrize("name", MODELS)
def test_reach_bounds_every_matrix(name):
    form = quadratic_form(MODELS[name])
    assert np.abs(np.linalg.eigvalsh(form.matrices(anywhere(form, 50)))).max() <= form.reach


def test_wave_vectors_of_a_box_are_half_of_its_cells():
    form = quadratic_form(MODELS["prime_box"])
    assert len(form.wave_vectors()) == (11 * 7 * 3 + 1) // 2
    assert_allclose(form.wave_vectors()[0], 0)
    assert len(quadratic_form(MODELS["disordered"]).wave_vectors()) == 1


def test_chains_in_a_crystal_have_one_wave_vector_each():
    """Bonds along the diagonal of a cube, through two atoms: a chain, whatever cells they are counted to."""
    lattice = Lattice(np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], (3, 3, 3))
    J = exchange_matrix(np.array([1.0, -0.4]))
    form = quadratic_form(Hamiltonian(lattice, Bonds.pairs([0, 1], [1, 0], J, [[5, 0, 0], [-4, 1, 1]])))
    assert form.dimension == 1
    assert form.period.tolist() == [[1, 1, 1]]
    assert np.abs(form.offset).max() == 1
    assert len(form.wave_vectors()) == 2  # q = 0 and 1/3 of the diagonal's period; 2/3 is - 1/3


def test_periods_span_the_vectors_that_they_are_made_of():
    random = np.random.default_rng(0)
    for dimension in (0, 1, 2, 3, 3, 3):
        vectors = random.integers(-4, 5, size=(6, dimension)) @ random.integers(-3, 4, size=(dimension, 3))
        basis = hermite(vectors)
        numbers = vectors @ np.linalg.pinv(basis.astype(float).reshape(-1, 3))
        assert_allclose(numbers, numbers.round(), atol=1e-9)
        assert_allclose(numbers @ basis, vectors, atol=1e-9)
        assert len(basis) == np.linalg.matrix_rank(vectors)
    assert abs(np.linalg.det(hermite(np.array([[2, 0, 0], [0, 3, 0], [1, 1, 1]])))) == pytest.approx(6)


def test_home_cells_gather_a_molecule():
    i, j = np.array([0, 1, 1, 2]), np.array([1, 0, 2, 1])
    offset = np.array([[3, 0, 0], [-3, 0, 0], [0, 2, 1], [0, -2, -1]])
    home = home_cells(3, i, j, offset)
    assert not (offset - home[j] + home[i]).any()


# -- factorisations ---------------------------------------------------------------------------------------------------


def test_a_matrix_below_zero_is_not_called_positive():
    """By more than the error that is accounted for; above zero by more than it, it is positive."""
    random = np.random.default_rng(1)
    for order in (1, 2, 5, 20, 60):
        for kind in (float, complex):
            parts = random.normal(size=(2, order, order))
            U = np.linalg.qr(parts[0] + 1j * parts[1] if kind is complex else parts[0])[0]
            eigenvalues = random.uniform(0, 1, order)
            error = factorisation_error(order, 1.0)
            for lowest, expected in ((-2 * error, False), (2 * error, True)):
                eigenvalues[0] = lowest
                S = (U * eigenvalues) @ U.conj().T
                S = 0.5 * (S + S.conj().T)
                assert positive(S[None]) is expected or abs(np.linalg.eigvalsh(S)[0]) <= error


@pytest.mark.parametrize("name", CRYSTALS)
def test_the_zone_is_proven_positive_where_it_is(name):
    """At thousands of wave vectors that no proof has looked at, the lowest eigenvalue is above minus the shift."""
    form = quadratic_form(MODELS[name])
    solution = optimise(Zone(form))
    lowest = lowest_eigenvalues(form, anywhere(form, 3000), solution.values)
    assert lowest.min() >= -solution.proof.shift
    assert solution.proof.shift < 1e-9 * form.scale


@pytest.mark.parametrize("name", CRYSTALS)
def test_what_is_not_positive_is_not_proven(name):
    """Lower multipliers by a little: a counterexample turns up, and S is negative there."""
    form = quadratic_form(MODELS[name])
    values = optimise(Zone(form)).values
    softest = Zone(form).softest(values)[1][0]
    values = values - softest - 1e-6 * form.scale
    with pytest.raises(Counterexample) as found:
        prove_zone(form, values, 1e-9 * form.scale, 100_000, loosen=True)
    assert lowest_eigenvalues(form, found.value.k[None], values)[0] < 0
    assert prove_box(form, values).shift >= -lowest_eigenvalues(form, form.wave_vectors(), values).min()


def test_a_loose_proof_is_a_proof():
    """With few boxes the shift grows; it still covers every wave vector."""
    form = nearest("kagome", -1.0)
    values = np.full(3, 2.0)
    tight = prove_zone(form, values, 1e-4, 100_000, loosen=True)
    assert prove_zone(form, values, 1e-9, 100, loosen=False) is None
    loose = prove_zone(form, values, 1e-9, 100, loosen=True)
    assert tight is not None
    assert loose is not None
    assert tight.shift < loose.shift
    assert lowest_eigenvalues(form, anywhere(form, 1000), values).min() >= -tight.shift


@pytest.mark.parametrize(
    ("name", "J", "multiplier"),
    [("kagome", (-1.0,), 2.0), ("pyrochlore", (-1.0,), 2.0), ("fcc", (-1.0,), 4.0), ("square", (-1.0, -0.5), 2.0)],
)
def test_sums_of_squares_of_flat_bands(name, J, multiplier):
    form = nearest(name, *J)
    proof = prove_sum_of_squares(form, np.full(form.n_spins, multiplier), 1e-11 * form.scale)
    assert proof is not None
    assert proof.shift < 1e-9
    assert "squares" in proof.method


@pytest.mark.parametrize("seed", range(6))
def test_sums_of_squares_bound_the_lowest_eigenvalue(seed):
    """For any multipliers, good or bad: S + shift is positive at all wave vectors."""
    random = np.random.default_rng(seed)
    lattice = Lattice.named(("square", "kagome", "triangular")[seed % 3], (2, 2, 1))
    coupling = bloch(random.normal(), random.normal()) if seed < 3 else exchange(random.normal())
    form = quadratic_form(Hamiltonian(lattice, shell_bonds(lattice, coupling)))
    values = random.normal(size=form.n_spins)
    proof = prove_sum_of_squares(form, values, 1e-9)
    assert proof is not None
    lowest = lowest_eigenvalues(form, anywhere(form, 2000), values).min()
    assert -lowest <= proof.shift <= max(-lowest, 0) + 0.5 * form.scale


def test_a_patch_that_is_too_large_is_left():
    assert prove_sum_of_squares(quadratic_form(MODELS["box_within_range"]), np.array([10.0]), 1e-9) is None


# -- clusters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["disordered", "open_chain", "icosahedron"])
def test_a_band_is_the_whole_matrix(name):
    form = quadratic_form(MODELS[name])
    values = np.random.default_rng(0).uniform(1, 2, form.n_spins) * form.scale
    band, S = Band(form), shifted(form, form.uniform.toarray()[None], values)[0]
    factor, x = band.factor(values, 0.5), np.random.default_rng(1).normal(size=form.order)
    assert factor is not None
    assert_allclose(band.solve(factor, S @ x + 0.5 * x), x, atol=1e-12)
    low = values - 3 * form.scale
    lowest = np.linalg.eigvalsh(S).min() - 3 * form.scale
    assert band.factor(low, 0.999 * -lowest) is None
    assert band.prove(low).shift >= -lowest


def test_central_path_and_low_rank_factorisation_find_equal_multipliers():
    """Up to what the bound tells apart: f = sum lambda + h . S^-1 h of random clusters, in fields and without."""
    seeds = [seed for seed in range(60) if not (model := random_model(seed)).uniform and 0 < model.n_spins < 40]
    for seed in seeds:
        form = quadratic_form(random_model(seed))
        one, other = best_multipliers(form, np.zeros((1, 3))), cluster_multipliers(form)
        found = []
        for values in (one, other):
            lowest = lowest_eigenvalues(form, np.zeros((1, 3)), values)[0]
            values = values + max(-lowest, 0) + 1e-11 * form.scale
            S = shifted(form, form.uniform.toarray()[None], values)[0]
            found.append(certified(form, values, np.linalg.solve(S, form.field.ravel()).reshape(form.field.shape))[0])
        assert found[0] == pytest.approx(found[1], abs=1e-8 * form.scale * form.n_spins), seed


def test_any_uniform_part_gives_a_bound_and_the_right_one_the_best():
    form = quadratic_form(MODELS["honeycomb_dmi"])
    solution = optimise(Zone(form))
    values = solution.values + solution.proof.shift
    best, _ = certified(form, values, solution.mean)
    for seed in range(20):
        other = solution.mean + 0.1 * np.random.default_rng(seed).normal(size=solution.mean.shape)
        assert certified(form, values, other)[0] < best
