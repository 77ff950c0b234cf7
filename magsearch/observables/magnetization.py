"""Mean spin of a texture."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def magnetization(spins: ArrayLike, moments: ArrayLike | None = None) -> NDArray[np.float64]:
    """Return the mean spin [..., 3] of textures [..., site, 3] without their vacancies.

    With ``moments`` [site], return the mean weighted by them; a mask of 0 and 1 selects sites.
    """
    s = np.asarray(spins, dtype=np.float64)
    if moments is None:
        count = (s != 0).any(axis=-1).sum(axis=-1)
        return s.sum(axis=-2) / np.maximum(count, 1)[..., None]
    weights = np.asarray(moments, dtype=np.float64)
    return np.einsum("i,...ix->...x", weights, s) / weights.sum()
