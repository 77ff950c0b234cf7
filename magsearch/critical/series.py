"""Measurements of one ladder of temperatures in one box, and the rounds that they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.critical.order_parameter import OrderParameter
from magsearch.critical.ordered import Ordered
from magsearch.engine.device import Device
from magsearch.engine.evaluator import Evaluator
from magsearch.randomness import Consumer, derived, key
from magsearch.relaxation.motion import Motion
from magsearch.thermal.parallel_tempering import ParallelTempering
from magsearch.thermal.sampling import squares

REFLECTIONS = 3  # over-relaxation sweeps after each heat-bath sweep
EVERY = 2  # sweeps from one measurement, and exchange of temperatures, to the next


@dataclass(frozen=True, eq=False)
class Series:
    """Measurements after every ``EVERY`` sweeps of ladders that share their temperatures.

    kelvin    [rung], rising
    energy    [ladder, measurement, rung] meV, of the whole box
    order     [ladder, measurement, rung] square of the order parameter
    beside    [ladder, measurement, rung] the same at the wave vectors beside it; nan where it is not measured
    accepted  [rung - 1] fraction of accepted exchanges of neighbouring rungs
    """

    kelvin: NDArray[np.float64]
    energy: NDArray[np.float64]
    order: NDArray[np.float64]
    beside: NDArray[np.float64]
    accepted: NDArray[np.float64]

    @property
    def measurements(self) -> int:
        """Number of measurements of each ladder and rung."""
        return int(self.energy.shape[1])


def joined(parts: list[Series]) -> Series:
    """Return ladders of the same temperatures as one series."""
    energy, order, beside = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("energy", "order", "beside")
    )
    return Series(parts[0].kelvin, energy, order, beside, np.mean([part.accepted for part in parts], axis=0))


class Sampler:
    """Samples the boxes of a ground state.

    ordered    the ground state
    parameter  its order parameter
    sizes      of the boxes
    device     where to evaluate
    seed       random seed
    """

    def __init__(
        self, ordered: Ordered, parameter: OrderParameter, sizes: tuple[int, ...], device: Device, seed: int
    ) -> None:
        self.ordered, self.parameter, self.device, self.seed = ordered, parameter, device, seed
        self.sizes = sizes
        self.boxes = [ordered.box(size) for size in sizes]
        self._made: dict[int, tuple[Evaluator, Any, Any]] = {}

    def spins(self, place: int) -> int:
        """Return the number of spins in a box."""
        return self.boxes[place].sites

    def _prepared(self, place: int) -> tuple[Evaluator, Any, Any]:
        if place not in self._made:
            box = self.boxes[place]
            rows = self.parameter.rows(box)
            evaluator = Evaluator(box.hamiltonian, self.device, np.float32)
            self._made[place] = (evaluator, *(self.device.array(each, np.float32) for each in rows))
        return self._made[place]

    def run(
        self,
        place: int,
        ladder: int,
        turn: int,
        kelvin: NDArray[np.float64],
        sweeps: int,
        warmup: int,
        textures: NDArray[Any] | None,
        watch: Callable[[], None] = lambda: None,
    ) -> tuple[Series, NDArray[np.float32]]:
        """Sample one ladder; return its measurements and its textures, coldest first.

        place     number of the box
        ladder    number of the ladder: ladders are independent
        turn      number of the round: every round has random numbers of its own
        textures  [rung, site, 3] to start from; None: the ground state
        """
        evaluator, here, there = self._prepared(place)
        first = self.ordered.texture_in(self.boxes[place]) if textures is None else textures
        batch = np.broadcast_to(first, (len(kelvin), evaluator.sites, 3))
        own = derived(key(self.seed, Consumer.SAMPLING, ladder, turn), Consumer.START, self.sizes[place])
        motion = Motion.start(evaluator, batch, key=own)
        before, count = -(-warmup // EVERY), -(-sweeps // EVERY)
        method = ParallelTempering(
            sweeps=(before + count) * EVERY, every=EVERY, reflections=REFLECTIONS, ladder=tuple(kelvin.tolist())
        )
        energy = np.empty((count, len(kelvin)))
        order = np.empty((count, len(kelvin)), dtype=np.float32)  # as files hold it: a resumed search sees the same
        beside = np.full((count, len(kelvin)), np.nan, dtype=np.float32)
        accepted = np.zeros((2, len(kelvin) - 1))
        for step, rungs in enumerate(method.climb(motion, len(kelvin), watch, before * EVERY)):
            replica = rungs.replica[0]
            if step < before:
                continue
            tried = ~np.isnan(rungs.accepted)
            accepted += [np.nan_to_num(rungs.accepted), tried]
            energy[step - before] = rungs.energy[0]
            order[step - before] = squares(motion, here)[replica]
            if len(there):
                beside[step - before] = squares(motion, there)[replica]
        last = self.device.host(motion.textures())[replica].astype(np.float32)
        with np.errstate(invalid="ignore"):
            share = accepted[0] / accepted[1]
        squared = order[None].astype(np.float64), beside[None].astype(np.float64)
        return Series(np.asarray(kelvin), energy[None], *squared, share), last
