"""Input files, and settings of the command line that overrule them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from magsearch import formats
from magsearch.config.islands import IslandsTable
from magsearch.config.keys import CHOICES, KNOWN, TABLES, by_table, changed, misplaced, parsed, unknown_table
from magsearch.config.reference import ReferenceTable
from magsearch.config.scan import ScanTable, gathered
from magsearch.config.search import SearchTable
from magsearch.config.storage import StorageTable
from magsearch.errors import InputError, SettingError
from magsearch.formats.build import too_large
from magsearch.formats.text_file import Choices
from magsearch.formats.toml.model import hamiltonian as hamiltonian_of
from magsearch.formats.toml.model import self_contained
from magsearch.formats.toml.schema import Dipoles, dipoles
from magsearch.formats.toml.source import Source
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.notes import harmless
from magsearch.model.terms.dipole import Dipole

ENDINGS = (".h5", ".hdf5")  # of files of runs and scans
STORED = "magsearch, HDF5"  # format of the model of a run or a scan
LARGEST = 1e35  # mu_B of a moment, meV of ``Hamiltonian.stiffness``: single precision ends at 3e38


@dataclass(frozen=True, eq=False)
class Input:
    """An input with the settings that overrule it.

    model    its [model] table, with the crystal in the place of a structure file; None for other formats
    format   NAME of the file's format; empty where a run is resumed, which does not read it
    """

    path: Path
    text: str
    hamiltonian: Hamiltonian
    search: SearchTable
    islands: IslandsTable = field(default_factory=IslandsTable)
    storage: StorageTable = field(default_factory=StorageTable)
    scan: ScanTable = field(default_factory=ScanTable)
    reference: ReferenceTable = field(default_factory=ReferenceTable)
    model: dict[str, Any] | None = None
    format: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return all tables besides [model], as they are stored with a run."""
        return {name: asdict(getattr(self, name)) for name in TABLES}


def read(path: str | Path, overrides: Sequence[str] = ()) -> Input:
    """Return the input in a file of any format, with ``key=value`` settings on top (model.size, search.seed, ...).

    InputError, with file and line, for what is wrong.
    """
    path, changes = Path(path), parsed(overrides)
    opened = formats.opened(path)
    given, sources = opened.tables, {name: Source(path, opened.text, name) for name in KNOWN}
    for name, table in given.items():
        if name not in KNOWN:
            raise Source(path, opened.text, name).error((), unknown_table(name))
        for key in table if isinstance(table, dict) else ():
            if told := misplaced(name, key):
                raise sources[name].error((key,), told)
    hamiltonian = opened.hamiltonian(_choices(changes.get("model", {})))
    own = {name: given.get(name, {}) for name in TABLES}
    made = Input(
        path, opened.text, hamiltonian, **_settings(own, sources), model=given.get("model"), format=opened.format.NAME
    )
    return _with_changes(made, own, changes)


def _with_changes(made: Input, given: Mapping[str, dict[str, Any]], changes: dict[str, dict[str, Any]]) -> Input:
    """Return an input, the tables of which are ``given``, with the settings of a command line.

    InputError for a model that makes no sense, and with model.strict for notes.
    """
    strict = changes.get("model", {}).pop("strict", False)
    made = _overruled(made, given, changes) if changes else made
    _refuse_senseless(made.hamiltonian, made.path)
    if strict is True:
        refuse_notes(made.hamiltonian, made.path)
    elif strict is not False:
        raise InputError(f"model.strict is {strict!r}; expected true or false", "--set")
    return made if made.model is None else replace(made, model=self_contained(made.model, made.text, made.path))


def _refuse_senseless(hamiltonian: Hamiltonian, path: Path) -> None:
    """Raise InputError for a model without spins, and for moments and energies that single precision cannot hold."""
    if not hamiltonian.n_spins:
        raise InputError("has no spins: all sites are vacant", path)
    if not hamiltonian.site_moments.max() <= LARGEST:
        told = f"a moment is {hamiltonian.site_moments.max():.3g} mu_B; expected at most {LARGEST:g}"
        raise InputError(f"{told}, for single precision", path)
    if not hamiltonian.stiffness <= LARGEST:
        told = f"the energies of a spin add up to {hamiltonian.stiffness:.3g} meV; expected at most {LARGEST:g} meV"
        raise InputError(f"{told}, for single precision", path)


def refuse_notes(hamiltonian: Hamiltonian, path: Path) -> None:
    """Raise InputError if a note says that something of an input was left out, changed or guessed."""
    doubts = [note for note in hamiltonian.remarks if not harmless(note)]
    if doubts:
        more = f" ({len(doubts)} notes in all: see magsearch info)" if len(doubts) > 1 else ""
        raise InputError(f"{doubts[0]}{more}", "--strict" if str(path) in doubts[0] else f"--strict: {path}")


def varied(given: Input, settings: Mapping[str, Any]) -> Input:
    """Return an input with other settings, by dotted key ("model.field", "search.seed", "model.dmi.0.D", ...).

    InputError for keys that do not exist, values that make no sense, and choices of how the file is read.
    """
    changes = by_table(settings.items())
    if given.model is None:
        for key in set(CHOICES) & changes.get("model", {}).keys():
            told = f"model.{key} decides how a file is read, and cannot vary; expected it as --set or in ms.read()"
            raise InputError(told, given.path)
    made = _overruled(given, given.as_json(), changes)
    _refuse_senseless(made.hamiltonian, given.path)
    return made


