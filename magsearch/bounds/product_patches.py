"""Patches for products of spins of several sites: their energy becomes a part of the moments of the patches.

Every product (s_i . s_j)(s_k . s_l) and every chirality of a cell is a moment of fourth or third order of each patch
that contains its sites. The semidefinite program (``semidefinite``) minimises the sum of their energies and that of the
waves; what the products of neighbouring clusters cannot do at once, and what they cannot do together with the
bilinear couplings of a patch, raises the bound above the sum of their least energies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from magsearch.bounds.invariants import Product, both, chirality, pair
from magsearch.bounds.quadratic_form import QuadraticForm, folded_axes, in_space, quadratic_form
from magsearch.bounds.semidefinite import Patch, Site, Sites
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.products import PAIRINGS, SpinProducts

MOST = 7  # sites of a patch
Factor = tuple[Site, ...]  # the two sites of a scalar product, or the three of a chirality
Key = tuple[Factor, ...]


@dataclass(frozen=True, eq=False)
class ProductPatches:
    """A quadratic form without the products of spins, and patches that have them.

    form      three components per spin
    patches   of the products, all of which are in one of them or in several
    products  [product] meV per cell
    """

    form: QuadraticForm
    patches: tuple[Patch, ...]
    products: tuple[float, ...]

    @classmethod
    def of(cls, hamiltonian: Hamiltonian) -> ProductPatches | None:
        """Take the products of spins out of a Hamiltonian; None if it has none."""
        terms, form = without_products(hamiltonian)
        if not terms:
            return None
        form = replace(in_space(form, hamiltonian.field), exact=False)
        energies = energies_of_products(terms, hamiltonian, form)
        clusters = {
            _placed(tuple(sorted(set(sites)))): None
            for term in terms
            for sites, _ in _clusters(term, hamiltonian, form)
        }
        number = {key: n for n, key in enumerate(energies)}
        patches = tuple(_patch(sites, number) for sites in _grown(tuple(clusters)))
        return cls(form, patches, tuple(energies.values()))


def without_products(hamiltonian: Hamiltonian) -> tuple[list[SpinProducts], QuadraticForm]:
    """Return the products of spins of a Hamiltonian, and the quadratic form of its other terms."""
    terms = [term for term in hamiltonian.others if isinstance(term, SpinProducts) and term.constants.any()]
    left = tuple(term for term in hamiltonian.others if not isinstance(term, SpinProducts))
    bare = replace(hamiltonian, others=left)
    if hamiltonian.uniform:  # pairs of every cluster belong to the bonds that span the crystal
        joined = [
            Bonds.pairs(
                term.atoms[:, 0], term.atoms[:, n], np.zeros((len(term), 3, 3)), term.cells[:, n] - term.cells[:, 0]
            )
            for term in terms
            for n in range(1, 4)
        ]
        apart = [bonds.at(np.flatnonzero(bonds.offset.any(axis=1) | (bonds.i != bonds.j))) for bonds in joined]
        bare = replace(bare, bonds=sum(apart, bare.bonds).merged())
    return terms, quadratic_form(bare)


def energies_of_products(terms: list[SpinProducts], hamiltonian: Hamiltonian, form: QuadraticForm) -> dict[Key, float]:
    """Return the energy of every product of spins of a cell of the form, meV."""
    energies: dict[Key, float] = {}
    for term in terms:
        for sites, constants in _clusters(term, hamiltonian, form):
            for key, sign, constant in _products(sites, constants):
                energies[key] = energies.get(key, 0.0) - sign * constant
    return energies


def _clusters(term: SpinProducts, hamiltonian: Hamiltonian, form: QuadraticForm) -> Iterator[tuple[Sites, list[float]]]:
    """Yield the four sites of every cluster of a cell of the form, as spins and cells, and its constants."""
    if not hamiltonian.uniform:
        every, number = term.on_sites(hamiltonian)
        for row, k in zip(form.spin_of[every].tolist(), number.tolist(), strict=True):
            yield tuple((spin, ()) for spin in row), term.constants[k].tolist()
        return
    lattice, folded = hamiltonian.lattice, folded_axes(hamiltonian)
    slab = replace(lattice, size=tuple(np.where(folded, lattice.size, 1).tolist()))
    period = np.linalg.pinv(form.period.astype(float).reshape(-1, 3))
    for atoms, cells, constants in zip(term.atoms, term.cells - term.cells[:, :1], term.constants, strict=True):
        layer = slab.neighbours(cells).T  # [cell of the slab, 4]
        for spins in layer[(layer >= 0).all(axis=1)] * lattice.atoms + atoms:
            place = np.where(folded, 0, cells) - form.home[spins]
            T = np.rint((place - place[0]) @ period).astype(int)
            yield tuple((int(s), tuple(t)) for s, t in zip(spins, T.tolist(), strict=True)), constants.tolist()


def _products(sites: Sites, constants: list[float]) -> Iterator[tuple[Key, float, float]]:
    """Yield the products of a cluster, their signs and constants."""
    for pairing, constant in zip(PAIRINGS, constants, strict=False):
        if constant:
            yield _key(tuple(tuple(sites[n] for n in two) for two in pairing)), 1.0, constant
    if constants[3]:
        order = sorted(range(3), key=lambda n: sites[n])
        _, sign = chirality(*(order.index(n) for n in range(3)))
        yield _key((tuple(sites[n] for n in order),)), sign, constants[3]


def _moved(site: Site, origin: tuple[int, ...]) -> Site:
    return site[0], tuple(x - y for x, y in zip(site[1], origin, strict=True))


def _key(product: Key) -> Key:
    """Return the same product in an order and a cell of its own."""
    first = min((place for part in product for place in part), key=lambda site: (site[1], site[0]))
    return tuple(sorted(tuple(sorted(_moved(site, first[1]) for site in part)) for part in product))


def _placed(sites: Sites) -> Sites:
    """Return the sites moved to a cell of their own."""
    first = min(T for _, T in sites)
    return tuple(sorted(_moved(site, first) for site in sites))


def _grown(clusters: tuple[Sites, ...]) -> list[Sites]:
    """Return sets of up to ``MOST`` sites which contain all clusters, each as many as it can."""
    found: list[Sites] = []
    for cluster in clusters:
        if any(set(image) <= set(patch) for patch in found for image in _images(cluster, patch)):
            continue
        patch = set(cluster)
        while True:
            more: dict[Sites, int] = {}
            for other in clusters:
                for image in _images(other, tuple(patch)):
                    missing = tuple(sorted(set(image) - patch))
                    if missing and len(patch) + len(missing) <= MOST:
                        more[missing] = more.get(missing, 0) + 1
            if not more:
                break
            *_, missing = min((len(missing), -count, missing) for missing, count in more.items())
            patch |= set(missing)
        found.append(tuple(sorted(patch)))
    return found


def _images(cluster: Sites, patch: Sites) -> set[Sites]:
    """Return the translations of a cluster that have a site in a patch."""
    images = set()
    for spin, T in patch:
        for other, U in cluster:
            if other == spin:
                shift = tuple(u - t for t, u in zip(T, U, strict=True))
                images.add(tuple(_moved(site, shift) for site in cluster))
    return images


def _patch(sites: Sites, number: dict[Key, int]) -> Patch:
    """Return the patch of some sites, with every product of the energy that lies in it."""
    named: list[tuple[Product, float, int]] = []
    span = range(len(sites))
    pairs = [(i, j) for i in span for j in span if i < j]
    for n, one in enumerate(pairs):
        for other in pairs[n:]:
            key = _key(tuple(tuple(sites[k] for k in two) for two in (one, other)))
            if key in number:
                named.append((both(pair(*one), pair(*other)), 1.0, number[key]))
    for three in ((i, j, k) for i, j in pairs for k in range(j + 1, len(sites))):
        order = sorted(three, key=lambda n: sites[n])
        key = _key((tuple(sites[n] for n in order),))
        if key in number:
            product, sign = chirality(*order)
            named.append((product, sign, number[key]))
    return Patch(sites, tuple(named))
