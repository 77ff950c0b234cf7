"""Landscape between the minima of the energy: paths, saddle points, rates, and the disconnectivity graph."""
