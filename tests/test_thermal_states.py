"""Thermal states of a column: exact averages, ladders that agree or do not, and free energies."""

from __future__ import annotations

import numpy as np
import pytest
from models import MODELS, exchange, shell_bonds
from scipy.special import erfc

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.phases.column import ALL, Minimum
from magsearch.phases.rules import label
from magsearch.randomness import key
from magsearch.scan.thermal import STEP, Tempering, _free_energies, sampled
from magsearch.units import K_B, MU_B

CHAIN = Lattice.named("chain", (12, 1, 1), periodic=(False, False, False))
FERROMAGNET = Hamiltonian(CHAIN, shell_bonds(CHAIN, exchange(2.0)))


def uniform(hamiltonian: Hamiltonian, direction=(0.0, 0.0, 1.0)) -> Minimum:
    texture = np.tile(np.array(direction, dtype=float), (hamiltonian.lattice.sites, 1))
    energy = Evaluator(hamiltonian, Cpu(), np.float64).energies(texture)[0]
    return Minimum.of(hamiltonian, hamiltonian.field, texture, energy, 0.0, "made")


@pytest.mark.slow
def test_open_chain_has_fishers_energy_at_every_temperature():
    """E / (N - 1) = - J L(J / kT), L the Langevin function (Fisher, Am. J. Phys. 32, 343 (1964))."""
    kelvin = (3.0, 8.0, 20.0)
    tempering = Tempering(ladders=3, sweeps=1500, warmup=300)
    states = sampled(Evaluator(FERROMAGNET, Cpu()), kelvin, [uniform(FERROMAGNET)], tempering, key(1, 13))
    for t, state in zip(kelvin, states, strict=True):
        K = 2.0 / (K_B * t)
        exact = -11 / 12 * 2.0 * (1 / np.tanh(K) - 1 / K)
        energy = state.averages.energy
        assert state.averages.kelvin == t
        assert abs(energy.mean - exact) < 4 * energy.error
        assert energy.error < 0.02
        assert state.begun == ALL
        assert state.exchanged > 0.05
        assert state.snapshot.shape == (12, 3)
    short = Tempering(ladders=3, sweeps=60, warmup=10)
    one, other = (
        sampled(Evaluator(FERROMAGNET, Cpu()), kelvin, [uniform(FERROMAGNET)], short, key(1, 13)) for _ in range(2)
    )
    assert [s.averages for s in one] == [s.averages for s in other], "equal keys give equal bits"


def test_ladders_that_begin_in_different_phases_agree_once_they_have_forgotten():
    """A paramagnet in a field, begun along it and against it: Langevin's magnetisation from both."""
    lattice = Lattice.named("square", (6, 6, 1))
    free = Hamiltonian(lattice, FERROMAGNET.bonds.none(), 2.0, field=(0, 0, 10.0))
    starts = [uniform(free), uniform(free, (0, 0, -1.0))]
    (state,) = sampled(Evaluator(free, Cpu()), [4.0], starts, Tempering(ladders=2, sweeps=400, warmup=20), key(2, 13))
    x = 2 * MU_B * 10 / (K_B * 4)
    spin = state.averages.magnetization[2]
    assert state.agreed
    assert abs(spin.mean - (1 / np.tanh(x) - 1 / x)) < 4 * spin.error
    assert state.label == "ferromagnet"
    assert state.share == 1.0


