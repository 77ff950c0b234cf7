"""Free energies by which candidates can be ranked: the protocol of ``Harmonic`` and ``LocalEntropy``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.randomness import Key

TEMPERATURE = {"doc": "Temperature of the free energy.", "unit": "K", "gt": 0, "key": "fitness_temperature"}  # setting


@dataclass(frozen=True, eq=False)
class FreeEnergy:
    """Free energies of textures, by which they are ranked, lowest first.

    value  [replica] meV of the whole texture
    error  [replica] meV, standard error
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64]


class Fitness(Protocol):
    """Function that assigns a free energy to every texture of a population."""

    def __call__(
        self,
        evaluator: Evaluator,
        textures: NDArray[Any],
        energy: NDArray[np.float64],
        watch: Callable[[], None],
        key: Key,
    ) -> FreeEnergy:
        """Return the free energies of relaxed textures [replica, site, 3] with ``energy`` [replica] meV.

        The result depends on each texture and the key alone, up to rounding: all textures share the random numbers, so
        that the noise cancels in the difference between copies. ``watch`` is called regularly and may raise.
        """
