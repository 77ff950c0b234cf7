"""Putting relaxations together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from magsearch.relaxation.relax import Relaxation


def with_steps(relaxation: Relaxation, before: int) -> Relaxation:
    """The same after ``before`` sweeps of every replica that came first."""
    return replace(relaxation, steps=relaxation.steps + before)


def better(old: Relaxation, new: Relaxation, accepted: np.ndarray | None = None) -> Relaxation:
    """Of every replica the one with the lower energy, or ``new`` where ``accepted`` [replica]; the work of both."""
    take = new.energy < old.energy if accepted is None else accepted

    def chosen(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.where(take.reshape(-1, *[1] * (a.ndim - 1)), b, a)

    return Relaxation(
        textures=chosen(old.textures, new.textures),
        energy=chosen(old.energy, new.energy),
        torque=chosen(old.torque, new.torque),
        magnetization=chosen(old.magnetization, new.magnetization),
        steps=old.steps + new.steps,
        reason=tuple(b if t else a for a, b, t in zip(old.reason, new.reason, take, strict=True)),
    )
