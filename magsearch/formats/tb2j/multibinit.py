"""Reader of Multibinit's exchange.xml as written by TB2J: lengths in bohr, couplings in eV with six digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.formats.build import assemble, quadratic
from magsearch.formats.table import numbers, wholes
from magsearch.formats.tb2j import CONVENTIONS
from magsearch.formats.tb2j.merging import Tensors
from magsearch.formats.text_file import TextFile
from magsearch.formatting import counted
from magsearch.model.bonds import Bonds, dmi_matrix, dmi_vector, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.notes import Note
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.units import BOHR

__all__ = ["CONVENTIONS", "NAME", "ORDER", "read", "recognises"]

NAME = "TB2J, Multibinit's exchange.xml"
ORDER = 2
LENGTHS = {"bohrradius": BOHR, "bohr": BOHR, "angstrom": 1.0}
ENERGIES = {"ev": 1e3, "mev": 1.0}
IJR = ("i", "j", "R1", "R2", "R3")
# list, its terms, numbers of a term, what they are as a 3x3 matrix
COUPLINGS = (
    ("spin_exchange_list", "spin_exchange_term", 3, lambda J: J[:, :, None] * np.eye(3)),
    ("spin_dmi_list", "spin_dmi_term", 3, dmi_matrix),
    ("spin_bilinear_list", "spin_bilinear_term", 9, lambda J: J.reshape(-1, 3, 3)),
)
QUIET = ("0", "-1")  # index_spin of atoms without a spin
KNOWN = {"unit_cell", "atom", "description", "spin_uniaxial_sia_list", "spin_sia_tensor_list"}
DEEPEST = 20  # elements within each other
KNOWN |= {name for name, *_ in COUPLINGS}

PARTS = {name: ("nterms", term) for name, term, *_ in COUPLINGS}  # the elements in an element that are read or checked
PARTS |= {"spin_uniaxial_sia_list": ("nterms", "spin_uniaxial_sia_term"), "atom": ("position", "spinat")}
PARTS |= {"spin_sia_tensor_list": ("nterms", "spin_sia_tensor_term")}


@dataclass
class Element:
    """XML element with its first line; names are in lower case."""

    name: str
    line: int
    attributes: dict[str, str]
    pieces: list[str] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return the text between its tags."""
        return "".join(self.pieces)

    def all(self, name: str) -> list[Element]:
        """Return the children with a name."""
        return [child for child in self.children if child.name == name]


def recognises(path: Path, text: str) -> bool:
    """Return whether the text is XML with Multibinit's root element."""
    return text.lstrip().startswith("<") and "System_definition" in text


def read(file: TextFile) -> Hamiltonian:
    """Read the Hamiltonian from an exchange.xml; raises InputError, with file and line, for invalid input."""
    path, root = file.path, _parse(file)
    cell_element = _one(root, "unit_cell", path)
    cell = np.reshape(_numbers(cell_element, 9, path), (3, 3)) * _unit(cell_element, LENGTHS, "bohrradius", path)
    atoms = _spins(root, path)
    places, vectors = zip(*atoms, strict=True)
    moments = np.linalg.norm(vectors, axis=1)
    listed = {name: Bonds.none() for name, *_ in COUPLINGS}
    for name, term, count, matrix in COUPLINGS:
        for found in root.all(name):
            listed[name] += _couplings(found, term, count, matrix, len(atoms), path)
    bonds, notes = _joined(file, listed, vectors)
    if not len(bonds):
        raise InputError("has no couplings; expected spin_exchange_list", path)
    notes += _unused(root, path)
    anisotropy, others = _single_ion(root, len(atoms), path), _nonmagnetic(root, path)
    return assemble(path, cell, places, bonds, moments=moments, anisotropy=anisotropy, notes=notes, nonmagnetic=others)


