"""Single-spin updates: every move leaves the Boltzmann distribution as it is, and books what it does."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest
import scipy.stats
from models import MODELS, kagome_tensor, large_film, square_bloch
from numpy.testing import assert_allclose, assert_array_equal
from statistics_of import RARE, assert_mean, assert_within, standard_error
from sweeping import KEY, contact, swept, textures_of

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import Convergence, VarianceControl
from magsearch.relaxation.motion import STATE, Motion
from magsearch.relaxation.relax import relax
from magsearch.relaxation.seats import Row
from magsearch.thermal.heat_bath import (
    FIRST,
    MOVE,
    SWEEP,
    HeatBath,
    bath,
    energies,
    enter,
    kicked,
    moves,
    random_textures,
    run,
    sweep,
    warm,
)
from magsearch.units import K_B, MRY, MU_B

EVERY = moves(*list(MOVE)[:-1])


# -- detailed balance --------------------------------------------------------------------------------------------------

FRAME = ((0.6, 0.8, 0.0), (-0.8, 0.6, 0.0), (0.0, 0.0, 1.0))
ONE = Lattice.cluster([[0, 0, 0]])
SINGLE: dict[str, Hamiltonian] = {  # one spin in a field of 1 to 4 meV, with every anisotropy
    "field": Hamiltonian(ONE, Bonds.none(), 2.0, field=(8.0, -4.0, 6.0)),
    "easy axis": Hamiltonian(ONE, Bonds.none(), 2.0, (UniaxialAnisotropy(1.5, (1, 1, 0)),), (0.0, 3.0, 8.0)),
    "easy plane": Hamiltonian(ONE, Bonds.none(), 2.0, (UniaxialAnisotropy(-2.0, (0, 1, 1), K4=0.7),), (5.0, 0.0, 9.0)),
    "cubic": Hamiltonian(ONE, Bonds.none(), 2.0, (CubicAnisotropy(-3.0, FRAME),), (4.0, 2.0, 0.0)),
    "anisotropy alone": Hamiltonian(ONE, Bonds.none(), 2.0, (UniaxialAnisotropy(1.0, (0.2, 0, 1)),)),
}
KT = 0.8  # meV


@cache
def boltzmann(model: Hamiltonian, count: int) -> np.ndarray:
    """Textures of a one-spin model drawn from exp(-E / kT) by rejection, [replica, 1, 3]."""
    rng = np.random.default_rng(5)
    probe = oracle.energy(model, oracle.random_textures(model, 20000, 1)).min() - 0.05
    kept: list[np.ndarray] = []
    while sum(map(len, kept)) < count:
        s = rng.normal(size=(5 * count, 1, 3))
        s /= np.linalg.norm(s, axis=-1, keepdims=True)
        kept.append(s[rng.random(len(s)) < np.exp(-(oracle.energy(model, s) - probe) / KT)])
    drawn = np.concatenate(kept)[:count]
    drawn.flags.writeable = False
    return drawn


def once(model: Hamiltonian, device: Any, real: Any, s: np.ndarray, kinds: int, cone: float = 0.7) -> np.ndarray:
    motion = Motion.start(Evaluator(model, device, real), s, key=KEY)
    enter(motion, KT / K_B)
    motion.flat["cone"][...] = cone
    sweep(motion, kinds, 3)
    return textures_of(motion)[:, 0].astype(np.float64)


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("move", list(MOVE)[:-1])
@pytest.mark.spread(2)
def test_every_move_is_in_detailed_balance(name, move, target, real):
    """From equilibrium, s -> s' is as frequent as s' -> s, and both are distributed alike."""
    count = 4000 if target.name == "simulated" else 30000
    before = boltzmann(SINGLE[name], count)
    after = once(SINGLE[name], target, real, before, moves(move))
    s, t = before[:, 0], after
    assert np.linalg.norm(s - t, axis=1).mean() > 0.02, "it moves"
    for forth, back in (  # f(s, s') and f(s', s)
        (s[:, 2] * t[:, 0] ** 2, t[:, 2] * s[:, 0] ** 2),
        (s[:, 0] * t[:, 1], t[:, 0] * s[:, 1]),
        (s[:, 2] ** 3 * t[:, 1], t[:, 2] ** 3 * s[:, 1]),
        (np.exp(s[:, 0] + 2 * t[:, 2]), np.exp(t[:, 0] + 2 * s[:, 2])),
    ):
        flow = forth - back
        if np.abs(flow).max() > 1e-5:  # a reversal exchanges many functions exactly
            assert_mean(flow)
    fresh = boltzmann(SINGLE[name], 2 * count)[count:, 0]
    for axis in range(3):
        assert scipy.stats.ks_2samp(t[:, axis], fresh[:, axis]).pvalue > RARE


@pytest.mark.parametrize("kinds", [moves("HEATBATH", "CONE"), EVERY])
def test_moves_in_turn_leave_equilibrium_as_it_is(kinds, device, real):
    for model in SINGLE.values():
        s = boltzmann(model, 60000)
        after = once(model, device, real, s[:30000], kinds)
        for axis in range(3):
            assert scipy.stats.ks_2samp(after[:, axis], s[30000:, 0, axis]).pvalue > RARE


def test_the_heat_bath_forgets_where_a_spin_was_and_the_others_do_not(device, real):
    """Without anisotropy: a heat bath's s' does not depend on s, a cone's stays inside, a reflection is its inverse."""
    model = SINGLE["field"]
    s = boltzmann(model, 16)
    assert_allclose(*(once(model, device, real, t, moves("HEATBATH")) for t in (s, -s)), atol=1e-6)
    wide = once(model, device, real, s, moves("CONE"), cone=0.1)
    assert ((wide * s[:, 0]).sum(axis=1) >= 0.9 - 1e-6).all()
    there = once(model, device, real, s, moves("REFLECTION"))
    back = once(model, device, real, there[:, None], moves("REFLECTION"))
    assert_allclose(back, s[:, 0], atol=2e-6 if real == np.float32 else 1e-14)
    assert np.abs(there - s[:, 0]).max() > 0.1


