"""Operations that leave the energy as it is: the point group of the crystal and time reversal.

A space-group operation moves atom a to R r_a + t and turns its spin, an axial vector, by P = det(R) R. It is a symmetry
where every bond finds its image, J_g(i)g(j) = P J_ij P^T, and the terms of one site agree. Lattice translations are
not listed here: ``Lattice.translation`` gives them. A cell that repeats within itself has translations of its own,
which are: what differs by one of them need not be tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.triangulation import combinations

PROBES = 12  # atoms whose images are looked up before those of all
WORK = 20_000_000  # images of atoms and bonds; above, only operations that leave the anchor in its place are looked for


@dataclass(frozen=True, eq=False)
class Operation:
    """A symmetry of a Hamiltonian: moved = spins[sites] @ matrix.T has the energy of spins.

    sites   [site]  the site that each site's spin comes from
    matrix  [3, 3]  orthogonal; turns the spins, time reversal (s -> -s) included
    name    in words
    """

    sites: NDArray[np.int64]
    matrix: NDArray[np.float64]
    name: str

    def __call__(self, spins: ArrayLike) -> NDArray[np.float64]:
        """Return the moved texture; spins [..., site, 3]."""
        return np.asarray(spins)[..., self.sites, :] @ self.matrix.T


@dataclass(frozen=True, eq=False)
class SpaceOperation:
    """An isometry that maps the box of a lattice onto itself.

    R      [3, 3]     Cartesian: r -> R r + t
    W      [3, 3]     the same in cells: offset -> offset @ W
    image  [atom]     where each atom of the basis goes,
    cells  [atom, 3]  and into which cell
    """

    R: NDArray[np.float64]
    W: NDArray[np.int64]
    image: NDArray[np.int64]
    cells: NDArray[np.int64]

    @property
    def P(self) -> NDArray[np.float64]:
        """Matrix by which the operation turns an axial vector."""
        return np.linalg.det(self.R).round() * self.R

    def sites(self, lattice: Lattice) -> NDArray[np.int64] | None:
        """Return the site that each site's spin comes from, [site]; None where one would leave by an open edge."""
        size = np.array(lattice.size)
        cell = (lattice.coordinates @ self.W)[:, None] + self.cells  # [cell, atom, 3]
        cell -= np.where(lattice.periodic, 0, cell.min(axis=(0, 1)))
        if (cell >= size)[..., ~np.array(lattice.periodic)].any():
            return None
        x, y, z = np.moveaxis(cell % size, -1, 0)
        target = self.image + lattice.atoms * (x + size[0] * (y + size[1] * z))
        return np.argsort(target.ravel())


def operations(
    hamiltonian: Hamiltonian, tolerance: float = 1e-3, watch: Callable[[], None] = lambda: None
) -> list[Operation]:
    """Return the point group of a Hamiltonian modulo lattice translations, the identity first.

    Operations that turn the field over are joined with time reversal; at zero field each comes with and without it.
    Where nothing ties the spins to the lattice (isotropic couplings, no anisotropy) they are left as they are: global
    rotations of all spins are not listed. With disorder only the identity, and time reversal at zero field, remain.

    tolerance  allowed mismatch, as a fraction of the largest coupling, of the cell's length, of the anisotropy: results
               of density functional theory are symmetric to about 1e-4 only
    watch      called repeatedly; an exception that it raises ends the search
    """
    lattice, found = hamiltonian.lattice, dict[tuple[bytes, bytes], Operation]()
    spin_orbit = any(term.spin_orbit for term in hamiltonian.terms)
    within, spaces = space_operations(hamiltonian, tolerance, watch)
    for space in spaces:
        watch()
        P = space.P if spin_orbit else np.eye(3)
        turns = np.array([P, -P])  # without and with time reversal
        kept = keeps_energy(space, turns, hamiltonian, tolerance)
        sites = space.sites(lattice) if kept.any() else None
        if sites is None:
            continue
        words = describe(space.R)
        for matrix, reversal in zip(turns[kept], np.array([False, True])[kept], strict=True):
            name, turn = words + (", time reversed" if reversal else ""), (matrix.round(6) + 0.0).tobytes()
            for moved in sites[within]:
                found.setdefault((moved.tobytes(), turn), Operation(moved, matrix, name))
    return list(found.values())


