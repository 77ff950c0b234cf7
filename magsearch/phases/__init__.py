"""Phases: classification of textures and thermal states, and transitions between phases."""
