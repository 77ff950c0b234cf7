"""The command ``magsearch bound``: a lower bound of the energy, and the gap between it and a state."""

from __future__ import annotations

import json
import math
import time
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from magsearch import output
from magsearch.bounds.bound import Bound
from magsearch.bounds.ground_state import lowest_state, spiral
from magsearch.bounds.luttinger_tisza import first_zone, lower_bound
from magsearch.bounds.quadratic_form import quadratic_form
from magsearch.cli.arguments import InputFile, Json, Settings, Strict, device_named, read_input, texture_of
from magsearch.console import model
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import InputError
from magsearch.formats.table import number
from magsearch.formatting import vector
from magsearch.model.hamiltonian import Hamiltonian

LISTED = 32  # spins whose multipliers are printed
LONG = ("multipliers", "mean")


def bound(
    input_file: InputFile,
    energy: Annotated[
        str | None,
        typer.Option(
            metavar="E", help="Energy to compare with the bound: meV per site, or a texture as for energy --spins."
        ),
    ] = None,
    moments: Annotated[
        bool,
        typer.Option(
            "--moments",
            help="Raise the bounds by moments of fourth order, in up to minutes (extra sdp, but for molecules).",
        ),
    ] = False,
    spins: Annotated[
        Path | None, typer.Option(metavar="OUT.npy", help="Store the lowest state built from the softest waves.")
    ] = None,
    settings: Settings = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Compute a rigorous lower bound of the energy per site.

    One bound is for the supercell of the model, the other for the infinite crystal.
    """
    begin = time.monotonic()
    hamiltonian = read_input(input_file, settings, strict).hamiltonian
    given, is_state = (None, False) if energy is None else _energy(energy, hamiltonian, strict)
    box = _bound(hamiltonian, "box", moments, input_file)
    if given is not None and box.gap(given) < -1e-9 * box.scale:  # digits that a user left out
        raise InputError(
            f"{given:.10g} meV per site is below the bound, {box.per_site:.10g}: it is not an energy of this model",
            "--energy",
        )
    state, made = lowest_state(hamiltonian, box)
    if spins is not None:
        _store(spins, state)
    best = min(made, given) if given is not None and is_state else made  # a number alone proves nothing
    result = {**_as_json(box), "tight": box.reached(best), "energy_per_site": made, "gap": box.gap(made)}
    if given is not None:
        result["given"] = {"energy_per_site": given, "gap": box.gap(given), "lowest": box.reached(given)}
    rows = {
        "bound": f"{box.per_site:18.10f} meV per site, of {_size(hamiltonian)}",
        "": f"{box.method}; {box.margin:.1e} meV per site lost to rounding",
        "state": f"{made:18.10f} meV per site, made of the softest waves; {_gap(box, made)}",
    }
    if given is not None:
        rows["given"] = f"{given:18.10f} meV per site; {_gap(box, given)}"
    result["crystal"] = None
    if hamiltonian.dipole is not None:
        rows["crystal"] = "no bound: term dipole"
    elif hamiltonian.waves is not None:
        rows["crystal"] = "no bound: term wave_vectors"
    elif quadratic_form(hamiltonian).dimension:
        crystal = _bound(hamiltonian, "crystal", moments, input_file)
        wave = spiral(hamiltonian, crystal)
        lowest = best if wave is None else min(best, wave.energy_per_site)  # a box repeated is a crystal
        result["crystal"] = {
            **_as_json(crystal), "tight": crystal.reached(lowest), "energy_per_site": lowest, "gap": crystal.gap(lowest)
        }  # fmt: skip
        made_of = f"a wave with q = {vector(_told(hamiltonian, wave.k))}" if wave else "the lowest state of the box"
        rows["crystal"] = f"{crystal.per_site:18.10f} meV per site, of the infinite crystal"
        rows[" "] = f"{crystal.method}; {crystal.margin:.1e} meV per site lost to rounding"
        rows["reached"] = f"{lowest:18.10f} meV per site, by {made_of}; {_gap(crystal, lowest)}"
    result["seconds"] = time.monotonic() - begin
    if as_json:
        print(json.dumps(result, indent=1))
    else:
        model.table_of(model.console(), rows)


def _bound(hamiltonian: Hamiltonian, of: str, moments: bool, path: Path) -> Bound:
    try:
        return lower_bound(hamiltonian, of, moments)
    except ValueError as error:
        raise InputError(str(error), path) from None
    except ImportError:
        raise InputError("needs Clarabel: pip install 'magsearch[sdp]'", "--moments") from None


def _gap(bound: Bound, energy: float) -> str:
    return f"gap {bound.gap(energy):.2g} meV per site" + (": no state is lower" if bound.reached(energy) else "")


def _size(hamiltonian: Hamiltonian) -> str:
    """Return the box as text."""
    lattice = hamiltonian.lattice
    return f"{hamiltonian.n_spins} spins in {' x '.join(str(n) for n in lattice.size)} cells"


def _as_json(bound: Bound) -> dict[str, Any]:
    """Without the multipliers of large clusters."""
    values = bound.as_json()
    return values if len(bound.multipliers) <= LISTED else {k: v for k, v in values.items() if k not in LONG}


def _energy(given: str, hamiltonian: Hamiltonian, strict: bool) -> tuple[float, bool]:
    """Return the energy in meV per site, given as a number or by a texture, and whether it is that of a texture."""
    try:
        value = number(given)
    except ValueError:
        value = None
    if value is not None and not math.isfinite(value):
        raise InputError(f"is {given}; expected a finite number", "--energy")
    if value is not None:
        return value, False
    texture = texture_of(given, hamiltonian, strict)
    return float(
        Evaluator(hamiltonian, device_named("cpu"), np.float64).energies(texture)[0]
    ) / hamiltonian.n_spins, True


def _told(hamiltonian: Hamiltonian, k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a wave vector [3] in reciprocal vectors of the crystal as it was given."""
    return first_zone(hamiltonian.lattice.in_given_waves(k)[None])[0]


def _store(path: Path, spins: NDArray[np.float64]) -> None:
    memory = BytesIO()
    np.save(memory, spins)
    output.write({path: memory.getvalue()})
