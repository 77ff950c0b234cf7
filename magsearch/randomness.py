"""Counter-based random numbers (Philox): one stream per consumer, independent of order and number of ranks.

J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, SC'11 (2011), doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
    FILLING = 21
    SCREENING = 22
    PATHS = 23


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


Shape = int | tuple[int, ...]
Bound = float | NDArray[Any]
WORDS = 32  # numbers of each replica in one block of a batch


class NoiseMaker(Protocol):
    """Part of a device that ``Draws.noise`` needs."""

    xp: Any
    width: int

    def launch(self, kernel: str, real: Any, *arguments: Any, blocks: int, replicas: int) -> None:
        """Run a kernel."""

    def array(self, values: Any, dtype: Any) -> Any:
        """Return an array on the device."""


class Draws:
    """Random numbers of a batch of replicas, each with a sequence of its own.

    The sequence of a replica depends on (seed, consumer, island, generation, replica), not on the other replicas of the
    batch. All replicas of a batch draw in step. ``draws[index]`` are the draws of some replicas, which continue
    from here; once a batch has been divided, only its parts may draw.

    numbers   [replica] of the replicas, 0 <= number < ``replicas`` of the whole batch
    """

    def __init__(self, seed: int, consumer: Consumer, island: int = 0, generation: int = 0, replicas: int = 1) -> None:
        """Begin the sequences of replicas 0, 1, ..., ``replicas`` - 1."""
        self.numbers = np.arange(replicas)
        self._blocks = _Blocks(seed, consumer, island, generation, replicas)
        self._words = np.empty((replicas, 0))  # [replica, word] drawn so far
        self._next = 0  # word
        self._call = 0  # of noise
        self._divided = False

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: slice | Sequence[int] | NDArray[Any]) -> Draws:
        part = object.__new__(type(self))
        part.__dict__ |= self.__dict__ | {
            "numbers": self.numbers[index],
            "_words": self._words[index],
            "_divided": False,
        }
        self._divided = True
        return part

    def of(self, consumer: Consumer) -> Draws:
        """Return the draws of another consumer for the same replicas."""
        blocks = self._blocks
        return Draws(blocks.seed, consumer, blocks.island, blocks.generation, blocks.replicas)[self.numbers]

    def uniform(self, low: Bound = 0.0, high: Bound = 1.0, size: Shape = ()) -> NDArray[np.float64]:
        """Return uniform numbers from low to below high, [replica, *size]; bounds are numbers or [replica]."""
        words = self._taken(size)
        if isinstance(low, float) and isinstance(high, float):
            return words if (low, high) == (0.0, 1.0) else low + (high - low) * words
        first, last = _bound(low, words), _bound(high, words)
        return np.asarray(first + (last - first) * words)

    def normal(self, size: Shape = ()) -> NDArray[np.float64]:
        """Return standard normal numbers, [replica, *size]: Box & Muller, Ann. Math. Stat. 29, 610 (1958)."""
        radius = np.sqrt(-2 * np.log1p(-self._taken(size)))
        return np.asarray(radius * np.cos(2 * np.pi * self._taken(size)))

    def integers(self, low: Bound, high: Bound, size: Shape = ()) -> NDArray[np.int64]:
        """Return whole numbers from low to below high, [replica, *size]; bounds are numbers or [replica]."""
        words = self._taken(size)
        first, last = _bound(low, words), _bound(high, words)
        return np.asarray(first + (words * (last - first)).astype(np.int64))

    def choice(self, weights: ArrayLike, size: Shape = ()) -> NDArray[np.int64]:
        """Return places drawn with probabilities in proportion to weights [n] or [replica, n], [replica, *size].

        Where all weights of a replica are zero, the last place.
        """
        words = self._taken(size)[..., None]
        below = np.cumsum(np.asarray(weights, dtype=np.float64), axis=-1)
        below = below.reshape(-1, *[1] * (words.ndim - 2), below.shape[-1])
        return np.asarray((below[..., :-1] <= words * below[..., -1:]).sum(axis=-1))

    def generators(self) -> list[np.random.Generator]:
        """Return a generator for each replica."""
        keys = (self.uniform(size=2) * 2.0**53).astype(np.uint64)
        return [np.random.Generator(np.random.Philox(key=key)) for key in keys]

    def noise(self, device: NoiseMaker, sites: int) -> Any:
        """Return standard normal numbers made on a device, float32 [replica, site, 3]."""
        noise = device.xp.empty((len(self), sites, 3), dtype=np.float32)
        counters = self.counters(device)
        if noise.size:
            stretches = -(-sites // device.width)
            device.launch(
                "draw_normals", np.float32, noise, *counters, sites, len(self),
                blocks=stretches * len(self), replicas=device.width,
            )  # fmt: skip
        return noise

    def counters(self, device: NoiseMaker) -> tuple[Any, int, int, int]:
        """Return what a kernel needs to draw numbers by site: numbers of the replicas on a device, a call, and a key.

        Each call has numbers of its own.
        """
        self._may_draw()
        self._call += 1
        return device.array(self.numbers, np.uint32), self._call - 1, *self._blocks.key

    def _taken(self, size: Shape) -> NDArray[np.float64]:
        """Return the next uniform numbers of each replica, [replica, *size]."""
        self._may_draw()
        shape = (size,) if isinstance(size, int) else tuple(size)
        first = self._next
        self._next += math.prod(shape)
        while self._next > self._words.shape[1]:
            block = self._blocks[self._words.shape[1] // WORDS][self.numbers]
            self._words = np.concatenate([self._words, block], axis=1)
        return self._words[:, first : self._next].reshape(len(self.numbers), *shape)

    def _may_draw(self) -> None:
        if self._divided:
            raise RuntimeError("these draws have been divided: only their parts may draw")


def _bound(bound: Bound, words: NDArray[Any]) -> Any:
    """Return a number as it is, and numbers [replica] so that they broadcast over words [replica, ...]."""
    return np.reshape(bound, (-1,) + (1,) * (words.ndim - 1)) if np.ndim(bound) else bound


@dataclass(eq=False)
class _Blocks:
    """Uniform numbers [replica, WORDS] in blocks, made when they are first asked for, and a key for kernels."""

    seed: int
    consumer: Consumer
    island: int
    generation: int
    replicas: int
    made: list[NDArray[np.float64]] = field(default_factory=list)

    @cached_property
    def key(self) -> Key:
        return key(self.seed, self.consumer, self.island, self.generation)

    def __getitem__(self, number: int) -> NDArray[np.float64]:
        while len(self.made) <= number:  # the first stream is that of the key
            random = stream(self.seed, self.consumer, self.island, self.generation, 1 + len(self.made))
            self.made.append(random.random((self.replicas, WORDS)))
        return self.made[number]
