"""Random restarts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from magsearch.engine.evaluator import Evaluator
from magsearch.randomness import Consumer, Key, derived
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.relax import Minimizer, Relaxation, Watch, relax
from magsearch.thermal.heat_bath import random_textures
from magsearch.thermal.outcome import better


@dataclass(frozen=True)
class RandomRestarts:
    """Relaxation of the given textures, then of random spins, ``restarts`` times; each replica keeps its best."""

    name: ClassVar[str] = "random-restarts"
    restarts: int = field(default=10, metadata={"doc": "Random textures that are relaxed for each offspring.", "ge": 1})
    minimizer: Minimizer = field(default_factory=BarzilaiBorwein)

    def relaxed(self, evaluator: Evaluator, textures: Any, tesla: Any, watch: Watch, key: Key) -> Relaxation:
        """Relax a batch of textures; arguments as for ``relax``."""
        found = relax(self.minimizer, evaluator, textures, tesla, watch, derived(key, Consumer.RELAXATION))
        for turn in range(1, self.restarts + 1):
            start, own = (
                random_textures(evaluator, len(found.energy), key, turn),
                derived(key, Consumer.RELAXATION, turn),
            )
            found = better(found, relax(self.minimizer, evaluator, start, tesla, watch, own))
        return found
