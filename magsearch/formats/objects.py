"""Models from objects of Python: ase.Atoms, pymatgen's Structure, TB2J's SpinIO. None of these is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from magsearch.errors import InputError, unknown
from magsearch.formats import structure
from magsearch.formats.structure import Structure, of_atoms, of_pymatgen
from magsearch.formats.tb2j import pickled
from magsearch.formats.text_file import Choices, TextFile
from magsearch.model.hamiltonian import Hamiltonian

IN_PYTHON = Path("(Python)")  # stands for the file of a model that was made in Python


def read(given: Any, keys: Mapping[str, Any]) -> Hamiltonian:
    """Return the Hamiltonian of an object.

    keys  of a structure: those of a [model] table, size and magnetic among them; of SpinIO: fields of ``Choices``

    Raises InputError for other objects, wrong keys and what a file would be refused for.
    """
    if hasattr(given, "exchange_Jdict"):
        return _spin_io(given, keys)
    try:
        if hasattr(given, "get_chemical_symbols"):
            return _with_couplings(of_atoms(given), type(given).__name__, keys)
        if hasattr(getattr(given, "lattice", None), "matrix") and hasattr(given, "cart_coords"):
            return _with_couplings(of_pymatgen(given), type(given).__name__, keys)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{type(given).__name__} {error}", IN_PYTHON) from None
    expected = "the name of a file, ase.Atoms, pymatgen's Structure, or SpinIO of TB2J"
    raise InputError(f"a model from an object of type {type(given).__name__}; expected {expected}", "ms.read()")


def crystal(path: Path, magnetic: Sequence[str]) -> Hamiltonian:
    """Return the crystal in a structure file without couplings. InputError for a wrong file, and for wrong names."""
    found = structure.read(path)
    for name in magnetic:
        if not found.chosen(name):
            names = ", ".join(dict.fromkeys((*found.elements, *found.labels)))
            raise InputError(f"has no {name}; it has {names}", path)
    keys = {"size": [1, 1, 1], "magnetic": [{"atoms": name} for name in magnetic]}
    return _with_couplings(found, str(path), keys)


def _with_couplings(found: Structure, name: str, keys: Mapping[str, Any]) -> Hamiltonian:
    from magsearch.formats.toml.model import hamiltonian_of_structure  # with pydantic

    return hamiltonian_of_structure({key: plain(value) for key, value in keys.items()}, found, name, IN_PYTHON)


def _spin_io(given: Any, keys: Mapping[str, Any]) -> Hamiltonian:
    known = [field.name for field in fields(Choices)]
    for key in keys:
        if key not in known:
            raise InputError(unknown("choice", key, known), "ms.read()")
    try:
        return pickled.hamiltonian(vars(given), TextFile(IN_PYTHON, "", Choices(**keys)))
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        told = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"is no SpinIO of TB2J with couplings: {told}", IN_PYTHON) from None


def plain(value: Any) -> Any:
    """Return a value without tuples and NumPy's types, as TOML has it."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value
