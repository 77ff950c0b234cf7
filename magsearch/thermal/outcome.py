"""Putting relaxations together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from magsearch.relaxation.relax import Relaxation


def with_steps(relaxation: Relaxation, before: int) -> Relaxation:
    """Return a relaxation with ``before`` sweeps of every replica added to its steps."""
    return replace(relaxation, steps=relaxation.steps + before)


def better(old: Relaxation, new: Relaxation, accepted: np.ndarray | None = None) -> Relaxation:
    """Return, for every replica, the one with the lower energy, or ``new`` where ``accepted`` [replica]."""
    take = new.energy < old.energy if accepted is None else accepted

    def chosen(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.where(take.reshape(-1, *[1] * (a.ndim - 1)), b, a)

    textures, rows = old.textures.copy(), np.flatnonzero(take)  # on whatever device
    textures[rows] = new.textures[rows]
    return Relaxation(
        textures=textures,
        energy=chosen(old.energy, new.energy),
        torque=chosen(old.torque, new.torque),
        magnetization=chosen(old.magnetization, new.magnetization),
        steps=old.steps + new.steps,
        reason=tuple(b if t else a for a, b, t in zip(old.reason, new.reason, take, strict=True)),
        tightened=chosen(old.tightened, new.tightened),
    )
