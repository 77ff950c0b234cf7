"""Transition temperatures: order parameters, estimates, reweighting and crossings against exact results."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from command import here, refused
from models import exchange, shell_bonds
from processes import differences, done
from scipy.special import ive

import magsearch as ms
from magsearch.cli.outcome import tell
from magsearch.critical import ordered
from magsearch.critical.estimates import estimates
from magsearch.critical.order_parameter import OrderParameter
from magsearch.critical.ordered import Ordered, from_texture
from magsearch.critical.plan import Round, Settings, following
from magsearch.critical.reweighting import Curves, curves, free_energies
from magsearch.critical.series import Sampler, Series
from magsearch.critical.transition import transition
from magsearch.critical.verdict import forbidden
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.parallel.signals import Signals
from magsearch.report.transition import section
from magsearch.runs.tc import TransitionResult
from magsearch.search.supercells.race import Race
from magsearch.search.supercells.supercell import Supercell
from magsearch.storage.ground_state import read_ground_state
from magsearch.storage.transition import read_transition
from magsearch.thermal.sampling import sample
from magsearch.thermal.statistics import estimate
from magsearch.units import K_B, MU_B

WATSON = {"cubic": 1.516386059, "bcc": 1.393203930, "fcc": 1.344661073}  # z J <1 / (z J - J(q))>: Joyce & Zucker 2001
NEIGHBOURS = {"cubic": 6, "bcc": 8, "fcc": 12}


def model(name: str, size: Any, *J: float, **more: Any) -> Hamiltonian:
    lattice = Lattice.named(name, size)
    return Hamiltonian(lattice, shell_bonds(lattice, *map(exchange, J)), **more)


def wave(hamiltonian: Hamiltonian, q: Any, frame: Any) -> np.ndarray:
    """A spiral with wave vector q in reciprocal vectors, in the plane of the first two rows of a frame."""
    turn = 2 * np.pi * hamiltonian.lattice.coordinates @ np.asarray(q)
    return np.cos(turn)[:, None] * frame[0] + np.sin(turn)[:, None] * frame[1]


def random_frame(rng: np.random.Generator) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(3, 3)))[0]


ORDERS = {  # lattice, size, couplings of shells, wave vector, number of waves in its star (of q and -q one)
    "ferromagnet": ("cubic", (3, 3, 3), (1.0,), (0, 0, 0), 1),
    "Neel": ("cubic", (4, 4, 4), (-1.0,), (0.5, 0.5, 0.5), 1),
    "layers": ("cubic", (4, 4, 4), (-1.0, -0.4), (0.5, 0.5, 0), 3),
    "120 degrees": ("triangular", (6, 6, 1), (-1.0,), (1 / 3, 1 / 3, 0), 1),
    "spiral": ("cubic", (6, 6, 6), (1.0, 0.0, 0.0, -0.6), (1 / 6, 0, 0), 3),
}


@pytest.mark.parametrize("name", ORDERS)
def test_the_order_parameter_is_one_in_every_image_of_the_ground_state(name):
    lattice, size, J, q, waves = ORDERS[name]
    hamiltonian, rng = model(lattice, size, *J), np.random.default_rng(1)
    ordered = from_texture(hamiltonian, wave(hamiltonian, q, np.eye(3)), 0.0)
    parameter = OrderParameter.of(ordered)
    assert len(parameter.waves) == waves
    assert parameter.breaks
    box = ordered.box(2)
    rows, beside = parameter.rows(box)
    own, large = ordered.texture_in(box), box.hamiltonian.lattice
    for shift in ((0, 0, 0), (1, 0, 0), (1, 1, 0)):
        image = own[large.translation(shift)] @ random_frame(rng).T
        assert ((rows @ image.ravel()) ** 2).sum() == pytest.approx(1, abs=1e-5)
        assert ((beside @ image.ravel()) ** 2).sum() < 1e-8
    disordered = rng.normal(size=(200, large.sites * 3))
    mean = ((disordered @ rows.T) ** 2).sum(axis=1).mean()  # of unit variance: the square norm of the rows
    assert mean == pytest.approx((rows**2).sum(), rel=0.2)


def test_a_neel_state_is_no_ferromagnet():
    hamiltonian = model("cubic", (4, 4, 4), -1.0)
    ordered = from_texture(hamiltonian, wave(hamiltonian, (0.5, 0.5, 0.5), np.eye(3)), 0.0)
    rows, _ = OrderParameter.of(ordered).rows(ordered.box(2))
    ferromagnet = np.tile([0.0, 0.6, 0.8], ordered.box(2).sites)
    assert ((rows @ ferromagnet) ** 2).sum() < 1e-10


def test_a_state_with_all_symmetries_has_no_order_parameter():
    hamiltonian = model("cubic", (2, 2, 2), 1.0, field=(0.0, 0.0, 5.0))
    with pytest.raises(ValueError, match="all symmetries"):
        OrderParameter.of(from_texture(hamiltonian, np.tile([0.0, 0.0, 1.0], (8, 1)), 0.0))


def test_an_easy_axis_has_one_component():
    hamiltonian = model("square", (4, 4, 1), 1.0, anisotropy=(UniaxialAnisotropy(0.5),))
    ordered = from_texture(hamiltonian, np.tile([0.0, 0.0, 1.0], (16, 1)), 0.0)
    parameter = OrderParameter.of(ordered)
    assert not parameter.breaks
    assert forbidden(ordered, parameter) == ""
    rows, _ = parameter.rows(ordered.box(4))
    assert len(rows) == 1


@pytest.mark.parametrize("lattice", WATSON)
def test_estimates_of_cubic_ferromagnets(lattice):
    found, z = estimates(model(lattice, (2, 2, 2), 1.0)), NEIGHBOURS[lattice]
    assert K_B * found.mean_field == pytest.approx(z / 3, rel=1e-9)
    assert K_B * found.random_phase == pytest.approx(z / 3 / WATSON[lattice], rel=2e-3)


@pytest.mark.parametrize(
    ("hamiltonian", "exact"),
    [(model("cubic", (2, 2, 2), -1.0), 2.0), (model("triangular", (3, 3, 1), -1.0), 1.0)],
)
def test_mean_field_of_antiferromagnets(hamiltonian, exact):
    assert K_B * estimates(hamiltonian).mean_field == pytest.approx(exact, rel=1e-6)


def test_two_dimensions_have_no_random_phase_temperature():
    assert estimates(model("square", (2, 2, 1), 1.0)).random_phase == 0.0


def test_mean_field_of_a_strong_easy_axis_is_ising_s():
    """kT = z J <s_z^2>, <s_z^2> = 1 - kT / K to first order."""
    K = 300.0
    found = K_B * estimates(model("square", (2, 2, 1), 1.0, anisotropy=(UniaxialAnisotropy(K),))).mean_field
    assert found == pytest.approx(4 * (1 - found / K), rel=2e-3)


# -- reweighting -------------------------------------------------------------------------------------------------------


def oscillators(kelvin: np.ndarray, freedoms: int, count: int, order: float = 1.0) -> Series:
    """Energies of harmonic degrees of freedom, exactly canonical: Gamma distributions."""
    rng = np.random.default_rng(2)
    shape = (2, count, len(kelvin))
    energy = rng.gamma(freedoms / 2, K_B * kelvin, size=shape)
    gaussian = (rng.normal(size=(*shape, 3)) ** 2).sum(axis=-1)
    return Series(kelvin, energy, order * gaussian, np.ones(shape), np.ones(len(kelvin) - 1))


def test_free_energies_of_oscillators():
    kelvin, freedoms = np.linspace(8.0, 16.0, 9), 60
    series = oscillators(kelvin, freedoms, 4000)
    beta = 1 / (K_B * kelvin)
    found = free_energies([series.energy[..., k].ravel() for k in range(9)], beta)
    assert found == pytest.approx(freedoms / 2 * np.log(beta / beta[0]), abs=0.03)


def test_reweighting_agrees_with_exact_averages_between_the_temperatures():
    kelvin, freedoms = np.linspace(8.0, 16.0, 9), 60
    at = np.linspace(8.5, 15.5, 12)
    found = curves([oscillators(kelvin, freedoms, 4000)], freedoms, at, np.random.default_rng(1))
    error = found.energy[1:].std(axis=0)
    assert (np.abs(found.energy[0] - K_B * at / 2) < 4.5 * error).all()
    assert (np.abs(found.specific_heat[0] - 0.5) < 4.5 * found.specific_heat[1:].std(axis=0)).all()
    assert (error < 1e-2 * K_B * at).all()


def test_binder_cumulants_have_their_limits():
    """4/9 for three Gaussian components, 2/3 for a fixed length."""
    kelvin = np.linspace(8.0, 16.0, 9)
    series = oscillators(kelvin, 60, 4000)
    found = curves([series], 60, np.array([12.0]), np.random.default_rng(1))
    assert found.binder[0, 0] == pytest.approx(4 / 9, abs=4 * found.binder[1:, 0].std())
    fixed = curves([replace(series, order=np.ones_like(series.order))], 60, np.array([12.0]), np.random.default_rng(1))
    assert fixed.binder[0, 0] == pytest.approx(2 / 3)
    assert fixed.susceptibility[0, 0] == pytest.approx(0, abs=1e-9)


def test_nothing_is_said_outside_of_the_temperatures():
    found = curves([oscillators(np.linspace(8.0, 16.0, 9), 60, 100)], 60, np.array([7.0, 12.0, 17.0]),
                   np.random.default_rng(1))  # fmt: skip
    assert np.isnan(found.binder[0]).tolist() == [True, False, True]


# -- crossings ---------------------------------------------------------------------------------------------------------


def scaled(size: int, critical: float, exponent: float, noise: float, seed: int, correction: float = 0.0) -> Curves:
    """Curves that obey finite-size scaling exactly, up to noise that differs from set to set."""
    rng = np.random.default_rng(seed)
    kelvin = np.linspace(0.9 * critical, 1.1 * critical, 201)
    x = (kelvin / critical - 1) * size**exponent + noise * rng.normal(size=(101, 1)) + correction / size
    y = 1 / (1 + np.exp(x))
    peak = np.exp(-((x + 0.3) ** 2))
    return Curves(kelvin, size**3, -y, peak * size**0.1, y, peak * size**2, 2 / 3 * y, y)


def test_crossings_find_the_transition():
    sizes = (8, 12, 16)
    found = transition(sizes, [scaled(n, 40.0, 1.4, 0.02, n) for n in sizes])
    assert abs(found.kelvin - 40.0) < 3 * found.error < 0.3
    assert len(found.crossings) == 4
    assert all(peak.inside for peak in found.peaks if peak.kind == "susceptibility")


def test_the_error_covers_corrections_of_finite_size():
    sizes = (8, 12, 16)
    found = transition(sizes, [scaled(n, 40.0, 1.4, 1e-4, n, correction=1.0) for n in sizes])
    assert 0.01 < abs(found.kelvin - 40.0) < 3 * found.error


def test_curves_that_do_not_cross_show_no_transition():
    """As in two dimensions: the larger box is the less ordered one at every temperature."""
    sizes = (8, 16)
    found = transition(sizes, [scaled(n, 40.0 - n, 1.0, 1e-3, n) for n in sizes])
    ends = [replace(scaled(n, 40.0, 1.0, 1e-3, n), binder=np.full((101, 201), 1 / n), length=np.full((101, 201), 1 / n))
            for n in sizes]  # fmt: skip
    assert transition(sizes, ends).kelvin is None
    assert found.kelvin is not None, "curves that cross beside it do"


def test_the_plan_ends_where_the_scan_shows_nothing():
    settings = Settings((2, 4), 100)
    first = following([], None, settings, (1.0, 30.0), 3)
    assert sorted(first.kelvin) == [0, 1]
    assert first.kelvin[0][[0, -1]] == pytest.approx([1.0, 30.0])


# -- sampling ----------------------------------------------------------------------------------------------------------


def ring(J: float, kT: float, spins: int) -> tuple[float, float]:
    """Energy and mean square magnetisation per spin of a closed classical chain: transfer matrix, all orders.

    Fisher, Am. J. Phys. 32, 343 (1964) for the open chain; Joyce, Phys. Rev. 155, 478 (1967) for the ring.
    """

    def eigenvalues(K: float) -> np.ndarray:  # of Legendre polynomials, up to a common factor exp(K)
        return np.sqrt(np.pi / 2 / K) * ive(np.arange(60) + 0.5, K)

    def log_partition(K: float) -> float:
        return float(np.log(((2 * degree + 1) * (eigenvalues(K) / eigenvalues(K)[0]) ** spins).sum())
                     + spins * (np.log(eigenvalues(K)[0]) + K))  # fmt: skip

    K, step, degree = J / kT, 1e-5, np.arange(60)
    energy = -J * (log_partition(K + step) - log_partition(K - step)) / (2 * step) / spins
    lam = eigenvalues(K) / eigenvalues(K)[0]
    Z = ((2 * degree + 1) * lam**spins).sum()
    total = 0.0
    for r in range(spins):
        up = ((degree + 1)[:-1] * lam[1:] ** r * lam[:-1] ** (spins - r)).sum()
        down = (degree[1:] * lam[:-1] ** r * lam[1:] ** (spins - r)).sum()
        total += (up + down) / Z
    return energy, total / spins


def test_a_ring_has_its_exact_energy_and_magnetisation():
    hamiltonian = model("chain", (4, 1, 1), 2.0)
    ordered = from_texture(hamiltonian, np.tile([0.0, 0.0, 1.0], (4, 1)), -2.0)
    sampler = Sampler(ordered, OrderParameter.of(ordered), (12,), Cpu(), 3)
    kelvin = np.geomspace(4.0, 30.0, 16)
    series, textures = sampler.run(0, 0, 0, kelvin, 3000, 400, None)
    assert textures.shape == (16, 12, 3)
    for rung in range(0, 16, 3):
        energy, square = ring(2.0, K_B * kelvin[rung], 12)
        for values, exact in ((series.energy[0, :, rung] / 12, energy), (series.order[0, :, rung], square)):
            found = estimate(values)
            assert abs(found.mean - exact) < 4.5 * found.error
            assert found.error < 0.05 * abs(exact)


def test_free_spins_follow_langevin_by_the_order_parameter():
    """Of N free spins <m^2> = 1 / N."""
    hamiltonian = Hamiltonian(Lattice.named("chain", (4, 1, 1)), model("chain", (4, 1, 1), 1e-9).bonds)
    ordered = from_texture(hamiltonian, np.tile([0.0, 0.0, 1.0], (4, 1)), 0.0)
    sampler = Sampler(ordered, OrderParameter.of(ordered), (20,), Cpu(), 3)
    series, _ = sampler.run(0, 0, 0, np.linspace(5.0, 9.0, 16), 300, 10, None)
    found = estimate(series.order[0])
    assert abs(found.mean - 1 / 20) < 4.5 * found.error


def test_spins_pass_a_high_barrier():
    """One spin with K = 40 kT in a weak field: both wells are visited as often as their weights say."""
    kT, moment, tesla = K_B * 10.0, 2.0, 4.0
    hamiltonian = Hamiltonian(Lattice.cluster([[0, 0, 0]]), Bonds.none(), moments=moment, field=(0, 0, tesla),
                              anisotropy=(UniaxialAnisotropy(40 * kT),))  # fmt: skip
    evaluator = Evaluator(hamiltonian, Cpu(), np.float32)
    run = sample(evaluator, [10.0], 1500, 50, 16, (1, 2), textures=np.array([[0.0, 0.0, 1.0]]))
    found = estimate(run.spin[0, ..., 2])
    z, weight = np.polynomial.legendre.leggauss(400)
    weight = weight * np.exp(40 * (z * z - 1) + MU_B * moment * tesla * z / kT)
    assert abs(found.mean - (weight @ z) / weight.sum()) < 4.5 * found.error < 0.05


# -- the command -------------------------------------------------------------------------------------------------------

SQUARE = """
[model]
lattice = "square"
size = [4, 4, 1]

