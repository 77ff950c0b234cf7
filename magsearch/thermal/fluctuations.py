"""Order parameter, its susceptibility, its Binder cumulant, and the correlation length, with errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from magsearch.thermal.sampling import Trajectory
from magsearch.thermal.statistics import Estimate, estimate
from magsearch.units import K_B

BLOCKS = 20  # of successive sweeps, each of which is left out once (jackknife)


@dataclass(frozen=True)
class Fluctuations:
    """Fluctuations of an order parameter m at one temperature, with errors.

    order           <m>
    susceptibility  N (<m^2> - <m>^2) / kT, 1/meV per spin
    binder          1 - <m^4> / 3 <m^2>^2
    length          correlation length over the edge of the box, (<m^2> / <m_d^2> - 1)^1/2 / 2 pi, where m_d is the
                    order parameter at the wave vectors beside its own; None where these are not measured
    """

    kelvin: float
    order: Estimate
    susceptibility: Estimate
    binder: Estimate
    length: Estimate | None


def fluctuations(trajectory: Trajectory) -> list[Fluctuations]:
    """Return the fluctuations at every temperature, of the magnetisation where no order parameter was measured."""
    found = []
    for k, kelvin in enumerate(trajectory.kelvin):
        squares = (trajectory.spin[k] ** 2).sum(axis=-1) if trajectory.order is None else trajectory.order[k]
        beside = None if trajectory.beside is None else trajectory.beside[k]
        order = np.sqrt(squares)
        scale, time = trajectory.spins / (K_B * kelvin), estimate(order).correlation
        means = _left_out([order, squares, squares**2, *([] if beside is None else [beside])])  # [set, quantity]
        m, m2, m4 = means[:, 0], means[:, 1], means[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            length = None if beside is None else np.sqrt(np.maximum(m2 / means[:, 3] - 1, 0)) / (2 * np.pi)
        found.append(
            Fluctuations(
                kelvin=float(kelvin),
                order=estimate(order),
                susceptibility=_jackknife(scale * (m2 - m**2), time),
                binder=_jackknife(1 - m4 / (3 * m2**2), time),
                length=None if length is None else _jackknife(length, time),
            )
        )
    return found


def _left_out(series: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return means of series [sweep, chain], of all sweeps first, then without each block, [set, series]."""
    sweeps = len(series[0])
    sums = np.array([values.sum(axis=1) for values in series])  # [series, sweep]
    parts = np.array_split(np.arange(sweeps), min(BLOCKS, sweeps))
    chains = series[0].shape[1]
    total = sums.sum(axis=1)
    rows = [total / (sweeps * chains)]
    if len(parts) > 1:
        rows += [(total - sums[:, own].sum(axis=1)) / ((sweeps - len(own)) * chains) for own in parts]
    return np.array(rows)


def _jackknife(values: NDArray[np.float64], time: float) -> Estimate:
    """Return the first value with the jackknife error of the others; ``time`` is the correlation time."""
    blocks = len(values) - 1
    error = np.sqrt((blocks - 1) * values[1:].var()) if blocks > 1 else np.nan
    return Estimate(float(values[0]), float(error), time)