def space_operations(
    hamiltonian: Hamiltonian, tolerance: float = 1e-3, watch: Callable[[], None] = lambda: None
) -> tuple[NDArray[np.int64], Iterator[SpaceOperation]]:
    """Return the translations within the cell that are symmetries, and the isometries modulo these.

    The first are the sites [translation, site] that each site's spin comes from, the identity first. The second map
    cell, box and basis onto themselves, whatever the couplings; the identity first. Every other isometry is one of
    these followed by a translation, and a symmetry with the same turns of the spins. ``watch`` is called repeatedly.
    """
    lattice = hamiltonian.lattice
    identity = SpaceOperation(
        np.eye(3), np.eye(3, dtype=np.int64), np.arange(lattice.atoms), np.zeros((lattice.atoms, 3), dtype=np.int64)
    )
    within = np.arange(lattice.sites)[None]
    if not hamiltonian.uniform:
        return within, iter([identity])
    axes = [axis for axis in range(3) if lattice.size[axis] > 1 or hamiltonian.crossed[axis]]
    places = Places(hamiltonian, axes, tolerance)
    linear = list(isometries(lattice, axes, tolerance))
    images: list[NDArray[np.int64]] = []
    for _, R in linear:
        watch()
        images.append(places.images(R))
        if sum(map(len, images)) * (lattice.atoms + len(hamiltonian.bonds)) > WORK:
            # a large cell that repeats within itself has too many operations: those that keep the anchor are a subgroup
            images = [np.array([places.anchor])] * len(linear)
            break
    alike, moved = [identity.image], [within[0]]  # by each translation
    for first in next(some for (_, R), some in zip(linear, images, strict=True) if _is_identity(R)):
        watch()
        found = places.mapped(np.eye(3), int(first)) if first != places.anchor else None
        shift = SpaceOperation(identity.R, identity.W, *found) if found else identity
        sites = shift.sites(lattice) if found and keeps_energy(shift, [np.eye(3)], hamiltonian, tolerance)[0] else None
        if sites is not None:
            alike.append(shift.image)
            moved.append(sites)
    return np.array(moved), _modulo(identity, places, np.array(alike), linear, images)


def _modulo(
    identity: SpaceOperation,
    places: Places,
    alike: NDArray[np.int64],
    linear: list[tuple[NDArray[np.int64], NDArray[np.float64]]],
    images: list[NDArray[np.int64]],
) -> Iterator[SpaceOperation]:
    """Yield the identity, then an isometry for each set of images of the anchor that translations join.

    alike  [translation, atom] where each translation within the cell takes the atoms
    """
    yield identity
    for (W, R), candidates in zip(linear, images, strict=True):
        seen = set(alike[:, places.anchor].tolist()) if _is_identity(R) else set[int]()
        for first in candidates.tolist():
            if first not in seen:
                seen.update(alike[:, first].tolist())
                found = places.mapped(R, first)
                if found is not None:
                    yield SpaceOperation(R, W, *found)


def _is_identity(R: NDArray[np.float64]) -> bool:
    return bool(np.abs(R - np.eye(3)).max() < 1e-6)


