from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from magsearch.minimizers.velocity import add_velocity, glide
from magsearch.relaxation import Convergence, Motion


@dataclass(frozen=True)
class Fire:
    """Fast inertial relaxation: Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006), one clock for each replica.

    time_step      first step in units of 1 / sqrt(stiffest coupling)
    longest_step   in the same units
    longest_turn   radians, root mean square over the spins
    """

    vectors: ClassVar[int] = 1
    convergence: Convergence = field(default_factory=Convergence)
    time_step: float = 0.3
    longest_step: float = 1.0
    longest_turn: float = 0.5

    def begin(self, motion: Motion) -> None:
        add_velocity(motion)

    def iterate(self, motion: Motion) -> None:
        evaluator, f = motion.evaluator, motion.flat
        sums, unit = motion.evaluate("velocity"), evaluator.stiffness**-0.5
        motion.launch(
            "fire", sums, f["state"], f["keep"], f["push"], f["step"], len(sums), evaluator.sites,
            *self.convergence.thresholds(evaluator), self.time_step * unit, self.longest_step * unit, self.longest_turn,
            motion.replicas, blocks=1,
        )  # fmt: skip
        glide(motion)
