"""Reader of VAMPIRE's main file, usually called ``input``: paths of cell and materials, box, boundaries, field."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from magsearch.errors import InputError
from magsearch.formats.build import dipoles
from magsearch.formats.text_file import TextFile
from magsearch.formats.vampire import CONVENTIONS
from magsearch.formats.vampire.built_in import built_in
from magsearch.formats.vampire.crystal import assemble_crystal
from magsearch.formats.vampire.materials import read_materials
from magsearch.formats.vampire.statements import FIELD, LENGTH, Statement, repetitions, statements
from magsearch.formats.vampire.ucf import UnitCell, read_cell
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.notes import Note
from magsearch.model.terms.dipole import Dipole

__all__ = ["CONVENTIONS", "NAME", "files", "read", "recognises"]

NAME = "VAMPIRE, input file"
ORDER = 5
AXES = "xyz"
SHAPES = {"cube", "cylinder", "ellipsoid", "sphere", "truncated-octahedron", "tear-drop", "faceted-particle", "cone"}
SHAPES |= {"bubble", "particle-array", "hexagonal-particle-array", "voronoi-film", "grains", "granular-film", "ellipse"}
SHAPES |= {"multilayers", "interfacial-roughness", "material-interfacial-roughness"}
CONTROL = {"sim", "output", "screen", "config", "cells", "gpu", "gui"}  # what is simulated and printed, not the model
READ = {"material:file", "material:unit-cell-file", "create:full", "create:particle", "exchange:ab-initio"}
READ |= {"sim:applied-field-strength", "sim:applied-field-unit-vector", "dimensions:system-size"}
READ |= {f"create:periodic-boundaries{end}" for end in ("", "-x", "-y", "-z")}
READ |= {"create:crystal-structure", "create:single-spin", "dimensions:unit-cell-size"}
DIPOLES = {"dipole:solver", "sim:enable-dipole-fields"}
READ |= {f"dimensions:unit-cell-size-{axis}" for axis in AXES}
READ |= {f"dimensions:system-size-{axis}" for axis in AXES}


@dataclass(frozen=True)
class Files:
    """Paths of the unit cell file and the material file."""

    ucf: Path
    mat: Path


def recognises(path: Path, text: str) -> bool:
    """Return whether a line of the text names a material file or a unit cell file."""
    bare = text.replace(" ", "").replace("\t", "")
    return any(line.startswith(("material:file=", "material:unit-cell-file=")) for line in bare.splitlines())


def files(file: TextFile) -> Files | None:
    """Return the cell and the materials that a main file names, relative to it; None if it names no cell."""
    named = _material(file)
    if not named.get("unit-cell-file") or not named.get("file"):
        return None
    folder = file.path.parent
    return Files(folder / named["unit-cell-file"], folder / named["file"])


def _material(file: TextFile) -> dict[str, str]:
    """Return the values of material:... statements by their words."""
    return {s.word: s.value for s in statements(file.path, file.text) if s.key == "material" and not s.index}


def read(file: TextFile) -> Hamiltonian:
    """Read the Hamiltonian of a VAMPIRE calculation, with a unit cell file or a built-in crystal.

    Raises InputError, with file and line.
    """
    path, named = file.path, files(file)
    crystal: Statement | None = None
    single = False
    edges: dict[str, float] = {}
    system: dict[str, float] = {}
    periodic = dict.fromkeys(AXES, False)
    strength, direction, factor = 0.0, (0.0, 0.0, 1.0), 1.0
    unused: list[str] = []
    solver: Statement | None = None
    every = statements(path, file.text)
    for statement in every:
        name = f"{statement.key}:{statement.word}"
        _refuse(statement)
        if name in DIPOLES:
            solver = statement if statement.value != "false" else None
        elif name not in READ:
            unused.append(name)
        elif name.startswith("dimensions:system-size"):
            for axis in statement.word[-1] if statement.word[-2] == "-" else AXES:
                system[axis] = statement.number(LENGTH)
        elif name.startswith("create:periodic-boundaries"):
            axes = statement.word[-1] if statement.word[-2] == "-" else statement.value.replace(",", "") or AXES
            periodic |= dict.fromkeys(axes, True)
        elif name == "sim:applied-field-strength":
            strength = statement.number(FIELD)
        elif name == "sim:applied-field-unit-vector":
            direction = statement.direction()
        elif name == "create:crystal-structure":
            crystal = statement
        elif name == "create:single-spin":
            single = statement.value != "false"
        elif name.startswith("dimensions:unit-cell-size"):
            for axis in statement.word[-1] if statement.word[-2] == "-" else AXES:
                edges[axis] = statement.number(LENGTH)
        elif name == "exchange:ab-initio":
            factor = 1.0 if statement.value == "false" else 2.0
    if system and (len(system) < 3 or min(system.values()) <= 0):
        raise InputError(f"dimensions:system-size is {system}; expected a length for each of x, y and z", path)
    if set(periodic) != set(AXES):
        raise InputError(f"create:periodic-boundaries names {set(periodic) - set(AXES)}; expected x, y and z", path)
    Bx, By, Bz = (strength * np.array(direction) / np.linalg.norm(direction)).tolist()
    notes: list[str] = []
    if unused:
        control = all(name.split(":")[0] in CONTROL for name in unused)
        notes.append(Note(f"{path}: not used: {', '.join(dict.fromkeys(unused))}", harmless=control))
    notes += repetitions(path, every)
    if single:
        edges, periodic = {axis: edges.get(axis, 1.0) for axis in AXES}, dict.fromkeys(AXES, False)
        system, named = edges, None
    if named is not None:
        ucf, cell, mat = named.ucf, read_cell(TextFile.read(named.ucf)), named.mat
    else:
        ucf, (cell, mat, told) = path, _built_in(file, None if single else crystal, edges)
        if single:  # of a simple cube and without couplings (initialise_variables.cpp)
            cell = replace(cell, links=cell.links[:0], J=cell.J[:0], line=[])
            told = Note(f"{path}: create:single-spin, one atom without couplings", harmless=True)
        notes.append(told)
    edges_of_box = (periodic["x"], periodic["y"], periodic["z"])
    others, told_of_them = _dipoles(solver, edges_of_box)
    hamiltonian = assemble_crystal(
        ucf,
        cell,
        mat,
        system=(system["x"], system["y"], system["z"]) if system else None,
        periodic=edges_of_box,
        field=(Bx, By, Bz),
        factor=factor,
        notes=notes + told_of_them,
    )
    return replace(hamiltonian, others=(*hamiltonian.others, *others))


def _dipoles(solver: Statement | None, periodic: tuple[bool, bool, bool]) -> tuple[tuple[Dipole, ...], list[str]]:
    """Return the dipole-dipole interaction of a statement, and notes; solvers other than atomistic are approximate."""
    if solver is None:
        return (), []
    where, kind = f"{solver.path}:{solver.line}", solver.value if solver.word == "solver" else "macrocell"
    term, notes = dipoles(where, "VAMPIRE", periodic)
    if kind != "atomistic":
        notes.append(Note(f"{where}: the {kind} solver of VAMPIRE is approximate; here all pairs are summed"))
    return (term,), notes


def _built_in(file: TextFile, crystal: Statement | None, edges: dict[str, float]) -> tuple[UnitCell, Path, Note]:
    """Return a built-in crystal of one material, simple cubic by default, its material file, and a note.

    edges  unit-cell-size along x, y and z, angstrom

    Raises InputError for an unknown crystal, and where the file of the material or an edge is missing.
    """
    path, named = file.path, _material(file).get("file")
    if not named:
        raise InputError("has no material:file", path)
    if len(edges) < 3 or min(edges.values()) <= 0:
        raise InputError("has no dimensions:unit-cell-size; expected a length for x, y and z", path)
    mat = path.parent / named
    if len(read_materials(mat)[0]) > 1:
        raise InputError("built-in crystals of several materials are not supported; expected a .ucf", path)
    name = crystal.value if crystal else "sc"
    try:
        cell = built_in(name, (edges["x"], edges["y"], edges["z"]))
    except ValueError as error:
        raise (crystal.error(str(error)) if crystal else InputError(str(error), path)) from None
    return cell, mat, Note(f"{path}: crystal {name} of VAMPIRE, couplings of nearest neighbours", harmless=True)


def _refuse(statement: Statement) -> None:
    """Raise InputError for statements that change the energy in an unsupported way, or cut a shape."""
    if statement.value == "false":
        return
    if statement.key == "create" and statement.word in SHAPES:
        raise statement.error("cuts a shape, which magsearch does not support")
    if statement.key == "anisotropy" or statement.word.startswith("demagnetisation-factor"):
        raise statement.error("requests an energy that magsearch does not support")
