"""Thermal averages that are known exactly, within five standard errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle
import pytest
from models import bloch, cubic_easy_axes, exchange, shell_bonds
from scipy.integrate import quad
from statistics_of import assert_mean, assert_within, standard_error

from magsearch.engine.evaluator import SUM, Evaluator
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.relaxation.motion import Motion
from magsearch.thermal.heat_bath import enter, moves, sweep
from magsearch.thermal.parallel_tempering import ParallelTempering
from magsearch.thermal.population_annealing import PopulationAnnealing
from magsearch.thermal.sampling import Averages, averages, chains_for, sample
from magsearch.thermal.statistics import Estimate, estimate
from magsearch.units import K_B, MU_B

KEY = (1, 20261124)
KELVIN = (3.0, 10.0, 40.0)
ONE = Lattice.cluster([[0, 0, 0]])


def measured(model: Hamiltonian, device: Any, kelvin: Any = KELVIN, sweeps: int = 3000, **more: Any) -> list[Averages]:
    evaluator = Evaluator(model, device, more.pop("real", np.float32))
    return averages(sample(evaluator, kelvin, sweeps, 400, more.pop("chains", 10), KEY, **more))


def assert_known(found: Estimate, exact: float, rounding: float = 1e-6) -> None:
    assert found.error < 0.05 * max(1.0, abs(exact)), "too few sweeps to tell"
    assert_within(found.mean, exact, found.error, rounding)


def chain(spins: int, J: float = 2.0) -> Hamiltonian:
    lattice = Lattice.named("chain", (spins, 1, 1), periodic=(False, False, False))
    return Hamiltonian(lattice, shell_bonds(lattice, exchange(J)))


def sphere() -> tuple[np.ndarray, np.ndarray]:
    """Directions [point, 3] and weights [point] of a quadrature over the sphere: Gauss in z, equal steps in azimuth."""
    node, weight = np.polynomial.legendre.leggauss(80)
    phi = 2 * np.pi * (np.arange(160) + 0.5) / 160
    z, phi = (a.ravel() for a in np.meshgrid(node, phi, indexing="ij"))
    rho = np.sqrt(1 - z * z)
    return np.stack([rho * np.cos(phi), rho * np.sin(phi), z], axis=1), np.repeat(weight, 160)


# -- on paper ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reflections", [0, 2])
def test_a_spin_in_a_field_follows_langevin(device, real, reflections):
    """<cos> = coth x - 1/x with x = m B / kT, along the field; the specific heat is 1 - (x / sinh x)^2."""
    B = np.array([3.0, -6.0, 6.0])
    model = Hamiltonian(ONE, Bonds.none(), 3.0, field=tuple(B))
    for point in measured(model, device, real=real, reflections=reflections):
        x = 3.0 * MU_B * 9.0 / (K_B * point.kelvin)
        L = 1 / np.tanh(x) - 1 / x
        assert_known(point.energy, -3.0 * MU_B * 9.0 * L)
        assert_known(point.specific_heat, 1 - (x / np.sinh(x)) ** 2)
        for component, direction in zip(point.magnetization, B / 9.0, strict=True):
            assert_known(component, L * direction)


def test_two_coupled_spins_in_a_field(device, real):
    """One spin integrated out: Z = int exp(b z) sinh|J s + b e_z| / |J s + b e_z| dz, all over kT."""
    J, B, m = 2.0, 12.0, 1.5
    lattice = Lattice.cluster([[0, 0, 0], [0, 0, 1]])
    pair = Bonds.pairs([0], [1], exchange_matrix([J]))
    model = Hamiltonian(lattice, Bonds.none(), m, field=(0, 0, B), site_bonds=pair)

    def log_z(beta: float, b: float) -> float:
        def weight(z: float) -> float:
            f = beta * np.sqrt(J**2 + b**2 + 2 * J * b * z)
            return np.exp(beta * b * z) * np.sinh(f) / f

        return float(np.log(quad(weight, -1, 1, epsabs=0, epsrel=1e-12)[0]))

    for point in measured(model, device, real=real):
        beta, b, h = 1 / (K_B * point.kelvin), m * MU_B * B, 1e-4
        assert_known(point.energy, -(log_z(beta + h, b) - log_z(beta - h, b)) / (2 * h) / 2)
        assert_known(point.magnetization[2], (log_z(beta, b + h) - log_z(beta, b - h)) / (2 * h * beta) / 2)
        assert_known(point.magnetization[0], 0.0)


@pytest.mark.parametrize("J", [2.0, -2.0])
def test_an_open_chain_follows_fisher(device, real, J):
    """Each bond has - |J| (coth K - 1/K) with K = |J| / kT: M. E. Fisher, Am. J. Phys. 32, 343 (1964)."""
    model = chain(9, J)
    for point in measured(model, device, real=real, sweeps=2000):
        K = abs(J) / (K_B * point.kelvin)
        assert_known(point.energy, -8 / 9 * abs(J) * (1 / np.tanh(K) - 1 / K))
        assert_known(point.specific_heat, 8 / 9 * (1 - (K / np.sinh(K)) ** 2))
        assert_known(point.magnetization[1], 0.0)


def test_a_chain_of_dmi_and_exchange_is_one_of_exchange(device):
    """With D along z and any J, a pair's matrix has the singular values of both: J and sqrt(J^2 + D^2) twice."""
    lattice = Lattice.cluster([[0, 0, 0], [0, 0, 1]])
    J, D = 1.2, 1.6
    matrix = exchange_matrix([J]) + dmi_matrix([[0, 0, D]])
    model = Hamiltonian(lattice, Bonds.none(), site_bonds=Bonds.pairs([0], [1], matrix))

    def log_z(beta: float) -> float:
        def weight(z: float) -> float:  # the second spin feels |M s| = sqrt(J^2 + D^2 (1 - z^2))
            f = beta * np.sqrt(J**2 + D**2 * (1 - z**2))
            return np.sinh(f) / f

        return float(np.log(quad(weight, -1, 1, epsabs=0, epsrel=1e-12)[0]))

    for point in measured(model, device):
        beta, h = 1 / (K_B * point.kelvin), 1e-4
        assert_known(point.energy, -(log_z(beta + h) - log_z(beta - h)) / (2 * h) / 2)


