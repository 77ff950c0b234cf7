"""Rigorous proofs that S(q) = Lambda - M(q) is positive semidefinite for every wave vector, including rounding errors.

A matrix is positive if its Cholesky factorisation succeeds, up to an a priori error of the factorisation (Higham,
Accuracy and Stability of Numerical Algorithms (2002), theorem 10.3; Rump, BIT 46, 433 (2006)). A finite box has
finitely many wave vectors. For the infinite crystal, branch and bound: the zone is divided into boxes, on each of which

    M(q + x) <= M(q) + x . M'(q) + R 1,    x in the box:

the linear part is largest (as a quadratic form, at any given wave) in a corner, and R bounds the remainder of the
Taylor series by the range of the couplings. A box whose corners cannot be factorised is halved along every axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from magsearch.bounds.multipliers import shifted
from magsearch.bounds.quadratic_form import QuadraticForm
from magsearch.formatting import counted

UNIT = float(np.finfo(float).eps)  # twice the unit roundoff
CHUNK = 4_000_000  # complex numbers in memory at once
LOOSER = 4.0  # factor by which a shift is increased after a failed factorisation


@dataclass(frozen=True)
class Proof:
    """Proof that S + shift 1 is positive everywhere in a domain.

    shift   meV
    method  how it was proven, in words
    """

    shift: float
    method: str


class Counterexample(Exception):
    """Wave vector k [3], in units of the reciprocal vectors, at which S is not positive."""

    def __init__(self, k: NDArray[np.float64]):
        self.k = k
        super().__init__(f"S is not positive at {k.tolist()}")


def positive(S: NDArray[Any]) -> bool:
    """Return whether the Cholesky factorisations of all matrices [..., order, order] succeed."""
    factorise = lapack.zpotrf if np.iscomplexobj(S) else lapack.dpotrf
    return all(factorise(matrix, lower=1)[1] == 0 for matrix in S.reshape(-1, *S.shape[-2:]))


def factorisation_error(order: int, diagonal: float) -> float:
    """Return an upper bound, in meV, of how far below zero a factorised matrix can have eigenvalues.

    diagonal  largest diagonal element, meV

    It is (order + 1) times the unit roundoff times the trace, and a few roundoffs more for complex arithmetic (Higham
    (2002), theorem 10.3; Rump, BIT 46, 433 (2006)).
    """
    return UNIT * (order + 16) * order * diagonal


def prove_box(form: QuadraticForm, values: NDArray[np.float64], watch: Callable[[], None] = lambda: None) -> Proof:
    """Prove that S with multipliers ``values`` [spin] (meV) is positive at all wave vectors of the finite box.

    watch  called repeatedly
    """
    k, diagonal = form.wave_vectors(), form.scale + float(np.abs(values).max())
    shift = factorisation_error(form.order, diagonal) + form.rounding()
    for part in np.array_split(k, -(-len(k) * form.order**2 // CHUNK)):
        S = shifted(form, form.matrices(part), values)
        watch()
        while not positive(S + shift * np.eye(form.order)):
            shift *= LOOSER
    error = factorisation_error(form.order, diagonal + shift) + form.rounding()
    return Proof(shift + error, f"S(q) factorised at {counted(len(k), 'wave vector')} of the box")


def prove_zone(
    form: QuadraticForm, values: NDArray[np.float64], tolerance: float, most: int, loosen: bool
) -> Proof | None:
    """Prove that S + tolerance 1 is positive at all wave vectors, by branch and bound over boxes of the zone.

    values     multipliers [spin], meV
    tolerance  meV
    most       largest number of boxes at a time
    loosen     if more boxes are needed, increase the tolerance until they suffice; otherwise return None

    Raises Counterexample if S + tolerance 1 is not positive in the middle of a box.
    """
    corners = np.array(list(product((1.0, -1.0), repeat=form.dimension)))
    error = factorisation_error(form.order, 8 * form.scale + float(np.abs(values).max())) + 8 * form.rounding()
    middle, half = _first_boxes(form)
    done = 0
    while len(middle):
        done += len(middle)
        failed = _negative_boxes(form, values, tolerance, middle, half, corners)
        while len(failed) * len(corners) > most:
            if not loosen:
                return None
            tolerance *= LOOSER
            failed = failed[_negative_boxes(form, values, tolerance, middle[failed], half[failed], corners)]
        middle, half = middle[failed], half[failed] / 2
        middle = (middle[:, None] + corners * half[:, None]).reshape(-1, form.dimension)
        half = np.repeat(half, len(corners), axis=0)
    return Proof(tolerance + error, f"S(q) factorised in {done} boxes that cover the zone")


def _negative_boxes(
    form: QuadraticForm,
    values: NDArray[np.float64],
    tolerance: float,
    middle: NDArray[np.float64],
    half: NDArray[np.float64],
    corners: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return the indices of boxes in which S + tolerance 1 may be negative; middles and half widths [box, axis]."""
    failed = []
    chunk = max(1, CHUNK // (form.order**2 * len(corners)))
    for first in range(0, len(middle), chunk):
        k, width = middle[first : first + chunk] @ form.dual, half[first : first + chunk]
        S = shifted(form, form.matrices(k), values + tolerance)
        slope = np.stack([form.matrices(k, along) for along in range(form.dimension)], axis=1) * width[:, :, None, None]
        linear = S[:, None] - np.einsum("xa,kaij->kxij", corners, slope)
        np.einsum("kxii->kxi", linear)[:] -= _remainder(form, k, width)[:, None, None]
        for n in range(len(k)):
            if not positive(linear[n]):
                if not positive(S[n]):
                    raise Counterexample(k[n])
                failed.append(first + n)
    return np.array(failed, dtype=np.int64)


def _first_boxes(form: QuadraticForm) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return middles and half widths [box, axis] of a grid over half the zone that resolves M(q).

    Half the zone suffices because M(-q) is the complex conjugate of M(q).
    """
    extent = np.ones(form.dimension)
    extent[0] = 0.5
    cuts = np.maximum(1, np.ceil(2 * extent * np.abs(form.offset).max(axis=0))).astype(int)
    places = [e * (np.arange(n) + 0.5) / n for e, n in zip(extent, cuts, strict=True)]
    middle = np.stack(np.meshgrid(*places, indexing="ij"), axis=-1).reshape(-1, len(cuts))
    return middle, np.broadcast_to(extent / cuts / 2, middle.shape).copy()


def _remainder(form: QuadraticForm, k: NDArray[np.float64], half: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the remainder R of every box, [box] meV, bounded to second order by the range of the couplings.

    With one spin in the cell, M(q) often curves downwards in all directions at its maximum: R is then bounded by the
    positive part of the curvature at the middle and a remainder of third order, if that is smaller.
    """
    angle = 2 * np.pi * half @ np.abs(form.offset).T  # [box, bond], the largest change of q.T in the box
    second = form.row_sum(angle**2 / 2) * (1 + 1e-9)
    if form.n_spins > 1:
        return second
    dimension = form.dimension
    curvature = np.empty((len(k), dimension, form.order, dimension, form.order), dtype=complex)
    for a, b in product(range(dimension), repeat=2):
        scale = (half[:, a] * half[:, b])[:, None, None]
        curvature[:, a, :, b] = form.matrices(k, a, b) * scale
    rows = dimension * form.order
    largest = np.linalg.eigvalsh(curvature.reshape(-1, rows, rows))[:, -1] + 1e-9 * second  # far more than rounding
    third = dimension / 2 * np.maximum(largest, 0) + form.row_sum(angle**3 / 6) * (1 + 1e-9)
    return np.asarray(np.minimum(second, third))


def certified(form: QuadraticForm, values: NDArray[np.float64], mean: NDArray[np.float64]) -> tuple[float, float]:
    """Return the bound in meV per cell, and the rounding error subtracted from it, for S(q) positive in the domain.

    values  multipliers [spin], meV
    mean    y [spin, component]

    With |m_a| <= 1 for the uniform part m of any spins, and any y instead of the optimum, S(0)^-1 h,

        1/2 m.S m - h.m = 1/2 (m - y).S (m - y) + (S y - h).m - 1/2 y.S y >= - 1/2 y.S y - sum_a |S y - h|_a.
    """
    S_y = values[:, None] * mean - (form.uniform @ mean.ravel()).reshape(mean.shape)
    missed = np.linalg.norm(form.field - S_y, axis=1)
    below = 0.5 * values.sum() + 0.5 * (mean * S_y).sum() + missed.sum()
    length = float(np.linalg.norm(mean, axis=1).max(initial=0.0))
    terms = np.abs(values).sum() + form.n_spins * (1 + length) ** 2 * (form.scale + np.abs(values).max(initial=0.0))
    rounding = UNIT * (form.n_spins + form.most_bonds + 64) * float(terms) + abs(form.constant) * UNIT
    return float(form.constant - below - rounding), rounding
