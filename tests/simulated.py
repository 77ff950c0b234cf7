"""A GPU without a GPU: ``Cuda`` on the stand-in for CuPy (tests/standin), which is seen by nobody else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from magsearch.engine.cuda import Cuda

FOLDER = Path(__file__).with_name("standin")
_modules: dict[str, ModuleType] = {}


def _of_cupy() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in ("cupy", "cupyx")}


@contextmanager
def stand_in() -> Iterator[Any]:
    """Let ``import cupy`` find the stand-in inside a with-block; before and after it is what it was."""
    before = _of_cupy()
    for name in before:
        del sys.modules[name]
    sys.modules.update(_modules)
    sys.path.insert(0, str(FOLDER))
    try:
        import cupy

        yield cupy
        _modules.update(_of_cupy())
    finally:
        sys.path.remove(str(FOLDER))
        for name in _of_cupy():
            del sys.modules[name]
        sys.modules.update(before)


@cache
def simulated() -> Cuda:
    """Return a GPU that the stand-in simulates."""
    with stand_in():
        device = Cuda()
    device.name = "simulated"
    return device


@contextmanager
def backwards() -> Iterator[None]:
    """Run blocks and threads in the opposite order inside a with-block."""
    module = _modules["cupy.module"]
    module.backwards = True
    try:
        yield
    finally:
        module.backwards = False


def environment(**changed: str) -> dict[str, str]:
    """Return the variables of a process that finds the stand-in: STANDIN_FAIL="memory=7", ..."""
    path = os.pathsep.join([str(FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"PYTHONPATH": path} | changed
