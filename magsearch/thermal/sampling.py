"""Thermal averages from heat-bath Monte Carlo: several temperatures, and several chains of each, in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.model.triangulation import triangles
from magsearch.observables.topological_charge import topological_charge
from magsearch.randomness import Key
from magsearch.relaxation.motion import STATE, Motion
from magsearch.relaxation.relax import Watch
from magsearch.thermal.heat_bath import bath, enter, random_textures, warm
from magsearch.thermal.statistics import Estimate, estimate
from magsearch.thermal.sublattices import mean_spins, measured_every
from magsearch.units import K_B

CHARGES = 200  # maximum number of measurements of the topological charge, each as expensive as many sweeps


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Measurements of a heat bath, sweep by sweep.

    kelvin   [temperature]
    energy   [temperature, sweep, chain]        meV, of the whole replica
    spin     [temperature, sweep, chain, 3]     mean spin
    charge   [temperature, measurement, chain]  topological charge; no measurements without a plane of spins
    spins    sites that carry a spin
    order    [temperature, sweep, chain]        square of the order parameter; None: not measured
    beside   [temperature, sweep, chain]        the same at the wave vectors beside it; None: not measured
    atoms    [temperature, measurement, chain, atom, 3]  mean spins of several sublattices; None: there is one
    """

    kelvin: NDArray[np.float64]
    energy: NDArray[np.float64]
    spin: NDArray[np.float64]
    charge: NDArray[np.float64]
    spins: int
    order: NDArray[np.float64] | None = None
    beside: NDArray[np.float64] | None = None
    atoms: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Averages:
    """Thermal averages at one temperature, with errors.

    energy         meV per spin
    magnetization  mean spin, x, y, z
    length         of the mean spin
    specific_heat  k_B per spin
    charge         topological charge
    """

    kelvin: float
    energy: Estimate
    magnetization: tuple[Estimate, Estimate, Estimate]
    length: Estimate
    specific_heat: Estimate
    charge: Estimate


def sample(
    evaluator: Evaluator,
    kelvin: Sequence[float],
    sweeps: int,
    warmup: int,
    chains: int,
    key: Key,
    reflections: int = 1,
    textures: NDArray[Any] | None = None,
    watch: Watch = lambda: None,
    rows: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> Trajectory:
    """Measure ``chains`` independent replicas at every temperature after each of ``sweeps`` sweeps.

    warmup        sweeps before: they start at a temperature at which all couplings are weak and cool down in geometric
                  steps during the first half; the cones of Metropolis steps adapt
    reflections   over-relaxation sweeps with each of them
    textures      [site, 3] of all replicas, or [replica, site, 3], temperature by temperature, to start from instead of
                  random spins; there is no cooling then
    rows          [row, site 3] twice: the squares of their products with a texture add up to the square of an order
                  parameter, and to that beside it (``magsearch.critical.order_parameter``)
    """
    temperatures = np.asarray(kelvin, dtype=np.float64)
    every = np.repeat(temperatures, chains)
    if textures is None:
        first = random_textures(evaluator, len(every), key)
    else:
        first = np.broadcast_to(textures, (len(every), evaluator.sites, 3))
    motion = Motion.start(evaluator, first, key=key)
    enter(motion, every)
    hot = np.maximum(every, evaluator.stiffness / K_B)
    sweep = bath(motion, reflections)
    for k in range(warmup):
        watch()
        if textures is None:
            warm(motion, every * (hot / every) ** max(0.0, 1 - 2 * (k + 1) / warmup))
        sweep.run()
    warm(motion, every)
    sweep = bath(motion, reflections, adapting=False)
    flat = bool(len(triangles(evaluator.hamiltonian.lattice)))
    apart = measured_every(sweeps, len(every), evaluator.hamiltonian.lattice.atoms)
    several, atoms = evaluator.hamiltonian.lattice.atoms > 1, []
    energy, spin, charge = np.empty((sweeps, len(every))), np.empty((sweeps, len(every), 3)), []
    measured_rows = [evaluator.device.array(each, np.float32) for each in rows or () if len(each)]
    squares_of = np.empty((len(measured_rows), sweeps, len(every)))
    for k in range(sweeps):
        watch()
        sweep.run()
        state = evaluator.device.host(motion.flat["state"])[:, : len(every)]
        energy[k], spin[k] = state[STATE["ENERGY_NOW"]], state[STATE["MEAN_X"] : STATE["MEAN_Z"] + 1].T
        for which, each in enumerate(measured_rows):
            squares_of[which, k] = squares(motion, each)
        if flat and (k + 1) % max(1, sweeps // CHARGES) == 0:
            charge.append(charges(motion))
        if several and (k + 1) % apart == 0:
            atoms.append(mean_spins(motion))
    spin *= evaluator.sites / evaluator.hamiltonian.n_spins

    def by_temperature(values: NDArray[np.float64]) -> NDArray[np.float64]:
        split = values.reshape(len(values), len(temperatures), chains, *values.shape[2:])
        return np.moveaxis(split, 1, 0)

    measured = by_temperature(np.array(charge).reshape(len(charge), len(every)))
    order, beside, *_ = [*(by_temperature(each) for each in squares_of), None, None]
    return Trajectory(
        temperatures, by_temperature(energy), by_temperature(spin), measured, evaluator.hamiltonian.n_spins,
        order, beside, by_temperature(np.array(atoms)) if atoms else None,
    )  # fmt: skip


def squares(motion: Motion, rows: Any) -> NDArray[np.float64]:
    """Return the sum of the squared products of every replica with rows [row, site 3] of the device, [replica]."""
    device, spins = motion.evaluator.device, motion.spins
    amplitudes = device.xp.matmul(rows, spins.reshape(len(spins), -1, spins.shape[-1]))  # [block, row, width]
    found = device.host((amplitudes.astype(np.float64) ** 2).sum(axis=1))
    return np.asarray(found.reshape(-1)[: motion.count], dtype=np.float64)


def charges(motion: Motion) -> NDArray[np.float64]:
    """Return the topological charge of every replica, one at a time: it takes arrays larger than a texture's."""
    lattice, textures = motion.evaluator.hamiltonian.lattice, motion.evaluator.device.host(motion.textures())
    return np.array([topological_charge(lattice, texture) for texture in textures])


def averages(trajectory: Trajectory) -> list[Averages]:
    """Return means and errors at every temperature.

    The specific heat is the variance of the energy; its error is that of the mean of (E - <E>)^2.
    """
    found = []
    for k, kelvin in enumerate(trajectory.kelvin):
        energy, spin, charge = trajectory.energy[k], trajectory.spin[k], trajectory.charge[k]
        fluctuation = (energy - energy.mean()) ** 2 / (trajectory.spins * (K_B * kelvin) ** 2)
        x, y, z = (estimate(spin[..., axis]) for axis in range(3))
        found.append(
            Averages(
                kelvin=float(kelvin),
                energy=estimate(energy / trajectory.spins),
                magnetization=(x, y, z),
                length=estimate(np.linalg.norm(spin, axis=-1)),
                specific_heat=estimate(fluctuation),
                charge=estimate(charge) if charge.size else Estimate(0.0, 0.0, 0.5),
            )
        )
    return found


def chains_for(temperatures: int, width: int) -> int:
    """Return the chains of each temperature that fill the registers or warps of a device."""
    return max(1, width // temperatures)
