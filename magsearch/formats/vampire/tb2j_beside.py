"""Comparison of a unit cell file that TB2J wrote with its exchange.out, in the folder above.

Versions of TB2J before 0.7.0 (its commit e5ed4bc) left out the factor 2 of their convention, and many wrote neither D
nor J_ani into the .ucf: nothing in the file itself shows it.
"""

from __future__ import annotations

from os.path import isfile
from pathlib import Path

import numpy as np

from magsearch.errors import InputError
from magsearch.formats.tb2j import exchange_out
from magsearch.formats.text_file import TextFile
from magsearch.model.bonds import ROUNDING, Bonds

DIGITS = 5e-3  # meV; exchange.out has three decimals, and a pair twice the printed number


def differences(ucf: Path, bonds: Bonds) -> list[str]:
    """Return a note if couplings of a .ucf differ from those of an exchange.out in the folder above."""
    path = ucf.absolute().parent.parent / "exchange.out"
    if not isfile(path):
        return []
    try:
        other = exchange_out.read(TextFile.read(path)).bonds
    except InputError:  # it is not this file that is read
        return []
    at = other.find(bonds.i, bonds.j, bonds.offset)
    if not len(bonds) or (at < 0).any() or len(bonds) != len(other):
        return []  # of other spins
    apart = np.abs(bonds.J - other.J[at]).max(axis=(1, 2))
    far = apart > DIGITS + ROUNDING * np.abs(other.J).max()
    if not far.any():
        return []
    k = int(apart.argmax())
    here, there = (" ".join(f"{x:.4g}" for x in J.ravel()) for J in (bonds.J[k], other.J[at[k]]))
    return [
        f"{ucf}: {far.sum()} of {len(bonds)} couplings differ from those of {path}, for example {bonds.describe(k)} is "
        f"{here} meV here and {there} meV there; versions of TB2J before 0.7 wrote half of J, and some neither D nor "
        "J_ani: read exchange.out instead"
    ]
