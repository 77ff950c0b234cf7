"""Studies: their steps, files and exit codes, and that nothing is done twice or lost when they are stopped."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command import MODEL, ended, here, printed, refused
from processes import COMMAND

from magsearch import storage
from magsearch.study import study as driver
from magsearch.study.figures import figures
from magsearch.study.page import told
from magsearch.study.steps import STEPS, Step

FEW = [word for step in STEPS if step.name not in ("check", "run") for word in ("--skip", step.name)]
LONG = MODEL.replace("generations = 2", "generations = 100000\nwindow = 100000").replace("seconds = 60", "seconds = 8")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.toml"
    path.write_text(MODEL)
    return path


SNAKEFILE = Path(__file__).parent.parent / "examples" / "high_throughput" / "Snakefile"


def state(folder: Path) -> dict[str, str]:
    return {name: one["state"] for name, one in json.loads((folder / "summary.json").read_text())["steps"].items()}


def test_a_study_has_its_figures_files_and_page_and_is_done_once(model, tmp_path, capsys):
    out = tmp_path / "study"
    said = json.loads(printed(capsys, "study", model, "-o", out, "--json", *FEW))
    record = storage.read(out / "run.h5")
    champion = record.elites[0]
    assert said["figures"]["energy_per_site_meV"] == champion.energy / record.hamiltonian.n_spins
    assert said["figures"]["phase"] == champion.phase
    assert said == json.loads((out / "summary.json").read_text())
    assert said["results"]["check"]["read"]["size"] == [6, 5, 1]
    page = (out / "index.html").read_text()
    assert champion.phase in page
    assert 'href="run.h5"' in page
    assert (out / "run.log").exists()
    (out / "notes #1.md").write_text("of the user")
    (out / "check.json").write_text("[" * 100_000)  # damaged
    before = (out / "run.h5").stat().st_mtime_ns
    again = printed(capsys, "study", model, "-o", out, *FEW)  # what is done is not done again
    assert (out / "run.h5").stat().st_mtime_ns == before
    assert "search for the ground state" not in again
    assert "index.html" in again
    assert 'href="notes%20%231.md"' in (out / "index.html").read_text()
    assert "check" not in json.loads((out / "summary.json").read_text())["results"]


def test_another_input_does_not_go_into_the_folder_of_a_study(model, tmp_path, capsys):
    out = tmp_path / "study"
    printed(capsys, "study", model, "-o", out, "--skip", "run", *FEW)
    before = (out / "study.json").read_bytes()
    assert "other contents or settings" in refused(capsys, "study", model, "-o", out, "--set", "model.field=1")
    assert (out / "study.json").read_bytes() == before
    (out / "study.json").write_text("[]")
    assert "cannot be read" in refused(capsys, "study", model, "-o", out)


def test_a_step_that_fails_is_told_and_the_others_go_on(model, tmp_path, capsys, monkeypatch):
    """A command that says why it cannot be used is no failure; the steps that read the input must succeed."""
    refused = Step("bound", ("missing.h5",), "lower bound")
    wrong = Step("run", ("missing.toml",), "search", input=True)
    monkeypatch.setattr(driver, "STEPS", (refused, *(step for step in STEPS if step.name == "check")))
    code, out, _ = here(capsys, "study", model, "-o", tmp_path / "one")
    assert (code, state(tmp_path / "one")) == (0, {"bound": "refused", "check": "done"})
    assert "missing.h5" in out
    monkeypatch.setattr(driver, "STEPS", (wrong,))
    code, out, _ = here(capsys, "study", model, "-o", tmp_path / "other")
    assert (code, state(tmp_path / "other")) == (1, {"run": "failed"})
    assert "missing.toml" in out


def test_a_step_ends_with_its_budget_and_can_have_more(tmp_path, capsys, monkeypatch):
    (tmp_path / "long.toml").write_text(LONG.replace("seconds = 8\n", ""))
    endless = Step("run", ("{input}", "-o", "run.h5"), "search", input=True, file="run.h5")
    monkeypatch.setattr(driver, "STEPS", (endless,))
    code, _, _ = here(capsys, "study", tmp_path / "long.toml", "-o", tmp_path / "study", "--budget", "0.5")
    assert code == 0
    assert "0.5 seconds" in json.loads((tmp_path / "study" / "run.json").read_text())["stopped"]


def test_options_that_make_no_sense_are_refused(model, tmp_path, capsys):
    assert "--skip" in refused(capsys, "study", model, "--skip", "rum")
    assert "--budget" in refused(capsys, "study", model, "--budget", "0")
    (tmp_path / "file").write_text("")
    refused(capsys, "study", model, "-o", tmp_path / "file")
    assert (tmp_path / "file").read_text() == ""


def test_the_commands_of_a_study_are_listed(model, tmp_path, capsys):
    listed = printed(capsys, "study", model, "-o", tmp_path / "study", "--list").splitlines()
    assert len(listed) == len(STEPS)
    assert all(line.startswith("magsearch ") for line in listed)
    assert not (tmp_path / "study").exists()


def test_a_temperature_is_told_with_its_error():
    found = figures({"tc": {"transition": {"kelvin": 128.1026648, "error": 25.82518755}}})
    assert told(found)["tc (K)"] == "128(26)"
    assert not any("error" in name for name in told(found))


def test_figures_are_there_without_results():
    found = figures({})
    assert set(found.values()) == {None, 0}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_study_that_is_stopped_goes_on_where_it_was(number, tmp_path):
    """Nothing keeps running, the file of the run is good, and the same command ends the study."""
    path, out = tmp_path / "model.toml", tmp_path / "study"
    path.write_text(LONG)
    command = [*COMMAND, "study", str(path), "-o", str(out), *FEW]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (out / "run.h5").exists():
            time.sleep(0.02)
            assert process.poll() is None
        process.send_signal(number)
        begin = time.monotonic()
        assert process.wait(30) == (75 if number == signal.SIGTERM else -signal.SIGKILL)
    while alive(out):
        time.sleep(0.02)
        assert time.monotonic() - begin < 30
    generations = len(storage.read(out / "run.h5").history)
    assert subprocess.run(command, capture_output=True, timeout=120).returncode == 0
    assert state(out)["run"] == "done"
    assert len(storage.read(out / "run.h5").history) > generations


def alive(folder: Path) -> bool:
    """Whether a process works in a folder."""
    for process in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if Path(os.readlink(process)) == folder.resolve():
                return True
        except OSError:
            continue
    return False


def test_the_snakefile_of_the_examples_names_a_study_and_writes_the_table_of_its_figures(model, tmp_path, monkeypatch):
    """What its rule calls, and what its Python block reads and writes: Snakemake itself is not installed here."""
    text = SNAKEFILE.read_text()
    (call,) = re.findall(r'"OMP_NUM_THREADS=\{threads\} magsearch (.*)"', text)
    words = [word.format(input=model, wildcards=SimpleNamespace(name="one")) for word in call.split()]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    code = ended(*words, *FEW)
    (made,) = re.findall(r'output:\n +"(studies/\{name\}/summary.json)"', text)
    given = [made.format(name="one"), "studies/two/summary.json"]
    assert code == 0
    assert Path(given[0]).exists()
    shutil.copytree("studies/one", "studies/two")
    block = textwrap.dedent(text.partition("    run:\n")[2])
    exec(block, {"Path": Path, "input": given, "output": ["table.csv"]})
    with open("table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    said = json.loads(Path(given[0]).read_text())["figures"]
    assert [row["name"] for row in rows] == ["one", "two"]
    for row in rows:
        assert set(row) == {"name", *said}
        assert row["phase"] == said["phase"]
        assert float(row["energy_per_site_meV"]) == said["energy_per_site_meV"]


def test_the_jobflow_example_reads_what_a_study_writes(model, tmp_path, monkeypatch):
    """jobflow itself is not installed here: its decorator is replaced by none."""
    source = SNAKEFILE.with_name("study_job.py").read_text()
    bare = source.replace("from jobflow", "# from jobflow").replace("@job\n", "")
    names: dict[str, Any] = {"__name__": "study_job"}
    exec(compile(bare, "study_job.py", "exec"), names)
    monkeypatch.chdir(tmp_path)
    calls: list[list[str]] = []

    def run(command: list[str], check: bool) -> None:
        calls.append(command)
        assert check
        assert ended(*command[1:], *FEW) == 0

    monkeypatch.setattr(subprocess, "run", run)
    found = names["study"](model.read_text(), ".toml", "--budget", "60")
    assert found == json.loads(Path("study/summary.json").read_text())["figures"]
    assert calls[0][:3] == ["magsearch", "study", "model.toml"]