def _unused(root: Element, path: Path) -> list[str]:
    """Return notes on elements that are not used, on lists that are not as long as they say, and on atoms left out."""
    notes: list[str] = []
    unused = [child for child in root.children if child.name not in KNOWN]
    unused += [child for part in root.children for child in part.children if child.name not in PARTS.get(part.name, ())]
    if unused:
        names = ", ".join(dict.fromkeys(element.name for element in unused))
        notes.append(
            f"{path}: {counted(len(unused), 'element', 'are')} not used, for example on line {unused[0].line}: {names}"
        )
    for part in root.children:
        terms = [child for child in part.children if child.name.endswith("_term")]
        for count in part.all("nterms"):
            if count.text.strip() != str(len(terms)):
                told = (
                    f"<nterms> is {count.text.strip()[:20]}, but the list has "
                    f"{counted(len(terms), 'term')}; all are read"
                )
                notes.append(f"{path}:{count.line}: {told}")
    quiet = [atom for atom in root.all("atom") if atom.attributes.get("index_spin", "").strip() in QUIET]
    if quiet:
        told = (
            f"{path}: {counted(len(quiet), 'atom without spin', 'are')} left out, for example that of line "
            f"{quiet[0].line}"
        )
        notes.append(Note(told, harmless=True))
    return notes


def _joined(file: TextFile, listed: dict[str, Bonds], moments: Sequence[Sequence[float]]) -> tuple[Bonds, list[str]]:
    """Return the sum of the couplings of all lists, with notes; those of a single calculation as the user chose."""
    every, exchange = sum(listed.values(), Bonds.none()).merged(), listed["spin_exchange_list"]
    isotropic = np.zeros(len(every))
    np.add.at(
        isotropic, every.find(exchange.i, exchange.j, exchange.offset), np.trace(exchange.J, axis1=1, axis2=2) / 3
    )
    rest = every.J - exchange_matrix(isotropic)
    even = 0.5 * (rest + rest.swapaxes(1, 2))
    if file.choices.jprime:
        raise InputError(
            "has no Jprime and B, which model.jprime asks for; exchange.out and TB2J.pickle may", file.path
        )
    tensors = Tensors(0.5 * isotropic, 0.5 * dmi_vector(rest), 0.5 * even)  # of TB2J: half of the matrix
    kept, notes = tensors.told(file.path, moments, file.choices.unmerged)
    if kept is tensors:
        return every, notes
    return every.with_matrices(2 * (exchange_matrix(kept.J) + dmi_matrix(kept.D) + kept.Jani)), notes


def _parse(file: TextFile) -> Element:
    """Return the root element of an XML file; raises InputError for a document type, which allows entity expansion."""
    path, parser = file.path, expat.ParserCreate()
    root = Element("", 0, {})
    open_elements = [root]

    def start(name: str, attributes: dict[str, str]) -> None:
        element = Element(name.lower(), parser.CurrentLineNumber, {k.lower(): v for k, v in attributes.items()})
        if len(open_elements) > DEEPEST:
            raise InputError(f"has over {DEEPEST} elements within each other", path, element.line)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_: str) -> None:
        open_elements.pop()

    def characters(text: str) -> None:
        open_elements[-1].pieces.append(text)

    def doctype(*_: object) -> None:
        raise InputError("has a document type; expected plain elements", path, parser.CurrentLineNumber)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = characters, doctype
    parser.buffer_text = True
    try:
        parser.Parse(file.text, True)
    except expat.ExpatError as error:
        raise InputError(f"not valid XML: {expat.ErrorString(error.code)}", path, error.lineno) from None
    return root.children[0]


def _one(parent: Element, name: str, path: Path) -> Element:
    found = parent.all(name)
    if len(found) != 1:
        raise InputError(f"<{parent.name}> has {len(found)} <{name}>; expected one", path, parent.line)
    return found[0]


def _numbers(element: Element, count: int, path: Path) -> list[float]:
    tokens = element.text.split()
    if len(tokens) != count:
        raise InputError(
            f"<{element.name}> holds {counted(len(tokens), 'number')}; expected {count}", path, element.line
        )
    return numbers(tokens, [element.name] * count, path, element.line)


def _unit(element: Element, known: dict[str, float], usual: str, path: Path) -> float:
    name = element.attributes.get("units", usual)
    if name.lower() not in known:
        raise InputError(f"units of <{element.name}> are '{name}'; expected {' or '.join(known)}", path, element.line)
    return known[name.lower()]


