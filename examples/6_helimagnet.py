"""A helimagnet in three dimensions.

About
    Without inversion symmetry, a cubic ferromagnet winds into a helix: along a diagonal of the cube in the simplest
    model (as in MnSi, with a longer period). Its energy is known in closed form, and the search finds it from random
    spins.

Model
    Simple cubic, exchange J = 1 meV and a Dzyaloshinskii-Moriya vector of length D along every bond, with
    D = sqrt(3) J tan(2 pi / n), so that q = (1, 1, 1) / n. The largest eigenvalue of J(q) is
    sum cos q_k + D sqrt(sum sin^2 q_k), here at most 3 / cos(2 pi / n): the energy per site cannot be below minus that
    (Luttinger and Tisza), and the helix has it.

Run
    python examples/6_helimagnet.py [cells]

Result
    The energy per site and how far it is from the exact one, the wave vector of the helix, and the share of the
    structure factor in it (both signs of q together: 1).
"""

import sys

import numpy as np

import magsearch as ms

cells = int(sys.argv[1]) if len(sys.argv) > 1 else 10

D = np.sqrt(3) * np.tan(2 * np.pi / cells)
lattice = ms.Lattice.named("cubic", (cells, cells, cells), 4.6)
shell = lattice.shells(1)[0]
along = shell.offset @ lattice.cell / 4.6  # [bond, 3] unit vectors
J = ms.exchange_matrix(np.ones(len(along))) + ms.dmi_matrix(D * along)
hamiltonian = ms.Hamiltonian(lattice, ms.Bonds(shell.i, shell.j, shell.offset, J))

champion = ms.search(hamiltonian, replicas=16, generations=3, progress=False).champion
energy, exact = champion.energy_per_site, -3 / np.cos(2 * np.pi / cells)
S = ms.structure_factor(lattice, champion.spins)
peak = np.unravel_index(S.argmax(), S.shape)[::-1]
share = 2 * S.max() / S.sum()
print(f"{energy:.8f} meV per site, {energy - exact:.0e} above the exact helix")
print(f"q = ({', '.join(str(int(n)) for n in peak)}) / {cells} of the reciprocal vectors, share {share:.4f}")