# -- books -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [moves(m) for m in list(MOVE)[:-1]] + [moves("HEATBATH", "CONE"), EVERY])
@pytest.mark.spread(3)
def test_energy_and_magnetisation_are_kept_from_changes(kinds, model, device, real):
    """After each sweep the sums over changes give the oracle's energy of the texture; spins stay on the sphere."""
    motion = contact(model, device, real, 5, [0.0, 1.0, 30.0, 300.0, 1e5])
    energy = energies(motion)
    for draw in range(4):
        swept = sweep(motion, kinds, draw)
        energy = energy + device.host(swept)[SWEEP["CHANGE"], :5]
    s = textures_of(motion).astype(np.float64)
    scale = np.linalg.norm(oracle.field(model, s), axis=-1).sum(axis=-1) + model.lattice.sites
    assert (np.abs(energy - oracle.energy(model, s)) <= (1e-5 if real == np.float32 else 1e-13) * scale).all()
    total = device.host(swept)[SWEEP["SX"] : SWEEP["SZ"] + 1, :5].T
    assert_allclose(total, s.sum(axis=1), atol=1e-5 * model.lattice.sites)
    length = np.linalg.norm(s, axis=-1)
    assert_allclose(length, np.broadcast_to(model.occupied, length.shape), atol=2e-6 if real == np.float32 else 1e-14)


def test_books_on_the_gpus_text(target, real):
    for name in ("kagome_tensor", "disordered", "box_within_range", "open_chain"):
        test_energy_and_magnetisation_are_kept_from_changes(moves("HEATBATH", "CONE"), MODELS[name], target, real)


def test_reflections_keep_the_energy(model, device):
    """Exactly where the energy is linear in every spin; where it is not, the test is that of Metropolis."""
    motion = contact(model, device, np.float64, 5, 50.0)
    before = oracle.energy(model, textures_of(motion))
    s = textures_of(motion)
    sweep(motion, moves("REFLECTION"), 0)
    after = oracle.energy(model, textures_of(motion))
    if motion.evaluator.sweep_plan.linear:
        assert_allclose(after, before, atol=1e-11 * motion.evaluator.stiffness * model.lattice.sites)
    assert np.abs(textures_of(motion) - s).max() > 0.1


def test_state_is_that_of_the_textures_also_after_many_sweeps(device, real):
    """Energies are summed anew every hundred sweeps: rounding does not add up."""
    model = kagome_tensor()
    motion = contact(model, device, real, 20, 20.0)
    run(motion, 250, 1)
    s = textures_of(motion).astype(np.float64)
    assert_allclose(energies(motion), oracle.energy(model, s), rtol=1e-5 if real == np.float32 else 1e-12)
    state = device.host(motion.flat["state"])[:, :20]
    assert_allclose(state[STATE["MEAN_X"] : STATE["MEAN_Z"] + 1].T, s.mean(axis=1), atol=1e-5)
    assert (state[STATE["STEPS"]] == 500).all()


