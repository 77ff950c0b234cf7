"""The command ``magsearch loop``."""

from __future__ import annotations

import json
import math
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from magsearch.cli.arguments import DeviceName, Json, Settings, Strict, named_after, read_input, texture_of
from magsearch.console import loop as told
from magsearch.errors import InputError
from magsearch.formats.table import number
from magsearch.hysteresis.cycle import Cycle
from magsearch.hysteresis.loop import summary
from magsearch.parallel.ranks import launched
from magsearch.parallel.signals import Signals
from magsearch.plots import SUFFIXES
from magsearch.runs import loop as runs
from magsearch.runs.launch import Launch, carry_out, exit_code
from magsearch.search.stopping import Reason


def loop(
    input_file: Annotated[
        Path | None, typer.Argument(metavar="INPUT", help="Model in any format of docs/formats.md, or OUT.h5.")
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
    refine: Annotated[
        int, typer.Option(min=0, max=50, help="Bisections of every switching field, at zero temperature.")
    ] = 0,
    start: Annotated[
        str | None,
        typer.Option(help="Initial texture, instead of all spins along the field: as for energy --spins, or OUT.h5."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 1,
    plot: Annotated[
        Path | None, typer.Option(metavar="IMAGE", help="Picture: .png, .pdf or .svg. Default: beside OUT, .png.")
    ] = None,
    settings: Settings = None,
    strict: Strict = False,
    device: DeviceName = "auto",
    resume: Annotated[
        Path | None, typer.Option(metavar="LOOP.h5", help="Resume a stopped loop, instead of INPUT.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
    as_json: Json = False,
) -> None:
    """Follow a hysteresis loop through a cycle of the field.

    The field goes from MAX to MIN and back; states follow it, by relaxation or in a heat bath. SIGTERM, SIGUSR1 and
    Ctrl-C end a loop with exit code 75; --resume continues it.
    """
    if plot is not None and plot.suffix.lower() not in SUFFIXES:
        raise InputError(f"unsupported image format '{plot.suffix}'; expected {', '.join(SUFFIXES)}", plot)

    def begin(held: ExitStack) -> runs.Beginning:
        besides = bool(out or field or direction or start or settings or strict or overwrite)
        name = named_after(input_file, resume, besides, "loop")
        if resume is not None:
            return runs.resume(resume, held)
        assert input_file is not None
        if field is None:
            raise InputError("missing; expected MIN MAX STEPS", "--field")
        low, high, steps = field
        if not (math.isfinite(low) and math.isfinite(high) and low < high) or steps < 2:
            raise InputError("expected MIN below MAX, in tesla, and two STEPS or more", "--field")
        if not math.isfinite(temperature):
            raise InputError(f"is {temperature}; expected a finite number", "--temperature")
        axes = tuple(map(_unit, direction or ["0,0,1"]))
        cycle = Cycle(low, high, steps, axes, starts, temperature, sweeps, refine, seed)
        given = read_input(input_file, settings, strict)
        texture = texture_of(start, given.hamiltonian) if start else None
        return runs.begin(given, out or Path(f"{name}-loop.h5"), cycle, texture, overwrite, held)

    def work(launch: Launch, start: runs.Beginning) -> Reason:
        current = runs.LoopRun(launch, start)
        reason = current.go()
        _report(launch, current, start.out, plot, reason, as_json)
        return reason

    signals = Signals(enforced=True)
    reason = carry_out(begin, work, device, launched(), signals, stderr=as_json)
    signals.ignore()
    raise typer.Exit(exit_code(reason))


def _unit(given: str) -> tuple[float, float, float]:
    """Return a vector as one of length 1. Raises InputError for what is not one, or has no direction."""
    try:
        parts = [number(part) for part in given.split(",")]
    except ValueError:
        parts = []
    length = math.hypot(*parts)
    if len(parts) != 3 or not 0 < length < math.inf:
        raise InputError(f"{given!r} is no direction; expected three numbers as 0,0,1", "--direction")
    x, y, z = (part / length for part in parts)
    return (x, y, z)


def _report(launch: Launch, current: runs.LoopRun, out: Path, plot: Path | None, reason: Reason, as_json: bool) -> None:
    stored = current.record
    if reason.ended:  # a signal leaves no time to draw
        from magsearch.plots.loop import loop as draw

        image = plot or out.with_suffix(".png")
        draw(image, stored)
        launch.say(f"picture    {image}")
    if as_json:
        values = summary(stored.hamiltonian, stored.cycle, stored.course)
        print(json.dumps({**values, "stopped": str(reason), "seconds": stored.seconds, "file": str(out)}, indent=1))
    else:
        told.show(launch.console, stored)
    launch.say(f"stored     {out}")
    if not reason.ended:
        launch.say(f"{reason} after {stored.course.done} steps; resume with: magsearch loop --resume {out}")
