"""The command ``magsearch sample``: thermal averages of a model at one temperature or several."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from magsearch import output
from magsearch.cli.arguments import DeviceName, InputFile, Json, Settings, Strict, device_named, read_input, texture_of
from magsearch.cli.outcome import Overwrite
from magsearch.console import model
from magsearch.console.sampling import averages_table, fluctuations_table, sublattices_table
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import InputError
from magsearch.formats.table import number
from magsearch.formatting import counted
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.randomness import Consumer, key
from magsearch.search.supercells.supercell import own_supercell
from magsearch.thermal.fluctuations import Fluctuations, fluctuations
from magsearch.thermal.sampling import Averages, averages, chains_for
from magsearch.thermal.sampling import sample as measure
from magsearch.thermal.statistics import components
from magsearch.thermal.sublattices import MeanSpin, measured_every, sublattices

KELVIN = (1e-9, 1e9)  # beyond, thermal averages in meV are lost in rounding
SHOWN = 40  # largest number of rows of sublattices on a screen


def sample(
    input_file: InputFile,
    temperature: Annotated[
        str, typer.Option(metavar="T[,T...]", help="Temperatures in kelvin; all are sampled in one batch.")
    ],
    sweeps: Annotated[int, typer.Option(min=2, help="Number of measured sweeps of every chain.")],
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
    order: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Ordered state: its order parameter takes the place of the magnetisation. As for energy --spins.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE.csv", help="Also write the averages and their errors as a table."),
    ] = None,
    overwrite: Overwrite = False,
    settings: Settings = None,
    strict: Strict = False,
    device: DeviceName = "auto",
    as_json: Json = False,
) -> None:
    """Compute thermal averages with statistical errors.

    Averages energy, specific heat, magnetisation and topological charge; the order parameter with its susceptibility,
    Binder cumulant and correlation length; the mean spins of sublattices, where the cell has several atoms.
    """
    kelvin = temperatures(temperature)
    if out is not None and output.target(out).exists() and not overwrite:
        raise InputError("exists; --overwrite replaces it", out)
    given = read_input(input_file, settings, strict)
    texture, on = texture_of(start, given.hamiltonian, strict) if start else None, device_named(device)
    evaluator = Evaluator(given.hamiltonian, on, np.float32, given.search.path)
    if chains is None:
        chains = chains_for(len(kelvin), on.width)
    if warmup is None:
        warmup = sweeps // 2
    console = model.console(stderr=as_json)
    model.describe(console, given.hamiltonian)
    console.print(f"device     {on.description}")
    console.print(
        f"sampling   {counted(len(kelvin), 'temperature')} x {chains} chains, {warmup} + {sweeps} sweeps, "
        f"each with {reflections} of over-relaxation",
    )
    random = key(seed, Consumer.SAMPLING)
    rows = _rows(given.hamiltonian, order, strict) if order else None
    trajectory = measure(evaluator, kelvin, sweeps, warmup, chains, random, reflections, texture, rows=rows)
    found, ordered = averages(trajectory), fluctuations(trajectory)
    atoms = [] if trajectory.atoms is None else [sublattices(each) for each in trajectory.atoms]
    species = given.hamiltonian.lattice.species
    every = measured_every(sweeps, len(kelvin) * chains, len(species))
    slow_of = [slowest(*own, every) for own in zip(found, ordered, atoms or [[]] * len(found), strict=True)]
    for point, slow in zip(found, slow_of, strict=True):
        if slow * 50 > sweeps:
            console.print(
                f"note       {point.kelvin:g} K: measurements are correlated over {2 * slow:.0f} sweeps; errors can be "
                f"trusted from about {50 * slow:.0f} sweeps on",
                style="yellow",
            )
    if out is not None:
        output.write({out: comma_separated(found, ordered, atoms, species)})
    if as_json:
        points = [
            as_dict(point, slow, sweeps) | order_of(own)
            for point, slow, own in zip(found, slow_of, ordered, strict=True)
        ]
        for values, own in zip(points, atoms, strict=False):  # of none if there is one atom
            values["sublattices"] = [{"species": s} | a.as_json() for s, a in zip(species, own, strict=True)]
        print(json.dumps(points[0] if len(points) == 1 else {"points": points, "sweeps": sweeps}, indent=1))
    else:
        name = "magnetisation" if order is None else f"order parameter of {order}"
        model.whole(console, averages_table(found))
        model.whole(console, fluctuations_table(ordered, name))
        if 0 < len(species) * len(atoms) <= SHOWN:
            model.whole(console, sublattices_table(kelvin, atoms, species))
        elif atoms:
            console.print(f"sublattices: mean spins of {len(species)} atoms are in --json and -o FILE.csv")


def _rows(hamiltonian: Hamiltonian, name: str, strict: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the rows of the order parameter of a state in the box of a model. Raises InputError if it has none."""
    from magsearch.critical.order_parameter import OrderParameter
    from magsearch.critical.ordered import from_texture

    try:
        ordered = from_texture(hamiltonian, texture_of(name, hamiltonian, strict), 0.0)
        return OrderParameter.of(ordered).rows(own_supercell(hamiltonian))
    except ValueError as error:
        raise InputError(str(error), "--order") from None


