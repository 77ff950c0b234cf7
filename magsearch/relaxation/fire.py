"""FIRE: fast inertial relaxation."""

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
class Fire:
    """Fast inertial relaxation: Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006), one clock for each replica.

    time_step      first step in units of 1 / sqrt(stiffest coupling)
    longest_step   in the same units
    longest_turn   radians, root mean square over the spins
    """

    name: ClassVar[str] = "fire"
    convergence: Convergence = field(default_factory=Convergence)
    time_step: float = 0.3
    longest_step: float = 1.0
    longest_turn: float = 0.5

    def vectors(self, hamiltonian: Hamiltonian, path: Path, device: type[Device]) -> int:
        """Return 1: the velocity."""
        return 1

    def begin(self, motion: Motion) -> None:
        """Add the arrays of the minimiser to a motion."""
        add_velocity(motion)

    def iteration(self, motion: Motion) -> Sequence[Launch]:
        """Bind one step of every moving replica."""
        evaluator, f, unit = motion.evaluator, motion.flat, motion.evaluator.stiffness**-0.5
        evaluate, sums = motion.evaluation("velocity")
        choose = motion.bind(
            "fire", sums, f["state"], f["keep"], f["push"], f["step"], evaluator.sites,
            self.time_step * unit, self.longest_step * unit, self.longest_turn,
            blocks=1,
        )  # fmt: skip
        return [motion.chain(evaluate, choose, advance(motion))]
