"""Checks of the couplings: what is missing, what is left over, what breaks a symmetry that the rest has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from magsearch.checks.finding import Finding, NotChecked
from magsearch.formatting import counted
from magsearch.model.couplings import Couplings
from magsearch.symmetry.crystal import crystal_group
from magsearch.symmetry.space_group import keeps_energy, space_operations

STRONG = 0.05  # of the strongest coupling: files of density functional theory list weaker shells in part
ALIKE = 1e-2  # relative difference of strengths that are meant to be equal
ATOMS = 200  # in the cell, up to which bonds are compared under the symmetries of the lattice
FARTHER = 50.0  # times the strongest coupling at shorter distances, above which one looks like a typing error


def uncoupled(couplings: Couplings) -> Iterator[Finding]:
    """Find models without couplings, atoms without couplings, and parts of a crystal that do not see each other."""
    hamiltonian = couplings.hamiltonian
    lattice, bonds = hamiltonian.lattice, hamiltonian.bonds
    if not hamiltonian.coupled:
        if lattice.sites > 1:
            yield Finding(
                "no-couplings", f"no couplings: {counted(hamiltonian.n_spins, 'spin')}, independent of each other",
                "expected exchange, as [[model.exchange]] or [[model.bond]]",
            )  # fmt: skip
        return
    if hamiltonian.site_bonds is not None or hamiltonian.others:
        return
    alone = np.setdiff1d(np.arange(lattice.atoms), bonds.i)
    if len(alone):
        yield Finding(
            "uncoupled-atoms", f"{counted(len(alone), 'atom')} of the basis without couplings: {_listed(alone)}",
            "couple every magnetic atom, and leave out those that are not magnetic",
        )  # fmt: skip
    links = coo_array((np.ones(len(bonds)), (bonds.i, bonds.j)), shape=(lattice.atoms, lattice.atoms))
    parts, part = connected_components(links, directed=False)
    groups = [np.flatnonzero(part == k) for k in range(parts)]
    groups = [group for group in groups if len(group) > 1 or group[0] not in alone]
    if len(groups) > 1:
        yield Finding(
            "separate-parts",
            f"the atoms form {counted(len(groups), 'group')} that are not coupled to each other: "
            + "; ".join(_listed(group) for group in groups[:4]),
            "expected couplings between them: otherwise each is a model of its own",
        )


def _listed(atoms: NDArray[np.int64]) -> str:
    """Return the numbers of atoms, at most eight."""
    more = ", ..." if len(atoms) > 8 else ""
    return f"{'atom' if len(atoms) == 1 else 'atoms'} {', '.join(map(str, atoms[:8].tolist()))}{more}"


def incomplete(couplings: Couplings) -> Iterator[Finding]:
    """Find shells of which most bonds are coupled, equally strongly, and a few are not.

    Bonds that keep the point group of the crystal are coupled on purpose, as the crossed squares of a checkerboard are.
    Raises NotChecked where a cell has too many pairs of atoms, or too many operations.
    """
    bonds, least = couplings.hamiltonian.bonds, STRONG * couplings.strongest
    strong = couplings.strengths >= max(least, 1e-300)
    if not strong.any():
        return
    try:
        i, j, offset, distance = couplings.pairs(float(couplings.distances[strong].max()), couplings.crossed)
    except ValueError as error:
        raise NotChecked(f"missing bonds of a shell: {error}") from None
    found = bonds.find(i, j, offset)
    strength = np.where(found >= 0, couplings.strengths[found], 0.0)
    there = strength >= least
    species = couplings.species(i, j)
    shell = couplings.shell_of(distance)
    for number in np.unique(shell[there]):
        for pair in np.unique(species[shell == number]):
            members = (shell == number) & (species == pair)
            for atom in np.unique(i[members]):
                own = members & (i == atom)
                have, all_of = int(there[own].sum()), int(own.sum())
                if not all_of / 2 <= have < all_of or np.ptp(strength[own & there]) > ALIKE * strength[own].max():
                    continue
                missing = int(np.flatnonzero(own & ~there)[0])
                try:
                    if _regular(couplings, found[members & there]):
                        break
                except ValueError as error:
                    raise NotChecked(f"missing bonds of a shell: {error}") from None
                yield Finding(
                    "incomplete-shell",
                    f"{have} of {all_of} {pair} bonds of {distance[missing]:.4g} angstrom at atom {atom} are coupled; "
                    f"bond {atom} -> {j[missing]}, cells {offset[missing].tolist()}, is not",
                    "expected all bonds of this length, or none: a bond may be missing, or lead to another cell",
                )
                break


def _regular(couplings: Couplings, chosen: NDArray[np.int64]) -> bool:
    """Return whether every rotation and reflection of the crystal, with a translation, maps some bonds onto themselves.

    chosen   numbers of the bonds

    Raises ValueError for a crystal whose space group is too large.
    """
    hamiltonian = couplings.hamiltonian
    bonds, lattice = hamiltonian.bonds, hamiltonian.lattice
    group = crystal_group(lattice, hamiltonian.moments, bonds)
    among = np.zeros(len(bonds) + 1, dtype=bool)  # the last is for images without a coupling, number -1
    among[chosen] = True
    kept: dict[bytes, bool] = {}
    for R, W, image, cells in zip(group.R, group.W, group.image, group.cells, strict=True):
        i, j = bonds.i[chosen], bonds.j[chosen]
        there = bonds.find(image[i], image[j], bonds.offset[chosen] @ W + cells[j] - cells[i])
        turn = (R.round(6) + 0.0).tobytes()
        kept[turn] = kept.get(turn, False) or bool(among[there].all())
    return all(kept.values())


def unrelated(couplings: Couplings) -> Iterator[Finding]:
    """Find shells whose Dzyaloshinskii-Moriya vectors have one length, but directions that no symmetry relates.

    Symmetries are those of the whole model without its field and anisotropy. Shells with symmetric anisotropic exchange
    are left out: there the axes of the spins may be other ones than those of the lattice, as in Kitaev models. Raises
    NotChecked for large cells.
    """
    hamiltonian, bonds = couplings.hamiltonian, couplings.hamiltonian.bonds
    length = np.linalg.norm(couplings.dmi, axis=1)
    if not (length > STRONG * couplings.strongest).any() or (couplings.anisotropic > 1e-6 * couplings.strongest).any():
        return
    if hamiltonian.lattice.atoms > ATOMS:
        raise NotChecked(f"{hamiltonian.lattice.atoms} atoms in a cell are too many to compare DMI vectors by symmetry")
    if not hamiltonian.uniform:
        raise NotChecked("with vacancies or couplings of single sites, DMI vectors are not compared by symmetry")
    cell = replace(hamiltonian.lattice, size=(1, 1, 1), periodic=(True, True, True))  # whatever the shape of the box
    bare = replace(hamiltonian, lattice=cell, field=(0.0, 0.0, 0.0), anisotropy=(), others=(), notes=())
    inverse = np.linalg.inv(cell.cell)

    def moved(image: NDArray[np.int64], R: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the numbers of the bonds to which an isometry moves each bond; ``image`` is that of each atom."""
        i, j = image[bonds.i], image[bonds.j]
        offset = (couplings.vectors @ R.T - cell.basis[j] + cell.basis[i]) @ inverse
        return bonds.find(i, j, np.rint(offset).astype(np.int64))

    translations, isometries = space_operations(bare)
    images = [bonds.find(bonds.j, bonds.i, -bonds.offset)]
    images += [moved(np.argsort(sites), np.eye(3)) for sites in translations]
    for space in isometries:
        if keeps_energy(space, np.array([space.P]), bare, ALIKE).any():
            images.append(moved(space.image, space.R))
    ends = np.array([(k, m) for image in images for k, m in enumerate(image.tolist()) if m >= 0])
    links = coo_array((np.ones(len(ends)), ends.T), shape=(len(bonds), len(bonds)))
    orbit = connected_components(links, directed=False)[1]
    for shell in couplings.shells:
        for pair, own in couplings.by_species(shell):
            D, J = length[own], couplings.exchange[own]
            if D.min() <= STRONG * couplings.strongest or np.ptp(D) > ALIKE * D.max() or len(set(orbit[own])) == 1:
                continue
            if np.ptp(J) > ALIKE * couplings.strongest:
                continue
            numbers, sizes = np.unique(orbit[own], return_counts=True)
            odd = int(own[np.flatnonzero(orbit[own] == numbers[sizes.argmin()])[0]])
            yield Finding(
                "unrelated-dmi",
                f"the {pair} bonds of {couplings.distances[odd]:.4g} angstrom have equally long D vectors that no "
                f"symmetry of the model relates, for example {bonds.describe(odd)}, with "
                f"D = {_vector(couplings.dmi[odd])} meV",
                "a sign or a direction may be wrong; from i to j and from j to i, D has opposite signs",
            )


