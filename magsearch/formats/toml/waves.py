"""The table of [model] that couples spins at wave vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

import numpy as np
from numpy.typing import NDArray

from magsearch.formats.toml.couplings import Matrix, Vector
from magsearch.formats.toml.source import Source
from magsearch.formats.toml.table import Table
from magsearch.model.lattice import Lattice
from magsearch.model.terms.waves import WaveCouplings

EXACT = 1e-9  # tolerance of rotated wave vectors (reciprocal vectors) and constants (relative): rounding
Wave = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]  # Q, matrix and D


class WaveVector(Table, path="model.q"):
    """Couplings at a wave vector, or at all of a star, `[[model.q]]`; one of Q and -Q stands for both.

    The energy is 2 [- J X - i D . (S_Q x S_-Q) + K X^2 / N] with X = S_Q . A S_-Q and
    S_Q = N^-1/2 sum_i s_i exp(-i Q.r).
    """

    Q: Vector = field(
        metadata={"doc": "The wave vector, which the size must fit: 0.2 needs a multiple of 5 cells.", "unit": "r.l.u."}
    )
    J: float = field(metadata={"doc": "Bilinear coupling, positive for waves of Q.", "unit": "`unit`"})
    K: float = field(
        default=0.0, metadata={"doc": "Biquadratic coupling, positive for several Q at once.", "unit": "`unit`"}
    )
    matrix: Matrix = field(
        default_factory=lambda: np.eye(3).tolist(),
        metadata={"doc": "The symmetric matrix A, which makes J and K anisotropic."},
    )
    D: Vector = field(
        default_factory=lambda: [0.0, 0.0, 0.0],
        metadata={"doc": "Dzyaloshinskii-Moriya vector; spirals along Q turn left-handed about it.", "unit": "`unit`"},
    )
    star: int = field(
        default=1,
        metadata={"doc": "Q, matrix and D are also turned by multiples of a turn over this number.", "ge": 1, "le": 12},
    )
    axis: Vector = field(default_factory=lambda: [0.0, 0.0, 1.0], metadata={"doc": "Axis of these turns."})


def waves(entries: Sequence[WaveVector], lattice: Lattice, source: Source, unit: float) -> tuple[WaveCouplings, ...]:
    """Return the term that the tables [[model.q]] ask for, if any; ``unit`` is that of the file in meV."""
    if not entries:
        return ()
    q, J, K, A, D, where = [], [], [], [], [], []
    for k, entry in enumerate(entries):
        label = source.label(("q", k))
        if not np.linalg.norm(entry.axis) > 0:
            raise source.error(("q", k, "axis"), "axis has no length; expected a vector")
        try:
            members = _star(entry, lattice)
        except ValueError as error:
            raise source.error(("q", k, "star"), str(error)) from None
        for member in members:
            q.append(member[0])
            A.append(member[1])
            D.append(unit * member[2])
            J.append(unit * entry.J)
            K.append(unit * entry.K)
            where.append(label)
    return (WaveCouplings(np.array(q), np.array(J), np.array(K), np.array(A), np.array(D), tuple(where)),)


def _star(entry: WaveVector, lattice: Lattice) -> list[Wave]:
    """Return the waves of a star, one of Q and -Q. ValueError where a turn maps Q onto itself and not its couplings."""
    n = np.array(entry.axis) / np.linalg.norm(entry.axis)
    across = np.cross(n, np.eye(3)).T
    A, D = np.array(entry.matrix), np.array(entry.D)
    scale = max(np.abs(A).max(), np.abs(D).max())
    inverse = np.linalg.inv(lattice.cell)
    found: list[Wave] = []
    for k in range(entry.star):
        angle = 2 * np.pi * k / entry.star
        R = np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * across @ across
        R = np.where(np.abs(2 * R - np.rint(2 * R)) < EXACT, np.rint(2 * R) / 2, R)
        q = np.round(lattice.cell @ R @ inverse @ np.array(entry.Q), 12) + 0.0
        turned = A if np.array_equal(A, A[0, 0] * np.eye(3)) else R @ A @ R.T
        turned = np.where(A == A.T, 0.5 * (turned + turned.T), turned)
        for other, there, vector in found:
            same = [bool((np.abs(d - np.rint(d)) < EXACT).all()) for d in (q - other, q + other)]
            if any(same):
                kept = [np.abs(R @ D - sign * vector).max() < EXACT * scale for sign in (1, -1)]
                if np.abs(turned - there).max() > EXACT * scale or not any(np.array(same) & kept):
                    raise ValueError(
                        f"a turn by 1/{entry.star} maps Q = {entry.Q} onto itself or -Q, but not its matrix or D; "
                        "expected couplings with this symmetry, or a smaller star"
                    )
                break
        else:
            found.append((q, turned, R @ D + 0.0))
    return found
