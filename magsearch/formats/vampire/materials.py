"""Reader of VAMPIRE's material file: moments, anisotropy and exchange matrices."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from magsearch.errors import InputError
from magsearch.formats.table import number, read_text, wholes
from magsearch.formats.vampire.statements import ENERGY, MOMENT, Statement, repetitions, statements
from magsearch.model.notes import Note
from magsearch.model.terms.single_ion import Anisotropy, CubicAnisotropy, UniaxialAnisotropy

Vector = tuple[float, float, float]
MOST = 10_000  # largest number of a material; VAMPIRE itself allows 100
# a word (or the beginning of words), and the unsupported feature that it enables
REFUSED = {
    "dmi-constant": "Dzyaloshinskii-Moriya couplings made by VAMPIRE",
    "dzyaloshinskii-moriya-interaction-constant": "Dzyaloshinskii-Moriya couplings made by VAMPIRE",
    "kitaev-constant": "Kitaev couplings made by VAMPIRE",
    "biquadratic-exchange": "biquadratic exchange",
    "fourth-order-uniaxial-anisotropy-constant": "an anisotropy whose sign differs between versions of VAMPIRE",
    "fourth-order-biaxial": "biaxial anisotropy",
    "fourth-order-rotational": "rotational anisotropy",
    "fourth-order-triaxial": "triaxial anisotropy",
    "second-order-triaxial": "triaxial anisotropy",
    "sixth-order": "anisotropy of sixth order",
    "neel-anisotropy": "Neel anisotropy",
    "surface-anisotropy": "Neel anisotropy",
    "lattice-anisotropy": "an anisotropy that depends on temperature",
    "lsf-": "longitudinal fluctuations",
    "applied-field": "a field of its own for a material",
    "alloy": "an alloy",
    "host-alloy": "an alloy",
    "density": "vacancies by chance",
    "intermixing": "intermixed materials",
    "minimum-height": "layers by height",
    "maximum-height": "layers by height",
    "core-shell-size": "a core-shell particle",
    "geometry-file": "a shape",
    "fill-space": "a filling between grains",
}
OFF = {"density": "1", "maximum-height": "1", "minimum-height": "0"}  # numbers that switch a word off; others: 0
READ = {
    "num-materials",
    "material-name",
    "material-element",
    "atomic-spin-moment",
    "unit-cell-category",
    "non-magnetic",
}
READ |= {"uniaxial-anisotropy-constant", "second-order-uniaxial-anisotropy-constant", "uniaxial-anisotropy-direction"}
READ |= {"cubic-anisotropy-constant", "fourth-order-cubic-anisotropy-constant", "exchange-matrix"}
READ |= {"cubic-anisotropy-direction-1", "cubic-anisotropy-direction-2", "exchange-matrix-1st-nn"}
# beginnings of words that change motion, temperature or pictures, but no energy
CONTROL: tuple[str, ...] = (
    "damping-constant",
    "initial-spin-direction",
    "temperature-rescaling",
    "rescaling",
    "visibility",
)
CONTROL += ("spin-transfer", "slonczewski", "spin-orbit-torque", "electron-", "phonon-", "couple-to", "save-")


@dataclass
class Material:
    """Material of VAMPIRE; numbers begin at 1."""

    number: int
    species: str = ""
    moment: float | None = None  # Bohr magnetons
    magnetic: bool = True
    ku: float = 0.0  # meV
    axis: Vector = (0.0, 0.0, 1.0)
    kc: float = 0.0  # meV
    cube: dict[str, Vector] = field(default_factory=dict)  # directions 1 and 2
    exchange: dict[int, list[float]] = field(default_factory=dict)  # meV, with material j

    def anisotropy(self, atom: int) -> list[Anisotropy]:
        """Return the anisotropy of an atom of this material."""
        terms: list[Anisotropy] = []
        if self.ku:
            terms.append(UniaxialAnisotropy(self.ku, self.axis, atoms=(atom,)))
        if self.kc:
            first, second = (np.array(self.cube.get(k, e)) for k, e in (("1", (1, 0, 0)), ("2", (0, 1, 0))))
            first, second = first / np.linalg.norm(first), second / np.linalg.norm(second)
            frame = np.array([first, second, np.cross(first, second)])
            a, b, c = ((float(x), float(y), float(z)) for x, y, z in frame)
            terms.append(CubicAnisotropy(self.kc, (a, b, c), atoms=(atom,)))
        return terms


def read_materials(path: Path) -> tuple[dict[int, Material], list[str]]:
    """Read the materials by their number, from 1; return them, and notes on what was not used or is repeated.

    Raises InputError, with file and line, for invalid or unsupported statements.
    """
    materials: dict[int, Material] = {}
    unused: list[str] = []
    control: list[str] = []
    found = statements(path, read_text(path))
    for statement in found:
        if statement.key != "material":
            raise statement.error("is not a statement of a material file")
        off = _refuse(statement)
        if statement.word not in READ:
            (control if off or statement.word.startswith(CONTROL) else unused).append(statement.word)
        if statement.word == "num-materials":
            continue
        number = statement.index or 1
        if not 1 <= max(number, statement.sub or 1) <= MOST:
            raise statement.error(f"is of material {max(number, statement.sub)}; expected 1 to {MOST}")
        _apply(statement, materials.setdefault(number, Material(number)))
    if not materials:
        raise InputError("describes no material", path)
    for material in materials.values():
        if material.magnetic and material.moment is None:
            raise InputError(f"material {material.number} has no atomic-spin-moment", path)
    notes = [f"{path}: not used: {', '.join(dict.fromkeys(unused))}"] if unused else []
    if control:
        notes.append(Note(f"{path}: not used: {', '.join(dict.fromkeys(control))}", harmless=True))
    return materials, [*notes, *repetitions(path, found)]


def _refuse(statement: Statement) -> bool:
    """Return whether a statement switches an unsupported feature off. InputError where it switches one on."""
    for word, meaning in REFUSED.items():
        if statement.word.startswith(word):
            try:
                off = number(statement.value) == float(OFF.get(word, "0"))
            except ValueError:
                off = False
            if not off:
                raise statement.error(f"requests {meaning}, which magsearch does not support")
            return True
    return False


def _apply(statement: Statement, material: Material) -> None:
    """Set the property of a material that a statement defines."""
    word = statement.word
    if word in ("material-element", "material-name"):
        if word == "material-element" or not material.species:
            material.species = statement.value
    elif word == "atomic-spin-moment":
        material.moment = statement.number(MOMENT)
    elif word == "unit-cell-category":
        (category,) = wholes([statement.value], (word,), statement.path, statement.line)
        if category != material.number:
            raise statement.error(f"is {category}; expected {material.number}, the material's own number")
    elif word == "non-magnetic":
        if statement.value not in ("", "remove"):
            raise statement.error(f"is '{statement.value}'; expected remove")
        material.magnetic = False
    elif word in ("uniaxial-anisotropy-constant", "second-order-uniaxial-anisotropy-constant"):
        material.ku = statement.number(ENERGY)
    elif word == "uniaxial-anisotropy-direction":
        if statement.value.startswith("random"):
            raise statement.error("is random, which magsearch does not support")
        material.axis = statement.direction()
    elif word in ("cubic-anisotropy-constant", "fourth-order-cubic-anisotropy-constant"):
        material.kc = statement.number(ENERGY)
    elif word.startswith("cubic-anisotropy-direction-"):
        material.cube[word[-1]] = statement.direction()
    elif word in ("exchange-matrix", "exchange-matrix-1st-nn"):
        material.exchange[statement.sub or 1] = statement.numbers((1, 3), ENERGY)
