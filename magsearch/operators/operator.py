"""Protocol of operators."""

from __future__ import annotations

from typing import Any, Protocol

from magsearch.operators.crystal import Crystal
from magsearch.randomness import Draws


class Operator(Protocol):
    """Operator that makes a batch of textures, one for each replica, from the parents of each.

    A texture depends on its own parents and draws only, not on the rest of the batch.
    """

    @property
    def parents(self) -> int:
        """Number of parents."""

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return new textures [replica, site, 3] on the device; their spins need not have unit length.

        parents   [replica, parent, site, 3], float32 on the device; not to be changed
        draws     random numbers of the replicas
        """
