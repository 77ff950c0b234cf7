"""Cost of a search for saddle points."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class Effort:
    """Number of products with a force or a Hessian, of all textures together."""

    forces: int = 0
    products: int = 0
