"""Symmetries of a model: space group, spin-space group, and whether two textures are copies of each other."""
