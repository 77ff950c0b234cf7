"""The Landau-Lifshitz-Gilbert equation: motions that are known exactly, its steps, and its thermal averages."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import oracle
import pytest
from models import MODELS, bloch, shell_bonds
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from statistics_of import assert_mean, standard_error

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.llg import OverdampedLLG
from magsearch.relaxation.motion import STATE, Cycle, Motion
from magsearch.relaxation.relax import relax
from magsearch.relaxation.step_control import AutoDrop, Fixed
from magsearch.thermal.stochastic_llg import StochasticLLG
from magsearch.units import K_B, MU_B

KEY = (4, 20261124)
ONE = Lattice.cluster([[0, 0, 0]])
MOMENT, TESLA = 3.0, 9.0
H = MOMENT * MU_B * TESLA  # meV: the field that a spin of IN_A_FIELD feels
IN_A_FIELD = Hamiltonian(ONE, Bonds.none(), MOMENT, field=(0, 0, TESLA))
FREE = Hamiltonian(ONE, Bonds.none(), MOMENT)
EXACT = Convergence(1e-8, 20000, None)


def steps(count: int) -> Convergence:
    return Convergence(0.0, count, None)


# -- steps of an overdamped relaxation ---------------------------------------------------------------------------------


def last_step(pace: Any, device: Any, tesla: np.ndarray, iterations: int) -> np.ndarray:
    """Length of the last step of one spin in each of the fields, over the one with which it turns by its torque."""
    evaluator = Evaluator(IN_A_FIELD, device, np.float64)
    s = np.tile([np.sin(0.4), 0.0, np.cos(0.4)], (len(tesla), 1, 1))
    motion = Motion.start(evaluator, s, tesla)
    minimizer = OverdampedLLG(steps(iterations), pace, inf)
    minimizer.begin(motion)
    Cycle(motion, minimizer.iteration(motion)).run(iterations)
    return device.host(motion.flat["state"])[STATE["STEP"], : len(tesla)]


def test_a_step_too_long_is_dropped_until_it_is_short_enough(target):
    """A step above 2 / curvature never arrives: of a spin in a field, the curvature is the field. AutoDrop arrives."""
    evaluator = Evaluator(IN_A_FIELD, target, np.float64)
    s = oracle.random_textures(IN_A_FIELD, 20)
    late = relax(OverdampedLLG(Convergence(1e-8, 400, None), Fixed(2.5), inf), evaluator, s)
    assert set(late.reason) == {"moving"}
    found = relax(OverdampedLLG(Convergence(1e-8, 400, None), AutoDrop(first=2.5), inf), evaluator, s)
    assert set(found.reason) == {"torque"}
    assert_allclose(found.energy, -H, rtol=1e-12)


def test_every_replica_has_a_step_of_its_own(target):
    """In half the field, half the curvature: one drop (a factor of 1/2) less."""
    tesla = np.array([[0, 0, TESLA], [0, 0, TESLA / 2], [0, 0, TESLA / 4]])
    step = last_step(AutoDrop(first=8.0, drop=0.5, shortest=1e-3), target, tesla, 35) * H
    assert (step * [1, 1 / 2, 1 / 4] < 2).all()
    assert_allclose(step, step[0] * np.array([1, 2, 4]))


def test_a_step_that_is_short_enough_is_left_alone(target, real):
    """Not a bit differs from a fixed step; the published rule, at any angle, goes down to the shortest."""
    evaluator = Evaluator(IN_A_FIELD, target, real)
    s = oracle.random_textures(IN_A_FIELD, 5)
    fixed, dropping = (relax(OverdampedLLG(steps(60), p), evaluator, s) for p in (Fixed(0.1), AutoDrop(first=0.1)))
    assert_array_equal(fixed.textures, dropping.textures)
    tesla = np.tile([0, 0, TESLA], (5, 1))
    published = AutoDrop(first=0.1, shortest=0.02, angle=0.0)
    assert_allclose(last_step(published, target, tesla, 200), 0.02 / H)


def test_the_steps_of_a_relaxation_are_those_of_the_equation(target):
    """tan(angle / 2) = tan(angle_0 / 2) exp(- h t): Euler's method is of first order."""
    evaluator = Evaluator(IN_A_FIELD, target, np.float64)
    s = np.array([[[np.sin(2.5), 0.0, np.cos(2.5)]]])
    exact = 2 * np.arctan(np.tan(1.25) * np.exp(-2.0))
    errors = []
    for count in (100, 200, 400):
        found = relax(OverdampedLLG(steps(count), Fixed(2.0 / count), inf), evaluator, s).textures[0, 0]
        errors.append(np.arctan2(found[0], found[2]) - exact)
    assert np.abs(errors[0] / errors[1] - 2) < 0.2
    assert np.abs(errors[1] / errors[2] - 2) < 0.1


