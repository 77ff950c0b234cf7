"""Moments of a few unit vectors that rotations of all of them leave as they are, up to fourth order.

With u_ij = s_i . s_j, products of spins that do not change under global rotations are polynomials of the u_ij and of
the chiralities s_i . (s_j x s_k). The moment matrix of ``moments`` then falls apart into the blocks of the
representations of the rotations,

    scalars  1, u_ij          vectors  s_i; s_i x s_j          tensors  Q_ij = (s_i s_j + s_j s_i) / 2 - u_ij / 3,

whose elements are u_ij u_kl; u_ij; (s_i x s_j) . (s_k x s_l) = u_ik u_jl - u_il u_jk; and Q_ij : Q_kl = (u_ik u_jl +
u_il u_jk) / 2 - u_ij u_kl / 3. Without a chirality s_i and s_i x s_j do not mix (inversion of all spins). Four spins
have matrices of 7, 4, 6 and 10 rows instead of one of 75.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, combinations_with_replacement

from magsearch.bounds.moments import Moments, Polynomial

Product = tuple[tuple[int, ...], ...]  # pairs i < j of u_ij, or one triple i < j < k of a chirality; () is 1
Vector = tuple[int, ...]  # (i,) is s_i, (i, j) is s_i x s_j


def chirality(i: int, j: int, k: int) -> tuple[Product, float]:
    """Return the moment of s_i . (s_j x s_k) of three different spins, and its sign."""
    order = sorted((i, j, k))
    even = (i, j, k) in (tuple(order), (order[1], order[2], order[0]), (order[2], order[0], order[1]))
    return (tuple(order),), 1.0 if even else -1.0


def pair(i: int, j: int) -> Product:
    """Return u_ij, 1 for a spin with itself."""
    return () if i == j else ((min(i, j), max(i, j)),)


def both(*pairs: Product) -> Product:
    """Return a product of u_ij."""
    return tuple(sorted(part for one in pairs for part in one))


@cache
def invariants(spins: int, odd: bool) -> Moments:
    """Return the moment matrices of a number of spins, with or without chiralities."""
    scalars: list[Product] = [(), *(pair(i, j) for i, j in combinations(range(spins), 2))]
    lone: list[Vector] = [(i,) for i in range(spins)]
    crosses: list[Vector] = list(combinations(range(spins), 2))
    tensors = list(combinations_with_replacement(range(spins), 2))
    pairs = spins * (spins - 1) / 2
    vectors = [(lone + crosses, spins + pairs)] if odd else [(lone, spins), (crosses, pairs)]
    return Moments.of(
        [
            (len(scalars), lambda p, q: {both(scalars[p], scalars[q]): 1.0}, 1 + pairs),
            *((len(v), lambda p, q, v=v: _dot(v[p], v[q]), trace) for v, trace in vectors if v),
            (len(tensors), lambda p, q: _contracted(tensors[p], tensors[q]), 2 / 3 * len(tensors)),
        ],
        (),
    )


def _added(*terms: tuple[Product, float]) -> Polynomial:
    total: Polynomial = {}
    for product, factor in terms:
        total[product] = total.get(product, 0.0) + factor
    return {product: factor for product, factor in total.items() if factor}


def _dot(one: Vector, other: Vector) -> Polynomial:
    """Return the scalar product of two vectors, each a spin or a cross product of two."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) == 1:
        return {pair(one[0], other[0]): 1.0}
    k, l = other  # noqa: E741
    if len(one) == 1:
        return {} if one[0] in other else dict([chirality(one[0], k, l)])
    i, j = one
    return _added((both(pair(i, k), pair(j, l)), 1.0), (both(pair(i, l), pair(j, k)), -1.0))


def _contracted(one: Vector, other: Vector) -> Polynomial:
    """Return Q_ij : Q_kl of two symmetric traceless tensors."""
    (i, j), (k, l) = one, other  # noqa: E741
    return _added(
        (both(pair(i, k), pair(j, l)), 0.5),
        (both(pair(i, l), pair(j, k)), 0.5),
        (both(pair(i, j), pair(k, l)), -1 / 3),
    )
