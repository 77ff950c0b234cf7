"""Minima of the energy: Hessian, softest modes, stability, degeneracy, and free energies.

Free energies are F = - kT ln Z with Z the integral of exp(-E / kT) over the surroundings of the minimum, in the measure
in which all directions of one spin count as 1, as in population annealing: F is zero for free spins.
"""
