"""Common part of minimisers with a velocity."""

from __future__ import annotations

from magsearch.engine.graph import Launch
from magsearch.relaxation.motion import Motion


def add_velocity(motion: Motion) -> None:
    """Add a velocity at rest [block, site, 3, width] and the coefficients of a step [replica] to a motion."""
    motion.blocked["velocity"] = motion.evaluator.device.xp.zeros_like(motion.blocked["spins"])
    for name in ("keep", "push", "step"):
        motion.flat[name] = motion.array(motion.replicas)


def advance(motion: Motion) -> Launch:
    """Bind v <- keep v + push force; s <- unit(s + step v)."""
    evaluator, b, f = motion.evaluator, motion.blocked, motion.flat
    return motion.bind(
        "advance_with_velocity", b["spins"], b["velocity"], b["force"], f["keep"], f["push"], f["step"],
        evaluator.sites, evaluator.device.chunk,
    )  # fmt: skip
