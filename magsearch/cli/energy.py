"""The command ``magsearch energy``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from magsearch.cli import completion
from magsearch.cli.arguments import DeviceName, InputFile, Json, Settings, Strict, device_named, read_input, texture_of
from magsearch.console import model
from magsearch.errors import InputError, unknown
from magsearch.runs.energy import of_texture
from magsearch.units import MRY

UNITS = ("meV", "mRy")


def energy(
    input_file: InputFile,
    spins: Annotated[
        str, typer.Option(help="Texture: OVF, .npy [site, 3], extended XYZ, UppASD restart file, or OUT.h5[:elite].")
    ],
    unit: Annotated[
        str, typer.Option(help="Unit of energy: meV or mRy.", autocompletion=completion.one_of(UNITS))
    ] = "meV",
    settings: Settings = None,
    strict: Strict = False,
    device: DeviceName = "cpu",
    as_json: Json = False,
) -> None:
    """Compute the energy of a texture, in total and by term.

    Energies are per site. Also prints the largest torque.
    """
    if unit not in UNITS:
        raise InputError(unknown("unit", unit, UNITS), "--unit")
    hamiltonian = read_input(input_file, settings, strict).hamiltonian
    texture = texture_of(spins, hamiltonian, strict)
    scale, found = (1.0 if unit == "meV" else 1 / MRY), of_texture(hamiltonian, texture, device_named(device))
    result = {
        "unit": unit,
        "energy_per_site": found.per_site * scale,
        "terms": {name: value * scale for name, value in found.terms.items()},
        "torque": found.torque * scale,
        "sites": hamiltonian.lattice.sites,
    }
    if as_json:
        print(json.dumps(result, indent=1))
        return
    rows = {"total": found.per_site, **found.terms}
    model.table_of(
        model.console(),
        {n: f"{v * scale:18.10f} {unit} per site" for n, v in rows.items()}
        | {"torque": f"{found.torque * scale:18.3e} {unit}, largest"},
    )
