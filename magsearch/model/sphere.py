"""The unit sphere: directions, and frames of their tangent planes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def frames(texture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two orthogonal unit vectors perpendicular to each spin of a texture [site, 3]: [site, 2, 3].

    Duff et al., J. Comput. Graph. Tech. 6, 1 (2017).
    """
    x, y, z = texture.T
    sign = np.where(z < 0, -1.0, 1.0)
    a = -1 / (sign + z)
    b = x * y * a
    first = np.stack([1 + sign * x * x * a, sign * b, -sign * x], axis=1)
    second = np.stack([b, sign + y * y * a, -y], axis=1)
    return np.stack([first, second], axis=1)


def unit(v: NDArray[Any]) -> NDArray[Any]:
    """Vectors of length one, [..., 3]; zero stays zero."""
    length = np.linalg.norm(v, axis=-1, keepdims=True)
    return v / np.where(length > 0, length, 1.0)


def rotations(axes: NDArray[np.float64], angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotations by ``angles`` [...] in radians about unit vectors [..., 3], [..., 3, 3]: Rodrigues' formula.

    One axis [3] may be given for all angles.
    """
    x, y, z = np.moveaxis(np.asarray(axes), -1, 0)
    zero = np.zeros_like(x)
    K = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*np.shape(x), 3, 3)
    sine, cosine = np.sin(angles)[..., None, None], np.cos(angles)[..., None, None]
    return np.asarray(np.eye(3) + sine * K + (1 - cosine) * (K @ K))
