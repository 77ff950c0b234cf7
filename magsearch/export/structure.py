"""The magnetic structure of a texture: cell, propagation vectors, magnetic space group, elements, and what to know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.errors import InputError
from magsearch.export.cell import TOLERANCE, MagneticCell, magnetic_cell
from magsearch.export.group import MagneticGroup, magnetic_group
from magsearch.export.orientation import aligned
from magsearch.formats.elements import SYMBOLS
from magsearch.formatting import counted, html_table, text_table
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.observables.propagation import PropagationVector, propagation_vectors

CELLS = ("magnetic", "box")
UNITLESS = 1.5  # angstrom: magnetic atoms are further apart than that in every crystal
FLAT = 1e-3  # singular value over the largest one below which spins have no component along an axis


@dataclass(frozen=True, eq=False, repr=False)
class MagneticStructure:
    """A texture as a magnetic structure: what its files and its summary are made of.

    texture   [site, 3]
    cell      the cell that files hold
    elements  chemical symbol of each species of the model; species that are no element stay as they are
    assumed   species whose element was read off their label
    rotation  [3, 3] by which all spins of the search were rotated; the identity unless ``align`` was asked for
    """

    texture: NDArray[np.float64]
    cell: MagneticCell
    elements: Mapping[str, str]
    assumed: tuple[str, ...]
    rotation: NDArray[np.float64]

    @property
    def model(self) -> Hamiltonian:
        """Hamiltonian of the texture."""
        return self.cell.model

    @cached_property
    def propagation_vectors(self) -> tuple[PropagationVector, ...]:
        """Arms of the propagation vectors, heaviest first."""
        return propagation_vectors(self.model.lattice, self.texture)

    @cached_property
    def smallest(self) -> MagneticCell:
        """Smallest cell after which the texture repeats, whatever the files hold."""
        return magnetic_cell(self.model, self.texture, self.cell.tolerance)

    @cached_property
    def group(self) -> MagneticGroup:
        """Magnetic space group. Raises InputError without spglib, and ValueError where it is not found."""
        return magnetic_group(self.smallest)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Element, or label, of each atom of the cell."""
        return tuple(self.elements[label] for label in self.cell.labels)

    @cached_property
    def dimension(self) -> str:
        """Whether the spins are collinear, coplanar or noncoplanar."""
        return dimension(self.cell.spins)

    @property
    def spin_orbit(self) -> bool:
        """Whether a term of the model ties the spins to the lattice."""
        return any(term.spin_orbit for term in self.model.terms)

    @property
    def turned(self) -> bool:
        """Whether all spins were rotated."""
        return bool(np.abs(self.rotation - np.eye(3)).max() > 0)

    @cached_property
    def energies(self) -> tuple[float, float]:
        """Energy of the texture, and of the cell repeated over the box, meV per spin."""
        cell, lattice = self.cell, self.model.lattice
        there = np.flatnonzero(self.model.occupied & (self.texture != 0).any(axis=1))
        numbers, _ = cell.repeated(there % lattice.atoms, lattice.coordinates[there // lattice.atoms])
        repeated = np.zeros_like(self.texture)
        repeated[there] = cell.spins[numbers]
        both = np.stack([self.texture, repeated])
        total = sum(term.energies(self.model, both).sum(axis=-1) for term in self.model.terms)
        first, second = (np.asarray(total) / self.model.n_spins).tolist()
        return first, second

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Notes on the files for users."""
        found, lattice = list[str](), self.model.lattice
        if not self.spin_orbit:
            found.append(
                "no term of the model ties the spins to the lattice: a rotation of all spins costs no energy, so that "
                "their orientation is arbitrary, and with it the magnetic space group; the spin space group is larger"
                + (
                    ""
                    if self.turned or any(self.model.field)
                    else "; --align takes the orientation with the most symmetries"
                )
            )
        if self.turned:
            found.append("all spins were rotated together, to the orientation with the most symmetries")
        for label in self.elements:
            if self.elements[label] not in SYMBOLS[1:]:
                found.append(f"species '{label}' is no element; --elements {label}=Fe names one")
        if self.assumed:
            told = ", ".join(f"{label} is {self.elements[label]}" for label in self.assumed)
            found.append(f"assumed from the labels: {told}; --elements names others")
        if not lattice.nonmagnetic:
            found.append(
                "the model has the magnetic atoms alone: add the others to the files before a calculation; couplings "
                "stand for them in the search for the magnetic space group"
            )
        nearest = float(np.linalg.norm(lattice.cell, axis=1).min())
        if lattice.atoms > 1:
            from scipy.spatial import KDTree

            nearest = min(nearest, float(KDTree(lattice.basis).query(lattice.basis, k=2)[0][:, 1].min()))
        if nearest < UNITLESS:
            found.append(
                f"atoms are {nearest:.4g} angstrom apart: the lattice constant is probably not that of a crystal "
                "(--set model.constant)"
            )
        if (np.asarray(self.model.moments) == 1.0).all():
            found.append("all moments are 1 mu_B, which is also the default of a model that gives none")
        for axis in (axis for axis in range(3) if not lattice.periodic[axis]):
            height = lattice.size[axis] * np.linalg.norm(lattice.cell[axis])
            found.append(
                f"the {'abc'[axis]} axis is open: files repeat after {height:.4g} angstrom along it, adjust the vacuum"
            )
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        cell = self.cell
        before, after = self.energies
        group: dict[str, Any] | None = None
        try:
            of = self.group
        except (InputError, ValueError) as error:
            told = str(error)
        else:
            told, group = "", {
                "number": of.number, "symbol": of.symbol, "uni": of.uni, "type": of.kind,
                "operations": len(of.operations), "found_at": of.found, "until": of.until,
                "positions": of.positions, "moments": of.moments,
                "by_tolerance": [list(pair) for pair in of.others], "uni_of_structure": of.structure,
            }  # fmt: skip
        return {
            "cell": {
                "matrix": cell.given.tolist(), "vectors": cell.cell.tolist(), "atoms": len(cell.labels),
                "magnetic_atoms": len(cell.atoms), "cells": cell.volume, "is_box": cell.whole,
                "tolerance": cell.tolerance, "deviation": cell.deviation,
            },
            "propagation_vectors": [arm.as_json() for arm in self.propagation_vectors],
            "group": group, "no_group": told,
            "spins": self.dimension, "spin_orbit": self.spin_orbit, "rotation": self.rotation.tolist(),
            "elements": dict(self.elements),
            "energy_per_site": before, "energy_per_site_of_cell": after, "notes": list(self.notes),
        }  # fmt: skip

    def rows(self) -> dict[str, str]:
        """Return what a structure prints, by name."""
        cell = self.cell
        vectors = ", ".join(str(tuple(row)) for row in cell.given.tolist())
        more = len(cell.labels) - len(cell.atoms)
        others = f" and {more} other" if more else ""
        atoms = "atom" if len(cell.labels) == 1 else "atoms"
        whose = " (the box)" if cell.whole else ""
        before, after = self.energies
        found = {
            "cell": f"{len(cell.atoms)} magnetic{others} {atoms}, {counted(cell.volume, 'chemical cell')}{whose}",
            "vectors": f"{vectors} in those of the chemical cell",
            "repeats": f"to {cell.deviation:.1e} of a spin (tolerance {cell.tolerance:g}); energy {after:.10f} meV per "
            f"site, that of the texture {before:.10f}",
            "spins": self.dimension,
        }
        for k, arm in enumerate(self.propagation_vectors):
            step = " ".join(f"{part:.3g}" for part in arm.resolution)
            doubt = f"; the box holds one period only: uncertain by ({step})" if arm.box_only else ""
            kind = ", harmonic" if arm.harmonic else ""
            found[f"q{k + 1}"] = f"{arm} r.l.u., weight {arm.weight:.4f}{kind}{doubt}"
        try:
            group = self.group
        except (InputError, ValueError) as error:
            return found | {"group": str(error)}
        found["group"] = str(group)
        if group.alone:
            found["alone"] = f"positions and moments without couplings: {group.alone}"
        found["holds"] = (
            f"from tolerance {group.found:g} to {group.until:g}; positions to {group.positions:.1e} angstrom, moments "
            f"to {group.moments:.1e} of the largest"
        )
        changes = [f"{tolerance:g} {symbol}" for tolerance, symbol in _changes(group.others)]
        if len(changes) > 1:
            found["tried"] = "; ".join(changes)
        return found

    def __repr__(self) -> str:
        return text_table("Magnetic structure", self._all())

    def _repr_html_(self) -> str:
        return html_table("Magnetic structure", self._all())

    def _all(self) -> dict[str, str]:
        return self.rows() | {f"note {k}": note for k, note in enumerate(self.notes, 1)}


def _changes(tried: tuple[tuple[float, str], ...]) -> list[tuple[float, str]]:
    """Return the first tolerance of each group."""
    return [pair for k, pair in enumerate(tried) if k == 0 or tried[k - 1][1] != pair[1]]


def magnetic_structure(
    model: Hamiltonian,
    spins: ArrayLike,
    cell: str = "magnetic",
    tolerance: float = TOLERANCE,
    elements: Mapping[str, str] | None = None,
    align: bool = False,
) -> MagneticStructure:
    """Return the magnetic structure of a texture [site, 3].

    cell        "magnetic", the smallest one after which the texture repeats, or "box"
    tolerance   deviation of spins that count as equal; fraction of distances and moments for the magnetic space group
    elements    chemical symbol by species of the model
    align       rotate all spins to the orientation with the most symmetries; for models that leave it arbitrary

    Raises InputError for a cell that is neither, for species that do not exist, for a texture without spins, and for
    ``align`` where spin-orbit terms or a field fix the orientation, or without spglib.
    """
    if cell not in CELLS:
        raise InputError(f"is {cell!r}; expected {' or '.join(CELLS)}", "cell")
    if not 0 < tolerance < 1:
        raise InputError(f"is {tolerance:g}; expected a number between 0 and 1", "tolerance")
    lattice = model.lattice
    labels = tuple(dict.fromkeys((*lattice.species, *(label for label, _ in lattice.nonmagnetic))))
    named = dict(elements or {})
    for label, symbol in named.items():
        if label not in labels:
            raise InputError(f"the model has no species '{label}'; it has {', '.join(labels)}", "elements")
        if symbol not in SYMBOLS[1:]:
            raise InputError(f"'{symbol}' is no chemical symbol", "elements")
    assumed = []
    for label in labels:
        match = re.match(r"[A-Z][a-z]?", label)
        symbol = next((s for s in ((match[0], match[0][0]) if match else ()) if s in SYMBOLS[1:]), label)
        if label not in named:
            named[label] = symbol
            assumed += [label] if symbol != label else []
    try:
        found = magnetic_cell(model, spins, tolerance, cell == "box")
    except ValueError as error:
        raise InputError(str(error), "texture") from None
    texture, R = np.asarray(spins, dtype=np.float64), np.eye(3)
    if align:
        fixed = next((term.name for term in model.terms if term.spin_orbit), "field" if any(model.field) else None)
        if fixed:
            raise InputError(f"the model has the term '{fixed}', which fixes the orientation of the spins", "align")
        try:
            R = aligned(found, dimension(found.spins), tolerance)
        except ValueError as error:
            raise error if isinstance(error, InputError) else InputError(str(error), "align") from None
        texture, found = texture @ R.T, replace(found, spins=found.spins @ R.T)
    return MagneticStructure(texture, found, named, tuple(assumed), R)


def dimension(spins: NDArray[np.float64]) -> str:
    """Return whether spins [atom, 3] are collinear, coplanar or noncoplanar."""
    values = np.linalg.svd(spins, compute_uv=False)
    rank = int((values > FLAT * values[0]).sum())
    return {1: "collinear", 2: "coplanar"}.get(rank, "noncoplanar")
