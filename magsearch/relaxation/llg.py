"""The overdamped Landau-Lifshitz-Gilbert equation as a minimiser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from magsearch.engine.device import Device
from magsearch.engine.graph import Launch
from magsearch.engine.path import Path
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.motion import Motion
from magsearch.relaxation.step_control import AutoDrop, Pace


@dataclass(frozen=True)
class OverdampedLLG:
    """The Landau-Lifshitz-Gilbert equation without precession, ds/dt = - s x (s x b), by Euler's method on spheres.

    pace           how long steps are
    longest_turn   radians, of the spin that turns most in one step
    """

    name: ClassVar[str] = "llg"
    convergence: Convergence = field(default_factory=Convergence)
    pace: Pace = field(default_factory=AutoDrop)
    longest_turn: float = 1.0

    def vectors(self, hamiltonian: Hamiltonian, path: Path, device: type[Device]) -> int:
        """Return 0."""
        return 0

    def begin(self, motion: Motion) -> None:
        """Add the arrays of the minimiser to a motion."""
        motion.flat["step"] = motion.array(motion.replicas)
        motion.flat["turn"] = motion.array(motion.replicas, dtype=np.uint32)

    def iteration(self, motion: Motion) -> Sequence[Launch]:
        """Bind one step of every moving replica."""
        evaluator, b, f = motion.evaluator, motion.blocked, motion.flat
        evaluate, sums = motion.evaluation("force")
        choose = motion.bind(
            "landau_lifshitz", sums, f["state"], f["step"], f["turn"], evaluator.sites,
            *self.pace.arguments(1 / evaluator.stiffness), self.longest_turn,
            blocks=1,
        )  # fmt: skip
        advance = motion.bind(
            "advance_spins", b["spins"], b["force"], f["step"], evaluator.sites, evaluator.device.chunk
        )
        return [motion.chain(evaluate, choose, advance)]
