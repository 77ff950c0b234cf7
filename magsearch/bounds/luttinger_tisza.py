"""Rigorous lower bound of the energy per site, of a model in its box or of the infinite crystal.

Luttinger & Tisza, Phys. Rev. 70, 954 (1946), with one multiplier for each sublattice: Lyons & Kaplan, Phys. Rev. 120,
1580 (1960). docs/theory.md has the derivation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from magsearch.bounds.bound import Bound
from magsearch.bounds.domain import EXACT, Domain, domain_of, effort
from magsearch.bounds.molecule_moments import MOST_SPINS, MoleculeBound, molecule_bound
from magsearch.bounds.patches import decompose, neighbouring_triples
from magsearch.bounds.positivity import certified
from magsearch.bounds.product_patches import ProductPatches
from magsearch.bounds.quadratic_form import bonds_of_cell, in_space, quadratic_form
from magsearch.bounds.tangents import tight_form
from magsearch.formatting import counted
from magsearch.model.cells import in_shortest_cells
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.integers import inverse
from magsearch.model.terms.term import UnsupportedTerm

MOST_BONDS = 10**6  # of a cell, for ``takes_seconds`` to build the quadratic form
LARGEST = 1e100  # meV; squares of couplings and their inverses stay within double precision
EFFORT = 1e9  # operations, about ten seconds on one core


def lower_bound(
    hamiltonian: Hamiltonian,
    of: str = "box",
    moments: bool = False,
    tolerance: float = 1e-11,
    watch: Callable[[], None] = lambda: None,
) -> Bound:
    """Compute a rigorous lower bound of the energy per site by Luttinger & Tisza's method with optimal multipliers.

    of         "box" or "crystal"
    moments    try to raise the bound with moments of fourth order on triples of neighbours (``patches``) and on the
               clusters of products of spins (``product_patches``), or of all spins of a small cluster
               (``molecule_moments``): up to minutes
    tolerance  of the proof for the infinite crystal, as a fraction of the strongest spin's couplings
    watch      called repeatedly; an exception that it raises ends the computation

    Raises ValueError for a model without spins, for the crystal of a model that has none (a cluster, or couplings that
    differ from cell to cell), for moments of cells with many spins, and for couplings whose squares overflow or
    underflow; ImportError for moments without Clarabel. The derivation is in docs/theory.md.
    """
    if not hamiltonian.n_spins:
        raise ValueError("has no spins")
    if of == "crystal" and hamiltonian.dipole is not None:
        raise UnsupportedTerm(
            hamiltonian.dipole,
            "the lower bound of the infinite crystal",
            "its J(q) is not a finite sum of waves; there is a bound of the box",
        )
    if of == "crystal" and hamiltonian.waves is not None:
        raise UnsupportedTerm(
            hamiltonian.waves,
            "the lower bound of the infinite crystal",
            "its waves are those of the box; there is a bound of the box",
        )
    U = np.eye(3, dtype=np.int64)
    if of == "crystal" and hamiltonian.uniform:
        hamiltonian, U = in_shortest_cells(hamiltonian)
    form = tight_form(hamiltonian)
    if not 1 / LARGEST < form.scale < LARGEST:
        raise ValueError(
            f"couplings of {form.scale:.0e} meV are too large or too small: rounding is accounted for between "
            f"{1 / LARGEST:.0e} and {LARGEST:.0e} meV"
        )
    domain = domain_of(form, of, tolerance, watch)
    best = _bound(domain, of)
    if moments:
        if form.n_spins > MOST_SPINS:
            raise ValueError(
                f"moments of fourth order need a cell of at most {MOST_SPINS} spins, this one has {form.n_spins}"
            )
        molecule = molecule_bound(hamiltonian, watch)
        if molecule is not None:
            return max(best, _of_molecule(molecule, form.n_spins, of), key=lambda bound: bound.per_site)
        taken = ProductPatches.of(hamiltonian)
        form = in_space(form, hamiltonian.field) if taken is None else taken.form
        domain = domain_of(form, of, tolerance, watch)
        for triples in neighbouring_triples(form):
            patches = triples if taken is None else (*taken.patches, *triples)
            parts = decompose(domain, patches, () if taken is None else taken.products)
            how = f"; moments of fourth order on {counted(len(triples), 'triple')} of spins"
            if taken is not None:
                products = counted(len(taken.products), "product of spins")
                how += f" and on {counted(len(taken.patches), 'patch')} for {products}"
            raised = _bound(replace(domain, form=parts.remainder), of, parts.floor, how)
            best = max(best, raised, key=lambda bound: bound.per_site)
    k = np.array(best.q, dtype=np.float64).reshape(-1, 3) @ inverse(U).T.astype(
        np.float64
    )  # q . n of n cells is (U k) . n' of n' shortest ones
    return replace(best, q=tuple(map(tuple, first_zone(k).tolist())))


def takes_seconds(hamiltonian: Hamiltonian) -> bool:
    """Return whether the bound of the box takes at most about ten seconds and a few hundred megabytes.

    The estimate depends on the model alone, so that decisions based on it are equal on every machine.
    """
    if not hamiltonian.n_spins or bonds_of_cell(hamiltonian) > MOST_BONDS:
        return False
    return effort(quadratic_form(hamiltonian)) <= EFFORT


def _bound(domain: Domain, of: str, floor: float = 0.0, how: str = "") -> Bound:
    """Return the bound from the optimal multipliers of a domain; ``floor``: the bound of the patches, meV per cell."""
    form, solution = domain.form, domain.solve()
    values, proof = solution.values + solution.proof.shift, solution.proof
    per_cell, rounding = certified(form, values, solution.mean)
    spins = f"{form.n_spins} spin{'s' * (form.n_spins > 1)} of the {'cell' if form.dimension else 'cluster'}"
    return Bound(
        per_site=float(np.nextafter((per_cell + floor) / form.n_spins, -np.inf)),
        of=of,
        method=f"Luttinger-Tisza, best multipliers of {spins}; {proof.method}{how}",
        margin=proof.shift / 2 + rounding / form.n_spins + EXACT * form.scale,
        q=tuple(map(tuple, solution.touching.tolist())),
        multipliers=tuple(values.tolist()),
        scale=form.scale,
        mean=tuple(map(tuple, solution.mean.tolist())),
        moments=bool(how),
    )


def _of_molecule(molecule: MoleculeBound, spins: int, of: str) -> Bound:
    """Return the bound of a cluster: no couplings are left to multipliers."""
    how = f", alike under {molecule.permutations} permutations" if molecule.permutations > 1 else ""
    return Bound(
        per_site=float(np.nextafter(molecule.below / spins, -np.inf)),
        of=of,
        method=f"moments of fourth order of all {spins} spins{how}",
        margin=molecule.margin / spins,
        q=(),
        multipliers=(0.0,) * spins,
        scale=molecule.scale,
        mean=((0.0,),) * spins,
        moments=True,
    )


def first_zone(k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fold k [q, 3] into - 1/2 ... 1/2; of q and -q choose the one whose first nonzero component is positive."""
    inside = k - np.rint(k - 1e-9)
    begins = np.take_along_axis(inside, (np.abs(inside) > 1e-9).argmax(axis=1)[:, None], axis=1)
    return inside * np.where(begins < 0, -1.0, 1.0) + 0.0
