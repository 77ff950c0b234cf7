"""The start of a run: a new one from its input, or one that is resumed from its file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from magsearch import config, storage
from magsearch.config.input import Input
from magsearch.errors import InputError
from magsearch.runs import record, textures
from magsearch.runs.launch import claim, command_line, expect_exists, expect_free


@dataclass(frozen=True, eq=False)
class Beginning:
    """The start of a run.

    given      the input
    out        where the run is stored; None: in memory only
    created    when it was begun first
    command    what began it, and resumed it
    before     what its file holds; None for a new run
    in_parts   whether its populations are in parts beside its file
    seeds      textures [site, 3] of the first generation
    elapsed    seconds that have passed before the search begins
    notes      on files of seeds
    """

    given: Input
    out: Path | None
    created: str
    command: str
    before: storage.Record | None = None
    in_parts: bool = False
    seeds: tuple[NDArray[Any], ...] = ()
    elapsed: float = 0.0
    notes: tuple[str, ...] = ()


def begin(
    input_file: Path,
    out: Path,
    settings: Sequence[str],
    overwrite: bool,
    seeds: Sequence[str],
    strict: bool,
    held: ExitStack,
) -> Beginning:
    """Return the start of a new run that ``seeds``, names of files, may begin; claim its file until ``held`` closes.

    strict   whether notes on the files of seeds are errors

    Raises InputError for what is wrong with them, if ``out`` exists, and if another process writes it.
    """
    given = config.read(input_file, settings)
    claim(held, out)
    expect_free(out, overwrite, "run")
    read = [textures.noted(name, given.hamiltonian, strict) for name in seeds]
    first, notes = [texture for found, _ in read for texture in found], [note for _, noted in read for note in noted]
    return Beginning(given, out, record.now(), command_line(), seeds=tuple(first), notes=tuple(notes))


def resume(out: Path, settings: Sequence[str], held: ExitStack) -> Beginning:
    """Return the start of a run that resumes from its file, claimed until ``held`` closes.

    Raises InputError if it cannot.
    """
    expect_exists(out)
    claim(held, out)
    before = storage.read(out)
    if before.damaged:
        raise InputError(f"cannot resume: it is damaged: {before.damaged[0]}", out)
    if not before.resumable and before.race is None:
        why = before.stopped or "it was written by something else"
        raise InputError(f"cannot resume: the run has ended ({why}) and its populations are not stored", out)
    given = config.again(before.input_path, before.input_text, before.hamiltonian, before.settings, settings)
    command = command_line(before.command)
    seeds = before.race.seeds if before.race else ()
    return Beginning(given, out, before.created, command, replace(before, elites=()), storage.in_parts(out), seeds)
