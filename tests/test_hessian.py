"""Second derivatives of the energy: against the oracle's forces along geodesics, and on paper."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import oracle
import pytest
from models import MODELS, bloch, exchange, shell_bonds, square_bloch
from numpy.testing import assert_allclose, assert_array_equal

from magsearch.engine.evaluator import Evaluator
from magsearch.engine.path import cost
from magsearch.minima.hessian import Hessian, dense
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.sphere import frames
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy
from magsearch.units import MU_B

ONE = Lattice.cluster([[0, 0, 0]])


def tangents(s: np.ndarray, seed: int = 7) -> np.ndarray:
    return oracle.tangential(np.random.default_rng(seed).normal(size=s.shape), s)


def along_geodesics(s: np.ndarray, v: np.ndarray, t: float) -> np.ndarray:
    """Every spin turned by the angle |v| t towards its v."""
    angle = np.linalg.norm(v, axis=-1, keepdims=True)
    return np.cos(angle * t) * s + np.sin(angle * t) * v / np.where(angle > 0, angle, 1)


def expected(model: Hamiltonian, s: np.ndarray, v: np.ndarray, t: float = 1e-5) -> np.ndarray:
    """The covariant derivative of the gradient along v, from the oracle's field; error of order t^2."""
    ahead, behind = along_geodesics(s, v, t), along_geodesics(s, v, -t)
    gradient = [-oracle.tangential(oracle.field(model, x), x) for x in (ahead, behind)]
    return oracle.tangential((gradient[0] - gradient[1]) / (2 * t), s)


@pytest.mark.parametrize("path", ["direct", "fourier"])
@pytest.mark.spread(2)
def test_hessian_is_the_derivative_of_the_gradient(model, device, real, path):
    if path == "fourier" and np.isinf(cost(model, device).fourier):
        pytest.skip("no Fourier path")
    s = oracle.random_textures(model, 3)
    v = tangents(s)
    H = expected(model, s, v)
    found = Hessian(Evaluator(model, device, real, path), s)(v)
    assert found.dtype == real
    assert_allclose(found, H, atol=(1e-5 if real == np.float32 else 1e-8) * np.abs(H).max())


@pytest.mark.parametrize("name", ["fcc_every_anisotropy", "disordered", "kagome_tensor", "square_bloch"])
def test_every_machine_has_the_same_hessian(target, real, name):
    model = MODELS[name]
    s = oracle.random_textures(model, target.width + 3)
    v, tesla = tangents(s), np.random.default_rng(1).normal(scale=10, size=(len(s), 3))
    found = Hessian(Evaluator(model, target, real), s, tesla)(v)
    for k in (0, target.width - 1, target.width + 2):
        H = expected(replace(model, field=tuple(tesla[k])), s[k], v[k])
        assert_allclose(found[k], H, atol=(1e-5 if real == np.float32 else 1e-8) * np.abs(H).max())


def test_hessian_is_symmetric_tangential_and_linear(model, device):
    s = oracle.random_textures(model, 2)
    hessian, u, v = Hessian(Evaluator(model, device, np.float64), s), tangents(s, 1), tangents(s, 2)
    Hu, Hv = hessian(u), hessian(v)
    size = np.linalg.norm(Hu) * np.linalg.norm(v)
    assert_allclose((u * Hv).sum(axis=(1, 2)), (v * Hu).sum(axis=(1, 2)), atol=1e-13 * size)
    assert_allclose((Hv * s).sum(axis=2), 0, atol=1e-13 * np.abs(Hv).max())
    assert_allclose(hessian(2 * u - v), 2 * Hu - Hv, atol=1e-12 * np.abs(Hu).max())
    assert_allclose(hessian(v + 3 * s), Hv, atol=1e-12 * np.abs(Hv).max(), err_msg="what is along the spins")
    assert not Hv[:, ~model.occupied].any()


def test_a_replica_does_not_depend_on_the_others(target, real):
    model = square_bloch()
    evaluator, s = Evaluator(model, target, real, "direct"), oracle.random_textures(model, target.width + 2)
    v = tangents(s)
    together = Hessian(evaluator, s)(v)
    for k in (0, 3, target.width + 1):
        assert_array_equal(Hessian(evaluator, s[k])(v[k]), together[k : k + 1])


def test_the_sums_are_those_of_the_product(target, real):
    model = MODELS["triangular_j1_j3"]
    s = oracle.random_textures(model, 3)
    evaluator, v = Evaluator(model, target, real), tangents(s)
    hessian = Hessian(evaluator, s)
    vectors = hessian.tangents(v)
    out = target.xp.empty_like(vectors)
    product, sums = hessian.product(vectors, out)
    product()
    Hv = evaluator.device.host(evaluator.textures(out))[:3].astype(np.float64)
    assert_allclose(target.host(sums)[0, :3], (v * Hv).sum(axis=(1, 2)), rtol=1e-5)


