"""Observables of a texture: topological charge, magnetisation, structure factor, energy density, and fingerprint.

Textures are [site, 3] or [replica, site, 3]; results have the replica as their first axis if the textures do. A spin
of length zero is a vacancy.
"""
