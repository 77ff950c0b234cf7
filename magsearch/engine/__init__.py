"""Energies and fields of a whole population on a CPU or a GPU."""
