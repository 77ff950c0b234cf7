"""Every minimiser by the same laws, and by ground states that are known exactly."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import oracle
import pytest
from models import GOLDEN, MODELS, icosahedron_positions, square_bloch
from numpy.testing import assert_allclose, assert_array_equal

from magsearch.engine.evaluator import Evaluator
from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import Convergence, VarianceControl
from magsearch.relaxation.fire import Fire
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.llg import OverdampedLLG
from magsearch.relaxation.motion import Motion
from magsearch.relaxation.relax import relax
from magsearch.relaxation.velocity_projection import VelocityProjection
from magsearch.units import MU_B

SOFT = ("triangular_j1_j3", "large_film", "icosahedron")  # soft modes: velocity projection needs very many steps
EXACT = Convergence(torque=1e-8, steps=20000, variance=None)
NEVER = VarianceControl(window=5, energy=0.0, moment=0.0)  # no variance is below zero
ALWAYS = {"energy": 1e9, "moment": 1e9}


@pytest.fixture(
    params=[BarzilaiBorwein, LBFGS, VelocityProjection, Fire, OverdampedLLG], ids=lambda kind: kind.__name__
)
def minimizer(request: pytest.FixtureRequest) -> Any:
    """The class; tests say when it stops."""
    return request.param


def largest_torque(model: Hamiltonian, s: np.ndarray) -> np.ndarray:
    """Largest |s x b| of every texture, meV, from the oracle."""
    return np.linalg.norm(oracle.tangential(oracle.field(model, s), s), axis=-1).max(axis=-1)


def assert_reported(model: Hamiltonian, relaxed: Any, real: Any) -> None:
    """Energy, torque and magnetisation are those of the texture that is returned, by the oracle."""
    s = relaxed.textures.astype(np.float64)
    scale = np.linalg.norm(oracle.field(model, s), axis=-1).sum(axis=-1)
    rounding = 1e-6 if real == np.float32 else 1e-13
    assert (np.abs(relaxed.energy - oracle.energy(model, s)) <= rounding * scale).all()
    stiff = np.linalg.norm(oracle.field(model, s), axis=-1).max()
    assert_allclose(relaxed.torque, largest_torque(model, s), atol=10 * rounding * stiff)
    assert_allclose(relaxed.magnetization, s.mean(axis=1), atol=10 * rounding)


# -- laws that hold for every minimiser ------------------------------------------------------------------------------


@pytest.mark.spread(3)
def test_energy_falls_and_spins_stay_on_the_sphere(model, device, real, minimizer):
    """After a few steps and after many; what is reported is what the returned textures have."""
    s = oracle.random_textures(model, 5)
    evaluator = Evaluator(model, device, real)
    before = oracle.energy(model, s)
    scale = np.linalg.norm(oracle.field(model, s), axis=-1).sum(axis=-1)
    for steps in (30, 400):
        relaxed = relax(minimizer(Convergence(steps=steps)), evaluator, s)
        assert relaxed.textures.dtype == real
        length = np.linalg.norm(relaxed.textures.astype(np.float64), axis=-1)
        assert_allclose(length[:, model.occupied], 1, atol=2e-6 if real == np.float32 else 1e-14)
        assert not relaxed.textures[:, ~model.occupied].any()
        assert (relaxed.energy < before - 0.01 * scale).all()
        assert_reported(model, relaxed, real)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in SOFT])
@pytest.mark.spread(2)
def test_torque_vanishes_in_double_precision(name, target, minimizer):
    model = MODELS[name]
    if target.name == "simulated" and name not in ("square_bloch", "disordered", "box_within_range"):
        pytest.skip("slow")
    relaxed = relax(minimizer(EXACT), Evaluator(model, target, np.float64), oracle.random_textures(model, 4))
    assert set(relaxed.reason) == {"torque"}
    assert (relaxed.torque < 1e-8).all()
    assert (largest_torque(model, relaxed.textures) < 1.01e-8).all()
    assert_reported(model, relaxed, np.float64)
    assert relaxed.evaluations == relaxed.steps.sum() > 0


def test_curvature_is_learnt(target):
    """Thousands of steps along the gradient are hundreds with a memory of its changes."""
    model = MODELS["icosahedron"]
    convergence = Convergence(torque=1e-8, steps=600, variance=None)
    relaxed = relax(LBFGS(convergence), Evaluator(model, target, np.float64), oracle.random_textures(model, 16))
    assert np.median(relaxed.steps) < 500
    slow = relax(BarzilaiBorwein(convergence), Evaluator(model, target, np.float64), oracle.random_textures(model, 16))
    assert np.median(slow.steps) == 600


@pytest.mark.parametrize("name", SOFT)
def test_second_order_minimisers_do_not_mind_soft_modes(name, device):
    """What a search polishes with must arrive on any model."""
    model = MODELS[name]
    relaxed = relax(LBFGS(EXACT), Evaluator(model, device, np.float64), oracle.random_textures(model, 4))
    assert set(relaxed.reason) == {"torque"}
    assert (largest_torque(model, relaxed.textures) < 1.01e-8).all()


def test_a_minimum_is_found_and_no_saddle(device, minimizer):
    """Whatever direction a relaxed texture is moved in, its energy rises."""
    model = MODELS["left_handed"]
    s = relax(minimizer(EXACT), Evaluator(model, device, np.float64), oracle.random_textures(model, 3)).textures
    rng = np.random.default_rng(0)
    for _ in range(20):
        moved = s + 1e-3 * rng.normal(size=s.shape)
        moved /= np.linalg.norm(moved, axis=-1, keepdims=True)
        assert (oracle.energy(model, moved) > oracle.energy(model, s)).all()


@pytest.mark.spread(2)
def test_a_replica_does_not_depend_on_the_others(target, real, minimizer, monkeypatch):
    """Not by one bit: most of the population is relaxed already and removed while the others continue."""
    model = square_bloch()
    evaluator = Evaluator(model, target, real, "direct")
    convergence = Convergence(torque=1e-4, steps=300, variance=None)
    random = oracle.random_textures(model, 3 * target.width - 7)
    relaxed = relax(minimizer(convergence), evaluator, random).textures
    late = [0, 5, target.width + 1, 2 * target.width + 3, len(random) - 1]
    mixed = relaxed.copy()
    mixed[late] = random[late]

    thinned = []
    whole = Motion.thinned
    monkeypatch.setattr(Motion, "thinned", lambda motion, keep: thinned.append(sum(keep >= 0)) or whole(motion, keep))
    together = relax(minimizer(convergence), evaluator, mixed)
    assert thinned
    assert max(thinned) <= len(late)
    for k in late:
        alone = relax(minimizer(convergence), evaluator, random[k])
        assert_array_equal(alone.textures[0], together.textures[k])
        for one, other in (
            (alone.energy, together.energy), (alone.torque, together.torque), (alone.steps, together.steps),
            (alone.magnetization, together.magnetization), (alone.reason, together.reason),
        ):  # fmt: skip
            assert_array_equal(one[0], other[k])
    rest = np.setdiff1d(np.arange(len(random)), late)
    assert_array_equal(together.textures[rest], relaxed[rest])


def test_replicas_that_start_relaxed_stop_at_once_and_keep_every_bit(target, real, minimizer):
    model = MODELS["disordered"]
    evaluator = Evaluator(model, target, real)
    s = relax(minimizer(), evaluator, oracle.random_textures(model, 20)).textures
    again = relax(minimizer(Convergence(torque=1e-2)), evaluator, s)
    assert (again.steps == 1).all()
    assert set(again.reason) == {"torque"}
    assert_array_equal(again.textures, s)


def test_the_same_start_gives_the_same_bits(device, real, minimizer):
    model = MODELS["kagome_tensor"]
    s = oracle.random_textures(model, 20)
    one, other = (relax(minimizer(), Evaluator(model, device, real), s) for _ in range(2))
    assert_array_equal(one.textures, other.textures)
    assert_array_equal(one.energy, other.energy)


@pytest.mark.parametrize("broken", [0, 3])
@pytest.mark.spread(2)
def test_a_broken_replica_neither_arrives_nor_disturbs(target, real, minimizer, broken):
    model = square_bloch()
    evaluator = Evaluator(model, target, real, "direct")
    s = oracle.random_textures(model, 4)
    convergence = Convergence(torque=1e-3, steps=200)
    intact = relax(minimizer(convergence), evaluator, s)
    s[broken, 7] = np.nan
    relaxed = relax(minimizer(convergence), evaluator, s)
    assert relaxed.reason[broken] == "moving"
    assert np.isnan(relaxed.energy[broken])
    others = [k for k in range(4) if k != broken]
    assert_array_equal(relaxed.textures[others], intact.textures[others])


def test_relaxation_through_a_convolution(target, minimizer):
    model = MODELS["prime_box"]
    if target.name == "simulated":
        model = model.with_size((3, 2, 3))
    evaluator = Evaluator(model, target, np.float64, "fourier")
    relaxed = relax(minimizer(EXACT), evaluator, oracle.random_textures(model, 3))
    assert (relaxed.torque < 1e-8).all()
    assert_reported(model, relaxed, np.float64)


@pytest.mark.parametrize(
    "kind", [BarzilaiBorwein, LBFGS, VelocityProjection, OverdampedLLG], ids=lambda kind: kind.__name__
)
def test_no_spin_turns_further_than_allowed(kind, target):
    model = MODELS["kagome_tensor"]
    evaluator = Evaluator(model, target, np.float64)
    s = oracle.random_textures(model, 5)
    path = [relax(kind(Convergence(0.0, n, None), longest_turn=0.03), evaluator, s).textures for n in range(15)]
    assert_array_equal(path[0], s)
    turns = np.array([np.linalg.norm(a - b, axis=-1).max() for a, b in pairwise(path)])
    assert turns.max() <= 0.03 * (1 + 1e-12)  # a chord is shorter than its arc
    assert turns[0] == pytest.approx(
        0.03, rel=4e-3
    )  # far from rest; chord of a step a along a tangent: a (1 - 3/8 a^2)


# -- when it stops ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 5, 20, 33])
@pytest.mark.spread(3)
def test_steps_are_a_limit(device, real, minimizer, steps):
    """Also where they are not a multiple of the steps between two checks; the report is of the returned texture."""
    model = MODELS["triangular_j1_j3"]
    relaxed = relax(
        minimizer(Convergence(0.0, steps, NEVER)), Evaluator(model, device, real), oracle.random_textures(model, 17)
    )
    assert (relaxed.steps == steps).all()
    assert set(relaxed.reason) == {"moving"}
    assert_reported(model, relaxed, real)


def test_no_steps_leave_the_textures_as_they_are(device, real, minimizer):
    model = square_bloch()
    s = oracle.random_textures(model, 3)
    relaxed = relax(minimizer(Convergence(steps=0)), Evaluator(model, device, real), s)
    assert_array_equal(relaxed.textures, s.astype(real))
    assert_reported(model, relaxed, real)
    assert relaxed.evaluations == 0


@pytest.mark.parametrize("window", [1, 7, 20, 33])
@pytest.mark.spread(2)
def test_variance_control_stops_after_one_window(target, real, minimizer, window):
    model = square_bloch()
    control = VarianceControl(window=window, **ALWAYS)
    relaxed = relax(
        minimizer(Convergence(0.0, 200, control)), Evaluator(model, target, real), oracle.random_textures(model, 5)
    )
    assert (relaxed.steps == window).all()
    assert set(relaxed.reason) == {"variance"}


@pytest.mark.parametrize("which", ["energy", "moment"])
def test_variances_are_those_of_the_window(target, minimizer, which):
    """A threshold a little above the variance over the second window stops there; one a little below does not."""
    model, window = square_bloch(), 6
    evaluator = Evaluator(model, target, np.float64)
    s = oracle.random_textures(model, 1)
    path = [relax(minimizer(Convergence(0.0, n, None)), evaluator, s) for n in range(window, 2 * window)]
    if which == "energy":
        variance = np.var([p.energy[0] / model.lattice.sites for p in path])
    else:
        variance = np.var([p.magnetization[0] for p in path], axis=0).sum()
    for factor, stops in ((1 + 1e-6, True), (1 - 1e-6, False)):
        thresholds = ALWAYS | {which: factor * variance}
        control = VarianceControl(window=window, **thresholds)
        relaxed = relax(minimizer(Convergence(0.0, 2 * window, control)), evaluator, s)
        assert (relaxed.reason[0] == "variance") == stops
        assert relaxed.steps[0] == 2 * window


def test_thresholds_follow_the_model(device):
    """They scale with the couplings: a model in other units stops at the same textures."""
    model = square_bloch()
    double, single = (Evaluator(model, device, real) for real in (np.float64, np.float32))
    assert Convergence(variance=None).thresholds(double) == (0, 1e-8 * double.stiffness, 0.0, 0.0)
    window, torque, energy, moment = Convergence().thresholds(single)
    assert (window, torque, moment) == (40, 1e-6 * single.stiffness, 1e-8)
    assert energy == pytest.approx((1e-7 * single.stiffness) ** 2)
    assert Convergence(0.5, variance=VarianceControl(3, 0.1, 0.2)).thresholds(single) == (3, 0.5, 0.1, 0.2)


# -- ground states on paper ------------------------------------------------------------------------------------------


def cluster(positions: np.ndarray, J: float, field: Any = (0, 0, 0)) -> Hamiltonian:
    """Exchange J, meV, along the edges of a polyhedron (all of one length)."""
    distance = np.linalg.norm(positions[:, None] - positions, axis=2)
    shortest = distance[distance > 0].min()
    i, j = np.argwhere(np.triu(np.isclose(distance, shortest))).T
    bonds = Bonds.pairs(i, j, exchange_matrix(np.full(len(i), J)))
    return Hamiltonian(Lattice.cluster(positions), Bonds.none(), field=field, site_bonds=bonds)


def test_a_spin_in_a_field_aligns(target, real, minimizer):
    """Every replica with a field of its own; one of them starts there already."""
    model = Hamiltonian(Lattice.cluster([[0, 0, 0]]), Bonds.none(), 2.0, field=(0, 0, 7))
    rng = np.random.default_rng(0)
    tesla = rng.normal(scale=10, size=(target.width + 5, 3))
    s = oracle.random_textures(model, len(tesla))
    s[3] = tesla[3] / np.linalg.norm(tesla[3])
    relaxed = relax(minimizer(Convergence(torque=1e-5, variance=None)), Evaluator(model, target, real), s, tesla)
    strength = np.linalg.norm(tesla, axis=1)
    assert_allclose(relaxed.energy, -2 * MU_B * strength, rtol=1e-5)
    assert_allclose(relaxed.textures[:, 0], tesla / strength[:, None], atol=1e-3)
    own = relax(minimizer(), Evaluator(model, target, real), s)  # the model's field
    assert_allclose(own.magnetization, np.tile([0, 0, 1], (len(s), 1)), atol=1e-3)


@pytest.mark.parametrize("J", [1.5, -1.5])
def test_two_spins_align_as_the_sign_of_their_exchange_says(target, real, minimizer, J):
    pair = cluster(np.array([[0.0, 0, 0], [0, 0, 1]]), J)
    relaxed = relax(minimizer(), Evaluator(pair, target, real), oracle.random_textures(pair, 20))
    assert_allclose(relaxed.energy, -1.5, rtol=1e-5)  # single precision rounds to 1e-7 a few times
    assert_allclose((relaxed.textures[:, 0] * relaxed.textures[:, 1]).sum(-1), np.sign(J), atol=1e-5)


def cyclic(*corners: tuple[float, float, float]) -> np.ndarray:
    """All signs and cyclic permutations of the coordinates, [site, 3]."""
    signs = np.array(np.meshgrid([1, -1], [1, -1], [1, -1])).reshape(3, -1).T
    every = np.concatenate([np.roll(signs * corner, k, axis=1) for corner in corners for k in range(3)])
    return np.unique(every.round(12) + 0.0, axis=0)


POLYHEDRA = {
    # Schmidt & Luban, J. Phys. A 36, 6351 (2003): - 30 / sqrt 5, and - 30 sqrt 5 / 3
    "icosahedron": (icosahedron_positions(GOLDEN), 30, -13.4164079),
    "dodecahedron": (cyclic((1, 1, 1), (0, 1 / GOLDEN, GOLDEN)), 30, -22.3606798),
    # Coffey & Trugman, Phys. Rev. Lett. 69, 176 (1992)
    "C60": (cyclic((0, 1, 3 * GOLDEN), (1, 2 + GOLDEN, 2 * GOLDEN), (GOLDEN, 2, 2 * GOLDEN + 1)), 90, -78.5410197),
}


@pytest.mark.parametrize("name", POLYHEDRA)
def test_ground_states_of_polyhedra_with_antiferromagnetic_edges(name, device, minimizer):
    positions, edges, energy = POLYHEDRA[name]
    model = cluster(positions, -1.0)
    assert len(model.site_bonds or ()) == 2 * edges
    evaluator = Evaluator(model, device, np.float64)
    relaxed = relax(minimizer(Convergence(steps=4000, variance=None)), evaluator, oracle.random_textures(model, 64))
    assert relaxed.energy.min() == pytest.approx(energy, abs=1e-6)
