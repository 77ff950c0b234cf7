"""The energy as a quadratic form of the spins of one cell, with one Hermitian matrix for each wave vector.

With s_a(q) = N^-1/2 sum_T s_a(T) exp(-i q.T) over the N cells of a crystal,

    E = - 1/2 sum_q s(q)* M(q) s(q) - sqrt(N) h . s(0) + N constant,    M(q) = J(q) + 2 A,    h_a = mu_B m_a B.

Along open axes, and in models whose couplings differ from cell to cell, there are no wave vectors: there the "cell" is
the whole box along that axis, and each of its spins is a sublattice of its own. Luttinger & Tisza, Phys. Rev. 70, 954
(1946); the notation is that of docs/theory.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from magsearch.bounds.periods import home_cells
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.integers import hermite
from magsearch.model.terms.term import Below, UnsupportedTerm

PHASES = 10_000_000  # complex numbers in memory at once


@dataclass(frozen=True, eq=False)
class QuadraticForm:
    """Quadratic form of the energy: couplings of the spins of one cell with each other and with those of other cells.

    n_spins     n, spins of a cell
    components  c: 3, or 1 where the energy depends on the angles between spins (and on their component along the
                field) alone; then all matrices act on each component alike
    i, j        [bond], 0 ... n - 1; the quadratic anisotropy is a bond of a spin with itself, J = 2 A
    period      [dimension, 3], cells: a basis of the translations on which M(q) depends
    offset      [bond, dimension], periods from i to j
    J           [bond, c, c], meV
    field       [spin, c], h = mu_B m B, meV; with one component along the field
    constant    meV per cell: the least that terms of higher order add
    exact       whether the form equals the energy, without terms of higher order
    size        cells of the finite box along each axis; 1 where layers along an open axis are spins of one cell
    spin_of     [site of the box], index of its spin in the cell; -1 at vacancies
    home        [spin, 3], the cell in which each spin of the cell at the origin lies (``home_cells``)
    """

    n_spins: int
    components: int
    i: NDArray[np.int64]
    j: NDArray[np.int64]
    period: NDArray[np.int64]
    offset: NDArray[np.int64]
    J: NDArray[np.float64]
    field: NDArray[np.float64]
    constant: float
    exact: bool
    size: tuple[int, int, int]
    spin_of: NDArray[np.int64]
    home: NDArray[np.int64]

    @property
    def order(self) -> int:
        """Number of rows of M(q), n c."""
        return self.n_spins * self.components

    @property
    def dimension(self) -> int:
        """Dimension of the space of wave vectors; 0 for a cluster."""
        return len(self.period)

    @cached_property
    def dual(self) -> NDArray[np.float64]:
        """Wave vectors k [dimension, 3] with period . dual = 1, in units of the reciprocal vectors."""
        return np.linalg.pinv(self.period.astype(float).reshape(-1, 3)).T.reshape(-1, 3)

    @cached_property
    def reach(self) -> float:
        """Upper bound of the norm of every M(q) in meV: the largest sum of |J_ij| over the bonds of one spin."""
        return float(self.row_sum(np.ones((1, len(self.i))))[0])

    @cached_property
    def scale(self) -> float:
        """Energy scale in meV for tolerances: the larger of ``reach`` and the largest |h_a|; 1 if both are zero."""
        return max(self.reach, float(np.linalg.norm(self.field, axis=1).max(initial=0.0))) or 1.0

    @cached_property
    def most_bonds(self) -> int:
        """Largest number of bonds of one spin."""
        return int(np.bincount(self.i, minlength=self.n_spins).max(initial=0))

    @cached_property
    def strength(self) -> NDArray[np.float64]:
        """Spectral norm of every bond's matrix, [bond] meV, rounded up."""
        return np.linalg.norm(self.J, ord=2, axis=(1, 2)) * (1 + 1e-12)

    @cached_property
    def _incidence(self) -> sparse.csr_array:
        """Matrix [spin, bond] with |J| of each bond in the row of its first spin."""
        return sparse.csr_array((self.strength, (self.i, np.arange(len(self.i)))), shape=(self.n_spins, len(self.i)))

    def row_sum(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return an upper bound of the norm of sum_bonds weight J exp(i q.T) in meV: the largest row sum of weight |J|.

        weight  [q, bond]; the result is [q]
        """
        return np.asarray((self._incidence @ weight.T).max(axis=0))

    @cached_property
    def _entries(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column of M for every element of every bond's matrix, [bond c c] each."""
        c = np.arange(self.components)
        row, column = np.broadcast_arrays(
            self.i[:, None, None] * self.components + c[:, None], self.j[:, None, None] * self.components + c
        )
        return row.ravel(), column.ravel()

    @cached_property
    def _scatter(self) -> sparse.csr_array:
        """Linear map [order^2, bond] from the phases exp(i q.T) of the bonds to the elements of M(q)."""
        (row, column), bond = self._entries, np.repeat(np.arange(len(self.i)), self.components**2)
        shape = (self.order**2, len(self.i))
        return sparse.csr_array((self.J.ravel(), (row * self.order + column, bond)), shape=shape)

    def matrices(self, k: ArrayLike, *derivative: int) -> NDArray[np.complex128]:
        """Return M(q), or a derivative of it, [q, order, order] in meV.

        k           [q, 3], q = sum_axis k_axis b_axis with the reciprocal vectors b
        derivative  indices of the rows of ``dual`` along which M is differentiated
        """
        every = np.asarray(k, dtype=np.float64).reshape(-1, 3)
        if len(every) > 1 and len(every) * len(self.i) > PHASES:
            parts = np.array_split(every, min(len(every), -(-len(every) * len(self.i) // PHASES)))
            return np.concatenate([self.matrices(part, *derivative) for part in parts])
        turns = every @ self.period.T
        phase = np.exp(2j * np.pi * (turns @ self.offset.T))
        for along in derivative:
            phase *= 2j * np.pi * self.offset[:, along]
        return np.asarray((self._scatter @ phase.T).T).reshape(-1, self.order, self.order)

    @cached_property
    def uniform(self) -> sparse.csr_array:
        """M at q = 0 in meV, [order, order], real; sparse because clusters can be large."""
        return sparse.csr_array(sparse.coo_array((self.J.ravel(), self._entries), shape=(self.order, self.order)))

    def wave_vectors(self) -> NDArray[np.float64]:
        """Return the wave vectors k [q, 3] of the finite box with different M(q); one of q and -q, 0 first."""
        index = np.stack(np.meshgrid(*map(np.arange, self.size), indexing="ij"), axis=-1).reshape(-1, 3)
        whole = math.lcm(*self.size)
        turns = (index * (whole // np.array(self.size))) @ self.period.T % whole
        place, shape = np.zeros(len(index), dtype=np.int64), (whole,) * self.dimension
        if self.dimension:
            place, opposite = (np.ravel_multi_index(tuple(t.T), shape) for t in (turns, -turns % whole))
            place = np.minimum(place, opposite)
        first = np.sort(np.unique(place, return_index=True)[1])
        return index[first] / np.array(self.size)

    def rounding(self) -> float:
        """Return an upper bound of the rounding error of M(q) in double precision, meV.

        The error of exp(i q.T) is a few times |q.T| units in the last place, that of a sum of b terms b of them.
        """
        turns = np.abs(self.offset @ self.period).sum(axis=1).max(initial=0)
        return float(np.finfo(float).eps * self.reach * (self.most_bonds + 64 + 128 * turns))


def in_space(form: QuadraticForm, field: ArrayLike) -> QuadraticForm:
    """Return the form with three components per spin.

    field  [3] in any unit; only its direction is used
    """
    if form.components == 3:
        return form
    B = np.asarray(field, dtype=np.float64)
    direction = B / np.linalg.norm(B) if B.any() else B
    return replace(form, components=3, J=form.J * np.eye(3), field=form.field * direction)


def _axes(hamiltonian: Hamiltonian) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which axes couplings cross, and which of these are open: the layers along them are spins of one cell."""
    crossed = (hamiltonian.bonds.offset != 0).any(axis=0)
    if hamiltonian.joined:
        crossed = crossed | (np.array(hamiltonian.lattice.size) > 1)
    return crossed, crossed & ~np.array(hamiltonian.lattice.periodic)


def folded_axes(hamiltonian: Hamiltonian) -> NDArray[np.bool_]:
    """Return the axes along which all layers of the box belong to one cell of the form: open, crossed by couplings."""
    return _axes(hamiltonian)[1]


def bonds_of_cell(hamiltonian: Hamiltonian) -> float:
    """Estimate the number of bonds of the model's quadratic form, without building it."""
    layers = np.where(_axes(hamiltonian)[1], hamiltonian.lattice.size, 1).prod()
    spins = layers * hamiltonian.lattice.atoms if hamiltonian.uniform else hamiltonian.n_spins
    return float(spins * (hamiltonian.coordination + (hamiltonian.n_spins if hamiltonian.joined else 0)))


def quadratic_form(hamiltonian: Hamiltonian) -> QuadraticForm:
    """Return a quadratic form that is nowhere above the energy for spins of unit length, meV per cell.

    Each term gives a form that is never above it (``Term.relaxed_below``); UnsupportedTerm is raised where one cannot.
    """
    lattice, below, dipole = hamiltonian.lattice, _below(hamiltonian), hamiltonian.dipole
    waves = hamiltonian.waves
    if hamiltonian.uniform:
        bonds = hamiltonian.bonds if dipole is None else hamiltonian.bonds + dipole.bonds(hamiltonian)
        if waves is not None:
            bonds = bonds + waves.bonds(hamiltonian)
        crossed, folded = _axes(hamiltonian)
        slab = replace(lattice, size=tuple(np.where(folded, lattice.size, 1).tolist()))
        there = slab.neighbours(bonds.offset)
        bond, cell = np.nonzero(there >= 0)
        i, j = cell * lattice.atoms + bonds.i[bond], there[bond, cell] * lattice.atoms + bonds.j[bond]
        offset, J = np.where(folded, 0, bonds.offset[bond]), bonds.J[bond]
        layer = np.ravel_multi_index(tuple((lattice.coordinates * folded).T), slab.size, order="F")
        spin_of = (layer[:, None] * lattice.atoms + np.arange(lattice.atoms)).ravel()
        size = tuple(np.where(crossed & ~folded, lattice.size, 1).tolist())
    else:
        size, directed = (1, 1, 1), hamiltonian.directed
        spin_of = np.where(hamiltonian.occupied, np.cumsum(hamiltonian.occupied) - 1, -1)
        i, j, J = directed.i, directed.j, directed.J
        if dipole is not None:
            one, other, row, matrices = dipole.on_sites(hamiltonian)
            i, j, J = np.concatenate([i, one]), np.concatenate([j, other]), np.concatenate([J, matrices[row]])
        if waves is not None:
            one, other, matrices = waves.on_sites(hamiltonian)
            i, j, J = np.concatenate([i, one]), np.concatenate([j, other]), np.concatenate([J, matrices])
        i, j = spin_of[i], spin_of[j]
        offset = np.zeros((len(i), 3), dtype=np.int64)
    spins = int(spin_of.max(initial=-1)) + 1
    spin = np.arange(spins)
    first = np.unique(spin_of, return_index=True)[1][-spins:]  # a site of each spin
    A = below.A[first]
    home = home_cells(spins, i, j, offset)
    offset = offset - home[j] + home[i]
    period = hermite(offset)
    i, j, J = np.concatenate([i, spin]), np.concatenate([j, spin]), np.concatenate([J, 2 * A])
    offset = np.concatenate([offset, np.zeros((spins, 3), dtype=np.int64)])
    offset = np.rint(offset @ np.linalg.pinv(period.astype(float).reshape(-1, 3))).astype(np.int64)
    B, field = np.array(hamiltonian.field), below.field[first]
    along = field @ (B / (np.linalg.norm(B) or 1.0))
    if np.array_equal(J, J[:, :1, :1] * np.eye(3)) and np.allclose(
        field, np.outer(along, B / (np.linalg.norm(B) or 1.0))
    ):
        J, field = J[:, :1, :1], along[:, None]  # isotropic: the spins may be turned all together
    constant = float(below.constant[first].sum())
    return QuadraticForm(spins, J.shape[1], i, j, period, offset, J, field, constant, below.exact, size, spin_of, home)


def _below(hamiltonian: Hamiltonian) -> Below:
    """Add the bounds of all terms up. UnsupportedTerm where a term has none."""
    total = Below.nothing(hamiltonian)
    for term in hamiltonian.terms:
        bound = term.relaxed_below(hamiltonian)
        if bound is None:
            raise UnsupportedTerm(term, "the lower bound", "no quadratic form below it is known")
        total = Below(
            total.A + bound.A, total.field + bound.field, total.constant + bound.constant, total.exact and bound.exact
        )
    return total
