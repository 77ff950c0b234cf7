"""Hysteresis loops: metastable states followed through a cycle of the field."""
