"""A candidate's fields are the only place that names its properties; files of earlier versions still open."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from sysconfig import get_path
from typing import Any

import h5py
import numpy as np
import pytest
from command import printed
from processes import MODEL

import magsearch
from magsearch import storage
from magsearch.engine.cpu import INSTRUCTION_SETS
from magsearch.engine.kernels import KERNELS
from magsearch.search import records
from magsearch.search.candidate import Candidate
from magsearch.search.records import Place
from magsearch.units import MU_B

DATA = Path(__file__).parent / "data"

# -- one line for a property -------------------------------------------------------------------------------------------

PROPERTIES = """\
    height: float | None = field(default=None, metadata=kept(Place.EVERYWHERE, "f8", "1", extensive=True, title="height", measure=each(lambda h, s: float(s[:, 2].sum()))))
    note: str = field(default="", metadata=kept(Place.EVERYWHERE, "S16"))
    local: NDArray[Any] | None = field(default=None, metadata=kept(Place.SEARCH | Place.ELITES, "f4", "tesla", "site, xyz"))
"""  # noqa: E501
SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from magsearch import storage
from magsearch.engine.cpu import Cpu
from magsearch.search.candidate import packed, unpacked
from magsearch.storage.summary import summary

path = sys.argv[1]
record, states = storage.read(path), storage.read_states(path)
lattice = record.hamiltonian.lattice


def marked(candidate, k):
    return replace(candidate, height=0.25 * k, note=f"no. {k}", local=np.full((lattice.sites, 3), k, np.float32))


def check(candidates):
    for k, one in enumerate(candidates):
        assert (one.height, one.note) == (0.25 * k, f"no. {k}")
        assert one.local.shape == (lattice.sites, 3) and (one.local == k).all()


def check_state(states):
    for state in states.values():
        check(state.candidates)


assert all(c.height is None and c.local is None for state in states.values() for c in state.candidates)
held = {i: replace(s, candidates=tuple(marked(c, k) for k, c in enumerate(s.candidates))) for i, s in states.items()}
elites = tuple(marked(elite, k) for k, elite in enumerate(record.elites))
storage.write(path, replace(record, elites=elites), held)
check(storage.read(path).elites)
check_state(storage.read_states(path))
storage.write(path, record, storage.Parts([storage.write_part(Path(path), 0, 1, held, lattice.sites)], list(held)))
check_state(storage.read_states(path))
check(unpacked(packed(held[0].candidates, lattice.sites), Cpu(), lattice))
assert summary(storage.read(path))["champion"]["note"] is None
print("found everywhere")
"""


COMMANDS = """
import json, sys
from magsearch.cli import main
for line in json.loads(sys.argv[1]):
    sys.argv = ["magsearch", *line]
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
    print("\\0")
"""


