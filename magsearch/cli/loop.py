"""The command ``magsearch loop``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from magsearch.cli.arguments import DeviceName, Json, Settings, Strict, named_after, read_input, texture_of
from magsearch.cli.outcome import Image, Overwrite, Resumed, expect_image, expect_image_free, tell
from magsearch.errors import InputError
from magsearch.formats.table import number
from magsearch.hysteresis.cycle import Cycle
from magsearch.hysteresis.cycle import direction as unit_vector
from magsearch.parallel.ranks import launched
from magsearch.parallel.signals import Signals
from magsearch.runs import loop as runs
from magsearch.runs.hysteresis import carried
from magsearch.runs.launch import Launch, carry_out, exit_code
from magsearch.search.stopping import Reason


def loop(
    input_file: Annotated[
        Path | None, typer.Argument(metavar="INPUT", help="Model in any format (magsearch docs formats), or OUT.h5.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File of the results. Default: the name of INPUT with -loop.h5.")
    ] = None,
    field: Annotated[
        tuple[float, float, int] | None,
        typer.Option(metavar="MIN MAX STEPS", help="Smallest and largest field in tesla, and fields of each half."),
    ] = None,
    direction: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y,Z", help="Direction of the field (repeatable). Default: 0,0,1."),
    ] = None,
    temperature: Annotated[float, typer.Option(min=0, help="Temperature in kelvin; 0: states are relaxed.")] = 0.0,
    sweeps: Annotated[int, typer.Option(min=4, help="Sweeps of every step in a heat bath.")] = 200,
    starts: Annotated[int, typer.Option(min=1, help="Replicas of each direction, with their own random numbers.")] = 1,
    tolerance: Annotated[
        float | None,
        typer.Option(
            metavar="TESLA",
            help="Largest width of the interval in which a field switches at 0 K. Default: 1e-5 of MAX - MIN.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="Initial texture, instead of all spins along the field: as for energy --spins, or OUT.h5."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 1,
    plot: Image = None,
    settings: Settings = None,
    strict: Strict = False,
    device: DeviceName = "auto",
    resume: Resumed = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Follow a hysteresis loop through a cycle of the field.

    The field goes from MAX to MIN and back; states follow it, by relaxation or in a heat bath. All replicas are one
    batch, which one process evaluates on all its threads or a GPU: several ranks would not be faster. SIGTERM, SIGUSR1
    and Ctrl-C end a loop with exit code 75; --resume continues it.
    """
    expect_image(plot)

    def begin(held: ExitStack) -> runs.Beginning:
        besides = bool(out or field or direction or start or settings or strict or overwrite)
        name = named_after(input_file, resume, besides, "loop")
        if resume is not None:
            return runs.resume(resume, held)
        assert input_file is not None
        if field is None:
            raise InputError("missing; expected MIN MAX STEPS", "--field")
        axes = tuple(map(_direction, direction or ["0,0,1"]))
        cycle = Cycle(*field, axes, starts, temperature, sweeps, tolerance, seed)
        given = read_input(input_file, settings, strict)
        texture = texture_of(start, given.hamiltonian, strict) if start else None
        results = out or Path(f"{name}-loop.h5")
        beginning = runs.begin(given, results, cycle, texture, overwrite, held)
        expect_image_free(results, plot, overwrite)
        return beginning

    def work(launch: Launch, start: runs.Beginning) -> Reason:
        assert start.out is not None
        found, reason = carried(launch, start)
        tell(launch, "loop", found, start.out, plot, reason, as_json)
        return reason

    signals = Signals(enforced=True)
    reason = carry_out(begin, work, device, launched(), signals, stderr=as_json)
    signals.ignore()
    raise typer.Exit(exit_code(reason))


def _direction(given: str) -> tuple[float, float, float]:
    """Return the unit vector along a direction. Raises InputError for what has none."""
    try:
        return unit_vector([number(part) for part in given.split(",")])
    except ValueError:
        raise InputError(f"{given!r} is no direction; expected three numbers as 0,0,1", "--direction") from None
