"""Terms of the Hamiltonian: one object each, which every consumer iterates over."""
