"""The keys of [model] that describe a whole crystal: a structure file, which atoms are magnetic, and symmetry.

A structure becomes `cell`, `basis` and `nonmagnetic`, so that a run or a scan does not need the file again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from magsearch.errors import InputError
from magsearch.formats import structure
from magsearch.formats.structure import Structure
from magsearch.formats.toml.couplings import Vector
from magsearch.formats.toml.source import Source
from magsearch.formats.toml.table import Table
from magsearch.formatting import counted
from magsearch.model.notes import Note
from magsearch.symmetry.crystal import TOLERANCE

OWN = ("lattice", "cell", "basis", "constant", "cartesian", "nonmagnetic")  # keys that a structure takes the place of
QUIET = 0.3  # Bohr magnetons; larger moments are those of magnetic atoms


class Magnetic(Table, path="model.magnetic"):
    """Magnetic atoms of a structure, `[[model.magnetic]]`."""

    atoms: str = field(metadata={"doc": "Chemical element, or the label of a site: Fe, Fe1."})
    moment: float | None = field(
        default=None,
        metadata={"doc": "Their moment.", "unit": "mu_B", "default": "that of the file, or `model.moment`", "gt": 0},
    )


class Nonmagnetic(Table, path="model.nonmagnetic"):
    """An atom without a spin, which belongs to the symmetry of the crystal, `[[model.nonmagnetic]]`."""

    position: Vector = field(metadata={"doc": "Position, as that of an atom of the basis."})
    species: str = field(default="A", metadata={"doc": "Chemical symbol or any other name."})


class Symmetry(Table, path="model.symmetry"):
    """Expansion of bonds and anisotropies by the space group; `symmetry = true` for the defaults."""

    tolerance: float = field(
        default=TOLERANCE,
        metadata={
            "doc": "Mismatch of positions and cell vectors, as a fraction of the shortest cell vector.",
            "gt": 0,
            "le": 0.1,
        },
    )


def embedded(
    table: dict[str, Any], name: str, magnetic: Sequence[Magnetic], source: Source
) -> tuple[dict[str, Any], list[str]]:
    """Return a [model] table with the crystal in the place of its structure, and notes. InputError for a wrong file.

    name  of the file, relative to the input
    """
    try:
        found = structure.read(Path(source.path).parent / name)
    except InputError as error:
        raise source.error(("structure",), f"model.structure: {error}") from None
    return of_structure(table, found, name, magnetic, source)


def of_structure(
    table: dict[str, Any], found: Structure, name: str, magnetic: Sequence[Magnetic], source: Source
) -> tuple[dict[str, Any], list[str]]:
    """Return a [model] table with the crystal of a structure, and notes; ``name`` is that of its file."""
    for key in OWN:
        if key in table:
            raise source.error((key,), f"the structure has the crystal; expected no {key} besides it")
    chosen, species = _chosen(found, magnetic, source)
    notes: list[str] = [f"{source.path}: {name} has {found.left}"] if found.left else []
    if not magnetic:
        quiet = [k for k in range(len(found.elements)) if found.moments[k] > 0 and k not in chosen]
        told = f"{source.path}: magnetic are atoms of {name} with moments above {QUIET} mu_B, {len(chosen)} of them"
        left = f"; {counted(len(quiet), 'smaller one', 'are')} left out" if quiet else ""
        notes.append(Note(f"{told}{left}, unless [[model.magnetic]] says which", about="magnetic"))
    basis = [
        {"position": found.positions[k].tolist(), "species": species[k]}
        | ({} if moment is None else {"moment": float(moment)})
        for k, moment in sorted(chosen.items())
    ]
    rest = [k for k in range(len(found.elements)) if k not in chosen]
    others = [{"position": found.positions[k].tolist(), "species": found.elements[k]} for k in rest]
    crystal = {"cell": found.cell.tolist(), "cartesian": True, "basis": basis, "nonmagnetic": others}
    kept = {key: value for key, value in table.items() if key not in ("structure", "magnetic")}
    if "periodic" not in kept and not all(found.periodic):
        kept["periodic"] = list(found.periodic)
    told = f"{source.path}: structure {name}, {found.formula}; magnetic: {' '.join(species[k] for k in sorted(chosen))}"
    return kept | crystal, [*notes, Note(told, harmless=True)]


def _chosen(
    found: Structure, magnetic: Sequence[Magnetic], source: Source
) -> tuple[dict[int, float | None], dict[int, str]]:
    """Return the moments of the magnetic atoms, None where nothing says it, and their species."""
    chosen: dict[int, float | None] = {}
    species: dict[int, str] = {}
    if not magnetic:
        loud = {k: float(moment) for k, moment in enumerate(found.moments) if moment > QUIET}
        if not loud:
            names = ", ".join(dict.fromkeys(found.elements))
            told = f"the structure has no moments; expected [[model.magnetic]] with atoms of {names}"
            raise source.error(("structure",), told)
        return dict(loud), {k: found.elements[k] for k in loud}
    for number, entry in enumerate(magnetic):
        atoms = found.chosen(entry.atoms)
        if not atoms:
            names = ", ".join(dict.fromkeys((*found.elements, *found.labels)))
            raise source.error(("magnetic", number, "atoms"), f"the structure has no {entry.atoms}; it has {names}")
        for k in atoms:
            if k in chosen:
                told = f"{found.labels[k]} is chosen before; expected each atom once"
                raise source.error(("magnetic", number, "atoms"), told)
            own = float(found.moments[k]) or None
            chosen[k] = own if entry.moment is None else entry.moment
            species[k] = found.elements[k] if entry.atoms in found.elements else entry.atoms
    return chosen, species
