"""The spin Hamiltonian, and the convention of its energy.

    E(s) = - 1/2 sum_{i != j} s_i . J_ij s_j - sum_i [K (s_i . n)^2 + K4 (s_i . n)^4]
           + sum_i Kc (x^2 y^2 + y^2 z^2 + z^2 x^2)_i + sum_i B_kq O_k^q(s_i) - mu_B sum_i m_i B . s_i
           - sum_pairs B_ij (s_i . s_j)^2 - sum_clusters [K_ijkl (s_i . s_j)(s_k . s_l) + T_ijk s_i . (s_j x s_k)]
           - sum_clusters (s_i . A s_j)(s_k . B s_l)
           - 1/2 sum_ij m_i m_j s_i . T_ij s_j,    T_ij = mu_0 mu_B^2 / 4 pi sum_R (3 r r - r^2) / r^5
           + 2 sum_Q [- J_Q X_Q - i D_Q . (S_Q x S_-Q) + K_Q / N X_Q^2],    X_Q = S_Q . A_Q S_-Q

    J_ij = J 1 + [antisymmetric: s_i . J_ij s_j = D . (s_i x s_j)] + [symmetric, traceless],   J_ji = J_ij^T

Every ordered pair appears in the sum, hence the 1/2: J and D are the couplings of a pair. J > 0 is ferromagnetic, K > 0
an easy axis, Kc > 0 makes the cube axes easy. O_k^q are Stevens operators in the classical limit
(``magsearch.model.terms.forms``). |s_i| = 1; moments m_i in Bohr magnetons, couplings in meV, fields in tesla. Every
pair of B_ij and every cluster of K_ijkl and T_ijk counts once; B > 0 makes spins collinear. The last sum is the
dipole-dipole interaction of all moments: r = r_j - r_i + R in angstrom without r = 0; R are the periods of the box
along its periodic axes (``magsearch.model.terms.dipole``). S_Q = N^-1/2 sum_i s_i exp(-i Q.r_i) of all N spins; the
sum has one of Q and -Q (``magsearch.model.terms.waves``). The field that a spin feels is b_i = -dE/ds_i, meV.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.errors import SettingError
from magsearch.formatting import counted, html_table, text_table, vector
from magsearch.model.bonds import SUMS, Bonds
from magsearch.model.box_remarks import box_remarks
from magsearch.model.lattice import Lattice
from magsearch.model.notes import about
from magsearch.model.terms.bilinear import Bilinear
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.single_ion import Anisotropy, SingleIon
from magsearch.model.terms.tensor_products import TensorProducts
from magsearch.model.terms.term import Term
from magsearch.model.terms.waves import WaveCouplings
from magsearch.model.terms.zeeman import Zeeman

DENSE = 10**6  # most numbers of J by vectors between cells that are not stored as a sparse matrix
CONVENTION = "\n".join(line.strip() for part in (__doc__ or "").split("\n\n")[1:3] for line in part.splitlines())


@dataclass(frozen=True, eq=False)
class Hamiltonian:
    """Couplings of a lattice of classical spins.

    lattice      where the spins are
    bonds        couplings of the unit cell (``Bonds``): made reciprocal here, an error names the bond that is not
    moments      [atom] or [site], Bohr magnetons
    anisotropy   ``UniaxialAnisotropy``, ``CubicAnisotropy``, ``StevensOperator``: any number on an atom
    field        [3] tesla
    site_bonds   couplings between given sites, in addition: disorder, clusters, defects
    vacancies    sites without a spin: s = 0 there
    notes        what a reader wants the user to know
    others       terms of other kinds (``magsearch.model.terms.term.Term``); consumers that cannot handle one raise
                 ``UnsupportedTerm``

    Raises ValueError for couplings that are not reciprocal, atoms that do not exist, and numbers that are not finite.
    """

    lattice: Lattice
    bonds: Bonds
    moments: NDArray[np.float64] | float = 1.0
    anisotropy: tuple[Anisotropy, ...] = ()
    field: tuple[float, float, float] = (0.0, 0.0, 0.0)
    site_bonds: Bonds | None = None
    vacancies: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    others: tuple[Term, ...] = ()

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        lattice = self.lattice
        Bilinear(self.bonds, self.site_bonds).check(self)
        notes = list(self.notes)
        for name in ("bonds", "site_bonds"):
            if (given := getattr(self, name)) is not None:
                reciprocal, rounded = given.reciprocal()
                set_(self, name, reciprocal)
                if rounded > SUMS * np.abs(reciprocal.J).max(initial=0.0):
                    notes.append(given.rounding())
        moments = np.asarray(self.moments, dtype=np.float64)
        moments = np.full(lattice.atoms, float(moments)) if moments.ndim == 0 else moments.copy()
        if moments.shape not in ((lattice.atoms,), (lattice.sites,)):
            raise ValueError(f"{counted(len(moments), 'moment')} for {lattice.atoms} atoms and {lattice.sites} sites")
        if not np.isfinite(moments).all() or (moments <= 0).any():
            wrong = int(np.argmin((moments > 0) & np.isfinite(moments)))
            raise ValueError(f"moments must be positive numbers; moment {wrong} is not")
        set_(self, "moments", moments)
        set_(self, "field", tuple(float(b) for b in self.field))
        vacancies = tuple(sorted({int(v) for v in self.vacancies}))
        if len(vacancies) < len(self.vacancies):
            again = next(v for v in vacancies if self.vacancies.count(v) > 1)
            more = len(self.vacancies) - len(vacancies)
            notes.append(f"{counted(more, 'vacancy', 'are')} listed again, for example site {again}; each counts once")
        set_(self, "notes", tuple(dict.fromkeys(notes)))
        if vacancies and not 0 <= vacancies[0] <= vacancies[-1] < lattice.sites:
            raise SettingError("vacancies", f"vacancies must be sites 0 to {lattice.sites - 1}")
        set_(self, "vacancies", vacancies)
        names = ["exchange", "dmi", *(term.name for term in self.terms)]
        if repeated := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two terms are named '{min(repeated)}'; expected a name for each")
        for term in self.terms[1:]:
            term.check(self)

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """All terms, in the order in which their constants are summed."""
        anisotropy = SingleIon(self.anisotropy, self.lattice.atoms)
        return (Bilinear(self.bonds, self.site_bonds), anisotropy, Zeeman(self.field), *self.others)

    @cached_property
    def dipole(self) -> Dipole | None:
        """Dipole-dipole interaction, if it is one of the terms."""
        return next((term for term in self.others if isinstance(term, Dipole)), None)

    @cached_property
    def products(self) -> tuple[SpinProducts | TensorProducts, ...]:
        """The terms that are products of spins of several sites."""
        return tuple(term for term in self.others if isinstance(term, SpinProducts | TensorProducts))

    @cached_property
    def waves(self) -> WaveCouplings | None:
        """Couplings at wave vectors, if they are one of the terms."""
        return next((term for term in self.others if isinstance(term, WaveCouplings)), None)

    @property
    def joined(self) -> bool:
        """Whether some term couples all spins of the box with one another."""
        return self.dipole is not None or self.waves is not None

    @property
    def uniform(self) -> bool:
        """Whether every cell is like every other, apart from open edges."""
        return self.site_bonds is None and not self.vacancies and np.shape(self.moments) == (self.lattice.atoms,)

    @cached_property
    def occupied(self) -> NDArray[np.bool_]:
        """[site], False at vacancies."""
        mask = np.ones(self.lattice.sites, dtype=bool)
        mask[list(self.vacancies)] = False
        return mask

    @property
    def n_spins(self) -> int:
        """Sites that carry a spin: what energies per site are divided by."""
        return self.lattice.sites - len(self.vacancies)

    @property
    def coupled(self) -> bool:
        """Whether anything couples spins to each other."""
        return bool(len(self.bonds)) or self.site_bonds is not None or bool(self.others)

    @cached_property
    def remarks(self) -> tuple[str, ...]:
        """The notes, and what is to be said of the couplings in this box: images that add up, those that are cut."""
        return (*self.notes, *box_remarks(self.lattice, self.bonds, self.products))

    @cached_property
    def present(self) -> Bonds:
        """Couplings of the unit cell that exist somewhere in the box, not across its open edges everywhere."""
        inside = (np.abs(self.bonds.offset) < self.lattice.size) | np.array(self.lattice.periodic)
        exists = inside.all(axis=1)
        return self.bonds if exists.all() else self.bonds.at(np.flatnonzero(exists))

    @cached_property
    def edged(self) -> bool:
        """Whether open edges cut some of the couplings that exist elsewhere in the box, those of all spins included."""
        open_axes = ~np.array(self.lattice.periodic)
        layers = self.joined and (np.array(self.lattice.size)[open_axes] > 1).any()
        return bool(layers or (self.present.offset[:, open_axes] != 0).any())

    @cached_property
    def crossed(self) -> NDArray[np.bool_]:
        """Axes along which couplings join cells, [3]."""
        offsets = [self.present.offset, *(term.offsets for term in self.products)]
        axes = np.asarray((np.concatenate(offsets) != 0).any(axis=0))
        if not self.joined:
            return axes
        return axes | np.array(self.lattice.periodic) | (np.array(self.lattice.size) > 1)

    @cached_property
    def coordination(self) -> float:
        """Average number of couplings of a spin, without dipoles and those at wave vectors."""
        if not self.uniform:
            return len(self.directed) / max(self.n_spins, 1)
        return float(self.lattice.cells_with(self.bonds.offset).sum()) / self.lattice.sites

    @cached_property
    def site_moments(self) -> NDArray[np.float64]:
        """[site] Bohr magnetons, 0 at vacancies."""
        lattice = self.lattice
        per_atom = np.shape(self.moments) == (lattice.atoms,)
        moments = np.tile(self.moments, lattice.cells) if per_atom else self.moments
        return np.where(self.occupied, moments, 0.0)

    @property
    def quadratic(self) -> NDArray[np.float64]:
        """A of - s.A s of each atom of the basis, all terms together, [atom, 3, 3] meV."""
        return np.asarray(sum(term.quadratic(self) for term in self.terms))

    @cached_property
    def stiffness(self) -> float:
        """Bound of how strongly one spin is held, meV: the sum over the terms at the worst site, or 1 for no energy.

        Infinite where it overflows.
        """
        with np.errstate(over="ignore"):
            held = [term.stiffness(self) for term in self.terms]
            onsite = held[1]
            for other in held[2:]:
                onsite = onsite + other
            return float((held[0] + onsite).max()) or 1.0

    @cached_property
    def reach(self) -> float:
        """Length of the longest bond, or diameter of the largest cluster, angstrom; 0 without."""
        lattice, longest = self.lattice, 0.0
        if len(self.bonds):
            b = self.bonds
            longest = np.linalg.norm(lattice.basis[b.j] - lattice.basis[b.i] + b.offset @ lattice.cell, axis=1).max()
        if self.site_bonds is not None and len(self.site_bonds):
            b = self.site_bonds
            longest = max(longest, np.linalg.norm(lattice.positions[b.j] - lattice.positions[b.i], axis=1).max())
        for term in self.products:
            place = lattice.basis[term.atoms] + term.cells @ lattice.cell  # [cluster, 4, 3]
            longest = max(longest, np.linalg.norm(place[:, :, None] - place[:, None], axis=3).max(initial=0.0))
        return float(longest)

    @cached_property
    def directed(self) -> Bonds:
        """Every coupling as a per-site list, sorted by site; bonds longer than the lattice wrap and add up."""
        return Bilinear(self.bonds, self.site_bonds).on_sites(self)

    def parts(self) -> dict[str, Hamiltonian]:
        """Split the Hamiltonian into a sum: exchange (symmetric), dmi (antisymmetric), anisotropy, zeeman, others."""

        def part(sign: int, bonds: Bonds) -> Bonds:
            return bonds.with_matrices(0.5 * (bonds.J + sign * bonds.J.swapaxes(1, 2)))

        disorder = self.site_bonds
        bare = replace(self, bonds=Bonds.none(), site_bonds=None, anisotropy=(), field=(0, 0, 0), notes=(), others=())
        return {
            "exchange": replace(bare, bonds=part(1, self.bonds), site_bonds=disorder and part(1, disorder)),
            "dmi": replace(bare, bonds=part(-1, self.bonds), site_bonds=disorder and part(-1, disorder)),
            "anisotropy": replace(bare, anisotropy=self.anisotropy),
            "zeeman": replace(bare, field=self.field),
            **{term.name: replace(bare, others=(term,)) for term in self.others},
        }

    def fourier(self, q: ArrayLike) -> NDArray[np.complex128]:
        """Return J(q) = sum over bonds of J_ij exp(i q . T), [q, 3 atoms, 3 atoms] meV; q [q, 3] Cartesian, 1/angstrom.

        T is the vector between cells, so that J(q) is periodic in reciprocal space; Hermitian by J_ji = J_ij^T. Of the
        infinite crystal with the couplings that exist in the box (``present``): neither per-site couplings and
        vacancies nor open edges that cut some of these are in it.
        """
        q = np.asarray(q, dtype=np.float64).reshape(-1, 3)
        atoms, (a, b, blocks) = self.lattice.atoms, self.fourier_blocks(q)
        J = np.zeros((len(blocks), atoms, 3, atoms, 3), dtype=np.complex128)
        J[:, a, :, b] = blocks.swapaxes(0, 1)
        if self.dipole is not None:
            J += self.dipole.fourier(self, q)
        if self.waves is not None:
            J += self.waves.fourier(self, q)
        return J.reshape(len(q), 3 * atoms, 3 * atoms)

    def fourier_blocks(self, q: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.complex128]]:
        """Return the pairs of atoms that bonds couple, a and b [pair], and J(q) of each, [q, pair, 3, 3] meV."""
        q = np.asarray(q, dtype=np.float64).reshape(-1, 3)
        T, a, b, couplings = self._by_vector
        summed = couplings @ np.exp(1j * (T @ q.T))  # [9 pairs, q]
        return a, b, np.asarray(summed.T.reshape(len(q), len(a), 3, 3))

    @cached_property
    def _by_vector(self) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], Any]:
        """Vectors between cells [vector, 3], ends of the coupled pairs, J [9 pairs, vector], sparse if large."""
        bonds, atoms = self.present, self.lattice.atoms
        offset, vector = np.unique(bonds.offset, axis=0, return_inverse=True)
        pair, row = np.unique(bonds.i * atoms + bonds.j, return_inverse=True)
        rows, columns = (9 * row.reshape(-1, 1) + np.arange(9)).ravel(), np.repeat(vector.reshape(-1), 9)
        shape = (9 * len(pair), len(offset))
        couplings: Any
        if shape[0] * shape[1] <= DENSE:
            couplings = np.zeros(shape)
            np.add.at(couplings, (rows, columns), bonds.J.ravel())
        else:
            from scipy.sparse import csr_array

            couplings = csr_array((bonds.J.ravel(), (rows, columns)), shape=shape)
        return offset @ self.lattice.cell, pair // atoms, pair % atoms, couplings

    def with_size(self, size: tuple[int, int, int]) -> Hamiltonian:
        """Return the same crystal with another number of cells. ValueError where disorder is tied to sites."""
        if not self.uniform:
            raise ValueError("a Hamiltonian with vacancies or per-site couplings cannot be resized")
        return replace(self.told("size"), lattice=replace(self.lattice, size=size))

    def told(self, key: str) -> Hamiltonian:
        """Return the same model without notes about the default of a key of [model], which is set now."""
        return replace(self, notes=tuple(note for note in self.notes if about(note) != key))

    def _rows(self) -> dict[str, str]:
        """Return what a model prints, by name."""
        lattice, low, high = self.lattice, np.min(self.moments), np.max(self.moments)
        size = " x ".join(str(n) for n in lattice.size)
        edges = ", ".join("periodic" if periodic else "open" for periodic in lattice.periodic)
        return {
            "lattice": f"{size} cells ({edges}), {lattice.atoms} in the basis, {lattice.sites} sites",
            "couplings": f"{self.coordination:.4g} per site" + (", dipoles" if self.dipole else ""),
            **({"wave vectors": f"{len(self.waves)}"} if self.waves else {}),
            **{term.name: f"{counted(len(term), 'cluster')} of a cell" for term in self.products},
            "moments": f"{low:.4g} mu_B" if low == high else f"{low:.4g} to {high:.4g} mu_B",
            "field": f"{vector(self.field)} T",
            **{f"note {number}": note for number, note in enumerate(self.remarks, 1)},
        }

    def __repr__(self) -> str:
        return text_table("Hamiltonian", self._rows())

    def _repr_html_(self) -> str:
        return html_table("Hamiltonian", self._rows())

    def disordered(self) -> Hamiltonian:
        """Return the same couplings, all in the per-site list, where they can be changed one by one."""
        sites = self.bonds.on_sites(self.lattice)
        return replace(
            self, bonds=Bonds.none(), site_bonds=sites if self.site_bonds is None else sites + self.site_bonds
        )
