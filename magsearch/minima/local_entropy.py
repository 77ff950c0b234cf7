"""Local entropy of minima: the free energy of thermal motion in the surroundings of a texture.

Chaudhari et al., Entropy-SGD, ICLR 2017 (arXiv:1611.01838). It is computed by thermodynamic integration with the heat
bath.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import SUM, Evaluator
from magsearch.minima.free_energy import TEMPERATURE, FreeEnergy
from magsearch.randomness import Key
from magsearch.relaxation.motion import Motion
from magsearch.thermal.heat_bath import bath, enter, tether
from magsearch.thermal.statistics import estimate
from magsearch.units import K_B


@dataclass(frozen=True)
class LocalEntropy:
    """Free energy around a minimum, F = - kT ln int exp(-[E(s') + g sum_i (1 - s'_i . s_i)] / kT).

    The local entropy of Chaudhari et al. (Entropy-SGD, ICLR 2017, arXiv:1611.01838): a spring of strength g holds every
    spin near its place, |s' - s|^2 / 2 = 1 - s' . s. It is linear in s', so that it acts as a field in the heat bath.

    It is computed by thermodynamic integration from free spins on stiffer springs, whose free energy is known: with
    E_x = x E + [g1 + x (g - g1)] sum_i (1 - s' . s) from x = 0 to 1, F = F_0 + int <dE_x/dx> dx, by Gauss-Legendre
    quadrature. With g1 the mean curvature of the texture, E_x is about equally stiff for all x.

    temperature   kelvin
    scope         meV, g: the smaller, the larger the surroundings; None: 0.01 of the stiffest coupling
    levels        number of nodes of the quadrature, each of them one replica
    sweeps        sweeps measured at each node
    warmup        sweeps before the measurement
    reflections   over-relaxation sweeps with each sweep
    """

    temperature: float = field(metadata=TEMPERATURE)
    scope: float | None = field(
        default=None,
        metadata={
            "doc": "Strength of the springs that hold every spin near its minimum: the weaker, the wider the region "
            "that counts.",
            "unit": "meV", "gt": 0, "default": "0.01 of the stiffest coupling",
        },
    )  # fmt: skip
    levels: int = 6
    sweeps: int = 200
    warmup: int = 40
    reflections: int = 0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"the temperature of a free energy must be above 0 K, not {self.temperature:g} K")
        if self.scope is not None and not self.scope > 0:
            raise ValueError(f"the scope of a local entropy must be above 0 meV, not {self.scope:g} meV")

    def __call__(
        self,
        evaluator: Evaluator,
        textures: NDArray[Any],
        energy: NDArray[np.float64],
        watch: Callable[[], None],
        key: Key,
    ) -> FreeEnergy:
        """Return the free energies around relaxed textures [replica, site, 3]; ``energy`` is not used."""
        kT, count, spins = K_B * self.temperature, len(textures), evaluator.hamiltonian.n_spins
        g = 0.01 * evaluator.stiffness if self.scope is None else self.scope
        mean = (np.asarray(textures) * evaluator.field(textures)).sum(axis=(1, 2)) / spins
        g1 = np.maximum(mean, g)[:, None]
        node, weight = np.polynomial.legendre.leggauss(self.levels)
        x, weight = 0.5 * (node + 1), 0.5 * weight
        E, D = self._series(evaluator, textures, (kT / K_B / x), (g1 + x * (g - g1)) / x, watch, key)
        slope = E + (g - g1) * D  # [sweep, texture, level]
        found = [[estimate(slope[:, k, level]) for level in range(self.levels)] for k in range(count)]
        integral = np.array([[f.mean for f in one] for one in found]) @ weight
        error = np.sqrt(np.array([[f.error**2 for f in one] for one in found]) @ weight**2)
        # free spins on springs: int dO / 4 pi exp(-stiff (1 - cos)) = (1 - exp(-2 stiff)) / 2 stiff
        stiff = g1[:, 0] / kT
        return FreeEnergy(integral + spins * kT * np.log(2 * stiff / -np.expm1(-2 * stiff)), error)

    def _series(
        self,
        evaluator: Evaluator,
        textures: NDArray[Any],
        kelvin: NDArray[np.float64],
        pull: NDArray[np.float64],
        watch: Callable[[], None],
        key: Key,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return E and sum_i (1 - s' . s) after every sweep, [sweep, texture, level], in meV and dimensionless.

        kelvin [level], temperatures; pull [texture, level], meV, strengths of the springs
        """
        motion = Motion.start(evaluator, np.repeat(textures, self.levels, axis=0), key=key)
        held = motion.count
        tether(motion, np.append(pull.ravel(), np.full(motion.replicas - held, pull[0, 0])))
        enter(motion, np.tile(kelvin, len(textures)))
        level = np.resize(np.arange(self.levels), motion.replicas)
        motion.flat["number"] = evaluator.device.array(level, np.uint32)  # equal random numbers for every texture
        evaluate, sums = motion.evaluation("force")
        products = evaluator.device.xp.empty((evaluator.chunks, 1, motion.replicas))
        multiply = motion.bind(
            "inner_products", motion.blocked["spins"], motion.blocked["anchor"], 1, products, evaluator.sites,
            evaluator.device.chunk,
        )  # fmt: skip
        measure = motion.chain(evaluate, multiply)
        series = np.empty((2, self.sweeps, held))
        sweep = bath(motion, self.reflections)
        for k in range(-self.warmup, self.sweeps):
            watch()
            if k == 0:
                sweep = bath(motion, self.reflections, adapting=False)
            sweep.run()
            if k >= 0:
                measure()
                series[0, k] = evaluator.device.host(sums)[SUM["ENERGY"], :held]
                series[1, k] = evaluator.hamiltonian.n_spins - evaluator.device.host(products)[:, 0, :held].sum(axis=0)
        E, D = series.reshape(2, self.sweeps, len(textures), self.levels)
        return E, D
