"""The spin Hamiltonian. One convention, stated here and nowhere else:

    E(s) = - 1/2 sum_{i != j} s_i . J_ij s_j - sum_i [K (s_i . n)^2 + K4 (s_i . n)^4]
           + sum_i Kc (x^2 y^2 + y^2 z^2 + z^2 x^2)_i - mu_B sum_i m_i B . s_i

    J_ij = J 1 + [antisymmetric: s_i . J_ij s_j = D . (s_i x s_j)] + [symmetric, traceless],   J_ji = J_ij^T

Every ordered pair appears in the sum, hence the 1/2: J and D are the couplings of a pair. J > 0 is ferromagnetic,
K > 0 an easy axis, Kc > 0 makes the cube axes easy. |s_i| = 1; moments m_i in Bohr magnetons, couplings in meV, fields
in tesla. The field that a spin feels is b_i = -dE/ds_i, in meV.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.errors import SettingError
from magsearch.formatting import html_table, text_table, vector
from magsearch.model.bonds import Bonds
from magsearch.model.lattice import Lattice

# one row of on-site parameters: moment, A (3x3, quadratic), K4, axis of K4, Kc, cube axes (3x3); see kernels/onsite.cuh
ONSITE = {"moment": slice(0, 1), "A": slice(1, 10), "K4": slice(10, 11), "axis": slice(11, 14)}
ONSITE |= {"Kc": slice(14, 15), "cube": slice(15, 24)}
ONSITE_WIDTH = 24


def onsite_order(table: NDArray[np.float64]) -> int:
    """What rows of on-site parameters [kind, ONSITE_WIDTH] hold: 0 Zeeman, 1 and quadratic, 2 and fourth order."""
    fourth = table[:, [ONSITE["K4"].start, ONSITE["Kc"].start]]
    return 2 if fourth.any() else 1 if table[:, 1:].any() else 0


@dataclass(frozen=True)
class UniaxialAnisotropy:
    """- K (s . axis)^2 - K4 (s . axis)^4, meV; on the listed atoms of the basis, or on all."""

    K: float
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    K4: float = 0.0
    atoms: tuple[int, ...] | None = None

    def add_to(self, row: NDArray[np.float64]) -> None:
        length = np.linalg.norm(self.axis)
        if len(self.axis) != 3 or not 0 < length < np.inf:
            raise ValueError(f"the anisotropy axis {self.axis} has no direction")
        n = np.asarray(self.axis) / length
        row[ONSITE["A"]] += self.K * np.outer(n, n).ravel()
        if self.K4:
            if row[ONSITE["K4"]] and not np.allclose(np.abs(row[ONSITE["axis"]] @ n), 1):
                raise ValueError("an atom can have one axis of fourth order only")
            row[ONSITE["K4"]] += self.K4
            row[ONSITE["axis"]] = n


@dataclass(frozen=True)
class CubicAnisotropy:
    """+ Kc (x^2 y^2 + y^2 z^2 + z^2 x^2), meV, with x, y, z the components of s along the orthogonal ``axes``."""

    Kc: float
    axes: tuple[tuple[float, float, float], ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    atoms: tuple[int, ...] | None = None

    def add_to(self, row: NDArray[np.float64]) -> None:
        frame = np.asarray(self.axes, dtype=np.float64)
        if frame.shape != (3, 3) or not np.allclose(frame @ frame.T, np.eye(3), atol=1e-6):
            raise ValueError(f"the cube axes {self.axes} are not three orthogonal unit vectors")
        if row[ONSITE["Kc"]] and not np.allclose(row[ONSITE["cube"]], frame.ravel()):
            raise ValueError("an atom can have one frame of cubic axes only")
        row[ONSITE["Kc"]] += self.Kc
        row[ONSITE["cube"]] = frame.ravel()


Anisotropy = UniaxialAnisotropy | CubicAnisotropy


@dataclass(frozen=True, eq=False)
class Hamiltonian:
    """Couplings of a lattice of classical spins.

    lattice      where the spins are
    bonds        couplings of the unit cell (``Bonds``): made reciprocal here, an error names the bond that is not
    moments      [atom] or [site], Bohr magnetons
    anisotropy   terms of one site
    field        [3] tesla
    site_bonds   couplings between given sites, in addition: disorder, clusters, defects
    vacancies    sites without a spin: s = 0 there
    notes        what a reader wants the user to know

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

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        lattice = self.lattice
        for bonds, count, what in ((self.bonds, lattice.atoms, "atoms"), (self.site_bonds, lattice.sites, "sites")):
            if (
                bonds is not None
                and len(bonds)
                and not 0 <= min(bonds.i.min(), bonds.j.min()) <= max(bonds.i.max(), bonds.j.max()) < count
            ):
                worst = int(np.argmax((np.minimum(bonds.i, bonds.j) < 0) | (np.maximum(bonds.i, bonds.j) >= count)))
                raise ValueError(f"{bonds.describe(worst)}: the lattice has {what} 0 to {count - 1}")
        itself = (self.bonds.i == self.bonds.j) & (self.bonds.offset == 0).all(axis=1)
        if itself.any():
            raise ValueError(f"{self.bonds.describe(int(itself.argmax()))}: an atom has no bond with itself")
        notes = list(self.notes)
        for name in ("bonds", "site_bonds"):
            if getattr(self, name) is not None:
                reciprocal, rounded = getattr(self, name).reciprocal()
                set_(self, name, reciprocal)
                if rounded > 1e-12 * np.abs(reciprocal.J).max(initial=0.0):  # more than sums in another order
                    notes.append(f"couplings are reciprocal to {rounded:.1e} meV (rounding); J_ij and J_ji^T averaged")
        set_(self, "notes", tuple(dict.fromkeys(notes)))
        moments = np.asarray(self.moments, dtype=np.float64)
        moments = np.full(lattice.atoms, float(moments)) if moments.ndim == 0 else moments.copy()
        if moments.shape not in ((lattice.atoms,), (lattice.sites,)):
            raise ValueError(f"{len(moments)} moments for {lattice.atoms} atoms and {lattice.sites} sites")
        if not np.isfinite(moments).all() or (moments <= 0).any():
            wrong = int(np.argmin((moments > 0) & np.isfinite(moments)))
            raise ValueError(f"moments must be positive numbers; moment {wrong} is not")
        set_(self, "moments", moments)
        field = tuple(float(b) for b in self.field)
        if len(field) != 3 or not np.isfinite(field).all():
            raise ValueError(f"field is {self.field}; expected three numbers in tesla")
        set_(self, "field", field)
        vacancies = tuple(sorted({int(v) for v in self.vacancies}))
        if vacancies and not 0 <= vacancies[0] <= vacancies[-1] < lattice.sites:
            raise SettingError("vacancies", f"vacancies must be sites 0 to {lattice.sites - 1}")
        set_(self, "vacancies", vacancies)
        self.onsite  # noqa: B018  raises for an anisotropy that makes no sense

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

    @cached_property
    def coordination(self) -> float:
        """Couplings of a spin, on the average."""
        if not self.uniform:
            return len(self.directed) / max(self.n_spins, 1)
        open_axes = ~np.array(self.lattice.periodic)
        cells = np.where(open_axes, np.array(self.lattice.size) - np.abs(self.bonds.offset), self.lattice.size)
        return float(np.maximum(cells, 0).prod(axis=1).sum()) / self.lattice.sites

    @cached_property
    def site_moments(self) -> NDArray[np.float64]:
        """[site] Bohr magnetons, 0 at vacancies."""
        lattice = self.lattice
        per_atom = np.shape(self.moments) == (lattice.atoms,)
        moments = np.tile(self.moments, lattice.cells) if per_atom else self.moments
        return np.where(self.occupied, moments, 0.0)

    @cached_property
    def _anisotropy_rows(self) -> NDArray[np.float64]:
        """[atom, ONSITE_WIDTH], without moments."""
        rows = np.zeros((self.lattice.atoms, ONSITE_WIDTH))
        for term in self.anisotropy:
            for atom in range(len(rows)) if term.atoms is None else term.atoms:
                if not 0 <= atom < len(rows):
                    raise ValueError(f"anisotropy names atom {atom}; the basis has atoms 0 to {len(rows) - 1}")
                term.add_to(rows[atom])
        if not np.isfinite(rows).all():
            raise ValueError("anisotropy constants and axes must be finite numbers")
        return rows

    @property
    def quadratic(self) -> NDArray[np.float64]:
        """A of each atom of the basis, - s.A s, [atom, 3, 3] meV."""
        return self._anisotropy_rows[:, ONSITE["A"]].reshape(-1, 3, 3)

    @cached_property
    def onsite(self) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Which row of on-site parameters holds for each site, [site], and the rows, [kind, ONSITE_WIDTH]."""
        lattice, atom_rows = self.lattice, self._anisotropy_rows.copy()
        if np.shape(self.moments) == (lattice.atoms,):
            atom_rows[:, 0] = self.moments
            kind = np.tile(np.arange(lattice.atoms, dtype=np.int32), lattice.cells)
            if self.vacancies:
                kind[list(self.vacancies)] = lattice.atoms
                atom_rows = np.vstack([atom_rows, np.zeros(ONSITE_WIDTH)])
            return kind, atom_rows
        rows = np.tile(atom_rows, (lattice.cells, 1))
        rows[:, 0] = self.site_moments
        rows[~self.occupied] = 0.0
        unique, which = np.unique(rows, axis=0, return_inverse=True)
        return which.reshape(-1).astype(np.int32), unique

    @cached_property
    def directed(self) -> Bonds:
        """Every coupling as a per-site list, sorted by site; bonds longer than the lattice wrap and add up."""
        sites = self.bonds.on_sites(self.lattice)
        if self.site_bonds is not None:
            sites = sites + self.site_bonds
        keep = self.occupied[sites.i] & self.occupied[sites.j]
        order = np.flatnonzero(keep)[np.argsort(sites.i[keep], kind="stable")]
        return Bonds(sites.i[order], sites.j[order], sites.offset[order], sites.J[order])

    def terms(self) -> dict[str, Hamiltonian]:
        """The Hamiltonian as the sum of its parts: exchange (symmetric), dmi (antisymmetric), anisotropy, zeeman."""

        def part(sign: int, bonds: Bonds) -> Bonds:
            return bonds.with_matrices(0.5 * (bonds.J + sign * bonds.J.swapaxes(1, 2)))

        disorder = self.site_bonds
        bare = replace(self, bonds=Bonds.none(), site_bonds=None, anisotropy=(), field=(0, 0, 0), notes=())
        return {
            "exchange": replace(bare, bonds=part(1, self.bonds), site_bonds=disorder and part(1, disorder)),
            "dmi": replace(bare, bonds=part(-1, self.bonds), site_bonds=disorder and part(-1, disorder)),
            "anisotropy": replace(bare, anisotropy=self.anisotropy),
            "zeeman": replace(bare, field=self.field),
        }

    def fourier(self, q: ArrayLike) -> NDArray[np.complex128]:
        """J(q) = sum over bonds of J_ij exp(i q . T), [q, 3 atoms, 3 atoms], meV; q [q, 3] Cartesian, 1/angstrom.

        T is the vector between cells, so that J(q) is periodic in reciprocal space; Hermitian by J_ji = J_ij^T. Of the
        infinite crystal: neither per-site couplings and vacancies nor open edges are in it.
        """
        q = np.asarray(q, dtype=np.float64).reshape(-1, 3)
        atoms, bonds = self.lattice.atoms, self.bonds
        phase = np.exp(1j * q @ (bonds.offset @ self.lattice.cell).T)  # [q, bond]
        J = np.zeros((len(q), atoms, atoms, 3, 3), dtype=np.complex128)
        for a in range(atoms):
            for b in range(atoms):
                between = (bonds.i == a) & (bonds.j == b)
                J[:, a, b] = np.tensordot(phase[:, between], bonds.J[between], axes=1)
        return J.transpose(0, 1, 3, 2, 4).reshape(len(q), 3 * atoms, 3 * atoms)

    def with_size(self, size: tuple[int, int, int]) -> Hamiltonian:
        """The same crystal in a box of other size. ValueError where disorder is tied to sites."""
        if not self.uniform:
            raise ValueError("a Hamiltonian with vacancies or per-site couplings cannot be resized")
        return replace(self, lattice=replace(self.lattice, size=size))

    def _rows(self) -> dict[str, str]:
        """Return what a model prints, by name."""
        lattice, low, high = self.lattice, np.min(self.moments), np.max(self.moments)
        size = " x ".join(str(n) for n in lattice.size)
        edges = ", ".join("periodic" if periodic else "open" for periodic in lattice.periodic)
        return {
            "lattice": f"{size} cells ({edges}), {lattice.atoms} in the basis, {lattice.sites} sites",
            "couplings": f"{self.coordination:.4g} per site",
            "moments": f"{low:.4g} mu_B" if low == high else f"{low:.4g} to {high:.4g} mu_B",
            "field": f"{vector(self.field)} T",
            **{f"note {number}": note for number, note in enumerate(self.notes, 1)},
        }

    def __repr__(self) -> str:
        return text_table("Hamiltonian", self._rows())

    def _repr_html_(self) -> str:
        return html_table("Hamiltonian", self._rows())

    def disordered(self) -> Hamiltonian:
        """The same couplings, all in the per-site list, where they can be changed one by one."""
        sites = self.bonds.on_sites(self.lattice)
        return replace(
            self, bonds=Bonds.none(), site_bonds=sites if self.site_bonds is None else sites + self.site_bonds
        )
