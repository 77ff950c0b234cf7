from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from magsearch.device import Launch
from magsearch.relaxation import Convergence, Motion


@dataclass(frozen=True)
class BarzilaiBorwein:
    """Projected gradient on spheres with alternating Barzilai-Borwein steps, one step length per replica.

    Barzilai & Borwein, IMA J. Numer. Anal. 8, 141 (1988); after a rise above the last ten energies (Grippo, Lampariello
    & Lucidi, 1986) a replica takes steps short enough to descend until it is below them again.

    longest_turn   radians, of the spin that turns most in one step
    """

    vectors: ClassVar[int] = 0
    convergence: Convergence = field(default_factory=Convergence)
    longest_turn: float = 1.0

    def begin(self, motion: Motion) -> None:
        motion.flat["step"] = motion.array(motion.replicas)

    def iteration(self, motion: Motion) -> Launch:
        evaluator, b, f = motion.evaluator, motion.blocked, motion.flat
        evaluate, sums = motion.evaluation("force")
        choose = motion.bind(
            "barzilai_borwein", sums, f["state"], f["step"], len(sums), evaluator.sites,
            *self.convergence.thresholds(evaluator), 0.5 / evaluator.stiffness, self.longest_turn, evaluator.rounding,
            blocks=1,
        )  # fmt: skip
        descend = motion.bind("descend", b["spins"], b["force"], f["step"], evaluator.sites, evaluator.device.chunk)
        return motion.chain(evaluate, choose, descend)
