"""Rigorous lower bounds of the ground-state energy, and states that attain them.

    bound = lower_bound(hamiltonian)               # of the finite box; Bound.gap(energy), Bound.reached(energy)
    crystal = lower_bound(hamiltonian, "crystal")  # of the infinite crystal
    spins, energy = lowest_state(hamiltonian, bound)

The method is the generalised Luttinger-Tisza method with a Lagrange multiplier for each sublattice (Lyons & Kaplan,
Phys. Rev. 120, 1580 (1960)); docs/theory.md derives it. The modules:

    bound                           the bound as a value
    luttinger_tisza                 how it is computed
    quadratic_form, periods         the energy as a quadratic form, one matrix M(q) for each wave vector
    tangents                        quadratic forms below biquadratic exchange
    multipliers                     optimal multipliers for given wave vectors
    domain                          the wave vectors of a box, of the infinite crystal, or of a cluster
    cluster_multipliers, banded     optimal multipliers and factorisation for large clusters
    positivity, sum_of_squares      rigorous proofs that S(q) = Lambda - M(q) is positive semidefinite
    moments, semidefinite, patches  tighter bounds from moments of fourth order on small patches
    molecule_moments, axial         such bounds of small clusters, from the moments of all spins
    orbits, moment_path             symmetry of these moments, and their least energy
    ground_state                    states built from the waves that attain the bound
"""
