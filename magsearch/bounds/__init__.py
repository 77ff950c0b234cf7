"""How low can the energy be? Proven lower bounds, and the states that reach them.

    bound = lower_bound(hamiltonian)               # of the box, rigorous; Bound.gap(energy), Bound.reached(energy)
    crystal = lower_bound(hamiltonian, "crystal")  # of the infinite crystal
    spins, energy = lowest_state(hamiltonian, bound)

The theory is in docs/theory.md. form: the energy as a quadratic form for each wave vector · multipliers, waves,
staircase: the best multipliers of crystals and of clusters · proof, band, squares: why the bound holds · moments,
program, patches: a better one where waves of unit length on average are too good · state: the spins.
"""

from magsearch.bounds.bound import Bound, lower_bound, takes_seconds
from magsearch.bounds.ground_state import Wave, lowest_state, spiral

__all__ = ["Bound", "Wave", "lower_bound", "lowest_state", "spiral", "takes_seconds"]
