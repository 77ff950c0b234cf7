"""A device against what is known: formulas in NumPy, and exact results of statistical physics. Takes seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from magsearch.engine.device import Device
from magsearch.engine.evaluator import SUM, Evaluator
from magsearch.engine.path import Path
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.randomness import Consumer, key
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.relax import relax
from magsearch.thermal.sampling import sample
from magsearch.units import K_B, MU_B

REPLICAS = 32
KELVIN, TESLA = 10.0, 10.0


@dataclass(frozen=True)
class Check:
    """A figure of a device beside the one that is known.

    error     deviation from it
    allowed   largest error of a device that works
    """

    name: str
    error: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether the device is right; not where the error is NaN."""
        return self.error <= self.allowed


def checks(device: Device) -> Iterator[Check]:
    """Compare a device with what is known, one thing after the other."""
    for path in ("direct", "fourier"):
        yield from _energies(device, path)
    yield _relaxation(device)
    yield _heat_bath(device)


def _model(size: int) -> Hamiltonian:
    """Return exchange, Dzyaloshinskii-Moriya interaction, easy axis and field on a triangular lattice."""
    lattice = Lattice.named("triangular", (size, size, 1))
    shell = lattice.shells(1)[0]
    along = shell.offset @ lattice.cell
    J = exchange_matrix(np.ones(len(along))) + dmi_matrix(0.5 * along)
    bonds = Bonds(shell.i, shell.j, shell.offset, J)
    return Hamiltonian(lattice, bonds, anisotropy=(UniaxialAnisotropy(0.2),), field=(0.0, 0.0, 2.0))


def _textures(hamiltonian: Hamiltonian, replicas: int = REPLICAS) -> np.ndarray:
    """Return random unit spins [replica, site, 3], the same at every call."""
    s = np.random.default_rng(1).normal(size=(replicas, hamiltonian.lattice.sites, 3))
    return s / np.linalg.norm(s, axis=-1, keepdims=True)


def _formula(hamiltonian: Hamiltonian, s: np.ndarray) -> np.ndarray:
    """Return - 1/2 sum s.J s - K z^2 - mu_B B z of textures [replica, site, 3] in meV, written out in NumPy."""
    lattice, energy = hamiltonian.lattice, np.zeros(len(s))
    for J, offset in zip(hamiltonian.bonds.J, hamiltonian.bonds.offset, strict=True):
        energy -= 0.5 * np.einsum("rsa,ab,rsb->r", s, J, s[:, lattice.neighbours(offset)])
    return energy - (0.2 * s[..., 2] ** 2 + MU_B * 2.0 * s[..., 2]).sum(axis=1)


def _energies(device: Device, path: Path) -> Iterator[Check]:
    """Compare energies and fields; the energy is quadratic, so that a central difference is its exact derivative."""
    hamiltonian = _model(24)
    evaluator, s = Evaluator(hamiltonian, device, np.float32, path), _textures(hamiltonian)
    sites = hamiltonian.lattice.sites
    error = np.abs(evaluator.energies(s) - _formula(hamiltonian, s)).max() / sites
    yield Check(f"energy, {path} path, meV per site", float(error), 1e-5)
    v = _textures(hamiltonian)[::-1]
    slope = (_formula(hamiltonian, s + v) - _formula(hamiltonian, s - v)) / 2
    error = np.abs((evaluator.field(s).astype(np.float64) * v).sum(axis=(1, 2)) + slope).max() / np.sqrt(sites)
    yield Check(f"field, {path} path, meV", float(error), 1e-4)


def _relaxation(device: Device) -> Check:
    """Relax spins in a field that leaves one minimum, the ferromagnet."""
    lattice = Lattice.named("square", (16, 16, 1))
    shell = lattice.shells(1)[0]
    bonds = Bonds(shell.i, shell.j, shell.offset, exchange_matrix(np.ones(len(shell.i))))
    hamiltonian = Hamiltonian(lattice, bonds, field=(0.0, 0.0, 200.0))
    found = relax(BarzilaiBorwein(), Evaluator(hamiltonian, device, np.float64), _textures(hamiltonian))
    expected = -2.0 - MU_B * 200.0  # meV per site: half of four bonds, and the field
    return Check("relaxed energy, meV per site", float(np.abs(found.energy / lattice.sites - expected).max()), 1e-9)


def _heat_bath(device: Device) -> Check:
    """Sample free spins in a field: the mean is Langevin's, coth x - 1 / x with x = mu_B m B / k_B T."""
    lattice = Lattice.named("square", (24, 24, 1))
    hamiltonian = Hamiltonian(lattice, Bonds.none(), moments=3.0, field=(0.0, 0.0, TESLA))
    evaluator = Evaluator(hamiltonian, device, np.float32)
    trajectory = sample(evaluator, [KELVIN], 20, 2, REPLICAS, key(1, Consumer.SAMPLING))
    x = 3.0 * MU_B * TESLA / (K_B * KELVIN)
    langevin = 1 / np.tanh(x) - 1 / x
    return Check("mean spin in a heat bath", float(abs(trajectory.spin[..., 2].mean() - langevin)), 2e-3)


def throughput(device: Device, replicas: int = 64, size: int = 128, seconds: float = 1.0) -> dict[str, float]:
    """Return site updates per second of energies and forces, along neighbour lists and by convolution.

    replicas   of size x size sites, evaluated at once
    seconds    for each of the two measurements
    """
    hamiltonian = _model(size)
    textures, rates = _textures(hamiltonian, replicas), {}
    for path in ("direct", "fourier"):
        evaluator = Evaluator(hamiltonian, device, np.float32, path)
        spins, xp = evaluator.spins(textures), device.xp
        force, sums = xp.zeros_like(spins), xp.empty((evaluator.chunks, len(SUM) - 1, evaluator.replicas(spins)))
        zeeman = evaluator.zeeman(hamiltonian.field, evaluator.replicas(spins))
        launch = evaluator.evaluation(spins, zeeman, force, force, sums)
        rates[f"evaluate_{path}"] = textures.shape[0] * textures.shape[1] * _rate(launch, device, seconds)
    return rates


def _rate(launch: Callable[[], None], device: Device, seconds: float) -> float:
    """Return launches per second."""
    launch()
    device.synchronize()
    begin, done = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        for _ in range(5):
            launch()
        device.synchronize()
        done += 5
    return done / (time.perf_counter() - begin)