# -- Heun's method without noise ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("damping", [inf, 1.0, 0.2])
def test_a_spin_precesses_about_its_field_and_falls_into_it(target, damping):
    """tan(angle / 2) decays at the rate h, the azimuth grows at h / damping; the error is of second order."""
    evaluator = Evaluator(IN_A_FIELD, target, np.float64)
    angle, time = 2.0, 1.2 / H
    fastest = H * np.hypot(1, 1 / damping)
    after = 2 * np.arctan(np.tan(angle / 2) * np.exp(-H * time))
    azimuth = 0.3 + H * time / damping
    exact = np.array([np.sin(after) * np.cos(azimuth), np.sin(after) * np.sin(azimuth), np.cos(after)])
    s = np.array([[[np.sin(angle) * np.cos(0.3), np.sin(angle) * np.sin(0.3), np.cos(angle)]]])
    errors = []
    for count in (100, 200):
        minimizer = StochasticLLG(0.0, steps(count), damping, Fixed(time * fastest / count))
        errors.append(np.linalg.norm(relax(minimizer, evaluator, s).textures[0, 0] - exact))
    assert errors[0] < 0.02
    assert errors[0] / errors[1] > 3.5


@pytest.mark.parametrize("name", ["square_bloch", "disordered"])
def test_at_absolute_zero_it_relaxes(name, target):
    if target.name == "simulated" and name == "disordered":
        pytest.skip("slow")
    model = MODELS[name]
    evaluator = Evaluator(model, target, np.float64)
    found = relax(StochasticLLG(0.0, EXACT, 1.0, Fixed(0.5)), evaluator, oracle.random_textures(model, 4), key=KEY)
    assert set(found.reason) == {"torque"}
    s = found.textures
    assert_allclose(found.energy, oracle.energy(model, s), rtol=1e-10)
    assert (np.linalg.norm(oracle.tangential(oracle.field(model, s), s), axis=-1) < 1.01e-8).all()
    assert_allclose(np.linalg.norm(s, axis=-1)[:, model.occupied], 1, atol=1e-14)
    assert not s[:, ~model.occupied].any()


# -- noise -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damping", [inf, 1.0, 0.3])
@pytest.mark.spread(2)
def test_a_free_spin_diffuses(device, real, damping):
    """<s(t) . s(0)> = exp(- 2 kT t) at any damping, at a temperature of its own in every replica."""
    kelvin = np.repeat([5.0, 20.0], 8000)
    evaluator = Evaluator(FREE, device, real)
    s = oracle.random_textures(FREE, len(kelvin))
    count, pace = 100, 0.005
    found = relax(StochasticLLG(tuple(kelvin), steps(count), damping, Fixed(pace)), evaluator, s, key=KEY).textures
    time = count * pace / ((evaluator.stiffness + K_B * 20.0) * np.hypot(1, 1 / damping))
    overlap = (found * s).sum(axis=-1)[:, 0]
    for T in (5.0, 20.0):
        mine = overlap[kelvin == T]
        assert standard_error(mine) < 0.1 * (1 - np.exp(-2 * K_B * T * time))
        assert_mean(mine, np.exp(-2 * K_B * T * time))