def _spins(root: Element, path: Path) -> list[tuple[list[float], list[float]]]:
    """Return position (angstrom) and moment [3] of every atom with a spin, in the order of index_spin (from 1)."""
    found: dict[int, tuple[list[float], list[float]]] = {}
    for atom in root.all("atom"):
        (index,) = wholes([atom.attributes.get("index_spin", "")], ("index_spin",), path, atom.line)
        if index < 1:  # not magnetic
            continue
        if index in found:
            raise InputError(f"a second atom has index_spin {index}", path, atom.line)
        moment = _numbers(_one(atom, "spinat", path), 3, path)
        found[index] = (_position(atom, path), moment)
    if not found or max(found) != len(found):
        raise InputError(f"index_spin of the atoms are {sorted(found)}; expected 1, 2, 3, ...", path, root.line)
    return [found[index] for index in sorted(found)]


def _nonmagnetic(root: Element, path: Path) -> list[tuple[str, list[float]]]:
    """Return the mass, as a label, and the position (angstrom) of every atom without a spin."""
    quiet = [atom for atom in root.all("atom") if atom.attributes.get("index_spin", "").strip() in QUIET]
    return [(f"mass {atom.attributes.get('mass', 'unknown')}", _position(atom, path)) for atom in quiet]


def _position(atom: Element, path: Path) -> list[float]:
    position = _one(atom, "position", path)
    length = _unit(position, LENGTHS, "bohrradius", path)
    return [length * x for x in _numbers(position, 3, path)]


def _couplings(listed: Element, term: str, count: int, matrix: object, atoms: int, path: Path) -> Bonds:
    assert callable(matrix)
    unit = _unit(listed, ENERGIES, "eV", path)
    keys, values, where = [], [], []
    seen: dict[tuple[int, ...], int] = {}
    for element in listed.all(term):
        ijR = _one(element, "ijr", path)
        key = wholes(ijR.text.split(), IJR, path, ijR.line)
        if not all(1 <= atom <= atoms for atom in key[:2]):
            raise InputError(f"couples spins {key[0]} and {key[1]}; expected 1 to {atoms}", path, ijR.line)
        if key[0] == key[1] and not any(key[2:]):
            raise InputError("couples a spin to itself; expected two sites", path, ijR.line)
        earlier = seen.setdefault(tuple(key), ijR.line)
        if earlier != ijR.line:
            raise InputError(f"repeats the pair of line {earlier}; expected each pair once", path, ijR.line)
        keys.append(key)
        values.append(_numbers(_one(element, "data", path), count, path))
        where.append(f"{path}:{element.line}")
    if not keys:
        return Bonds.none()
    ij: NDArray[np.int64] = np.array(keys)
    J = 2 * unit * matrix(np.array(values))
    return Bonds(ij[:, 0] - 1, ij[:, 1] - 1, ij[:, 2:], J, tuple(where))


def _single_ion(root: Element, atoms: int, path: Path) -> list[UniaxialAnisotropy]:
    """Return the single-ion anisotropy of each spin, from K with its axis or from the matrix A."""
    terms: list[UniaxialAnisotropy] = []
    for listed in root.all("spin_uniaxial_sia_list"):
        unit = _unit(listed, ENERGIES, "eV", path)
        for element in listed.all("spin_uniaxial_sia_term"):
            atom = _spin(element, atoms, path)
            (K,) = _numbers(_one(element, "amplitude", path), 1, path)
            x, y, z = _numbers(_one(element, "direction", path), 3, path)
            if K:
                terms.append(UniaxialAnisotropy(unit * K, (x, y, z), atoms=(atom,)))
    for listed in root.all("spin_sia_tensor_list"):
        unit = _unit(listed, ENERGIES, "eV", path)
        for element in listed.all("spin_sia_tensor_term"):
            A = unit * np.reshape(_numbers(_one(element, "data", path), 9, path), (3, 3))
            terms += quadratic(A, _spin(element, atoms, path))
    return terms


def _spin(element: Element, atoms: int, path: Path) -> int:
    index = _one(element, "i", path)
    (spin,) = wholes(index.text.split(), ("i",), path, index.line)
    if not 1 <= spin <= atoms:
        raise InputError(f"spin {spin} does not exist; expected 1 to {atoms}", path, index.line)
    return spin - 1
