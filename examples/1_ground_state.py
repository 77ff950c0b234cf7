"""The ground state of a model written down in Python.

About
    A square lattice of spins with exchange J and a Dzyaloshinskii-Moriya interaction D along the bonds (Bloch type) in
    a field: spirals at zero field, a lattice of skyrmions above, a ferromagnet at high field.

Model
    J = 1 meV, D = 0.5 meV per pair: the spiral's period is about 2 pi J / D = 13 sites.

Run
    python examples/1_ground_state.py [cells]

Result
    One line for each field: energy per site, topological charge (-1 for each skyrmion), net magnetisation.
"""

import sys

import numpy as np

import magsearch as ms

cells = int(sys.argv[1]) if len(sys.argv) > 1 else 26

lattice = ms.Lattice.named("square", (cells, cells, 1))
shell = lattice.shells(1)[0]  # the four nearest neighbours of every site
r = shell.offset @ lattice.cell  # [bond, 3], along the bonds
J = ms.exchange_matrix(np.ones(len(r))) + ms.dmi_matrix(0.5 * r)

for field in (0.0, 2.5, 5.0):  # tesla
    hamiltonian = ms.Hamiltonian(lattice, ms.Bonds(shell.i, shell.j, shell.offset, J), moments=1.0, field=(0, 0, field))
    champion = ms.search(hamiltonian, replicas=32, progress=False).champion
    print(
        f"{field:4.1f} T  {champion.energy_per_site:.6f} meV per site  "
        f"charge {round(champion.charge):+d}  magnetisation {champion.magnetization[2]:+.3f}"
    )
