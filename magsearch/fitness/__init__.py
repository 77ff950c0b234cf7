"""What a minimum is worth at a temperature: its local free energy, by which a flat one gains.

Free energies are F = - kT ln Z with Z the integral of exp(-E / kT) over the surroundings of the minimum, in the measure
in which all directions of one spin count as 1 (as population annealing has it): two minima compare as they are, and F
has its zero where uniform spins have it.
"""

from magsearch.fitness.harmonic import Harmonic
from magsearch.fitness.local_entropy import LocalEntropy
from magsearch.fitness.worth import Fitness, Worth

__all__ = ["Fitness", "Harmonic", "LocalEntropy", "Worth"]
