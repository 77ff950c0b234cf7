"""Exchange that an input gives as a formula J(q): its Fourier coefficients as bonds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from magsearch.formats.formula import evaluate
from magsearch.model.bonds import Bonds
from magsearch.model.lattice import Lattice

SMALL = 1e-9  # of the largest coupling: those below are left out
POINTS = 2**21  # wave vectors at which a formula is evaluated, at most
EQUAL = 1e-9  # relative difference of values of J(q) that should be equal
PROBES = ((0.123, 0.271, 0.377), (-0.419, 0.058, 0.191), (0.237, -0.341, 0.452))  # reciprocal vectors


def of_formula(text: str, lattice: Lattice) -> tuple[Bonds, list[str]]:
    """Return the couplings J_R = mean over q of J(q) cos q.R of a lattice with one atom in the cell, and what to tell.

    J(q) = sum_R J_R cos q.R, so that a wave of q has the energy - J(q) / 2 per site. The mean of a grid is exact but
    for couplings that are longer than half of it; the grid grows until those beyond a quarter of it are ``SMALL``.

    Raises ValueError for a formula that is not one, or not that of couplings which decay.
    """
    if lattice.atoms != 1:
        raise ValueError(f"J(q) is that of one atom in the cell; the lattice has {lattice.atoms}")
    _periodic(text, lattice)
    n = np.array([8, 8, 8])
    while True:
        J = _coefficients(text, lattice, n)
        largest = np.abs(J).max()
        R = [np.rint(np.fft.fftfreq(length) * length).astype(np.int64) for length in n]
        tails = [np.abs(np.take(J, np.flatnonzero(np.abs(R[axis]) >= n[axis] // 4), axis)).max() for axis in range(3)]
        long = np.array(tails) > SMALL * largest
        if not long.any():
            break
        n = np.where(long, 2 * n, n)
        if n.prod() > POINTS:
            axis = int(np.argmax(tails)) + 1
            raise ValueError(
                f"the couplings of J(q) along axis {axis} do not decay within {n[axis - 1] // 8} cells; expected a "
                "smooth function of q"
            )
    cells = np.stack(np.meshgrid(*R, indexing="ij"), axis=-1).reshape(-1, 3)
    J = J.ravel()
    kept = np.abs(J) > SMALL * largest
    kept[0] = False
    notes: list[str] = []
    if abs(J[0]) > SMALL * largest:
        notes.append(f"the mean of J(q), {J[0]:.9g}, which only adds a constant to the energy, is left out")
    zeros = np.zeros(kept.sum(), dtype=np.int64)
    return Bonds(zeros, zeros, cells[kept], J[kept, None, None] * np.eye(3)), notes


def _values(text: str, lattice: Lattice, q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return J(q) for wave vectors in reciprocal vectors, [..., 3]."""
    names = {f"q{axis}": part for axis, part in zip("xyz", np.moveaxis(q @ lattice.reciprocal, -1, 0), strict=True)}
    J = evaluate(text, {**names, **dict(zip("hkl", np.moveaxis(q, -1, 0), strict=True))})
    if not np.isfinite(J).all():
        at = q.reshape(-1, 3)[int(np.argmin(np.isfinite(J).ravel()))]
        raise ValueError(f"J(q) is not a finite number at q = {at.round(6).tolist()} r.l.u.")
    return J


def _periodic(text: str, lattice: Lattice) -> None:
    """Raise ValueError unless J(q) = J(-q) = J(q + G)."""
    q = np.array(PROBES)
    J = _values(text, lattice, q)
    scale = np.abs(J).max()
    for moved, what in [(-q, "-q")] + [(q + G, f"q + {G.astype(int).tolist()}") for G in np.eye(3)]:
        if (different := np.abs(_values(text, lattice, moved) - J) > EQUAL * scale).any():
            at = q[int(different.argmax())].tolist()
            raise ValueError(f"J(q) differs from J({what}) at q = {at} r.l.u.; expected the same")


def _coefficients(text: str, lattice: Lattice, n: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return J_R for the cells R of a grid of n wave vectors along each axis, in the order of a Fourier transform."""
    grid = np.stack(np.meshgrid(*(np.arange(length) / length for length in n), indexing="ij"), axis=-1)
    J = np.fft.fftn(_values(text, lattice, grid)).real / n.prod()
    mirrored = np.roll(J[::-1, ::-1, ::-1], 1, axis=(0, 1, 2))
    return np.asarray(0.5 * (J + mirrored))
