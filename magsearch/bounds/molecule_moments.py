"""Bound of a small cluster with isotropic couplings from the moments of all of its spins up to fourth order.

The second level of Lasserre's hierarchy (SIAM J. Optim. 11, 796 (2001)) for the whole cluster, in a field or without:
its energy is a combination of the moments of ``axial``, of which the semidefinite program finds the least. What
rotations about the field and permutations of the spins leave (``orbits``) is small: the icosahedron has 157 unknowns,
and matrices of at most 12 rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from magsearch.bounds.axial import along, blocks, renamed, uniform
from magsearch.bounds.invariants import Product, both, pair
from magsearch.bounds.moment_path import least
from magsearch.bounds.moments import Moments
from magsearch.bounds.orbits import permutations, representative, symmetric_moments
from magsearch.bounds.product_patches import energies_of_products, without_products
from magsearch.bounds.quadratic_form import QuadraticForm
from magsearch.model.hamiltonian import Hamiltonian

MOST_SPINS = 20  # for moments of fourth order
OPERATIONS = 1e10  # of a Newton step, some seconds


@dataclass(frozen=True)
class MoleculeBound:
    """Lower bound of the energy of a cluster.

    below         meV, of all spins
    margin        meV by which rounding and the tolerances of the method lower it
    permutations  of the spins that leave the energy as it is
    scale         meV, couplings and field at the strongest spin
    """

    below: float
    margin: float
    permutations: int
    scale: float


def molecule_bound(hamiltonian: Hamiltonian, watch: Callable[[], None] = lambda: None) -> MoleculeBound | None:
    """Compute the bound; None for what is not a small cluster with isotropic couplings, or has too little symmetry.

    Products of spins are isotropic couplings, chiralities are left out.

    watch  called repeatedly
    """
    terms, form = without_products(hamiltonian)
    if form.dimension or form.components > 1 or not form.exact or not 0 < form.n_spins <= MOST_SPINS:
        return None
    if any(term.constants[:, 3].any() for term in terms):
        return None
    energy = _energy(form)
    for key, value in energies_of_products(terms, hamiltonian, form).items():
        moment = both(*(pair(i, j) for (i, _), (j, _) in key))
        energy[moment] = energy.get(moment, 0.0) + value
    squared = energy.pop((), 0.0)  # of a spin with itself
    exchange = {moment: value for moment, value in energy.items() if value}

    def keeps(to: tuple[int, ...]) -> bool:
        return all(exchange.get(renamed(moment, to)) == value for moment, value in exchange.items())

    group = permutations(form.uniform.toarray(), form.field[:, 0].tolist(), keeps)
    field = bool(form.field.any())
    of = symmetric_moments(blocks(form.n_spins, field), group, OPERATIONS)
    if of is None:
        return None
    wanted, rounding = _on_orbits(exchange, of, group)
    start = np.array([uniform(moment) for moment in of.number])
    below, lost = least(of, wanted, start, watch)
    below += form.constant + squared - rounding
    return MoleculeBound(below, lost + rounding, len(group), form.scale)


def _energy(form: QuadraticForm) -> dict[Product, float]:
    """Return the coefficient of each moment in the energy of a cluster, meV."""
    energy: dict[Product, float] = {}
    for i, j, J in zip(form.i.tolist(), form.j.tolist(), form.J[:, 0, 0].tolist(), strict=True):
        energy[pair(i, j)] = energy.get(pair(i, j), 0.0) - J / 2
    for i, h in enumerate(form.field[:, 0].tolist()):
        energy[along(i)] = -h
    return energy


def _on_orbits(
    energy: dict[Product, float], of: Moments, group: list[tuple[int, ...]]
) -> tuple[NDArray[np.float64], float]:
    """Return the coefficients [moment] of the energy, and a bound of the rounding errors of all sums in it, meV."""
    total = np.zeros(of.map.shape[1])
    for moment, value in energy.items():
        total[of.number[representative(moment, group)]] += value
    return total, float(np.finfo(float).eps * (len(energy) + 64) * sum(map(abs, energy.values())))
