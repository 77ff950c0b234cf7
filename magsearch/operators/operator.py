"""Protocol of operators."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from magsearch.operators.crystal import Crystal


class Operator(Protocol):
    """Operator that makes one texture [site, 3] from parents [parent, site, 3]; the search normalises its spins."""

    @property
    def parents(self) -> int:
        """Number of parents."""

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return a new texture [site, 3]; its spins need not have unit length."""
