"""magsearch finds the magnetic ground state of a material from the couplings that density functional theory gives.

import magsearch as ms

hamiltonian = ms.read("inputs/pdfeir111/inpsd.dat")
islands = [ms.GeneticTunneling(replicas=64, seed=1)] * 4
search = ms.Archipelago(hamiltonian, ms.choose("auto"), islands, ms.Exchange(ms.Ring()), ranks=ms.launched())
for _ in search.run():
    print(search.generations)
print(search.champion.energy / hamiltonian.spins, ms.topological_charge(hamiltonian.lattice, search.champion.texture))
"""

from magsearch.archipelago import Archipelago
from magsearch.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.device import choose
from magsearch.equivalence import Equivalence
from magsearch.errors import InputError
from magsearch.evaluator import Evaluator
from magsearch.formats import read, read_spins
from magsearch.hamiltonian import CubicAnisotropy, Hamiltonian, UniaxialAnisotropy
from magsearch.heatbath import HeatBath
from magsearch.island import GeneticTunneling
from magsearch.lattice import Lattice
from magsearch.migration import Exchange, Leader
from magsearch.minimizers import LBFGS, BarzilaiBorwein, Fire, OverdampedLLG, StochasticLLG, VelocityProjection
from magsearch.observables import magnetization, structure_factor, topological_charge
from magsearch.ranks import launched
from magsearch.relaxation import Convergence, VarianceControl, relax
from magsearch.stopping import Checkpoints, Stop
from magsearch.topology import Complete, Isolated, RandomGraph, Ring, Torus

__all__ = [
    "LBFGS", "Archipelago", "BarzilaiBorwein", "Bonds", "Checkpoints", "Complete", "Convergence", "CubicAnisotropy",
    "Equivalence", "Evaluator", "Exchange", "Fire", "GeneticTunneling", "Hamiltonian", "HeatBath", "InputError",
    "Isolated", "Lattice", "Leader", "OverdampedLLG", "RandomGraph", "Ring", "StochasticLLG", "Stop", "Torus",
    "UniaxialAnisotropy", "VarianceControl", "VelocityProjection", "choose", "dmi_matrix", "exchange_matrix",
    "launched", "magnetization", "read", "read_spins", "relax", "structure_factor", "topological_charge",
]  # fmt: skip
