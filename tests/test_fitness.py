"""Local free energies: exact partition functions at low temperature, whole spectra, and minima that change places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import oracle
import pytest
from models import MODELS, bloch, exchange, shell_bonds
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import Interrupted
from magsearch.minima import modes
from magsearch.minima.harmonic import Harmonic, orbit
from magsearch.minima.local_entropy import LocalEntropy
from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy
from magsearch.observables.fingerprint import fingerprint
from magsearch.operators.crystal import Crystal
from magsearch.randomness import Draws
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.relax import relax
from magsearch.search.candidate import Candidate, packed, unpacked
from magsearch.search.island import SEEDING, GeneticTunneling, Island
from magsearch.search.polishing import polish
from magsearch.units import K_B, MU_B

KEY = (5, 20261124)
ONE = Lattice.cluster([[0, 0, 0]])
UP = np.array([[[0.0, 0, 1]]])


def worth(fitness: Any, model: Hamiltonian, textures: Any, device: Any, real: Any = np.float64) -> Any:
    s = np.asarray(textures, dtype=np.float64)
    return fitness(Evaluator(model, device, real), s, oracle.energy(model, s), lambda: None, KEY)


def cluster(*bonds: tuple[int, int, float], sites: int, **more: Any) -> Hamiltonian:
    i, j, J = zip(*bonds, strict=True)
    line = Lattice.cluster([[k, 0, 0] for k in range(sites)])
    return Hamiltonian(line, Bonds.none(), site_bonds=Bonds.pairs(i, j, exchange_matrix(J)), **more)


# -- harmonic, on paper ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kelvin", [0.5, 2.0])
def test_a_spin_in_a_field(device, real, kelvin):
    """- kT ln(sinh x / x), x = m B / kT; the vibrations leave exp(-2 x) out."""
    model = Hamiltonian(ONE, Bonds.none(), 2.0, field=(0, 0, 30.0))
    x = 2 * MU_B * 30 / (K_B * kelvin)
    exact = -K_B * kelvin * (x - np.log(2 * x) + np.log1p(-np.exp(-2 * x)))
    found = worth(Harmonic(kelvin), model, UP, device, real)
    assert found.value[0] == pytest.approx(exact, rel=1e-6 if real == np.float32 else 1e-12)
    assert found.error[0] == 0


def test_a_spin_of_easy_plane_turns_freely(device):
    """Z = int_0^1 exp(-K z^2 / kT) dz, a circle of minima."""
    K, kT = 3.0, K_B * 0.5
    model = Hamiltonian(ONE, Bonds.none(), anisotropy=(UniaxialAnisotropy(-K),))
    found = worth(Harmonic(0.5), model, [[[0.6, 0.8, 0]]], device)
    assert found.value[0] == pytest.approx(-kT * np.log(0.5 * np.sqrt(np.pi * kT / K)), rel=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_two_coupled_spins_turn_freely_as_one(device, sign):
    """Z = sinh x / x, x = |J| / kT, a sphere of minima."""
    x = 2.0 / (K_B * 0.8)
    s = np.array([[[0.48, 0.64, 0.6]] * 2]) * [[[1], [sign]]]
    found = worth(Harmonic(0.8), cluster((0, 1, sign * 2.0), sites=2), s, device)
    assert found.value[0] == pytest.approx(-K_B * 0.8 * (x - np.log(2 * x)), rel=1e-12)


def test_a_triangle_of_antiferromagnetic_bonds_turns_as_a_rigid_body(device):
    """E = |J| (S^2 - 3) / 2 and the density of S = |s1 + s2 + s3| is S^2 / 2 below 1: three spins, three rotations."""
    J, kT = 2.0, K_B * 0.3
    model = cluster((0, 1, -J), (1, 2, -J), (2, 0, -J), sites=3)
    angle = 2 * np.pi * np.arange(3) / 3
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    s = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)[None] @ turn
    log_z = 1.5 * J / kT + np.log(quad(lambda S: S**2 / 2 * np.exp(-J * S**2 / (2 * kT)), 0, 1)[0])
    assert worth(Harmonic(0.3), model, s, device).value[0] == pytest.approx(-kT * log_z, rel=1e-9)


def test_volumes_of_orbits():
    s = oracle.random_textures(MODELS["square_bloch"], 1)[0]
    about = np.cross([0.0, 0.6, 0.8], s)
    size = np.linalg.norm(about)
    assert orbit(s, np.stack([about / size, 0 * s, 0 * s])) == pytest.approx(2 * np.pi * size)
    assert orbit(s, np.zeros((3, *s.shape))) == 1.0


def test_a_ferromagnet_has_the_entropy_of_its_waves(device, monkeypatch):
    """Sampled: kT sum_q ln[(J(0) - J(q) + m B) / 2 pi kT] of 900 spins, within its error."""
    lattice = Lattice.named("square", (30, 30, 1))
    model = Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)), 1.0, field=(0, 0, 8.0))
    q = 2 * np.pi * lattice.coordinates[:, :2] / 30
    h, kT = 4 - 2 * np.cos(q).sum(axis=1) + MU_B * 8, K_B * 2.0
    exact = -2 * 900 - 900 * MU_B * 8 + kT * np.log(h / (2 * np.pi * kT)).sum() + 900 * kT * np.log(4 * np.pi)
    found = worth(Harmonic(2.0), model, np.tile(UP, (1, 900, 1)), device, np.float32)
    assert found.error[0] < 0.02 * 900 * kT
    assert abs(found.value[0] - exact) < 3.5 * found.error[0]


@pytest.mark.parametrize("name", ["triangular_j1_j3", "large_film"])
def test_sampled_and_whole_spectra_agree(name, device, monkeypatch):
    """Rotations and soft modes are treated alike."""
    model, evaluator = MODELS[name], Evaluator(MODELS[name], device, np.float64)
    minimizer = LBFGS(Convergence(torque=1e-8, steps=20000, variance=None))
    s = relax(minimizer, evaluator, oracle.random_textures(model, 4)).textures
    fitness = Harmonic(3.0, probes=12)
    sampled = worth(fitness, model, s, device, np.float32)
    assert (sampled.error > 0).all()
    monkeypatch.setattr(modes, "DENSE", 10**6)
    whole = worth(fitness, model, s, device)
    error = sampled.value - whole.value
    assert (sampled.error < 0.03 * model.n_spins * K_B * 3.0).all()
    assert (np.abs(error) < 5 * sampled.error).all()


def test_a_soft_mode_is_no_softer_than_thermal_motion_makes_it(device):
    """No stiffness at all: F stays finite, and a warmer texture has more room."""
    model = Hamiltonian(Lattice.cluster([[0, 0, 0], [1, 0, 0]]), Bonds.none(), 1.0, (UniaxialAnisotropy(1e-5),))
    found = [worth(Harmonic(t), model, np.tile(UP, (1, 2, 1)), device).value[0] for t in (1.0, 10.0)]
    free = [2 * K_B * t * np.log(4 * np.pi / (2 * np.pi) ** 2) for t in (1.0, 10.0)]  # each as on a square of side 2 pi
    assert_allclose(found, free, atol=3e-4)  # the anisotropy itself is 2e-5


# -- sampled: exact integrals over the sphere --------------------------------------------------------------------------


def sphere() -> tuple[np.ndarray, np.ndarray]:
    """Directions [point, 3] and weights [point] that sum to 1: Gauss in z, equal steps in azimuth."""
    node, weight = np.polynomial.legendre.leggauss(100)
    phi = 2 * np.pi * (np.arange(200) + 0.5) / 200
    z, phi = (a.ravel() for a in np.meshgrid(node, phi, indexing="ij"))
    rho = np.sqrt(1 - z * z)
    return np.stack([rho * np.cos(phi), rho * np.sin(phi), z], axis=1), np.repeat(weight, 200) / 400


def exact_local(model: Hamiltonian, anchor: np.ndarray, kelvin: float, scope: float) -> float:
    """One spin: - kT ln of the integral over all directions."""
    s, weight = sphere()
    energy = oracle.energy(model, s[:, None]) + scope * (1 - s @ anchor)
    return float(energy.min() - K_B * kelvin * np.log(weight @ np.exp(-(energy - energy.min()) / (K_B * kelvin))))


@pytest.mark.parametrize(
    ("model", "anchor"),
    [
        (Hamiltonian(ONE, Bonds.none(), 2.0, field=(0, 0, 9.0)), [0, 0, 1.0]),
        (Hamiltonian(ONE, Bonds.none(), 2.0, field=(0, 0, 9.0)), [0, 0.8, 0.6]),
        (Hamiltonian(ONE, Bonds.none(), 1.0, (UniaxialAnisotropy(0.8, (1, 0, 1)),), (0, 0, 9.0)), [0, 0, 1.0]),
        (Hamiltonian(ONE, Bonds.none(), 1.0, (CubicAnisotropy(1.5),), (0, 0, 2.0)), [1.0, 0, 0]),
    ],
    ids=["minimum", "elsewhere", "easy axis", "cubic"],
)
@pytest.mark.parametrize("reflections", [0, 1])
def test_local_entropy_of_a_spin(model, anchor, reflections, device, real):
    for kelvin, scope in ((1.0, 0.3), (6.0, 0.5)):
        fitness = LocalEntropy(kelvin, scope, sweeps=1000, warmup=100, reflections=reflections)
        found = worth(fitness, model, np.tile(anchor, (16, 1, 1)), device, real)
        exact = exact_local(model, np.array(anchor), kelvin, scope)
        assert (found.error < 0.05 * K_B * kelvin).all()
        assert_array_equal(found.value, found.value[0], "the same draws for every texture")
        assert abs(found.value[0] - exact) < 4 * found.error[0] + 1e-6


def test_local_entropy_of_two_coupled_spins(device):
    """One integrated out: the other feels a field of length |J s + g a|."""
    J, scope, kelvin = 2.0, 0.4, 4.0
    kT, (s, weight) = K_B * kelvin, sphere()
    f = np.linalg.norm(J * s + scope * UP[0], axis=1) / kT
    z = weight @ (np.sinh(f) / f * np.exp(scope * s[:, 2] / kT))
    exact = 2 * scope - kT * np.log(z)
    fitness = LocalEntropy(kelvin, scope, sweeps=4000, warmup=200)
    found = worth(fitness, cluster((0, 1, J), sites=2), np.tile(UP, (1, 2, 1)), device)
    assert found.error[0] < 0.02 * kT
    assert abs(found.value[0] - exact) < 4 * found.error[0]


def test_local_entropy_of_stiff_springs_is_that_of_springs_and_vibrations(device):
    """At low temperature: E + kT/2 sum ln[(h + g) / 2 pi kT] + N kT ln 4 pi, on a frustrated magnet."""
    model = MODELS["kagome_tensor"]
    evaluator = Evaluator(model, device, np.float64)
    minimizer = LBFGS(Convergence(torque=1e-8, steps=20000, variance=None))
    s = relax(minimizer, evaluator, oracle.random_textures(model, 3)).textures
    kT, scope = K_B * 0.2, 0.5
    found = worth(LocalEntropy(0.2, scope, sweeps=1000), model, s, device)
    for k, texture in enumerate(s):
        h = np.linalg.eigvalsh(modes.dense(evaluator, texture)[0]) + scope
        F = oracle.energy(model, texture) + 0.5 * kT * np.log(h / (2 * np.pi * kT)).sum() + 36 * kT * np.log(4 * np.pi)
        assert found.error[k] < 0.01 * 36 * kT
        assert abs(found.value[k] - F) < 4 * found.error[k] + 2e-3 * 36 * kT


# -- two minima that change places -------------------------------------------------------------------------------------

J, k, n, Kc, GAP = 1.0, 0.4, 8, 30.0, 0.05


def star() -> tuple[Hamiltonian, np.ndarray, float]:
    """A stiff centre with two easy directions, n satellites coupled to it; both minima, and where they cross, K.

    Satellites have an easy axis along z: along z everything is stiff, along x they are soft towards z. The centre's
    easy axis along x leaves the minimum along x higher by GAP. For each direction of displacement the Hessian is a
    star: C + n J in its centre, D at the tips, - J between them, with determinant D^(n-1) [(C + n J) D - n J^2].
    """
    Kx = n * k - GAP
    centre = (CubicAnisotropy(Kc, atoms=(0,)), UniaxialAnisotropy(Kx, (1, 0, 0), atoms=(0,)))
    tips = UniaxialAnisotropy(k, (0, 0, 1), atoms=tuple(range(1, n + 1)))
    model = cluster(*((0, tip, J) for tip in range(1, n + 1)), sites=n + 1, anisotropy=(*centre, tips))
    minima = np.stack([np.tile([0.0, 0, 1], (n + 1, 1)), np.tile([1.0, 0, 0], (n + 1, 1))])

    def log_det(*directions: tuple[float, float]) -> float:
        return sum(np.log(D ** (n - 1) * ((C + n * J) * D - n * J**2)) for C, D in directions)

    along_z = log_det((2 * Kc - 2 * Kx, J + 2 * k), (2 * Kc, J + 2 * k))
    along_x = log_det((2 * Kc + 2 * Kx, J), (2 * Kc + 2 * Kx, J - 2 * k))
    return model, minima, 2 * GAP / (along_z - along_x) / K_B


def test_the_flatter_minimum_is_worth_more_above_the_crossing(device):
    """The higher minimum of the star gains GAP at the temperature that its determinants say, to the last digit."""
    model, minima, crossing = star()
    energy = oracle.energy(model, minima)
    assert energy[1] - energy[0] == pytest.approx(GAP)
    assert 0.01 < crossing < 0.1
    for part in (0.2, 0.5, 1.0, 2.0, 3.0):
        found = worth(Harmonic(part * crossing), model, minima, device).value
        assert found[1] - found[0] == pytest.approx(GAP * (1 - part), abs=1e-12)


@pytest.mark.parametrize("part", [0.4, 1.6])
def test_local_entropy_ranks_as_vibrations_do(part, device):
    """On both sides of the crossing, by several errors, on weak springs."""
    model, minima, crossing = star()
    found = worth(LocalEntropy(part * crossing, scope=0.002, sweeps=3000, warmup=200), model, minima, device)
    gain, error = found.value[1] - found.value[0], np.hypot(*found.error)
    assert error < 0.05 * GAP
    assert abs(gain - GAP * (1 - part)) < 4 * error + 0.03 * GAP
    assert (gain < 0) == (part > 1)


@pytest.mark.parametrize("fitness", [Harmonic, LocalEntropy])
@pytest.mark.parametrize("part", [0.4, 1.6])
def test_an_island_ranks_by_worth_and_reports_energies(fitness, part):
    """The champion of the star is the lower minimum below the crossing, and the flatter one above."""
    model, minima, crossing = star()
    more = {"scope": 0.002, "sweeps": 2000} if fitness is LocalEntropy else {}
    settings = GeneticTunneling(replicas=8, elites=2, fitness=fitness(part * crossing, **more))
    island = Island(Crystal(model, Cpu()), Evaluator(model, Cpu()), settings)
    energy = oracle.energy(model, minima)
    given = [
        Candidate(s, float(e), 0.0, "", 0, fingerprint(model.lattice, s, e))
        for s, e in zip(minima, energy, strict=True)
    ]
    island.merge(given)
    elites = polish(island)
    assert [round(abs(elite.spins[0, 0])) for elite in elites] == ([1, 0] if part > 1 else [0, 1])
    for elite in elites:
        assert elite.energy == pytest.approx(float(oracle.energy(model, elite.spins)), rel=1e-12)
    gain = elites[1].worth - elites[0].worth
    assert gain == pytest.approx(GAP * abs(1 - part), abs=1e-9 if fitness is Harmonic else 0.2 * GAP)


@dataclass(frozen=True)
class Copy:
    """The parent itself."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: np.ndarray, draws: Draws) -> np.ndarray:
        return parents[:, 0]