@pytest.mark.parametrize("K", [1.3, -1.3])
def test_a_spin_with_uniaxial_anisotropy(device, real, K):
    """Easy axis and easy plane, in a field along it: quadrature over z."""
    model = Hamiltonian(ONE, Bonds.none(), 2.0, (UniaxialAnisotropy(K, K4=0.2),), (0, 0, 4.0))
    b = 2.0 * MU_B * 4.0
    for point in measured(model, device, (1.0, 5.0, 30.0), real=real, reflections=1):
        beta = 1 / (K_B * point.kelvin)

        def mean(f: Any, beta: float = beta) -> float:
            def weight(z: float) -> float:
                return float(np.exp(beta * (K * z**2 + 0.2 * z**4 + b * z - abs(K) - 0.2 - b)))

            return quad(lambda z: f(z) * weight(z), -1, 1)[0] / quad(weight, -1, 1)[0]

        energy = mean(lambda z: -K * z**2 - 0.2 * z**4 - b * z)
        square = mean(lambda z: (-K * z**2 - 0.2 * z**4 - b * z) ** 2)
        assert_known(point.energy, energy)
        assert_known(point.magnetization[2], mean(lambda z: z))
        assert_known(point.specific_heat, beta**2 * (square - energy**2))


def test_a_spin_with_tilted_axis_and_field(device):
    """Quadrature over the sphere: field, easy axis and K4 in three directions."""
    model = Hamiltonian(ONE, Bonds.none(), 2.0, (UniaxialAnisotropy(0.9, (1, 1, 0), 0.3),), (3.0, 0.0, 5.0))
    (point,) = measured(model, device, (6.0,))
    s, weight = sphere()
    energy = oracle.energy(model, s[:, None])
    weight *= np.exp(-(energy - energy.min()) / (6.0 * K_B))
    assert_known(point.energy, float((weight * energy).sum() / weight.sum()))
    assert_known(point.magnetization[2], float((weight * s[:, 2]).sum() / weight.sum()))
    assert_known(point.magnetization[0], float((weight * s[:, 0]).sum() / weight.sum()))


def test_a_bond_with_ones_own_image_counts_as_anisotropy(device):
    """One cell whose spin is coupled to its own copies by a tensor: - 1/2 s . J s, with quadrature over the sphere."""
    lattice = Lattice.named("chain", (1, 1, 1))
    easy = np.diag([-1.0, -0.5, 2.0])
    model = Hamiltonian(lattice, shell_bonds(lattice, lambda _: easy))
    (point,) = measured(model, device, (12.0,))
    s, weight = sphere()
    energy = oracle.energy(model, s[:, None])
    weight *= np.exp(-(energy - energy.min()) / (12.0 * K_B))
    assert_known(point.energy, float((weight * energy).sum() / weight.sum()))


# -- methods that must agree -------------------------------------------------------------------------------------------


def frustrated() -> Hamiltonian:
    lattice = Lattice.named("triangular", (6, 6, 1))
    return Hamiltonian(lattice, shell_bonds(lattice, bloch(-1.0, 0.4)), 2.0, (UniaxialAnisotropy(0.3),), (0, 0, 6.0))


