"""Quadratic forms below biquadratic exchange that raises the energy of collinear spins.

With u = s_i . s_j, b u^2 is for b > 0 nowhere below its tangent at any t,

    b u^2 >= 2 b t u - b t^2,

which is exchange and a constant. The t that give the best bound are those of the ground state where all equivalent
pairs have one u: then the bound is as tight as without b (the tetrahedral triple-q state, t = -1/3). Any t gives a
bound, so that they need not be accurate: pairs of one length and constant share a t, and these maximise the bound with
one multiplier for all spins, a concave function of them. For b < 0, b u^2 is at least b, which ``SpinProducts.least``
has.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from magsearch.bounds.quadratic_form import QuadraticForm, quadratic_form
from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.products import SpinProducts

LARGEST = 96  # rows of M(q) up to which tangents are chosen; beyond, they are horizontal, t = 0
NUMBERS = 200_000  # complex numbers of the matrices that are compared at once: a part of the wave vectors is enough
DIGITS = 6  # of lengths and constants that count as equal
STEPS = 48  # of a golden section
ROUNDS = 3  # times that every t is chosen in turn
GOLDEN = 0.5 * (5**0.5 - 1)
ROUNDING = 1e-13  # of couplings and constants: more than their sums round


def tight_form(hamiltonian: Hamiltonian) -> QuadraticForm:
    """Return a quadratic form that is nowhere above the energy, as ``quadratic_form``, with the best tangents.

    UnsupportedTerm where a term has no form below it.
    """
    pairs = _Pairs.of(hamiltonian)
    if pairs is None:
        return quadratic_form(hamiltonian)
    return pairs.form(pairs.best())


class _Pairs:
    """The pairs whose squares are replaced by tangents, in groups that share one t."""

    def __init__(self, rest: Hamiltonian, pairs: Bonds, b: NDArray[np.float64], group: NDArray[np.int64]):
        self.rest, self.pairs, self.b, self.group = rest, pairs, b, group
        self.groups = int(group.max()) + 1

    @classmethod
    def of(cls, hamiltonian: Hamiltonian) -> _Pairs | None:
        """Take the pairs out of a Hamiltonian; None without any."""
        left, ends = [], []
        for term in hamiltonian.others:
            if not isinstance(term, SpinProducts):
                left.append(term)
                continue
            some = term.squares > 0
            ends += [
                (atoms[0], atoms[1], *(cells[1] - cells[0]), b)
                for atoms, cells, b in zip(term.atoms[some], term.cells[some], term.squares[some], strict=True)
            ]
            if not some.all():
                kept = {key: getattr(term, key)[~some] for key in ("atoms", "cells", "constants")}
                left.append(replace(term, **kept, source=()))
        if not ends:
            return None
        table = np.array(ends, dtype=np.float64)
        i, j, offset, b = table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:5].astype(int), table[:, 5]
        lattice = hamiltonian.lattice
        length = np.linalg.norm(lattice.basis[j] - lattice.basis[i] + offset @ lattice.cell, axis=1)
        kinds = np.round(np.stack([length, b], axis=1), DIGITS)
        group = np.unique(kinds, axis=0, return_inverse=True)[1].reshape(-1)
        both = Bonds.pairs(i, j, np.zeros((len(i), 3, 3)), offset)
        return cls(replace(hamiltonian, others=tuple(left)), both, b, group)

    def form(self, t: NDArray[np.float64]) -> QuadraticForm:
        """Return the form with tangents at t [group].

        Its constant belongs to the couplings as they are rounded: b u^2 + J u >= - J^2 / 4 b for any J.
        """
        h, J = self.rest, -2 * self.b * t[self.group]
        bonds = (h.bonds + self.pairs.with_matrices(exchange_matrix(np.tile(J, 2)))).merged()
        form = quadratic_form(replace(h, bonds=bonds))
        rounded = ROUNDING * (np.abs(J) + np.abs(bonds.J).max(initial=0.0))
        of_cell = -((1 + ROUNDING) * J**2 / (4 * self.b) + rounded).sum()
        cells = form.n_spins / h.lattice.atoms if h.uniform else h.lattice.cells  # of the lattice in one of the form
        return replace(form, constant=form.constant + float(cells * of_cell), exact=False)

    def best(self) -> NDArray[np.float64]:
        """Return the t [group] of the best bound with one multiplier, or zeros for large cells."""
        t, flat = np.zeros(self.groups), self.form(np.zeros(self.groups))
        if flat.order > LARGEST:
            return t
        k = flat.wave_vectors()
        most = max(NUMBERS // (flat.order**2 * (self.groups + 1)), 1)
        k = k[:: -(-len(k) // most)]
        M = flat.matrices(k)
        forms = [self.form(one) for one in np.eye(self.groups)]
        changes = [form.matrices(k) - M for form in forms]
        constants = np.array([form.constant - flat.constant for form in forms])

        def bound(t: NDArray[np.float64]) -> float:
            turned = M + sum(x * change for x, change in zip(t, changes, strict=True))
            top = float(np.linalg.eigvalsh(turned)[:, -1].max())
            return _with_field(turned[0], flat.field.ravel(), top, flat.n_spins) + float(constants @ t**2)

        for _ in range(ROUNDS if self.groups > 1 else 1):
            for n in range(self.groups):
                low, high = -1.0, 1.0
                for _ in range(STEPS):
                    left, right = t.copy(), t.copy()
                    left[n], right[n] = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
                    low, high = (left[n], high) if bound(left) < bound(right) else (low, right[n])
                t[n] = 0.5 * (low + high)
        return t


def _with_field(M: NDArray[np.complex128], h: NDArray[np.float64], top: float, spins: int) -> float:
    """Return max over L >= top of - (L spins + h . (L - M)^-1 h) / 2, meV a cell; ``top``: largest eigenvalue."""
    if not h.any():
        return -0.5 * spins * top
    values, vectors = np.linalg.eigh(M)
    weight = np.abs(vectors.conj().T @ h) ** 2
    above = float(np.sqrt(weight.sum() / spins))
    L = top + above * np.linspace(1e-6, 1, 400)
    return float((-0.5 * (spins * L + (weight / (L[:, None] - values)).sum(axis=1))).max())
