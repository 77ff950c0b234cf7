"""A stored run, read with h5py alone.

About
    run.h5 needs no code of magsearch: textures, positions and energies are plain datasets with units as attributes.

Model
    Whatever run the file holds; `make demo` writes out/demo.h5.

Run
    python examples/2_read_a_run.py out/demo.h5

Result
    The run in a few lines: how it ended, its elites, and the spin of the champion that points most against the mean.
"""

import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1]) as run:
    energy, charge = run["elites/energy_per_site"][()], run["elites/charge"][()]
    spins = run["elites/spins"][0]  # champion, [site, 3]
    positions = run["model/positions"][()]  # [site, 3]
    unit = run["model/positions"].attrs["unit"]
    print(f"{run.attrs['command']}: {run.attrs['stopped']}")

for k in range(len(energy)):
    print(f"elite {k}: {energy[k]:.8f} meV per site, charge {charge[k]:+.2f}")
against = int(np.argmin(spins @ spins.mean(axis=0)))
print(f"most reversed spin: {np.round(spins[against], 3)} at {np.round(positions[against], 2)} {unit}")
