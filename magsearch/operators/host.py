"""Base of operators that make one texture at a time on the host, as NumPy code.

On a GPU their parents cross to the host and their textures back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.operators.crystal import Crystal
from magsearch.randomness import Draws


class HostOperator:
    """Operator whose subclass, a frozen dataclass with ``parents``, defines ``texture``."""

    parents: int

    def texture(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return a new texture [site, 3]; parents [parent, site, 3]."""
        raise NotImplementedError

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return a texture for each replica, [replica, site, 3] on the device."""
        made = [
            self.texture(crystal, own, random)
            for own, random in zip(crystal.device.host(parents), draws.generators(), strict=True)
        ]
        return crystal.device.array(np.stack(made), np.float32)
