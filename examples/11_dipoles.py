"""A monolayer of dipoles, from stripes to a ferromagnet.

About
    The dipole-dipole interaction of moments on a square lattice makes a continuous family of states in the plane, of
    which stripes and vortices of four spins are members. Weak exchange between neighbours makes it a ferromagnet.

Model
    A periodic film (two periodic axes, open along z) with moments of 3 mu_B at 3 angstrom, dipoles summed by Ewald's
    method, and ferromagnetic exchange J. In units of g = mu_0 m^2 / (4 pi a^3) the energies per site are -2.5494 for
    stripes, whose exchange adds up to zero, and -2.2584 - 2 J / g for the ferromagnet: it wins from J = 0.1455 g on.

Run
    python examples/11_dipoles.py [cells]

Result
    One line for each J: J and the energy per site in units of g, the size of the magnetisation, and the distance from
    the rigorous lower bound, which is zero: both states are proven ground states.
"""

import sys

import numpy as np

import magsearch as ms
from magsearch.units import DIPOLE

cells = int(sys.argv[1]) if len(sys.argv) > 1 else 16

lattice, moment = ms.Lattice.named("square", (cells, cells, 1), 3.0), 3.0
g = DIPOLE * moment**2 / 3.0**3  # meV
shell = lattice.shells(1)[0]

for J in (0.0, 0.1, 0.2):
    bonds = ms.Bonds(shell.i, shell.j, shell.offset, ms.exchange_matrix(np.full(len(shell.i), J * g)))
    model = ms.Hamiltonian(lattice, bonds, moment, others=(ms.Dipole(),))
    result = ms.search(model, replicas=16, generations=3, progress=False)
    energy, size = result.champion.energy_per_site / g, np.linalg.norm(result.champion.spins.mean(axis=0))
    print(f"J {J:.1f}  energy {energy:.6f}  magnetisation {size:.4f}  above the bound {result.gap / g:.1e}")
