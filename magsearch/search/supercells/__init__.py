"""Supercell search: which periodic supercell holds the ground state of the infinite crystal."""