# -- on paper ----------------------------------------------------------------------------------------------------------


def values(model: Hamiltonian, s: Any, device: Any) -> np.ndarray:
    texture = np.broadcast_to(np.asarray(s, dtype=np.float64), (model.lattice.sites, 3))
    return np.linalg.eigvalsh(dense(Evaluator(model, device, np.float64), texture)[0])


@pytest.mark.parametrize("sign", [1, -1])
def test_a_spin_in_a_field(device, sign):
    """Stiff along it, as unstable against it: +- m B, twice."""
    model = Hamiltonian(ONE, Bonds.none(), 2.0, field=(0, 0, 5.0))
    assert_allclose(values(model, [0, 0, sign], device), sign * 2 * MU_B * 5, rtol=1e-14)


def test_anisotropies(device):
    """At the pole: 2 K + 4 K4 twice; at the equator: 0 and - 2 K; cubic at a cube axis: 2 Kc twice."""
    easy = Hamiltonian(ONE, Bonds.none(), 1.0, (UniaxialAnisotropy(0.7, K4=0.2),))
    assert_allclose(values(easy, [0, 0, 1], device), 2 * 0.7 + 4 * 0.2, rtol=1e-13)
    assert_allclose(values(easy, [0.6, 0.8, 0], device), [-1.4, 0], atol=1e-13)
    cubic = Hamiltonian(ONE, Bonds.none(), 1.0, (CubicAnisotropy(0.9),))
    assert_allclose(values(cubic, [0, 1, 0], device), 1.8, rtol=1e-13)
    diagonal = np.ones(3) / np.sqrt(3)  # the energy is highest there: - 4/3 Kc twice
    assert_allclose(values(cubic, diagonal, device), -4 / 3 * 0.9, rtol=1e-12)


def test_a_ferromagnet_has_the_modes_of_its_waves(device):
    """J(0) - J(q) + field + easy axis, twice for each q."""
    lattice = Lattice.named("square", (5, 4, 1))
    bonds, easy = shell_bonds(lattice, exchange(1.3), exchange(-0.2)), (UniaxialAnisotropy(0.3),)
    model = Hamiltonian(lattice, bonds, 2.0, easy, (0, 0, 3.0))
    q = (lattice.coordinates / np.array(lattice.size)) @ lattice.reciprocal
    J = np.trace(model.fourier(np.vstack([np.zeros(3), q])), axis1=1, axis2=2).real / 3
    waves = np.repeat(J[0] - J[1:] + 2 * MU_B * 3.0 + 2 * 0.3, 2)
    assert_allclose(values(model, [0, 0, 1], device), np.sort(waves), atol=1e-12)


def test_a_helix_along_its_dmi_has_the_modes_of_a_turned_frame(device):
    """In the frame that turns with it, the couplings are uniform: out of plane and in plane, each a cosine."""
    n, J, D = 12, 1.0, np.tan(2 * np.pi / 12)
    lattice = Lattice.named("chain", (n, 1, 1))
    model = Hamiltonian(lattice, shell_bonds(lattice, bloch(J, D)))  # D along the chain, x
    angle = 2 * np.pi / n * lattice.coordinates[:, 0]
    s = np.stack([np.zeros(n), np.cos(angle), np.sin(angle)], axis=1)
    A, q = np.hypot(J, D), 2 * np.pi * np.arange(n) / n  # each pair gains A in the plane
    plane, out = 2 * A * (1 - np.cos(q)), 2 * A - 2 * J * np.cos(q)
    assert_allclose(values(model, s, device), np.sort(np.concatenate([plane, out])), atol=1e-12)


def test_frames_are_tangential_and_orthonormal():
    s = np.vstack([oracle.random_textures(square_bloch(), 1)[0], np.eye(3), -np.eye(3)])
    e = frames(s)
    assert_allclose(e @ e.swapaxes(1, 2), np.broadcast_to(np.eye(2), (len(s), 2, 2)), atol=1e-14)
    assert_allclose((e * s[:, None]).sum(axis=2), 0, atol=1e-14)
    assert_allclose(np.cross(e[:, 0], e[:, 1]), s, atol=1e-14)


def test_the_matrix_is_that_of_the_products(device):
    model = MODELS["disordered"]
    s = oracle.random_textures(model, 1)
    evaluator = Evaluator(model, device, np.float64)
    H, basis = dense(evaluator, s[0])
    assert H.shape == (2 * model.n_spins, 2 * model.n_spins)
    v = tangents(s)[0]
    c = np.einsum("aix,ix->a", basis, v)
    assert_allclose(np.einsum("a,aix->ix", c, basis), v * model.occupied[:, None], atol=1e-14)
    assert_allclose(np.einsum("a,aix->ix", H @ c, basis), Hessian(evaluator, s)(v)[0], atol=1e-12)