def test_metastable_ladders_are_marked_and_the_lower_free_energy_counts():
    """A hard magnet far below its ordering temperature: the ladder that began against the field stays there."""
    lattice = Lattice.named("square", (8, 8, 1))
    easy = (UniaxialAnisotropy(4.0),)
    hard = Hamiltonian(lattice, shell_bonds(lattice, exchange(2.0)), 1.0, easy, (0, 0, 0.4))
    starts = [uniform(hard, (0, 0, -1.0)), uniform(hard)]
    (state,) = sampled(Evaluator(hard, Cpu()), [4.0], starts, Tempering(ladders=2, sweeps=300, warmup=50), key(3, 13))
    assert not state.agreed
    assert state.begun == "ferromagnet"
    assert np.isnan(state.exchanged) or not np.isfinite(state.exchanged)
    down, up = state.averages.magnetization[2].mean < 0, state.portrait.along > 0.5
    assert down != up
    # with a ladder that reaches into the paramagnet, where both agree, the free energy tells them apart
    hot = Tempering(ladders=2, sweeps=2400, warmup=600, hottest=300.0, rungs=24)
    (state,) = sampled(Evaluator(hard, Cpu()), [4.0], starts, hot, key(3, 13))
    assert state.averages.magnetization[2].mean > 0.8


def test_free_energy_is_the_integral_of_the_energy_over_the_inverse_temperature():
    """One spin in a field: F = - kT ln(sinh(h / kT) / (h / kT)), its energy is - h L(h / kT)."""
    kelvin, h = np.geomspace(2, 60, 200), 3.0
    x = h / (K_B * kelvin)
    energy = -h * (1 / np.tanh(x) - 1 / x)
    found = _free_energies(np.repeat(energy[:, None, None], 5, axis=1), kelvin.tolist())[:, 0]
    exact = -np.log(np.sinh(x) / x)
    assert np.abs(found - (exact - exact[-1])).max() < 1e-3


def test_rungs_hold_the_wanted_temperatures_and_overlap():
    for spins in (100, 10000):
        rungs = Tempering(rungs=2000).ladder((5.0, 30.0, 40.0), spins)
        assert {5.0, 30.0, 40.0} <= set(rungs)
        steps = np.array(rungs[1:]) / np.array(rungs[:-1]) - 1
        assert steps.min() > 0
        assert steps.max() <= STEP / np.sqrt(spins) * (1 + 1e-9)
    limited = Tempering(rungs=20, hottest=100.0).ladder((5.0, 30.0, 40.0), 10000)
    assert len(limited) <= 20
    assert {5.0, 30.0, 40.0, 100.0} <= set(limited)
    assert Tempering(rungs=1).ladder((7.0,), 50) == (7.0,)
    assert Tempering(rungs=1).ladder((1.0, 2.0, 3.0), 50) == (1.0, 2.0, 3.0), "what is wanted is there in any case"


def test_exchanges_are_accepted_as_often_as_energies_overlap():
    """A ferromagnet at low temperature has a heat capacity of N k_B: erfc(sqrt(N) ln(T' / T) / 2)."""
    lattice = Lattice.named("square", (20, 20, 1))
    hamiltonian = Hamiltonian(lattice, shell_bonds(lattice, exchange(2.0)), field=(0, 0, 5.0))
    rungs = Tempering().ladder((1.0, 2.0), hamiltonian.n_spins)
    tempering = Tempering(ladders=2, sweeps=600, warmup=100)
    states = sampled(Evaluator(hamiltonian, Cpu()), (1.0, 2.0), [uniform(hamiltonian)], tempering, key(4, 13))
    expected = erfc(0.5 * 20 * np.log(rungs[1] / rungs[0]))
    assert 0.15 < expected < 0.25
    for state in states:
        assert state.exchanged == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("name", ["square_bloch", "kagome_tensor", "disordered"])
def test_any_model_can_be_sampled(name):
    hamiltonian = MODELS[name]
    texture = np.random.default_rng(1).normal(size=(hamiltonian.lattice.sites, 3))
    texture = texture / np.linalg.norm(texture, axis=1)[:, None] * hamiltonian.occupied[:, None]
    start = Minimum.of(hamiltonian, hamiltonian.field, texture, 0.0, 0.0, "made")
    states = sampled(Evaluator(hamiltonian, Cpu()), (5.0, 50.0), [start], Tempering(sweeps=30, warmup=10), key(1, 13))
    assert [state.averages.kelvin for state in states] == [5.0, 50.0]
    assert all(state.label == label(state.portrait) for state in states)
    assert states[0].per_site < states[1].per_site