def test_heat_bath_metropolis_and_tempering_agree_on_a_frustrated_model(device):
    model, kelvin, sweeps = frustrated(), 6.0, 4000
    evaluator = Evaluator(model, device)
    bath = measured(model, device, (kelvin,), sweeps, chains=16, reflections=1)[0].energy

    motion = Motion.start(evaluator, oracle.random_textures(model, 16), key=KEY)
    enter(motion, kelvin)
    motion.flat["cone"][...] = 0.3
    series = []
    for k in range(sweeps + 500):
        sweep(motion, moves("CONE"), k)
        if k >= 500 and k % 2:
            series.append(device.host(motion.evaluate("force"))[SUM["ENERGY"], :16] / model.n_spins)
    metropolis = estimate(series)

    motion = Motion.start(evaluator, oracle.random_textures(model, 16), key=KEY)
    ladder = ParallelTempering(hottest=60.0, coldest=kelvin, rungs=8, sweeps=sweeps)
    rungs = list(ladder.climb(motion, 16))
    tempered = estimate([r.energy[:, 0] / model.n_spins for r in rungs[500:]])
    accepted = np.nanmean([r.accepted for r in rungs], axis=0) / 2
    assert (accepted > 0.2).all()
    assert (accepted < 0.999).all()
    for one, other in ((bath, metropolis), (bath, tempered), (metropolis, tempered)):
        assert max(one.error, other.error) < 0.003 * abs(bath.mean)
        assert_within(one.mean, other.mean, np.hypot(one.error, other.error))


def test_every_rung_of_a_ladder_has_its_own_equilibrium(device):
    """An open chain: after all exchanges, the energy on every rung is Fisher's."""
    model = chain(6)
    motion = Motion.start(Evaluator(model, device), oracle.random_textures(model, 16), key=KEY)
    ladder = ParallelTempering(hottest=50.0, coldest=3.0, sweeps=4000)
    series = np.array([rungs.energy[0] for rungs in ladder.climb(motion, 16)])[400:]
    K = 2.0 / (K_B * ladder.temperatures(motion.evaluator, 16))
    for rung in range(16):
        found = estimate(series[:, rung])
        exact = -5 * 2.0 * (1 / np.tanh(K[rung]) - 1 / K[rung])
        assert found.error < 0.05
        assert_within(found.mean, exact, found.error)


def test_population_annealing_knows_the_free_energy_of_a_chain(device):
    """ln Z = (N - 1) ln(sinh K / K), at every temperature on the way; its error from sixteen populations."""
    model = chain(8)
    evaluator = Evaluator(model, device)
    method = PopulationAnnealing(coldest=4.0, sweeps=3)
    runs = [method.anneal(evaluator, 512, key=(seed, 1)) for seed in range(16)]
    for part in (0.3, 1.0):
        values = []
        for found in runs:
            K = 2.0 * found.beta[1:]
            k = int(part * (len(K) - 1))
            values.append(found.log_z[1 + k] - 7 * np.log(np.sinh(K[k]) / K[k]))
        assert standard_error(values) < 0.05
        assert_mean(values)
    energy = np.array([found.energy[-1] for found in runs])
    K = 2.0 / (K_B * 4.0)
    assert_mean(energy, -14 * (1 / np.tanh(K) - 1 / K))
    assert all((np.diff(found.beta) > 0).all() and found.families[-1] < 100 for found in runs)


def test_free_energies_of_population_annealing_and_thermodynamic_integration_agree(device):
    """ln Z(beta) = - int_0^beta <E> dbeta', by Gauss's quadrature over eight temperatures, on a frustrated model."""
    model, coldest = frustrated(), 8.0
    evaluator = Evaluator(model, device)
    node, weight = np.polynomial.legendre.leggauss(8)
    beta = 1 / (K_B * coldest)
    kelvin = 1 / (K_B * beta * (node + 1) / 2)
    points = measured(model, device, kelvin, sweeps=2500, chains=4, reflections=1)
    energy = np.array([point.energy.mean for point in points]) * model.n_spins
    error = np.array([point.energy.error for point in points]) * model.n_spins
    integral, uncertain = -(weight * energy).sum() * beta / 2, np.sqrt(((weight * error) ** 2).sum()) * beta / 2
    method = PopulationAnnealing(coldest=coldest, sweeps=5)
    log_z = [method.anneal(evaluator, 256, key=(seed, 2)).log_z[-1] for seed in range(8)]
    spread = standard_error(log_z)
    assert np.hypot(uncertain, spread) < 0.01 * abs(integral)
    assert_within(float(np.mean(log_z)), integral, float(np.hypot(uncertain, spread)))


