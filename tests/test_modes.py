"""The Lanczos recursion and the softest modes: against whole matrices, and where symmetry says what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle
import pytest
from models import MODELS, bloch, exchange, shell_bonds
from numpy.testing import assert_allclose, assert_array_equal

from magsearch.engine.evaluator import Evaluator
from magsearch.errors import Interrupted
from magsearch.minima import modes
from magsearch.minima.hessian import Hessian, dense
from magsearch.minima.lanczos import Lanczos
from magsearch.minima.lobpcg import lowest
from magsearch.minima.modes import softest
from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.relax import relax
from magsearch.units import MU_B

EXACT = LBFGS(Convergence(torque=1e-8, steps=20000, variance=None))
LARGE = ["triangular_j1_j3", "large_film", "prime_box"]  # hundreds of spins


def relaxed(model: Hamiltonian, device: Any, replicas: int = 3) -> np.ndarray:
    evaluator = Evaluator(model, device, np.float64)
    return relax(EXACT, evaluator, oracle.random_textures(model, replicas)).textures


def spectrum(evaluator: Evaluator, texture: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(dense(evaluator, texture)[0])


# -- the recursion -----------------------------------------------------------------------------------------------------


def test_averages_are_those_of_functions_of_the_matrix(target, real):
    """v f(H) v / |v|^2 for every replica; exact for polynomials up to twice the steps."""
    model = MODELS["kagome_tensor"]
    evaluator, s = Evaluator(model, target, real), oracle.random_textures(model, 3)
    hessian, start = Hessian(evaluator, s), np.random.default_rng(4).normal(size=s.shape[1:])
    recursion = Lanczos(hessian, start, 40)
    recursion.run(4)
    for power in range(8):
        for k, found in enumerate(recursion.average(lambda x, p=power: (x / 20) ** p)):
            H, basis = dense(evaluator, s[k])
            c = np.einsum("aix,ix->a", basis, start)
            assert found == pytest.approx(c @ np.linalg.matrix_power(H / 20, power) @ c / (c @ c), rel=1e-4)
    recursion.run(36)
    for k, found in enumerate(recursion.average(np.exp)):
        H, basis = dense(evaluator, s[k])
        c = np.einsum("aix,ix->a", basis, start)
        values, u = np.linalg.eigh(H)
        assert found == pytest.approx((u.T @ c) ** 2 @ np.exp(values) / (c @ c), rel=1e-4)


def test_directions_that_are_left_out_stay_out(device, real):
    model = MODELS["triangular_j1_j3"]
    evaluator, s = Evaluator(model, device, real), relaxed(model, device, 1)
    H, basis = dense(evaluator, s[0])
    values, u = np.linalg.eigh(H)
    out = np.einsum("ak,aix->kix", u[:, :5], basis)[:, None]
    recursion = Lanczos(Hessian(evaluator, s), np.random.default_rng(0).normal(size=s.shape[1:]), 200, left_out=out)
    recursion.run(200)
    diagonal, off_diagonal = (of[:, 0] for of in recursion.matrices())
    T = np.diag(diagonal) + np.diag(off_diagonal[1:-1], 1) + np.diag(off_diagonal[1:-1], -1)
    assert np.linalg.eigvalsh(T)[0] == pytest.approx(values[5], rel=1e-3)


def test_a_recursion_can_be_run_in_parts(target, real):
    model = MODELS["disordered"]
    hessian = Hessian(Evaluator(model, target, real), oracle.random_textures(model, 3))
    start = np.random.default_rng(2).normal(size=(model.lattice.sites, 3))
    one, other = Lanczos(hessian, start, 30), Lanczos(hessian, start, 30)
    one.run(30)
    for steps in (1, 12, 17):
        other.run(steps)
    assert_array_equal(one.matrices()[0], other.matrices()[0])
    assert_array_equal(one.matrices()[1], other.matrices()[1])
    other.run(5)
    assert other.done == 30


# -- the softest modes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.spread(2)
def test_recursion_finds_what_the_matrix_has(name, device, real, monkeypatch):
    """Values and vectors, twofold ones included, beside the rotations of all spins."""
    model, evaluator = MODELS[name], Evaluator(MODELS[name], device, real)
    s = relaxed(model, device)
    found = softest(evaluator, s, 4)
    whole = [spectrum(Evaluator(model, device, np.float64), texture) for texture in s]
    precise = Hessian(Evaluator(model, device, np.float64), s)
    for k in range(4):
        v = found.vectors[:, k]
        assert_allclose(np.linalg.norm(v, axis=(1, 2)), 1, rtol=1e-5)
        error = np.linalg.norm(precise(v) - found.values[:, k, None, None] * v, axis=(1, 2))
        assert_allclose(error, found.residuals[:, k], atol=1e-6 * evaluator.stiffness)
        assert (error <= modes.CLOSE * found.values[:, k] + modes.zero(evaluator)).all()
    for replica, every in enumerate(whole):
        rest = every[found.rotations[replica] :]
        assert_allclose(found.values[replica], rest[:4], rtol=modes.CLOSE**2, atol=1e-6 * evaluator.stiffness)
    assert_array_equal(found.rotations, 3 if name == "triangular_j1_j3" else 0)


@pytest.mark.parametrize("name", ["square_bloch", "kagome_tensor", "honeycomb_dmi", "left_handed", "disordered"])
def test_small_systems_by_their_whole_matrix_and_by_recursion(name, device, monkeypatch):
    model = MODELS[name]
    evaluator, s = Evaluator(model, device, np.float64), relaxed(model, device)
    whole = softest(evaluator, s, 4)
    for k, texture in enumerate(s):
        assert_allclose(whole.values[k], spectrum(evaluator, texture)[:4], atol=1e-10)
    monkeypatch.setattr(modes, "DENSE", 0)
    assert_allclose(softest(evaluator, s, 4).values, whole.values, rtol=1e-3)


def test_degenerate_modes_are_found_as_often_as_they_occur(device, real):
    """Waves on a ferromagnet: two of q = 0, and eight of the four longest waves of a square box."""
    lattice = Lattice.named("square", (16, 16, 1))
    model = Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)), 1.0, field=(0, 0, 1.0))
    found = softest(Evaluator(model, device, real), np.tile([0.0, 0, 1], (256, 1)), 10)
    expected = MU_B + 2 * (1 - np.cos(np.pi / 8)) * np.repeat([0, 1], [2, 8])
    assert_allclose(found.values[0], expected, rtol=1e-3)


def test_a_system_with_few_modes_has_no_more(device):
    model = Hamiltonian(Lattice.cluster([[0, 0, 0]]), Bonds.none(), field=(0, 0, 4.0))
    found = softest(Evaluator(model, device, np.float64), [[[0.0, 0, 1]], [[0.0, 0, -1]]], 4)
    assert found.values.shape == (2, 4)
    assert np.isnan(found.values[:, 2:]).all()
    assert (found.residuals[:, 2:] == np.inf).all()
    assert not found.vectors[:, 2:].any()
    assert (found.values[0, :2] > 0).all()
    assert (found.values[1, :2] < 0).all()


LINE = Lattice.named("chain", (6, 1, 1))


@pytest.mark.parametrize(
    ("model", "rotations"),
    [
        (Hamiltonian(LINE, shell_bonds(LINE, exchange(1.0))), 2),  # a ferromagnet: about any axis across it
        (Hamiltonian(LINE, shell_bonds(LINE, exchange(1.0)), field=(0, 3, 0)), 0),
        (Hamiltonian(LINE, shell_bonds(LINE, exchange(1.0)), anisotropy=(UniaxialAnisotropy(-1.0),)), 1),
        (Hamiltonian(LINE, shell_bonds(LINE, bloch(1.0, np.sqrt(3)))), 1),  # a helix: about its axis, where it slides
        (Hamiltonian(LINE, shell_bonds(LINE, exchange(-1.0), exchange(-0.5))), 3),  # a spiral
    ],
    ids=["ferromagnet", "in a field", "easy plane", "helix", "spiral"],
)
def test_rotations_of_all_spins_that_cost_nothing_are_found(model, rotations, device):
    s = relaxed(model, device, 4)
    found = softest(Evaluator(model, device, np.float64), s, 3)
    assert_array_equal(found.rotations, rotations)
    assert (found.values[:, 0] > 1e-3).all(), "they are not among the modes"
    assert (found.residuals < 1e-7).all()


def test_a_saddle_has_a_negative_mode_that_leads_down(device):
    """Two ferromagnetic layers of easy axis, one of them along the hard direction: the energy falls along the mode."""
    model = Hamiltonian(LINE, shell_bonds(LINE, exchange(1.0)), anisotropy=(UniaxialAnisotropy(0.5),))
    across = np.tile([1.0, 0, 0], (1, 6, 1))
    evaluator = Evaluator(model, device, np.float64)
    found = softest(evaluator, across, 2)
    assert found.values[0, 0] == pytest.approx(-1.0)  # - 2 K
    for sign in (1, -1):
        s = across + sign * 0.01 * found.vectors[:, 0]
        s /= np.linalg.norm(s, axis=2, keepdims=True)
        fall = (oracle.energy(model, s) - oracle.energy(model, across))[0]
        assert fall == pytest.approx(-0.5 * 1.0 * 0.01**2, rel=1e-3)


def test_modes_are_those_of_each_replica_s_own_field(device):
    model = Hamiltonian(Lattice.cluster([[0, 0, 0], [9, 0, 0]]), Bonds.none(), 1.0)
    s = np.tile([0.0, 0, 1], (3, 2, 1))
    evaluator = Evaluator(model, device, np.float64)
    found = softest(evaluator, s, 2, tesla=[(0, 0, 1), (0, 0, -2), (0, 0, 30)])
    assert_allclose(found.values[:, 0] / found.values[0, 0], [1, -2, 30])


def test_the_same_textures_have_the_same_modes_to_the_bit(device):
    model = MODELS["large_film"]
    evaluator, s = Evaluator(model, device), relaxed(model, device)
    one, other = softest(evaluator, s, 2), softest(evaluator, s, 2)
    assert_array_equal(one.values, other.values)
    assert_array_equal(one.vectors, other.vectors)


@pytest.mark.parametrize(("name", "size"), [("square", (46, 46, 1)), ("chain", (1024, 1, 1))])
def test_boxes_with_dear_transforms_are_preconditioned_too(name, size, device):
    """One atom in the cell, few bonds, and long or prime edges: without a preconditioner 160 iterations and more."""
    lattice = Lattice.named(name, size)
    bonds = shell_bonds(lattice, lambda along: exchange_matrix(1.0))
    model = Hamiltonian(lattice, bonds, 1.0, (UniaxialAnisotropy(0.02, (0, 0, 1)),))
    evaluator, iterations = Evaluator(model, device, np.float64), []
    up, none = np.tile([0.0, 0.0, 1.0], (1, lattice.sites, 1)), np.zeros((0, 1, lattice.sites, 3))
    guesses = np.random.default_rng(1).normal(size=(1, 4, lattice.sites, 3))
    accuracy = (1e-6, 1e-8)
    lowest(evaluator, up, np.zeros((1, 3)), none, guesses, 4, accuracy, 200, lambda: iterations.append(1))
    assert len(iterations) < 60


def test_modes_of_a_texture_do_not_depend_on_its_company(device, monkeypatch):
    """Others of the batch may need more steps of the recursion than this one."""
    monkeypatch.setattr(modes, "DENSE", 0)
    model = MODELS["large_film"]
    evaluator = Evaluator(model, device, np.float64, "direct")
    s = oracle.random_textures(model, 5)
    s[0] = (0, 0, 1)
    together = softest(evaluator, s, 3)
    for k in range(len(s)):
        alone = softest(evaluator, s[k : k + 1], 3)
        assert_allclose(alone.values[0], together.values[k], rtol=1e-9, atol=1e-9 * evaluator.stiffness)


def test_one_can_be_told_to_stop(device):
    def watch() -> None:
        raise Interrupted

    model = MODELS["large_film"]
    s = oracle.random_textures(model, 1)
    with pytest.raises(Interrupted):
        softest(Evaluator(model, device), s, 2, watch=watch)
    pair = Hamiltonian(
        Lattice.cluster([[0, 0, 0], [1, 0, 0]]), Bonds.none(), site_bonds=Bonds.pairs([0], [1], exchange_matrix([1.0]))
    )
    with pytest.raises(Interrupted):
        softest(Evaluator(pair, device), oracle.random_textures(pair, 1), 2, watch=watch)
