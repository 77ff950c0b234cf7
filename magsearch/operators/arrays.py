"""Array functions on batches of textures, for NumPy and CuPy alike.

NumPy is slow where it broadcasts over an axis of length three. What acts on spins therefore acts on one component after
the other.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEW = 12  # columns that are treated one by one


def multiplied(xp: Any, values: Any, factors: Any) -> Any:
    """Return values [..., column] times factors [...]."""
    if values.shape[-1] > FEW:
        return values * factors[..., None]
    product = xp.empty(values.shape, dtype=np.result_type(values.dtype, factors.dtype))
    for column in range(values.shape[-1]):
        product[..., column] = values[..., column] * factors
    return product


def add_outer(values: Any, factors: Any, columns: Any) -> None:
    """Add factors [replica, row] times columns [replica, column] to values [replica, row, column]."""
    if values.shape[-1] > FEW:
        values += factors[..., None] * columns[:, None]
        return
    for column in range(values.shape[-1]):
        values[..., column] += factors * columns[:, column, None]


def where(xp: Any, inside: Any, a: Any, b: Any) -> Any:
    """Return spins of a where inside [replica, site], else of b; textures [replica, site, 3] or spins [replica, 1, 3]."""
    chosen = xp.empty((*inside.shape, 3), dtype=b.dtype)
    for x in range(3):
        chosen[..., x] = xp.where(inside, a[..., x], b[..., x])
    return chosen


def turned(xp: Any, textures: Any, matrices: Any) -> Any:
    """Return textures [replica, site, 3] whose spins are multiplied by a matrix [replica, 3, 3] each."""
    x, y, z = (textures[..., k] for k in range(3))
    out = xp.empty(textures.shape, dtype=textures.dtype)
    for k in range(3):
        row = matrices[:, k, :, None]  # [replica, 3, 1]
        out[..., k] = x * row[:, 0] + y * row[:, 1] + z * row[:, 2]
    return out


def along(textures: Any, direction: Any) -> Any:
    """Return s . n of every spin, [replica, site]; direction [replica, 3] or [3]."""
    n = direction[..., None]
    return reduce(add, (textures[..., k] * n[..., k, :] for k in range(3)))


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


def rotations(axes: NDArray[np.float64], angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrices [replica, 3, 3] of rotations about unit vectors [replica, 3]: Rodrigues' formula."""
    x, y, z = axes.T
    zero = np.zeros_like(x)
    K = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    return np.asarray(np.eye(3) + np.sin(angles)[:, None, None] * K + (1 - np.cos(angles))[:, None, None] * (K @ K))
