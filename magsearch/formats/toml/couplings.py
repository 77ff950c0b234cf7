"""The tables of [model] that couple spins, shell by shell, pair by pair and cluster by cluster.

Couplings have the convention of model/hamiltonian.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Len
from numpy.typing import NDArray

from magsearch.formats.toml.source import Source
from magsearch.formats.toml.table import Table
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.lattice import Lattice
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.tensor_products import TensorProducts
from magsearch.symmetry.crystal import CrystalGroup
from magsearch.symmetry.orbits import Forbidden, expanded

SHELLS = 1000  # far beyond couplings that anyone has; the search for them is not for free

Vector = Annotated[list[float], Len(3, 3)]
Matrix = Annotated[list[Vector], Len(3, 3)]
Group = Callable[[Bonds], CrystalGroup] | None
Numbers = float | Annotated[list[float], Len(1)]
Pair = Annotated[list[str], Len(2, 2)]
SHELL: dict[str, Any] = {"doc": "Shell of neighbours, from 1; of a list of values, the shell of the first.", "ge": 1}
BETWEEN: dict[str, Any] = {"doc": "The two species that are coupled.", "default": "all"}


# cubic axes x, y, z in the coordinates of a honeycomb lattice whose bonds of kind z are along y
CUBIC_ALONG_Z = (
    (6**-0.5, -(2**-0.5), 3**-0.5),
    (6**-0.5, 2**-0.5, 3**-0.5),
    (-2 * 6**-0.5, 0.0, 3**-0.5),
)
PERPENDICULAR = 0.1  # cosine of the largest deviation of a bond from the plane perpendicular to its cubic axis


class ByShell:
    """A table whose value, or list of values, is for a shell of neighbours, or for consecutive ones."""

    strength: str  # key of the value

    @property
    def strengths(self) -> Sequence[float]:
        """Values of the shells from ``shell`` on."""
        given = getattr(self, self.strength)
        return given if isinstance(given, list) else [given]


@dataclass(frozen=True)
class Ends:
    """The atoms of a pair."""

    i: int = field(metadata={"doc": "First atom of the basis, from 0.", "ge": 0})
    j: int = field(metadata={"doc": "Second atom of the basis.", "ge": 0})
    cells: Annotated[list[int], Len(3, 3)] = field(
        default_factory=lambda: [0, 0, 0], metadata={"doc": "Cell of the second atom, counted from that of the first."}
    )


class Exchange(ByShell, Table, path="model.exchange"):
    """Exchange of a shell of neighbours, or of consecutive shells, `[[model.exchange]]`."""

    strength = "J"
    J: Numbers = field(metadata={"doc": "Exchange of a pair, positive for ferromagnetic coupling.", "unit": "`unit`"})
    shell: int = field(default=1, metadata=SHELL)
    between: Pair | None = field(default=None, metadata=BETWEEN)

    def matrices(self, J: float, r: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the couplings [bond, 3, 3] of bonds along unit vectors r [bond, 3]."""
        return exchange_matrix(np.full(len(r), J))


