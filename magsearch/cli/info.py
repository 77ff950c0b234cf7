"""The command ``magsearch info``."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.cli.arguments import InputFile, Json, Settings, Strict, device_named, read_input
from magsearch.console import model
from magsearch.engine.cuda import Cuda
from magsearch.engine.evaluator import Evaluator
from magsearch.engine.path import choose_path
from magsearch.formats import CONVENTIONS
from magsearch.formatting import counted, vector
from magsearch.model.hamiltonian import CONVENTION
from magsearch.model.soft_waves import Waves, softest_waves
from magsearch.model.triangulation import sheets, stacking_axis
from magsearch.operators import HostOperator
from magsearch.search.memory import footprint
from magsearch.search.supercells.misfit import in_given_zone, noticed

SAME = 1e-9  # relative: energies of waves that symmetry relates


def info(input_file: InputFile, settings: Settings = None, strict: Strict = False, as_json: Json = False) -> None:
    """Summarise an input: lattice, couplings, soft modes, memory.

    Shells have the numbers that an input in TOML gives them. INPUT may also be a run or a scan.
    """
    given = read_input(input_file, settings, strict)
    hamiltonian, lattice = given.hamiltonian, given.hamiltonian.lattice
    evaluator = Evaluator(hamiltonian, device_named("cpu"), np.float32, given.search.path)
    islands = given.islands.islands(given.search)
    size = footprint(hamiltonian, evaluator.path, islands)
    on_gpu = footprint(hamiltonian, given.search.path or choose_path(hamiltonian, Cuda), islands, device=Cuda)
    textures = given.storage.snapshots().count(given.search.stop().generations)
    result: dict[str, Any] = {
        "size": list(lattice.size),
        "periodic": list(lattice.periodic),
        "atoms": lattice.atoms,
        "sites": lattice.sites,
        "bonds_per_site": hamiltonian.coordination,
        "range": hamiltonian.reach,
        "dipoles": hamiltonian.dipole.summary(lattice) if hamiltonian.dipole else None,
        "wave_vectors": len(hamiltonian.waves) if hamiltonian.waves else 0,
        "clusters_of_cell": {term.name: len(term) for term in hamiltonian.products},
        "field": list(hamiltonian.field),
        "path": evaluator.path,
        "bytes_per_replica": size.replica,
        "bytes_on_device": size.device,
        "bytes_per_replica_of_gpu": on_gpu.replica,
        "bytes_on_gpu": on_gpu.device,
        "bytes_on_host": size.host,
        "bytes_of_checkpoint": size.checkpoint,
        "bytes_of_textures": textures * size.texture,
        "notes": list(hamiltonian.remarks),
    }
    operators = {operator for island in islands for mixture in island.mixtures for operator, _ in mixture}
    result["host_operators"] = sorted({type(one).__name__ for one in operators if isinstance(one, HostOperator)})
    conventions = CONVENTIONS.get(given.format, CONVENTION)  # those of a run are magsearch's own
    result |= {"format": given.format, "conventions": conventions, "shells": model.shells_of(hamiltonian)}
    if hamiltonian.uniform and hamiltonian.coupled:
        waves = softest_waves(hamiltonian)
        arms, whole = _arms(waves, np.array(lattice.size))
        fractions = in_given_zone(lattice, waves.index[0] / np.array(lattice.size))
        q = fractions @ lattice.given_reciprocal
        result["softest_q"] = {
            "index": waves.index[0].tolist(),
            "fractions": fractions.tolist(),
            "q": q.tolist(),
            "arms": arms if whole else None,
            "energy_per_site": float(waves.energy[0]),
            "infinite_crystal": hamiltonian.edged,
        }
    lost = noticed(hamiltonian)
    result["misfit"] = lost and lost.as_json()
    stacked, layers = lattice.size[stacking_axis(lattice)], len(sheets(lattice))
    if stacked > 1 or layers > 1:
        above = counted(stacked, "stacked cell")
        result["charge"] = f"sum over {counted(layers, 'layer')} of the basis, mean over {above}"
    if as_json:
        print(json.dumps(result, indent=1))
        return
    console = model.console()
    model.describe(console, hamiltonian)
    if result["shells"]:
        model.shells(console, result["shells"])
    console.print(f"path       {model.path_line(hamiltonian, evaluator.path, evaluator.device)}")
    if "softest_q" in result:
        soft = result["softest_q"]
        edges = " of the infinite crystal, without its open edges" if hamiltonian.edged else ""
        length = f"period {2 * np.pi / np.linalg.norm(q):.4g} angstrom" if np.linalg.norm(q) > 0 else "uniform"
        one = "" if arms == 1 else f"one of {arms} alike, " if whole else f"one of at least {arms} alike, "
        console.print(
            f"softest q  {vector(soft['fractions'])} of the reciprocal vectors ({one}{length}), the softest that fits "
            f"into the box; couplings and anisotropy alone{edges}: {soft['energy_per_site']:.6f} meV per site",
            soft_wrap=True,
        )
        if lost:
            console.print(f"box        {lost}; magsearch cells lists boxes that fit", soft_wrap=True)
    if "charge" in result:
        console.print(f"charge     topological charge is the {result['charge']}", soft_wrap=True)
    model.memory(console, size, on_gpu, len(islands), textures)
    if result["host_operators"]:
        console.print(f"on host    {', '.join(result['host_operators'])}")
    console.print(f"format     {given.format}")
    for line in conventions.splitlines():
        console.print(f"           {line}", soft_wrap=True)


def _arms(waves: Waves, size: NDArray[np.int64]) -> tuple[int, bool]:
    """Return how many wave vectors, of q and -q one, are as soft as the softest one, and whether these are all."""
    alike = waves.energy <= waves.energy[0] + SAME * abs(waves.energy[0])
    found = {min(tuple(k % size), tuple(-k % size)) for k in waves.index[alike]}
    return len(found), not alike[-1]
