"""Types of values in an input that several tables have."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Len

Vector = Annotated[list[float], Len(3, 3)]
Weights = dict[str, float]  # by name of an operator
