"""The command ``magsearch sample``."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from command import here

from magsearch.cli.sample import temperatures
from magsearch.errors import InputError
from magsearch.formatting import with_error
from magsearch.units import K_B, MU_B

PARAMAGNET = """
[model]
lattice = "square"
size = [6, 6, 1]
moment = 2.0
field = [0.0, 6.0, 8.0]
"""
CHAIN = """
[model]
lattice = "chain"
size = [5, 1, 1]
periodic = [false, false, false]

[[model.exchange]]
J = 2.0
"""


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def magsearch(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The command, run in this process."""

    def run(*arguments: object) -> Done:
        return Done(*here(capsys, *arguments, "--device", "cpu"))

    return run


@pytest.fixture
def paramagnet(tmp_path: Path) -> Path:
    path = tmp_path / "paramagnet.toml"
    path.write_text(PARAMAGNET)
    return path


def known(found: dict[str, float], exact: float) -> bool:
    return found["error"] > 0 and abs(found["mean"] - exact) < 3.5 * found["error"]


TWO = """
[model]
cell = [[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]]
basis = [
  {position = [0.0, 0.0, 0.0], species = "Mn", moment = 4.0},
  {position = [0.5, 0.5, 0.0], species = "Ru", moment = 1.0},
]
size = [4, 4, 1]
field = [0.0, 0.0, 10.0]
"""


def test_sublattices_of_a_paramagnet_follow_langevin_each_with_its_moment(magsearch, tmp_path):
    (tmp_path / "two.toml").write_text(TWO)
    table = tmp_path / "two.csv"
    done = magsearch("sample", tmp_path / "two.toml", "--temperature", "4,8", "--sweeps", 300, "--json", "-o", table)
    assert done.returncode == 0, done.stderr
    points = json.loads(done.stdout)["points"]
    for point in points:
        assert [each["species"] for each in point["sublattices"]] == ["Mn", "Ru"]
        for moment, each in zip((4.0, 1.0), point["sublattices"], strict=True):
            x = moment * MU_B * 10 / (K_B * point["temperature"])
            means, errors = (np.array(each["magnetization"][name]) for name in ("mean", "error"))
            assert (np.abs(means - [0, 0, 1 / np.tanh(x) - 1 / x]) < 4 * errors).all()
        both = np.mean([each["magnetization"]["mean"] for each in point["sublattices"]], axis=0)
        np.testing.assert_allclose(both, point["magnetization"]["mean"], atol=1e-6)
    rows = list(csv.DictReader(table.open()))
    for row, point in zip(rows, points, strict=True):
        assert float(row["|m| of atom 1 (Ru)"]) == point["sublattices"][1]["length"]["mean"]


def test_sublattices_are_printed_where_they_fit_on_a_screen(magsearch, tmp_path):
    (tmp_path / "two.toml").write_text(TWO)
    command = ("sample", tmp_path / "two.toml", "--sweeps", 5, "--temperature")
    assert "Ru" in magsearch(*command, "4").stdout
    assert "mean spins of 2 atoms are in --json" in magsearch(*command, ",".join(map(str, range(1, 26)))).stdout