# -- reproducible ------------------------------------------------------------------------------------------------------


def test_a_replica_does_not_depend_on_the_others(target, real):
    """Not by one bit: alone with those before it, or in a larger batch."""
    whole = swept(kagome_tensor(), target, real, 40)
    assert_array_equal(swept(kagome_tensor(), target, real, 21), whole[:21])
    assert_array_equal(swept(kagome_tensor(), target, real, 1), whole[:1])


def test_replicas_keep_their_numbers_when_others_leave(device, real):
    """Removing others between two sweeps does not change the remaining replicas."""
    motion, other = (contact(kagome_tensor(), device, real, 40, np.linspace(1, 100, 40)) for _ in range(2))
    run(motion, 2, 0)
    run(other, 2, 0)
    few = other.thinned(Row.of(np.array([3, 17, 38]), device.width).columns)
    run(motion, 2, 0)
    run(few, 2, 0)
    assert_array_equal(textures_of(few), textures_of(motion)[[3, 17, 38]])
    assert_array_equal(energies(few), energies(motion)[[3, 17, 38]])


def test_every_part_of_the_counter_matters(device):
    """Another key, replica, sweep, site or move: other numbers. Equal ones: equal bits."""
    model = SINGLE["field"]
    base = swept(model, device, np.float64, 5)
    assert_array_equal(swept(model, device, np.float64, 5), base)
    assert (swept(model, device, np.float64, 5, (KEY[0] + 1, KEY[1])) != base).all()
    assert (swept(model, device, np.float64, 5, (KEY[0], KEY[1] + 1)) != base).all()
    film = Hamiltonian(Lattice.named("square", (4, 4, 1)), Bonds.none(), 2.0, field=(0, 0, 5.0))
    motion = contact(film, device, np.float64, 6, 10.0)
    seen = []
    for draw in (0, 1, 2):
        sweep(motion, moves("HEATBATH"), draw)
        seen.append(textures_of(motion))
    warm(motion, np.inf)
    sweep(motion, moves("CONE"), 0)
    z = np.array([*seen, textures_of(motion)])[..., 2]
    assert len(np.unique(z)) == z.size, "all sites, replicas, sweeps and moves differ"
    assert FIRST not in range(len(MOVE))


def test_cpu_and_gpu_make_the_same_moves(target):
    """With the same order of the sites, a few sweeps in double precision agree to rounding."""
    cpu = Cpu()
    cpu.stretch = target.stretch
    for name in ("kagome_tensor", "large_film", "disordered"):
        mine, theirs = (swept(MODELS[name], machine, np.float64, 5, sweeps=2) for machine in (cpu, target))
        assert_allclose(mine, theirs, atol=1e-8)


SWEEPS = """
import sys
sys.path.insert(0, {tests!r})
import numpy as np
from models import MODELS
from sweeping import swept
from magsearch.engine.cpu import Cpu
names = ("triangular_j1_j3", "large_film", "kagome_tensor", "disordered")
reals = ("float32", "float64")
np.savez(sys.argv[1], **{{name + real: swept(MODELS[name], Cpu(), real, 40) for name in names for real in reals}})
"""


def test_number_of_threads_does_not_change_a_bit(tmp_path):
    """Also within a texture: these lattices are cut into several stretches."""
    assert len(Evaluator(large_film(), Cpu()).sweep_plan.colour) > 2
    found = []
    for threads in ("1", "3"):
        where = tmp_path / f"{threads}.npz"
        script = SWEEPS.format(tests=str(Path(__file__).parent))
        environment = os.environ | {"OMP_NUM_THREADS": threads}
        subprocess.run([sys.executable, "-c", script, where], check=True, env=environment, timeout=120)
        with np.load(where) as file:
            found.append(dict(file))
    for name, textures in found[0].items():
        assert_array_equal(found[1][name], textures, err_msg=name)


# -- temperatures ------------------------------------------------------------------------------------------------------


def test_at_absolute_zero_spins_align_with_their_field(device, real):
    """One spin after the other: the energy falls with every sweep, down to where the largest torque vanishes."""
    model = square_bloch()
    relaxed = relax(HeatBath(0.0, Convergence(steps=3000, variance=None)), Evaluator(model, device, real),
                    oracle.random_textures(model, 20))  # fmt: skip
    best = relax(BarzilaiBorwein(), Evaluator(model, device, np.float64), relaxed.textures)
    assert_allclose(relaxed.energy, best.energy, rtol=2e-5)
    motion = contact(model, device, np.float64, 20, 0.0)
    falling = [energies(motion)]
    for _ in range(30):
        run(motion, 1, 0)
        falling.append(energies(motion))
    assert (np.diff(falling, axis=0) <= 1e-12).all()


