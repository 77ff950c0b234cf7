"""Hysteresis loops against exact results: Stoner-Wohlfarth particles, an exchange spring, free spins in a heat bath."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from command import here
from scipy.optimize import brentq

import magsearch as ms
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.hysteresis.cycle import Course, Cycle, follow
from magsearch.hysteresis.loop import along, ampere_per_metre, loops
from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.storage.loop import read_loop
from magsearch.units import K_B, MU_B

K, MOMENT = 0.5, 2.0  # meV, Bohr magnetons
B_K = 2 * K / (MOMENT * MU_B)  # tesla, field of anisotropy


def course_of(hamiltonian: Hamiltonian, cycle: Cycle, texture: Any = None) -> Course:
    evaluator = Evaluator(hamiltonian, Cpu(), np.float64)
    *_, last = follow(cycle, evaluator, Course.start(cycle, evaluator, texture))
    return last


def particle() -> Hamiltonian:
    """Two spins that are held together."""
    lattice = Lattice.cluster([[0, 0, 0], [1, 0, 0]])
    bonds = Bonds.pairs([0], [1], exchange_matrix(5.0)[None], [[0, 0, 0]])
    return Hamiltonian(lattice, bonds, moments=MOMENT, anisotropy=(UniaxialAnisotropy(K),))


def direction(degrees: float) -> tuple[float, float, float]:
    return float(np.sin(np.radians(degrees))), 0.0, float(np.cos(np.radians(degrees)))


def branch(h: float, psi: float) -> float:
    """Moment along a field h (of B_K) at an angle psi to the easy axis, on the branch of positive moments.

    Stoner & Wohlfarth, Phil. Trans. R. Soc. A 240, 599 (1948): the energy sin(t)^2 - 2 h cos(t - psi) is stationary.
    """

    def slope(t: float) -> float:
        return np.sin(2 * t) + 2 * h * np.sin(t - psi)

    # from the easy axis towards the field, or away from it where the field is reversed
    if h >= 0:
        return float(np.cos(brentq(slope, 0, psi, xtol=1e-15) - psi))
    edge = -np.arctan(np.tan(psi) ** (1 / 3))  # where the branch ends
    return float(np.cos(brentq(slope, edge, 0, xtol=1e-15) - psi))


def switching(psi: float) -> float:
    """Field at which the branch ends, of B_K: the astroid."""
    return float((np.cos(psi) ** (2 / 3) + np.sin(psi) ** (2 / 3)) ** -1.5)


ANGLES = (20.0, 45.0, 70.0)
TOLERANCE = 1e-5  # of B_K


@pytest.fixture(scope="module")
def stoner_wohlfarth() -> tuple[Cycle, Course]:
    cycle = Cycle(
        -1.2 * B_K, 1.2 * B_K, 37, (direction(0), direction(90), *map(direction, ANGLES)), tolerance=TOLERANCE * B_K
    )
    return cycle, course_of(particle(), cycle)


def test_a_loop_along_the_easy_axis_is_a_rectangle(stoner_wohlfarth):
    cycle, course = stoner_wohlfarth
    moment = along(cycle, course)[0] / MOMENT
    down = cycle.fields[: cycle.steps] / B_K
    inside = np.abs(np.abs(down) - 1) > 0.01
    assert moment[: cycle.steps][inside] == pytest.approx(np.where(down > -1, 1.0, -1.0)[inside], abs=1e-6)
    first, second = (one for one in course.switchings if one.replica == 0)
    for one, exact in ((first, -1), (second, 1)):
        assert abs(one.after - one.before) < TOLERANCE * B_K
        assert one.after / B_K == pytest.approx(exact, abs=2 * TOLERANCE)


def test_a_switching_in_the_step_after_zero_field_is_found():
    """A reversed state has the energy of the state before when there is no field, but it does not return."""
    cycle = Cycle(-3 * B_K, 3 * B_K, 5, (direction(0),), tolerance=TOLERANCE * B_K)
    first, second = course_of(particle(), cycle).switchings
    assert [(one.before / B_K, one.after / B_K) for one in (first, second)] == [
        pytest.approx((sign, sign), abs=2 * TOLERANCE) for sign in (-1, 1)
    ]
    assert first.lost == pytest.approx(2 * MOMENT * MU_B * 1.5 * B_K, rel=1e-6)


def test_spins_that_turn_freely_do_not_switch():
    cycle = Cycle(-3 * B_K, 3 * B_K, 5, (direction(0),), tolerance=TOLERANCE * B_K)
    assert not course_of(replace(particle(), anisotropy=()), cycle).switchings


def test_a_loop_along_the_hard_axis_is_linear(stoner_wohlfarth):
    cycle, course = stoner_wohlfarth
    moment = along(cycle, course)[1] / MOMENT
    assert moment == pytest.approx(np.clip(cycle.fields / B_K, -1, 1), abs=1e-6)
    assert not [one for one in course.switchings if one.replica == 1]


@pytest.mark.parametrize("replica", [2, 3, 4])
def test_oblique_loops_follow_the_exact_branches(stoner_wohlfarth, replica):
    cycle, course = stoner_wohlfarth
    psi = np.radians(ANGLES[replica - 2])
    fields, moment = cycle.fields / B_K, along(cycle, course)[replica] / MOMENT
    ends = switching(psi)
    for h, m in zip(fields[: cycle.steps], moment[: cycle.steps], strict=True):
        exact = branch(h, psi) if h > -ends else -branch(-h, psi)
        assert m == pytest.approx(exact, abs=1e-6)
    assert moment[cycle.steps - 1 :] == pytest.approx(-moment[: cycle.steps], abs=1e-6), "the way back"
    first, second = (one for one in course.switchings if one.replica == replica)
    assert first.after / B_K - 1e-7 <= -ends <= first.before / B_K + 1e-7
    assert second.before / B_K - 1e-7 <= ends <= second.after / B_K + 1e-7


def test_the_area_of_a_loop_is_the_energy_lost(stoner_wohlfarth):
    cycle, course = stoner_wohlfarth
    found = loops(cycle, course)
    assert found[1].loss == pytest.approx(0, abs=1e-6)
    assert found[0].coercivity == pytest.approx(B_K, rel=2 * TOLERANCE)
    assert found[0].loss == pytest.approx(4 * MOMENT * MU_B * found[0].coercivity, rel=1e-6)
    assert found[0].remanent == pytest.approx((MOMENT, -MOMENT))
    for replica in range(2, 5):
        lost = sum(one.lost for one in course.switchings if one.replica == replica)
        assert found[replica].loss == pytest.approx(lost, rel=0.1), "up to the steps of the field"


# -- exchange spring ---------------------------------------------------------------------------------------------------

HARD, SOFT, J = 4, 12, 4.0


def bilayer() -> Hamiltonian:
    """Layers of a hard magnet below those of a soft one: a chain along z."""
    lattice = Lattice(np.eye(3), [[0, 0, z / 20] for z in range(HARD + SOFT)], (1, 1, 1), (False, False, False))
    lower = np.arange(HARD + SOFT - 1)
    bonds = Bonds.pairs(lower, lower + 1, np.tile(exchange_matrix(J), (len(lower), 1, 1)),
                        np.zeros((len(lower), 3), dtype=int))  # fmt: skip
    anisotropy = UniaxialAnisotropy(1.0, (1, 0, 0), atoms=tuple(range(HARD)))
    return Hamiltonian(lattice, bonds, moments=MOMENT, anisotropy=(anisotropy,))


def nucleation() -> float:
    """Reversed field at which the parallel state of the bilayer becomes unstable: lowest eigenvalue of its Hessian."""
    n = HARD + SOFT
    stiffness = np.zeros((n, n))
    for i in range(n - 1):
        stiffness[i : i + 2, i : i + 2] += J * np.array([[1, -1], [-1, 1]])
    stiffness[np.arange(HARD), np.arange(HARD)] += 2.0
    return float(np.linalg.eigvalsh(stiffness)[0] / (MOMENT * MU_B))


def test_the_soft_layer_of_an_exchange_spring_switches_first_and_comes_back():
    """Fullerton et al., Phys. Rev. B 58, 12193 (1998): reversible nucleation in the soft layer, then the hard one.

    Beyond the nucleation field the soft layer winds up and returns when the field does; the hard layer switches once,
    at a larger field, far below its own field of anisotropy. On thick soft layers the first field is about
    pi^2 A / 2 M t^2 (Goto et al., J. Appl. Phys. 36, 2951 (1965)).
    """
    exact = nucleation()
    cycle = Cycle(-5.0, 2.0, 29, ((1.0, 0.0, 0.0),))
    course = course_of(bilayer(), cycle)
    down = cycle.fields[: cycle.steps]
    moment = along(cycle, course)[0, : cycle.steps] / MOMENT
    step = np.ptp(down[:2])
    assert moment[down > -exact + 1e-9] == pytest.approx(1.0, abs=1e-6)
    assert (moment[down < -exact - step] < 0.999).all()
    (first, *_) = course.switchings
    assert -first.before > 2 * exact, "the spring is wound first"
    assert -first.after < 0.5 * 2 / (MOMENT * MU_B), "the hard layer alone would need its field of anisotropy"
    assert np.sum([one.step < cycle.steps for one in course.switchings]) == 1
    continuum = np.pi**2 * J / (4 * SOFT**2) / (MOMENT * MU_B)  # A / M = J a^2 / 2 m for a chain of spacing a
    assert 0.7 < exact / continuum < 1, "the hard layer is not rigid"
    # back from the wound spring
    wound = Cycle(first.before * 0.9, 2.0, 21, ((1.0, 0.0, 0.0),))
    there = course_of(bilayer(), wound)
    assert not there.switchings
    assert along(wound, there)[0] == pytest.approx(along(wound, there)[0, ::-1], abs=1e-6)


# -- heat bath ---------------------------------------------------------------------------------------------------------


def test_free_spins_in_a_heat_bath_follow_langevin_both_ways():
    lattice = Lattice.named("square", (16, 16, 1))
    free = Hamiltonian(lattice, Bonds.none(), moments=MOMENT)
    cycle = Cycle(-8.0, 8.0, 5, ((0.0, 0.6, 0.8),), starts=4, temperature=4.0, sweeps=40)
    course = course_of(free, cycle)
    x = MOMENT * MU_B * cycle.fields / (K_B * 4.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        exact = np.where(x == 0, 0.0, 1 / np.tanh(x) - 1 / x)
    found = along(cycle, course).mean(axis=0) / MOMENT
    error = 1 / np.sqrt(3 * 256 * 4 * 30)
    assert np.abs(found - exact).max() < 4.5 * error
    assert course.energy.mean(axis=0) == pytest.approx(-x * K_B * 4.0 * exact, abs=4.5 * error * 4)


# -- the command -------------------------------------------------------------------------------------------------------

MODEL = """
[model]
lattice = "cubic"
constant = 2.5
size = [2, 1, 1]
moment = 2.0

