"""What every operator is."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from magsearch.operators.crystal import Crystal


class Operator(Protocol):
    """Makes one texture [site, 3] from ``parents`` others [parent, site, 3]; the search puts spins onto the sphere."""

    @property
    def parents(self) -> int: ...

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]: ...
