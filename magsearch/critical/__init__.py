"""Transition temperatures: order parameter of a ground state, sampling in several boxes, reweighting, crossings."""
