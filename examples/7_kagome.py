"""An antiferromagnet that cannot make up its mind.

About
    On the kagome lattice, neighbours that want to be antiparallel sit on triangles. The best that three spins can do
    is to add up to zero, in infinitely many ways: the elites are different states of one energy.

Model
    inputs/kagome-afm.toml: J = -1 meV per pair between neighbours. Every triangle of a ground state adds up to zero,
    which makes exactly -1 meV per site.

Run
    python examples/7_kagome.py [cells]

Result
    One line for each elite: energy per site, the largest sum of three spins on a triangle of neighbours, and the share
    of the largest Fourier mode: 1 for the state in which all cells are alike (q = 0).
"""

import sys
from pathlib import Path

import numpy as np

import magsearch as ms

cells = int(sys.argv[1]) if len(sys.argv) > 1 else 12

model = ms.read(Path(__file__).parent.parent / "inputs" / "kagome-afm.toml").with_size((cells, cells, 1))
lattice = model.lattice
result = ms.search(model, replicas=16, generations=3, progress=False)

shell = lattice.shells(1)[0]  # directed bonds; every site has four, two in each of its triangles
for place, elite in enumerate(result.elites):
    spins, largest = elite.spins.reshape(lattice.cells, lattice.atoms, 3), 0.0
    for atom in range(lattice.atoms):
        bonds = [(int(j), offset) for i, j, offset in zip(shell.i, shell.j, shell.offset, strict=True) if i == atom]
        away = {(j, tuple(offset)): spins[lattice.neighbours(offset), j] for j, offset in bonds}
        step = {key: lattice.basis[key[0]] - lattice.basis[atom] + np.array(key[1]) @ lattice.cell for key in away}
        for a in away:
            for b in away:
                if a[0] < b[0] and np.isclose(np.linalg.norm(step[a] - step[b]), shell.distance):
                    total = np.linalg.norm(spins[:, atom] + away[a] + away[b], axis=1)
                    largest = max(largest, float(total.max()))
    share = lattice.atoms * elite.fingerprint.weights[0]
    print(
        f"elite {place}  {elite.energy_per_site:.8f} meV per site  largest sum {largest:.0e}  largest mode {share:.2f}"
    )
