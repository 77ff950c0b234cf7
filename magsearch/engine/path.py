"""The path of the bilinear field, along neighbour lists or by a convolution: whichever should cost less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from magsearch.engine.convolution import passes
from magsearch.engine.device import Device
from magsearch.model.bonds import diagonal
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice

Path = Literal["direct", "fourier"]
DIAGONAL = 0.65  # cost on a CPU of a coupling without elements off the diagonal, for which kernels do less
PASS = 2.0  # bonds of a neighbour list that a GPU sums while it reads or writes the spins once


@dataclass(frozen=True)
class Cost:
    """Expected cost of an evaluation, in units of one 3x3 matrix times vector for one site and replica."""

    direct: float
    fourier: float  # inf where the path does not apply, with the reason
    reason: str = ""


def cost(hamiltonian: Hamiltonian, device: Device | type[Device]) -> Cost:
    """Estimate the cost of both paths; a fixed function of input and kind of device, so that runs are reproducible.

    On a CPU, a transform and its inverse pass over the spins twice for every factor of the lattice's size; measured on
    one core (benchmarks/RESULTS.md), a factor p costs about log2 p matrix-vector products where p <= 5, and 3 + p / 7
    beyond. On a GPU, from bandwidths: a pass over the spins takes as long as ``PASS`` bonds of the neighbour list.
    Evaluation from the list takes three passes; that from a convolution four, besides those of the convolution
    (``convolution.passes``). The estimates are equal near 15 bonds; on an H200 evaluations take the same time near 30
    (docs/performance.md).
    """
    lattice, direct = hamiltonian.lattice, hamiltonian.coordination
    if device.together:
        direct += 3 * PASS
    elif len(hamiltonian.bonds):
        direct *= 1 - (1 - DIAGONAL) * diagonal(hamiltonian.bonds.J).mean()
    if hamiltonian.dipole is not None:
        direct += _transformed(padded(lattice), lattice.atoms, device) + 2
    if not hamiltonian.uniform:
        return Cost(direct, np.inf, "couplings differ from cell to cell")
    for axis in range(3):
        if lattice.periodic[axis] or lattice.size[axis] == 1:
            continue
        if (hamiltonian.bonds.offset[:, axis] != 0).any():
            return Cost(direct, np.inf, "bonds cross an open edge")
        if hamiltonian.dipole is not None:
            return Cost(direct, np.inf, "dipoles fill several open layers")
    return Cost(direct, _transformed(lattice.size, lattice.atoms, device) + (4 * PASS if device.together else 0))


def _transformed(size: tuple[int, int, int], atoms: int, device: Device | type[Device]) -> float:
    """Estimate the cost of a convolution, as ``cost`` does."""
    if device.together:
        return PASS * passes(size, atoms) + atoms
    transforms = sum(np.log2(p) if p <= 5 else 3 + p / 7 for n in size for p in _factors(n))
    return float(2 * transforms + atoms)


def padded(lattice: Lattice) -> tuple[int, int, int]:
    """Return the size of a lattice on which a convolution over all pairs of the box is periodic, open axes included."""
    from scipy.fft import next_fast_len

    n1, n2, n3 = (
        n if periodic or n == 1 else int(next_fast_len(2 * n - 1, real=True))
        for n, periodic in zip(lattice.size, lattice.periodic, strict=True)
    )
    return n1, n2, n3


def _factors(n: int) -> list[int]:
    """Prime factors."""
    p = next((p for p in range(2, int(n**0.5) + 1) if n % p == 0), n)
    return [] if n == 1 else [p, *_factors(n // p)]


def choose_path(hamiltonian: Hamiltonian, device: Device | type[Device]) -> Path:
    """Return the path that ``cost`` expects to be cheaper."""
    expected = cost(hamiltonian, device)
    return "direct" if expected.direct <= expected.fourier else "fourier"
