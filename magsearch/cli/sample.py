"""The command ``magsearch sample``: thermal averages of a model at one temperature or several."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

import numpy as np
import typer
from rich.box import SIMPLE
from rich.table import Table

from magsearch.cli.arguments import DeviceName, InputFile, Json, Settings, Strict, device_named, read_input, texture_of
from magsearch.console import model
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import InputError
from magsearch.formats.table import number
from magsearch.formatting import with_error
from magsearch.randomness import Consumer, key
from magsearch.thermal.sampling import Averages, averages, chains_for
from magsearch.thermal.sampling import sample as measure


def sample(
    input_file: InputFile,
    temperature: Annotated[
        str, typer.Option(metavar="T[,T...]", help="Temperatures in kelvin; all are sampled in one batch.")
    ],
    sweeps: Annotated[int, typer.Option(min=1, help="Number of measured sweeps of every chain.")],
    warmup: Annotated[
        int | None,
        typer.Option(min=0, help="Number of sweeps before them: cooling, then equilibration. Default: half of SWEEPS."),
    ] = None,
    chains: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of independent replicas of each temperature. Default: enough to fill a register."
        ),
    ] = None,
    reflections: Annotated[int, typer.Option(min=0, help="Number of over-relaxation sweeps after each sweep.")] = 1,
    start: Annotated[
        str | None,
        typer.Option(help="Initial texture, replacing the cooling: a file as for energy --spins, or OUT.h5[:elite]."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 1,
    settings: Settings = None,
    strict: Strict = False,
    device: DeviceName = "auto",
    as_json: Json = False,
) -> None:
    """Compute thermal averages with statistical errors.

    Averages energy, specific heat, magnetisation and topological charge.
    """
    kelvin = temperatures(temperature)
    given = read_input(input_file, settings, strict)
    texture, on = texture_of(start, given.hamiltonian) if start else None, device_named(device)
    evaluator = Evaluator(given.hamiltonian, on, np.float32, given.search.path)
    if chains is None:
        chains = chains_for(len(kelvin), on.width)
    if warmup is None:
        warmup = sweeps // 2
    console = model.console(stderr=as_json)
    model.describe(console, given.hamiltonian)
    console.print(f"device     {on.description}")
    console.print(
        f"sampling   {len(kelvin)} temperatures x {chains} chains, {warmup} + {sweeps} sweeps, each with {reflections} "
        "of over-relaxation",
    )
    random = key(seed, Consumer.SAMPLING)
    found = averages(measure(evaluator, kelvin, sweeps, warmup, chains, random, reflections, texture))
    for point in found:
        if (slow := slowest(point)) * 50 > sweeps:
            console.print(
                f"note       {point.kelvin:g} K: measurements are correlated over {2 * slow:.0f} sweeps; errors can be "
                f"trusted from about {50 * slow:.0f} sweeps on",
                style="yellow",
            )
    if as_json:
        points = [as_dict(point, sweeps) for point in found]
        print(json.dumps(points[0] if len(points) == 1 else {"points": points, "sweeps": sweeps}, indent=1))
    else:
        console.print(table(found))


def temperatures(given: str) -> list[float]:
    """Return the temperatures of a comma-separated list; raises InputError unless all are positive numbers."""
    try:
        kelvin = [number(part) for part in given.split(",")]
    except ValueError:
        kelvin = []
    if not kelvin or not all(0 < t < math.inf for t in kelvin):
        raise InputError(
            f"{given!r} is not a list of temperatures; expected positive numbers in kelvin", "--temperature"
        )
    return kelvin


def slowest(point: Averages) -> float:
    """Return the longest integrated autocorrelation time of the quantities measured after every sweep."""
    measured = (point.energy, point.specific_heat, *point.magnetization, point.length)
    return max(estimate.correlation for estimate in measured)


def as_dict(point: Averages, sweeps: int) -> dict[str, Any]:
    """Return averages as JSON values: energy in meV per spin, specific heat in k_B per spin, mean spin."""
    return {
        "temperature": point.kelvin,
        "energy": point.energy.as_json(),
        "specific_heat": point.specific_heat.as_json(),
        "magnetization": {
            "mean": [estimate.mean for estimate in point.magnetization],
            "error": [estimate.error for estimate in point.magnetization],
        },
        "magnetization_length": point.length.as_json(),
        "charge": point.charge.as_json(),
        "correlation": 2 * slowest(point),
        "sweeps": sweeps,
    }


def table(found: list[Averages]) -> Table:
    """Return a table with one row for each temperature; every number has its error."""
    made = Table(box=SIMPLE)
    for name in ("T (K)", "energy (meV/spin)", "specific heat (k_B/spin)", "m_x", "m_y", "m_z", "|m|", "charge"):
        made.add_column(name, justify="right", no_wrap=True)
    for point in found:
        quantities = (point.energy, point.specific_heat, *point.magnetization, point.length, point.charge)
        made.add_row(f"{point.kelvin:g}", *(with_error(estimate.mean, estimate.error) for estimate in quantities))
    return made
