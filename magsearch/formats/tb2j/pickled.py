"""Reader of TB2J.pickle: the results of a TB2J run with all digits, in electronvolts, as a pickled dictionary.

Unpickling can execute code. A pickle is read only at the user's request (--set model.unpickle=true), and with an
unpickler that accepts NumPy arrays and plain containers; ASE's objects become records, and all others are refused.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.formats.build import assemble, quadratic
from magsearch.formats.elements import SYMBOLS
from magsearch.formats.table import read_bytes
from magsearch.formats.tb2j import CONVENTIONS
from magsearch.formats.tb2j.merging import Tensors
from magsearch.formats.text_file import TextFile
from magsearch.formatting import counted
from magsearch.model.bonds import ROUNDING, Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.notes import Note
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.single_ion import UniaxialAnisotropy

__all__ = ["CONVENTIONS", "NAME", "ORDER", "read", "recognises"]

NAME = "TB2J, TB2J.pickle"
ORDER = 0
EV = 1e3  # meV
UNUSED = ("biquadratic_Jdict", "NJT_Jdict", "NJT_ddict", "dJdx", "dJdx2", "Jiso_orb", "DMI_orb", "Jani_orb")
PLAIN: dict[tuple[str, str], Any] = {
    ("builtins", "complex"): complex,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "slice"): slice,
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "defaultdict"): defaultdict,
}
KINDS = re.compile(r"[<>=|]?([?biufcSU][0-9]{0,4})")  # of the values of an array: nothing that Python owns


class Record:
    """Attributes of an object of ASE; also a placeholder for NumPy's array class, which pickles need not call."""

    def __init__(self, *_: Any) -> None: ...


class Kind:
    """A kind of number or text in the place of NumPy's dtype, whose state in a forged pickle would crash the process.

    Raises UnpicklingError for any other.
    """

    def __init__(self, name: Any, *_: Any) -> None:
        if not isinstance(name, str) or not KINDS.fullmatch(name):
            raise pickle.UnpicklingError(f"contains an array of {name!r}; expected numbers")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        if order not in ("<", ">", "=", "|") or any(part is not None for part in state[2:5]):
            raise pickle.UnpicklingError("contains an array with a structure; expected numbers")
        self.dtype = self.dtype.newbyteorder(order)


class Array(np.ndarray[Any, Any]):
    """An array whose state in a pickle is checked: as many bytes as its values take."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:  # type: ignore[override]
        _, shape, kind, fortran, content = state
        values = from_buffer(content, kind, shape, "F" if fortran else "C")
        super().__setstate__((1, values.shape, values.dtype, bool(fortran), values.tobytes("A")))  # type: ignore[arg-type]


def empty_array(*_: Any) -> Array:
    """Return the empty array with which NumPy begins to rebuild an array, whatever size the pickle requests."""
    return Array((0,), np.int8)


def from_buffer(content: Any, kind: Kind, shape: tuple[int, ...], order: str) -> NDArray[Any]:
    """Return an array of the values in a buffer; raises ValueError if they do not fill its shape."""
    return np.frombuffer(content, kind.dtype).reshape(shape, order="F" if order == "F" else "C")


def scalar(kind: Kind, content: bytes) -> Any:
    """Return the value in a buffer; raises ValueError if there is not one."""
    return from_buffer(content, kind, (), "C")[()]


# functions with which NumPy rebuilds arrays and scalars
NUMPY: dict[str, Any] = {"_reconstruct": empty_array, "_frombuffer": from_buffer, "scalar": scalar}


class Unpickler(pickle.Unpickler):
    """Unpickler restricted to numbers, arrays, plain containers and records of ASE's objects."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the replacement of a class or function; raises UnpicklingError for any that is not allowed."""
        if (module, name) in PLAIN:
            return PLAIN[module, name]
        if (module, name) == ("numpy", "dtype"):
            return Kind
        if module.split(".")[0] == "ase" or (module, name) == ("numpy", "ndarray"):
            return Record
        if module.startswith(("numpy.core.", "numpy._core.")) and name in NUMPY:
            return NUMPY[name]
        raise pickle.UnpicklingError(f"contains an object of {module}.{name}; expected numbers, arrays and ASE's atoms")


def recognises(path: Path, text: str) -> bool:
    """Return whether a file begins with the byte 0x80, as pickles of protocol 2 and later do, but no text."""
    return text[:1] == "\ufffd" and read_bytes(path, 1) == b"\x80"


def read(file: TextFile) -> Hamiltonian:
    """Read the Hamiltonian from a TB2J.pickle, which the caller allowed; raises InputError for any other pickle."""
    path = file.path
    try:
        content = read_bytes(path)
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > len(content):
                raise pickle.UnpicklingError(f"has the memo index {argument}, which would exhaust the memory")
        stored = Unpickler(io.BytesIO(content)).load()
    except pickle.UnpicklingError as error:
        raise InputError(str(error), path) from None
    except Exception as error:  # a broken pickle can raise anything
        raise InputError(f"cannot be unpickled: {error or type(error).__name__}", path) from None
    try:
        return hamiltonian(stored, file)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        told = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"is not a pickle of TB2J: {told}", path) from None


