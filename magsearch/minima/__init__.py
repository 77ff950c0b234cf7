"""Minima of the energy: Hessian, softest modes, stability, degeneracy, and free energies.

Free energies are F = - kT ln Z with Z the integral of exp(-E / kT) over the surroundings of the minimum. The measure is
normalised, as in population annealing: the integral over all directions of one spin is 1, so that F is zero for free
spins.
"""