class Places:
    """The atoms of a basis by their places, to find where an isometry takes them.

    Atoms are alike if they have one colour and the strength of their couplings is equal within the tolerance.

    axes       axes of the cell along which there are cells
    tolerance  of places, as a fraction of the shortest cell vector; of couplings, of the largest
    anchor     the atom with the fewest alike: an isometry is given by its linear part and the image of this atom
    probes     [probe] atoms with few alike, which rule out most isometries
    """

    def __init__(self, hamiltonian: Hamiltonian, axes: list[int], tolerance: float):
        from scipy.spatial import cKDTree

        lattice, bonds = hamiltonian.lattice, hamiltonian.bonds
        self.lattice, atoms = lattice, lattice.atoms
        self.near = tolerance * float(np.linalg.norm(lattice.cell, axis=1).min())
        self.inverse = np.zeros((3, 3))  # Cartesian -> cells, along axes that have any
        self.inverse[:, axes] = np.linalg.pinv(lattice.cell[axes]) if axes else 0.0
        self.colour = colours(hamiltonian, tolerance)
        size = np.linalg.norm(bonds.J, axis=(1, 2))
        self.strength = np.bincount(bonds.i, size, minlength=atoms)
        most = int(np.bincount(bonds.i, minlength=atoms).max(initial=0))
        self.equal = 3 * tolerance * most * np.abs(bonds.J).max(initial=0)  # a norm differs by at most 3 elements
        width = self.near * np.linalg.norm(self.inverse, axis=0) + 1e-9
        fractions = self._folded(lattice.basis) @ self.inverse
        points, atom = [], []
        for shift in product(*((-1, 0, 1) if axis in axes else (0,) for axis in range(3))):
            there = fractions + shift
            inside = ((there >= -width) & (there <= 1 + width)).all(axis=1)
            points.append((self._folded(lattice.basis) + np.array(shift) @ lattice.cell)[inside])
            atom.append(np.flatnonzero(inside))
        self.tree, self.atom = cKDTree(np.concatenate(points)), np.concatenate(atom)
        alike = np.zeros(atoms, dtype=np.int64)
        for kind in range(self.colour.max() + 1):
            of = self.colour == kind
            strength = np.sort(self.strength[of])
            above, below = (
                np.searchsorted(strength, self.strength[of] + self.equal, side="right"),
                np.searchsorted(strength, self.strength[of] - self.equal),
            )
            alike[of] = above - below
        self.anchor = int(np.argmin(alike))
        order = np.random.default_rng(0).permutation(atoms)
        self.probes = order[np.argsort(alike[order], kind="stable")][:PROBES]

    def _folded(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        return places - np.floor(places @ self.inverse + 1e-9) @ self.lattice.cell

    def _alike(self, atom: int, others: NDArray[np.int64]) -> NDArray[np.bool_]:
        same = self.colour[others] == self.colour[atom]
        return np.asarray(same & (np.abs(self.strength[others] - self.strength[atom]) <= self.equal))

    def at(self, places: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the atoms at places [n, 3], -1 for none."""
        distance, point = self.tree.query(self._folded(places), distance_upper_bound=self.near * (1 + 1e-9))
        return np.where(np.isfinite(distance), self.atom[np.where(np.isfinite(distance), point, 0)], -1)

    def images(self, R: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the atoms that the anchor may be mapped to by R and a translation, so far as a few atoms tell."""
        basis, anchor = self.lattice.basis, self.anchor
        first = np.flatnonzero(self._alike(anchor, np.arange(len(basis))))
        for probe in self.probes:
            image = self.at(basis[first] + (basis[probe] - basis[anchor]) @ R.T)
            first = first[(image >= 0) & self._alike(int(probe), image)]
            if not len(first):
                break
        return first

    def mapped(self, R: NDArray[np.float64], first: int) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Return image [atom] and cells [atom, 3] of the isometry that maps the anchor to an atom; None for none."""
        basis = self.lattice.basis
        moved = basis[first] + (basis - basis[self.anchor]) @ R.T
        image = self.at(moved)
        if (image < 0).any() or (self.colour[image] != self.colour).any():
            return None
        if len(np.unique(image)) < len(basis):
            return None
        return image, np.rint((moved - basis[image]) @ self.inverse).astype(np.int64)


def colours(hamiltonian: Hamiltonian, tolerance: float) -> NDArray[np.int64]:
    """Return numbers of the atoms [atom] that are the same where an isometry may take one to the other.

    Atoms begin with their species. Those whose bonds differ in kind, or in the colours at their other ends, are then
    given different colours, again and again (Weisfeiler & Leman, Nauchno-Tekhnicheskaya Informatsiya 2, 12 (1968)).
    Bonds differ in kind by the norm and the trace of their matrices, which no rotation of the spins changes; two
    values are one kind if steps below the tolerance lead from one to the other.
    """
    lattice, bonds = hamiltonian.lattice, hamiltonian.bonds
    colour = np.unique(np.array(lattice.species), return_inverse=True)[1].reshape(-1)
    step = 3 * tolerance * np.abs(bonds.J).max(initial=0)  # of the norm and the trace, where elements differ by less
    norm = _kinds(np.append(0.0, np.linalg.norm(bonds.J, axis=(1, 2))), step)
    trace = _kinds(np.trace(bonds.J, axis1=1, axis2=2), step)
    there = norm[1:] != norm[0]  # a bond of no strength is none
    i, j, kind = bonds.i[there], bonds.j[there], (norm[1:] * (trace.max(initial=0) + 1) + trace)[there]
    random, count = np.random.default_rng(0), 0
    while colour.max() + 1 > count:
        count = int(colour.max()) + 1
        ends = np.unique(kind * count + colour[j], return_inverse=True)[1].reshape(-1)
        marks = random.integers(2**64, size=ends.max(initial=-1) + 1, dtype=np.uint64)
        around = np.zeros(len(colour), dtype=np.uint64)  # sums that two atoms share by chance only leave them alike
        np.add.at(around, i, marks[ends])
        colour = np.unique(np.stack([colour.astype(np.uint64), around]), axis=1, return_inverse=True)[1].reshape(-1)
    return colour


def _kinds(values: NDArray[np.float64], step: float) -> NDArray[np.int64]:
    """Return numbers of values, the same for those that steps of at most ``step`` join."""
    order = np.argsort(values, kind="stable")
    kinds = np.empty(len(values), dtype=np.int64)
    kinds[order] = np.append(0, np.cumsum(np.diff(values[order]) > step))[: len(values)]
    return kinds


def isometries(
    lattice: Lattice, axes: list[int], tolerance: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """W and R of every linear map of the cell vectors along ``axes`` onto lattice vectors that keeps all lengths.

    The other axes hold one cell and no bond: their cell vectors do not matter, and their directions may be turned over.
    """
    cell, size, count = lattice.cell[axes], np.array(lattice.size)[axes], len(axes)
    periodic = np.array(lattice.periodic, dtype=bool)[axes]
    length = np.linalg.norm(cell, axis=1)
    vectors = combinations(cell, length.max() * (1 + tolerance)) if axes else np.zeros((0, 0), dtype=np.int64)
    images = []
    for k in range(count):
        allowed = np.abs(np.linalg.norm(vectors @ cell, axis=1) - length[k]) <= tolerance * length[k]
        closes = (vectors * size[k] % size == 0) | ~periodic  # n_k a_k goes to a translation of the periodic box
        straight = np.abs(vectors[:, ~periodic]).sum(axis=1) == (0 if periodic[k] else 1)
        same_edge = ((vectors == 0) | (size == size[k]) | periodic).all(axis=1)
        images.append(vectors[allowed & closes.all(axis=1) & straight & same_edge])
    across = np.linalg.svd(np.vstack([cell, np.zeros((1, 3))]))[2][count:]  # unit vectors normal to the lattice
    metric = cell @ cell.T
    for rows in product(*images):
        W = np.array(rows, dtype=np.int64).reshape(count, count)
        if np.abs(W @ metric @ W.T - metric).max(initial=0) > 2 * tolerance * length.max(initial=1) ** 2:
            continue
        for turned in _signed_permutations(3 - count):
            before, after = np.vstack([cell, across]), np.vstack([W @ cell, turned @ across])
            u, _, v = np.linalg.svd(np.linalg.solve(before, after).T)
            full = np.eye(3, dtype=np.int64)
            full[np.ix_(axes, axes)] = W
            R = u @ v
            yield full, np.where(np.abs(R - R.round()) < 1e-12, R.round(), R) + 0.0


@cache
def _signed_permutations(n: int) -> tuple[NDArray[np.float64], ...]:
    """Return the matrices [n, n] that permute and reverse the axes, in the order of their entries."""
    signs = product((-1.0, 1.0), repeat=n)
    entries = [(np.eye(n)[list(order)] * sign + 0.0).tolist() for sign in signs for order in permutations(range(n))]
    return tuple(np.array(matrix).reshape(n, n) for matrix in sorted(entries))


def keeps_energy(
    space: SpaceOperation, matrices: ArrayLike, hamiltonian: Hamiltonian, tolerance: float
) -> NDArray[np.bool_]:
    """Return whether every term stays as it is where each matrix turns the spins, [matrix].

    matrices [matrix, 3, 3] orthogonal; tolerance as for ``operations``.
    """
    turns = np.asarray(matrices, dtype=np.float64)
    kept = np.ones(len(turns), dtype=bool)
    for term in hamiltonian.terms:
        kept[kept] = term.invariant_under(hamiltonian, space, turns[kept], tolerance)
        if not kept.any():
            break
    return kept


def describe(R: ArrayLike) -> str:
    """Describe an orthogonal matrix [3, 3]: identity, inversion, rotation by 90 about [0 0 1], mirror normal to ..."""
    R = np.asarray(R, dtype=np.float64)
    proper = np.linalg.det(R).round() * R
    angle = int(np.rint(np.degrees(np.arccos(np.clip((np.trace(proper) - 1) / 2, -1, 1)))))
    improper = np.linalg.det(R) < 0
    if angle == 0:
        return "inversion" if improper else "identity"
    axis = np.linalg.svd(proper - np.eye(3))[2][2]
    axis *= np.sign(axis[np.argmax(np.abs(axis).round(6))])
    if angle < 180 and np.trace(np.cross(axis, np.eye(3)) @ proper) < 0:
        angle = -angle
    along = " ".join(f"{x:.3g}" for x in (axis / np.abs(axis).max()).round(3) + 0.0)
    if improper:
        return f"mirror normal to [{along}]" if angle == 180 else f"rotoinversion by {angle} about [{along}]"
    return f"rotation by {angle} about [{along}]"