[[model.anisotropy]]
K = 0.5
"""


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.toml"
    path.write_text(MODEL)
    return path


def test_magnetisation_in_ampere_per_metre():
    """2.2 Bohr magnetons per atom of bcc iron, a = 2.866 angstrom: 1.73e6 A/m."""
    iron = Hamiltonian(Lattice.named("bcc", (2, 2, 2), 2.866), Bonds.none(), moments=2.2)
    assert 2.2 * ampere_per_metre(iron) == pytest.approx(1.733e6, rel=1e-3)
    assert ampere_per_metre(particle()) is None


def test_the_command_prints_and_stores_a_loop(tmp_path, capsys, model):
    out = tmp_path / "loop.h5"
    code, text, err = here(capsys, "loop", model, "--field", -12, 12, 9, "--direction", "0,0,1", "--direction", "1,0,0",
                           "-o", out, "--json", "--device", "cpu")  # fmt: skip
    assert code == 0, err
    found = json.loads(text)
    assert [len(one["switchings"]) for one in found["loops"]] == [2, 0]
    assert found["loops"][0]["coercivity"] == pytest.approx(B_K, abs=24e-5)
    assert found["ampere_per_metre_per_mu_B"] == pytest.approx(9.2740100783e-24 / 2.5e-10**3, rel=1e-6)
    stored = read_loop(out)
    assert along(stored.cycle, stored.course).tolist() == found["moment_along"]
    assert out.with_suffix(".png").exists()
    shown = json.loads(here(capsys, "show", out, "--json")[1])
    assert shown == {key: value for key, value in found.items() if key != "stopped"}


@pytest.mark.parametrize("field", [0, 3])
def test_a_field_of_the_model_is_said_to_be_replaced(tmp_path, capsys, model, field):
    """The loop is that of the model without a field."""
    code, out, err = here(capsys, "loop", model, "--set", f"model.field={field}", "--field", -12, 12, 9,
                          "-o", tmp_path / "loop.h5", "--device", "cpu")  # fmt: skip
    assert code == 0, err
    assert ("the field of the cycle replaces that of the model" in out + err) == bool(field)
    stored = read_loop(tmp_path / "loop.h5")
    assert along(stored.cycle, stored.course)[0, [0, -1]] == pytest.approx(MOMENT)


def test_a_loop_from_python_is_that_of_the_command(tmp_path, capsys, model):
    assert here(capsys, "loop", model, "--field", -12, 12, 9, "--direction", "1,0,1", "-o", tmp_path / "loop.h5",
                "--device", "cpu", "--plot", tmp_path / "loop.svg")[0] == 0  # fmt: skip
    stored = ms.load(tmp_path / "loop.h5")
    found = ms.loop(model, (-12, 12, 9), directions=(1, 0, 1), device="cpu", progress=False)
    assert isinstance(stored, ms.LoopResult)
    assert np.array_equal(found.moment, stored.moment)
    assert found.switchings == stored.switchings
    assert found.loops[0].coercivity == pytest.approx(B_K / 2, abs=24e-5)
    assert "coercivity" in repr(found)
    assert found.as_json()["fields"] == found.fields.tolist()
    wrong: dict[str, dict[str, Any]] = {
        "starts": {"starts": 0}, "direction": {"directions": (0, 0, 0)}, "tolerance": {"tolerance": 0.0},
        "start": {"start": np.zeros((3, 3))},
    }  # fmt: skip
    for told, settings in wrong.items():
        with pytest.raises(ms.InputError, match=told):
            ms.loop(model, (-12, 12, 9), device="cpu", progress=False, **settings)


def test_a_resumed_loop_is_that_which_was_not_interrupted(tmp_path, capsys, model, monkeypatch):
    arguments = ("loop", model, "--field", -12, 12, 9, "--direction", "1,0,1", "--device", "cpu")
    assert here(capsys, *arguments, "-o", tmp_path / "one.h5")[0] == 0
    looks = iter(range(10**9))
    with monkeypatch.context() as patch:
        patch.setattr("magsearch.parallel.signals.Signals.__call__", lambda self: next(looks) > 12)
        code, _, err = here(capsys, *arguments, "-o", tmp_path / "two.h5")
    assert code == 75, err
    done = read_loop(tmp_path / "two.h5").course.done
    assert 0 < done < 17
    code, text, err = here(capsys, "show", tmp_path / "two.h5")
    assert code == 0, err
    resume = f"unfinished after {done} steps; resume with: magsearch loop --resume {tmp_path / 'two.h5'}"
    assert "".join(resume.split()) in "".join(text.split())
    assert here(capsys, "loop", "--resume", tmp_path / "two.h5")[0] == 0
    one, two = (read_loop(tmp_path / name) for name in ("one.h5", "two.h5"))
    assert np.array_equal(one.course.moment, two.course.moment)
    assert one.course.switchings == two.course.switchings


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "expected MIN MAX STEPS"),
        (("--field", 3, 1, 5), "MIN below MAX"),
        (("--field", -1, 1, 1), "two STEPS or more"),
        (("--field", -1, 1, 5, "--direction", "0,0"), "no direction"),
        (("--field", -1, 1, 5, "--direction", "0,0,0"), "no direction"),
        (("--field", -1, 1, 5, "--plot", "x.gif"), "unsupported image format"),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path, capsys, model, arguments, told):
    code, _, err = here(capsys, "loop", model, *arguments, "-o", tmp_path / "loop.h5")
    assert code == 2
    assert told in err
    assert not (tmp_path / "loop.h5").exists()
