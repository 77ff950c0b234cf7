"""Orbits of bonds and of anisotropy under the space group of a crystal: one is given, all follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from magsearch.model.bonds import ROUNDING, Bonds
from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.model.terms.single_ion import Anisotropy, CubicAnisotropy, StevensOperator, UniaxialAnisotropy
from magsearch.symmetry import allowed
from magsearch.symmetry.crystal import CrystalGroup, reverse

EXACT = 1e-9  # of the largest element of a coupling: a forbidden part that is rounding of this machine
Key = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Orbit:
    """The bonds that a space group makes of one.

    bonds  [pair, 5]     all pairs of a cell, each once, (i, j, offset); the representative first
    R      [pair, 3, 3]  J of a pair is R J R^T with J of the representative
    """

    bonds: NDArray[np.int64]
    R: NDArray[np.float64]

    @property
    def bond(self) -> NDArray[np.int64]:
        """The representative."""
        return self.bonds[0]

    def matrices(self, J: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the couplings of all pairs, [pair, 3, 3], for J [3, 3] of the representative."""
        return np.asarray(self.R @ J @ self.R.swapaxes(1, 2))

    def coordination(self, atom: int) -> int:
        """Return the number of these bonds at an atom."""
        return int((self.bonds[:, :2] == atom).sum())


def orbit(group: CrystalGroup, bond: NDArray[np.int64]) -> Orbit:
    """Return the orbit of a bond (i, j, offset), the bond itself first."""
    images = group.images(bond)
    found: dict[Key, int] = {}
    for number, (image, back) in enumerate(zip(images.tolist(), reverse(images).tolist(), strict=True)):
        if tuple(back) not in found:
            found.setdefault(tuple(image), number)
    chosen = np.array(list(found.values()))
    return Orbit(images[chosen], group.R[chosen])


def bond_orbits(group: CrystalGroup, bonds: NDArray[np.int64]) -> list[Orbit]:
    """Return the orbits of bonds [bond, 5], in the order of the first of each.

    The representative is chosen as Sunny does: few letters in the allowed form, then the fewest and positive cells and
    the lowest atoms.
    """
    seen: set[Key] = set()
    found = []
    for bond in bonds:
        if tuple(bond.tolist()) in seen:
            continue
        whole = orbit(group, bond)
        both = np.concatenate([whole.bonds, reverse(whole.bonds)])
        seen.update(tuple(one) for one in both.tolist())
        best = min(range(len(both)), key=lambda k: _score(group, both[k]))
        found.append(orbit(group, both[best]))
    return found


def _score(group: CrystalGroup, bond: NDArray[np.int64]) -> tuple[float, Key]:
    """Return how complicated a bond is, as Sunny 0.7 scores it."""
    operations, turned = group.of_bond(bond)
    elements = int(np.count_nonzero(allowed.basis(group.R[operations], turned)))
    i, j, *cells = bond.tolist()
    far = float(np.linalg.norm((np.array(cells) - 0.1) * (0.07, 0.08, 0.09)))
    return round(elements + far + 0.01 * (i + j) + (-0.01 if i < j else 0.01), 9), tuple(bond.tolist())


class Forbidden(ValueError):
    """A coupling or an anisotropy that symmetry does not allow, or that differs from an equivalent one.

    number  of the bond or the term in its list
    """

    def __init__(self, number: int, message: str):
        self.number = number
        super().__init__(message)


def expanded(group: CrystalGroup, bonds: Bonds) -> tuple[Bonds, list[str]]:
    """Return all pairs that a space group makes of some, both directions, and notes about rounding.

    bonds  pairs, each once, in one direction; those that belong to one orbit must agree

    Raises Forbidden for a coupling that symmetry does not allow, and for two of an orbit that differ.
    """
    keys = np.column_stack([bonds.i, bonds.j, bonds.offset])
    of: dict[Key, tuple[int, NDArray[np.float64]]] = {}
    parts: list[Bonds] = []
    lost: list[tuple[float, int]] = []
    for number, (key, J) in enumerate(zip(keys, bonds.J, strict=True)):
        operations, turned = group.of_bond(key)
        kept, scale = allowed.projected(J, group.R[operations], turned), np.abs(J).max()
        off = float(np.abs(J - kept).max())
        if off > ROUNDING * scale:
            raise Forbidden(number, _told(J, kept, group, operations, turned))
        if tuple(key.tolist()) in of:
            first, given = of[tuple(key.tolist())]
            if np.abs(given - J).max() > ROUNDING * max(scale, np.abs(given).max()):
                told = f"symmetry makes {written(given)} of {bonds.describe(first)}, but {written(J)} is given"
                raise Forbidden(number, f"{told}; expected one of them, or equal ones")
            continue
        if off > EXACT * scale:
            lost.append((off, number))
        whole = orbit(group, key)
        matrices = whole.matrices(kept)
        for one, back, matrix in zip(whole.bonds.tolist(), reverse(whole.bonds).tolist(), matrices, strict=True):
            of[tuple(one)], of[tuple(back)] = (number, matrix), (number, matrix.T)
        pairs = Bonds.pairs(whole.bonds[:, 0], whole.bonds[:, 1], matrices, whole.bonds[:, 2:])
        source = (bonds.source[number] if bonds.source else "",) * len(pairs)
        parts.append(replace(pairs, source=source))
    notes = []
    if lost:
        off, number = max(lost)
        told = f"symmetry forbids up to {off:.1e} of {len(lost)} couplings (rounding), which is left out"
        notes.append(f"{told}, for example of {bonds.describe(number)}")
    return sum(parts, Bonds.none()), notes