def test_parents_are_those_of_the_best_worth():
    """Steady state with a share of one half: only the better half by worth is ever drawn."""
    model, minima, _ = star()
    island = Island(
        Crystal(model, Cpu()), Evaluator(model, Cpu()), GeneticTunneling(replicas=8, operators=((Copy(), 1.0),))
    )
    energy = oracle.energy(model, minima)
    given = [
        Candidate(s, float(e), 0.0, str(k), 0, fingerprint(model.lattice, s, e), free_energy=-float(k))
        for k, (s, e) in enumerate(zip(minima, energy, strict=True))
    ]
    island.merge(given)
    assert [c.origin for c in island.candidates] == ["1", "0"]
    island.state = replace(island.state, generation=SEEDING)
    assert all(np.allclose(c.spins, minima[1], atol=1e-6) for c in island._offspring(0))


def test_free_energies_travel_and_are_stored():
    """In messages and checkpoints; candidates without one have none on the other side."""
    model, minima, _ = star()
    given = [
        Candidate(
            minima[0].astype(np.float32), -1.0, 0.0, "", 0, fingerprint(model.lattice, minima[0], -1.0), free_energy=f
        )
        for f in (None, -2.5)
    ]
    found = unpacked(packed(given, model.lattice.sites), Cpu(), model.lattice)
    assert [c.free_energy for c in found] == [None, -2.5]
    assert [c.worth for c in found] == [-1.0, -2.5]


