"""Random numbers from a counter: every consumer has its own stream, whoever asks first, on any number of ranks."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Consumer(IntEnum):
    """Who draws. The values are part of a run's identity: never renumber."""

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
    """The stream of one decision: Philox 4x64 (Salmon et al. 2011), keyed by (seed, consumer), counted by the rest."""
    return np.random.Generator(np.random.Philox(key=[seed, int(consumer)], counter=[0, replica, generation, island]))


Key = tuple[int, int]  # two words of 32 bits


def key(seed: int, consumer: Consumer, island: int = 0, generation: int = 0) -> Key:
    """The key of the kernels' own Philox 4x32, whose counters say the site, the replica, the sweep and the move."""
    first, second = stream(seed, consumer, island, generation).integers(2**32, size=2, dtype=np.uint32)
    return int(first), int(second)


def keyed(key: Key, consumer: Consumer, turn: int = 0) -> np.random.Generator:
    """The stream of what a host decides between sweeps: exchanges, resampling, restarts."""
    counter = [0, turn, 0, 0]  # the first word counts what is drawn: turns must not overlap
    return np.random.Generator(np.random.Philox(key=key[0] + (key[1] << 32) + (int(consumer) << 64), counter=counter))


def derived(key: Key, consumer: Consumer, turn: int = 0) -> Key:
    """A key for a part of what ``key`` is for."""
    first, second = keyed(key, consumer, turn).integers(2**32, size=2, dtype=np.uint32)
    return int(first), int(second)
