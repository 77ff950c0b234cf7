"""The stochastic Landau-Lifshitz-Gilbert equation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import ClassVar

import numpy as np

from magsearch.engine.device import Device
from magsearch.engine.graph import Launch
from magsearch.engine.path import Path
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.motion import Motion
from magsearch.relaxation.step_control import Fixed, Pace
from magsearch.thermal.heat_bath import number, warm
from magsearch.units import K_B


@dataclass(frozen=True)
class StochasticLLG:
    """The stochastic Landau-Lifshitz-Gilbert equation at a temperature, in the sense of Stratonovich, by Heun's method.

    Garcia-Palacios & Lazaro, Phys. Rev. B 58, 14937 (1998). In the limit of short steps textures are distributed as
    exp(-E / kT) at any damping.

    temperature   kelvin, of all replicas or of each
    convergence   steps are Heun's, of two evaluations each; variance control ends a replica, or the largest torque
    damping       Gilbert's; infinite: no precession
    pace          how long steps are: in units of 1 / ((stiffest coupling + hottest kT) sqrt(1 + 1 / damping^2)),
                  about the radians that a spin turns in one
    """

    name: ClassVar[str] = "stochastic-llg"
    temperature: float | tuple[float, ...] = field(
        default=0.0,
        metadata={"doc": "Temperature of the spins.", "unit": "K", "type": float, "ge": 0, "needed": True},
    )
    convergence: Convergence = field(default_factory=Convergence)
    damping: float = field(
        default=inf,
        metadata={"doc": "Gilbert damping.", "gt": 0, "default": "infinite: no precession"},
    )
    pace: Pace = field(
        default_factory=lambda: Fixed(0.05),
        metadata={
            "doc": "Length of a time step: about the angle by which a spin turns in it.", "unit": "radians", "gt": 0,
            "key": "step", "type": float, "becomes": Fixed, "default": "0.05",
        },
    )  # fmt: skip

    def vectors(self, hamiltonian: Hamiltonian, path: Path, device: type[Device]) -> int:
        """Return 2: where a step starts, and the force where it leads."""
        return 2

    def begin(self, motion: Motion) -> None:
        """Add the arrays of Heun's method to a motion."""
        for name in ("step", "kT"):
            motion.flat[name] = motion.array(motion.replicas)
        motion.flat["turn"] = motion.array(motion.replicas, dtype=np.uint32)
        for name in ("start", "ahead"):
            motion.blocked[name] = motion.evaluator.device.xp.zeros_like(motion.blocked["spins"])
        number(motion)
        warm(motion, self.temperature)

    def iteration(self, motion: Motion) -> Sequence[Launch]:
        """Bind one step of every moving replica."""
        evaluator, b, f, precession = motion.evaluator, motion.blocked, motion.flat, 1 / self.damping
        fastest = (evaluator.stiffness + K_B * float(np.max(self.temperature))) * float(np.hypot(1, precession))
        evaluate, sums = motion.evaluation("force")
        choose = motion.bind(
            "landau_lifshitz", sums, f["state"], f["step"], f["turn"], evaluator.sites,
            *self.pace.arguments(1 / fastest), inf, blocks=1,
        )  # fmt: skip
        noise = (
            b["start"], f["step"], f["kT"], precession, f["number"], f["turn"], *motion.key, evaluator.sites,
            evaluator.device.chunk,
        )  # fmt: skip
        predict = motion.bind("heun_predict", b["spins"], b["force"], *noise)
        look = evaluator.evaluation(b["spins"], motion.zeeman, b["ahead"], b["ahead"], motion.sums)
        correct = motion.bind("heun_correct", b["spins"], b["force"], b["ahead"], *noise)
        return [motion.chain(evaluate, choose, predict, look, correct)]
