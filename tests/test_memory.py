"""What ``magsearch info`` says of memory is what a device allocates, as the pool of the stand-in for CuPy counts it."""

from __future__ import annotations

import gc
import shutil
from typing import Any

import numpy as np
import oracle
import pytest
from models import square_bloch
from simulated import simulated

from magsearch.engine.cuda import Cuda
from magsearch.engine.evaluator import Evaluator
from magsearch.engine.path import Path
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.fire import Fire
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.relax import Minimizer, relax
from magsearch.search.island import OFFSPRING
from magsearch.search.memory import replica

pytestmark = pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="no C++ compiler")
MODEL = square_bloch().with_size((24, 20, 1))
REPLICAS = 64


def peak(minimizer: Minimizer, path: Path) -> float:
    """Most bytes of a replica during a relaxation, with its texture."""
    device = simulated()
    pool: Any = device.xp.get_default_memory_pool()
    evaluator, s = Evaluator(MODEL, device, np.float32, path), oracle.random_textures(MODEL, REPLICAS)
    relax(minimizer, evaluator, s[:1])  # couplings come into being
    gc.collect()
    textures, before = device.array(s, np.float32), pool.used_bytes()
    pool.reset_peak()
    relax(minimizer, evaluator, textures, overwrite=True)
    return float(pool.peak - before + textures.nbytes) / REPLICAS


@pytest.mark.parametrize("path", ["direct", "fourier"])
@pytest.mark.parametrize("minimizer", [OFFSPRING, LBFGS(Convergence(steps=40)), Fire(Convergence(steps=40))], ids=str)
def test_estimate_is_what_is_allocated(minimizer, path):
    assert replica(MODEL, path, minimizer, Cuda) == pytest.approx(peak(minimizer, path), rel=0.1)


@pytest.mark.parametrize(("path", "most"), [("direct", 60), ("fourier", 80)])
def test_bytes_of_a_spin(path, most):
    assert peak(OFFSPRING, path) / MODEL.lattice.sites <= most
