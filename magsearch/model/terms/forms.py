"""Homogeneous polynomials of a unit vector: coefficients of x^a y^b z^c, a descending, then b, as kernels read them.

Stevens operators are such polynomials in the classical limit: products of components of the spin commute, and what is
of lower order in the length of the spin is left out.
"""

from __future__ import annotations

from functools import cache
from math import comb, factorial

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Z(z, r) of O_k^q = Z Re (x + i y)^q, or Z Im (x + i y)^|q| for negative q: coefficients of z^n, z^(n-2) r^2, ... with
# n = k - |q|, by k and |q|. Abragam & Bleaney, Electron Paramagnetic Resonance of Transition Ions (1970), table 16;
# negative q: Rudowicz, J. Phys. C 18, 1415 (1985)
STEVENS: dict[int, tuple[tuple[int, ...], ...]] = {
    2: ((3, -1), (1,), (1,)),
    4: ((35, -30, 3), (7, -3), (7, -1), (1,), (1,)),
    6: ((231, -315, 105, -5), (33, -30, 5), (33, -18, 1), (11, -3), (11, -1), (1,), (1,)),
}
SPACING = 0.02  # radians between directions of the grid on which forms are bounded
ROUNDING = 1e-13  # of the sum of the moduli of the coefficients: more than an evaluation rounds

Table = dict[tuple[int, int, int], float]  # coefficients by powers of x, y, z


@cache
def powers(degree: int) -> NDArray[np.int64]:
    """Return the powers of x, y and z of each coefficient, [coefficient, 3]."""
    found = [(a, b, degree - a - b) for a in range(degree, -1, -1) for b in range(degree - a, -1, -1)]
    return np.array(found)


def monomials(degree: int, s: ArrayLike) -> NDArray[np.float64]:
    """Return x^a y^b z^c of directions s [..., 3], [..., coefficient]."""
    s = np.asarray(s, dtype=np.float64)
    table = np.stack([np.ones_like(s), *(s ** (n + 1) for n in range(degree))], axis=-1)  # [..., 3, power]
    a, b, c = powers(degree).T
    return np.asarray(table[..., 0, a] * table[..., 1, b] * table[..., 2, c])


def stevens(k: int, q: int) -> NDArray[np.float64]:
    """Return the Stevens operator O_k^q in the classical limit, k = 2, 4 or 6 and -k <= q <= k, [coefficient].

    O_2^0 = 3 z^2 - r^2, O_4^4 = x^4 - 6 x^2 y^2 + y^4, ...: without a normalisation, r = 1 for unit vectors.
    """
    radial: Table = {(0, 0, 0): 0.0}
    for n, number in enumerate(STEVENS[k][abs(q)]):
        part: Table = {(0, 0, k - abs(q) - 2 * n): float(number)}
        for _ in range(n):
            part = _product(part, {(2, 0, 0): 1.0, (0, 2, 0): 1.0, (0, 0, 2): 1.0})
        radial = _sum(radial, part)
    m, odd = abs(q), q < 0
    angular: Table = {(m - j, j, 0): comb(m, j) * (-1.0) ** (j // 2) for j in range(odd, m + 1, 2)}
    return _coefficients(k, _product(radial, angular))


def turned(degree: int, form: NDArray[np.float64], axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the form of the components along the rows of ``axes`` [3, 3] as one of x, y, z."""
    if (axes == np.eye(3)).all():
        return form
    lines: list[Table] = [{(1, 0, 0): n[0], (0, 1, 0): n[1], (0, 0, 1): n[2]} for n in axes.tolist()]
    found: Table = {}
    for number, each in zip(form.tolist(), powers(degree).tolist(), strict=True):
        part: Table = {(0, 0, 0): number}
        for line, times in zip(lines, each, strict=True):
            for _ in range(times if number else 0):
                part = _product(part, line)
        found = _sum(found, part) if number else found
    return _coefficients(degree, found)


def line(degree: int, n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (s . n)^degree, [coefficient]."""
    times = [factorial(degree) / np.prod([factorial(p) for p in each]) for each in powers(degree).tolist()]
    return np.array(times) * monomials(degree, n)


def gradient(degree: int, form: NDArray[np.float64], s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gradient of a form at directions s [..., 3], [..., 3]."""
    return np.asarray(monomials(degree - 1, s) @ (_derivatives(degree) @ form).T)


def curvature(degree: int, form: NDArray[np.float64], s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the second derivatives of a form at directions s [..., 3], [..., 3, 3]."""
    twice = _derivatives(degree - 1) @ (_derivatives(degree) @ form).T  # [3, coefficient, 3]
    return np.asarray(np.tensordot(monomials(degree - 2, s), twice, axes=(-1, 1)))


def bounds(forms: dict[int, NDArray[np.float64]]) -> tuple[float, float]:
    """Return a lower and an upper bound of a sum of forms, by degree, on the unit sphere.

    Along a great circle the sum is a trigonometric polynomial of the order n of the highest form, whose second
    derivative is at most n^2 times half its range (Bernstein). An extremum differs from the nearest point of a grid by
    no more than half of that, times the square of their distance.
    """
    order = max((degree for degree, form in forms.items() if form.any()), default=0)
    if order == 0:
        return 0.0, 0.0
    values = np.asarray(sum(monomials(degree, _grid()) @ form for degree, form in forms.items()))
    half, error = 0.5 * np.ptp(values), 0.5 * order**2 * (SPACING**2 / 2)
    away = error * half / (1 - error)
    away += ROUNDING * sum(float(np.abs(form).sum()) for form in forms.values())
    return float(values.min() - away), float(values.max() + away)


@cache
def _grid() -> NDArray[np.float64]:
    """Directions of one half of the sphere, none farther than SPACING / sqrt(2) from one of them or its opposite."""
    theta = np.linspace(0, np.pi / 2, int(np.ceil(np.pi / 2 / SPACING)) + 1)
    phi = np.linspace(0, 2 * np.pi, int(np.ceil(2 * np.pi / SPACING)), endpoint=False)
    sine, cosine = np.sin(theta)[:, None], np.cos(theta)[:, None]
    parts = np.broadcast_arrays(sine * np.cos(phi), sine * np.sin(phi), cosine)
    return np.stack(parts, axis=-1).reshape(-1, 3)


@cache
def _derivatives(degree: int) -> NDArray[np.float64]:
    """Matrices that turn the coefficients of a form into those of its derivatives along x, y, z, [3, lower, form]."""
    place = {tuple(each): k for k, each in enumerate(powers(degree - 1).tolist())}
    found = np.zeros((3, len(place), len(powers(degree))))
    for k, each in enumerate(powers(degree).tolist()):
        for axis in range(3):
            if each[axis]:
                lower = [p - (n == axis) for n, p in enumerate(each)]
                found[axis, place[lower[0], lower[1], lower[2]], k] = each[axis]
    return found


def _product(one: Table, other: Table) -> Table:
    found: Table = {}
    for (a, b, c), p in one.items():
        for (d, e, f), q in other.items():
            key = (a + d, b + e, c + f)
            found[key] = found.get(key, 0.0) + p * q
    return found


def _sum(one: Table, other: Table) -> Table:
    return {key: one.get(key, 0.0) + other.get(key, 0.0) for key in one | other}


def _coefficients(degree: int, table: Table) -> NDArray[np.float64]:
    return np.array([table.get((a, b, c), 0.0) for a, b, c in powers(degree).tolist()])