# -- bookkeeping of samples --------------------------------------------------------------------------------------------


def test_temperatures_and_chains_stay_apart(device):
    """[temperature, sweep, chain]: every column is a replica at its own temperature."""
    model = chain(5)
    evaluator = Evaluator(model, device)
    run = sample(evaluator, (1.0, 100.0), 300, 100, 3, KEY)
    assert run.energy.shape == (2, 300, 3)
    assert run.spin.shape == (2, 300, 3, 3)
    assert run.charge.size == 0, "a chain has no topological charge"
    assert run.energy[0].mean() < run.energy[1].mean() - 4
    assert len(np.unique(run.energy)) == run.energy.size
    again = sample(evaluator, (1.0, 100.0), 300, 100, 3, KEY)
    assert (again.energy == run.energy).all()
    other = sample(evaluator, (1.0, 100.0), 300, 100, 3, (9, 9))
    assert (other.energy != run.energy).all()


def test_a_start_that_is_given_is_kept_where_it_is_metastable(device):
    """Easy axis, spins down against a weak field, cold: random starts would cool into the field."""
    lattice = cubic_easy_axes().lattice
    model = Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)), 1.0, (UniaxialAnisotropy(2.0),), (0, 0, 1.0))
    down = np.tile([0.0, 0.0, -1.0], (lattice.sites, 1))
    evaluator = Evaluator(model, device)
    assert (sample(evaluator, (2.0,), 50, 50, 4, KEY, textures=down).spin[..., 2] < -0.9).all()


def test_mean_spins_leave_vacancies_out(device):
    lattice = Lattice.named("square", (4, 4, 1))
    model = Hamiltonian(lattice, Bonds.none(), 2.0, field=(0, 0, 50.0), vacancies=(0, 1, 2, 3))
    x = 2 * MU_B * 50 / (K_B * 2.0)
    (point,) = measured(model, device, (2.0,), 200)
    assert_known(point.magnetization[2], 1 / np.tanh(x) - 1 / x)
    assert_known(point.energy, -2 * MU_B * 50 * (1 / np.tanh(x) - 1 / x))


def test_charge_of_a_ferromagnet_and_of_noise(device):
    lattice = Lattice.named("square", (8, 8, 1))
    model = Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)), 1.0, field=(0, 0, 20.0))
    cold, hot = measured(model, device, (0.5, 1e4), 400)
    assert abs(cold.charge.mean) + cold.charge.error < 1e-12
    assert 0.01 < hot.charge.error < 1
    assert abs(hot.charge.mean) < 4 * hot.charge.error


def test_chains_fill_a_register():
    assert [chains_for(k, 16) for k in (1, 2, 5, 16, 40)] == [16, 8, 3, 1, 1]


# -- long --------------------------------------------------------------------------------------------------------------


def crossing(kelvin: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
    """Where two cumulants of m^2 [temperature, sweep, chain] cross: their difference as a parabola."""

    def cumulant(m2: np.ndarray) -> np.ndarray:
        return 1 - (m2**2).mean(axis=(1, 2)) / (3 * m2.mean(axis=(1, 2)) ** 2)

    middle = kelvin.mean()
    roots = np.roots(np.polyfit(kelvin - middle, cumulant(one) - cumulant(other), 2))
    return float(middle + roots.real[np.abs(roots).argmin()])


@pytest.mark.slow
def test_the_cubic_ferromagnet_orders_where_it_should(device):
    """Binder's cumulants 1 - <m^4> / 3 <m^2>^2 of 8^3 to 24^3 cross at k_B T_c = 1.443(2) J, J per pair.

    Chen, Ferrenberg & Landau, Phys. Rev. B 48, 3249 (1993). Errors by leaving out one chain after the other.
    """
    near, chains = np.array([1.437, 1.440, 1.443, 1.446, 1.449]), 6  # k_B T / J
    m2 = {}
    for size, sweeps in ((8, 30000), (12, 20000), (24, 8000)):
        lattice = Lattice.named("cubic", (size, size, size))
        model = Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)))
        run = sample(Evaluator(model, device), near / K_B, sweeps, sweeps // 5, chains, KEY, reflections=3)
        m2[size] = (run.spin**2).sum(axis=-1)
    for small in (8, 12):
        found = crossing(near, m2[small], m2[24])
        without = [crossing(near, *(np.delete(m2[size], k, axis=2) for size in (small, 24))) for k in range(chains)]
        error = np.sqrt((chains - 1) * np.var(without))
        print(f"L = {small} and 24: k_B T_c = {found:.4f}({error:.4f}) J")
        assert error < 0.001
        assert abs(found - 1.443) < 0.002 + error
