"""Writing of models in the target formats of ``magsearch convert``, each by a module with a function ``texts``."""

from __future__ import annotations

from collections.abc import Callable
from os.path import exists
from pathlib import Path

from magsearch import output
from magsearch.errors import InputError
from magsearch.formats.spirit import writing as spirit
from magsearch.formats.tb2j import writing as tb2j
from magsearch.formats.toml import writing as toml
from magsearch.formats.uppasd import writing as uppasd
from magsearch.formats.vampire import writing as vampire
from magsearch.model.hamiltonian import Hamiltonian

# the text of each file of a model, by path, and notes for the user
Texts = tuple[dict[Path, str], list[str]]

TARGETS: dict[str, Callable[[Hamiltonian, Path], Texts]] = {
    "toml": toml.texts,
    "uppasd": uppasd.texts,
    "tb2j": tb2j.texts,
    "spirit": spirit.texts,
    "vampire": vampire.texts,
}
ENDINGS = {".toml": "toml", ".out": "tb2j", ".cfg": "spirit", ".ucf": "vampire", ".dat": "uppasd", "": "uppasd"}


def target_of(path: str | Path) -> str | None:
    """Return the target format for a path: .toml, .out (TB2J), .cfg (Spirit), .ucf (VAMPIRE), .dat or folder (UppASD).

    None for any other suffix.
    """
    return ENDINGS.get(Path(path).suffix.lower())


def write(
    hamiltonian: Hamiltonian, path: str | Path, target: str | None = None, overwrite: bool = False
) -> tuple[list[Path], list[str]]:
    """Write a model in a target format (a key of TARGETS, by default that of the path's suffix).

    Returns the files that were written, and notes for the user. Raises InputError if the target cannot express the
    model, if a file exists (unless ``overwrite``) or cannot be written.
    """
    path = Path(path)
    chosen = target or target_of(path)
    if chosen not in TARGETS:
        raise InputError(f"cannot infer the format from the file name; expected one of {', '.join(TARGETS)}", path)
    files, notes = TARGETS[chosen](hamiltonian, path)
    present = [file for file in files if exists(file)]
    if present and not overwrite:
        raise InputError("exists; give another name, or --overwrite", present[0])
    for folder in dict.fromkeys(file.parent for file in files):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror or error}", folder) from None
    output.write(files)
    return list(files), notes
