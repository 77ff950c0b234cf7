"""The model: lattice, couplings, and the Hamiltonian that they make."""
