"""Small .cfg files of Spirit."""

from __future__ import annotations

CHAIN = """\
# a chain of four
lattice_constant 3.0
n_basis_cells 4 1 1
boundary_conditions 1 0 0
mu_s 2.0
hamiltonian heisenberg_pairs
n_interaction_pairs 1
i j da db dc Jij Dijx Dijy Dijz
0 0 1  0  0  1.5 0    0    0.25
llg_n_iterations 100
llg_dt 1e-3
output_file_tag x
"""
SHELLS = """\
lattice_constant 2.0
n_basis_cells 6 6 1
boundary_conditions 1 1 0
mu_s 1
n_shells_exchange 2
jij 1.0 0.1
n_shells_dmi 1
dij 0.5
dm_chirality {chirality}
"""
