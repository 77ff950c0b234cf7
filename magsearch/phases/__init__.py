"""Phases: what a texture or a thermal state is called, and where two phases cross."""
