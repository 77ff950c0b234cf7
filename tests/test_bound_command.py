"""magsearch bound, as a user and as a script see it."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import here, printed, refused

MODEL = """\
[model]
lattice = "triangular"
size = [6, 6, 1]

[[model.exchange]]
J = -1.0
"""
TRIANGLE = """\
[model]
cell = [[9, 0, 0], [0, 9, 0], [0, 0, 9]]
size = [1, 1, 1]
periodic = [false, false, false]
cartesian = true
basis = [{position = [0, 0, 0]}, {position = [1, 0, 0]}, {position = [0.5, 0.8660254, 0]}]

[[model.exchange]]
J = -1.0

"""


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "in.toml"
    path.write_text(MODEL)
    return path


def test_bound_as_text(capsys, toml):
    out = printed(capsys, "bound", toml)
    assert "-1.5000000000 meV per site, of 36 spins in 6 x 6 x 1 cells" in out
    assert out.count("no state is lower") == 2
    assert "infinite crystal" in out
    assert "Luttinger-Tisza" in out


def test_bound_as_json(capsys, toml):
    found = json.loads(printed(capsys, "bound", toml, "--json"))
    assert found["bound_per_site"] == pytest.approx(-1.5, abs=1e-10)
    assert found["tight"] is True
    assert "Luttinger-Tisza" in found["method"]
    assert found["energy_per_site"] == pytest.approx(-1.5, abs=1e-10)
    assert 0 <= found["gap"] < 1e-10
    assert found["q"] == [pytest.approx([1 / 3, 1 / 3, 0])]
    assert found["multipliers"] == [pytest.approx(3.0)]
    assert found["crystal"]["bound_per_site"] == pytest.approx(-1.5, abs=1e-9)
    assert found["crystal"]["tight"] is True
    assert found["crystal"]["energy_per_site"] == pytest.approx(-1.5, abs=1e-9)


def test_bound_of_a_molecule_has_no_crystal(capsys, tmp_path):
    (tmp_path / "in.toml").write_text(TRIANGLE)
    found = json.loads(printed(capsys, "bound", tmp_path / "in.toml", "--json"))
    assert found["bound_per_site"] == pytest.approx(-0.5, abs=1e-10)  # three bonds of cos 120 degrees
    assert found["tight"] is True
    assert found["crystal"] is None


def test_the_box_may_not_reach_what_the_crystal_does(capsys, toml):
    """120 degrees do not fit into 4 x 4 cells."""
    found = json.loads(printed(capsys, "bound", toml, "--json", "--set", "model.size=[4,4,1]"))
    assert found["bound_per_site"] == pytest.approx(-1.0, abs=1e-10)
    assert found["tight"] is True
    assert found["crystal"]["bound_per_site"] == pytest.approx(-1.5, abs=1e-9)
    assert found["crystal"]["tight"] is True  # by a wave that needs another box


def test_energies_are_compared(capsys, toml, tmp_path):
    given = json.loads(printed(capsys, "bound", toml, "--json", "--energy", "-1.25"))["given"]
    assert given == {"energy_per_site": -1.25, "gap": pytest.approx(0.25), "lowest": False}
    stored = tmp_path / "state.npy"
    assert "no state is lower" in printed(capsys, "bound", toml, "--spins", stored)
    assert np.load(stored).shape == (36, 3)
    given = json.loads(printed(capsys, "bound", toml, "--json", "--energy", stored))["given"]
    assert given["lowest"] is True
    assert json.loads(printed(capsys, "energy", toml, "--spins", stored, "--json"))["energy_per_site"] == pytest.approx(
        given["energy_per_site"]
    )


def test_a_number_is_no_state(capsys, tmp_path):
    """Whoever claims the energy of the bound has not shown that spins reach it."""
    (tmp_path / "in.toml").write_text(TRIANGLE + "[[model.anisotropy]]\nK = 0.3\n")
    bound = json.loads(printed(capsys, "bound", tmp_path / "in.toml", "--json"))["bound_per_site"]
    claimed = json.loads(printed(capsys, "bound", tmp_path / "in.toml", "--json", "--energy", f"{bound:.12f}"))
    assert claimed["tight"] is False
    assert claimed["given"]["lowest"] is True


def test_a_run_is_compared_with_the_bound(capsys, toml, tmp_path):
    run = tmp_path / "out.h5"
    printed(capsys, "run", toml, "-o", run, "--set", "search.generations=2", "--set", "search.replicas=8")
    given = json.loads(printed(capsys, "bound", toml, "--json", "--energy", run))["given"]
    assert 0 <= given["gap"] < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--energy", "-1.6"), "--energy: -1.6 meV per site is below the bound, -1.5"),
        (("--energy", "missing.npy"), "missing.npy"),
        (("--energy", "missing.h5"), "missing.h5"),
        (("--spins", "no/such/folder/out.npy"), "cannot be written"),
    ],
)
def test_what_is_wrong_is_told(capsys, toml, arguments, message):
    assert message in refused(capsys, "bound", toml, *arguments)


def test_moments_raise_the_bound(capsys, tmp_path):
    """Antiferromagnetic triangle with an easy axis: one spin along it, two at an angle t, cos t = 1 / (2 - 2K)."""
    (tmp_path / "in.toml").write_text(TRIANGLE + "[[model.anisotropy]]\nK = 0.3\n")
    plain = json.loads(printed(capsys, "bound", tmp_path / "in.toml", "--json"))
    assert plain["tight"] is False
    raised = json.loads(printed(capsys, "bound", tmp_path / "in.toml", "--json", "--moments"))
    assert raised["tight"] is True
    assert plain["bound_per_site"] < raised["bound_per_site"] == pytest.approx(-(1.3 + 1 / 1.4) / 3, abs=1e-8)


def test_moments_without_their_solver(capsys, toml, monkeypatch):
    real = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if name == "clarabel":
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "pip install 'magsearch[sdp]'" in refused(capsys, "bound", toml, "--moments")


def test_help_names_the_command(capsys):
    code, out, _ = here(capsys, "--help")
    assert code == 0
    assert "bound" in out