def temperatures(given: str) -> list[float]:
    """Return the temperatures of a comma-separated list; raises InputError unless all are within ``KELVIN``."""
    try:
        kelvin = [number(part) for part in given.split(",")]
    except ValueError:
        kelvin = []
    if not kelvin or not all(KELVIN[0] <= t <= KELVIN[1] for t in kelvin):
        raise InputError(
            f"{given!r} is not a list of temperatures; expected numbers in kelvin from {KELVIN[0]:g} to {KELVIN[1]:g}",
            "--temperature",
        )
    return kelvin


def slowest(point: Averages, own: Fluctuations, atoms: Sequence[MeanSpin], every: int) -> float:
    """Return the longest integrated autocorrelation time of all but the charge, in sweeps.

    Sublattices were measured after ``every`` sweeps, the others after each.
    """
    measured = (point.energy, point.specific_heat, *point.magnetization, point.length, own.order)
    rarer = chain.from_iterable((*atom.magnetization, atom.length) for atom in atoms)
    times = chain((e.correlation for e in measured), (0.5 + every * (e.correlation - 0.5) for e in rarer))
    return max(times)


def as_dict(point: Averages, slow: float, sweeps: int) -> dict[str, Any]:
    """Return averages as JSON values: energy in meV per spin, specific heat in k_B per spin, mean spin.

    ``slow`` is the longest autocorrelation time in sweeps.
    """
    return {
        "temperature": point.kelvin,
        "energy": point.energy.as_json(),
        "specific_heat": point.specific_heat.as_json(),
        "magnetization": components(point.magnetization),
        "magnetization_length": point.length.as_json(),
        "charge": point.charge.as_json(),
        "correlation": 2 * slow,
        "sweeps": sweeps,
    }


def order_of(point: Fluctuations) -> dict[str, Any]:
    """Return fluctuations as JSON values: susceptibility in 1/meV per spin, correlation length in edges of the box."""
    return {
        "order": point.order.as_json(),
        "susceptibility": point.susceptibility.as_json(),
        "binder": point.binder.as_json(),
        "correlation_length": None if point.length is None else point.length.as_json(),
    }


def comma_separated(
    found: list[Averages], ordered: list[Fluctuations], atoms: Sequence[list[MeanSpin]], species: Sequence[str]
) -> str:
    """Return averages, fluctuations and sublattices as a table of comma-separated values, a row for each temperature.

    The first row has the names of the columns with their units; what is not defined is empty.
    """
    names: tuple[str, ...] = (
        "energy (meV/spin)", "specific heat (k_B/spin)", "m_x", "m_y", "m_z", "|m|", "charge", "order",
        "susceptibility (1/meV)", "Binder cumulant", "correlation length (edges of the box)",
    )  # fmt: skip
    places = [f"atom {atom} ({name})" for atom, name in enumerate(species)] if atoms else []
    names += tuple(f"{what} of {place}" for place in places for what in ("m_x", "m_y", "m_z", "|m|"))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["temperature (K)", *chain.from_iterable((name, f"error of {name}") for name in names)])
    for point, own, spins in zip(found, ordered, atoms or [[]] * len(found), strict=True):
        every = (
            point.energy, point.specific_heat, *point.magnetization, point.length, point.charge, own.order,
            own.susceptibility, own.binder, own.length,
            *chain.from_iterable((*each.magnetization, each.length) for each in spins),
        )  # fmt: skip
        values = chain.from_iterable((e.mean, e.error) if e else (None, None) for e in every)
        table.writerow([point.kelvin, *(value if value is None else float(value) for value in values)])
    return text.getvalue()
