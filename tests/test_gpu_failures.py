"""A GPU that fails: one line and exit code 2, or a run that ends with the right result; never a traceback."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from processes import MODEL, done
from simulated import environment, simulated

from magsearch import storage

SETTINGS = ["search.generations=2", "islands.count=2", 'search.path="direct"', "search.elites=2", "search.replicas=2"]
CHOSEN = [word for setting in SETTINGS for word in ("--set", setting)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    simulated()  # compiled once, before several processes need it
    path = tmp_path_factory.mktemp("failures") / "model.toml"
    path.write_text(MODEL.replace("[8, 8, 1]", "[4, 3, 1]"))
    return path


def told(out: str, rank: int | None = None) -> list[str]:
    """The lines that say what went wrong."""
    assert "Traceback" not in out, out
    return [line for line in out.splitlines() if line.startswith("magsearch: ")]


@pytest.mark.parametrize(
    ("broken", "said"), [("driver", "CuPy sees no GPU"), ("nvrtc", "compile its kernels"), ("cufft", "cuFFT")]
)
@pytest.mark.parametrize("ranks", [0, 2])
def test_a_broken_installation_is_told_before_the_run(model, tmp_path, broken, said, ranks):
    out = tmp_path / "out.h5"
    command = ("run", model, "-o", out, "--device", "cuda", *CHOSEN)
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


@pytest.mark.parametrize("ranks", [0, 2])
@pytest.mark.parametrize("allocation", [12, 60, 400, 3000])
def test_memory_that_ends_during_a_run_is_told_in_a_line_and_its_file_is_good(
    model, whole, tmp_path, allocation, ranks
):
    """From this allocation on none succeeds."""
    out = tmp_path / "out.h5"
    command = ("run", model, "-o", out, "--device", "cuda", *CHOSEN)
    process = done(*command, ranks=ranks, code=None, env=environment(STANDIN_FAIL=f"memory={allocation}+"))
    lines = told(process)
    if lines:
        assert all("out of memory" in line or "OutOfMemoryError" in line for line in lines)
        if out.exists():
            done("run", "--resume", out, "--device", "cuda", ranks=ranks, env=environment())
            assert champion(out) == champion(whole), "what was stored leads to the same end"
    else:
        assert champion(out) == champion(whole)


def test_a_population_that_does_not_fit_is_refused_with_the_numbers(model, tmp_path):
    out = tmp_path / "out.h5"
    command = ("run", model, "-o", out, "--device", "cuda", *CHOSEN, "--set", "search.replicas=20000")
    lines = told(done(*command, code=2, env=environment(STANDIN_MEMORY="8e6")))
    assert len(lines) == 1
    assert "a population needs 0.0" in lines[0]
    assert "search.replicas" in lines[0]
    assert not out.exists()
