"""Velocity projection (VP)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from magsearch.engine.device import Device
from magsearch.engine.graph import Launch
from magsearch.engine.path import Path
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.motion import Motion
from magsearch.relaxation.velocity import add_velocity, advance


@dataclass(frozen=True)
class VelocityProjection:
    """Motion with mass whose velocity is projected on the force, and forgotten when it points uphill.

    Bessarab, Uzdin & Jonsson, Comput. Phys. Commun. 196, 335 (2015), with one velocity for each replica.

    time_step      in units of 1 / sqrt(stiffest coupling)
    longest_turn   radians, of the spin that turns most in one step
    """

    name: ClassVar[str] = "velocity-projection"
    convergence: Convergence = field(default_factory=Convergence)
    time_step: float = 0.5
    longest_turn: float = 1.0

    def vectors(self, hamiltonian: Hamiltonian, path: Path, device: type[Device]) -> int:
        """Return 1: the velocity."""
        return 1

    def begin(self, motion: Motion) -> None:
        """Add the arrays of the minimiser to a motion."""
        add_velocity(motion)

    def iteration(self, motion: Motion) -> Sequence[Launch]:
        """Bind one step of every moving replica."""
        evaluator, f = motion.evaluator, motion.flat
        evaluate, sums = motion.evaluation("velocity")
        choose = motion.bind(
            "velocity_projection", sums, f["state"], f["keep"], f["push"], f["step"], evaluator.sites,
            self.time_step / evaluator.stiffness**0.5, self.longest_turn,
            blocks=1,
        )  # fmt: skip
        return [motion.chain(evaluate, choose, advance(motion))]
