"""A ferromagnet in a cubic crystal field: Stevens operators of sixth order turn its easy axis.

About
    Rare-earth ions in a cubic field have two parameters, B4 (O_4^0 + 5 O_4^4) + B6 (O_6^0 - 21 O_6^4). The first makes
    either edges or diagonals of the cube easy. The second alone can make the diagonals of its faces easy.

Model
    Ferromagnetic exchange J = 1 meV on the simple cubic lattice and a crystal field with B4 = 0.1 meV on unit spins, in
    the classical limit. The bracket of B4 is 8 along <001>, -2 along <110> and -16/3 along <111>, that of B6 16, -26
    and 256/9: <110> is easy where B6 is above 0.0612 B4.

Run
    python examples/12_crystal_field.py [cells]

Result
    One line for each B6: B6 and the energy per site in meV, the sizes of the components of the magnetisation in order,
    and the distance from the rigorous lower bound, in meV per site.
"""

import sys

import numpy as np

import magsearch as ms

cells = int(sys.argv[1]) if len(sys.argv) > 1 else 6

lattice = ms.Lattice.named("cubic", (cells, cells, cells), 3.0)
shell = lattice.shells(1)[0]
bonds = ms.Bonds(shell.i, shell.j, shell.offset, ms.exchange_matrix(np.ones(len(shell.i))))

B4 = 0.1
for B6 in (0.0, 0.004, 0.01):
    field = ((4, 0, B4), (4, 4, 5 * B4), (6, 0, B6), (6, 4, -21 * B6))
    model = ms.Hamiltonian(lattice, bonds, anisotropy=tuple(ms.StevensOperator(k, q, B) for k, q, B in field if B))
    result = ms.search(model, replicas=16, generations=3, progress=False)
    x, y, z = sorted(np.abs(result.champion.spins.mean(axis=0)))
    energy = result.champion.energy_per_site
    print(f"B6 {B6:.3f}  energy {energy:.6f}  magnetisation {x:.4f} {y:.4f} {z:.4f}  above the bound {result.gap:.1e}")
