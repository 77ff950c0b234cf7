"""The command ``magsearch tc``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from magsearch.cli.arguments import DeviceName, Json, Settings, Strict, named_after, read_input, texture_of
from magsearch.cli.outcome import Image, Overwrite, Resumed, expect_image, expect_image_free, tell
from magsearch.config import ENDINGS
from magsearch.errors import InputError, Interrupted
from magsearch.formats.table import is_index
from magsearch.parallel.ranks import launched
from magsearch.parallel.signals import Signals
from magsearch.runs import transition as runs
from magsearch.runs.launch import Launch, carry_out, exit_code
from magsearch.runs.tc import carried
from magsearch.search.stopping import Reason


def tc(
    input_file: Annotated[
        Path | None,
        typer.Argument(
            metavar="INPUT", help="Model in any format (magsearch docs formats), or OUT.h5 with its champion."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File of the results. Default: the name of INPUT with -tc.h5.")
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option(
            metavar="L[,L...]",
            help="Sizes of the boxes, in compact boxes of the ground state's cell. Default: by the number of spins.",
        ),
    ] = None,
    sweeps: Annotated[
        int | None, typer.Option(min=100, help="Measured sweeps of a round. Default: 4000, or 10000 below 3D.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Largest number of rounds after the scan. Default: 6.")
    ] = None,
    precision: Annotated[
        float | None, typer.Option(help="Relative error at which the search ends. Default: 0.002.")
    ] = None,
    ladders: Annotated[
        int | None, typer.Option(min=1, help="Independent ladders of temperatures of every box. Default: 2.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Random seed. Default: 1.")] = None,
    ground_state: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Ground state: a texture as for energy --spins, or OUT.h5[:elite]."),
    ] = None,
    plot: Image = None,
    settings: Settings = None,
    strict: Strict = False,
    device: DeviceName = "auto",
    resume: Resumed = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Find the transition temperature of a model.

    Boxes of several sizes are sampled by parallel tempering; their Binder cumulants and correlation lengths cross at
    the transition. The order parameter is that of the ground state, whatever its wave vectors. Under mpiexec or srun,
    the ladders are divided among the ranks. SIGTERM, SIGUSR1 and Ctrl-C end a search with exit code 75; --resume
    continues it.
    """
    expect_image(plot)
    plan = {
        "sizes": _sizes(sizes), "sweeps": sweeps, "rounds": rounds, "precision": precision, "ladders": ladders,
        "seed": seed,
    }  # fmt: skip

    def begin(held: ExitStack) -> runs.Beginning:
        besides = bool(out or overwrite or ground_state or settings or strict)
        name = named_after(input_file, resume, besides, "search for a transition temperature")
        if resume is not None:
            return runs.resume(resume, plan, held)
        assert input_file is not None
        given = read_input(input_file, settings, strict)
        state = ground_state or (str(input_file) if input_file.suffix in ENDINGS else None)
        texture = texture_of(state, given.hamiltonian, strict) if state else None
        results = out or Path(f"{name}-tc.h5")
        start = runs.begin(given, results, plan, texture, overwrite, held)
        expect_image_free(results, plot, overwrite)
        return start

    def work(launch: Launch, start: runs.Beginning) -> Reason:
        assert start.out is not None
        try:
            found, reason = carried(launch, start)
        except Interrupted:
            return launch.signalled()
        if launch.ranks.rank == 0:
            tell(launch, "tc", found, start.out, plot, reason, as_json)
        return reason

    signals = Signals(enforced=True)
    reason = carry_out(begin, work, device, launched(), signals, stderr=as_json)
    signals.ignore()
    raise typer.Exit(exit_code(reason))


def _sizes(given: str | None) -> tuple[int, ...] | None:
    """Return the whole numbers of a list. Raises InputError for other lists."""
    if given is None:
        return None
    parts = [part.strip() for part in given.split(",")]
    if not all(map(is_index, parts)):
        raise InputError(f"{given!r} are no sizes; expected two or more rising whole numbers", "--sizes")
    return tuple(map(int, parts))
