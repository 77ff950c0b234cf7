"""The preconditioner: what it undoes, what it leaves alone, and what it saves."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle
import pytest
from models import MODELS, bloch, exchange, shell_bonds
from numpy.testing import assert_allclose

from magsearch.engine.evaluator import Evaluator
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.preconditioner import DIRECTION, preconditioned, softened
from magsearch.relaxation.relax import relax


def heisenberg(name: str, size: tuple[int, int, int], *J: float) -> Hamiltonian:
    lattice = Lattice.named(name, size)
    return Hamiltonian(lattice, shell_bonds(lattice, *map(exchange, J)))


def directions(evaluator: Evaluator, softness: float, s: np.ndarray, f: np.ndarray) -> tuple[Any, Any]:
    """Directions [replica, site, 3] from forces, and their sums over sites [sum, replica]."""
    spins, force = evaluator.spins(s), evaluator.spins(f)
    direction = evaluator.device.xp.zeros_like(spins)
    launch, folded = preconditioned(evaluator, softened(evaluator, softness), spins, force, direction)
    launch()
    sums = evaluator.device.host(folded)
    total = np.array([sums[:, DIRECTION["SLOPE"]].sum(axis=0), sums[:, DIRECTION["STEEPEST2"]].max(axis=0)])
    return evaluator.device.host(evaluator.textures(direction))[: len(s)], total[:, : len(s)]


@pytest.mark.parametrize(
    ("model", "top"),
    [  # the largest eigenvalue of J(q) in the box, on paper
        (heisenberg("chain", (12, 1, 1), 1.0), 2.0),  # q = 0
        (heisenberg("chain", (12, 1, 1), 1.0, -0.5), 1.5),  # 2 cos q - cos 2q at cos q = 1/2, q = pi / 3
        (heisenberg("cubic", (4, 2, 6), -1.5), 9.0),  # the corner of the zone
        (heisenberg("kagome", (3, 4, 1), -1.0), 2.0),  # the flat band
    ],
    ids=["ferromagnet", "spiral", "antiferromagnet", "kagome"],
)
def test_directions_are_undone_by_the_exchange(model, top, target, real):
    """(J_top + mu - J) d = f, but for the part along the spins: with all of them along z, x and y are free."""
    evaluator = Evaluator(model, target, real, "fourier")
    s = np.broadcast_to([0.0, 0.0, 1.0], (3, model.lattice.sites, 3))
    f = np.random.default_rng(3).normal(size=s.shape) * [1, 1, 0]
    d, _ = directions(evaluator, 0.01, s, f)
    mu = 0.01 * evaluator.stiffness
    back = (top + mu) * d - np.array([oracle.field(model, one) for one in d])
    assert_allclose(back, f, atol=(2e-4 if real == np.float32 else 1e-11))


@pytest.mark.parametrize("name", ["prime_box", "kagome_tensor", "fcc_every_anisotropy", "one_cell", "honeycomb_dmi"])
def test_directions_are_tangential_and_downhill(name, target, real):
    model = MODELS[name]
    evaluator = Evaluator(model, target, real, "fourier")
    s = oracle.random_textures(model, 3)
    f = oracle.tangential(np.array([oracle.field(model, one) for one in s]), s)
    d, (slope, steepest2) = directions(evaluator, 1e-3, s, f)
    assert (slope > 0).all()
    assert_allclose(slope, (d * f).sum(axis=(1, 2)), rtol=1e-4 if real == np.float32 else 1e-12)
    assert_allclose(steepest2, (d**2).sum(axis=2).max(axis=1), rtol=1e-4 if real == np.float32 else 1e-12)
    assert_allclose((d * s).sum(axis=2), 0, atol=5e-6 * np.abs(d).max() if real == np.float32 else 1e-12)
    assert not d[:, ~model.occupied].any()


def test_a_long_spiral_takes_few_steps(device):
    """A chain of period 40 with a weak easy plane: the same energy, reached in a fraction of the steps."""
    lattice = Lattice.named("chain", (120, 1, 1))
    bonds = shell_bonds(lattice, bloch(10.0, 10.0 * np.tan(2 * np.pi / 40)))
    model = Hamiltonian(lattice, bonds, anisotropy=(UniaxialAnisotropy(-0.01, (1.0, 0.0, 0.0)),))
    evaluator = Evaluator(model, device, np.float64, "fourier")
    angle = 2 * np.pi * np.arange(120) / 40
    s = np.stack([np.zeros(120), np.cos(angle), np.sin(angle)], axis=1)
    s = s + np.random.default_rng(0).normal(scale=0.3, size=(4, 120, 3))
    s /= np.linalg.norm(s, axis=2, keepdims=True)
    convergence = Convergence(steps=20000, variance=None)
    with_, without = (relax(BarzilaiBorwein(convergence, softness=mu), evaluator, s) for mu in (1e-3, 0.0))
    assert set(with_.reason) == set(without.reason) == {"torque"}
    best = -120 * 10.0 / np.cos(2 * np.pi / 40)  # - J cos - D sin for every bond; nothing from the easy plane
    assert_allclose(with_.energy, best, rtol=1e-9)
    assert_allclose(without.energy, best, rtol=1e-9)
    assert (2 * with_.steps < without.steps).all()
