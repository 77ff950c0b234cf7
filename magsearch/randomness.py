"""Random numbers from a counter: every consumer has its own stream, whoever asks first, on any number of ranks."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Consumer(IntEnum):
    """Who draws. The values are part of a run's identity: never renumber."""

    OFFSPRING = 3
    TOPOLOGY = 4


def stream(
    seed: int, consumer: Consumer, island: int = 0, generation: int = 0, replica: int = 0
) -> np.random.Generator:
    """The stream of one decision: Philox 4x64 (Salmon et al. 2011), keyed by (seed, consumer), counted by the rest."""
    return np.random.Generator(np.random.Philox(key=[seed, int(consumer)], counter=[0, replica, generation, island]))
