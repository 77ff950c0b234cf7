"""Runs in processes of their own, alone or under mpiexec, and what their files have in common."""

from __future__ import annotations

import importlib
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from forked import carry_out, preload

from magsearch.cli import main

COMMAND = [sys.executable, "-c", "from magsearch.cli import main; main()"]
CLOCKS = {"history/seconds"}  # what two equal runs do not share

DATA = Path(__file__).parent / "data"
MODEL = """\
[model]
lattice = "triangular"
size = [8, 8, 1]
moment = 2.0
field = 3.0

[[model.exchange]]
J = [1.0, -0.2]

[[model.dmi]]
D = 0.6
direction = "neel"

[search]
generations = 12
window = 100
replicas = 4
elites = 3
minima = 3
seed = 5

[islands]
count = 4
every = 2
"""
LEADER = """\
scheme = "leader"
topology = "random"
every = 3

[[islands.own]]
islands = [1, 3]
minimizer = "lbfgs"
operators = {HeatPatch = 1.0, PlantSkyrmion = 1.0}
"""


def launcher(ranks: int) -> list[str]:
    """mpiexec of the mpich wheel beside this Python, or of the system; nothing for one process without MPI."""
    if not ranks:
        return []
    pytest.importorskip("mpi4py")
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        pytest.skip("no mpiexec: pip install mpich")
    return [found, "-n", str(ranks)]


def start(*arguments: Any, ranks: int = 0, **how: Any) -> subprocess.Popen[str]:
    """Start magsearch in the background on ``ranks`` ranks; 0: without MPI. Its two output streams are one.

    Without MPI it is a fork of this process, which has everything imported; it calls ``prepare`` first, if given.
    """
    piped: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **how}
    if not ranks:
        return _forked(arguments, main, piped)
    piped["env"] = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", **how.get("env", {})}
    return subprocess.Popen([*launcher(ranks), *COMMAND, *map(str, arguments)], **piped)


def script(path: Path, *arguments: Any, where: Path) -> str:
    """What a program prints that runs in a folder, in a fork of this process."""
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": where}
    process = _forked(arguments, lambda: runpy.run_path(str(path), run_name="__main__"), piped)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def _forked(arguments: tuple[Any, ...], work: Callable[[], object], how: dict[str, Any]) -> subprocess.Popen[str]:
    """Start work in a fork: it takes the place of the program that Popen would start."""
    preload()
    env, first = how.pop("env", {}), how.pop("prepare", lambda: None)

    def prepare() -> None:
        first()
        os.environ.update(env)
        sys.path[:0] = [folder for folder in env.get("PYTHONPATH", "").split(os.pathsep) if folder not in sys.path]
        importlib.invalidate_caches()

    def instead() -> None:
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # Popen waits for the last of these
        carry_out(arguments, prepare, work)

    return subprocess.Popen(["magsearch"], preexec_fn=instead, **how)


def done(*arguments: Any, ranks: int = 0, code: int | None = 0, seconds: float = 120, **how: Any) -> str:
    """What magsearch prints until it ends, with the exit code that is expected; None: 0 or 2."""
    process = start(*arguments, ranks=ranks, **how)
    try:
        out, _ = process.communicate(timeout=seconds)
    finally:
        process.kill()
    assert process.returncode in ((0, 2) if code is None else (code,)), out
    return out


def fill(path: Path) -> None:
    """Leave no room on the disk of a file."""
    with suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def datasets(path: Path) -> dict[str, bytes]:
    """Every dataset of a file but the clocks, as bytes."""
    found: dict[str, bytes] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and name not in CLOCKS:
            value = np.asarray(item[()])
            found[name] = repr(value.tolist()).encode() if value.dtype.kind == "O" else value.tobytes()

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def differences(one: Path, other: Path) -> set[str]:
    """Names of the datasets in which two files differ."""
    a, b = datasets(one), datasets(other)
    return {name for name in a.keys() | b.keys() if a.get(name) != b.get(name)}
