"""Heat-bath sweeps of a few replicas from random textures."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle

from magsearch.engine.evaluator import Evaluator
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.relaxation.motion import Motion
from magsearch.thermal.heat_bath import enter, run

KEY = (20261124, 7)


def textures_of(motion: Motion) -> Any:
    """The textures of a motion on the host, [replica, site, 3]."""
    return motion.evaluator.device.host(motion.textures())


def contact(model: Hamiltonian, device: Any, real: Any, replicas: int, kelvin: Any, seed: int = 0) -> Motion:
    motion = Motion.start(Evaluator(model, device, real), oracle.random_textures(model, replicas, seed), key=KEY)
    enter(motion, kelvin)
    return motion


def swept(model: Hamiltonian, device: Any, real: Any, replicas: int, key: Any = KEY, sweeps: int = 3) -> np.ndarray:
    motion = Motion.start(Evaluator(model, device, real), oracle.random_textures(model, 40)[:replicas], key=key)
    enter(motion, np.linspace(1, 100, 40)[:replicas])
    run(motion, sweeps, 1)
    return textures_of(motion)
