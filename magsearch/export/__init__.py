"""Textures as magnetic structures: cell, propagation vectors, magnetic space group, and files of other codes."""
