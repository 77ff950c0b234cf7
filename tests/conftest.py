"""Fixtures of all tests: both machines, both precisions, and Hamiltonians that use every feature."""

from __future__ import annotations

import os
import shutil
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before the kernels are loaded; test_evaluator compares threads
os.environ["PYTHONSAFEPATH"] = "1"  # subprocesses take the installed package, not the folder that they start in

from emulation import Emulated
from models import MODELS

from magsearch.engine.device import Cpu, Cuda, Device
from magsearch.model.hamiltonian import Hamiltonian


def machine(name: str, tmp_path_factory: pytest.TempPathFactory) -> Device:
    if name == "cpu":
        return Cpu()
    if name == "emulated":
        if not any(shutil.which(compiler) for compiler in ("c++", "g++", "clang++")):
            pytest.skip("no C++ compiler to emulate a GPU with")
        return Emulated(tmp_path_factory.getbasetemp())
    try:
        return Cuda()
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session", params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Device:
    """The CPU always, a GPU where one is seen."""
    return machine(request.param, tmp_path_factory)


@pytest.fixture(scope="session", params=["cpu", "cuda", "emulated"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Device:
    """Also the GPU's source run thread by thread on the host (slow): for the laws of single kernels."""
    return machine(request.param, tmp_path_factory)


@pytest.fixture(params=[np.float32, np.float64], ids=["float", "double"])
def real(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> Hamiltonian:
    return MODELS[request.param]
