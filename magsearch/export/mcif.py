"""Magnetic CIF: every atom of the magnetic cell in P1, the group that was found as a comment.

Tags are those of the magCIF dictionary of the IUCr (COMCIFS, cif_mag.dic 0.9.8). Moments are components along the unit
vectors of the crystal axes in Bohr magnetons. All atoms are listed, so that moments are not changed by the operations
of a group that holds within a tolerance only.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.export.structure import MagneticStructure
from magsearch.formats.elements import SYMBOLS
from magsearch.formats.spins.mcif import parameters

Texts = dict[Path, str]


def texts(structure: MagneticStructure, path: Path) -> Texts:
    """Return the text of the file."""
    cell = structure.cell
    lengths = parameters(cell.cell)
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    labels = [f"{symbol}{k}" for k, symbol in enumerate(structure.symbols, 1)]
    kinds = [symbol if symbol in SYMBOLS else "X" for symbol in structure.symbols]
    components = cell.vectors @ np.linalg.inv(cell.cell) * lengths[:3]
    try:
        found = structure.group
        group = f"# magnetic space group at a tolerance of {cell.tolerance:g}: {found}"
        if found.alone:
            group += f"; of positions and moments without couplings: {found.alone}"
    except (InputError, ValueError) as error:
        group = f"# magnetic space group: {error}"
    main = [arm for arm in structure.propagation_vectors if not arm.harmonic]
    lines = [
        f"# magnetic structure written by magsearch; spins repeat to {cell.deviation:.1e}",
        group,
        *(f"# {note}" for note in structure.notes),
        "data_magsearch",
        "",
        "_audit_creation_method  magsearch",
        f"_parent_space_group.child_transform_Pp_abc  '{transform(cell.given)};0,0,0'",
        "_space_group_magn.number_BNS  1.1",
        "_space_group_magn.name_BNS  'P 1'",
        "",
        "loop_",
        "_parent_propagation_vector.id",
        "_parent_propagation_vector.kxkykz",
        *(f"k{k} [{' '.join(map(str, arm.q))}]" for k, arm in enumerate(main, 1)),
        "",
        *(f"_cell_{name}  {value:.12g}" for name, value in zip(names, lengths, strict=True)),
        "",
        "loop_",
        "_space_group_symop_magn_operation.id",
        "_space_group_symop_magn_operation.xyz",
        "1 x,y,z,+1",
        "",
        "loop_",
        "_atom_site_label",
        "_atom_site_type_symbol",
        *(f"_atom_site_fract_{axis}" for axis in "xyz"),
        "_atom_site_occupancy",
        *(
            f"{label} {kind} " + " ".join(f"{x:.12f}" for x in place) + " 1"
            for label, kind, place in zip(labels, kinds, cell.fractions.tolist(), strict=True)
        ),
        "",
        "loop_",
        "_atom_site_moment.label",
        *(f"_atom_site_moment.crystalaxis_{axis}" for axis in "xyz"),
        *(
            f"{label} " + " ".join(f"{m + 0.0:.12f}" for m in moment)
            for label, moment in zip(labels, (components.round(12) + 0.0).tolist(), strict=True)
            if any(moment)
        ),
    ]
    return {path: "\n".join(lines) + "\n"}


def transform(H: NDArray[np.int64]) -> str:
    """Return vectors in those of the chemical cell as text: a+b,-a+b,2c."""
    rows = []
    for row in H.tolist():
        parts = ""
        for n, axis in zip(row, "abc", strict=True):
            if n:
                size = "" if abs(n) == 1 else str(Fraction(abs(n)))
                parts += ("-" if n < 0 else "+" if parts else "") + size + axis
        rows.append(parts)
    return ",".join(rows)
