"""Observables of a texture: charge, magnetisation, structure factor, energy density, and the fingerprint made of them.

Textures are [site, 3] or [replica, site, 3]; every result has the replica as its first axis where the texture has one.
A spin of length zero is a vacancy.
"""
