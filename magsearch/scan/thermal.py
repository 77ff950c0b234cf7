"""Thermal states of one column of a scan by parallel tempering: all temperatures of one Hamiltonian in one batch.

Several ladders of replicas share the same temperatures (rungs). The replicas of a ladder exchange temperatures, and
each ladder starts from another phase: the minima of the column, best first. In equilibrium, a state does not depend on
its start, and the ladders agree. If they disagree, the ladder of lowest free energy and those that agree with it are
used, and the state is marked. With F equal on the hottest rung,

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
from magsearch.relaxation.motion import STATE, Motion
from magsearch.relaxation.relax import Watch
from magsearch.thermal.parallel_tempering import ParallelTempering
from magsearch.thermal.sampling import Trajectory, averages
from magsearch.thermal.statistics import estimate
from magsearch.units import K_B

STEP = 2.0  # T'/T - 1 of adjacent rungs in units of 1 / sqrt(N): for N k_B, a sixth of the exchanges is accepted
SPECTRA, BLOCKS = 100, 5  # textures measured per temperature and ladder, and block averages made of them
APART = 4.0  # largest difference of ladders that agree, in standard errors


@dataclass(frozen=True)
class Tempering:
    """Settings of parallel tempering.

    ladders   number of replica ladders, each started from another phase
    rungs     maximum number of temperatures of a ladder
    hottest   kelvin, lowest maximum temperature of a ladder; None: the highest temperature of the scan
    sweeps    number of sweeps that are measured
    warmup    number of sweeps before them
    """

    ladders: int = 3
    rungs: int = 128
    hottest: float | None = None
    sweeps: int = 2000
    warmup: int = 1000

    def ladder(self, kelvin: Sequence[float], spins: int) -> tuple[float, ...]:
        """Return the rungs in ascending order, kelvin: the given temperatures and others between them.

        For a heat capacity of N k_B, a fraction erfc(sqrt(N) ln(T' / T) / 2) of the exchanges is accepted (Predescu,
        Predescu & Ciobanu, J. Chem. Phys. 120, 4119 (2004)). Steps are wider if there would be more than ``rungs``.

        spins   number of spins N
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
    """Measurements of parallel tempering; "wanted" are the rungs at temperatures of the scan.

    energy     [rung, sweep, ladder] meV, total
    spin       [rung, sweep, ladder, 3] mean spin
    charge     [wanted, measurement, ladder]
    spectra    [wanted][ladder][block]
    snapshots  [wanted][ladder] texture [site, 3]
    accepted   [rung - 1] fraction of accepted exchanges between a rung and the next
    """

    energy: NDArray[np.float64]
    spin: NDArray[np.float64]
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
    """Return the thermal states at ascending temperatures ``kelvin``, from ladders that start from ``minima``.

    minima      best first; repeated if there are more ladders
    tempering   settings
    key         key of the random numbers
    watch       called regularly; may raise Interrupted
    """
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
            textures = evaluator.device.host(motion.textures())
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
    textures = evaluator.device.host(motion.textures()).astype(np.float32)
    snapshots = [[textures[stands.replica[k, rung]].copy() for k in range(ladders)] for rung in wanted]
    with np.errstate(invalid="ignore"):
        share = accepted[0] / accepted[1]
    return Climbed(energy, spin, np.moveaxis(np.array(charge), 1, 0), spectra, snapshots, share)


def _mean(spectra: Sequence[Spectrum]) -> Spectrum:
    return sum(spectra[1:], spectra[0]) / len(spectra)


def _free_energies(energy: NDArray[np.float64], rungs: Sequence[float]) -> NDArray[np.float64]:
    """Return F / kT of each ladder up to a common constant, [rung, ladder]: see the module's docstring."""
    beta = 1 / (K_B * np.array(rungs[::-1]))  # ascending
    return np.asarray(cumulative_trapezoid(energy.mean(axis=1)[::-1], beta, axis=0, initial=0.0)[::-1])


def _agree(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Return whether two series of measurements have equal means within APART standard errors."""
    if not len(one):
        return True
    a, b = estimate(one), estimate(other)
    return abs(a.mean - b.mean) <= APART * np.hypot(a.error, b.error) + 1e-9 * max(abs(a.mean), 1.0)
