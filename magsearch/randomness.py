"""Counter-based random numbers (Philox): one stream per consumer, independent of order and number of ranks.

J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, SC'11 (2011), doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Consumer(IntEnum):
    """Consumers of random numbers. The values determine the numbers drawn: never change them."""

    OFFSPRING = 3
    TOPOLOGY = 4
    RELAXATION = 11
    REFINEMENT = 12
    SAMPLING = 13
    EXCHANGE = 14
    RESAMPLING = 15
    START = 16
    ACCEPTANCE = 17
    FEATURES = 18
    MODES = 19
    FITNESS = 20


def stream(
    seed: int, consumer: Consumer, island: int = 0, generation: int = 0, replica: int = 0
) -> np.random.Generator:
    """Return the random stream of one decision: Philox 4x64 with (seed, consumer) as key and the rest as counter."""
    return np.random.Generator(np.random.Philox(key=[seed, int(consumer)], counter=[0, replica, generation, island]))


Key = tuple[int, int]  # two words of 32 bits


def key(seed: int, consumer: Consumer, island: int = 0, generation: int = 0) -> Key:
    """Return a key for the Philox 4x32 of the kernels, whose counter holds site, replica, sweep and move."""
    first, second = stream(seed, consumer, island, generation).integers(2**32, size=2, dtype=np.uint32)
    return int(first), int(second)


def keyed(key: Key, consumer: Consumer, turn: int = 0) -> np.random.Generator:
    """Return the random stream of host decisions between sweeps: exchanges, resampling, restarts."""
    counter = [0, turn, 0, 0]  # the first word counts the draws, so that turns do not overlap
    return np.random.Generator(np.random.Philox(key=key[0] + (key[1] << 32) + (int(consumer) << 64), counter=counter))


def derived(key: Key, consumer: Consumer, turn: int = 0) -> Key:
    """Return a new key for one part (``consumer``, ``turn``) of the work that ``key`` belongs to."""
    first, second = keyed(key, consumer, turn).integers(2**32, size=2, dtype=np.uint32)
    return int(first), int(second)