def _told(
    J: NDArray[np.float64],
    kept: NDArray[np.float64],
    group: CrystalGroup,
    operations: NDArray[np.int64],
    turned: NDArray[np.bool_],
) -> str:
    """Return the message for a coupling with a forbidden part."""
    forms = allowed.basis(group.R[operations], turned)
    rows = "; ".join(" ".join(row) for row in allowed.letters(forms)) if len(forms) else "0"
    D = allowed.dmi_letters(forms)
    vector = f"D = ({', '.join(D)})" if D else "no D"
    largest = float(np.abs(J - kept).max())
    return f"symmetry forbids {largest:.4g} of it; allowed is [{rows}] with {vector}, closest is {written(kept)}"


def written(J: NDArray[np.float64]) -> str:
    """Return a matrix in a line, rounded."""
    return "[" + "; ".join(" ".join(f"{x + 0.0:.6g}" for x in row) for row in J.round(9).tolist()) + "]"


def expanded_anisotropy(group: CrystalGroup, terms: Sequence[Anisotropy]) -> tuple[Anisotropy, ...]:
    """Return the anisotropy of all atoms that a space group makes of the given ones.

    Raises Forbidden, with the number of the term, for one that symmetry does not allow, and for equivalent atoms whose
    given ones differ.
    """
    atoms = group.image.shape[1]
    given = [_on(terms, atom) for atom in range(atoms)]
    found: list[Anisotropy] = []
    for members in group.orbits:
        named = [int(atom) for atom in members if given[atom]]
        if not named:
            continue
        first = named[0]
        numbers = given[first]
        for operation in group.of_site(first):
            if not _alike(_turned(terms, numbers, group.P[operation]), [terms[k] for k in numbers]):
                raise Forbidden(numbers[0], _anisotropy_told(group, first))
        for atom in members.tolist():
            P = group.P[int(np.argmax(group.image[:, first] == atom))]
            moved = _turned(terms, numbers, P)
            if given[atom] and not _alike(moved, [terms[k] for k in given[atom]]):
                told = f"atoms {first} and {atom} are equivalent, but their anisotropy differs"
                raise Forbidden(given[atom][0], f"{told}; expected one of them, or equal ones")
            found += [replace(term, atoms=(atom,)) for term in moved]
    return tuple(found)


def _on(terms: Sequence[Anisotropy], atom: int) -> list[int]:
    """Return the numbers of the terms that act on an atom."""
    return [k for k, term in enumerate(terms) if term.atoms is None or atom in term.atoms]


def _turned(terms: Sequence[Anisotropy], numbers: Iterable[int], P: NDArray[np.float64]) -> list[Anisotropy]:
    """Return some terms with their axes turned by a rotation P [3, 3]."""
    return [_with_axes(terms[k], P) for k in numbers]


def _with_axes(term: Anisotropy, P: NDArray[np.float64]) -> Anisotropy:
    if isinstance(term, UniaxialAnisotropy):
        x, y, z = (P @ np.array(term.axis)).tolist()
        return replace(term, axis=(x, y, z))
    assert isinstance(term, CubicAnisotropy | StevensOperator)
    return replace(term, axes=tuple((x, y, z) for x, y, z in (np.array(term.axes) @ P.T).tolist()))


def _alike(one: Sequence[Anisotropy], other: Sequence[Anisotropy]) -> bool:
    """Return whether two lists of terms are the same energy of an atom, but for a constant and rounding."""
    s = np.random.default_rng(0).normal(size=(64, 1, 3))
    s /= np.linalg.norm(s, axis=2, keepdims=True)
    first, second = (_energies(terms, s) for terms in (one, other))
    return bool(np.ptp(first - second) <= ROUNDING * max(np.ptp(first), np.ptp(second)))


def _energies(terms: Sequence[Anisotropy], s: NDArray[np.float64]) -> NDArray[np.float64]:
    entries = OnsiteEntries.none(1)
    for term in terms:
        term.add_to(entries, 0)
    return entries.energies(s)


def _anisotropy_told(group: CrystalGroup, atom: int) -> str:
    """Return the message for an anisotropy that the symmetry of an atom forbids."""
    site = group.of_site(atom)
    forms = allowed.basis(group.R[site], np.zeros(len(site), dtype=bool))
    even = forms[np.abs(forms - forms.swapaxes(1, 2)).max(axis=(1, 2), initial=0) < allowed.ZERO]
    rows = "; ".join(" ".join(row) for row in allowed.letters(even))
    return f"symmetry of atom {atom} forbids it; allowed of second order is s.A s with A = [{rows}]"