def test_at_infinite_temperature_spins_are_uniform(device, real):
    model = kagome_tensor()
    motion = contact(model, device, real, 64, np.inf)
    run(motion, 20, 0)
    s = textures_of(motion).reshape(-1, 3).astype(np.float64)
    assert scipy.stats.kstest(s[:, 2], "uniform", (-1, 2)).pvalue > RARE
    assert (np.abs(s.T @ s / len(s) - np.eye(3) / 3) < 5 / np.sqrt(11 * len(s))).all()


def test_every_replica_has_its_own_temperature(device, real):
    """One spin in a field, sixteen temperatures in one register: sixteen mean projections."""
    kelvin = np.geomspace(0.5, 200, 16)
    model = Hamiltonian(ONE, Bonds.none(), 2.0, field=(0, 0, 9.0))
    motion = contact(model, device, real, 16, kelvin)
    z = []
    for _ in range(4000):
        run(motion, 1, 0)
        z.append(device.host(motion.flat["state"])[STATE["MEAN_Z"], :16].copy())
    x = 2 * MU_B * 9.0 / (K_B * kelvin)
    for own, exact in zip(np.transpose(z), 1 / np.tanh(x) - 1 / x, strict=True):
        assert_within(own.mean(), exact, standard_error(own), 1e-6)


def test_a_back_end_takes_a_temperature_for_each_replica(device):
    """Hot replicas continue when the cold ones have converged and are removed: each as it would alone."""
    model, kelvin = square_bloch(), tuple([1e-3, 300.0] * 20)
    evaluator, s = Evaluator(model, device, np.float64), oracle.random_textures(model, 40)
    control = VarianceControl(20, energy=1e-3, moment=1e9)
    relaxed = relax(HeatBath(kelvin, Convergence(0.0, 200, control)), evaluator, s, key=KEY)
    assert set(relaxed.reason[::2]) == {"variance"}
    assert set(relaxed.reason[1::2]) == {"moving"}
    alone = relax(HeatBath(kelvin, Convergence(0.0, 200, None)), evaluator, s, key=KEY)
    assert_array_equal(relaxed.textures[1::2], alone.textures[1::2])


def test_temperatures_can_change_and_padding_may_be_left_out(device):
    motion = contact(square_bloch(), device, np.float64, 3, 10.0)
    assert_allclose(device.host(motion.flat["kT"]), 10 * K_B)
    warm(motion, [1.0, 2.0, 3.0])
    assert_allclose(device.host(motion.flat["kT"])[:3], K_B * np.array([1, 2, 3]))
    assert (device.host(motion.flat["kT"]) > 0).all()


def test_cones_adapt_to_an_acceptance_of_one_half(device, real):
    model = Hamiltonian(square_bloch().lattice, square_bloch().bonds, 2.0, (UniaxialAnisotropy(4.0),))
    motion = contact(model, device, real, 16, np.geomspace(0.1, 300, 16))
    run(motion, 150, 0)
    sums = [device.host(sweep(motion, moves("HEATBATH", "CONE"), 1000 + k)) for k in range(40)]
    accepted = np.mean(sums, axis=0)[SWEEP["ACCEPTED_CONES"], :16] / model.n_spins
    cone = device.host(motion.flat["cone"])[:16]
    assert (np.diff(cone) > -0.1).all()
    assert ((np.abs(accepted - 0.5) < 0.12) | (cone > 2 / 1.1**2)).all(), "one step of 1.1 up or down by chance"
    bath(motion, 0, adapting=False).run()
    assert_array_equal(device.host(motion.flat["cone"])[:16], cone)


def test_a_heat_bath_alone_would_freeze_where_a_cone_does_not(device):
    """Field across an easy axis, kT far below K^2 / h: the heat bath never proposes where the spin belongs."""
    model = Hamiltonian(ONE, Bonds.none(), 2.0, (UniaxialAnisotropy(0.9, (1, 0, 0)),), (0.0, 0.0, 20.0))
    lowest = oracle.energy(model, oracle.random_textures(model, 200000)).min()
    motion = contact(model, device, np.float64, 16, 0.01)
    run(motion, 300, 0)
    assert_allclose(energies(motion), lowest, atol=0.02)
    frozen = contact(model, device, np.float64, 16, 0.01)
    for draw in range(300):
        sweep(frozen, moves("HEATBATH"), draw)
    assert (oracle.energy(model, textures_of(frozen)) > lowest + 0.02).any()


