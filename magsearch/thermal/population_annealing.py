"""Population annealing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.randomness import Consumer, Key, derived, keyed
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.motion import Motion
from magsearch.relaxation.relax import Minimizer, Relaxation, Watch, relax
from magsearch.relaxation.seats import Row
from magsearch.thermal.heat_bath import REFLECTIONS, energies, enter, number, random_textures, run, warm
from magsearch.thermal.outcome import with_steps
from magsearch.thermal.simulated_annealing import COLDEST
from magsearch.units import K_B


@dataclass(frozen=True, eq=False)
class Annealed:
    """Result of population annealing: measurements by temperature, and the final replicas.

    beta          [temperature]      1 / meV, from 0 on
    energy        [temperature]      meV, mean over the population after its sweeps
    log_z         [temperature]      ln Z, where uniform spins count as 1; free energy - log_z / beta
    families      [temperature]      mean size of the family that a replica belongs to: descent from one first replica
    motion        the population at the last temperature
    """

    beta: NDArray[np.float64]
    energy: NDArray[np.float64]
    log_z: NDArray[np.float64]
    families: NDArray[np.float64]
    motion: Motion


def systematic(weights: NDArray[np.float64], offset: float) -> NDArray[np.int64]:
    """Return the resampled replicas, as many as weights: each floor or ceil of its share times; offset in [0, 1)."""
    share = np.cumsum(weights) / weights.sum() * len(weights)
    share[-1] = len(weights)  # rounding must not lose the last one
    return np.searchsorted(share, np.arange(len(weights)) + offset, side="right")


def effective(exponent: NDArray[np.float64]) -> float:
    """(sum w)^2 / (n sum w^2) of the weights w = exp(exponent): the share of a population that still counts."""
    w = np.exp(exponent - exponent.max())
    return float(w.sum() ** 2 / (len(w) * (w**2).sum()))


@dataclass(frozen=True)
class PopulationAnnealing:
    """A population that is cooled and resampled by its Boltzmann weights, then a minimiser.

    Hukushima & Iba, AIP Conf. Proc. 690, 200 (2003); free energy of Machta, Phys. Rev. E 82, 026704 (2010). It begins
    with random spins, at infinite temperature: of what is given it takes the number of replicas only.

    coldest       kelvin, at the end; None: 1e-3 of the stiffest coupling over k_B
    share         of the population that still counts after a step of the temperature (effective sample size)
    sweeps        at every temperature
    reflections   over-relaxation sweeps with each sweep
    """

    name: ClassVar[str] = "population-annealing"
    coldest: float | None = field(default=None, metadata=COLDEST)
    share: float = field(
        default=0.85,
        metadata={
            "doc": "Effective fraction of the population that each step of the temperature keeps.", "gt": 0, "lt": 1,
        },
    )  # fmt: skip
    sweeps: int = field(default=10, metadata={"doc": "Sweeps at every temperature.", "unit": "sweeps", "ge": 1})
    reflections: int = field(default=0, metadata=REFLECTIONS)
    minimizer: Minimizer = field(default_factory=BarzilaiBorwein)

    def anneal(
        self, evaluator: Evaluator, replicas: int, tesla: Any = None, watch: Watch = lambda: None, key: Key = (0, 0)
    ) -> Annealed:
        """Cool ``replicas`` replicas and return the measurements. Raises ValueError for settings that cannot work."""
        coldest = 1e-3 * evaluator.stiffness / K_B if self.coldest is None else self.coldest
        if not (coldest > 0 and 0 < self.share < 1):
            raise ValueError(
                f"cooling to {coldest:g} K with a share of {self.share:g}; expected T > 0 and 0 < share < 1"
            )
        if tesla is not None and np.ptp(np.atleast_2d(tesla), axis=0).any():
            raise ValueError("replicas that are copied from one another share one field")
        motion = Motion.start(evaluator, random_textures(evaluator, replicas, key), tesla, key)
        enter(motion, np.inf)
        energy, family, beta = energies(motion), np.arange(replicas), 0.0
        seen = [(beta, energy.mean(), 0.0, 1.0)]
        while beta < (last := 1 / (K_B * coldest)):
            step = self.step(energy, last - beta)
            beta = last if step == last - beta else beta + step
            exponent = -step * energy
            log_mean = float(exponent.max() + np.log(np.exp(exponent - exponent.max()).mean()))
            keep = systematic(np.exp(exponent - exponent.max()), keyed(key, Consumer.RESAMPLING, len(seen)).random())
            motion, family = motion.thinned(Row.of(keep, evaluator.device.width).columns), family[keep]
            motion.numbers = np.arange(motion.replicas)  # copies go their own ways
            number(motion)
            warm(motion, 1 / (K_B * beta))
            run(motion, self.sweeps, self.reflections, watch)
            energy = energies(motion)
            size = np.unique(family, return_counts=True)[1]
            seen.append((beta, energy.mean(), seen[-1][2] + log_mean, float((size**2).sum() / replicas)))
        beta_, energy_, log_z, families = np.array(seen).T
        return Annealed(beta_, energy_, log_z, families, motion)

    def step(self, energy: NDArray[np.float64], most: float) -> float:
        """Return the step of 1 / kT after which ``share`` of the population still counts, at most ``most``."""
        if effective(-most * energy) >= self.share:
            return most
        low, high = 0.0, most
        while high - low > 1e-6 * high:
            middle = 0.5 * (low + high)
            low, high = (middle, high) if effective(-middle * energy) >= self.share else (low, middle)
        return high

    def relaxed(self, evaluator: Evaluator, textures: Any, tesla: Any, watch: Watch, key: Key) -> Relaxation:
        """Relax a batch of textures; arguments as for ``relax``."""
        annealed = self.anneal(evaluator, len(textures), tesla, watch, key)
        own = derived(key, Consumer.RELAXATION)
        cold = relax(self.minimizer, evaluator, annealed.motion.textures(), tesla, watch, own)
        return with_steps(cold, annealed.motion.iteration * (1 + self.reflections))
