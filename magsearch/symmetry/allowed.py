"""Forms that symmetry allows: of the coupling matrix of a bond, and of the anisotropy of an atom.

An operation that leaves a bond in its place requires R J R^T = J, or J^T where it exchanges the ends. The mean over the
operations projects on the allowed matrices, because they are a group; Moriya's rules (Phys. Rev. 120, 91 (1960)) are
its antisymmetric part. Letters are chosen as Sunny does (Dahlbom et al., J. Open Source Softw. 10, 8138 (2025)):
the reduced row echelon form, symmetric parts first.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.terms.forms import monomials, stevens

ZERO = 1e-4  # elements of rotations of a crystal that is symmetric within the tolerance of its positions
SIMPLE = 1e-6  # distance from a fraction, or the root of one
PRIORITY = ((0, 0), (1, 1), (2, 2), (1, 2), (2, 0), (0, 1))  # elements that give letters their order and signs
LARGEST = 60  # factor that makes the coefficients of Stevens operators whole


def projector(R: ArrayLike, turned: ArrayLike) -> NDArray[np.float64]:
    """Return the projector on the allowed matrices in row order, [9, 9].

    R       [operation, 3, 3]  the operations of a bond, or of an atom; a group
    turned  [operation]        whether each exchanges the ends
    """
    every = np.asarray(R, dtype=np.float64)
    moved = np.einsum("gac,gbd->gabcd", every, every)
    moved = np.where(np.asarray(turned)[:, None, None, None, None], moved.swapaxes(3, 4), moved)
    mean = moved.mean(axis=0).reshape(9, 9)
    values, vectors = np.linalg.eigh(0.5 * (mean + mean.T))
    kept = vectors[:, values > 0.5]  # 0 or 1 but for the tolerance of the crystal
    return np.asarray(kept @ kept.T)


def projected(J: ArrayLike, R: ArrayLike, turned: ArrayLike) -> NDArray[np.float64]:
    """Return the allowed part of a coupling matrix, [3, 3]."""
    return np.asarray((projector(R, turned) @ np.asarray(J, dtype=np.float64).reshape(9)).reshape(3, 3))


def basis(R: ArrayLike, turned: ArrayLike) -> NDArray[np.float64]:
    """Return the matrices that the letters A, B, ... of the allowed form stand for, [letter, 3, 3]."""
    P = projector(R, turned).reshape(3, 3, 9)
    found: list[NDArray[np.float64]] = []
    for sign in (1, -1):
        part = 0.5 * (P + sign * P.swapaxes(0, 1)).reshape(9, 9)
        matrices = []
        for row in echelon(part.T):
            matrix = row.reshape(3, 3)
            first = next(place for place in PRIORITY if abs(matrix[place]) > ZERO)
            scaled = matrix * np.sign(matrix[first]) / np.abs(matrix).max()
            matrices.append((PRIORITY.index(first), np.where(np.abs(scaled) > ZERO, scaled, 0.0)))
        found += [matrix for _, matrix in sorted(matrices, key=lambda one: one[0])]
    return np.array(found).reshape(-1, 3, 3)


def echelon(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the reduced row echelon form of a matrix, without rows of zeros."""
    M, row = np.array(rows, dtype=np.float64), 0
    for column in range(M.shape[1]):
        if row == len(M):
            break
        pivot = row + int(np.abs(M[row:, column]).argmax())
        if abs(M[pivot, column]) <= ZERO:
            continue
        M[[row, pivot]] = M[[pivot, row]]
        M[row] /= M[row, column]
        others = np.arange(len(M)) != row
        M[others] -= M[others, column][:, None] * M[row]
        row += 1
    return np.where(np.abs(M[:row]) > ZERO, M[:row], 0.0)


def letters(matrices: NDArray[np.float64], first: str = "A") -> list[list[str]]:
    """Return the sum of letters times matrices [letter, n, m] as text, element by element."""
    _, n, m = matrices.shape
    names = [chr(ord(first) + k) for k in range(len(matrices))]
    return [[summed([(matrices[k, a, b], name) for k, name in enumerate(names)]) for b in range(m)] for a in range(n)]


def dmi_letters(matrices: NDArray[np.float64]) -> list[str]:
    """Return the Dzyaloshinskii-Moriya vector of an allowed form, three elements in its letters; empty for none."""
    odd = 0.5 * (matrices - matrices.swapaxes(1, 2))
    if not odd.any():
        return []
    (texts,) = letters(np.stack([odd[:, 1, 2], odd[:, 2, 0], odd[:, 0, 1]], axis=-1)[:, None])
    return texts


def summed(terms: Sequence[tuple[float, str]]) -> str:
    """Return a sum of names with coefficients: A-√3B, (3/2)C, D/2; 0 for none."""
    parts = [_times(float(c), name) for c, name in terms if abs(c) > ZERO]
    return "+".join(parts).replace("+-", "-") or "0"


def _times(c: float, name: str) -> str:
    sign, size = "-" if c < 0 else "", abs(c)
    if abs(size - 1) < SIMPLE:
        return f"{sign}{name}"
    if abs(1 / size - round(1 / size)) < SIMPLE:
        return f"{sign}{name}/{round(1 / size)}"
    written = amount(size)
    return f"{sign}({written}){name}" if "/" in written else f"{sign}{written}{name}"


def amount(size: float) -> str:
    """Return a positive number as a fraction, or the root of one, where it is one; else with six digits."""
    for value, root in ((size, ""), (size * size, "√")):
        simple = Fraction(value).limit_denominator(1000)
        if abs(simple - value) < SIMPLE and simple.denominator <= 48:
            return root + (str(simple.numerator) if simple.denominator == 1 else f"({simple})" if root else str(simple))
    return f"{size:.6g}"


def allowed_stevens(P: ArrayLike, k: int) -> NDArray[np.float64]:
    """Return the sums of Stevens operators O_k^q that rotations leave, [sum, q] with q from -k to k.

    P  [operation, 3, 3]  matrices by which the operations of an atom turn axial vectors
    """
    s = np.random.default_rng(0).normal(size=(8 * k, 3))
    forms = np.array([stevens(k, q) for q in range(-k, k + 1)]).T
    here = np.linalg.pinv(monomials(k, s) @ forms)
    mean = np.mean([here @ monomials(k, s @ turn.T) @ forms for turn in np.asarray(P)], axis=0)
    u, size, _ = np.linalg.svd(mean)
    found = []
    for row in echelon(u[:, size > 0.5].T[:, ::-1])[::-1, ::-1]:
        sums = row / row[np.abs(row).round(6).argmax()]
        parts = [Fraction(x).limit_denominator(LARGEST) for x in sums.tolist()]
        times = lcm(*(part.denominator for part in parts))
        close = max(abs(float(part) - x) for part, x in zip(parts, sums.tolist(), strict=True)) < SIMPLE
        found.append(sums * times if close and times <= LARGEST else sums)
    return np.array(found).reshape(-1, 2 * k + 1)
