"""Harmonic free energy of minima: classical vibrations, with global rotations treated exactly.

For large systems ln det of the Hessian follows from stochastic Lanczos quadrature: Ubaru, Chen & Saad, SIAM J. Matrix
Anal. Appl. 38, 1075 (2017).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.minima import modes
from magsearch.minima.free_energy import TEMPERATURE, FreeEnergy
from magsearch.minima.hessian import Hessian, dense, flat
from magsearch.minima.lanczos import Lanczos
from magsearch.randomness import Consumer, Key, keyed
from magsearch.units import K_B


@dataclass(frozen=True)
class Harmonic:
    """Classical harmonic free energy, F = E + kT/2 sum_k ln(h_k / (2 pi kT)) + N kT ln(4 pi) - kT ln V.

    h_k are the eigenvalues of the Hessian, two for each of N spins. Global rotations that cost no energy are excluded
    from the sum; V is the volume of the orbit on which they move the texture (1 if there are none). The eigenvalues of
    other modes are at least kT u^2 / (2 pi), where u is the largest displacement of a spin in the mode: thermal motion
    then turns this spin through a full circle. The modulus is taken of negative eigenvalues: elites are displaced from
    saddle points before their free energy is computed.

    With up to ``modes.DENSE`` spins all eigenvalues are computed. Beyond, the softest ones are, and the trace of ln H
    over the other modes is estimated from random vectors: stochastic Lanczos quadrature, Ubaru, Chen & Saad, SIAM J.
    Matrix Anal. Appl. 38, 1075 (2017).

    temperature   kelvin
    probes        number of random vectors
    steps         Lanczos steps for each of them
    softest       number of modes computed individually
    """

    temperature: float = field(metadata=TEMPERATURE)
    probes: int = 8
    steps: int = 50
    softest: int = 4

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"the temperature of a free energy must be above 0 K, not {self.temperature:g} K")

    def __call__(
        self,
        evaluator: Evaluator,
        textures: NDArray[Any],
        energy: NDArray[np.float64],
        watch: Callable[[], None],
        key: Key,
    ) -> FreeEnergy:
        """Return the harmonic free energies of relaxed textures [replica, site, 3] with ``energy`` [replica] meV."""
        kT, spins = K_B * self.temperature, evaluator.hamiltonian.n_spins
        s = np.asarray(textures, dtype=np.float64)
        if spins <= modes.DENSE:
            zero_modes = modes.rotations(Hessian(evaluator, s), s)
            log, error = self._log_determinants(evaluator, s, zero_modes, kT, watch), np.zeros(len(s))
        else:
            zero_modes, log, error = self._estimated_log_determinants(evaluator, s, kT, watch, key)
        rotations = (zero_modes != 0).any(axis=(2, 3)).sum(axis=0)
        volume = np.array([np.log(orbit(texture, zero_modes[:, k])) for k, texture in enumerate(s)])
        vibrations = 0.5 * kT * (log - (2 * spins - rotations) * np.log(2 * np.pi * kT))
        return FreeEnergy(energy + vibrations + spins * kT * np.log(4 * np.pi) - kT * volume, 0.5 * kT * error)

    def _log_determinants(
        self,
        evaluator: Evaluator,
        s: NDArray[np.float64],
        zero_modes: NDArray[np.float64],
        kT: float,
        watch: Callable[[], None],
    ) -> NDArray[np.float64]:
        """Return ln det H of every texture without rotations, [replica], from all eigenvalues."""
        found = np.empty(len(s))
        for k, texture in enumerate(s):
            watch()
            H, basis = dense(evaluator, texture)
            w = flat(zero_modes[:, k]) @ flat(basis).T
            far = 1e3 * evaluator.stiffness
            values, c = np.linalg.eigh(H + far * w.T @ w)
            kept = len(values) - int((w != 0).any(axis=1).sum())  # rotations are shifted to the end
            displaced = (c[:, :kept].T @ flat(basis)).reshape(kept, *texture.shape)
            found[k] = np.log(stiffened(values[:kept], displaced, kT)).sum()
        return found

    def _estimated_log_determinants(
        self, evaluator: Evaluator, s: NDArray[np.float64], kT: float, watch: Callable[[], None], key: Key
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return rotations [3, replica, site, 3], ln det H of the other modes and its standard error, [replica]."""
        soft = modes.softest(evaluator, s, self.softest, watch=watch, steps=4 * self.steps)
        hessian, tiny = Hessian(evaluator, s), modes.zero(evaluator)
        zero_modes = modes.rotations(hessian, s)
        known = soft.residuals <= modes.CLOSE * np.abs(soft.values) + tiny  # [replica, mode]
        apart = np.where(known[..., None, None], soft.vectors, 0.0).swapaxes(0, 1)
        left_out = np.concatenate([zero_modes, apart])
        count = 2 * evaluator.hamiltonian.n_spins - (left_out != 0).any(axis=(2, 3)).sum(axis=0)
        probes = []
        for probe in range(self.probes):
            start = keyed(key, Consumer.FITNESS, probe).normal(size=s.shape[1:])
            recursion = Lanczos(hessian, start, self.steps, left_out)
            recursion.run(self.steps, watch)
            probes.append(count * recursion.average(lambda h: np.log(np.maximum(np.abs(h), tiny))))
        log = [np.log(stiffened(soft.values[k][known[k]], soft.vectors[k][known[k]], kT)).sum() for k in range(len(s))]
        error = np.std(probes, axis=0, ddof=1) / np.sqrt(self.probes) if self.probes > 1 else np.full(len(s), np.nan)
        return zero_modes, np.array(log) + np.mean(probes, axis=0), error


def stiffened(values: NDArray[np.float64], vectors: NDArray[np.float64], kT: float) -> NDArray[np.float64]:
    """Return |values| [mode] in meV, but at least kT u^2 / (2 pi): thermal motion then turns a spin by a full circle.

    vectors  [mode, site, 3] of length 1; u is the largest displacement of a spin in each
    """
    largest = (vectors**2).sum(axis=2).max(axis=1, initial=0.0)
    return np.maximum(np.abs(values), kT * largest / (2 * np.pi))


def orbit(texture: NDArray[np.float64], zero_modes: NDArray[np.float64]) -> float:
    """Return the volume of the orbit of a texture under rotations, in radians of all spins; 1 if there are none.

    texture     [site, 3]
    zero_modes  [3, site, 3], those that are global rotations, or zeros (``modes.rotations``)

    A rotation by an angle a about n moves the texture by |n x s| a, with the norm |.| over all spins. One rotation: a
    circle, 2 pi |n x s|. Two, of spins along one axis: a sphere, 4 pi N. Three: 8 pi^2, the volume of SO(3), times sqrt
    det of the 3 x 3 Gram matrix of the generators.
    """
    zero_modes = zero_modes[(zero_modes != 0).any(axis=(1, 2))]
    generators = np.stack([np.cross(e, texture).ravel() for e in np.eye(3)])
    gram = generators @ generators.T
    if len(zero_modes) == 3:
        return float(8 * np.pi**2 * np.sqrt(np.linalg.det(gram)))
    if len(zero_modes) == 2:
        return float(4 * np.pi * np.sqrt(np.prod(np.linalg.eigvalsh(gram)[1:])))
    if len(zero_modes) == 1:
        axis = np.linalg.lstsq(generators.T, zero_modes[0].ravel(), rcond=1e-6)[0]  # |axis x s| = 1
        return float(2 * np.pi / np.linalg.norm(axis))
    return 1.0
