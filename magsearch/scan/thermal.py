"""Thermal states of one column of a scan: all temperatures of one Hamiltonian in one batch.

Several ladders of replicas stand on the same rungs, one temperature each. The replicas of a ladder exchange their
temperatures (parallel tempering), and each ladder begins in another phase: the column's minima, best first. A state in
equilibrium has forgotten where it began, and the ladders agree. Where they do not, the one with the lowest free energy
counts, with those that agree with it, and the state is marked. With F equal on the hottest rung,

    F / kT = F_hottest / kT_hottest + integral of E over 1 / kT from there (thermodynamic integration).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid

from magsearch.engine.evaluator import Evaluator
from magsearch.phases.column import ALL, Minimum, ThermalState
from magsearch.phases.spectrum import Spectrum, portrait, spectrum
from magsearch.randomness import Key
from magsearch.relaxation.relax import STATE, Motion, Watch
from magsearch.thermal.parallel_tempering import ParallelTempering
from magsearch.thermal.sampling import Trajectory, averages
from magsearch.thermal.statistics import estimate
from magsearch.units import K_B

STEP = 2.0  # T'/T - 1 of neighbouring rungs in units of 1 / sqrt(N): a sixth of the exchanges is accepted for N k_B
SPECTRA, BLOCKS = 100, 5  # textures of each temperature and ladder that are measured, and averages that they make
APART = 4.0  # standard errors by which ladders differ that do not agree


@dataclass(frozen=True)
class Tempering:
    """How thermal states are reached.

    ladders   of replicas, each begun in another phase
    rungs     of a ladder at the most
    hottest   kelvin, up to which ladders reach where the wanted temperatures do not; None: no further than those
    sweeps    measured
    warmup    sweeps before them
    """

    ladders: int = 3
    rungs: int = 128
    hottest: float | None = None
    sweeps: int = 2000
    warmup: int = 1000

    def ladder(self, kelvin: Sequence[float], spins: int) -> tuple[float, ...]:
        """The rungs, kelvin, rising: the wanted temperatures, and others between them so that energies overlap.

        For a heat capacity of N k_B a share erfc(sqrt(N) ln(T' / T) / 2) of the exchanges is accepted (Predescu,
        Predescu & Ciobanu, J. Chem. Phys. 120, 4119 (2004)). Steps are wider where there would be more than ``rungs``.
        """
        wanted = sorted({*kelvin, max(self.hottest or 0.0, *kelvin)})
        ratio = np.array([np.log(high / low) for low, high in pairwise(wanted)])
        step = np.log1p(STEP / np.sqrt(spins))
        while np.ceil(ratio / step).sum() + 1 > max(self.rungs, len(wanted)):
            step *= 1.01
        parts = np.maximum(1, np.ceil(ratio / step)).astype(int)
        between = [np.geomspace(low, high, n + 1)[1:-1] for (low, high), n in zip(pairwise(wanted), parts, strict=True)]
        return tuple(sorted(float(t) for t in np.concatenate([wanted, *between])))


@dataclass(frozen=True, eq=False)
class Climbed:
    """What was measured, [rung, sweep, ladder] (energy in meV, of the whole replica), and on the wanted rungs:

    charge     [wanted, measurement, ladder]
    spectra    [wanted][ladder][block]
    snapshots  [wanted][ladder] texture [site, 3]
    accepted   [rung - 1] share of exchanges between a rung and the next
    """

    energy: NDArray[np.float64]
    spin: NDArray[np.float64]  # [rung, sweep, ladder, 3]
    charge: NDArray[np.float64]
    spectra: list[list[list[Spectrum]]]
    snapshots: list[list[NDArray[np.float32]]]
    accepted: NDArray[np.float64]


def sampled(
    evaluator: Evaluator,
    kelvin: Sequence[float],
    minima: Sequence[Minimum],
    tempering: Tempering,
    key: Key,
    watch: Watch = lambda: None,
) -> tuple[ThermalState, ...]:
    """The thermal states at rising temperatures (kelvin), from ladders that begin in ``minima``, best first."""
    hamiltonian = evaluator.hamiltonian
    lattice, rungs = hamiltonian.lattice, tempering.ladder(kelvin, hamiltonian.n_spins)
    wanted = [rungs.index(t) for t in kelvin]
    begun = [minima[ladder % len(minima)] for ladder in range(tempering.ladders)]
    climbed = _climb(evaluator, rungs, wanted, [m.texture for m in begun], tempering, key, watch)
    free = _free_energies(climbed.energy, rungs)  # [rung, ladder]
    found = []
    for place, rung in enumerate(wanted):
        series = (climbed.energy[rung], *np.moveaxis(climbed.spin[rung], -1, 0), climbed.charge[place])
        best = int(free[rung].argmin())
        like = [ladder for ladder in range(len(begun)) if all(_agree(x[:, best], x[:, ladder]) for x in series)]
        trajectory = Trajectory(
            np.array([rungs[rung]]), climbed.energy[None, rung][..., like], climbed.spin[None, rung][:, :, like],
            climbed.charge[None, place][..., like], hamiltonian.n_spins,
        )  # fmt: skip
        portraits = [
            [portrait(lattice, s, hamiltonian.field, rungs[rung]) for s in climbed.spectra[place][ladder]]
            for ladder in like
        ]
        found.append(
            ThermalState(
                averages=averages(trajectory)[0],
                portraits=tuple(p for own in portraits for p in own),
                weight=estimate(np.array([[p.arms[0].weight if p.arms else 0.0 for p in own] for own in portraits]).T),
                begun=ALL if len(like) == len(begun) else begun[best].label,
                exchanged=float(climbed.accepted[max(0, rung - 1) : rung + 1].min(initial=np.inf)),
                snapshot=climbed.snapshots[place][best],
            )
        )
    return tuple(found)


def _climb(
    evaluator: Evaluator,
    rungs: tuple[float, ...],
    wanted: list[int],
    starts: Sequence[NDArray[Any]],
    tempering: Tempering,
    key: Key,
    watch: Watch,
) -> Climbed:
    hamiltonian, ladders, sweeps = evaluator.hamiltonian, len(starts), tempering.sweeps
    lattice = hamiltonian.lattice
    replicas = np.repeat(np.stack(starts), len(rungs), axis=0)  # ladder by ladder
    motion = Motion.start(evaluator, replicas, key=key)
    method = ParallelTempering(sweeps=tempering.warmup + sweeps, reflections=1, ladder=rungs)
    energy, spin = np.empty((len(rungs), sweeps, ladders)), np.empty((len(rungs), sweeps, ladders, 3))
    accepted, charge = np.zeros((2, len(rungs) - 1)), []  # accepted, tried
    every = max(1, sweeps // SPECTRA)
    spectra: list[list[list[Spectrum]]] = [[[] for _ in starts] for _ in wanted]
    block: list[list[list[Spectrum]]] = [[[] for _ in starts] for _ in wanted]
    for turn, stands in enumerate(method.climb(motion, len(replicas), watch, tempering.warmup)):
        sweep = turn - tempering.warmup
        if sweep < 0:
            continue
        state = evaluator.device.host(motion.flat["state"])[:, : len(replicas)]
        mean = state[STATE["MEAN_X"] : STATE["MEAN_Z"] + 1].T * (evaluator.sites / hamiltonian.n_spins)
        energy[:, sweep], spin[:, sweep] = stands.energy.T, mean[stands.replica.T]
        tried = ~np.isnan(stands.accepted)
        accepted += np.where(tried, [np.nan_to_num(stands.accepted), ladders * tried], 0.0)
        if (sweep + 1) % every == 0:
            textures = motion.textures()
            measured = [
                [spectrum(lattice, textures[stands.replica[k, rung]]) for k in range(ladders)] for rung in wanted
            ]
            charge.append([[round(s.charge, 9) + 0.0 for s in own] for own in measured])
            full = len(charge) % max(1, SPECTRA // BLOCKS) == 0 or sweep + 1 == sweeps
            for place, own in enumerate(measured):
                for ladder, one in enumerate(own):
                    block[place][ladder].append(one)
                    if full:
                        spectra[place][ladder].append(_mean(block[place][ladder]))
                        block[place][ladder].clear()
    textures = motion.textures().astype(np.float32)
    snapshots = [[textures[stands.replica[k, rung]].copy() for k in range(ladders)] for rung in wanted]
    with np.errstate(invalid="ignore"):
        share = accepted[0] / accepted[1]
    return Climbed(energy, spin, np.moveaxis(np.array(charge), 1, 0), spectra, snapshots, share)


def _mean(spectra: Sequence[Spectrum]) -> Spectrum:
    return sum(spectra[1:], spectra[0]) / len(spectra)


def _free_energies(energy: NDArray[np.float64], rungs: Sequence[float]) -> NDArray[np.float64]:
    """F / kT of each ladder up to a constant that all share, [rung, ladder]: see above."""
    beta = 1 / (K_B * np.array(rungs[::-1]))  # rising
    return np.asarray(cumulative_trapezoid(energy.mean(axis=1)[::-1], beta, axis=0, initial=0.0)[::-1])


def _agree(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether two series of measurements may have the same mean."""
    if not len(one):
        return True
    a, b = estimate(one), estimate(other)
    return abs(a.mean - b.mean) <= APART * np.hypot(a.error, b.error) + 1e-9 * max(abs(a.mean), 1.0)
