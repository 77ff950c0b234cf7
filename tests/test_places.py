"""CONTRIBUTING's list of places: what it says is added in one file is found when that file is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from magsearch import formats, operators, relaxation

OPERATOR = '''
from dataclasses import dataclass


@dataclass(frozen=True)
class TurnOver:
    """Reverse all spins."""

    parents: int = 1

    def __call__(self, crystal, parents, draws):
        return -parents[:, 0]
'''
FORMAT = """
NAME, CONVENTIONS, ORDER = "Nobody's", "none", 9


def recognises(path, text):
    return text.startswith("nobody")
"""
MINIMIZER = '''
from typing import ClassVar


class Standing:
    """Do not move."""

    name: ClassVar[str] = "standing"
'''
METHOD = '''
from dataclasses import dataclass, field
from typing import ClassVar

from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.relax import Minimizer


@dataclass(frozen=True)
class Waiting:
    """Do nothing, several times."""

    name: ClassVar[str] = "waiting"
    times: int = field(default=3, metadata={"doc": "Number of times.", "ge": 1})
    minimizer: Minimizer = field(default_factory=BarzilaiBorwein)
'''


def test_an_operator_is_one_file(tmp_path, monkeypatch):
    assert "TurnOver" not in operators.found()
    (tmp_path / "turn_over.py").write_text(OPERATOR)
    monkeypatch.setattr(operators, "__path__", [*operators.__path__, str(tmp_path)])
    found = operators.found()
    assert set(found) == {*operators.OPERATORS, "TurnOver"}
    assert found["TurnOver"]().parents == 1
    monkeypatch.delitem(sys.modules, "magsearch.operators.turn_over")
    monkeypatch.delattr(operators, "turn_over")


def test_a_format_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "nobodys.py").write_text(FORMAT)
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    *known, new = formats.found()
    assert tuple(known) == formats.FORMATS
    assert new.recognises(None, "nobody's file")
    monkeypatch.delitem(sys.modules, "magsearch.formats.nobodys")
    monkeypatch.delattr(formats, "nobodys")


def test_recognisers_have_different_places():
    assert len({known.ORDER for known in formats.FORMATS}) == len(formats.FORMATS)


def test_a_minimiser_is_one_file_and_a_kernel(tmp_path, monkeypatch):
    (tmp_path / "standing.py").write_text(MINIMIZER)
    monkeypatch.setattr(relaxation, "__path__", [*relaxation.__path__, str(tmp_path)])
    assert set(relaxation.found()) == {*relaxation.MINIMIZERS, "standing"}
    assert {"barzilai-borwein", "lbfgs", "velocity-projection", "fire", "llg"} == set(relaxation.MINIMIZERS)
    monkeypatch.delitem(sys.modules, "magsearch.relaxation.standing")
    monkeypatch.delattr(relaxation, "standing")


@pytest.mark.parametrize("key", ["times"])
def test_a_method_is_one_file(tmp_path, key):
    """In a process of its own, since the tables of the input are made when they are imported."""
    (tmp_path / "waiting.py").write_text(METHOD)
    program = f"""
from magsearch import thermal
thermal.__path__.append({str(tmp_path)!r})
from magsearch.config.backend import METHODS, BackendTable
print(METHODS["waiting"].__name__, {key!r} in BackendTable.KEYS)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "Waiting True\n", done.stderr


def test_a_topology_is_one_file():
    """The table of names stands in the file of the classes, and the input reads it."""
    program = """
from magsearch.search import topology
topology.TOPOLOGIES["nobody"] = topology.Isolated
from magsearch.config import Input
import magsearch.config.islands as islands
print(type(islands.IslandsTable(topology="nobody").migration().topology).__name__)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "Isolated\n", done.stderr
