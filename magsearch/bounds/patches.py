"""Bounds tighter than Luttinger & Tisza's: a part of the couplings is bounded on small patches of spins.

For any quadratic functions f_p of the spins of a few patches, repeated in every cell,

    E = [E - sum_cells sum_p f_p] + sum_cells sum_p f_p >= bound of the remainder + cells sum_p min f_p.

Luttinger & Tisza's method replaces unit lengths by lengths that are one on average, which elliptical waves exploit; the
minimum of f_p is over true unit vectors, and is bounded by a sum of squares of fourth order (``moments``). The optimal
f_p follow from one convex program over the correlations of all waves and the moments of the patches (``semidefinite``):
Paul & Refael, arXiv:2605.06784, with all long-ranged couplings of the remainder in one matrix for each wave vector. The
solver's result need not be accurate: f_p is read from the matrix of the sum of squares, and the remainder is
bounded by the proofs of this package. ``product_patches`` adds products of several spins.

Several multipliers for each sublattice, or Shor's relaxation of the whole box, would not improve the bound: the optimal
multipliers of a convex problem have the symmetry of the lattice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from magsearch.bounds.domain import EXACT, Box, Domain, inequivalent
from magsearch.bounds.moments import squares_below
from magsearch.bounds.positivity import UNIT, certified
from magsearch.bounds.quadratic_form import QuadraticForm
from magsearch.bounds.semidefinite import Patch, Program, Sites, Solution

ROUNDS = 25  # largest number of times that wave vectors are added
GRID = 3  # initial number of wave vectors along each period
ENOUGH = 1e-9  # eigenvalues above minus this, in units of form.scale, need no more wave vectors
PATCHES = 12  # largest number of patches of one kind
STRONG = 0.3  # bonds stronger than this fraction of the strongest one form patches


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Couplings without those transferred to patches, and a lower bound of the energy of the patches.

    remainder  quadratic form of the couplings that were not transferred
    floor      meV per cell
    """

    remainder: QuadraticForm
    floor: float


def neighbouring_triples(form: QuadraticForm) -> tuple[tuple[Patch, ...], ...]:
    """Return sets of patches: triples of spins joined by the strongest bonds, at most PATCHES of each kind.

    The sets are the triangles and the straight lines; the bent lines if there are neither.
    """
    strong = form.strength * (form.offset.any(axis=1) | (form.i != form.j))
    kept = strong > STRONG * strong.max(initial=0.0)
    ends = zip(form.i[kept].tolist(), form.j[kept].tolist(), map(tuple, form.offset[kept].tolist()), strict=True)
    bonds = dict(zip(ends, strong[kept].tolist(), strict=True))
    here = (0,) * form.dimension
    strengths: list[dict[Sites, float]] = [{}, {}, {}]  # of triangles, straight and bent lines
    for (a, b, first), s in bonds.items():
        for (d, c, second), t in bonds.items():
            there = tuple(x + y for x, y in zip(first, second, strict=True))
            if d == b and (c, there) != (a, here):
                third = bonds.get((a, c, there), 0.0)
                kind = 0 if third else 1 if (a, first) == (d, second) else 2
                strengths[kind][_placed(((a, here), (b, first), (c, there)))] = s + t + third
    ranked = [sorted(kind.items(), key=lambda pair: (-pair[1], pair[0])) for kind in strengths]
    chosen = [tuple(Patch(sites) for sites, _ in kind[:PATCHES]) for kind in ranked]
    return tuple(kind for kind in chosen[:2] if kind) or (chosen[2],)


def _placed(sites: Sites) -> Sites:
    """Return the sites translated and ordered so that all its translations become equal."""
    moved = [
        tuple(sorted((a, tuple(x - y for x, y in zip(T, origin, strict=True))) for a, T in sites))
        for _, origin in sites
    ]
    return min(moved)


def decompose(domain: Domain, patches: tuple[Patch, ...], products: tuple[float, ...] = ()) -> Decomposition:
    """Transfer couplings of the domain's form to patches, optimally according to a convex program.

    products  energies of the products of spins that the patches have in addition, meV per cell (``Program.products``)

    The form must have three components per spin (``in_space``). Raises ImportError if Clarabel is not installed (the
    extra ``sdp``).
    """
    form = domain.form
    active, best, reached = _first_waves(domain), Decomposition(form, 0.0), -np.inf
    for _ in range(ROUNDS):
        program = Program(form, active, patches, products)
        solution = program.solve()
        parts = _decomposition(program, solution)
        k, lowest = replace(domain, form=parts.remainder).softest(solution.values)
        values = solution.values - min(float(lowest[0]), 0.0) + EXACT * form.scale
        value = parts.floor + certified(parts.remainder, values, solution.mean)[0]
        if value > reached:
            best, reached = parts, value
        new = inequivalent(form, k[lowest < -ENOUGH * form.scale], active)
        if not len(new):
            break
        active = np.concatenate([active, new])
    return best


def _first_waves(domain: Domain) -> NDArray[np.float64]:
    """Return k = 0 and a few more wave vectors [q, 3] on a coarse grid."""
    form, active = domain.form, np.zeros((1, 3))
    if not form.dimension:
        return active
    if isinstance(domain, Box):
        return domain.k[:: -(-len(domain.k) // GRID**form.dimension)]
    turns = np.stack(np.meshgrid(*[np.arange(GRID) / GRID] * form.dimension, indexing="ij"), axis=-1)
    for k in turns.reshape(-1, form.dimension) @ form.dual:
        active = np.concatenate([active, inequivalent(form, k[None], active)])
    return active


def _decomposition(program: Program, solution: Solution) -> Decomposition:
    """Return the decomposition with f_p = v.G v - <1, G> up to second order, for the solver's matrices G.

    Moments of third and fourth order must cancel in v.G v, or add up to the products of the energy.
    """
    form = program.form
    i, j, offset, J, field = [form.i], [form.j], [form.offset], [form.J], form.field.copy()
    floor, products = 0.0, np.array(program.products)
    for patch, squares in zip(program.patches, solution.squares, strict=True):
        of, links = program.of(patch), list(program.links(patch))
        named = np.array([of.number[product] for product, *_ in patch.products], dtype=np.int64)
        taken = np.concatenate([[link.moment for link in links], named])
        others = np.setdiff1d(np.arange(of.map.shape[1]), taken)
        sums, below = squares_below(of, squares, others, np.zeros(len(others)))
        floor += below
        for (_, sign, which), moment in zip(patch.products, named, strict=True):
            products[which] -= sign * sums[moment]
        for link in links:
            for a, b in link.ends:
                spin, component = divmod(a, 3)
                if b < 0:
                    field[spin, component] += sums[link.moment]
                    continue
                other, along = divmod(b, 3)
                matrix = np.zeros((1, 3, 3))
                matrix[0, component, along] = sums[link.moment]
                T = np.array([link.T]).reshape(1, -1)
                i += [np.array([spin]), np.array([other])]
                j += [np.array([other]), np.array([spin])]
                offset += [T, -T]
                J += [matrix, matrix.swapaxes(1, 2)]
    floor -= float(np.abs(products).sum()) * (1 + UNIT * len(products)) if len(products) else 0.0
    remainder = replace(
        form, i=np.concatenate(i), j=np.concatenate(j), offset=np.concatenate(offset), J=np.concatenate(J), field=field
    )
    return Decomposition(remainder, floor)
