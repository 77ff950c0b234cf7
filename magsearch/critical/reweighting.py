"""Averages at any temperature from measurements at several: multiple histograms.

Ferrenberg & Swendsen, Phys. Rev. Lett. 63, 1195 (1989). With N_k measurements at 1 / kT = b_k, a measurement n of
energy E_n has at 1 / kT = b the weight

    w_n(b) = exp(-b E_n) / sum_k N_k exp(f_k - b_k E_n),    exp(-f_k) = sum_n w_n(b_k).

The f_k are found from a histogram of the energies; the weights are those of the measurements themselves. Errors come
from blocks of successive measurements of a ladder: resampled sets of blocks (bootstrap) give everything that follows
again, and its standard deviation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid
from scipy.special import logsumexp

from magsearch.critical.series import Series
from magsearch.units import K_B

BINS = 4000  # of the histogram of energies
BLOCKS = 8  # of each ladder of a round
CLOSE = 1e-7  # change of the f_k at which they have converged
LONGEST = 2.0  # change of the f_k in one iteration
MOST = 100  # iterations
RESAMPLED = 100  # sets of blocks


@dataclass(frozen=True, eq=False)
class Curves:
    """Averages of one box over temperature; the first set is that of all blocks, the others are resampled.

    nan at temperatures below and above those at which it was sampled.

    kelvin          [temperature]
    spins           N
    energy          [set, temperature] meV per spin
    specific_heat   [set, temperature] k_B per spin, N (<e^2> - <e>^2) / (kT)^2
    order           [set, temperature] <m>
    susceptibility  [set, temperature] per spin, 1/meV: N (<m^2> - <m>^2) / kT
    binder          [set, temperature] 1 - <m^4> / 3 <m^2>^2
    length          [set, temperature] correlation length over the edge of the box, (<m^2> / <m_d^2> - 1)^1/2 / 2 pi
    """

    kelvin: NDArray[np.float64]
    spins: int
    energy: NDArray[np.float64]
    specific_heat: NDArray[np.float64]
    order: NDArray[np.float64]
    susceptibility: NDArray[np.float64]
    binder: NDArray[np.float64]
    length: NDArray[np.float64]


def curves(
    rounds: Sequence[Series],
    spins: int,
    kelvin: NDArray[np.float64],
    random: np.random.Generator,
    watch: Callable[[], None] = lambda: None,
) -> Curves:
    """Return averages at temperatures ``kelvin`` from all rounds of one box."""
    beta = np.concatenate([1 / (K_B * series.kelvin) for series in rounds])
    middle = float(np.mean(np.concatenate([series.energy.ravel() for series in rounds])))
    histograms = [own for s in rounds for own in np.moveaxis(s.energy - middle, -1, 0).reshape(len(s.kelvin), -1)]
    counts = np.array([float(len(own)) for own in histograms])
    free = free_energies(histograms, beta, watch)
    log_counts, at = np.log(counts) + free, 1 / (K_B * kelvin)
    totals = []  # [block][quantity, temperature]
    highest = np.full(len(at), -np.inf)
    for series in rounds:
        for ladder in range(len(series.energy)):
            parts = min(BLOCKS, series.measurements)
            for own in np.array_split(np.arange(series.measurements), parts):
                watch()
                energy, order, beside = (
                    getattr(series, name)[ladder, own].ravel() for name in ("energy", "order", "beside")
                )
                energy = energy - middle
                shared = logsumexp(log_counts - np.outer(energy, beta), axis=1)
                logs = -np.outer(energy, at) - shared[:, None]
                top = logs.max(axis=0)
                values = np.stack([np.ones_like(energy), energy, energy**2, np.sqrt(order), order, order**2, beside])
                totals.append((top, values @ np.exp(logs - top)))
                highest = np.maximum(highest, top)
    sums = np.array([total * np.exp(top - highest) for top, total in totals])  # [block, quantity, temperature]
    chosen = np.vstack(
        [np.ones(len(sums)), random.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), RESAMPLED)]
    )
    mean = np.tensordot(chosen, sums, axes=1)
    mean = mean[:, 1:] / mean[:, :1]
    low, high = (extreme(series.kelvin[end] for series in rounds) for extreme, end in ((min, 0), (max, -1)))
    mean[..., (kelvin < low) | (kelvin > high)] = np.nan
    energy, square, order, order2, order4, beside = mean.swapaxes(0, 1)
    kT = K_B * kelvin
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.sqrt(np.maximum(order2 / beside - 1, 0)) / (2 * np.pi)
    return Curves(
        kelvin=kelvin,
        spins=spins,
        energy=(energy + middle) / spins,
        specific_heat=(square - energy**2) / (spins * kT**2),
        order=order,
        susceptibility=spins * (order2 - order**2) / kT,
        binder=1 - order4 / (3 * order2**2),
        length=length,
    )


def free_energies(
    energy: Sequence[NDArray[np.float64]], beta: NDArray[np.float64], watch: Callable[[], None] = lambda: None
) -> NDArray[np.float64]:
    """Return f_k of histograms, the first zero.

    Thermodynamic integration, then Newton's method: the f_k minimise a convex function (Shirts & Chodera, J. Chem.
    Phys. 129, 124105 (2008)).

    energy  [histogram][measurement] meV
    beta    [histogram] 1/meV
    """
    every, counts = np.concatenate(energy), np.array([float(len(own)) for own in energy])
    order = np.argsort(beta)
    free = np.zeros(len(beta))
    free[order] = cumulative_trapezoid([energy[k].mean() for k in order], beta[order], initial=0.0)
    low, high = float(every.min()), float(every.max())
    bin_of = np.minimum(((every - low) / max(high - low, 1e-300) * BINS).astype(np.int64), BINS - 1)
    place = np.unique(bin_of, return_inverse=True)[1]
    number = np.bincount(place).astype(float)
    powers = -np.outer(beta, np.bincount(place, every) / number)  # [histogram, bin]
    for _ in range(MOST):
        watch()
        logs = (np.log(counts) + free)[:, None] + powers
        share = np.exp(logs - logsumexp(logs, axis=0))
        here = share @ number
        hessian = np.diag(here) - (share * number) @ share.T
        step = np.append(0.0, np.linalg.lstsq(hessian[1:, 1:], (counts - here)[1:], rcond=1e-12)[0])
        longest = float(np.abs(step).max())
        free = free + step * min(1.0, LONGEST / max(longest, 1e-300))
        if longest < CLOSE:
            break
    return np.asarray(free - free[0])