def _vector(D: NDArray[np.float64]) -> str:
    return f"({', '.join(f'{d + 0.0:.4g}' for d in D)})"


def strange(couplings: Couplings) -> Iterator[Finding]:
    """Find D longer than J on the strongest bond, and couplings that are far stronger than all shorter ones."""
    if not couplings.strongest:
        return
    first = int(couplings.strengths.argmax())
    D, J = float(np.linalg.norm(couplings.dmi[first])), abs(float(couplings.exchange[first]))
    if D > J and couplings.anisotropic[first] < J:
        yield Finding(
            "dmi-exceeds-exchange",
            f"the strongest bond ({couplings.distances[first]:.4g} angstrom) has |D| = {D:.4g} meV, more than "
            f"|J| = {J:.4g} meV",
            "expected |D| below |J|, by a factor of 3 to 100 in most crystals: check the unit and the columns of D",
        )
    nearer = 0.0
    for shell in couplings.shells:
        here = float(couplings.strengths[shell].max())
        if nearer and here > FARTHER * nearer:
            yield Finding(
                "growing-couplings",
                f"couplings of {couplings.distances[shell[0]]:.4g} angstrom reach {here:.4g} meV, {here / nearer:.0f} "
                "times the strongest of all shorter ones",
                "expected couplings that decrease with the distance: check decimal points and the order of the shells",
            )
        nearer = max(nearer, here)