[[model.exchange]]
J = 1.0
"""
CUBIC = """
[model]
lattice = "cubic"
size = [4, 4, 4]

[[model.exchange]]
J = -1.0
"""


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "state.npy"
    hamiltonian = model("cubic", (4, 4, 4), -1.0)
    np.save(path, wave(hamiltonian, (0.5, 0.5, 0.5), np.eye(3)))
    return path


def test_the_square_lattice_says_that_mermin_and_wagner_forbid_it(tmp_path, capsys):
    path, spins = tmp_path / "square.toml", tmp_path / "up.npy"
    path.write_text(SQUARE)
    np.save(spins, np.tile([0.0, 0.0, 1.0], (16, 1)))
    code, out, err = here(capsys, "tc", path, "--sizes", "3,6", "--sweeps", 100, "--rounds", 1, "--ladders", 1,
                          "--ground-state", spins, "-o", tmp_path / "tc.h5", "--json", "--device", "cpu")  # fmt: skip
    assert code == 0, err
    found = json.loads(out)
    assert found["transition"] is None
    assert "Mermin & Wagner" in found["verdict"]
    assert found["random_phase"] == 0
    assert (tmp_path / "tc.png").exists()
    shown = json.loads(here(capsys, "show", tmp_path / "tc.h5", "--json")[1])
    assert shown == {key: value for key, value in found.items() if key != "stopped"}
    assert "Mermin & Wagner" in " ".join(here(capsys, "show", tmp_path / "tc.h5")[1].split())
    code, _, err = here(capsys, "show", tmp_path / "tc.h5", "--minima")
    assert code == 2
    assert "is a file of magsearch tc; expected a run" in " ".join(err.split())


@pytest.mark.slow
def test_a_resumed_search_is_that_which_was_not_interrupted(tmp_path, capsys, state):
    path = tmp_path / "cubic.toml"
    path.write_text(CUBIC)
    common = ("--sizes", "2,4", "--sweeps", 100, "--ladders", 1, "--ground-state", state, "--device", "cpu",
              "--precision", 1e-9)  # fmt: skip
    code, _, err = here(capsys, "tc", path, *common, "--rounds", 2, "-o", tmp_path / "one.h5")
    assert code == 0, err
    assert here(capsys, "tc", path, *common, "--rounds", 1, "-o", tmp_path / "two.h5")[0] == 0
    assert here(capsys, "tc", "--resume", tmp_path / "two.h5", "--rounds", 2)[0] == 0
    one, two = (read_transition(tmp_path / name) for name in ("one.h5", "two.h5"))
    assert len(one.rounds) == len(two.rounds) == 3
    for a, b in zip(one.rounds, two.rounds, strict=True):
        _same(a, b)
    found = ms.tc(path, sizes=(2, 4), sweeps=100, ladders=1, ground_state=str(state), precision=1e-9, rounds=2,
                  device="cpu", progress=False)  # fmt: skip
    stored = ms.load(tmp_path / "one.h5")
    assert isinstance(stored, ms.TransitionResult)
    for a, b in zip(one.rounds, found.record.rounds, strict=True):
        _same(a, b)
    assert found.kelvin == stored.kelvin
    assert found.mean_field == pytest.approx(2 / K_B)
    assert found.verdict in repr(found)
    pytest.importorskip("bokeh")
    shown = section(stored)
    assert len(shown.figures) == 4
    assert shown.rows["verdict"] == found.verdict
    with pytest.raises(ms.InputError, match="between 0 and 1"):
        ms.tc(path, precision=2, progress=False)


def test_a_search_for_the_ground_state_that_is_signalled_is_resumed(tmp_path, capsys):
    """Twice, from what was known by then, with the results of a search that was left alone."""
    path, sound, out = tmp_path / "cubic.toml", tmp_path / "sound.h5", tmp_path / "out.h5"
    path.write_text(CUBIC)
    plan = ("--sizes", "1,2", "--sweeps", 100, "--rounds", 1, "--ladders", 1, "--device", "cpu")

    def small(after: int = 1000) -> None:
        """Search boxes of two sites, draw nothing, and send SIGTERM at the beginning of descent ``after`` + 1."""
        TransitionResult.plot = lambda *_: None
        ordered.SITES, descended, left = 2, Race._descended, iter(range(after))

        def told(race: Race, *arguments: Any, **more: Any) -> list[Any]:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGTERM)
            return descended(race, *arguments, **more)

        Race._descended = told

    done("tc", path, *plan, "-o", sound, prepare=small)
    told = done("tc", path, *plan, "-o", out, code=75, prepare=lambda: small(2))
    assert f"stopped before the first round: resume with: magsearch tc --resume {out}" in told
    assert "its ground state was still searched; continue with" in refused(capsys, "show", out)
    assert "cannot be changed when a search is resumed: seed" in refused(capsys, "tc", "--resume", out, "--seed", 2)
    first = read_ground_state(out)
    assert "resuming   the search for the ground state, after" in done(
        "tc", "--resume", out, code=75, prepare=lambda: small(2)
    )
    second = read_ground_state(out)
    assert set(first.race.known) < set(second.race.known)
    assert first.created == second.created
    assert first.race.seconds < second.race.seconds
    done("tc", "--resume", out, prepare=small)
    assert not differences(sound, out)
    assert read_ground_state(out) is None
    assert read_transition(out).created == first.created


def _same(one: Round, other: Round) -> None:
    for place, series in one.series.items():
        for name in ("kelvin", "energy", "order", "beside"):
            assert np.array_equal(getattr(series, name), getattr(other.series[place], name))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--sizes", "8"), "two or more rising whole numbers"),
        (("--sizes", "8,4"), "two or more rising whole numbers"),
        (("--precision", "2"), "between 0 and 1"),
        (("--plot", "x.gif"), "unsupported image format"),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path, capsys, arguments, told):
    path = tmp_path / "cubic.toml"
    path.write_text(CUBIC)
    code, _, err = here(capsys, "tc", path, *arguments, "-o", tmp_path / "tc.h5")
    assert code == 2
    assert told in err
    assert not (tmp_path / "tc.h5").exists()


def _by_command(tmp_path, capsys, text: str, *arguments: object) -> dict[str, Any]:
    path = tmp_path / "model.toml"
    path.write_text(text)
    code, out, err = here(capsys, "tc", path, *arguments, "-o", tmp_path / "tc.h5", "--json", "--device", "cpu")
    assert code == 0, err
    return json.loads(out)["transition"]


@pytest.mark.slow
@pytest.mark.parametrize("J", [1.0, -1.0])
def test_the_cubic_lattice_orders_at_1_443(tmp_path, capsys, J):
    """Chen, Ferrenberg & Landau, Phys. Rev. B 48, 3249 (1993): K_c = 0.693035(37)."""
    sizes = "6,9,12" if J > 0 else "5,7,9"
    found = _by_command(tmp_path, capsys, CUBIC.replace("-1.0", str(J)), "--sizes", sizes, "--sweeps", 2000,
                        "--rounds", 2)  # fmt: skip
    assert abs(found["kT"] - 1 / 0.693035) < 2.5 * found["kT_error"] < 0.08


@pytest.mark.slow
def test_a_strong_easy_axis_orders_as_ising_s_model(tmp_path, capsys):
    """kT = 2 J / ln(1 + sqrt 2), of which K takes the fraction kT / K: <s_z>^2 = (1 - kT / 2 K)^2 = 1 - 2e-5 here."""
    text = SQUARE + "[[model.anisotropy]]\nK = 1e5\n"
    found = _by_command(tmp_path, capsys, text, "--sizes", "8,16", "--sweeps", 4000, "--rounds", 2)
    assert abs(found["kT"] - 2 / np.log(1 + np.sqrt(2))) < 2.5 * found["kT_error"] < 0.2


def test_boxes_of_a_long_cell_are_refused_unless_they_are_asked_for():
    """A spiral along a row of 400 cells of a cubic crystal: compact boxes have 400^3 spins."""
    cubic = model("cubic", (1, 1, 1), 1.0)
    ordered = Ordered(Supercell(cubic, np.diag([400, 1, 1])), np.tile([0.0, 0.0, 1.0], (400, 1)), -3.0)
    with pytest.raises(ValueError, match=r"repeats after 400 angstrom: .* 64000000 spins .* --sizes"):
        ordered.default_sizes()


def test_boxes_are_copies_of_the_ground_state():
    hamiltonian = model("triangular", (6, 6, 1), -1.0)
    ordered = from_texture(hamiltonian, wave(hamiltonian, (1 / 3, 1 / 3, 0), np.eye(3)), -1.5)
    assert isinstance(ordered, Ordered)
    assert ordered.supercell.cells == 3
    for size in (2, 3):
        box = ordered.box(size)
        assert box.sites == 3 * size**2
        evaluator = Evaluator(box.hamiltonian, Cpu(), np.float64)
        assert evaluator.energies(ordered.texture_in(box))[0] / box.sites == pytest.approx(-1.5)


def test_a_signal_that_comes_when_all_is_found_leaves_the_picture_out(tmp_path, capsys):
    """Drawing takes seconds, within which a batch system may kill the process."""
    said: list[str] = []
    reason = SimpleNamespace(ended=True)
    found = SimpleNamespace(plot=lambda path: path.write_text("drawn"), show=lambda console: said.append("shown"))
    with Signals() as signals:
        launch = SimpleNamespace(signals=signals, say=said.append, console=None)
        tell(launch, "tc", found, tmp_path / "tc.h5", None, reason, as_json=False)
        assert said == [f"picture    {tmp_path / 'tc.png'}", "shown", f"stored     {tmp_path / 'tc.h5'}"]
        (tmp_path / "tc.png").unlink()
        said.clear()
        os.kill(os.getpid(), signal.SIGTERM)
        tell(launch, "tc", found, tmp_path / "tc.h5", None, reason, as_json=False)
    assert said == ["picture    left out: SIGTERM", "shown", f"stored     {tmp_path / 'tc.h5'}"]
    assert not (tmp_path / "tc.png").exists()
