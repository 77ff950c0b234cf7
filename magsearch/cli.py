"""The command line: magsearch run, energy, info, show, plot."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from magsearch import batch, config, record, screen, storage, textures
from magsearch.crystal import softest_waves
from magsearch.device import Device, choose
from magsearch.errors import InputError
from magsearch.evaluator import Evaluator
from magsearch.footprint import footprint
from magsearch.ranks import first, launched
from magsearch.sample import sample
from magsearch.scan.command import scan
from magsearch.scan.command import show as show_scan
from magsearch.scan.view import phases
from magsearch.signals import Signals
from magsearch.units import MRY

app = typer.Typer(
    help="Finds the magnetic ground state of a material from the couplings that density functional theory gives.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

InputFile = Annotated[
    Path, typer.Argument(metavar="INPUT", help="A .toml with a [model] table, or UppASD's inpsd.dat.")
]
RunFile = Annotated[Path, typer.Argument(metavar="OUT.h5", help="The file of a run.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="model.size=[64,64,1], model.field=2.7, search.seed=3, ... (repeatable)."
    ),
]
DeviceName = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.command()
def run(
    input_file: Annotated[
        Path | None, typer.Argument(metavar="INPUT", help="A .toml with a [model] table, or UppASD's inpsd.dat.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Where the run is stored; INPUT's name with .h5 if not given.")
    ] = None,
    settings: Settings = None,
    device: DeviceName = "auto",
    resume: Annotated[
        Path | None, typer.Option(metavar="OUT.h5", help="Go on with a run that was stopped, instead of INPUT.")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace OUT.h5 where it exists.")] = False,
    seeds: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Textures to begin with: .npy, restart file, OUT.h5, SCAN.h5 (repeatable)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Search the ground state; the best textures and the history go to OUT.h5 as the run goes.

    Under mpiexec or srun, the islands of the search are divided among the ranks. SIGTERM, SIGUSR1 and Ctrl-C end a run
    with exit code 75 once its state is stored.
    """
    signals, ranks = Signals(), launched()
    with batch.together(ranks):
        console = screen.console(stderr=as_json, quiet=ranks.rank > 0)
        start = ranks.on_first(lambda: _beginning(input_file, out, settings or [], resume, overwrite, seeds or []))
        on = ranks.on_all(lambda: batch.device(device, ranks))
        current = batch.Run(ranks, start, on, signals, console)
        ended_by = current.go()
        if ranks.rank == 0:
            _report(console, start.out, ended_by, as_json)
        ranks.settle()
    if ended_by:
        raise typer.Exit(batch.AGAIN)


def _beginning(
    input_file: Path | None,
    out: Path | None,
    settings: list[str],
    resume: Path | None,
    overwrite: bool,
    seeds: list[str],
) -> batch.Beginning:
    if resume is not None:
        if input_file or out or overwrite or seeds:
            told = "give no INPUT, -o, --overwrite or --seeds besides"
            raise InputError(f"{resume} has its input in it; {told}", "--resume")
        return batch.resume(resume, settings)
    if input_file is None:
        raise InputError("an INPUT is missing; or --resume OUT.h5 to go on with a run", "run")
    name = input_file.resolve().parent.name if input_file.name == "inpsd.dat" else input_file.stem
    return batch.begin(input_file, out or Path(name).with_suffix(".h5"), settings, overwrite, seeds)


def _report(console: Console, out: Path, ended_by: str, as_json: bool) -> None:
    stored = storage.read(out)
    if as_json:
        print(json.dumps(record.summary(stored), indent=1))
    else:
        screen.show(console, stored)
    if ended_by:
        done = len(stored.history)
        console.print(f"{ended_by} after {done} generations; go on with: magsearch run --resume {out}", soft_wrap=True)


@app.command()
def energy(
    input_file: InputFile,
    spins: Annotated[str, typer.Option(help=".npy [site, 3], UppASD restart file, OUT.h5[:elite], SCAN.h5[:column].")],
    unit: Annotated[str, typer.Option(help="meV or mRy.")] = "meV",
    settings: Settings = None,
    device: DeviceName = "cpu",
    as_json: Json = False,
) -> None:
    """Energy per site of a texture, in total and by term, and the largest torque."""
    if unit not in ("meV", "mRy"):
        raise InputError(f"{unit!r} is not a unit of energy here; expected meV or mRy", "--unit")
    hamiltonian = config.read(input_file, settings or []).hamiltonian
    texture = textures.read(spins, hamiltonian)[0]
    scale, on = (1.0 if unit == "meV" else 1 / MRY), _device(device)
    whole = Evaluator(hamiltonian, on, np.float64)
    terms = record.energies({n: Evaluator(h, on, np.float64) for n, h in hamiltonian.terms().items()}, texture)
    total = float(whole.energies(texture)[0]) / hamiltonian.spins
    torque = record.largest_torque(hamiltonian, whole.field(texture), texture)
    result = {
        "unit": unit,
        "energy_per_site": total * scale,
        "terms": {name: value * scale for name, value in terms.items()},
        "torque": torque * scale,
        "sites": hamiltonian.lattice.sites,
    }
    if as_json:
        print(json.dumps(result, indent=1))
        return
    rows = {"total": total, **terms}
    screen.table_of(
        screen.console(),
        {n: f"{v * scale:18.10f} {unit} per site" for n, v in rows.items()}
        | {"torque": f"{torque * scale:18.3e} {unit}, largest"},
    )


