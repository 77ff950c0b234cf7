"""Array functions on batches of textures, for NumPy and CuPy alike.

NumPy is slow where it broadcasts over a short last axis. What acts on the spins of large arrays therefore acts on one
component after the other there; the results are bitwise identical.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FEW = 12  # columns that are treated one by one
LARGE = 2**13  # numbers from which on this is faster


def _by_columns(values: Any) -> bool:
    return isinstance(values, np.ndarray) and values.shape[-1] <= FEW and values.size >= LARGE


def multiplied(xp: Any, values: Any, factors: Any) -> Any:
    """Return values [..., column] times factors [...]."""
    if not _by_columns(values):
        return values * factors[..., None]
    product = xp.empty(values.shape, dtype=np.result_type(values.dtype, factors.dtype))
    for column in range(values.shape[-1]):
        product[..., column] = values[..., column] * factors
    return product


def where(xp: Any, inside: Any, a: Any, b: Any) -> Any:
    """Return a where inside [...], else b; both [..., column] or broadcast to it."""
    if not _by_columns(b):
        return xp.where(inside[..., None], a, b)
    chosen = xp.empty(b.shape, dtype=b.dtype)
    for column in range(b.shape[-1]):
        chosen[..., column] = xp.where(inside, a[..., column], b[..., column])
    return chosen


def turned(xp: Any, textures: Any, matrices: Any) -> Any:
    """Return textures [replica, site, 3] whose spins are multiplied by a matrix [replica, 3, 3] each."""
    if not _by_columns(textures):
        return (textures[:, :, None] * matrices[:, None]).sum(axis=3)
    x, y, z = (textures[..., k] for k in range(3))
    out = xp.empty(textures.shape, dtype=textures.dtype)
    for k in range(3):
        row = matrices[:, k, :, None]  # [replica, 3, 1]
        out[..., k] = x * row[:, 0] + y * row[:, 1] + z * row[:, 2]
    return out


def along(textures: Any, directions: Any) -> Any:
    """Return s . n of every spin, [replica, site]; directions n [replica, 3]."""
    n = directions[..., None]
    return textures[..., 0] * n[:, 0] + textures[..., 1] * n[:, 1] + textures[..., 2] * n[:, 2]


def gathered(xp: Any, textures: Any, index: Any) -> Any:
    """Return the spins of each texture [replica, ..., site, 3] at its own sites, index [replica, site]."""
    flat = textures.reshape(len(textures), -1, 3)
    first = xp.arange(len(flat))[:, None] * flat.shape[1]
    return xp.take(flat.reshape(-1, 3), index + first, axis=0)


def drawn(xp: Any, weights: Any, uniform: Any) -> Any:
    """Return a place for each replica, drawn in proportion to its weights [replica, place], from a number [replica, 1].

    The last place where all weights are zero.
    """
    below = xp.cumsum(weights, axis=1, dtype=np.float64)
    return (below[:, :-1] <= uniform * below[:, -1:]).sum(axis=1)
