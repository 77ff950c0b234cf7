from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.randomness import Key


@dataclass(frozen=True, eq=False)
class Worth:
    """What textures are ranked by, lowest first, [replica] meV of the whole texture, and its standard error."""

    value: NDArray[np.float64]
    error: NDArray[np.float64]


class Fitness(Protocol):
    def __call__(
        self,
        evaluator: Evaluator,
        textures: NDArray[Any],
        energy: NDArray[np.float64],
        watch: Callable[[], None],
        key: Key,
    ) -> Worth:
        """The worth of textures [replica, site, 3] that are at rest with ``energy`` [replica] meV.

        A function of each texture and the key alone, up to rounding: what is drawn is the same for all textures, so
        that the noise of copies cancels.
        """
