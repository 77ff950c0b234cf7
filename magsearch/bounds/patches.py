"""A bound beyond Luttinger & Tisza: patches of spins take over a part of the couplings.

For any quadratic functions f_p of the spins of a few patches, repeated in every cell,

    E = [E - sum_cells sum_p f_p] + sum_cells sum_p f_p >= bound of the rest + cells sum_p min f_p.

Luttinger & Tisza's method replaces unit lengths by lengths that are one on average, which elliptical waves use; the
minimum of f_p is over true unit vectors, and is bounded by a sum of squares of fourth order (``moments``). The best
f_p follow from one convex program over the correlations of all waves and the moments of the patches: Paul & Refael,
arXiv:2605.06784, with the whole of the long-ranged rest in one matrix for each wave vector. Whatever the solver
returns, what is used of it is made exact: f_p is read off the matrix of the sum of squares, and the rest is bounded
by the proofs of this package.

Several multipliers for each sublattice, or Shor's relaxation of the whole box, would add nothing: the best
multipliers of a convex problem have the symmetry of the lattice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from magsearch.bounds.domain import EXACT, Box, Domain, unlike
from magsearch.bounds.moments import unfolded
from magsearch.bounds.positivity import LOOSER, UNIT, certified, factorisation_error, positive
from magsearch.bounds.quadratic_form import QuadraticForm
from magsearch.bounds.semidefinite import Patch, Program, Solution

ROUNDS = 25  # times that wave vectors are added at the most
GRID = 3  # wave vectors along each period to begin with
ENOUGH = 1e-9  # eigenvalues above minus this, in units of form.scale, need no more wave vectors
PATCHES = 12
STRONG = 0.3  # bonds with more than this part of the strongest one hold a patch together


@dataclass(frozen=True, eq=False)
class Shared:
    """The couplings that patches leave, and what the patches hold at least, meV per cell."""

    rest: QuadraticForm
    floor: float


def neighbouring_triples(form: QuadraticForm) -> tuple[tuple[Patch, ...], ...]:
    """Triples of spins that the strongest bonds join: triangles, straight lines; bent lines if there are neither."""
    strong = form.strength * (form.offset.any(axis=1) | (form.i != form.j))
    kept = strong > STRONG * strong.max(initial=0.0)
    ends = zip(form.i[kept].tolist(), form.j[kept].tolist(), map(tuple, form.offset[kept].tolist()), strict=True)
    bonds = dict(zip(ends, strong[kept].tolist(), strict=True))
    here = (0,) * form.dimension
    found: tuple[dict[Patch, float], ...] = ({}, {}, {})  # triangles, straight and bent lines, and how strong they are
    for (a, b, first), s in bonds.items():
        for (d, c, second), t in bonds.items():
            there = tuple(x + y for x, y in zip(first, second, strict=True))
            if d == b and (c, there) != (a, here):
                third = bonds.get((a, c, there), 0.0)
                kind = 0 if third else 1 if (a, first) == (d, second) else 2
                found[kind][_placed(((a, here), (b, first), (c, there)))] = s + t + third
    ranked = [sorted(kind.items(), key=lambda pair: (-pair[1], pair[0])) for kind in found]
    chosen = [tuple(patch for patch, _ in kind[:PATCHES]) for kind in ranked]
    return tuple(kind for kind in chosen[:2] if kind) or (chosen[2],)


def _placed(sites: Patch) -> Patch:
    """The same patch, moved and ordered in the way that all its translations share."""
    moved = [
        tuple(sorted((a, tuple(x - y for x, y in zip(T, origin, strict=True))) for a, T in sites))
        for _, origin in sites
    ]
    return min(moved)


def share(domain: Domain, patches: tuple[Patch, ...]) -> Shared:
    """Moves couplings of the domain's form (of three components) to patches, as well as a convex program finds.

    ImportError where Clarabel is not installed (the extra ``sdp``).
    """
    form = domain.form
    active, best, reached = _first_waves(domain), Shared(form, 0.0), -np.inf
    for _ in range(ROUNDS):
        program = Program(form, active, patches)
        solution = program.solve()
        shared = _shared(program, solution)
        k, lowest = replace(domain, form=shared.rest).softest(solution.values)
        values = solution.values - min(float(lowest[0]), 0.0) + EXACT * form.scale
        value = shared.floor + certified(shared.rest, values, solution.mean)[0]
        if value > reached:
            best, reached = shared, value
        new = unlike(form, k[lowest < -ENOUGH * form.scale], active)
        if not len(new):
            break
        active = np.concatenate([active, new])
    return best


def _first_waves(domain: Domain) -> NDArray[np.float64]:
    """k = 0 and a few more, evenly spread."""
    form, active = domain.form, np.zeros((1, 3))
    if not form.dimension:
        return active
    if isinstance(domain, Box):
        return domain.k[:: -(-len(domain.k) // GRID**form.dimension)]
    turns = np.stack(np.meshgrid(*[np.arange(GRID) / GRID] * form.dimension, indexing="ij"), axis=-1)
    for k in turns.reshape(-1, form.dimension) @ form.dual:
        active = np.concatenate([active, unlike(form, k[None], active)])
    return active


def _shared(program: Program, solution: Solution) -> Shared:
    """f_p = v.G v - <1, G> up to second order, with the G that the solver found, made a sum of squares again.

    Moments of third and fourth order must cancel in v.G v: G is moved as little as possible until they do. What
    rounding leaves of them, each at most one, and a negative eigenvalue of G are taken from the floor.
    """
    form = program.form
    i, j, offset, J, field = [form.i], [form.j], [form.offset], [form.J], form.field.copy()
    floor = 0.0
    for patch, squares in zip(program.patches, solution.squares, strict=True):
        of, links = program.of(patch), list(program.links(patch))
        taken = np.array([link.moment for link in links])
        others = np.setdiff1d(np.arange(of.map.shape[1]), taken)
        unwanted = of.map[:, others].toarray()
        squares = squares - unwanted @ np.linalg.solve(unwanted.T @ unwanted, unwanted.T @ squares)
        sums = of.map.T @ squares
        largest = float(np.abs(squares).max(initial=0.0))
        rounding, lift = UNIT * of.size**2 * largest, factorisation_error(of.size, largest)
        while not positive(unfolded(squares, of.size) + lift * np.eye(of.size)):
            lift *= LOOSER
        lift += factorisation_error(of.size, largest + lift)
        floor -= float(of.constant @ squares) + float(np.abs(sums[others]).sum())
        floor -= lift * of.square(len(patch)) + rounding * of.map.shape[1]
        for link in links:
            spin, component = divmod(link.a, 3)
            if link.b < 0:
                field[spin, component] += sums[link.moment]
                continue
            other, along = divmod(link.b, 3)
            matrix = np.zeros((1, 3, 3))
            matrix[0, component, along] = sums[link.moment]
            T = np.array([link.T]).reshape(1, -1)
            i += [np.array([spin]), np.array([other])]
            j += [np.array([other]), np.array([spin])]
            offset += [T, -T]
            J += [matrix, matrix.swapaxes(1, 2)]
    rest = replace(
        form, i=np.concatenate(i), j=np.concatenate(j), offset=np.concatenate(offset), J=np.concatenate(J), field=field
    )
    return Shared(rest, floor)
