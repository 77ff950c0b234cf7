"""Barzilai-Borwein: a projected gradient with alternating step lengths."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from magsearch.engine.device import Launch
from magsearch.relaxation.preconditioner import preconditioned, softened
from magsearch.relaxation.relax import Convergence, Motion

SAFE = 0.3  # radians for each radian that the preconditioner asks for


@dataclass(frozen=True)
class BarzilaiBorwein:
    """Projected gradient on spheres with alternating Barzilai-Borwein steps, one step length per replica.

    Barzilai & Borwein, IMA J. Numer. Anal. 8, 141 (1988); after a rise above the last ten energies (Grippo, Lampariello
    & Lucidi, 1986) a replica takes steps short enough to descend until it is below them again.

    longest_turn   radians, of the spin that turns most in one step
    softness       of the preconditioner (``preconditioner.py``), which is used where the field is a convolution:
                   a step costs 2.4 times as much, and far fewer are needed; 0: none
    """

    name: ClassVar[str] = "barzilai-borwein"
    vectors: ClassVar[int] = 0
    convergence: Convergence = field(default_factory=Convergence)
    longest_turn: float = 1.0
    softness: float = 0.001

    def begin(self, motion: Motion) -> None:
        """Add the arrays of the minimiser to a motion."""
        motion.flat["step"] = motion.array(motion.replicas)
        if self._preconditioned(motion):
            motion.blocked["direction"] = motion.array(*motion.blocked["spins"].shape)
            motion.common["soft"] = softened(motion.evaluator, self.softness)

    def _preconditioned(self, motion: Motion) -> bool:
        return self.softness > 0 and motion.evaluator.path == "fourier"

    def iteration(self, motion: Motion) -> Launch:
        """Bind one step of every moving replica."""
        evaluator, b, f = motion.evaluator, motion.blocked, motion.flat
        along = "direction" if self._preconditioned(motion) else "force"
        evaluate, sums = motion.evaluation(along)
        launches, slopes, safe = [evaluate], sums, 0.5 / evaluator.stiffness
        if along == "direction":
            soft = motion.common["soft"]
            direction, slopes = preconditioned(evaluator, soft, b["spins"], b["force"], b["direction"])
            launches, safe = [evaluate, direction], SAFE
        choose = motion.bind(
            "barzilai_borwein", sums, int(along == "direction"), slopes, f["state"], f["step"], len(sums),
            evaluator.sites, *self.convergence.thresholds(evaluator), safe, self.longest_turn, evaluator.rounding,
            blocks=1,
        )  # fmt: skip
        advance = motion.bind("advance_spins", b["spins"], b[along], f["step"], evaluator.sites, evaluator.device.chunk)
        return motion.chain(*launches, choose, advance)
