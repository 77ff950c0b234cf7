"""A GPU that fails: one line and exit code 2, or a run that ends with the right result; never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from models import MODELS
from processes import MODEL, done
from simulated import environment, simulated

import magsearch as ms
from magsearch import storage
from magsearch.engine import evaluator as evaluator_module
from magsearch.engine import neighbours
from magsearch.engine.cpu import Cpu
from magsearch.errors import InputError
from magsearch.runs import self_test

ROOT = Path(__file__).parents[1]
SETTINGS = ["search.generations=2", "islands.count=2", 'search.path="direct"', "search.elites=2", "search.replicas=2"]
CHOSEN = [word for setting in SETTINGS for word in ("--set", setting)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    simulated()  # compiled once, before several processes need it
    path = tmp_path_factory.mktemp("failures") / "model.toml"
    path.write_text(MODEL.replace("[8, 8, 1]", "[4, 3, 1]"))
    return path


def told(out: str) -> list[str]:
    """The lines that say what went wrong."""
    assert "Traceback" not in out, out
    return [line for line in out.splitlines() if line.startswith("magsearch: ")]


@pytest.mark.parametrize(
    ("broken", "said"), [("driver", "CuPy sees no GPU"), ("nvrtc", "compile its kernels"), ("cufft", "cuFFT")]
)
def test_a_broken_installation_is_told_before_the_run(model, tmp_path, broken, said):
    out = tmp_path / "out.h5"
    command = ("run", model, "-o", out, "--device", "cuda", *CHOSEN)
    ranks = 2 if broken == "nvrtc" else 0
    lines = told(done(*command, ranks=ranks, code=2, env=environment(STANDIN_FAIL=broken)))
    assert len(lines) == 1
    assert said in lines[0]
    assert not out.exists()


def test_a_gpu_that_is_not_taken_is_told(model, tmp_path):
    out = tmp_path / "out.h5"
    text = done("run", model, "-o", out, "--device", "auto", *CHOSEN, env=environment(STANDIN_FAIL="nvrtc"))
    assert "no GPU is used: cuda:0 cannot compile its kernels" in text
    assert storage.read(out).stopped is not None


@pytest.fixture(scope="module")
def whole(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out.h5"
    done("run", model, "-o", out, "--device", "cuda", *CHOSEN, env=environment())
    return out


def champion(path: Path) -> float:
    with h5py.File(path) as file:
        return float(np.asarray(file["elites/energy_per_site"])[0])


@pytest.mark.parametrize(("allocation", "ranks"), [(60, 0), pytest.param(200, 2, marks=pytest.mark.slow)])
def test_memory_that_ends_during_a_run_is_told_in_a_line_and_its_file_is_good(
    model, whole, tmp_path, allocation, ranks
):
    """From this allocation on none succeeds."""
    out = tmp_path / "out.h5"
    command = ("run", model, "-o", out, "--device", "cuda", *CHOSEN)
    lines = told(done(*command, ranks=ranks, code=2, env=environment(STANDIN_FAIL=f"memory={allocation}+")))
    assert lines
    assert all("out of memory" in line for line in lines)
    done("run", "--resume", out, "--device", "cuda", ranks=ranks, env=environment())
    assert champion(out) == champion(whole), "what was stored leads to the same end"


@pytest.mark.slow
@pytest.mark.parametrize("onwards", [False, True])
def test_memory_may_end_at_any_time(model, monkeypatch, onwards):
    """At every tenth allocation: one line that says so, or the right result."""
    device = simulated()
    failures = device.xp.failures
    settings = {"generations": 2, "path": "direct", "elites": 2, "replicas": 2, "seed": 5}

    def found() -> float:
        monkeypatch.setattr(failures, "allocations", 0)
        return ms.search(model, device=device, progress=False, islands=2, **settings).champion.energy_per_site

    expected = found()
    every = failures.allocations
    monkeypatch.setattr(failures, "onwards", onwards)
    told = 0
    for allocation in range(10, every, 10):
        monkeypatch.setattr(failures, "allocation", allocation)
        try:
            assert found() == expected
        except InputError as error:
            assert "out of memory" in str(error)  # noqa: PT017
            told += 1
    assert told


def test_the_self_test_finds_devices_right():
    found = json.loads(done("device", "--json", "--seconds", "0.01", env=environment()))
    cpu, gpu = found["devices"]
    assert found["passed"]
    assert (cpu["device"], gpu["device"]) == ("cpu", "cuda:0")
    assert (gpu["cuda"], gpu["cupy"], gpu["nvrtc"]) == ("13.0", "14.2.0", "13.0")
    assert len(gpu["checks"]) == 6


def test_the_self_test_finds_what_is_broken():
    text = done("device", "--seconds", "0.01", code=2, env=environment(STANDIN_FAIL="cufft"))
    assert "broken     no GPU is used: cuda:0 cannot transform with cuFFT" in text


def test_the_self_test_finds_what_is_wrong(monkeypatch):
    """With a field that is 1 % too large."""
    device = Cpu()
    assert all(check.passed for check in self_test.checks(device))
    monkeypatch.setattr(evaluator_module, "MU_B", 1.01 * evaluator_module.MU_B)
    assert [check.passed for check in self_test.checks(device)] == [False] * 6


def test_a_population_that_does_not_fit_is_refused_with_the_numbers(model, tmp_path):
    out = tmp_path / "out.h5"
    command = ("run", model, "-o", out, "--device", "cuda", *CHOSEN, "--set", "search.replicas=2000")
    lines = told(done(*command, code=2, env=environment(STANDIN_MEMORY="5e5")))
    assert len(lines) == 1
    assert "a population needs at least 0.0" in lines[0]
    assert "search.replicas" in lines[0]
    assert not out.exists()


def test_lists_of_neighbours_that_an_int32_cannot_count_are_refused(monkeypatch):
    hamiltonian = MODELS["square_bloch"]
    monkeypatch.setattr(neighbours, "LARGEST", 4 * hamiltonian.lattice.sites)
    neighbours.Neighbours.of(hamiltonian)
    monkeypatch.setattr(neighbours, "LARGEST", 4 * hamiltonian.lattice.sites - 1)
    with pytest.raises(InputError, match=f"{4 * hamiltonian.lattice.sites} neighbours of all sites"):
        neighbours.Neighbours.of(hamiltonian)


def gpu_report(*arguments: object, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "benchmarks" / "gpu", *arguments]
    return subprocess.run(list(map(str, command)), env=env, capture_output=True, text=True)


def test_the_report_of_a_gpu_needs_one(tmp_path):
    found = gpu_report(tmp_path / "report", env=environment(STANDIN_FAIL="driver"))
    assert found.returncode == 2
    assert found.stderr.startswith("gpu: CuPy sees no GPU: cudaErrorInsufficientDriver")
    assert found.stderr.count("\n") == 1
    assert not (tmp_path / "report").exists()


def test_a_figure_that_fails_leaves_the_others(tmp_path):
    command = [sys.executable, ROOT / "benchmarks" / "gpu" / "figures.py", "--quick", "--only", "bandwidth", "evaluate"]
    env = environment(STANDIN_FAIL="memory=30")
    found = subprocess.run(list(map(str, command)), env=env, capture_output=True, text=True)
    figures = [json.loads(line) for line in found.stdout.splitlines()]
    assert found.returncode == 1, found.stderr
    assert ["error" in figure for figure in figures].count(True) == 1
    assert [figure["figure"] for figure in figures] == ["bandwidth", *["evaluate"] * 3]


@pytest.mark.slow
def test_every_part_of_the_report_of_a_gpu_runs(tmp_path):
    """Those at least that need no tools of NVIDIA."""
    gpu_report(tmp_path, "--quick", env=environment())
    report = json.loads((tmp_path / "gpu-report.json").read_text())
    results = {part["name"]: part["result"] for part in report["parts"]}
    assert all(result == "passed" or result.startswith("skipped") for result in results.values()), results
    figures = {figure["figure"] for part in report["parts"] for figure in part.get("figures", ())}
    assert figures == {"bandwidth", "evaluate", "BB step", "heat bath", "generation", "time to solution"}
    assert "| evaluate | 4 bonds, direct | 32 |" in (tmp_path / "gpu-report.md").read_text()
