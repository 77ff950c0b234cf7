"""The command ``magsearch magnons``: linear spin-wave theory about a minimum of a run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from magsearch import storage
from magsearch.cli.arguments import Json, RunFile
from magsearch.cli.streams import say
from magsearch.console import model
from magsearch.errors import InputError, Interrupted
from magsearch.formatting import counted, vector
from magsearch.magnons.path import path_of
from magsearch.magnons.spectrum import Spectrum, spectrum
from magsearch.magnons.spin_waves import MEV_PER_THZ, SpinWaves
from magsearch.magnons.stationary import NotAMinimum
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.parallel.ranks import AGAIN
from magsearch.parallel.signals import Signals
from magsearch.runs.textures import elite_in

LARGEST = 10**7  # wave vectors of a mesh


def magnons(
    run_file: RunFile,
    path: Annotated[
        str | None,
        typer.Option(
            metavar="POINTS",
            help="Path of the bands: labels, G-M-K-G (a | is a break), or wave vectors in reciprocal vectors of the "
            "crystal, '0,0,0;1/2,0,0'. Default: the usual path of the lattice.",
        ),
    ] = None,
    points: Annotated[int, typer.Option(min=2, max=10**6, help="Number of wave vectors along the path.")] = 300,
    mesh: Annotated[
        tuple[int, int, int] | None, typer.Option(metavar="N N N", help="Mesh of wave vectors for a density of states.")
    ] = None,
    powder: Annotated[
        float | None,
        typer.Option(metavar="Q", help="Average intensities over directions of q, up to this length in 1/angstrom."),
    ] = None,
    spiral: Annotated[
        bool,
        typer.Option(
            "--spiral",
            help="Treat the texture as a spiral of the infinite crystal, in its rotating frame; its period is relaxed.",
        ),
    ] = False,
    elite: Annotated[int, typer.Option(help="Number of the elite; 0 is the champion.")] = 0,
    g: Annotated[
        float, typer.Option("--g", help="The g factor: moments of m Bohr magnetons are spins S = m / g.")
    ] = 2.0,
    ion: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPECIES=ION", help="Magnetic form factor of a species, Fe=Fe3 (repeatable). Default: point-like."
        ),
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(metavar="MEV", help="Width (standard deviation) of lines. Default: 2 % of the highest energy."),
    ] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Image file: .png, .pdf or .svg.")] = None,
    as_json: Json = False,
) -> None:
    """Compute magnon bands and neutron intensities of a minimum.

    Linear spin-wave theory in the smallest cell after which the texture repeats, for all terms of the model. The
    results are stored in OUT.h5, group magnons; a run that is resumed drops them.
    """
    _expect_positive(g, "--g")
    _expect_positive(width, "--width")
    _expect_positive(powder, "--powder")
    if mesh is not None and not (min(mesh) >= 1 and math.prod(mesh) <= LARGEST):
        raise InputError(
            f"is {' '.join(map(str, mesh))}; expected whole numbers of at least 1, {LARGEST} wave vectors at most",
            "--mesh",
        )
    ions = _ions(ion or [])
    stored = storage.read(run_file)
    texture = elite_in(stored, run_file, elite)
    hamiltonian = stored.hamiltonian
    console = model.console(stderr=as_json)
    signals = Signals(enforced=True)

    def watch() -> None:
        if signals():
            raise Interrupted

    try:
        waves = SpinWaves.about(hamiltonian, texture.spins, g, spiral)
        bent = path_of(path, hamiltonian.lattice, points, _dimension(hamiltonian))
        with console.status(f"magnons of {waves.n_spins} spins at {counted(len(bent.q), 'wave vector')}"):
            found = spectrum(waves, bent, mesh, powder, ions, width, elite, watch)
    except NotAMinimum as error:
        raise InputError(str(error), f"{run_file}:{elite}") from None
    except Interrupted:
        console.print(f"{signals.name}: nothing is stored")
        raise typer.Exit(AGAIN) from None
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error), run_file) from None
    if out is not None:
        _draw(found, stored, out)
    if as_json:
        print(json.dumps(as_dict(found, waves), indent=1))
    else:
        model.table_of(console, _rows(found, waves))
    if out is not None:
        say(out, err=as_json)
    storage.store_magnons(run_file, found)
    signals.ignore()


def _expect_positive(value: float | None, name: str) -> None:
    if value is not None and not 0 < value < math.inf:
        raise InputError(f"is {value:g}; expected a positive number", name)


def _ions(given: list[str]) -> dict[str, str]:
    """Return Fe=Fe3 as {"Fe": "Fe3"}."""
    found = {}
    for text in given:
        species, equal, ion = text.partition("=")
        if not (species and equal and ion):
            raise InputError(f"{text!r} is not a form factor; expected SPECIES=ION, as Fe=Fe3", "--ion")
        found[species] = ion
    return found


def _dimension(hamiltonian: Hamiltonian) -> int:
    """Return along how many of the first axes magnons move: 1, 2 or 3."""
    moving = np.flatnonzero(hamiltonian.crossed & np.array(hamiltonian.lattice.periodic))
    return int(moving.max(initial=0)) + 1


def _rows(found: Spectrum, waves: SpinWaves) -> dict[str, str]:
    """Return what the command prints, by name."""
    rows = {
        "energy": f"{found.energy_per_site:.10f} meV per site",
        "cell": f"{waves.n_spins} spins, vectors {_cells(found.vectors)} in cells",
    }
    if found.k is not None:
        rows["spiral"] = f"k = {vector(found.k)} about {vector(waves.cell.axis)}; bands at q - k, q and q + k"
    rows["spins"] = f"S = {_range(waves.S)}, g = {found.g:g}; anisotropies are classical"
    highest = float(found.energies.max(initial=0.0))
    rows["bands"] = (
        f"{found.energies.min(initial=highest):.4f} to {highest:.4f} meV ({highest / MEV_PER_THZ:.4f} THz) at "
        f"{counted(len(found.path.q), 'wave vector')}"
    )
    rows["q = 0"] = f"{counted(found.hessian, 'zero mode')} of the Hessian, {counted(found.gapless, 'gapless band')}"
    if found.density is not None:
        mesh = " x ".join(map(str, found.density.mesh))
        rows["states"] = f"mesh {mesh}, lines {found.density.width:.4g} meV wide"
    if found.powder is not None:
        rows["powder"] = f"{found.powder.directions} directions, lines {found.powder.width:.4g} meV wide"
    return rows


def _cells(vectors: Any) -> str:
    return ", ".join(f"({' '.join(str(n) for n in row)})" for row in vectors.tolist())


def _range(S: Any) -> str:
    low, high = float(S.min(initial=np.inf)), float(S.max(initial=0.0))
    return f"{high:.4g}" if high - low < 1e-9 else f"{low:.4g} to {high:.4g}"


def as_dict(found: Spectrum, waves: SpinWaves) -> dict[str, Any]:
    """Return a spectrum as JSON values: energies in meV, intensities in mu_B^2 per cell of the crystal."""
    path, density, powder = found.path, found.density, found.powder
    return {
        "elite": found.elite,
        "energy_per_site": found.energy_per_site,
        "g": found.g,
        "spins": waves.n_spins,
        "vectors": found.vectors.tolist(),
        "k": None if found.k is None else found.k.tolist(),
        "zero_modes": found.hessian,
        "gapless": found.gapless,
        "labels": list(path.labels),
        "corners": path.corners.tolist(),
        "q": path.q.tolist(),
        "distance": path.distance.tolist(),
        "energies": found.energies.tolist(),
        "intensities": found.intensities.tolist(),
        "density": None if density is None else {
            "mesh": list(density.mesh), "width": density.width, "energies": density.energies.tolist(),
            "states": density.states.tolist(),
        },
        "powder": None if powder is None else {
            "width": powder.width, "directions": powder.directions, "lengths": powder.lengths.tolist(),
            "energies": powder.energies.tolist(), "intensities": powder.intensities.tolist(),
        },
    }  # fmt: skip


def _draw(found: Spectrum, stored: storage.Record, out: Path) -> None:
    from magsearch.plots.magnons import magnons as draw

    name = f"magnons of {Path(stored.input_path).name}" + (f", elite {found.elite}" if found.elite else "")
    state = f"B = {vector(stored.hamiltonian.field, 2)} T, {found.energy_per_site:.6f} meV per site"
    if found.k is not None:
        state += f", k = {vector(found.k)}"
    try:
        draw(out, found, f"{name}\n{state}")
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error), out) from None
