"""Scans of settings: searches at many points, their phases followed between them, and the transitions."""
