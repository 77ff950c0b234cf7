"""Names of the 32 crystallographic point groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

# operations of each kind: -6, -4, -3, mirrors, inversion, identity, and rotations of order 2, 3, 4, 6
KINDS = {
    "1": "0000010000", "-1": "0000110000", "2": "0000011000", "m": "0001010000", "2/m": "0001111000",
    "222": "0000013000", "mm2": "0002011000", "mmm": "0003113000", "4": "0000011020", "-4": "0200011000",
    "4/m": "0201111020", "422": "0000015020", "4mm": "0004011020", "-42m": "0202013000", "4/mmm": "0205115020",
    "3": "0000010200", "-3": "0020110200", "32": "0000013200", "3m": "0003010200", "-3m": "0023113200",
    "6": "0000011202", "-6": "2001010200", "6/m": "2021111202", "622": "0000017202", "6mm": "0006011202",
    "-62m": "2004013200", "6/mmm": "2027117202", "23": "0000013800", "m-3": "0083113800", "432": "0000019860",
    "-43m": "0606013800", "m-3m": "0689119860",
}  # fmt: skip
NAMES = {counts: name for name, counts in KINDS.items()}
ORDERS = {-1.0: 2, 0.0: 3, 1.0: 4, 2.0: 6, 3.0: 1}  # of a rotation, by its trace


def point_group(R: ArrayLike) -> str:
    """Return the Hermann-Mauguin name of a group of orthogonal matrices, [operation, 3, 3]; the axes are not named."""
    counts = dict.fromkeys([-6, -4, -3, -2, -1, 1, 2, 3, 4, 6], 0)
    distinct = {np.round(one, 3).tobytes(): one for one in np.asarray(R) + 0.0}
    for one in distinct.values():
        sign = int(np.linalg.det(one).round())
        counts[sign * ORDERS[float(np.round(sign * np.trace(one)))]] += 1
    return NAMES["".join(map(str, counts.values()))]
