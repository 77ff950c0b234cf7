"""Champions' energies compared bitwise, to show that a change of the code leaves the physics as it was.

    python benchmarks/champions.py before.json
    python benchmarks/champions.py after.json --against before.json

Runs every input of inputs/ with three seeds, three generations and one thread, and writes the champions' energies as
JSON: input, seed, and the total energy in meV as ``float.hex`` gives it. With ``--against``, prints the energies that
differ from those of another file, and exits with 1 if there are any. The settings beside the inputs make the six runs
use different parts of the search: islands, minimisers, back-ends, both paths of the evaluator.

The command line of the magsearch that Python imports does the work, in processes of their own; PYTHONPATH=FOLDER
chooses another one. Compare runs of one machine only: other kernels (MAGSEARCH_ISA) and other libraries of linear
algebra sum in another order.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py

FOLDER = Path(__file__).parent.parent / "inputs"
BUDGET = ("search.generations=3", "search.replicas=16", "search.elites=4")
INPUTS = {
    "kagome-afm": ("islands.count=2", "islands.every=1", 'search.selection="tournament"'),
    "okubo": ('search.minimizer="lbfgs"', 'search.path="direct"'),
    "pdfeir111": ("model.size=[40,40,1]", 'search.path="fourier"'),
    "square-bloch": ('search.backend={name="heat-bath",temperature=1.0}', "search.steps=300"),
    "square-j1j2": ('search.cells="auto"', "search.sites=64"),
    "triangular-afm": ('search.backend={name="simulated-annealing",sweeps=200}',),
}
SEEDS = (1, 2, 3)
Energies = dict[str, dict[str, str]]  # [input][seed], meV as float.hex


def champion(name: str, seed: int, folder: Path) -> float:
    """Return the total energy in meV of the champion of a short run."""
    out = folder / f"{name}-{seed}.h5"
    settings = [f"--set={setting}" for setting in (*BUDGET, *INPUTS[name], f"search.seed={seed}")]
    command = [sys.executable, "-c", "from magsearch.cli import main; main()", "run", str(FOLDER / f"{name}.toml")]
    # Started in the folder of the results: Python would rather import the magsearch of the folder it starts in
    subprocess.run(
        [*command, "-o", str(out), "--device", "cpu", *settings],
        check=True,
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
    )
    with h5py.File(out) as file:
        return float(file["elites/energy"][0])


def energies(only: list[str], seeds: list[int]) -> Energies:
    """Return the champions' energies of all runs."""
    found: Energies = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in only:
            for seed in seeds:
                energy = champion(name, seed, Path(folder))
                found.setdefault(name, {})[str(seed)] = energy.hex()
                print(f"{name:16} seed {seed}  {energy.hex():24} {energy:.9f} meV", file=sys.stderr, flush=True)
    return found


def differences(found: Energies, expected: Energies) -> list[str]:
    """Return a line for every energy that differs, and for every run that the other file lacks."""
    lines = []
    for name, runs in found.items():
        for seed, energy in runs.items():
            other = expected.get(name, {}).get(seed, "missing")
            if energy != other:
                lines.append(f"{name}, seed {seed}: {energy}, expected {other}")
    return lines


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("out", type=Path, nargs="?", help="where the JSON is written; standard output by default")
    arguments.add_argument("--against", type=Path, metavar="FILE", help="compare with the energies of this file")
    arguments.add_argument("--only", action="append", choices=INPUTS, help="one input instead of all (repeatable)")
    arguments.add_argument("--seed", action="append", type=int, help="one seed instead of three (repeatable)")
    given = arguments.parse_args()
    found = energies(given.only or list(INPUTS), given.seed or list(SEEDS))
    text = json.dumps(found, indent=1) + "\n"
    if given.out:
        given.out.write_text(text)
    else:
        print(text, end="")
    if given.against:
        different = differences(found, json.loads(given.against.read_text()))
        print(*different, sep="\n", file=sys.stderr)
        if different:
            sys.exit(1)


if __name__ == "__main__":
    main()