def test_a_new_property_is_one_line_of_one_file(tmp_path):
    """A copy of the package with lines added to candidate.py alone runs, stores, resumes and shows it."""
    copy = tmp_path / "magsearch"
    shutil.copytree(Path(magsearch.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*(f"_kernels_{name}" for name in INSTRUCTION_SETS), "_watchdog"):  # elsewhere if installed editably
        module = find_spec(f"magsearch.{name}")
        if module is not None and module.origin and Path(module.origin).parent != Path(magsearch.__file__).parent:
            shutil.copy(module.origin, copy)
    (tmp_path / "kernels").symlink_to(KERNELS)
    source = copy / "search" / "candidate.py"
    lines, end = source.read_text().split("    def __repr__", 1)
    source.write_text(f"{lines}{PROPERTIES}\n    def __repr__{end}")
    # without the site module, whose hooks would import the package of an editable install instead
    path = os.pathsep.join([str(tmp_path), get_path("purelib"), get_path("platlib")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}

    def python(*arguments: Any) -> str:
        done = subprocess.run(
            [sys.executable, "-S", *map(str, arguments)], capture_output=True, text=True, env=environment, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commands(*lines: list[Any]) -> list[str]:
        """What each command line prints, all in one process."""
        return python("-c", COMMANDS, json.dumps([list(map(str, line)) for line in lines])).split("\0\n")[:-1]

    (tmp_path / "in.toml").write_text(MODEL.replace("generations = 12", "generations = 3"))
    out = tmp_path / "in.h5"
    shown = commands(["run", "in.toml", "-o", out], ["show", out, "--json"])[1]
    with h5py.File(out) as file:
        spins, heights = file["elites/spins"][()], file["elites/height"]
        assert heights[()] == pytest.approx(spins[:, :, 2].sum(axis=1))
        assert (heights.attrs["unit"], heights.attrs["axes"]) == ("1", "elite")
        assert {"height", "note", "local"} <= set(file["checkpoint"])
    champion = json.loads(shown)["champion"]
    assert champion["height_per_site"] == pytest.approx(spins[0, :, 2].mean())
    assert '"height per site"' in out.with_suffix(".xdmf").read_text()
    assert python("-c", SCRIPT, out) == "found everywhere\n"
    resume = ["run", "--resume", out, "--set", "search.generations=4"]
    assert json.loads(commands(resume, ["show", out, "--json"])[1])["generations"] == 4


def test_documentation_names_every_stored_property():
    page = (Path(__file__).parents[1] / "docs" / "datasets.md").read_text()
    for place, group in ((Place.ELITES, "/elites"), (Place.CHECKPOINT, "/checkpoint")):
        table = page.split(f"\n## {group}\n")[1].split("\n## ")[0]
        named = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))
        assert {column.name for column in records.columns(Candidate, place)} <= named


# -- records -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Inner:
    kind: str = field(metadata={"dtype": "S8", "name": "inner"})
    values: tuple[float, ...] = field(metadata={"dtype": "f8", "axes": "value", "padding": np.nan})


@dataclass(frozen=True)
class Outer:
    count: int = field(metadata={"dtype": "i4"})
    unstored: object = None
    inner: Inner | None = field(default=None, metadata={"dtype": Inner})
    lately: float | None = field(default=None, metadata={"dtype": "f8", "places": Place.ELITES})


def test_nested_values_and_absent_ones_survive():
    given = [Outer(3, inner=Inner("a", (1.0, 2.0))), Outer(-1), Outer(0, inner=Inner("b", ()), lately=0.0)]
    columns = records.columns(Outer, Place.ELITES)
    arrays = {column.name: column.array([column.value(one) for one in given], {}) for column in columns}
    assert [Outer(**values) for values in records.values(Outer, Place.ELITES, arrays, 3)] == given


def test_a_property_stays_out_of_other_places():
    assert [column.name for column in records.columns(Outer, Place.MESSAGE)] == ["count", "inner", "values"]


def test_a_property_missing_from_a_file_has_its_default_or_is_an_error():
    assert records.values(Outer, Place.ELITES, {"count": np.array([7])}, 1) == [
        {"count": 7, "inner": None, "lately": None}
    ]
    with pytest.raises(KeyError, match="count"):
        records.values(Outer, Place.ELITES, {"lately": np.zeros(1)}, 1)


def test_a_record_needs_the_size_of_every_axis():
    with pytest.raises(KeyError, match="value"):
        records.record_type(Outer, Place.MESSAGE, {})
    assert records.record_type(Outer, Place.MESSAGE, {"value": 2}).itemsize == 4 + 8 + 2 * 8


def test_a_text_is_never_cut():
    (column,) = (column for column in records.columns(Inner, Place.ELITES) if column.name == "inner")
    assert [column.parse(entry) for entry in column.array(["Néel", None, "12345678"], {})] == ["Néel", "", "12345678"]
    with pytest.raises(ValueError, match="123456789"):
        column.array(["123456789"], {})


# -- files of the version before ---------------------------------------------------------------------------------------


def uniform(field: float) -> float:
    """Energy per site, meV, of the uniform state along the easy axis in a field (tesla), which is the champion."""
    return -2 * (1.0 - 0.2) - 0.1 - 2.0 * MU_B * field


@pytest.mark.parametrize("name", ["finished", "resumable"])
def test_old_runs_are_shown_drawn_and_reported(name, capsys, tmp_path):
    path = shutil.copy(DATA / f"{name}.h5", tmp_path)
    shown = json.loads(printed(capsys, "show", path, "--json"))
    champion = shown["champion"]
    assert champion["energy_per_site"] == pytest.approx(uniform(3.0), abs=1e-9)
    assert (champion["label"], champion["stability"], champion["degeneracy"]) == ("ferromagnet", "minimum", 1)
    assert champion["magnetization"] == pytest.approx([0, 0, 1], abs=1e-8)
    assert shown["resumable"] == (name == "resumable")
    (best, *_) = storage.read(path).elites
    assert best.energy_per_site == pytest.approx(best.energy_density.mean(), rel=1e-6)
    assert "ferromagnet" in printed(capsys, "show", path, "--minima")
    printed(capsys, "plot", path, "-o", tmp_path / "summary.png")
    pytest.importorskip("bokeh")
    printed(capsys, "report", path, "-o", tmp_path / "report.html")
    assert (tmp_path / "summary.png").stat().st_size > 1000 < (tmp_path / "report.html").stat().st_size


def test_an_old_run_resumes(capsys, tmp_path):
    path = Path(shutil.copy(DATA / "resumable.h5", tmp_path))
    before = storage.read(path).history["best"]
    printed(capsys, "run", "--resume", path, "--set", "search.generations=5", "--set", "search.minima=8")
    after = storage.read(path)
    assert (len(before), len(after.history)) == (3, 5)
    assert (after.history["best"][:3] == before).all()
    assert after.elites[0].energy_per_site == pytest.approx(uniform(3.0), abs=1e-9)


def test_the_history_of_an_old_run_takes_operators_that_it_did_not_have():
    before = storage.read(DATA / "resumable.h5").history
    after = before.widened(["AaSpins", *before.operators, "ZzSpins"])
    assert after.operators == ("AaSpins", *before.operators, "ZzSpins")
    for column in ("offspring", "successes"):
        assert before[column].any()
        assert (after[column][..., 1:-1] == before[column]).all()
        assert not after[column][..., [0, -1]].any()
    assert (after["origin"] == before["origin"] + 1).all()
    assert (
        after["energies"][np.isfinite(before["energies"])] == before["energies"][np.isfinite(before["energies"])]
    ).all()
    assert (after.row_type, len(after), after.seconds) == (after.rows[0].dtype, len(before), before.seconds)
    assert before.widened(before.operators[:1]) is before


def test_an_old_scan_is_shown_reported_and_resumed(capsys, tmp_path):
    path = Path(shutil.copy(DATA / "scan.h5", tmp_path))
    shown = json.loads(printed(capsys, "show", path, "--json"))
    energies = [point["champion"]["energy_per_site"] for point in shown["points"]]
    assert energies == pytest.approx([uniform(1.0), uniform(3.0)], abs=1e-9)
    pytest.importorskip("bokeh")
    printed(capsys, "report", path, "-o", tmp_path / "report.html")
    printed(capsys, "scan", "--resume", path)
    assert [c.minima[0].per_site for c in storage.read_scan(path).columns] == energies