@app.command()
def info(input_file: InputFile, settings: Settings = None, as_json: Json = False) -> None:
    """What is in an input: lattice, couplings, softest waves of J(q), path, memory."""
    given = config.read(input_file, settings or [])
    hamiltonian, lattice = given.hamiltonian, given.hamiltonian.lattice
    evaluator = Evaluator(hamiltonian, choose("cpu"), np.float32, given.search.path)
    islands = given.islands.islands(given.search)
    size = footprint(hamiltonian, evaluator.path, islands)
    result: dict[str, Any] = {
        "size": list(lattice.size),
        "periodic": list(lattice.periodic),
        "atoms": lattice.atoms,
        "sites": lattice.sites,
        "bonds_per_site": hamiltonian.coordination,
        "range": screen.reach(hamiltonian),
        "field": list(hamiltonian.field),
        "path": evaluator.path,
        "bytes_per_replica": size.replica,
        "bytes_on_device": size.device,
        "bytes_on_host": size.host,
        "bytes_of_checkpoint": size.checkpoint,
        "notes": list(hamiltonian.notes),
    }
    if hamiltonian.uniform:
        waves = softest_waves(hamiltonian, 1)
        q = (waves.index[0] / np.array(lattice.size)) @ lattice.reciprocal
        result["softest_q"] = {
            "index": waves.index[0].tolist(),
            "fractions": (waves.index[0] / np.array(lattice.size)).tolist(),
            "q": q.tolist(),
            "energy_per_site": float(waves.energy[0]),
        }
    if as_json:
        print(json.dumps(result, indent=1))
        return
    console = screen.console()
    screen.describe(console, hamiltonian)
    console.print(f"path       {screen.path_line(hamiltonian, evaluator.path)}", highlight=False)
    if "softest_q" in result:
        soft = result["softest_q"]
        length = f"period {2 * np.pi / np.linalg.norm(q):.4g} angstrom" if np.linalg.norm(q) > 0 else "uniform"
        console.print(
            f"softest q  {record.vector(soft['fractions'])} of the reciprocal vectors ({length}); "
            f"J(q) alone: {soft['energy_per_site']:.6f} meV per site",
            highlight=False,
        )
    screen.memory(console, size, len(islands))


@app.command()
def show(run_file: RunFile, as_json: Json = False) -> None:
    """Champion and elites of a run: energy, charge, magnetisation, torque. Works while the run goes on."""
    if storage.is_scan(run_file):
        show_scan(screen.console(), storage.read_scan(run_file), as_json)
        return
    stored = storage.read(run_file)
    if as_json:
        print(json.dumps(record.summary(stored), indent=1))
    else:
        screen.show(screen.console(), stored)


@app.command()
def plot(
    run_file: RunFile,
    out: Annotated[Path, typer.Option("-o", "--out", help="png, pdf or svg.")],
    elite: Annotated[int, typer.Option(help="Which elite; 0 is the champion.")] = 0,
) -> None:
    """Draw a texture, its structure factor in the Brillouin zone, and the convergence of the run."""
    stored = storage.read(run_file)
    chosen = textures.elite(stored, run_file, elite)
    per_site = chosen.energy / stored.hamiltonian.spins
    title = (
        f"{Path(stored.input_path).name}, B = {record.vector(stored.hamiltonian.field, 2)} T: "
        f"{per_site:.6f} meV per site, Q = {chosen.charge + 0.0:.1f}"
    )
    from magsearch import plots

    try:
        plots.summary(stored.hamiltonian.lattice, chosen.spins, stored.history.overall(), title, out)
    except (OSError, ValueError) as error:
        raise InputError(str(error), out) from None
    print(out)


app.command()(sample)
app.command()(scan)
app.command()(phases)


def _device(name: str) -> Device:
    try:
        return choose(name)
    except RuntimeError as error:
        raise InputError(str(error), f"--device {name}") from None


def main() -> None:
    """Entry point: what is wrong with an input is told in one line, exit code 2."""
    try:
        app()
    except InputError as error:
        if first() or not error.everywhere:
            print(f"magsearch: {error}", file=sys.stderr)
        sys.exit(2)
    except MemoryError as error:
        print(f"magsearch: the model does not fit into memory: {error}", file=sys.stderr)
        sys.exit(2)