class DMI(ByShell, Table, path="model.dmi"):
    """Dzyaloshinskii-Moriya interaction of a shell of neighbours, or of consecutive shells, `[[model.dmi]]`."""

    strength = "D"
    D: Numbers = field(metadata={"doc": "Length of the vector of a pair, with its sign.", "unit": "`unit`"})
    direction: Literal["bloch", "neel"] = field(
        metadata={"doc": "Direction of the vector: along the bond r from i to j (bloch), or along z x r (neel)."}
    )
    shell: int = field(default=1, metadata=SHELL)
    between: Pair | None = field(default=None, metadata=BETWEEN)

    def matrices(self, D: float, r: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the couplings [bond, 3, 3] of bonds along unit vectors r [bond, 3]."""
        return dmi_matrix(D * (r if self.direction == "bloch" else np.cross([0.0, 0.0, 1.0], r)))


class TwoIon(ByShell, Table, path="model.two_ion"):
    """Two-ion anisotropy of a shell, or of consecutive shells, - A (s_i . n)(s_j . n), `[[model.two_ion]]`.

    With exchange J of the same shell, the pair is of XXZ type: J_z = J + A.
    """

    strength = "A"
    A: Numbers = field(metadata={"doc": "Constant of a pair, positive for parallel components.", "unit": "`unit`"})
    axis: Vector = field(
        default_factory=lambda: [0.0, 0.0, 1.0], metadata={"doc": "The direction n; its length is ignored."}
    )
    shell: int = field(default=1, metadata=SHELL)
    between: Pair | None = field(default=None, metadata=BETWEEN)

    def matrices(self, A: float, r: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the couplings [bond, 3, 3] of bonds along unit vectors r [bond, 3]. ValueError for a zero axis."""
        n = np.array(self.axis)
        if not n.any():
            raise ValueError("axis is zero; expected a direction")
        return np.tile(A * np.outer(n, n) / (n @ n), (len(r), 1, 1))


class Kitaev(ByShell, Table, path="model.kitaev"):
    """Kitaev coupling K and the off-diagonal Gamma and Gamma' of a shell, `[[model.kitaev]]`.

    Each bond is perpendicular to one of three cubic axes, c; a and b are the other two. The energy is
    `- K s_i^c s_j^c - Gamma (s_i^a s_j^b + s_i^b s_j^a) - Gamma' (s_i^c (s_j^a + s_j^b) + (s_i^a + s_i^b) s_j^c)` in
    the convention of J: publications that write H = + K s s have the opposite signs.
    """

    strength = "K"
    K: float = field(default=0.0, metadata={"doc": "Kitaev coupling, positive for parallel spins.", "unit": "`unit`"})
    Gamma: float = field(default=0.0, metadata={"doc": "Off-diagonal coupling of a and b.", "unit": "`unit`"})
    Gamma_prime: float = field(
        default=0.0, metadata={"doc": "Off-diagonal coupling of c with a and with b.", "unit": "`unit`"}
    )
    axes: Matrix = field(
        default_factory=lambda: [list(axis) for axis in CUBIC_ALONG_Z],
        metadata={
            "doc": "The three cubic axes, orthogonal unit vectors.",
            "default": "[111] along z, and a bond of kind z along y: a honeycomb lattice of edge-sharing octahedra",
        },
    )
    shell: int = field(default=1, metadata={"doc": "Shell of neighbours, from 1.", "ge": 1})
    between: Pair | None = field(default=None, metadata=BETWEEN)

    def matrices(self, K: float, r: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the couplings [bond, 3, 3] of bonds along unit vectors r [bond, 3].

        ValueError for axes that are not orthogonal unit vectors, and for a bond that is perpendicular to none of them.
        """
        axes = np.array(self.axes)
        if not np.allclose(axes @ axes.T, np.eye(3), atol=1e-6):
            raise ValueError("axes are not three orthogonal unit vectors")
        along = np.abs(r @ axes.T)  # [bond, axis]
        kind = along.argmin(axis=1)
        if (along.min(axis=1) > PERPENDICULAR).any() or (np.sort(along, axis=1)[:, 1] <= PERPENDICULAR).any():
            raise ValueError("a bond is not perpendicular to one of the axes; [[model.bond]] takes any matrix")
        c, a, b = axes[kind], axes[kind - 2], axes[kind - 1]
        both = a + b
        off = self.Gamma * a[:, :, None] * b[:, None] + self.Gamma_prime * c[:, :, None] * both[:, None]
        return np.asarray(K * c[:, :, None] * c[:, None] + off + off.swapaxes(1, 2))


class Bond(Table, path="model.bond", of=(Ends,)):
    """One pair of atoms in every cell, `[[model.bond]]`; the reverse is added. J, D and matrix add up."""

    J: float = field(default=0.0, metadata={"doc": "Exchange of the pair.", "unit": "`unit`"})
    D: Vector = field(
        default_factory=lambda: [0.0, 0.0, 0.0],
        metadata={"doc": "Dzyaloshinskii-Moriya vector of the pair.", "unit": "`unit`"},
    )
    matrix: Matrix = field(
        default_factory=lambda: [[0.0, 0.0, 0.0]] * 3,
        metadata={"doc": "Coupling matrix of the pair.", "unit": "`unit`"},
    )

    @property
    def coupling(self) -> NDArray[np.float64]:
        """J, D and matrix as one matrix, [3, 3]."""
        return exchange_matrix(self.J) + dmi_matrix(self.D) + np.array(self.matrix)


class Biquadratic(ByShell, Table, path="model.biquadratic"):
    """Biquadratic exchange of a shell of neighbours, or of consecutive shells, `[[model.biquadratic]]`."""

    strength = "B"
    B: Numbers = field(
        metadata={
            "doc": "Constant of - B (s_i . s_j)^2 of a pair, each pair once; positive for collinear spins.",
            "unit": "`unit`",
        }
    )
    shell: int = field(default=1, metadata=SHELL)
    between: Pair | None = field(default=None, metadata=BETWEEN)

    def matrices(self, B: float, r: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return B as matrices [bond, 3, 3], as those of exchange."""
        return exchange_matrix(np.full(len(r), B))


class BiquadraticBond(Table, path="model.biquadratic_bond", of=(Ends,)):
    """Biquadratic exchange of one pair of atoms in every cell, `[[model.biquadratic_bond]]`."""

    B: float = field(metadata={"doc": "Constant of - B (s_i . s_j)^2 of the pair.", "unit": "`unit`"})

    @property
    def coupling(self) -> NDArray[np.float64]:
        """B as a matrix, [3, 3]."""
        return exchange_matrix(self.B)


class FourSpin(Table, path="model.four_spin"):
    """Product of scalar products of four spins in every cell, `[[model.four_spin]]`.

    The product is - K (ij)(kl), the ring - K [(ij)(kl) + (jk)(li) - (ik)(jl)], with (ij) = s_i . s_j.
    """

    K: float = field(metadata={"doc": "Constant of the cluster, which counts once in every cell.", "unit": "`unit`"})
    sites: Annotated[list[Annotated[list[int], Len(4, 4)]], Len(4, 4)] = field(
        metadata={
            "doc": "The sites i, j, k, l: for each its atom of the basis, from 0, and the cell along each axis. Sites "
            "may coincide: i, j, j, k has three sites."
        }
    )
    form: Literal["product", "ring"] = field(default="product", metadata={"doc": "Product, or ring exchange."})


class Chirality(Table, path="model.chirality"):
    """Scalar chirality of three spins in every cell, - T s_i . (s_j x s_k), `[[model.chirality]]`."""

    T: float = field(metadata={"doc": "Constant of the cluster, which counts once in every cell.", "unit": "`unit`"})
    sites: Annotated[list[Annotated[list[int], Len(4, 4)]], Len(3, 3)] = field(
        metadata={"doc": "The sites i, j, k: for each its atom of the basis, from 0, and the cell along each axis."}
    )


class TensorProduct(Table, path="model.tensor_product"):
    """Product of two forms of spins in every cell, - (s_i . A s_j)(s_k . B s_l), `[[model.tensor_product]]`."""

    sites: Annotated[list[Annotated[list[int], Len(4, 4)]], Len(4, 4)] = field(
        metadata={
            "doc": "The sites i, j, k, l: for each its atom of the basis, from 0, and the cell along each axis. Sites "
            "may coincide."
        }
    )
    A: Matrix = field(metadata={"doc": "Matrix of the first two spins.", "unit": "`unit`"})
    B: Matrix = field(
        default_factory=lambda: np.eye(3).tolist(), metadata={"doc": "Matrix of the other two, dimensionless."}
    )


def tensor_products(entries: Sequence[TensorProduct], source: Source, unit: float) -> tuple[TensorProducts, ...]:
    """Return the term that the tables [[model.tensor_product]] ask for, if any; ``unit`` is that of the file in meV."""
    if not entries:
        return ()
    sites = np.array([entry.sites for entry in entries])
    A, B = unit * np.array([entry.A for entry in entries]), np.array([entry.B for entry in entries])
    where = tuple(source.label(("tensor_product", k)) for k in range(len(entries)))
    return (TensorProducts(sites[..., 0], sites[..., 1:], A, B, where),)


def products(
    biquadratic: Sequence[Biquadratic],
    biquadratic_bond: Sequence[BiquadraticBond],
    four_spin: Sequence[FourSpin],
    chirality: Sequence[Chirality],
    lattice: Lattice,
    source: Source,
    unit: float,
    symmetry: Group = None,
) -> tuple[SpinProducts, ...]:
    """Return the products of spins that the tables ask for; ``unit`` is that of the file in meV.

    Pairs are expanded by symmetry as by ``of_pairs``, clusters are not.
    """
    shells = of_shells("biquadratic", biquadratic, lattice, source)
    pairs, _ = of_pairs("biquadratic_bond", biquadratic_bond, lattice, source, symmetry)
    found = [
        SpinProducts.biquadratic(b.i, b.j, b.offset, unit / 2 * b.J[:, 0, 0], b.source)  # both directions are listed
        for b in (shells, pairs)
    ]
    for k, cluster in enumerate(four_spin):
        sites = np.array(cluster.sites)
        where = (source.label(("four_spin", k)),)
        found.append(SpinProducts.four_spin(sites[:, 0], sites[:, 1:], unit * cluster.K, cluster.form, where))
    for k, three in enumerate(chirality):
        sites = np.array(three.sites)
        where = (source.label(("chirality", k)),)
        found.append(SpinProducts.chirality(sites[:, 0], sites[:, 1:], [unit * three.T], where))
    return SpinProducts.joined(found)


def of_shells(
    name: str, entries: Sequence[Exchange | DMI | TwoIon | Kitaev | Biquadratic], lattice: Lattice, source: Source
) -> Bonds:
    """Return the couplings of shells in the unit of the file, both directions; ``name`` is that of their table.

    InputError for shells that the lattice does not have, those that are given twice, and tables that do not fit them.
    """
    shells = cache(lattice.shells)
    bonds = Bonds.none()
    for k, entry in enumerate(entries):
        first, last = entry.shell, entry.shell + len(entry.strengths) - 1
        if last > SHELLS:
            raise source.error((name, k), f"reaches to shell {last}; expected at most {SHELLS}")
        try:
            found = shells(last)[first - 1 :]
        except ValueError as error:
            raise source.error((name, k), str(error)) from None
        for number, strength, shell in zip(range(first, last + 1), entry.strengths, found, strict=True):
            r = lattice.basis[shell.j] - lattice.basis[shell.i] + shell.offset @ lattice.cell
            ends = [sorted((lattice.species[i], lattice.species[j])) for i, j in zip(shell.i, shell.j, strict=True)]
            kept = np.array([entry.between is None or pair == sorted(entry.between) for pair in ends])
            if not kept.any():
                raise source.error((name, k, "between"), f"shell {number} has no bonds between {entry.between}")
            try:
                J = entry.matrices(strength, r / shell.distance)
            except ValueError as error:
                raise source.error((name, k), str(error)) from None
            where = (source.label((name, k)),) * int(kept.sum())
            bonds += Bonds(shell.i[kept], shell.j[kept], shell.offset[kept], J[kept], where)
            if len(bonds.merged()) < len(bonds):
                raise source.error((name, k), f"shell {number} already has {name}; expected each shell once")
    return bonds


def of_pairs(
    name: str, entries: Sequence[Bond | BiquadraticBond], lattice: Lattice, source: Source, symmetry: Group = None
) -> tuple[Bonds, list[str]]:
    """Return the couplings of listed pairs in the unit of the file, both directions, and notes.

    name      of their table
    symmetry  makes the space group of the crystal from the pairs, where it is to expand them

    InputError for atoms that do not exist, a site with itself, pairs that are given twice, and what symmetry forbids.
    """
    listed: set[tuple[int, ...]] = set()
    for k, bond in enumerate(entries):
        if max(bond.i, bond.j) >= lattice.atoms:
            raise source.error((name, k), f"bond {bond.i} -> {bond.j}; the basis has atoms 0 to {lattice.atoms - 1}")
        if bond.i == bond.j and not any(bond.cells):
            raise source.error((name, k), f"couples atom {bond.i} to itself; expected two sites")
        if (bond.i, bond.j, *bond.cells) in listed:
            raise source.error((name, k), "this pair is listed before; expected each once, its reverse is added")
        listed |= {(bond.i, bond.j, *bond.cells), (bond.j, bond.i, *(-n for n in bond.cells))}
    if not entries:
        return Bonds.none(), []
    i, j, cells = [b.i for b in entries], [b.j for b in entries], [b.cells for b in entries]
    J = np.array([bond.coupling for bond in entries])
    if symmetry is None:
        return Bonds.pairs(i, j, J, cells), []
    where = tuple(source.label((name, k)) for k in range(len(entries)))
    given = Bonds(np.array(i), np.array(j), np.array(cells), J, where)
    try:
        return expanded(symmetry(given), given)
    except Forbidden as error:
        raise source.error((name, error.number), str(error)) from None