def _overruled(made: Input, given: Mapping[str, dict[str, Any]], changes: dict[str, dict[str, Any]]) -> Input:
    """Return an input, the tables of which are ``given``, with some keys changed."""
    try:
        model, hamiltonian = _model(made, changes.get("model", {}))
        tables = {name: changed(name, given[name], changes.get(name, {})) for name in TABLES}
        settings = _settings(tables, COMMAND_LINE)
    except InputError as error:
        raise InputError(error.message, "--set") from None
    except ValueError as error:
        raise InputError(str(error), "--set") from None
    return replace(made, hamiltonian=hamiltonian, model=model, **settings)


def as_model(stored: Input, overrides: Sequence[str]) -> Input:
    """Return the input of a run or a scan as that of another command, with any ``key=value`` settings on top.

    Without a [model] table, only the size, boundaries, field and dipole-dipole interaction of the model can change.
    """
    return _with_changes(replace(stored, format=STORED), stored.as_json(), parsed(overrides))


def again(
    path: str,
    text: str,
    hamiltonian: Hamiltonian,
    stored: Mapping[str, Any],
    overrides: Sequence[str],
    model: dict[str, Any] | None = None,
    names: Sequence[str] = ("search", "storage"),
) -> Input:
    """Return the input of a run that is resumed; of the tables ``names``, keys marked ``later`` may be overruled.

    stored   what ``Input.as_json`` gave; keys without a value have their defaults
    """
    changes = parsed(overrides)
    allowed = [f"{name}.{key.name}" for name in names for key in TABLES[name].KEYS.values() if key.facts.get("later")]
    for name, keys in changes.items():
        for key in keys:
            if f"{name}.{key}" not in allowed:
                told = f"{', '.join(allowed[:-1])} and {allowed[-1]} can"
                raise InputError(f"{name}.{key} cannot change when a run is resumed; {told}", "--set")
    given = {name: changed(name, _with_values(stored.get(name, {})), changes.get(name, {})) for name in TABLES}
    return Input(Path(path), text, hamiltonian, **_settings(given, COMMAND_LINE), model=model)


def _with_values(stored: Any) -> Any:
    """Return stored settings without those that were not given."""
    if isinstance(stored, Mapping):
        return {key: _with_values(value) for key, value in stored.items() if value is not None}
    return [_with_values(value) for value in stored] if isinstance(stored, list) else stored


def _model(made: Input, changes: Mapping[str, Any]) -> tuple[dict[str, Any] | None, Hamiltonian]:
    """Return the [model] table, where there is one, and the Hamiltonian, with other values."""
    read = made.hamiltonian
    if not changes:
        return made.model, read
    if made.model is not None:
        model = changed("model", made.model, changes)
        return model, hamiltonian_of(model, made.text, made.path)
    settable = ("size", "field", "periodic", "dipole", *CHOICES)
    dipole = {key: value for key, value in changes.items() if key.partition(".")[0] == "dipole"}
    for key in changes:
        if key not in settable and key not in dipole:
            known = ", ".join(f"model.{other}" for other in settable)
            raise InputError(f"model.{key} cannot be set for this format; {known} can", "--set")
    if "periodic" in changes:
        periodic = _numbers("model.periodic", changes["periodic"], bool)
        read = replace(read.told("periodic"), lattice=replace(read.lattice, periodic=periodic))
    if "size" in changes:
        size = _numbers("model.size", changes["size"], int)
        too_large(size, read.lattice.atoms)
        read = read.with_size(size)
    if "field" in changes:
        tesla = changes["field"]
        along_z = isinstance(tesla, int | float)
        read = replace(read, field=(0.0, 0.0, float(tesla)) if along_z else _numbers("model.field", tesla, float))
    if dipole:
        given = changed("model", {}, dipole)["dipole"]
        asked = given if isinstance(given, bool) else Source("--set", "", Dipoles.PATH).read(Dipoles, given)
        others = tuple(term for term in read.others if not isinstance(term, Dipole))
        read = replace(read.told("dipole"), others=(*others, *dipoles(asked)))
    return None, read


def _choices(changes: Mapping[str, Any]) -> Choices:
    """Return how to read a file. InputError for a choice that does not exist."""
    chosen = {key: changes[key] for key in CHOICES if key in changes}
    for key, value in chosen.items():
        valid = value in ("keep", "drop") if key == "unmerged" else isinstance(value, bool)
        if not valid:
            expected = "keep or drop" if key == "unmerged" else "true or false"
            raise InputError(f"model.{key} is {value!r}; expected {expected}", "--set")
    return Choices(**chosen)


def _numbers(name: str, value: Any, kind: type) -> tuple[Any, ...]:
    expected = (int, float) if kind is float else (kind,)
    if not isinstance(value, list) or len(value) != 3 or any(type(v) not in expected for v in value):
        what = {bool: "of true and false", int: "whole numbers", float: "numbers"}[kind]
        raise InputError(f"{name} is {value!r}; expected three {what}", "--set")
    return tuple(np.array(value, dtype=kind).tolist())


COMMAND_LINE = {name: Source("--set", "", name) for name in KNOWN}


def _settings(given: Mapping[str, dict[str, Any]], sources: Mapping[str, Source]) -> dict[str, Any]:
    """All tables as values that make sense, alone and together."""
    given = {**given, "scan": gathered(given["scan"])}
    made: dict[str, Any] = {name: sources[name].read(table, given[name]) for name, table in TABLES.items()}
    search, islands, storage = made["search"], made["islands"], made["storage"]
    try:
        search.island()
        search.stop()
        islands.migration()
        islands.islands(search)
        storage.checkpoints()
        made["reference"].check()
    except SettingError as error:
        raise sources[str(error.place[0])].about(error) from None
    return made