# -- what all have in common -------------------------------------------------------------------------------------------

ALL = [Harmonic(3.0), LocalEntropy(3.0, sweeps=30, warmup=5)]


@pytest.mark.parametrize("fitness", ALL, ids=lambda f: type(f).__name__)
def test_worth_is_of_the_texture_alone(fitness, device, monkeypatch):
    """Whatever others are valued with it, by recursion as well; repeatable."""
    model = MODELS["square_bloch"]
    model = replace(model, bonds=shell_bonds(model.lattice, bloch(1.0, 0.4)))
    evaluator = Evaluator(model, device, np.float32, "direct")
    s = relax(LBFGS(), evaluator, oracle.random_textures(model, 5)).textures
    for dense in (200, 0):
        monkeypatch.setattr(modes, "DENSE", dense)
        energy = oracle.energy(model, s.astype(np.float64))
        together = fitness(evaluator, s, energy, lambda: None, KEY)
        alone = fitness(evaluator, s[3:4], energy[3:4], lambda: None, KEY)
        assert together.value[3] == pytest.approx(alone.value[0], abs=1e-4 * K_B * fitness.temperature)
        assert_array_equal(fitness(evaluator, s, energy, lambda: None, KEY).value, together.value)


@pytest.mark.parametrize("fitness", ALL, ids=lambda f: type(f).__name__)
def test_one_can_be_told_to_stop(fitness, device):
    def watch() -> None:
        raise Interrupted

    model = MODELS["square_bloch"]
    s = oracle.random_textures(model, 2)
    with pytest.raises(Interrupted):
        fitness(Evaluator(model, device), s, oracle.energy(model, s), watch, KEY)


@pytest.mark.parametrize("kind", [Harmonic, LocalEntropy])
@pytest.mark.parametrize("kelvin", [0.0, -1.0, np.nan])
def test_a_free_energy_needs_a_temperature(kind, kelvin):
    with pytest.raises(ValueError, match="above 0 K"):
        kind(kelvin)
