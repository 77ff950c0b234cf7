"""Step control of the Landau-Lifshitz-Gilbert equation: a fixed step, or one that is shortened where it is too long."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import Protocol


class Pace(Protocol):
    """Control of the length of steps."""

    def arguments(self, unit: float) -> tuple[int, float, float, float, float, float, float]:
        """Return the arguments of the kernel; ``unit`` is 1 / stiffest coupling, 1 / meV."""


@dataclass(frozen=True)
class Fixed:
    """Constant step length. Below 1 (2 over the largest curvature there can be) a relaxation is stable on any model.

    step   in units of 1 / stiffest coupling
    """

    step: float = 0.5

    def arguments(self, unit: float) -> tuple[int, float, float, float, float, float, float]:
        """Return the arguments of the kernel; ``unit`` is 1 / stiffest coupling, 1 / meV."""
        return 0, self.step * unit, 0.0, 1.0, 0.0, 0.0, 0.0


@dataclass(frozen=True)
class AutoDrop:
    """A step that is shortened where the angular velocity of the trajectory saturates: one for each replica.

    Teng, Wang & Choromanska, arXiv:2111.15317. Theirs is the rule for learning rates of stochastic gradients, where the
    angle between successive moves saturates once a rate has done what it can. A gradient without noise comes to turn
    by pi where the step is too long for the stiffest mode, and by 0 where it is short enough: it is shortened above
    ``angle`` only (docs/theory.md). With ``angle`` 0 the rule is that of the paper.

    first        step in units of 1 / stiffest coupling
    shortest     the same
    drop         factor by which a step is shortened
    window       steps whose angles are averaged
    saturation   radians, change of this average from one window to the next below which it is saturated, at first
    most         radians, of this threshold, which grows as steps are shortened
    angle        radians
    """

    first: float = 4.0
    shortest: float = 0.25
    drop: float = 0.7
    window: int = 5
    saturation: float = 0.1
    most: float = 0.5
    angle: float = pi / 2

    def arguments(self, unit: float) -> tuple[int, float, float, float, float, float, float]:
        """Return the arguments of the kernel; ``unit`` is 1 / stiffest coupling, 1 / meV."""
        return (
            self.window, self.first * unit, self.shortest * unit, self.drop, self.saturation, self.most, self.angle,
        )  # fmt: skip