def measured(
    model: Hamiltonian, device: Any, kelvin: tuple[float, ...], damping: float, pace: float, count: int, **more: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Means over time of the energy and of the mean spin's z of independent replicas, [temperature, replica]."""
    evaluator, replicas = Evaluator(model, device, more.pop("real", np.float32)), more.pop("replicas", 512)
    each = tuple(float(T) for T in np.repeat(kelvin, replicas))
    motion = Motion.start(evaluator, oracle.random_textures(model, len(each)), key=more.pop("key", KEY))
    minimizer = StochasticLLG(each, steps(count), damping, Fixed(pace))
    minimizer.begin(motion)
    cycle = Cycle(motion, minimizer.iteration(motion))
    rows = [STATE["ENERGY_NOW"], STATE["MEAN_Z"]]
    total = np.zeros((2, len(each)))
    for k in range(count):
        cycle.run()
        if k >= count // 4:
            total += device.host(motion.flat["state"][rows])[:, : len(each)]
    energy, z = (total / (count - count // 4)).reshape(2, len(kelvin), replicas)
    return energy, z


def assert_known(found: np.ndarray, exact: float, error: float) -> None:
    """Replicas are independent: their spread is the error of their mean, which must be below ``error``."""
    assert standard_error(found) < error, "too few steps to tell"
    assert_mean(found, exact)


KELVIN = (3.0, 10.0, 40.0)


@pytest.mark.parametrize("damping", [inf, 1.0, 0.3])
@pytest.mark.spread(3)
def test_a_spin_in_a_field_follows_langevin(device, real, damping):
    """<cos> = coth x - 1/x with x = h / kT."""
    energy, z = measured(IN_A_FIELD, device, KELVIN, damping, 0.01, 12000, real=real)
    for k, T in enumerate(KELVIN):
        x = H / (K_B * T)
        langevin = 1 / np.tanh(x) - 1 / x
        assert_known(energy[k], -H * langevin, 0.02)
        assert_known(z[k], langevin, 0.02)


@pytest.mark.slow
def test_its_error_is_of_first_order_in_the_step(device):
    """Long steps are off by many standard errors; extrapolated to none from two of them, by what is of second order."""
    (long, _), (short, _) = (
        measured(IN_A_FIELD, device, (10.0,), inf, pace, 8000, replicas=4096, key=(k, 1))
        for k, pace in enumerate((0.08, 0.04))
    )
    x = H / (K_B * 10.0)
    exact = -H * (1 / np.tanh(x) - 1 / x)
    deviation = [standard_error(e[0]) for e in (long, short)]
    assert abs(long.mean() - exact) > 10 * deviation[0]
    left = abs(2 * short.mean() - long.mean() - exact)
    assert left < 5 * np.hypot(2 * deviation[1], deviation[0]) + 0.1 * abs(long.mean() - exact)


@pytest.mark.parametrize("damping", [pytest.param(inf, marks=pytest.mark.slow), 0.5])
def test_two_coupled_spins_in_a_field(device, damping):
    """One spin integrated out: Z = int exp(b z) sinh|J s + b e_z| / |J s + b e_z| dz, all over kT."""
    J, b = 2.0, 1.5 * MU_B * 12.0
    pair = Bonds.pairs([0], [1], exchange_matrix([J]))
    lattice = Lattice.cluster([[0, 0, 0], [0, 0, 1]])
    model = Hamiltonian(lattice, Bonds.none(), 1.5, field=(0, 0, 12.0), site_bonds=pair)

    def log_z(beta: float, b: float) -> float:
        def weight(z: float) -> float:
            f = beta * np.sqrt(J**2 + b**2 + 2 * J * b * z)
            return np.exp(beta * b * z) * np.sinh(f) / f

        return float(np.log(quad(weight, -1, 1, epsabs=0, epsrel=1e-12)[0]))

    energy, z = measured(model, device, KELVIN, damping, 0.01, 16000)
    for k, T in enumerate(KELVIN):
        beta, h = 1 / (K_B * T), 1e-4
        assert_known(energy[k], -(log_z(beta + h, b) - log_z(beta - h, b)) / (2 * h), 0.04)
        assert_known(z[k], (log_z(beta, b + h) - log_z(beta, b - h)) / (2 * h * beta) / 2, 0.02)


def test_a_spin_with_an_easy_axis(device):
    """Quadrature over z: the field is not linear in the spin."""
    K, T = 1.3, 8.0
    model = Hamiltonian(ONE, Bonds.none(), MOMENT, (UniaxialAnisotropy(K),), (0, 0, TESLA))

    def mean(f: Any) -> float:
        def weight(z: float) -> float:
            return float(np.exp((K * z**2 + H * z - K - H) / (K_B * T)))

        return quad(lambda z: f(z) * weight(z), -1, 1)[0] / quad(weight, -1, 1)[0]

    energy, z = measured(model, device, (T,), 0.5, 0.01, 16000)
    assert_known(energy[0], mean(lambda z: -K * z**2 - H * z), 0.03)
    assert_known(z[0], mean(lambda z: z), 0.03)


def test_a_step_of_both_machines_is_one(target):
    """The same random numbers and the same arithmetic, to rounding; other numbers under another key."""
    lattice = Lattice.named("square", (4, 3, 1))
    model = Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.4)), 2.0, field=(0, 0, 3.0))
    s = oracle.random_textures(model, 5)

    def after(device: Any, key: tuple[int, int] = KEY) -> np.ndarray:
        way = StochasticLLG(7.0, steps(3), 0.5, Fixed(0.1))
        return relax(way, Evaluator(model, device, np.float64), s, key=key).textures

    assert_allclose(after(target), after(Cpu()), rtol=0, atol=1e-12)
    assert_array_equal(after(target), after(target))
    assert np.abs(after(target) - after(target, (1, 1))).max() > 1e-2
