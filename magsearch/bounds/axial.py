"""Moments of a few unit vectors that rotations about one axis, z, leave as they are, up to fourth order.

With z_i the component along the axis, u_ij = s_i . s_j and p_ij = u_ij - z_i z_j the scalar product of the components
across it, polynomials that neither rotations about the axis nor reflections in planes that contain it change are
polynomials of z_i and u_ij. The moment matrix of ``moments`` falls apart into the blocks of the representations,

    1, z_i, z_i z_j, u_ij          the cross products c_ij along the axis
    w_i = x_i + i y_i, z_k w_i     w_i w_j,

whose elements are products of z and u; c_ik c_jl = p_ij p_kl - p_il p_kj; z_k z_l p_ij; and the real part of
(w_i w_j)* w_k w_l, p_ik p_jl + p_il p_kj - p_ij p_kl. With ``invariants`` they share the names of moments; z_i is
((i,),). Without a field, the reflection of z halves every block again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, combinations_with_replacement, product

import numpy as np

from magsearch.bounds.invariants import Product, both, pair
from magsearch.bounds.moments import Polynomial

Label = tuple[tuple[int, ...], ...]  # of a row; how it is read depends on the block


@dataclass(frozen=True)
class Block:
    """Block of the moment matrix.

    labels   what each row is
    element  moment of two rows
    moved    label and sign of a row after a permutation of the spins
    trace    upper bound of the trace for unit vectors
    """

    labels: tuple[Label, ...]
    element: Callable[[Label, Label], Polynomial]
    moved: Callable[[Label, Sequence[int]], tuple[Label, float]]
    trace: float

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, p: int, q: int) -> Polynomial:
        """Return the moment of the rows p and q."""
        return self.element(self.labels[p], self.labels[q])


def along(*spins: int) -> Product:
    """Return a product of components along the axis."""
    return tuple(sorted((i,) for i in spins))


def renamed(moment: Product, to: Sequence[int]) -> Product:
    """Return a moment after a permutation of the spins, spin i to ``to[i]``."""
    return tuple(sorted(tuple(sorted(to[i] for i in part)) for part in moment))


@cache
def blocks(spins: int, field: bool) -> tuple[Block, ...]:
    """Return the blocks of a number of spins; ``field``: with the moments that are odd in z."""
    n, every, two = spins, range(spins), list(combinations(range(spins), 2))
    squares = list(combinations_with_replacement(every, 2))
    scalars = [(), *(along(i) for i in every), *(along(i, j) for i, j in squares), *(pair(i, j) for i, j in two)]
    vectors = [((i,),) for i in every] + [((i,), (k,)) for i, k in product(every, every)]  # w_i and z_k w_i
    found = [
        Block(tuple(scalars), _scalar, lambda a, to: (renamed(a, to), 1.0), 1 + n + n**2),
        Block(tuple(pair(i, j) for i, j in two), _cross, _turned, n * (n - 1) / 2),
        Block(tuple(vectors), _vector, lambda a, to: (tuple((to[i],) for (i,) in a), 1.0), n + n**2),
        Block(tuple(along(i, j) for i, j in squares), _tensor, lambda a, to: (renamed(a, to), 1.0), n * (n + 1) / 2),
    ]
    if field:
        return tuple(block for block in found if block.labels)
    odd = [[_odd_scalar(a) for a in found[0].labels], [], [len(a) == 2 for a in vectors], []]
    halves = []
    for block, of in zip(found, odd, strict=True):
        whole = of or [False] * len(block)
        for part in (False, True):
            halves.append(
                replace(block, labels=tuple(a for a, p in zip(block.labels, whole, strict=True) if p == part))
            )
    return tuple(block for block in halves if block.labels)


def uniform(moment: Product) -> float:
    """Return a moment of up to fourth order of independent spins with random directions."""
    z = [part[0] for part in moment if len(part) == 1]
    pairs = [part for part in moment if len(part) == 2]
    if not pairs:
        times = [z.count(i) for i in set(z)]
        return 0.0 if any(n % 2 for n in times) else float(np.prod([1 / (n + 1) for n in times]))
    if len(pairs) == 2:
        return 1 / 3 if pairs[0] == pairs[1] else 0.0
    return 1 / 9 if sorted(z) == sorted(pairs[0]) else 0.0


def _odd_scalar(label: Label) -> bool:
    return sum(len(part) == 1 for part in label) % 2 == 1


def _turned(label: Label, to: Sequence[int]) -> tuple[Label, float]:
    """Return the cross product of a renamed pair in ascending order, and its sign."""
    i, j = (to[k] for k in label[0])
    return pair(i, j), 1.0 if i < j else -1.0


def _across(i: int, j: int) -> Polynomial:
    """Return p_ij; 1 - z_i^2 of a spin with itself."""
    return {pair(i, j): 1.0, along(i, j): -1.0}


def _sum(*terms: tuple[float, Polynomial, Polynomial]) -> Polynomial:
    """Return a sum of factors times products of two polynomials."""
    total: Polynomial = {}
    for factor, one, other in terms:
        for (a, x), (b, y) in product(one.items(), other.items()):
            moment = both(a, b)
            total[moment] = total.get(moment, 0.0) + factor * x * y
    return {moment: value for moment, value in total.items() if value}


def _scalar(one: Label, other: Label) -> Polynomial:
    return {both(one, other): 1.0}


def _cross(one: Label, other: Label) -> Polynomial:
    ((i, k),), ((j, l),) = one, other  # noqa: E741
    return _sum((1.0, _across(i, j), _across(k, l)), (-1.0, _across(i, l), _across(k, j)))


def _vector(one: Label, other: Label) -> Polynomial:
    ((i,), *above), ((j,), *below) = one, other
    return _sum((1.0, _across(i, j), {along(*(k for (k,) in (*above, *below))): 1.0}))


def _tensor(one: Label, other: Label) -> Polynomial:
    ((i,), (j,)), ((k,), (l,)) = one, other  # noqa: E741
    return _sum(
        (1.0, _across(i, k), _across(j, l)),
        (1.0, _across(i, l), _across(k, j)),
        (-1.0, _across(i, j), _across(k, l)),
    )
