"""Stability of stationary textures: minimum, saddle point or zero modes; displacement along the unstable mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.minima import modes
from magsearch.minima.modes import Modes

PUSH = 0.1  # radians, by which a saddle point is displaced where its unstable mode is largest


@dataclass(frozen=True)
class Stability:
    """Softest modes of a texture, and its kind.

    kind         saddle: a mode is negative; zero modes: none is negative, and some cost no energy; minimum: all cost
                 energy; unresolved: the softest mode was not found
    modes        meV, lowest first, without global rotations
    zero_modes   number of global rotations that cost no energy, and of zero modes among ``modes`` that converged
    """

    kind: str = field(
        metadata={
            "dtype": "S16",
            "name": "stability",
            "about": "minimum, saddle, zero modes or unresolved; empty unless polished",
        }
    )  # how they are stored: search/records.py
    modes: tuple[float, ...] = field(
        metadata={
            "dtype": "f8",
            "unit": "meV",
            "axes": "mode",
            "padding": np.nan,
            "about": "lowest eigenvalues of the Hessian",
        }
    )
    zero_modes: int = field(metadata={"dtype": "i8", "about": "number of modes that cost no energy"})


def stability(
    evaluator: Evaluator, textures: ArrayLike, count: int, watch: Callable[[], None] = lambda: None
) -> tuple[list[Stability], NDArray[np.float64]]:
    """Return the stability of stationary textures [replica, site, 3] by ``count`` modes, and the lowest mode of each.

    The modes are [replica, site, 3], scaled so that their largest displacement is 1. ``watch`` as for ``relax``.
    """
    soft = modes.softest(evaluator, textures, count, watch=watch)
    lowest = soft.vectors[:, 0]
    largest = np.linalg.norm(lowest, axis=2).max(axis=1)[:, None, None]
    tolerance = modes.zero(evaluator)
    found = [_judged(soft, replica, tolerance) for replica in range(len(lowest))]
    return found, lowest / np.where(largest > 0, largest, 1.0)


def _judged(soft: Modes, replica: int, tolerance: float) -> Stability:
    there = np.isfinite(soft.values[replica])
    values, residuals = soft.values[replica][there], soft.residuals[replica][there]
    known = residuals <= modes.CLOSE * np.abs(values) + tolerance
    zeros = int(soft.rotations[replica] + (known & (np.abs(values) <= tolerance)).sum())
    if (values < -tolerance).any():  # whatever its residual: the energy falls along it
        kind = "saddle"
    elif not known[:1].all():
        kind = "unresolved"
    else:
        kind = "zero modes" if zeros else "minimum"
    return Stability(kind, tuple(values.tolist()), zeros)


def pushed(texture: NDArray[np.float64], mode: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Displace a texture [site, 3] along a tangential mode [site, 3] in both directions, by ``PUSH`` where it is 1."""
    length = np.linalg.norm(mode, axis=1, keepdims=True)
    direction = mode / np.where(length > 0, length, 1.0)
    return [np.cos(PUSH * length) * texture + sign * np.sin(PUSH * length) * direction for sign in (1, -1)]
