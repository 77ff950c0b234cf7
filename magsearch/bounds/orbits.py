"""Moment matrices of a symmetric cluster: equal moments are one unknown, and the matrices fall apart.

A lowest energy is attained by a distribution of spins that has every symmetry of the energy. Its moments are equal
on the orbits of the permutations that leave the energy as it is, and its moment matrix M commutes with them. Of every
irreducible representation that occurs r times, M then has one matrix of r rows (Gatermann & Parrilo, J. Pure Appl.
Algebra 192, 95 (2004)); the bases are found from the eigenvectors of random matrices that commute with the
permutations (Murota, Kanno, Kojima & Kojima, Jpn. J. Ind. Appl. Math. 27, 125 (2010)).

U^T M U is positive for any real U, so that a basis in which M does not fall apart would lose some tightness, but no
rigour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from magsearch.bounds.axial import Block, renamed
from magsearch.bounds.invariants import Product
from magsearch.bounds.moments import Moments, triangle
from magsearch.bounds.positivity import UNIT

MOST = 2000  # permutations of a group; of a larger one, the subgroup is taken that leaves the first spins in place
EQUAL = 1e-7  # eigenvalues of random matrices closer than this are one


def permutations(
    couplings: NDArray[Any], colours: Sequence[Any], keeps: Callable[[tuple[int, ...]], bool]
) -> list[tuple[int, ...]]:
    """Return a group of permutations of spins that leaves all couplings, the colours, and what ``keeps`` tests.

    couplings  [spin, spin], symmetric
    colours    [spin], equal for spins that may change places

    A permutation p moves spin i to p[i].
    """
    fixed = 0
    while True:
        kinds = [(colour, i if i < fixed else -1) for i, colour in enumerate(colours)]
        found = list(islice(_automorphisms(couplings, kinds), MOST + 1))
        if len(found) <= MOST:
            return [p for p in found if keeps(p)]
        fixed += 1


def _automorphisms(couplings: NDArray[Any], colours: Sequence[Any]) -> Iterator[tuple[int, ...]]:
    """Yield all permutations that leave couplings and colours, by backtracking along coupled spins."""
    n = len(couplings)
    order: list[int] = []
    while len(order) < n:
        left = [i for i in range(n) if i not in order]
        order.append(max(left, key=lambda i: (np.count_nonzero(couplings[i, order]), -i)))
    kind = [(colour, tuple(sorted(row.tolist()))) for colour, row in zip(colours, couplings, strict=True)]

    def extended(images: list[int]) -> Iterator[tuple[int, ...]]:
        k = len(images)
        if k == n:
            yield tuple(image for _, image in sorted(zip(order, images, strict=True)))
            return
        row = couplings[order[k], order[:k]]
        for image in range(n):
            if image not in images and kind[image] == kind[order[k]] and (couplings[image, images] == row).all():
                yield from extended([*images, image])

    yield from extended([])


def representative(moment: Product, group: Sequence[tuple[int, ...]]) -> Product:
    """Return the moment that names all those which a group maps onto one."""
    return min(renamed(moment, to) for to in group)


def symmetric_moments(blocks: Sequence[Block], group: Sequence[tuple[int, ...]], most: float) -> Moments | None:
    """Return the moment matrices of blocks for distributions of spins that a group leaves as they are.

    The unknowns are named by ``representative``.

    most  largest number of elements of the matrices times the squared number of unknowns, the operations of a Newton
          step; None beyond
    """
    bases = [_bases(block, group) for block in blocks]
    elements = sum(float(U.shape[1]) ** 2 for some in bases for U in some)
    spins = len(group[0])
    if elements * (10 * comb(spins, 4) / len(group)) ** 2 > most:  # there are at least as many unknowns
        return None
    orbit = cache(lambda moment: representative(moment, group))
    number: dict[Any, int] = {}
    pairs = [_orbits_of_pairs(block, group) for block in blocks]
    unknown = [_moments_of(block, first, orbit, number) for block, (first, _, _) in zip(blocks, pairs, strict=True)]
    if elements * len(number) ** 2 > most:
        return None
    sizes, traces, maps, constants, rounding = [], [], [], [], 0.0
    for block, some, (first, of, sign), moments in zip(blocks, bases, pairs, unknown, strict=True):
        size = len(block)
        row, column = of * size + np.arange(size)[:, None], np.tile(np.arange(size), (size, 1))
        shape = (len(first) * size, size)
        spread = sparse.csr_array((sign.ravel(), (row.ravel(), column.ravel())), shape=shape)
        largest = float(abs(moments).sum(axis=1).max())
        for U in some:
            rows = U.shape[1]
            folded = np.tensordot(U, (spread @ U).reshape(len(first), size, rows), axes=(0, 1))
            p, q, scale = triangle(rows)
            element = (scale[:, None] * folded[p, :, q]) @ moments.toarray()
            sizes.append(rows)
            traces.append(block.trace * (1 + 1e-9))  # U is orthogonal to many more digits
            constants.append(element[:, 0])
            maps.append(np.pad(element[:, 1:], ((0, 0), (0, len(number) + 1 - element.shape[1]))))
            rounding = max(rounding, 8 * UNIT * size * largest * float(np.abs(U).sum(axis=0).max()) ** 2)
    every = sparse.csc_array(np.concatenate(maps))
    return Moments(tuple(sizes), tuple(traces), number, every, np.concatenate(constants), rounding)


def _moments_of(
    block: Block, first: NDArray[np.int64], orbit: Callable[[Product], Product], number: dict[Any, int]
) -> sparse.csr_array:
    """Return the elements of pairs of rows as sums of 1 and of unknowns, [pair, 1 + unknown].

    first   [pair] p size + q
    number  of every unknown; new ones are added
    """
    row, column, value = [], [], []
    for k, one in enumerate(first.tolist()):
        for moment, factor in block.at(*divmod(one, len(block))).items():
            row.append(k)
            column.append(1 + number.setdefault(orbit(moment), len(number)) if moment else 0)
            value.append(factor)
    return sparse.csr_array((value, (row, column)), shape=(len(first), 1 + len(number)))


def _moved(block: Block, group: Sequence[tuple[int, ...]]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield for every permutation where it moves each row of a block, and the signs."""
    place = {label: n for n, label in enumerate(block.labels)}
    for to in group:
        images = [block.moved(label, to) for label in block.labels]
        yield np.array([place[label] for label, _ in images]), np.array([sign for _, sign in images])


