"""Basin hopping."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from magsearch.engine.evaluator import Evaluator
from magsearch.randomness import Consumer, Key, derived, keyed
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.relax import Minimizer, Relaxation, Watch, relax
from magsearch.thermal.heat_bath import kicked
from magsearch.thermal.outcome import better, with_steps
from magsearch.units import K_B


@dataclass(frozen=True)
class BasinHopping:
    """Kick every spin, relax, accept by Metropolis; every replica keeps the best that it has seen.

    Wales & Doye, J. Phys. Chem. A 101, 5111 (1997).

    hops          kicks of every replica
    angle         radians: a spin lands anywhere in a cone of this half-angle about where it was
    temperature   kelvin, of the acceptance of whole textures; 0: downhill only
    """

    name: ClassVar[str] = "basin-hopping"
    hops: int = field(default=20, metadata={"doc": "Kicks of each offspring.", "ge": 1})
    angle: float = field(
        default=2.0,
        metadata={"doc": "Largest angle by which a kick turns a spin.", "unit": "radians", "gt": 0, "le": 3.1416},
    )
    temperature: float = field(
        default=0.0,
        metadata={"doc": "Temperature at which a new minimum is accepted; 0: only downhill.", "unit": "K", "ge": 0},
    )
    minimizer: Minimizer = field(default_factory=BarzilaiBorwein)

    def relaxed(self, evaluator: Evaluator, textures: Any, tesla: Any, watch: Watch, key: Key) -> Relaxation:
        """Relax a batch of textures; arguments as for ``relax``."""
        here = best = relax(self.minimizer, evaluator, textures, tesla, watch, derived(key, Consumer.RELAXATION))
        for hop in range(1, self.hops + 1):
            start, own = kicked(evaluator, here.textures, self.angle, key, hop), derived(key, Consumer.RELAXATION, hop)
            there = with_steps(relax(self.minimizer, evaluator, start, tesla, watch, own), 1)
            rise = np.maximum(there.energy - here.energy, 0.0)
            draw = keyed(key, Consumer.ACCEPTANCE, hop).random(len(rise))
            accepted = draw < np.exp(-rise / (K_B * self.temperature)) if self.temperature > 0 else rise == 0
            best, here = better(best, there), better(here, there, accepted)
        return best