def hamiltonian(stored: Mapping[str, Any], file: TextFile) -> Hamiltonian:
    """Return the Hamiltonian of TB2J's SpinIO by its attributes; ``file`` stands for the place they are from.

    Raises InputError, or the errors of wrong keys, types and values, for other attributes.
    """
    path = file.path
    atoms, index_spin = stored["atoms"], np.asarray(stored["index_spin"], dtype=np.int64)
    cell = atoms._cellobj.array if hasattr(atoms, "_cellobj") else atoms._cell
    spinat = np.asarray(stored["spinat"], dtype=np.float64).reshape(len(index_spin), 3)
    sites = np.flatnonzero(index_spin >= 0)
    sites = sites[np.argsort(index_spin[sites])]
    if not len(sites) or (index_spin[sites] != np.arange(len(sites))).any():
        raise ValueError(f"index_spin is {index_spin.tolist()}; expected every spin once")
    named = {name: stored.get(name) or {} for name in ("exchange_Jdict", "dmi_ddict", "Jani_dict")}
    listed = list(dict.fromkeys(key for values in named.values() for key in values))
    if not listed:
        raise ValueError("exchange_Jdict is empty")
    given = [
        np.array([named[name].get(key, np.zeros(shape)) for key in listed]).reshape(-1, *shape)
        for name, shape in (("exchange_Jdict", ()), ("dmi_ddict", (3,)), ("Jani_dict", (3, 3)))
    ]
    split = stored.get("biquadratic_Jdict") or {}
    if file.choices.jprime:
        if missing := next((key for key in listed if key not in split), None):
            raise ValueError(f"biquadratic_Jdict has no pair {missing}; expected Jprime and B of all for model.jprime")
        given[0] = np.array([split[key][0] for key in listed])
    tensors, notes = Tensors(*(EV * np.real(values) for values in given)).told(
        path, spinat[sites], file.choices.unmerged
    )
    notes += _complex(path, given, listed)
    for name, values in named.items():
        absent = [key for key in listed if key not in values]
        if values and absent:
            told = (
                f"{path}: {name} lacks {len(absent)} of {len(listed)} pairs and is zero there, for example {absent[0]}"
            )
            notes.append(told)
    keys = np.array([(i, j, *R) for R, i, j in listed], dtype=np.int64)
    if keys[:, :2].min() < 0 or keys[:, :2].max() >= len(sites) or np.abs(keys).max() >= 2**31:
        raise ValueError(f"a coupling names a spin that does not exist; expected 0 to {len(sites) - 1}")
    J = exchange_matrix(tensors.J) + dmi_matrix(tensors.D) + tensors.Jani
    for name in UNUSED:
        used = file.choices.jprime and name == "biquadratic_Jdict"
        if not used and isinstance(stored.get(name), dict) and stored[name]:
            pairs = f"{counted(len(stored[name]), 'pair')}, for example {next(iter(stored[name]))}"
            told = f"{path}: not used: {name} of {pairs}"
            notes.append(Note(told, harmless=name != "biquadratic_Jdict"))
    if len(sites) < len(index_spin):
        told = f"{path}: {counted(len(index_spin) - len(sites), 'atom without spin', 'are')} left out, for example atom"
        notes.append(Note(f"{told} {int(np.argmin(index_spin >= 0))}", harmless=True))
    others: tuple[SpinProducts, ...] = ()
    if file.choices.jprime:
        B = [EV * float(np.real(split[key][1])) for key in listed]
        others = (SpinProducts.biquadratic(keys[:, 0], keys[:, 1], keys[:, 2:], B),)  # every ordered pair is listed
    numbers = np.asarray(atoms.arrays["numbers"])
    positions = np.asarray(atoms.arrays["positions"], dtype=np.float64)
    return assemble(
        path,
        np.asarray(cell, dtype=np.float64).reshape(3, 3),
        positions[sites],
        Bonds(keys[:, 0], keys[:, 1], keys[:, 2:], 2 * J),
        species=[SYMBOLS[int(number)] for number in numbers[sites]],
        moments=np.linalg.norm(spinat[sites], axis=1),
        anisotropy=_single_ion(stored, len(sites)),
        notes=notes,
        others=others,
        nonmagnetic=[(SYMBOLS[int(numbers[k])], positions[k]) for k in np.flatnonzero(index_spin < 0)],
    )


def _complex(path: Path, given: list[NDArray[Any]], listed: list[Any]) -> list[str]:
    """Return a note if couplings (J, D and Jani, [bond, ...] eV, of the pairs ``listed``) have imaginary parts."""
    size = np.max([np.abs(np.imag(values)).reshape(len(listed), -1).max(axis=1) for values in given], axis=0)
    far = size > ROUNDING * max(np.abs(values).max() for values in given)
    if not far.any():
        return []
    worst = int(size.argmax())
    return [
        f"{path}: {counted(far.sum(), 'coupling', 'have')} imaginary parts, which are left out, for example "
        f"{size[worst] * EV:.2g} meV of (R, i, j) = {listed[worst]}"
    ]


def _single_ion(stored: Mapping[str, Any], spins: int) -> list[UniaxialAnisotropy]:
    """Return the single-ion anisotropy of each spin, from the matrix A or, before TB2J 0.9.13, from K with its axis."""
    terms: list[UniaxialAnisotropy] = []
    for spin, A in (stored.get("sia_tensor") or {}).items():
        if not 0 <= int(spin) < spins:
            raise ValueError(f"sia_tensor names spin {spin}; expected 0 to {spins - 1}")
        terms += quadratic(EV * np.real(A).reshape(3, 3), int(spin))
    if stored.get("k1") is not None and stored.get("k1dir") is not None:
        for spin, (K, axis) in enumerate(zip(stored["k1"], stored["k1dir"], strict=True)):
            if K:
                x, y, z = (float(v) for v in axis)
                terms.append(UniaxialAnisotropy(EV * float(K), (x, y, z), atoms=(spin,)))
    return terms
