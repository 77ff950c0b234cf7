"""Supercells: which periodic box holds the ground state of the infinite crystal."""
