"""Searches from Python: ``search`` runs, ``resume`` continues from a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch import config
from magsearch.config.input import Input
from magsearch.config.search import SearchTable
from magsearch.engine.device import Device
from magsearch.errors import InputError, Interrupted
from magsearch.formats.objects import IN_PYTHON, plain
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.parallel.ranks import Ranks, launched
from magsearch.parallel.signals import Signals
from magsearch.runs import record, textures
from magsearch.runs.beginning import Beginning
from magsearch.runs.beginning import resume as resumed
from magsearch.runs.launch import Launch, carry_out, claim, exit_code, expect_free
from magsearch.runs.result import Result
from magsearch.runs.run import Run
from magsearch.search.stopping import Reason, Signalled

Table = Mapping[str, Any]
Start = TypeVar("Start")
Outcome = TypeVar("Outcome")


def search(
    model: Hamiltonian | str | Path,
    *,
    seed: int | None = None,
    islands: int | Table | None = None,
    replicas: int | None = None,
    generations: int | None = None,
    device: str | Device = "auto",
    ranks: Ranks | None = None,
    progress: bool = True,
    store: str | Path | None = None,
    overwrite: bool = False,
    initial: Sequence[ArrayLike | str] = (),
    checkpoints: Table | None = None,
    **settings: Any,
) -> Result:
    """Search the ground state of a model and return the result; under mpiexec, on all ranks together.

    The outcome is that of ``magsearch run`` with the same settings, bitwise, and so is the file.

    model         a Hamiltonian, or the name of a file of any format; the tables of a .toml file hold for what is not
                  given here
    islands       their number, or the keys of the [islands] table: {"count": 4, "topology": "torus", "every": 2}
    device        auto, cpu, cuda, cuda:1, or a device
    ranks         None: those that an MPI launcher started
    progress      whether to report progress on the standard error: a table on a terminal, else lines
    store         where the run is stored, with checkpoints; None: in memory only
    overwrite     whether ``store`` may exist
    initial       textures [site, 3] of the first generation, or names of files that hold such
    checkpoints   keys of the [storage] table
    settings      seed, replicas, generations and all other keys of the [search] table (magsearch docs settings):
                  seconds, gap, elites, minimizer, backend={"name": "parallel-tempering"}, ...

    Raises InputError, which names the key, for wrong settings. Ctrl-C raises KeyboardInterrupt, SIGTERM and SIGUSR1
    end the process with exit code 75; a run with ``store`` is stored before, and ``resume`` continues it.
    """
    named = {"seed": seed, "replicas": replicas, "generations": generations, **settings}
    own = {"count": islands} if isinstance(islands, int | np.integer) else islands or {}
    tables = {"search": named, "islands": own, "storage": checkpoints or {}}
    out = None if store is None else Path(store)

    def begin(held: ExitStack) -> Beginning:
        given = input_of(model, tables)
        if out is not None:
            claim(held, out)
            expect_free(out, overwrite, "run")
        seeds = tuple(texture for one in initial for texture in _textures(one, given.hamiltonian))
        return Beginning(given, out, record.now(), call(tables), seeds=seeds)

    return carry_out_in_python(begin, _run, device, ranks, progress)


def resume(
    path: str | Path,
    *,
    device: str | Device = "auto",
    ranks: Ranks | None = None,
    progress: bool = True,
    **settings: Any,
) -> Result:
    """Continue a run from its file and return the result, as ``magsearch run --resume`` does.

    settings   keys of the [search] table that a resumed run may change: generations, seconds, window, ...

    Raises InputError if the run cannot be resumed, or a setting not changed; signals are handled as by ``search``.
    """
    changed = [f"search.{key}={json.dumps(plain(value))}" for key, value in settings.items() if value is not None]
    return carry_out_in_python(lambda held: resumed(Path(path), changed, held), _run, device, ranks, progress)


def _run(launch: Launch, start: Beginning) -> tuple[Result, Reason]:
    """Run to the end; return the result of rank 0 on every rank, and why the run ended."""
    run = Run(launch, start)
    reason = run.go()
    found = launch.ranks.broadcast(run.record)
    assert found is not None
    return Result(found, run.out, run.populations if run.out is None else None), reason


def carry_out_in_python(
    begin: Callable[[ExitStack], Start],
    work: Callable[[Launch, Start], tuple[Outcome, Reason]],
    device: str | Device,
    ranks: Ranks | None,
    progress: bool,
) -> Outcome:
    """Carry out a run or scan and return its outcome; restore the handlers of signals.

    Raises KeyboardInterrupt after Ctrl-C, SystemExit(75) after another signal.
    """
    with Signals() as signals:
        try:
            outcome, reason = carry_out(begin, work, device, ranks or launched(), signals, True, not progress)
        except Interrupted:
            reason = Signalled(signals.name or "SIGTERM")
        if isinstance(reason, Signalled):
            raise KeyboardInterrupt if reason.signal == "SIGINT" else SystemExit(exit_code(reason))
    return outcome


def input_of(model: Hamiltonian | str | Path, tables: Mapping[str, Table], what: str = "search") -> Input:
    """Return the input that a model or file and the keys of its tables make; None stands for keys not given.

    Raises InputError, which names the key, for wrong settings of the function ``what``.
    """
    given = Input(IN_PYTHON, "", model, SearchTable()) if isinstance(model, Hamiltonian) else config.read(model)
    dotted = {f"{name}.{key}": plain(v) for name, keys in tables.items() for key, v in keys.items() if v is not None}
    try:
        return config.varied(given, dotted) if dotted else given
    except InputError as error:
        raise InputError(error.message, f"{what}()") from None


def _textures(one: ArrayLike | str, hamiltonian: Hamiltonian) -> Sequence[NDArray[Any]]:
    """Return the textures in a file, or an array. Raises InputError for an array of another shape."""
    return textures.read(one, hamiltonian) if isinstance(one, str) else [texture_of(one, hamiltonian, "initial")]


def texture_of(one: ArrayLike | str, hamiltonian: Hamiltonian, what: str) -> NDArray[np.float64]:
    """Return an array as a texture, or the first one in a file. InputError, which names ``what``, for another shape."""
    if isinstance(one, str):
        return np.asarray(textures.read(one, hamiltonian)[0], dtype=np.float64)
    spins, sites = np.asarray(one, dtype=np.float64), hamiltonian.lattice.sites
    if spins.shape != (sites, 3):
        raise InputError(f"has the shape {spins.shape}; expected ({sites}, 3)", what)
    return spins


def call(tables: Mapping[str, Table], what: str = "search") -> str:
    """Return the call of a function as it is stored in place of a command line."""
    given = {name: {k: plain(v) for k, v in keys.items() if v is not None} for name, keys in tables.items()}
    return f"magsearch.{what}({', '.join(f'{name}={keys}' for name, keys in given.items() if keys)})"
