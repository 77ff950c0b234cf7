"""Symmetry of a sum of forms on the sphere: its axes of rotation, its stationary lines, what permutes these.

The energy of a spin in the field of its crystal is such a sum (``magsearch.model.terms.single_ion``). Forms are given
by degree, as coefficients of the monomials of ``magsearch.model.terms.forms``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from magsearch.model.terms.forms import curvature, gradient, monomials

EXACT = 1e-9  # of the constants of an atom: torques that are smaller are rounding
STARTS, STEPS = (200, 400, 800, 1600), 30  # of Newton's method, for the extrema and saddle points of a form
SHARP = 1e-4  # of the largest coefficient: curvature below which such a point is not isolated


def free_axes(forms: dict[int, NDArray[np.float64]], scale: float) -> NDArray[np.float64]:
    """Return axes [0, 1 or 3, 3] about which any rotation leaves a sum of forms, by degree."""
    s = np.random.default_rng(0).normal(size=(64, 3))
    s /= np.linalg.norm(s, axis=1)[:, None]
    slope = sum(gradient(degree, form, s) for degree, form in forms.items())
    _, size, w = np.linalg.svd(np.cross(s, slope), full_matrices=False)
    return np.asarray(w[size <= EXACT * scale * len(s) ** 0.5])


def stationary_lines(
    forms: dict[int, NDArray[np.float64]], scale: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the lines [line, 3] along which a sum of forms is stationary, and the kind of its value.

    Newton's method on the sphere, from points that are spread evenly over one half. Every symmetry of the sum permutes
    these lines. Those that are not isolated are left out. Where all are, extrema are one more than saddle points (the
    Euler characteristic of the projective plane): else more points are tried.
    """
    for starts in STARTS:
        lines, index = _newton(forms, scale, starts)
        if index.sum() == 1:
            break
    value = np.asarray(sum(monomials(degree, lines) @ form for degree, form in forms.items()))
    return lines, np.unique(np.round(value / scale, 7), return_inverse=True)[1].reshape(-1)


def _newton(
    forms: dict[int, NDArray[np.float64]], scale: float, starts: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return stationary lines [line, 3], and for each 1 where it is an extremum, -1 where a saddle point."""
    k = np.arange(starts) + 0.5
    z, phi = k / starts, np.pi * (1 + 5**0.5) * k
    s = np.stack([np.sqrt(1 - z * z) * np.cos(phi), np.sqrt(1 - z * z) * np.sin(phi), z], axis=1)
    for _ in range(STEPS + 1):
        b = sum(gradient(degree, form, s) for degree, form in forms.items())
        along = np.einsum("kx,kx->k", b, s)[:, None]
        H = sum(curvature(degree, form, s) for degree, form in forms.items()) - along[:, :, None] * np.eye(3)
        P = np.eye(3) - s[:, :, None] * s[:, None, :]
        H = P @ H @ P + scale * s[:, :, None] * s[:, None, :]
        slope = b - along * s
        step = -np.linalg.solve(H + EXACT * scale * np.eye(3), slope[:, :, None])[:, :, 0]
        found = s  # where slope and curvature are those of the last step
        s = s + step * np.minimum(1, 0.3 / np.maximum(np.linalg.norm(step, axis=1), 1e-300))[:, None]
        s /= np.linalg.norm(s, axis=1)[:, None]
    kept = np.linalg.norm(slope, axis=1) < EXACT * scale
    kept &= np.abs(np.linalg.eigvalsh(H)).min(axis=1) > SHARP * scale
    lines: list[int] = []
    for n in np.flatnonzero(kept).tolist():
        if all(abs(abs(found[n] @ found[other]) - 1) > EXACT for other in lines):
            lines.append(n)
    return found[lines], np.sign(np.linalg.det(H[lines])).astype(np.int64)


def cube_group(frame: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Yield the 48 operations of a cube with its axes in the rows of ``frame``, the identity first."""
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        yield _without_rounding(frame.T @ (np.array(signs)[:, None] * np.eye(3)[list(order)]) @ frame)


def permuting(lines: NDArray[np.float64], kinds: NDArray[np.int64]) -> list[NDArray[np.float64]]:
    """Return orthogonal matrices that map two lines [line, 3] that are not parallel onto two of their kinds [line].

    The lines are chosen from the rarest kinds.
    """
    order = np.argsort(np.bincount(kinds, minlength=1)[kinds], kind="stable")
    lines, kinds = lines[order], kinds[order]
    apart = np.flatnonzero(np.abs(lines @ lines[0]) < 1 - 1e-6) if len(lines) else np.zeros(0, dtype=np.int64)
    if not len(apart):
        return []
    one, other = lines[0], lines[apart[0]]
    before = np.linalg.inv(np.array([one, other, np.cross(one, other)]))
    first, second = ([sign * n for n in lines[kinds == kinds[k]] for sign in (1.0, -1.0)] for k in (0, apart[0]))
    found = []
    for a, b in product(first, second):
        if abs(a @ b - one @ other) < 1e-9:
            images = (np.array([a, b, sign * np.cross(a, b)]) for sign in (1.0, -1.0))
            found += [_without_rounding((before @ image).T) for image in images]
    return found


def _without_rounding(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(turn - turn.round()) < 1e-12, turn.round(), turn) + 0.0
