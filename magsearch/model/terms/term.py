"""Protocol of a term of the Hamiltonian, and the error for a term that a consumer cannot handle.

Consumers iterate over ``Hamiltonian.terms``. A consumer that cannot handle a term raises ``UnsupportedTerm`` when it is
constructed; no term is ever left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from magsearch.model.lattice import Lattice
from magsearch.model.terms.onsite import OnsiteEntries


class UnsupportedTerm(ValueError):
    """A consumer cannot handle a term of the Hamiltonian; the message names both."""

    def __init__(self, term: Term, consumer: str, why: str):
        super().__init__(f"{consumer} cannot handle the term '{term.name}' ({type(term).__name__}): {why}")
        self.term, self.consumer = term, consumer


class Sites(Protocol):
    """Properties of the Hamiltonian that its terms may use."""

    @property
    def lattice(self) -> Lattice:
        """Where the spins are."""
        ...

    @property
    def moments(self) -> NDArray[np.float64] | float:
        """Moments [atom] or [site], Bohr magnetons."""
        ...

    @property
    def site_moments(self) -> NDArray[np.float64]:
        """Moments [site], Bohr magnetons, 0 at vacancies."""
        ...

    @property
    def occupied(self) -> NDArray[np.bool_]:
        """False at vacancies, [site]."""
        ...

    @property
    def uniform(self) -> bool:
        """Whether every cell is like every other."""
        ...


class Space(Protocol):
    """An isometry of the crystal, as ``symmetry.space_group.SpaceOperation`` describes it."""

    @property
    def W(self) -> NDArray[np.int64]:
        """Linear part in cells, [3, 3]: offset -> offset @ W."""
        ...

    @property
    def image(self) -> NDArray[np.int64]:
        """Where each atom of the basis goes, [atom]."""
        ...

    @property
    def cells(self) -> NDArray[np.int64]:
        """Into which cell each atom of the basis goes, [atom, 3]."""
        ...


@dataclass(frozen=True, eq=False)
class Below:
    """A lower bound of a term that is quadratic in the spins: sum_i (constant_i - h_i.s_i - s_i.A_i s_i) <= E.

    A         [site, 3, 3] meV
    field     [site, 3] meV, h
    constant  [site] meV
    exact     whether the bound equals the term for spins of unit length
    """

    A: NDArray[np.float64]
    field: NDArray[np.float64]
    constant: NDArray[np.float64]
    exact: bool

    @classmethod
    def nothing(cls, sites: Sites) -> Below:
        """Return the bound that adds nothing on site: that of couplings, which are bonds of the form."""
        n = sites.lattice.sites
        return cls(np.zeros((n, 3, 3)), np.zeros((n, 3)), np.zeros(n), True)


class Term(Protocol):
    """A term of the Hamiltonian. Implementations are frozen dataclasses; ``sites`` is the Hamiltonian they belong to.

    name            of its part of the energy, in reports and errors: "zeeman"
    unit            of its constants: "meV"
    linear_in_spin  whether the energy is linear in each spin, the others held: then the heat bath is exact
    spin_orbit      whether the term ties the directions of spins to those of the lattice
    """

    @property
    def name(self) -> str:
        """Name of its part of the energy."""
        ...

    @property
    def unit(self) -> str:
        """Unit of its constants."""
        ...

    @property
    def linear_in_spin(self) -> bool:
        """Whether the energy is linear in each spin, the others held."""
        ...

    @property
    def spin_orbit(self) -> bool:
        """Whether the term ties the directions of spins to those of the lattice."""
        ...

    def check(self, sites: Sites) -> None:
        """Raise ValueError for constants that make no sense and for atoms or sites that do not exist."""
        ...

    def energies(self, sites: Sites, spins: NDArray[Any]) -> NDArray[np.float64]:
        """Return the energy of every site in meV, [..., site], for spins [..., site, 3].

        The energy of a coupling is shared equally among its sites.
        """
        ...

    def fill(self, entries: OnsiteEntries) -> bool:
        """Add the parameters that kernels read. False: no kernel computes this term."""
        ...

    def stiffness(self, sites: Sites) -> NDArray[np.float64]:
        """Return a bound of how strongly each spin is held, [site] meV."""
        ...

    def quadratic(self, sites: Sites) -> NDArray[np.float64]:
        """Return A of the part - s.A s that is quadratic in the spin of one atom, [atom, 3, 3] meV."""
        ...

    def invariant_under(
        self, sites: Sites, space: Space, turns: NDArray[np.float64], tolerance: float
    ) -> NDArray[np.bool_]:
        """Return whether the energy stays where ``space`` moves the sites and each matrix turns the spins, [turn].

        turns      [turn, 3, 3] orthogonal; -1 is time reversal
        tolerance  allowed mismatch, as a fraction of the term's largest constant
        """
        ...

    def directions(self, sites: Sites) -> NDArray[np.float64]:
        """Return matrices [part, 3, 3] that turn with the spins, one for all that ties spins to directions.

        A rotation of all spins by any angle leaves the term as it is only where it commutes with all of them.
        """
        ...

    def turns(self, sites: Sites) -> NDArray[np.float64]:
        """Return orthogonal matrices [turn, 3, 3] that may leave the term as it is, the identity first, or none.

        Reflections of the principal axes of ``directions`` are tried in any case.
        """
        ...

    def relaxed_below(self, sites: Sites) -> Below | None:
        """Return a quadratic form that is never above the term, or None: then no bound is computed."""
        ...
