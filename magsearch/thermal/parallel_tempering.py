"""Parallel tempering."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.randomness import Consumer, Key, derived, keyed
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.motion import Motion
from magsearch.relaxation.relax import Minimizer, Relaxation, Watch, relax
from magsearch.thermal.heat_bath import REFLECTIONS, bath, energies, enter, several, warm
from magsearch.thermal.outcome import with_steps
from magsearch.thermal.simulated_annealing import COLDEST, HOTTEST, ends
from magsearch.units import K_B


@dataclass(frozen=True, eq=False)
class Rungs:
    """The replicas on their ladders after an exchange.

    replica    [ladder, rung]  which one stands there, coldest rung first
    energy     [ladder, rung]  meV, of the whole replica
    accepted   [rung - 1]      ladders on which this exchange (rung and the next) was accepted; nan where none was tried
    """

    replica: NDArray[np.int64]
    energy: NDArray[np.float64]
    accepted: NDArray[np.float64]


@dataclass(frozen=True)
class ParallelTempering:
    """Replicas at a ladder of temperatures that exchange them. Hukushima & Nemoto, J. Phys. Soc. Jpn. 65, 1604 (1996).

    hottest, coldest   kelvin, geometric in between; None: 1 and 1e-3 of the stiffest coupling over k_B
    rungs              temperatures of a ladder; None: all replicas stand on one. They must divide the replicas.
    ladder             kelvin, rising: the rungs one by one, instead of all of these
    sweeps             of every replica
    every              sweeps between two exchanges
    reflections        over-relaxation sweeps with each sweep
    """

    name: ClassVar[str] = "parallel-tempering"
    hottest: float | None = field(default=None, metadata=HOTTEST)
    coldest: float | None = field(default=None, metadata=COLDEST)
    rungs: int | None = field(
        default=None,
        metadata={
            "doc": "Temperatures of a ladder; they must divide the replicas.", "ge": 2, "default": "`replicas`",
        },
    )  # fmt: skip
    sweeps: int = field(default=1000, metadata={"doc": "Number of sweeps.", "unit": "sweeps", "ge": 1})
    every: int = field(
        default=1, metadata={"doc": "Sweeps between two exchanges of temperatures.", "unit": "sweeps", "ge": 1}
    )
    reflections: int = field(default=0, metadata=REFLECTIONS)
    ladder: tuple[float, ...] | None = None
    minimizer: Minimizer = field(default_factory=BarzilaiBorwein)

    def temperatures(self, evaluator: Evaluator, replicas: int) -> NDArray[np.float64]:
        """[rung] kelvin, coldest first. ValueError where the ladders do not come out even."""
        hot, cold = ends(self.hottest, self.coldest, evaluator.stiffness / K_B)
        rungs = len(self.ladder) if self.ladder else self.rungs or replicas
        if replicas % rungs:
            raise ValueError(f"{replicas} replicas do not make whole ladders of {rungs} rungs")
        return np.array(self.ladder, dtype=np.float64) if self.ladder else np.geomspace(cold, hot, rungs)

    def climb(
        self, motion: Motion, replicas: int, watch: Watch = lambda: None, warmup: int | None = None
    ) -> Iterator[Rungs]:
        """Sweep and exchange until the sweeps are done, and show the ladders after every exchange.

        The widths of cones belong to rungs, and adapt during the first ``warmup`` sweeps (None: always): what is
        measured later obeys detailed balance.
        """
        kelvin = self.temperatures(motion.evaluator, replicas)
        beta, pairs = 1 / (K_B * kelvin), np.arange(len(kelvin) - 1)
        replica = np.arange(replicas).reshape(-1, len(kelvin))
        enter(motion, np.tile(kelvin, len(replica)))
        adapting, still = bath(motion, self.reflections), bath(motion, self.reflections, adapting=False)
        for turn in range(self.sweeps // self.every):
            several(adapting if warmup is None or turn * self.every < warmup else still, self.every, watch)
            energy = energies(motion)[replica]  # [ladder, rung]
            tried = pairs[pairs % 2 == turn % 2]
            gain = (beta[tried] - beta[tried + 1]) * (energy[:, tried] - energy[:, tried + 1])
            draw = keyed(motion.key, Consumer.EXCHANGE, turn).random(gain.shape)
            swap = draw < np.exp(np.minimum(gain, 0.0))
            before = replica.copy()
            for array in (replica, energy):
                low, high = array[:, tried].copy(), array[:, tried + 1].copy()
                array[:, tried], array[:, tried + 1] = np.where(swap, high, low), np.where(swap, low, high)
            at = np.empty(replicas)
            at[replica] = kelvin
            warm(motion, at)
            device = motion.evaluator.device
            stands, stood = (device.array(where.ravel(), np.int64) for where in (replica, before))
            motion.flat["cone"][stands] = motion.flat["cone"][stood]
            accepted = np.full(len(pairs), np.nan)
            accepted[tried] = swap.sum(axis=0)
            yield Rungs(replica.copy(), energy, accepted)

    def relaxed(self, evaluator: Evaluator, textures: Any, tesla: Any, watch: Watch, key: Key) -> Relaxation:
        """Relax a batch of textures; arguments as for ``relax``."""
        motion = Motion.start(evaluator, textures, tesla, key)
        for _ in self.climb(motion, motion.count, watch):
            pass
        steps = self.sweeps // self.every * self.every * (1 + self.reflections)
        own = derived(key, Consumer.RELAXATION)
        return with_steps(relax(self.minimizer, evaluator, motion.textures(), tesla, watch, own), steps)
