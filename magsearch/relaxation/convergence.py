"""When a relaxation has converged: by torque, by variances, or by the number of steps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from magsearch.engine.evaluator import Evaluator


@dataclass(frozen=True)
class VarianceControl:
    """A replica rests when, over ``window`` steps, both variances are below their thresholds.

    energy     meV^2, of the energy per site; None: (``relative`` times the stiffest coupling)^2
    moment     of the mean spin
    relative   standard deviation of the energy per site in units of the stiffest coupling
    Xu et al., Commun. Phys. 6, 239 (2023).
    """

    window: int = field(
        default=40,
        metadata={
            "doc": "Interval over which the variances are taken; 0: no variance control, otherwise at least 2.",
            "unit": "steps or sweeps", "ge": 0,
        },
    )  # fmt: skip
    energy: float | None = field(
        default=None,
        metadata={
            "doc": "Threshold for the variance of the energy per site.", "unit": "meV^2", "ge": 0,
            "default": "(1e-6 of the stiffest coupling)^2",
        },
    )  # fmt: skip
    moment: float = field(default=1e-8, metadata={"doc": "Threshold for the variance of the mean spin.", "ge": 0})
    relative: float = 1e-7


EARLY = VarianceControl(window=10, moment=1e-4, relative=1e-6)  # for offspring: the best are relaxed further anyway


@dataclass(frozen=True)
class Convergence:
    """When a replica has arrived: torque, variances, or the number of steps.

    torque     meV, largest |s x b|; None: 1e-6 of the stiffest coupling in float32, 1e-8 of it in float64
    steps      maximum number of evaluations
    variance   None: no variance control
    """

    torque: float | None = field(
        default=None,
        metadata={
            "doc": "Largest torque at which a relaxation may end; 0: none.", "unit": "meV", "ge": 0, "per_island": True,
            "default": "1e-6 of the stiffest coupling",
        },
    )  # fmt: skip
    steps: int = field(
        default=2000,
        metadata={
            "doc": "Maximum number of evaluations of one relaxation, sweeps of the heat bath, or steps of stochastic "
            "LLG.",
            "ge": 1, "per_island": True,
        },
    )  # fmt: skip
    variance: VarianceControl | None = field(default_factory=VarianceControl)

    def thresholds(self, evaluator: Evaluator) -> tuple[int, float, float, float]:
        """Return window (steps), torque (meV), energy variance (meV^2) and moment variance, as rows of the state."""
        single = evaluator.real == np.float32
        torque = self.torque if self.torque is not None else (1e-6 if single else 1e-8) * evaluator.stiffness
        if self.variance is None:
            return 0, torque, 0.0, 0.0
        energy = (
            self.variance.energy
            if self.variance.energy is not None
            else (self.variance.relative * evaluator.stiffness) ** 2
        )
        return self.variance.window, torque, energy, self.variance.moment
