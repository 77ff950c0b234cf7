"""Simulated annealing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from magsearch.engine.evaluator import Evaluator
from magsearch.randomness import Consumer, Key, derived
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.motion import Motion
from magsearch.relaxation.relax import Minimizer, Relaxation, Watch, relax
from magsearch.thermal.heat_bath import REFLECTIONS, bath, enter, warm
from magsearch.thermal.outcome import with_steps
from magsearch.units import K_B

HOTTEST = {
    "doc": "Highest temperature; given together with `coldest`.", "unit": "K", "gt": 0,
    "default": "the stiffest coupling over k_B",
}  # fmt: skip
COLDEST = {
    "doc": "Lowest temperature.", "unit": "K", "gt": 0, "default": "1e-3 of the stiffest coupling over k_B",
}  # fmt: skip


class Schedule(Protocol):
    """Temperature in kelvin for every part of the way, 0 to 1; ``scale`` is the model's own temperature, kelvin."""

    def __call__(self, part: float, scale: float) -> float:
        """Return the temperature in kelvin."""
        ...


@dataclass(frozen=True)
class Geometric:
    """Temperature hottest (coldest / hottest)^part. Kelvin; None: 1 and 1e-3 of the stiffest coupling over k_B."""

    hottest: float | None = field(default=None, metadata=HOTTEST)
    coldest: float | None = field(default=None, metadata=COLDEST)

    def __call__(self, part: float, scale: float) -> float:
        """Return the temperature in kelvin."""
        hot, cold = ends(self.hottest, self.coldest, scale)
        return hot * (cold / hot) ** part


@dataclass(frozen=True)
class Linear:
    """Temperature hottest + (coldest - hottest) part. Kelvin; None: 1 and 1e-3 of the stiffest coupling over k_B."""

    hottest: float | None = field(default=None, metadata=HOTTEST)
    coldest: float | None = field(default=None, metadata=COLDEST)

    def __call__(self, part: float, scale: float) -> float:
        """Return the temperature in kelvin."""
        hot, cold = ends(self.hottest, self.coldest, scale)
        return hot + (cold - hot) * part


def ends(hottest: float | None, coldest: float | None, scale: float) -> tuple[float, float]:
    """Return both temperatures in kelvin. ValueError where they are not positive and in this order."""
    hot, cold = scale if hottest is None else hottest, 1e-3 * scale if coldest is None else coldest
    if not hot >= cold > 0:
        raise ValueError(f"temperatures fall from {hot:g} K to {cold:g} K; expected positive ones, hottest first")
    return hot, cold


SCHEDULES: dict[str, type] = {"geometric": Geometric, "linear": Linear}


@dataclass(frozen=True)
class SimulatedAnnealing:
    """Heat bath at a temperature that falls, then a minimiser. Kirkpatrick, Gelatt & Vecchi, Science 220, 671 (1983).

    schedule      kelvin over the way
    sweeps        on the way down
    reflections   over-relaxation sweeps with each of them
    """

    name: ClassVar[str] = "simulated-annealing"
    schedule: Schedule = field(
        default_factory=Geometric, metadata={"doc": "How the temperature falls.", "family": SCHEDULES}
    )
    sweeps: int = field(default=1000, metadata={"doc": "Number of sweeps.", "unit": "sweeps", "ge": 1})
    reflections: int = field(default=0, metadata=REFLECTIONS)
    minimizer: Minimizer = field(default_factory=BarzilaiBorwein)

    def relaxed(self, evaluator: Evaluator, textures: Any, tesla: Any, watch: Watch, key: Key) -> Relaxation:
        """Relax a batch of textures; arguments as for ``relax``."""
        motion, scale = Motion.start(evaluator, textures, tesla, key), evaluator.stiffness / K_B
        enter(motion, self.schedule(0.0, scale))
        sweep = bath(motion, self.reflections)
        for k in range(self.sweeps):
            watch()
            warm(motion, self.schedule(k / max(1, self.sweeps - 1), scale))
            sweep.run()
        own = derived(key, Consumer.RELAXATION)
        cold = relax(self.minimizer, evaluator, motion.textures(), tesla, watch, own)
        return with_steps(cold, self.sweeps * (1 + self.reflections))
