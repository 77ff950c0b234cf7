"""Fixtures of all tests: both machines, both precisions, and Hamiltonians that use every feature."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

# Before the kernels are loaded: in a fork, libgomp waits for threads that only the parent has. test_evaluator compares
# numbers of threads
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["PYTHONSAFEPATH"] = "1"  # subprocesses take the installed package, not the folder that they start in
# Hundreds of subprocesses import magsearch; without its bytecode each of them would compile 220 modules, in 0.5 s
os.environ["PYTHONDONTWRITEBYTECODE"] = ""

from models import MODELS
from simulated import simulated

from magsearch.engine.cpu import Cpu
from magsearch.engine.cuda import Cuda
from magsearch.engine.device import Device
from magsearch.model.hamiltonian import Hamiltonian

# Modules whose tests of ``device`` also run on the simulated GPU; STANDIN=all in the environment adds every other one
SIMULATED = {"test_landscape", "test_seats", "test_heatbath", "test_hessian", "test_minimizers", "test_preconditioner"}
sys.dont_write_bytecode = False  # pytest keeps tests with its assertions: to make them takes 8 s in each process
DEVICES = ["cpu", *(["cuda"] if find_spec("cupy") else []), "simulated"]
LONG = {  # of their tests, those that take long there
    "test_energy_falls_and_spins_stay_on_the_sphere", "test_second_order_minimisers_do_not_mind_soft_modes",
    "test_ground_states_of_polyhedra_with_antiferromagnetic_edges", "test_steps_are_a_limit",
    "test_the_same_start_gives_the_same_bits", "test_every_replica_has_its_own_temperature",
    "test_moves_in_turn_leave_equilibrium_as_it_is",
}  # fmt: skip


def machine(name: str) -> Device:
    if name == "cpu":
        return Cpu()
    if name == "simulated":
        if not any(shutil.which(compiler) for compiler in ("c++", "g++", "clang++")):
            pytest.skip("no C++ compiler to simulate a GPU with")
        return simulated()
    try:
        return Cuda()
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB; skipped where this process may not make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True)
    if made.returncode:
        pytest.skip("may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say once, instead of for each of two thousand tests, that no GPU has been tested."""
    if "cuda" not in DEVICES:
        terminalreporter.write_line("no CuPy here: tests of devices ran on the CPU and the simulated GPU only")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Thin out products of parameters, and leave the simulated GPU to the tests that are chosen for it."""
    known: dict[tuple[Any, str], dict[int, int]] = {}  # the values of each parameter of a test, numbered

    def numbers(item: Any) -> list[int]:
        each = [(known.setdefault((item.function, name), {}), id(v)) for name, v in item.callspec.params.items()]
        return [values.setdefault(value, len(values)) for values, value in each]

    for item in items:  # a sum that has a given remainder leaves every value of every parameter
        if (mark := item.get_closest_marker("spread")) and sum(numbers(item)) % mark.args[0]:
            item.add_marker(pytest.mark.slow)
    if os.environ.get("STANDIN") == "all":
        return

    def chosen(item: Any) -> bool:
        device = getattr(item, "callspec", None) and item.callspec.params.get("device")
        module, function = item.module.__name__.rpartition(".")[2], item.originalname
        return device != "simulated" or (module in SIMULATED and function not in LONG)

    config.hook.pytest_deselected(items=[item for item in items if not chosen(item)])
    items[:] = [item for item in items if chosen(item)]


@pytest.fixture(scope="session", params=DEVICES)
def device(request: pytest.FixtureRequest) -> Device:
    """The CPU always, a GPU where there is CuPy; a simulated one for chosen tests."""
    return machine(request.param)


@pytest.fixture(scope="session", params=DEVICES)
def target(request: pytest.FixtureRequest) -> Device:
    """Each of them for every test: for the laws of single kernels."""
    return machine(request.param)


@pytest.fixture(params=[np.float32, np.float64], ids=["float", "double"])
def real(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> Hamiltonian:
    return MODELS[request.param]
