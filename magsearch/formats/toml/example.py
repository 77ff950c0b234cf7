"""Example inputs with comments, of which a user makes an own one: ``magsearch new``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from magsearch.model.lattice import NAMED, Lattice, Shell

COUPLINGS = ("shells", "tensors")
CONSTANT = 3.0  # angstrom
J, D, A = 8.0, {1: 3.85, 2: 3.85, 3: 0.4}, 0.2  # meV; D by dimensions: helices with J tan(2 pi / 14) have 14 cells
SIZE = {1: 56, 2: 28, 3: 8}
MOMENT = 3.0  # Bohr magnetons, of the first atom; 0.5 less for each further one of several


def example(name: str, couplings: str = "shells", sublattices: bool = False, file: str = "model.toml") -> str:
    """Return an input for a lattice of ``NAMED`` with comments.

    couplings    shells: by distance; tensors: bond by bond, with J, D and a matrix each
    sublattices  whether cell and basis are written out, each atom with a species and a moment of its own; always with
                 tensors
    file         its name, for the commands in the comments
    """
    lattice = _lattice(name)
    explicit = sublattices or couplings == "tensors"
    dimensions = sum(lattice.periodic)
    parts = [_head(name, file), _crystal(name, lattice, explicit, dimensions)]
    if couplings == "tensors":
        parts.append(_bonds(lattice, D[dimensions]))
    else:
        parts.append(_shells(lattice, explicit, D[dimensions]))
    return "\n".join([*parts, _rest(explicit and lattice.atoms > 1)])


def _lattice(name: str) -> Lattice:
    periodic = NAMED[name][2]
    size = [SIZE[sum(periodic)] if along else 1 for along in periodic]
    made = Lattice.named(name, (size[0], size[1], size[2]), CONSTANT)
    return Lattice(made.cell, made.basis, made.size, made.periodic, tuple("ABCD"[: made.atoms]))


def _head(name: str, file: str) -> str:
    return f"""\
# A model on the {name} lattice: change it into your own. Every number is an example.
#
#   magsearch check {file}     says what is read, and what looks wrong
#   magsearch run {file}       searches the ground state
#
# `magsearch docs settings` lists all keys, `magsearch docs formats` explains signs and units.
"""


def _crystal(name: str, lattice: Lattice, explicit: bool, dimensions: int) -> str:
    moment = "moment = 3.0              # Bohr magnetons; spins are unit vectors: S = 3/2 is in J, D and K already\n"
    cell = ", ".join(_vector(row / CONSTANT) for row in lattice.cell)
    periodic = f"[{', '.join(str(along).lower() for along in lattice.periodic)}]"
    fractions = lattice.basis @ np.linalg.inv(lattice.cell)
    if explicit:
        atoms = "".join(
            f'  {{position = {_vector(place)}, species = "{species}", moment = {MOMENT - 0.5 * k:.1f}}}, # atom {k}\n'
            for k, (place, species) in enumerate(zip(fractions, lattice.species, strict=True))
        )
        where = f"""\
# vectors of the unit cell, in units of the constant
cell = [{cell}]
basis = [ # positions in units of the cell vectors; moments in Bohr magnetons; spins are unit vectors
{atoms}]
periodic = {periodic}  # false: open; a film has an open axis
"""
    else:
        listed = ", ".join(_vector(place) for place in fractions)
        where = f"""\
lattice = "{name}"
# which means: cell = [{cell}]
# with atoms at: {listed}
# (magsearch new --sublattices writes cell and basis instead)
{moment}"""
    size = ", ".join(map(str, lattice.size))
    return f"""\
[model]
title = "{name} lattice"
constant = {CONSTANT}            # angstrom
{where}size = [{size}]{" " * max(1, 17 - len(size))}# unit cells along the three axes
field = [0.0, 0.0, 6.0]   # tesla
unit = "meV"              # of all couplings; also "mRy" and "J" (joule)
"""


def _shells(lattice: Lattice, explicit: bool, strength: float) -> str:
    first, second = lattice.shells(2)
    text = f"""\
# Exchange, - J s_i . s_j for each pair, counted once: J > 0 is ferromagnetic. The neighbours of shell 1 are
# {first.distance:.4g} angstrom away, those of shell 2 {second.distance:.4g}; J = [8.0, -0.4] would give both.
"""
    pairs = _pairs(lattice, first) if explicit and lattice.atoms > 1 else [""]
    for pair in pairs:
        text += f"[[model.exchange]]\nshell = 1\n{pair}J = {J}\n\n"
    return f"""\
{text}# Dzyaloshinskii-Moriya interaction, - D_ij . (s_i x s_j): "bloch" has D along the bond r from i to j,
# "neel" along z x r.
[[model.dmi]]
shell = 1
D = {strength}
direction = "bloch"
"""


def _pairs(lattice: Lattice, shell: Shell) -> list[str]:
    """Return a line for each pair of species in a shell."""
    found = {tuple(sorted((lattice.species[i], lattice.species[j]))) for i, j in zip(shell.i, shell.j, strict=True)}
    return [f'between = ["{one}", "{other}"]\n' for one, other in sorted(found)]


def _bonds(lattice: Lattice, strength: float) -> str:
    text = """\
# Bonds one by one: atom i of every cell with atom j of the cell that lies `cells` away; the reverse is added. J, D and
# matrix add up: - J s_i . s_j - D . (s_i x s_j) - s_i . matrix s_j, in meV for each pair, counted once.
"""
    shell = lattice.shells(1)[0]
    for i, j, offset in zip(shell.i.tolist(), shell.j.tolist(), shell.offset.tolist(), strict=True):
        if (i, j, offset) < (j, i, [-n for n in offset]):  # each pair once
            continue
        r = (lattice.basis[j] - lattice.basis[i] + np.array(offset) @ lattice.cell) / shell.distance
        matrix = A * (np.outer(r, r) - np.eye(3) / 3)
        text += f"""\
[[model.bond]] # {shell.distance:.4g} angstrom along {_vector(r)}
i = {i}
j = {j}
cells = {offset}
J = {J}
D = {_vector(strength * r)}
matrix = [{", ".join(_vector(row) for row in matrix)}]

"""
    return text.rstrip("\n") + "\n"


def _rest(several: bool) -> str:
    atoms = "atoms = [0]               # of the basis, from 0; without this key, all\n" if several else ""
    return f"""\
# Anisotropy, - K (s . axis)^2: K > 0 is an easy axis.
[[model.anisotropy]]
K = 0.05
axis = [0.0, 0.0, 1.0]
{atoms}
[search]
seed = 1
replicas = 32             # textures that are relaxed at a time; more find more minima
generations = 50          # at most; a search ends when its best minima no longer change
# cells = "auto"          # choose the box too: supercells commensurate with the softest waves
"""


def _vector(values: Sequence[float] | NDArray[np.float64]) -> str:
    """Return a vector as TOML."""
    return f"[{', '.join(_number(float(value)) for value in values)}]"


def _number(value: float) -> str:
    return repr(round(value, 10) + 0.0)  # like a third of a cell vector
