"""The [scan] table, as it is written in files and on the command line, and the points that it asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from magsearch import config
from magsearch.config.scan import gathered
from magsearch.errors import InputError
from magsearch.scan import plan

MODEL = """\
[model]
lattice = "square"
size = [4, 4, 1]

[[model.exchange]]
J = [1.0, 0.1]

[[model.anisotropy]]
K = 0.1

[search]
seed = 5
"""


@pytest.fixture
def written(tmp_path: Path):
    def write(table: str = "") -> Path:
        path = tmp_path / "in.toml"
        path.write_text(MODEL + table)
        return path

    return write


def columns(path: Path, *settings: str):
    return plan.columns(config.read(path, settings))


def test_every_way_to_write_an_axis_means_the_same(written):
    """Quoted, dotted, as a table, on the command line."""
    ways = (
        written('[scan]\n"model.moment" = [1.0, 2.0]'),
        "[scan]\nmodel.moment = [1.0, 2.0]",
        "[scan.model]\nmoment = [1.0, 2.0]",
    )
    texts = [MODEL + '[scan]\n"model.moment" = [1.0, 2.0]', *(MODEL + way for way in ways[1:])]
    for text in texts:
        path = written()
        path.write_text(text)
        assert [c.settings for c in columns(path)] == [{"model.moment": 1.0}, {"model.moment": 2.0}]
    assert [c.settings for c in columns(written(), "scan.model.moment=[1.0,2.0]")] == [
        {"model.moment": 1.0}, {"model.moment": 2.0},
    ]  # fmt: skip


def test_command_line_overrules_the_file(written):
    path = written('[scan]\n"model.moment" = [1.0, 2.0]\nfield = [1, 2, 3]')
    found = columns(path, "scan.model.moment=[3.0]", "scan.field=[[0,0,0.7],[1,0,0]]")
    assert [c.settings for c in found] == [
        {"model.field": [0.0, 0.0, 0.7], "model.moment": 3.0}, {"model.field": [1.0, 0.0, 0.0], "model.moment": 3.0},
    ]  # fmt: skip


def test_numbers_are_fields_along_z_and_steps_include_both_ends(written):
    found = columns(written("[scan]\nfield = {first = 0.0, last = 2.0, count = 5}"))
    assert [c.settings["model.field"] for c in found] == [[0, 0, b] for b in (0.0, 0.5, 1.0, 1.5, 2.0)]
    assert columns(written("[scan]\nmodel.field = [1]"))[0].settings == {"model.field": [0, 0, 1.0]}


def test_a_grid_has_every_combination_and_temperatures_share_a_column(written):
    found = columns(written("[scan]\nfield = [1, 2]\ntemperature = [5, 0]\nsearch.seed = [1, 2, 3]"))
    assert len(found) == 6
    assert all(c.temperatures == (0.0, 5.0) for c in found)
    assert len({repr(c.settings) for c in found}) == 6
    assert [c.number for c in found] == list(range(6))


def test_a_list_takes_values_side_by_side(written):
    table = '[scan]\ncombine = "list"\nfield = [1, 2, 2]\ntemperature = [0, 5, 7]'
    found = columns(written(table))
    assert [(c.settings["model.field"][2], c.temperatures) for c in found] == [(1.0, (0.0,)), (2.0, (5.0, 7.0))]
    with pytest.raises(InputError, match=r"axes of equal length; their lengths are model\.field 2, temperature 3"):
        columns(written(table.replace("[1, 2, 2]", "[1, 2]")))


def test_an_axis_changes_what_it_names(written):
    path = written("[scan]\nmodel.anisotropy.0.K = [0.2, 0.4]\nmodel.exchange.0.J.1 = [0.3]")
    given = config.read(path)
    for column, K in zip(plan.columns(given), (0.2, 0.4), strict=True):
        at = plan.at(given, column)
        assert at.hamiltonian.anisotropy[0].K == K
        assert np.abs(at.hamiltonian.bonds.J).max() == 1.0
        assert np.isclose(np.abs(at.hamiltonian.bonds.J[:, 0, 0]), 0.3).sum() == 4
        assert at.search.seed == 5
    assert plan.at(given, plan.columns(config.read(path, ["scan.search.seed=[9]"]))[0]).search.seed == 9


def test_settings_of_the_command_line_hold_at_every_point(written):
    given = config.read(written("[scan]\nfield = [1]"), ["model.moment=3.0", "search.seed=8"])
    at = plan.at(given, plan.columns(given)[0])
    assert (at.hamiltonian.moments[0], at.search.seed, at.hamiltonian.field) == (3.0, 8, (0, 0, 1))


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "nothing to scan"),
        ("[scan]\nfield = []", "nothing to scan"),
        ("[scan]\nsearch.seed = []", r"scan\.search\.seed has no values"),
        ("[scan]\ntemprature = [1]", r"in\.toml:14: unknown key 'temprature'"),
        ("[scan]\ntemperature = [-1]", r"in\.toml:14: temperature is"),
        ("[scan]\nfield = [[1, 2]]", r"in\.toml:14: "),
        ("[scan]\nmodel.momnet = [1.0]", r"at model\.momnet 1: unknown key 'momnet'"),
        ("[scan]\nmodel.moment = [1.0, -1.0]", r"at model\.moment -1: moment is -1\.0"),
        ("[scan]\nmodel.dmi.0.D = [1.0]", r"model\.dmi\.0\.D: unknown entry 'dmi'; known are lattice"),
        ("[scan]\nmodel.exchange.5.J = [1.0]", r"model\.exchange\.5\.J: unknown entry '5'; known are 0"),
        ("[scan]\nstorage.limit = [1.0]", "cannot be scanned"),
        ("[scan]\nsearch.seed = [1, 2]\nrefine = 3", "refine needs a numeric axis of the model"),
    ],
)
def test_what_is_wrong_is_said(written, table, told):
    with pytest.raises(InputError, match=told):
        columns(written(table))


def test_a_run_may_have_a_scan_table_beside(written):
    assert config.read(written("[scan]\nfield = [1]")).scan.field == [1.0]


def test_stored_tables_are_read_again():
    stored = {"temperature": [0.0], "field": [], "axes": {"search.seed": [1]}, "combine": "grid"}
    assert gathered({**stored, "search.seed": [2]})["axes"] == {"search.seed": [2]}