def test_a_paramagnet_follows_langevin(magsearch, paramagnet):
    done = magsearch("sample", paramagnet, "--temperature", 4, "--sweeps", 400, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    x = 2 * MU_B * 10 / (K_B * 4)
    L = 1 / np.tanh(x) - 1 / x
    assert (found["sweeps"], found["temperature"]) == (400, 4.0)
    assert known(found["energy"], -2 * MU_B * 10 * L)
    assert known(found["specific_heat"], 1 - (x / np.sinh(x)) ** 2)
    for mean, error, exact in zip(*found["magnetization"].values(), (0, 0.6 * L, 0.8 * L), strict=True):
        assert abs(mean - exact) < 3.5 * error
    # components along and across the field: <m^2> = L^2 + (2 L / x + 1 - 2 L / x - L^2) / N
    assert found["order"]["mean"] == pytest.approx(
        np.sqrt(L**2 + (1 - L**2) / 36), abs=5 * found["order"]["error"] + 2e-3
    )
    assert found["binder"]["mean"] == pytest.approx(2 / 3, abs=0.02)
    assert found["correlation_length"] is None
    assert abs(found["charge"]["mean"]) <= 4 * found["charge"]["error"]
    assert found["correlation"] == pytest.approx(1, abs=0.2), "sweeps of free spins do not remember"


def test_several_temperatures_ride_in_one_batch(magsearch, tmp_path):
    path = tmp_path / "chain.toml"
    path.write_text(CHAIN)
    arguments = ("sample", path, "--temperature", "2,8,30", "--sweeps", 600, "--json", "--seed", 5)
    done = magsearch(*arguments)
    found = json.loads(done.stdout)
    assert found["sweeps"] == 600
    assert [point["temperature"] for point in found["points"]] == [2, 8, 30]
    for point in found["points"]:
        K = 2.0 / (K_B * point["temperature"])
        assert known(point["energy"], -4 / 5 * 2.0 * (1 / np.tanh(K) - 1 / K))
        assert known(point["specific_heat"], 4 / 5 * (1 - (K / np.sinh(K)) ** 2))
        assert point["charge"] == {"mean": 0.0, "error": 0.0}
    assert magsearch(*arguments).stdout == done.stdout, "the same seed gives the same digits"
    assert magsearch(*arguments[:-1], 6).stdout != done.stdout


def test_a_neel_state_fluctuates_as_a_ferromagnet_does(magsearch, tmp_path):
    """s -> -s on one sublattice turns one into the other; by its own order parameter each is as the other."""
    seen = []
    for sign in (1, -1):
        path, state = tmp_path / f"{sign}.toml", tmp_path / f"{sign}.npy"
        path.write_text(f"[model]\nlattice = 'square'\nsize = [6, 6, 1]\n[[model.exchange]]\nJ = {sign}.0\n")
        site = np.arange(36)
        np.save(state, np.outer(float(sign) ** (site % 6 + site // 6), [0.0, 0.0, 1.0]))
        done = magsearch("sample", path, "--temperature", 9, "--sweeps", 500, "--json", "--order", state)
        assert done.returncode == 0, done.stderr
        seen.append(json.loads(done.stdout))
    for name in ("order", "susceptibility", "binder", "correlation_length"):
        one, other = (found[name] for found in seen)
        assert abs(one["mean"] - other["mean"]) < 4 * np.hypot(one["error"], other["error"]), name
    assert 0.3 < seen[0]["correlation_length"]["mean"] < 1


def test_the_table_shows_every_temperature(magsearch, paramagnet):
    done = magsearch("sample", paramagnet, "--temperature", "4,40", "--sweeps", 50, "--chains", 2, "--warmup", 10)
    assert done.returncode == 0
    assert "2 temperatures x 2 chains, 10 + 50 sweeps" in done.stdout
    assert "(meV/spin)" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line.split()[:1] in (["4"], ["40"])]
    assert [len(row) for row in rows] == [8, 8, 4, 4], "averages, then fluctuations"


def test_averages_are_written_as_a_table(magsearch, paramagnet, tmp_path):
    out = tmp_path / "out.csv"
    command = ("sample", paramagnet, "--temperature", "4,40", "--sweeps", 50, "--chains", 2, "-o", out)
    points = json.loads(magsearch(*command, "--json").stdout)["points"]
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["temperature (K)"]) for row in rows] == [4.0, 40.0]
    for row, point in zip(rows, points, strict=True):
        for column, key in (("energy (meV/spin)", "energy"), ("|m|", "magnetization_length"), ("order", "order")):
            assert float(row[column]) == point[key]["mean"]
            assert float(row[f"error of {column}"]) == point[key]["error"]
        assert [float(row[f"m_{axis}"]) for axis in "xyz"] == point["magnetization"]["mean"]
        assert row["correlation length (edges of the box)"] == "", "a box of free spins in a field has none"
    done = magsearch(*command)
    assert (done.returncode, "--overwrite replaces it" in done.stderr) == (2, True)


def test_slow_measurements_are_pointed_out(magsearch, tmp_path):
    """An easy-axis magnet near its transition, few sweeps: the errors cannot be trusted, and that is said."""
    path = tmp_path / "magnet.toml"
    path.write_text(
        PARAMAGNET.replace("field = [0.0, 6.0, 8.0]", "")
        + "[[model.exchange]]\nJ = 1.0\n[[model.anisotropy]]\nK = 0.3\n"
    )
    done = magsearch("sample", path, "--temperature", 8, "--sweeps", 60, "--json")
    assert "errors can be trusted from about" in " ".join(done.stderr.split())
    assert json.loads(done.stdout)["sweeps"] == 60


def test_slow_sublattices_are_pointed_out_though_all_else_is_fast(magsearch, tmp_path):
    """An antiferromagnet with an easy axis, cold: which sublattice points up does not change."""
    (tmp_path / "two.toml").write_text(
        TWO.replace("field = [0.0, 0.0, 10.0]", "")
        + "[[model.exchange]]\nJ = -1.0\n[[model.anisotropy]]\nK = 0.3\naxis = [0.0, 0.0, 1.0]\n"
    )
    command = ("sample", tmp_path / "two.toml", "--temperature", 4, "--sweeps", 200, "--warmup", 50)
    done = magsearch(*command, "--json")
    assert "errors can be trusted from about" in " ".join(done.stderr.split())
    assert json.loads(done.stdout)["correlation"] > 20


def test_a_narrow_terminal_cuts_no_number(magsearch, tmp_path, monkeypatch):
    (tmp_path / "two.toml").write_text(TWO)
    found = []
    for width in (50, 160):
        monkeypatch.setattr("magsearch.console.model.Plain.is_terminal", property(lambda self: True))
        monkeypatch.setenv("COLUMNS", str(width))
        found.append(magsearch("sample", tmp_path / "two.toml", "--temperature", 4, "--sweeps", 20).stdout)
    tables = [text[text.index("T (K)") :] for text in found]
    assert "T (K)" in tables[0]
    assert tables[0] == tables[1]


def test_a_start_is_read_from_a_file(magsearch, paramagnet, tmp_path):
    spins = tmp_path / "down.npy"
    np.save(spins, np.tile([0.0, 0.0, -1.0], (36, 1)))
    arguments = ("--temperature", 4, "--sweeps", 50, "--json", "--start", spins)
    assert magsearch("sample", paramagnet, *arguments).returncode == 0
    np.save(spins, np.zeros((5, 3)))
    done = magsearch("sample", paramagnet, *arguments)
    assert done.returncode == 2
    assert "down.npy" in done.stderr


@pytest.mark.parametrize("given", ["0", "-3", "2,x", "", "nan", "inf", "1,,2", "1e-300", "1e300"])
def test_temperatures_that_are_none_are_refused(given):
    with pytest.raises(InputError, match="is not a list of temperatures; expected numbers in kelvin from 1e-09 to"):
        temperatures(given)


@pytest.mark.parametrize("options", [("--temperature=0", "--sweeps=10"), ("--temperature=1", "--sweeps=1")])
def test_what_is_wrong_is_said_without_a_traceback(magsearch, options, paramagnet):
    done = magsearch("sample", paramagnet, *options)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_lists_of_temperatures():
    assert temperatures("1, 2.5,1e2") == [1.0, 2.5, 100.0]


@pytest.mark.parametrize(("mean", "error", "text"), [
    (-1.23456, 0.0067, "-1.2346(67)"), (12.3, 4.56, "12.3(46)"), (120.0, 45.6, "120(46)"), (0.5, 0.0, "0.5"),
    (-1e-9, 0.0, "-1e-09"), (3.0, 0.0996, "3.00(10)"), (-1e-9, 0.25, "0.00(25)"), (0.0, 1e-9, "0.0000000000(10)"),
])  # fmt: skip
def test_errors_stand_in_brackets(mean, error, text):
    assert with_error(mean, error) == text