def _orbits_of_pairs(
    block: Block, group: Sequence[tuple[int, ...]]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return one pair of rows, p size + q, of every orbit; the orbit of every pair [p, q]; and its sign."""
    size = len(block)
    best, sign = np.full((size, size), size**2), np.ones((size, size))
    for to, signs in _moved(block, group):
        low, high = np.minimum(to[:, None], to), np.maximum(to[:, None], to)
        there = low * size + high
        lower = there < best
        best = np.where(lower, there, best)
        sign = np.where(lower, signs[:, None] * signs, sign)
    first, of = np.unique(best, return_inverse=True)
    return first, of.reshape(size, size), sign


def _bases(block: Block, group: Sequence[tuple[int, ...]]) -> list[NDArray[np.float64]]:
    """Return U [row, r] of the representations in a block; U^T M U are the matrices of an M that commutes."""
    size, random = len(block), np.random.default_rng(0)
    if len(group) == 1:
        return [np.eye(size)]
    noise = random.normal(size=(3, size, size))
    total = np.zeros_like(noise)
    for to, signs in _moved(block, group):
        total += signs[:, None] * signs * (noise + noise.swapaxes(1, 2))[:, to[:, None], to]
    one, other, test = total / len(group)
    values, vectors = np.linalg.eigh(one)
    spaces = np.split(vectors, np.flatnonzero(np.diff(values) > EQUAL) + 1, axis=1)
    found = []
    while spaces:
        space, *others = spaces
        alike, spaces = [space], []
        for E in others:
            image = E @ (E.T @ (other @ space)) if E.shape[1] == space.shape[1] else np.zeros_like(space)
            length = np.linalg.norm(image[:, 0])
            if length > EQUAL:
                alike.append(image / length)
            else:
                spaces.append(E)
        copies = [np.stack([E[:, n] for E in alike], axis=1) for n in range(space.shape[1])]
        mixed = max((float(np.abs(copies[0].T @ test @ U).max()) for U in copies[1:]), default=0.0)
        if mixed < EQUAL:  # one copy has all
            copies = copies[:1]
        found.append(np.linalg.qr(np.concatenate(copies, axis=1))[0])
    return found