# -- as a local back-end -----------------------------------------------------------------------------------------------


def test_settings_of_the_authors_examples_can_be_written_down(device):
    """input_GTO.json of GTO-2D's Pd/Fe/Ir(111): 1800 sweeps at 1e-4 K, window 100, thresholds 1e-10 (mRy per atom)."""
    control = VarianceControl(window=100, energy=1e-10 * MRY**2, moment=1e-10)
    bath = HeatBath(temperature=1e-4, convergence=Convergence(torque=0.0, steps=1800, variance=control))
    model = square_bloch()
    relaxed = relax(bath, Evaluator(model, device), oracle.random_textures(model, 20), key=KEY)
    assert set(relaxed.reason) <= {"variance", "moving"}
    assert (relaxed.steps % 100 == 0).all()
    assert relaxed.steps.max() <= 1800
    minimum = relax(BarzilaiBorwein(), Evaluator(model, device, np.float64), relaxed.textures)
    assert (relaxed.energy - minimum.energy < 0.02 * np.abs(minimum.energy)).all()
    assert_allclose(relaxed.energy, oracle.energy(model, relaxed.textures.astype(np.float64)), rtol=1e-5)


@pytest.mark.parametrize("which", ["energy", "moment"])
def test_variance_control_measures_the_window(which, device):
    """A threshold just above the variance over the first window ends a replica there, one just below does not."""
    model, window = square_bloch(), 8
    evaluator, s = Evaluator(model, device, np.float64), oracle.random_textures(model, 1)
    path = [relax(HeatBath(30.0, Convergence(0.0, n, None)), evaluator, s, key=KEY) for n in range(1, window + 1)]
    if which == "energy":
        variance = np.var([p.energy[0] / model.lattice.sites for p in path])
    else:
        variance = np.var([p.magnetization[0] for p in path], axis=0).sum()
    for factor, rests in ((1 + 1e-6, True), (1 - 1e-6, False)):
        control = VarianceControl(window, **({"energy": 1e9, "moment": 1e9} | {which: factor * variance}))
        relaxed = relax(HeatBath(30.0, Convergence(0.0, window, control)), evaluator, s, key=KEY)
        assert (relaxed.reason[0] == "variance") == rests
        assert_allclose(relaxed.energy, path[-1].energy, rtol=1e-12)


def test_what_rests_keeps_every_bit_and_the_rest_goes_on(device, real):
    """Replicas with a strong field of their own calm down first."""
    model = square_bloch()
    tesla = np.array([[0, 0, 3.0 + 300 * (k % 2)] for k in range(40)])
    control = VarianceControl(10, energy=0.03, moment=1e9)
    evaluator, s = Evaluator(model, device, real), oracle.random_textures(model, 40)
    bath = HeatBath(60.0, Convergence(0.0, 60, control))
    relaxed = relax(bath, evaluator, s, tesla, key=KEY)
    assert len(set(relaxed.steps[relaxed.steps < 60])) >= 1
    for steps in sorted(set(relaxed.steps)):
        whole = relax(HeatBath(60.0, Convergence(0.0, int(steps), None)), evaluator, s, tesla, key=KEY)
        ended = relaxed.steps == steps
        assert_array_equal(relaxed.textures[ended], whole.textures[ended])


def test_random_and_kicked_textures_are_spins(device, real):
    model = MODELS["disordered"]
    evaluator = Evaluator(model, device, real)
    made, host = random_textures(evaluator, 20, KEY), device.host
    s = host(made)
    assert_allclose(np.linalg.norm(s, axis=-1), np.broadcast_to(model.occupied, s.shape[:2]), atol=1e-6)
    assert_array_equal(host(random_textures(evaluator, 5, KEY)), s[:5])
    assert (host(random_textures(evaluator, 5, KEY, turn=1)) != s[:5])[:, model.occupied].any(axis=-1).all()
    near = host(kicked(evaluator, made, 0.3, KEY, 0))
    cosine = (near * s).sum(axis=-1)[:, model.occupied]
    assert (cosine > np.cos(0.3) - 1e-6).all()
    assert scipy.stats.kstest(cosine.ravel(), "uniform", (np.cos(0.3), 1 - np.cos(0.3))).pvalue > RARE
    assert not near[:, ~model.occupied].any()
