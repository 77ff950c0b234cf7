"""Tasks of an exploration that ranks divide: saddle points on paths, and states of the theory of rates."""

from __future__ import annotations
