"""What makes a bound rigorous: S(q) = Lambda - M(q) is positive for every wave vector, rounding included.

A matrix is positive where its Cholesky factorisation succeeds, up to an error of the factorisation that is known
beforehand (Higham, Accuracy and Stability of Numerical Algorithms (2002), theorem 10.3; Rump, BIT 46, 433 (2006)). A
finite box has finitely many wave vectors. For the infinite crystal the zone is cut into boxes, on each of which

    M(q + x) <= M(q) + x . M'(q) + R 1,    x in the box:

the linear part is largest (as a quadratic form, at any given wave) in a corner, and R bounds the rest of Taylor's
series by the range of the couplings. A box whose corners cannot be factorised is cut in two along every axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from magsearch.bounds.multipliers import shifted
from magsearch.bounds.quadratic_form import QuadraticForm

UNIT = float(np.finfo(float).eps)  # twice the unit roundoff
CHUNK = 4_000_000  # complex numbers that are held at once
LOOSER = 4.0


@dataclass(frozen=True)
class Proof:
    """S + shift 1 is positive everywhere: shift in meV, and how that is known, in words."""

    shift: float
    method: str


class Counterexample(Exception):
    """S is not positive at the wave vector k [3]."""

    def __init__(self, k: NDArray[np.float64]):
        self.k = k
        super().__init__(f"S is not positive at {k.tolist()}")


def positive(S: NDArray[Any]) -> bool:
    """Whether the Cholesky factorisations of all matrices [..., order, order] succeed."""
    factorise = lapack.zpotrf if np.iscomplexobj(S) else lapack.dpotrf
    return all(factorise(matrix, lower=1)[1] == 0 for matrix in S.reshape(-1, *S.shape[-2:]))


def factorisation_error(order: int, diagonal: float) -> float:
    """A factorised matrix is at most this much below zero; ``diagonal`` its largest diagonal element, meV.

    (order + 1) times the unit roundoff times the trace, and a few roundoffs more for complex arithmetic.
    """
    return UNIT * (order + 16) * order * diagonal


def prove_box(form: QuadraticForm, values: NDArray[np.float64]) -> Proof:
    """For all wave vectors of the finite box."""
    k, diagonal = form.wave_vectors(), form.scale + float(np.abs(values).max())
    shift = factorisation_error(form.order, diagonal) + form.rounding()
    for part in np.array_split(k, -(-len(k) * form.order**2 // CHUNK)):
        S = shifted(form, form.matrices(part), values)
        while not positive(S + shift * np.eye(form.order)):
            shift *= LOOSER
    error = factorisation_error(form.order, diagonal + shift) + form.rounding()
    return Proof(shift + error, f"S(q) factorised at {len(k)} wave vectors of the box")


def prove_zone(
    form: QuadraticForm, values: NDArray[np.float64], tolerance: float, most: int, loosen: bool
) -> Proof | None:
    """For all wave vectors: S + tolerance 1 is positive, with boxes no more than ``most`` at a time.

    Where more are needed: None, or, if ``loosen``, a proof with the least shift that they allow.

    Raises Counterexample where S + tolerance 1 is negative in the middle of a box.
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
    """The boxes in which S + tolerance 1 may be negative; middles and half widths [box, axis]."""
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
    """Middles and half widths [box, axis] of a grid over half the zone (q and -q are alike), about as fine as J(q)."""
    extent = np.ones(form.dimension)
    extent[0] = 0.5
    cuts = np.maximum(1, np.ceil(2 * extent * np.abs(form.offset).max(axis=0))).astype(int)
    places = [e * (np.arange(n) + 0.5) / n for e, n in zip(extent, cuts, strict=True)]
    middle = np.stack(np.meshgrid(*places, indexing="ij"), axis=-1).reshape(-1, len(cuts))
    return middle, np.broadcast_to(extent / cuts / 2, middle.shape).copy()


def _remainder(form: QuadraticForm, k: NDArray[np.float64], half: NDArray[np.float64]) -> NDArray[np.float64]:
    """R of every box, meV [box]: by the range of the couplings, to second order.

    With one spin in the cell, M(q) often curves downwards in all directions at its maximum: there R is the curvature
    at the middle, where it is positive, and what is left of third order.
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
    """The bound in meV per cell, and the rounding in it, given that S(q) is positive for all q of the domain.

    With |m_a| <= 1 for the uniform part m of any spins, and any y instead of the best one, S(0)^-1 h,

        1/2 m.S m - h.m = 1/2 (m - y).S (m - y) + (S y - h).m - 1/2 y.S y >= - 1/2 y.S y - sum_a |S y - h|_a.
    """
    turned = values[:, None] * mean - (form.uniform @ mean.ravel()).reshape(mean.shape)  # S y
    missed = np.linalg.norm(form.field - turned, axis=1)
    below = 0.5 * values.sum() + 0.5 * (mean * turned).sum() + missed.sum()
    length = float(np.linalg.norm(mean, axis=1).max(initial=0.0))
    terms = np.abs(values).sum() + form.n_spins * (1 + length) ** 2 * (form.scale + np.abs(values).max(initial=0.0))
    rounding = UNIT * (form.n_spins + form.most_bonds + 64) * float(terms) + abs(form.constant) * UNIT
    return float(form.constant - below - rounding), rounding
